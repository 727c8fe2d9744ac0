"""Mined negatives stand in the batch of their product, and none of them is the same product."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.fusion import teaching
from goodsense.fusion.hard_batches import mined, side_by_side
from goodsense.fusion.trained import TrainedFusion
from goodsense.learning.lesson import Lesson
from goodsense.types import Embeddings

COUNT, KINDS = 120, 12


def crowds() -> tuple[list[np.ndarray], np.ndarray]:
    """Two blocks of products around twelve middles; every fourth product is of the group of the one before."""
    rng = np.random.default_rng(0)
    kinds = np.arange(COUNT) // 10
    rows = [rng.normal(size=(KINDS, dim))[kinds] + 0.1 * rng.normal(size=(COUNT, dim)) for dim in (6, 9)]
    unit = [(own / np.linalg.norm(own, axis=1, keepdims=True)).astype(np.float32) for own in rows]
    groups = np.arange(COUNT)
    groups[3::4] = groups[2::4]
    return unit, groups


def brute(rows: list[np.ndarray], groups: np.ndarray, chosen: np.ndarray, row: int, count: int) -> list[int]:
    scores = sum(own @ own[row] for own in rows)
    others = [other for other in chosen.tolist() if groups[other] != groups[row]]
    return sorted(others, key=lambda other: -scores[other])[:count]


def test_negatives_are_the_most_alike_of_other_groups() -> None:
    rows, groups = crowds()
    chosen = np.flatnonzero(np.arange(COUNT) % 5 != 0)
    found = mined(rows, groups, chosen, seed=0, count=4, quantile=1.0)
    assert (found[::5] == -1).all()
    for row in chosen.tolist():
        assert found[row].tolist() == brute(rows, groups, chosen, row, 4)


def test_those_that_are_too_alike_are_left_out() -> None:
    rows, groups = crowds()
    every = np.arange(COUNT)
    found = mined(rows, groups, every, seed=0, count=3, quantile=0.98)  # of 118 or 119 others two
    for row in range(0, COUNT, 7):
        assert found[row].tolist() == brute(rows, groups, every, row, 5)[2:]


def test_very_many_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, groups = crowds()
    monkeypatch.setattr("goodsense.fusion.hard_batches.AT_ONCE", 50)
    found = mined(rows, groups, np.arange(COUNT), seed=1, count=2, quantile=1.0)
    assert (found >= 0).all()
    assert (groups[found] != groups[:, None]).all()
    partners = [set(found[row].tolist()) for row in range(COUNT)]
    assert len(set().union(*partners)) > COUNT / 3
    again = mined(rows, groups, np.arange(COUNT), seed=1, count=2, quantile=1.0)
    np.testing.assert_array_equal(again, found)


def test_products_of_one_group_have_no_negatives() -> None:
    rows, _ = crowds()
    assert (mined(rows, np.zeros(COUNT, dtype=np.int64), np.arange(COUNT), seed=0) == -1).all()


def test_every_product_comes_once_and_beside_a_negative() -> None:
    rows, groups = crowds()
    negatives = mined(rows, groups, np.arange(COUNT), seed=0, count=4, quantile=1.0)
    order = np.random.default_rng(3).permutation(COUNT)
    found = side_by_side(order, negatives, np.random.default_rng(4))
    assert sorted(found.tolist()) == list(range(COUNT))
    assert found[0] == order[0]
    assert found[1] in negatives[order[0]]

    def met(rows: np.ndarray) -> float:
        """The share of products that have one of their negatives in their batch of ten."""
        batches = rows.reshape(-1, 10)
        return float(np.mean([bool(set(negatives[one]) & set(batch.tolist())) for batch in batches for one in batch]))

    assert met(found) > 0.7
    assert met(order) < 0.5


def test_without_negatives_the_order_stays() -> None:
    order = np.array([4, 1, 3])
    none = np.full((5, 2), -1)
    assert side_by_side(order, none, np.random.default_rng(0)).tolist() == [4, 1, 3]
    only_others = np.full((5, 2), 2)  # which is not in the order
    assert side_by_side(order, only_others, np.random.default_rng(0)).tolist() == [4, 1, 3]


def test_a_fusion_learns_from_batches_of_hard_negatives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch holds each chosen product once an epoch, and mostly one of its negatives beside it."""
    rows, groups = crowds()
    seen: list[np.ndarray] = []
    plain = teaching.Examples._batch

    def kept(self: teaching.Examples, rows: np.ndarray, *rest: Any) -> teaching.Batch:
        seen.append(rows)
        return plain(self, rows, *rest)

    monkeypatch.setattr(teaching.Examples, "_batch", kept)
    ids = [str(row) for row in range(COUNT)]
    blocks = {name: Embeddings.of_products(ids, own) for name, own in zip(("text", "image"), rows, strict=True)}
    settings: dict[str, Any] = {"width": 8, "tower": "linear", "epochs": 1, "batch": 10}

    def beside(**options: Any) -> float:
        """Mean rows that are as near as the nearest three of another group, per batch and product."""
        seen.clear()
        fusion = TrainedFusion(**settings, **options).fit(blocks, lesson=Lesson(groups, {}), seed=0)
        assert fusion.history is not None
        chosen = np.concatenate(seen)
        assert len(np.unique(chosen)) == len(chosen) > 90
        negatives = mined(rows, groups, np.sort(chosen), seed=0, count=3)
        return float(np.mean([len(set(negatives[one]) & set(batch)) for batch in seen for one in batch]))

    assert beside(hard_negatives=3) > 2 * beside()
