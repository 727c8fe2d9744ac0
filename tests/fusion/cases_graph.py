"""Graph fusions under the contract: every layer, by content alone and with links of other kinds."""

from __future__ import annotations

from typing import Any

from tests.fusion.case import Case

SMALL: dict[str, Any] = {"width": 8, "hidden": 12, "neighbours": 3, "epochs": 1, "batch": 16, "rate": 1e-2}
CHANGES: dict[str, Any] = {
    "layer": "gcn",
    "hops": 1,
    "width": 6,
    "neighbours": 2,
    "link": "mutual",
    "shared": ["kind"],
    "network": "gated",
    "options": {"activation": "tanh"},
    "tower": "mlp",
    "dropout": 0.3,
    "hide": 0.1,
    "label_weight": 3.0,
    "epochs": 2,
    "batch": 12,
    "rate": 2e-2,
}

COMPLETE = {"neighbours": 10}  # where all are joined with all, equal products have equal degrees

CASES = [
    Case("graph", {"layer": "sage", **SMALL}, CHANGES),
    Case("graph", {"layer": "sage-max", **SMALL}, {"hops": 3}),
    Case("graph", {"layer": "sage", "network": "modality-graph", **SMALL}, {"options": {"rounds": 2}}),
    Case("graph", {"layer": "gcn", "tower": "mlp", **SMALL, **COMPLETE}, {"hidden": 10}),
    Case("graph", {"layer": "attention", "full_below": 0, "fan_out": 2, **SMALL}, {"fan_out": 1, "full_below": 100}),
]
