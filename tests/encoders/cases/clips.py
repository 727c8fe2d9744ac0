"""The encoders of clips: ``frames``, ``motion``, ``conv3d``."""

from __future__ import annotations

from tests.encoders import clip_samples
from tests.encoders.case import Case

_shown, _shown_labels = clip_samples.showing(1)

CASES = [
    Case(
        "video",
        "frames",
        _shown,
        clip_samples.nothing(),
        {
            "image": "fisher",
            "image_options": {"dim": 40},
            "frames": 1,
            "pool": "max",
            "dim": 24,
            "discriminant": False,
            "clusters": 3,
            "local_dim": 12,
            "grid": 2,
        },
        options={"dim": 32, "frames": 2},
        labels=_shown_labels,
        tolerance=5e-6,
    ),
]
