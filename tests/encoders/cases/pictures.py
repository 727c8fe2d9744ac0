"""The picture encoders that pool patches, that train a network, and that join others."""

from __future__ import annotations

from tests.encoders import samples
from tests.encoders.case import Case

PICTURES = samples.pictures()
LABELS = [
    {"kind": kind, "colour": colour, "id": f"{kind} {colour}"}
    for kind in samples.KINDS
    for colour in samples.COLOURS
    for _ in range(3)
]
TINY = {"side": 32, "width": 4, "epochs": 2}

CASES = [
    Case(
        "image",
        "fisher",
        PICTURES,
        None,
        {
            "dim": 24,
            "components": 5,
            "pool": "vlad",
            "patches": "orb",
            "side": 40,
            "weights": {"colours": 0.4},
        },
        {"dim": 32, "components": 4, "side": 48},
    ),
    Case(
        "image",
        "cnn",
        PICTURES,
        None,
        {"side": 40, "width": 5, "epochs": 3, "augment": "mild", "fields": ["kind"]},
        TINY,
        LABELS,
    ),
    Case(
        "image",
        "descriptors+fisher",
        PICTURES,
        None,
        {"descriptors": {"dim": 32}, "fisher": {"dim": 12, "side": 32}, "weights": {"fisher": 2.0}},
        {"descriptors": {"dim": 24}, "fisher": {"dim": 16, "components": 2, "side": 32}},
    ),
]
