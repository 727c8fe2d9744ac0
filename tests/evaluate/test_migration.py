"""Maps between spaces whose relation is known, and rankings compared by definition."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group
from sklearn.linear_model import Ridge

from goodsense.errors import DataError, UsageError
from goodsense.evaluate import compare, evaluate_run
from goodsense.evaluate.migration import fit_map, neighbours_kept
from goodsense.evaluate.shadow import rank_biased_overlap, shadow
from goodsense.types import Embeddings, normalise


def block(rows: NDArray[np.floating], present: NDArray[np.bool_] | None = None) -> Embeddings:
    return Embeddings.of_products([f"p{n}" for n in range(len(rows))], rows.astype(np.float32), present)


def rows_of(n: int, d: int, *, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


# ---- maps


def test_a_rotated_space_is_found_again() -> None:
    old = normalise(rows_of(150, 6))
    new = old @ ortho_group.rvs(6, random_state=1)
    found = fit_map(block(old), block(new))
    assert found.quality.method == "procrustes"
    assert found.unit
    assert found.quality.cosine.mean == pytest.approx(1, abs=1e-5)
    assert found.quality.overlap.mean == pytest.approx(1, abs=0.01)
    assert found.quality.kept == pytest.approx(1, abs=0.02)
    assert found.quality.good_enough
    np.testing.assert_allclose(found.carry(block(old)).vectors, new, atol=1e-4)


def test_a_sheared_space_takes_ridge() -> None:
    old = rows_of(300, 6)
    shear = np.diag([9.0, 3, 1, 0.5, 0.2, 0.1]) @ rows_of(6, 5, seed=2)
    new = old @ shear + np.arange(5)
    found = fit_map(block(old), block(new))
    assert found.quality.method == "ridge"
    assert not found.unit
    assert found.quality.cosine.mean > 0.999
    np.testing.assert_allclose(found.carry(block(old)).vectors, new, atol=0.05)
    assert dict(found.quality.tried)["procrustes"] < found.quality.overlap.mean


def test_the_maps_are_those_of_the_references() -> None:
    """Ridge as scikit-learn fits it, the rotation as scipy finds it, both on all rows."""
    old, new = rows_of(90, 5).astype(float), rows_of(90, 5, seed=1).astype(float)
    centred = old - old.mean(axis=0)
    sheared = old @ np.diag([9.0, 3, 1, 0.3, 0.1]) + 0.1 * new
    ridge = fit_map(block(old), block(sheared), strengths=(0.05,))
    assert (ridge.quality.method, ridge.quality.strength) == ("ridge", 0.05)
    expected = Ridge(alpha=0.05 * (centred**2).sum() / 5).fit(old, sheared)
    np.testing.assert_allclose(ridge.carry(block(old)).vectors, expected.predict(old), atol=1e-4)
    turned = fit_map(block(old), block(new), strengths=())
    assert turned.quality.method == "procrustes"
    rotation, total = orthogonal_procrustes(centred, new - new.mean(axis=0))
    scale = total / (centred**2).sum()
    np.testing.assert_allclose(turned.matrix, scale * rotation, atol=1e-5)
    np.testing.assert_allclose(turned.offset, new.mean(axis=0) - old.mean(axis=0) @ turned.matrix, atol=1e-5)


@pytest.mark.parametrize(("before", "after"), [(8, 5), (5, 8)])
def test_spaces_of_different_lengths(before: int, after: int) -> None:
    rotation = ortho_group.rvs(8, random_state=3)
    old = rows_of(200, before)
    new = old @ rotation[:before, :after]
    found = fit_map(block(old), block(new), strengths=())
    assert found.matrix.shape == (before, after)
    values = np.linalg.svd(found.matrix, compute_uv=False)
    np.testing.assert_allclose(values, values[0])  # a rotation and one scale
    spread = ((old - old.mean(0)) @ found.matrix - (new - new.mean(0))) ** 2
    for factor in (0.98, 1.02):  # no other scale is better
        assert (((old - old.mean(0)) @ (factor * found.matrix) - (new - new.mean(0))) ** 2).sum() > spread.sum()


def test_unrelated_spaces_keep_no_more_than_chance() -> None:
    found = fit_map(block(rows_of(400, 6)), block(rows_of(400, 6, seed=9)))
    quality = found.quality
    assert quality.overlap_by_chance == pytest.approx(10 / 79)
    assert abs(quality.kept) < 0.06
    assert not quality.good_enough
    assert abs(quality.cosine.mean - quality.cosine_by_chance) < 0.15


def test_the_quality_is_that_of_rows_that_were_not_fitted() -> None:
    """More columns than rows: every map fits its rows exactly, and is worth nothing elsewhere."""
    found = fit_map(block(rows_of(60, 200)), block(rows_of(60, 200, seed=1)), k=3)
    fitted = found.carry(block(rows_of(60, 200))).vectors
    own = (normalise(fitted) * normalise(rows_of(60, 200, seed=1))).sum(axis=1).mean()
    assert own > 0.5
    assert found.quality.cosine.mean < 0.3
    assert found.quality.rows == 12


def test_neighbours_are_counted_as_by_a_loop() -> None:
    mapped, new = rows_of(25, 3), rows_of(25, 3) + 0.5 * rows_of(25, 3, seed=1)
    expected = []
    unit, aim = normalise(mapped), normalise(new)
    for row in range(25):
        others = [other for other in range(25) if other != row]
        mine = sorted(others, key=lambda other: -unit[row] @ aim[other])[:4]
        wanted = sorted(others, key=lambda other: -aim[row] @ aim[other])[:4]
        expected.append(len(set(mine) & set(wanted)) / 4)
    np.testing.assert_allclose(neighbours_kept(mapped, new, k=4), expected)
    assert 0.2 < np.mean(expected) < 1


def test_products_are_matched_by_id_and_missing_ones_left_out() -> None:
    old = normalise(rows_of(80, 4))
    new = (old @ ortho_group.rvs(4, random_state=5)).astype(np.float32)
    order = np.random.default_rng(6).permutation(80)
    present = np.arange(80) % 5 > 0
    spoilt = np.where(present[:, None], new, 0).astype(np.float32)
    found = fit_map(block(old), block(spoilt, present).take(order))
    assert found.quality.cosine.mean == pytest.approx(1, abs=1e-5)
    carried = found.carry(block(np.where(present[:, None], old, 0), present))
    np.testing.assert_allclose(carried.vectors, spoilt, atol=1e-4)
    np.testing.assert_array_equal(carried.present, present)


def test_identical_products_are_carried_to_where_they_are() -> None:
    found = fit_map(block(np.ones((40, 3))), block(np.full((40, 2), 2.0)))
    np.testing.assert_allclose(found.carry(block(np.ones((2, 3)))).vectors, 2)
    assert (found.quality.cosine.mean, found.quality.overlap.mean) == pytest.approx((1, 1))
    assert found.quality.cosine_by_chance == pytest.approx(1)


def test_a_map_comes_back_from_disk_the_same_every_time(tmp_path: Path) -> None:
    old, new = block(rows_of(50, 4)), block(rows_of(50, 3, seed=1))
    found = fit_map(old, new, seed=2)
    found.save(tmp_path / "a")
    fit_map(old, new, seed=2).save(tmp_path / "b")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    loaded = type(found).load(tmp_path / "a")
    assert loaded.quality == found.quality
    np.testing.assert_array_equal(loaded.carry(old).vectors, found.carry(old).vectors)
    assert json.loads(json.dumps(found.quality.to_json()))["kept"] == found.quality.kept


def test_maps_that_cannot_be_fitted_are_refused() -> None:
    some = block(rows_of(29, 3))
    with pytest.raises(UsageError, match="29 products have both"):
        fit_map(some, some)
    with pytest.raises(UsageError, match="above 0"):
        fit_map(block(rows_of(50, 3)), block(rows_of(50, 3)), k=0)
    found = fit_map(block(rows_of(50, 3)), block(rows_of(50, 4)))
    with pytest.raises(UsageError, match="4 columns; the map carries those of 3"):
        found.carry(block(rows_of(5, 4)))


# ---- rankings beside each other


def by_definition(left: str, right: str, p: float) -> float:
    """The sum over 4,000 depths: the short one goes on sharing as it did, then agreement stays as it is."""
    short, long = sorted((left, right), key=len)
    share = len(set(short) & set(long[: len(short)])) / len(short)
    agreements = []
    for depth in range(1, 4000):
        if depth <= len(long):
            both = len(set(short[:depth]) & set(long[:depth])) + share * max(0, depth - len(short))
            agreements.append(both / depth)
        else:
            agreements.append(agreements[-1])
    return float((1 - p) * sum(p**depth * agreement for depth, agreement in enumerate(agreements)))


@pytest.mark.parametrize("p", [0.5, 0.9, 0.98])
def test_rank_biased_overlap_is_the_sum_it_stands_for(p: float) -> None:
    for left, right in (("abcde", "abcde"), ("abcde", "edcba"), ("abc", "xbycazd"), ("dfgab", "d"), ("ab", "xyzab")):
        assert rank_biased_overlap(left, right, persistence=p) == pytest.approx(by_definition(left, right, p), abs=1e-9)
        assert rank_biased_overlap(right, left, persistence=p) == rank_biased_overlap(left, right, persistence=p)


def test_rank_biased_overlap_of_the_same_of_others_and_of_nothing() -> None:
    assert rank_biased_overlap("abcd", "abcd") == pytest.approx(1)
    assert rank_biased_overlap("abcd", "wxyz") == 0
    assert rank_biased_overlap("", "") == 1
    assert rank_biased_overlap("", "a") == 0
    early, late = rank_biased_overlap("abcd", "bacd"), rank_biased_overlap("abcd", "abdc")
    assert early < late < 1  # a change near the top counts more
    values = [rank_biased_overlap("abcd", "".join(order)) for order in permutations("abcd")]
    assert max(values) == pytest.approx(1)
    assert min(values) >= 0
    with pytest.raises(UsageError, match="persistence of 1"):
        rank_biased_overlap("a", "a", persistence=1.0)
    with pytest.raises(DataError, match="twice"):
        rank_biased_overlap("aa", "ab")


def ranked(items: str) -> list[tuple[str, float]]:
    return [(item, 1.0 / at) for at, item in enumerate(items, 1)]


def test_two_systems_beside_each_other() -> None:
    old = {"same": ranked("abcd"), "turned": ranked("abcd"), "gone": ranked("abcd"), "empty": []}
    new = {"same": ranked("abcd")[::-1], "turned": ranked("abdc"), "gone": [], "fresh": ranked("xy")}
    found = shadow(old, new, k=3, samples=200)
    assert found.queries == 5
    assert found.overlap.mean == pytest.approx((1 + 2 / 3 + 0 + 1 + 0) / 5)
    assert found.agreement.mean == pytest.approx((1 + rank_biased_overlap("abcd", "abdc") + 0 + 1 + 0) / 5)
    assert (found.same_first, found.unchanged) == pytest.approx((3 / 5, 2 / 5))
    assert [query for query, _ in found.most_changed] == ["gone", "fresh", "turned"]
    assert found.judged == ()
    assert json.loads(json.dumps(found.to_json()))["overlap"]["mean"] == found.overlap.mean


def test_judged_queries_say_which_is_better() -> None:
    qrels = {f"q{n}": {"a": 1} for n in range(20)}
    old, new = {query: ranked("ba") for query in qrels}, {query: ranked("ab") for query in qrels}
    found = shadow(old, new, qrels=qrels, metrics=("mrr@5", "recall@10"), samples=200)
    reports = [evaluate_run(run, qrels, ks=(5, 10)) for run in (old, new)]
    assert found.judged[0] == compare(*reports, metric="mrr@5", samples=200)
    assert (found.judged[0].difference, found.judged[1].difference) == (0.5, 0.0)
    with pytest.raises(UsageError, match="no metric 'auc'"):
        shadow(old, new, qrels=qrels, metrics=("auc",), samples=200)
    with pytest.raises(UsageError, match="0 queries"):
        shadow({}, {})
