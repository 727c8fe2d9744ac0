"""Novelty against scipy and scikit-learn, and on products that are new by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, mahalanobis
from scipy.stats import percentileofscore
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from goodsense.errors import DataError, UsageError
from goodsense.evaluate.novelty import (
    NoveltyDetector,
    leave_one_category_out,
    percentiles,
    separation,
    shrunk_covariance,
)
from goodsense.types import Embeddings, normalise


def block(rows: NDArray[np.floating], present: NDArray[np.bool_] | None = None) -> Embeddings:
    return Embeddings.of_products([f"p{n}" for n in range(len(rows))], rows.astype(np.float32), present)


def usual(n: int = 200, *, seed: int = 0) -> NDArray[np.float64]:
    """Rows along a few directions, away from the origin."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(size=(3, 8))
    return rng.normal(size=(n, 3)) @ mix + 0.1 * rng.normal(size=(n, 8)) + 4


@pytest.mark.parametrize(("n", "d"), [(200, 8), (10, 30), (3, 4)])
def test_the_covariance_is_that_of_ledoit_and_wolf(n: int, d: int) -> None:
    rows = np.random.default_rng(1).normal(size=(n, d)) @ np.random.default_rng(2).normal(size=(d, d))
    np.testing.assert_allclose(shrunk_covariance(rows), LedoitWolf().fit(rows).covariance_, rtol=1e-8, atol=1e-10)


def test_the_distances_are_those_of_the_references() -> None:
    train, new = usual(), usual(20, seed=3) + 0.5
    found = NoveltyDetector(k=4).fit(block(train)).score(block(new))
    rows, asked = train.astype(np.float32).astype(float), new.astype(np.float32).astype(float)
    fitted = LedoitWolf().fit(rows)
    expected = [mahalanobis(row, fitted.location_, fitted.precision_) for row in asked]
    np.testing.assert_allclose(found.mahalanobis, expected, rtol=1e-5)
    apart = np.sort(cdist(normalise(new.astype(np.float32)), normalise(train.astype(np.float32))), axis=1)
    np.testing.assert_allclose(found.distance, apart[:, 3], atol=1e-4)


def test_percentiles_are_those_of_scipy() -> None:
    rng = np.random.default_rng(4)
    ordered, values = np.sort(rng.integers(0, 9, 40)).astype(float), rng.integers(-1, 11, 30).astype(float)
    expected = [percentileofscore(ordered, value, kind="mean") for value in values]
    np.testing.assert_allclose(percentiles(ordered, values), expected)


def test_products_of_the_same_kind_are_spread_over_all_percentiles() -> None:
    detector = NoveltyDetector().fit(block(usual(400)))
    found = detector.score(block(usual(400, seed=7))).percentile
    assert found.mean() == pytest.approx(50, abs=8)
    assert np.mean(found > 90) == pytest.approx(0.1, abs=0.06)


def test_products_off_the_usual_directions_are_new_though_they_are_near_the_centre() -> None:
    train = usual(300)
    rng = np.random.default_rng(8)
    new = train.mean(axis=0) + rng.normal(size=(40, 8))
    detector = NoveltyDetector().fit(block(train))
    found, same = detector.score(block(new)).percentile, detector.score(block(usual(100, seed=9))).percentile
    assert found.min() > 97
    assert separation(same, found) > 0.97


def test_products_between_clusters_are_new_to_their_neighbours_only() -> None:
    rng = np.random.default_rng(10)
    ends = np.where(rng.random((300, 1)) < 0.5, [[1.0, 0.0]], [[0.0, 1.0]])
    train = ends + 0.02 * rng.normal(size=(300, 2))
    middle = block(np.full((1, 2), 0.5))
    found = NoveltyDetector().fit(block(train)).score(middle)
    near_an_end = NoveltyDetector().fit(block(train)).score(block(np.array([[1.0, 0.0]])))
    assert found.mahalanobis[0] < near_an_end.mahalanobis[0]
    assert found.distance[0] > 20 * near_an_end.distance[0]
    assert found.percentile[0] > 95


def test_a_product_without_the_block_has_no_novelty_and_teaches_none() -> None:
    rows = usual(60)
    present = np.arange(60) % 3 > 0
    rows[~present] = 0
    detector = NoveltyDetector().fit(block(rows, present))
    found = detector.score(block(rows, present))
    for values in (found.mahalanobis, found.distance, found.percentile):
        np.testing.assert_array_equal(np.isnan(values), ~present)
    alone = NoveltyDetector().fit(block(rows[present]))
    np.testing.assert_array_equal(alone.score(block(rows[present])).percentile, found.percentile[present])


def test_identical_products_are_usual_and_any_other_is_new() -> None:
    same = np.ones((30, 5))
    detector = NoveltyDetector().fit(block(same))
    other = detector.score(block(np.array([[1.0, 1, 1, 1, 1], [1, 1, 1, 1, -1]])))
    assert np.isfinite(other.mahalanobis).all()
    assert other.percentile.tolist() == [50.0, 100.0]


def test_it_comes_back_from_disk_and_the_seed_decides(tmp_path: Path) -> None:
    train, asked = block(usual(50)), block(usual(9, seed=1))
    detector = NoveltyDetector(k=3).fit(train)
    detector.save(tmp_path)
    loaded = NoveltyDetector.load(tmp_path)
    assert loaded.fingerprint == detector.fingerprint == NoveltyDetector(k=3).fit(train).fingerprint
    np.testing.assert_array_equal(loaded.score(asked).percentile, detector.score(asked).percentile)
    assert NoveltyDetector(k=3).fit(train, seed=1).fingerprint != detector.fingerprint
    with pytest.raises(DataError):
        NoveltyDetector.load(tmp_path / "nowhere")


def test_one_category_out_at_a_time() -> None:
    categories = ["b", "a", None, "b", "", "c", "a", "b"]
    splits = list(leave_one_category_out(categories))
    assert [split.name for split in splits] == ["a", "b", "c"]
    for split in splits:
        assert [categories[row] for row in split.test] == [split.name] * len(split.test)
        assert {categories[row] for row in split.train} == {"a", "b", "c"} - {split.name}
        assert sorted([*split.train, *split.test]) == [0, 1, 3, 5, 6, 7]
    assert [split.name for split in leave_one_category_out(categories, least=2)] == ["a", "b"]
    with pytest.raises(UsageError, match="1 categories among 3 products"):
        list(leave_one_category_out(["a", "a", None]))


def test_separation_is_the_area_under_the_curve() -> None:
    rng = np.random.default_rng(11)
    low, high = rng.integers(0, 8, 50).astype(float), rng.integers(3, 11, 30).astype(float)
    expected = roc_auc_score([0] * 50 + [1] * 30, np.concatenate([low, high]))
    assert separation(low, high) == pytest.approx(expected)
    with pytest.raises(UsageError, match="0 new scores"):
        separation(low, np.array([]))


def test_what_cannot_be_learned_or_scored_is_refused() -> None:
    with pytest.raises(UsageError, match="from 2 products"):
        NoveltyDetector().fit(block(usual(2)))
    with pytest.raises(UsageError, match="before it was fitted"):
        NoveltyDetector().score(block(usual(2)))
    with pytest.raises(UsageError, match="5 columns; novelty was fitted on 8"):
        NoveltyDetector().fit(block(usual(9))).score(block(np.ones((2, 5))))
    with pytest.raises(UsageError, match="0-th neighbour"):
        NoveltyDetector(k=0)
