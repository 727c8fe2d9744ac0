"""The encoders of clips: ``frames``, ``motion``, ``conv3d``."""

from __future__ import annotations

from tests.encoders import clip_samples
from tests.encoders.case import Case

_shown, _shown_labels = clip_samples.showing(1)
_moving, _moving_labels = clip_samples.moving(1)

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
            "select": "key",
            "pool": "max",
            "dim": 24,
            "discriminant": "steady",
            "clusters": 3,
            "local_dim": 12,
            "grid": 2,
            "trained": True,
        },
        options={"dim": 32, "frames": 2},
        labels=_shown_labels,
        tolerance=5e-6,
    ),
    Case(
        "video",
        "motion",
        _moving,
        clip_samples.nothing(),
        {"dim": 24, "source": "blocks", "frames": 8, "weights": {"flow": 0.3}},
        options={"dim": 32},
    ),
    Case(
        "video",
        "conv3d",
        _moving,
        clip_samples.nothing(),
        {"kind": "3d", "frames": 5, "side": 20, "width": 8, "epochs": 2, "fields": ["move"]},
        options={"frames": 4, "side": 16, "width": 4, "epochs": 1},
        labels=_moving_labels,
        tolerance=1e-5,
    ),
]
