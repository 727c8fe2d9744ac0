"""The encoders of sounds: ``spectral``, ``logmel-cnn``."""

from __future__ import annotations

from tests.encoders import sound_samples
from tests.encoders.case import Case
from tests.media import sounds

_SOUNDS, _LABELS = sound_samples.collection()

CASES = [
    Case(
        "audio",
        "spectral",
        _SOUNDS,
        sounds.silence(0.5),
        {"dim": 48, "weights": {"rhythm": 0.3}, "rate": 8_000, "reference": 415.0, "max_seconds": 30.0},
        options={"dim": 64},
        tolerance=5e-6,
    ),
    Case(
        "audio",
        "logmel-cnn",
        _SOUNDS,
        sounds.silence(0.5),
        {
            "rate": 8_000,
            "seconds": 0.4,
            "bands": 24,
            "frames": 24,
            "depth": 60.0,
            "width": 6,
            "epochs": 2,
            "augment": "voices",
            "fields": ["kind"],
            "max_seconds": 30.0,
        },
        options={"seconds": 0.5, "bands": 16, "frames": 16, "width": 4, "epochs": 1},
        labels=_LABELS,
        tolerance=1e-5,
    ),
]
