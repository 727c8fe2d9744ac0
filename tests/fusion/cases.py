"""The fusions under the contract, one a line; those of networks and graphs stand in modules of their own."""

from __future__ import annotations

import importlib
import importlib.util

from tests.fusion.case import Case

W = {"attributes": 0.5, "image": 1.0, "text": 2.0}
NARROW = {"dim": 6, "widths": "orthogonal"}
KERNEL_CCA = {"ridge": 1.0, "power": 0.5, "dim": 3, "components": 4, "gamma": 1.0, "landmarks": 10}
MEMBERS = [["kernel-ridge", {"anchor": "text"}], ["mean", {}]]

CLOSED = [
    Case("additive", {"weights": W}, {"weights": {**W, "text": 1.0}}),
    Case("mean", {}, NARROW),
    Case("mean", {"widths": "orthogonal", "dim": 20}, {"widths": "pca", "dim": 19}),
    Case("max", {}, NARROW),
    Case("weighted", {"weights": W}, {"weights": {**W, "text": 1.0}, **NARROW}),
    Case("concat", {}, {"dim": 5}),
    Case("concat", {"dim": 7}, {"dim": 6}),
    Case("learned", {}, {"target": "kind", "ridge": 0.1, "loss": "regression"}, ("one", "alike")),
    Case("learned", {"loss": "regression", "target": "groups"}, {"ridge": 0.1, "target": "pairs"}, ("one", "alike")),
    Case("activated", {"activation": "relu"}, NARROW),
    Case("activated", {"activation": "sigmoid"}, {"activation": "tanh"}),
    Case("activated", {"activation": "tanh"}, {"activation": "sigmoid", "gain": 2.0}),
    Case("product", {}, {"gain": 2.0, "activation": "relu", "plain": True, **NARROW}),
    Case("product", {"activation": "sigmoid"}, {"activation": "tanh"}),
    Case("product", {"activation": "tanh", "plain": True}, {"plain": False}),
    Case("cca", {}, {"ridge": 1.0, "power": 0.5, "dim": 3, "components": 4}),
    Case("ridge", {}, {"ridge": 1.0, "dim": 3, "anchor": "image"}),
    Case("kernel-ridge", {}, {"ridge": 1.0, "gamma": 1.0, "dim": 3, "anchor": "image"}),
    Case("kernel-ridge", {"foretold": True}, {"foretold": False}),
    Case("kernel-ridge", {"anchor": "labels"}, {"ridge": 1.0, "gamma": 1.0, "anchor": "text"}, ("one",)),
    Case(
        "label-product",
        {"dim": 64},
        {"temperature": 0.5, "gamma": 1.0, "ridge": 1.0, "dim": 65, "sure": True},
        ("one",),
    ),
    Case("label-product", {"dim": 65, "sure": True}, {"temperature": 0.5, "sure": False}, ("one",)),
    Case("kernel-cca", {}, KERNEL_CCA, ("one", "alike")),
    Case("ensemble", {"members": MEMBERS}, {"members": MEMBERS[:1], "weights": [1.0, 3.0], "dim": 6}),
    Case("ensemble", {"members": MEMBERS, "dim": 9}, {"dim": 8, "weights": [1.0, 3.0]}),
    Case("csls", {"fusion": "mean"}, {"neighbours": 3, "strength": 1.0, "rows": 20}),
    Case("csls", {"fusion": "ensemble", "options": {"members": MEMBERS}}, {"options": {"members": MEMBERS[:1]}}),
    Case("hybrid", {}, {"share": 0.2, "early": "mean", "early_options": {"dim": 3}}),
    Case("hybrid", {"early": "product"}, {"early": "ridge"}),
]


def _of(module: str) -> list[Case]:
    """The cases of a module, if it is there."""
    place = f"{__package__}.{module}"
    return list(importlib.import_module(place).CASES) if importlib.util.find_spec(place) else []


CASES = [*CLOSED, *_of("cases_networks"), *_of("cases_graph")]
