"""Mining against plain loops over all pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.negatives import Known, Negatives, hard_negatives, random_negatives


def vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)


def known(count: int, seed: int = 0) -> Known:
    rng = np.random.default_rng(seed)
    return Known(rng.integers(0, 20, count), rng.integers(-1, 8, count), rng.integers(-1, 3, count))


def may_be(one: Known, i: int, two: Known, j: int, across: str) -> bool:
    assert one.codes is not None
    assert two.codes is not None
    assert one.categories is not None
    assert two.categories is not None
    if one.groups[i] == two.groups[j] or (one.codes[i] >= 0 and one.codes[i] == two.codes[j]):
        return False
    if across == "any":
        return True
    if one.categories[i] < 0 or two.categories[j] < 0:
        return False
    return bool((one.categories[i] == two.categories[j]) == (across == "same"))


def naive(
    a: NDArray[Any], b: NDArray[Any], one: Known, two: Known, count: int, quantile: float, across: str
) -> list[list[int]]:
    a, b = a.astype(np.float64), b.astype(np.float64)
    found = []
    for i in range(len(a)):
        fitting = [j for j in range(len(b)) if may_be(one, i, two, j, across)]
        alike = {j: a[i] @ b[j] / np.linalg.norm(a[i]) / np.linalg.norm(b[j]) for j in fitting}
        order = sorted(fitting, key=lambda j: -alike[j])
        skipped = int((1 - quantile) * len(order) + 1e-9)
        found.append(order[skipped : skipped + count])
    return found


def listed(found: Negatives) -> list[list[int]]:
    return [row[row >= 0].tolist() for row in found.rows]


@pytest.mark.parametrize("across", ["any", "same", "other"])
@pytest.mark.parametrize("quantile", [1.0, 0.9, 0.35])
def test_hard_negatives_are_those_of_plain_loops(across: Any, quantile: float) -> None:
    a, b, one, two = vectors(30), vectors(50, 1), known(30), known(50, 1)
    found = hard_negatives(a, b, one, two, count=7, quantile=quantile, across=across)
    assert listed(found) == naive(a, b, one, two, 7, quantile, across)
    for row, scores, own in zip(found.rows, found.scores, a, strict=True):
        for j, score in zip(row.tolist(), scores.tolist(), strict=True):
            expected = own @ b[j] / np.linalg.norm(own) / np.linalg.norm(b[j]) if j >= 0 else 0.0
            assert score == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("at_once", [1, 130, 10_000])
def test_blocks_change_nothing(at_once: int) -> None:
    a, own = vectors(40), known(40)
    assert listed(hard_negatives(a, a, own, count=5, at_once=at_once)) == naive(a, a, own, own, 5, 1.0, "any")


def test_the_same_products_are_never_negatives_across_modalities() -> None:
    a = vectors(20)
    own = Known(np.arange(20) // 2)
    found = hard_negatives(a, a, own, count=19)
    assert found.rows.shape == (20, 18)  # fewer than asked for: all but the row and its like
    assert found.asked == 19
    assert (found.rows // 2 != np.arange(20)[:, None] // 2).all()
    assert found.counts.tolist() == [18] * 20


def test_an_anchor_with_fewer_has_what_there_is() -> None:
    own = Known(np.array([0, 0, 0, 0, 1]))
    found = hard_negatives(vectors(5), vectors(5), own, count=3)
    assert found.rows[:4].tolist() == [[4, -1, -1]] * 4
    assert found.counts.tolist() == [1, 1, 1, 1, 3]
    assert (found.scores[:4, 1:] == 0).all()


def test_ties_go_by_row_and_equal_products_are_met() -> None:
    same = np.ones((6, 4), dtype=np.float32)
    found = hard_negatives(same, same, Known(np.arange(6)), count=2)
    assert found.rows.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


def test_a_zero_row_gets_negatives_too() -> None:
    a = vectors(4)
    a[0] = 0
    assert (hard_negatives(a, a, Known(np.arange(4)), count=3).counts == 3).all()


def test_unknown_codes_are_no_code() -> None:
    own = Known(np.arange(3), codes=np.array([-1, -1, 5]))
    assert hard_negatives(vectors(3), vectors(3), own, count=2).counts.tolist() == [2, 2, 2]


@pytest.mark.parametrize("across", ["any", "same", "other"])
def test_random_negatives_fit_and_are_drawn_alike(across: Any) -> None:
    own = known(24, 3)
    fitting = [[j for j in range(24) if may_be(own, i, own, j, across)] for i in range(24)]
    counts = np.zeros((24, 24))
    for seed in range(200):
        found = random_negatives(own, count=4, seed=seed, across=across, at_once=100)
        assert found.rows.shape[1] <= 4
        for i, row in enumerate(listed(found)):
            assert len(row) == len(set(row)) == min(4, len(fitting[i]))
            counts[i, row] += 1
    for i, row in enumerate(fitting):
        assert counts[i].sum() == counts[i, row].sum()
        expected = 200 * min(4, len(row)) / max(1, len(row))
        assert np.abs(counts[i, row] - expected).max(initial=0) < 5 * np.sqrt(expected + 1)


def test_random_negatives_follow_the_seed() -> None:
    own = known(24)
    one, two, other = (random_negatives(own, count=3, seed=seed).rows for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_nothing_to_tell_apart_is_an_error() -> None:
    a = vectors(4)
    with pytest.raises(UsageError, match="none of 4 anchors has a negative of another group"):
        hard_negatives(a, a, Known(np.zeros(4, dtype=np.int64)), count=1)
    with pytest.raises(UsageError, match="none of 1 anchors"):
        hard_negatives(a[:1], a[:1], Known(np.arange(1)), count=1)
    with pytest.raises(UsageError, match="in another category"):
        random_negatives(Known(np.arange(4), categories=np.zeros(4, dtype=np.int64)), count=1, seed=0, across="other")


def test_what_does_not_fit_is_refused() -> None:
    a, own = vectors(4), Known(np.arange(4))
    broken = a.copy()
    broken[1, 1] = np.nan
    for given, match in (
        ({"count": 0}, "count 0"),
        ({"count": 1, "quantile": 0.0}, "quantile 0.0"),
        ({"count": 1, "across": "none"}, "across 'none'"),
        ({"count": 1, "across": "other"}, "need categories"),
    ):
        with pytest.raises(UsageError, match=match):
            hard_negatives(a, a, own, **given)  # type: ignore[arg-type]
    for anchors, items, match in (
        (a[:3], a, r"anchors are \(3, 6\)"),
        (a, a[:, :5], "anchors have 6 columns"),
        (a, broken, "items hold NaN"),
        (a[0], a, r"anchors are \(6,\)"),
    ):
        with pytest.raises(UsageError, match=match):
            hard_negatives(anchors, items, own, count=1)
    with pytest.raises(UsageError, match="0 anchors"):
        random_negatives(Known(np.zeros(0, dtype=np.int64)), count=1, seed=0)
    for wrong in ({"codes": np.arange(3)}, {"categories": np.arange(4.0)}):
        with pytest.raises(UsageError, match="expected whole numbers"):
            Known(np.arange(4), **wrong)  # type: ignore[arg-type]
