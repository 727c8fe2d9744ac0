"""Trained fusions under the contract: every network. Objectives and towers are told apart in ``test_trained``."""

from __future__ import annotations

from typing import Any

from goodsense.fusion.trained import NETWORKS
from tests.fusion.case import Case

SMALL: dict[str, Any] = {"width": 8, "hidden": 12, "epochs": 2, "batch": 40, "rate": 1e-2}
CHANGES: dict[str, Any] = {
    "network": "middle",
    "width": 6,
    "tower": "linear",
    "hidden": 10,
    "dropout": 0.3,
    "whiten": 0.5,
    "objective": "siglip",
    "coldest": 0.5,
    "nested": [4],
    "epochs": 1,
    "batch": 20,
    "rate": 2e-2,
    "decay": 5.0,
    "hard_negatives": 3,
    "label_weight": 3.0,
    "pair_weight": 3.0,
    "options": {"activation": "tanh"},
}


CASES = [
    Case(
        "trained",
        {"network": network, **SMALL},
        CHANGES if network == "mean" else {},
        ("one",),
        rare=network not in ("mean", "gated", "transformer"),
    )
    for network in NETWORKS
]
