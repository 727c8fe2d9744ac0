"""One per cent of made-up profiles do not push an item to twice as many lists, with the default caps."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.shilling import Shop, profiles, times
from goodsense.events.filters import filtered


@cache
def shop() -> Shop:
    """Pushed are two items that some lists show anyway."""
    made = Shop.generated(1_500, 600, 12_000)
    return replace(made, pushed=made.pushed[2:4])


@pytest.mark.parametrize("model", ["popular", "item-knn", "graph-filter"])
def test_exposure_at_most_doubles(model: str) -> None:
    before = shop().exposure(model, filtered(shop().log).interactions)
    after = shop().attacked(model, "bandwagon", 30.0)
    average = shop().average
    assert times(before, after["caps"], average) <= 2.0
    if model != "popular":
        assert before.sum() > 0
        assert times(before, after["bare"], average) > times(before, after["caps"], average) + 0.3  # caps are needed


def test_profiles_are_what_they_are_said_to_be() -> None:
    log, pushed = shop().log, shop().pushed[0]
    made = profiles(log, pushed, "bandwagon", 30.0)
    assert len(made.users) == 15
    assert np.bincount(made.pairs.item_rows)[pushed] == 15
    taken = np.bincount(log.pairs.item_rows, minlength=len(log.items))
    head = set(np.argsort(-taken, kind="stable")[:20].tolist())
    assert np.isin(made.item_rows, list(head)).mean() > 0.2
    assert made.times.max() - made.times.min() <= 30 * 86_400 + 3_600
    assert times(np.array([0, 0]), np.array([0, 0]), 9.0) == 1
    assert times(np.array([0, 2]), np.array([8, 10]), 9.0) == 2
    assert times(np.array([10, 2]), np.array([8, 10]), 9.0) == 1.5
