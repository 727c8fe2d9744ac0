from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goodsense.standardise import MinMax, Robust, UnitLength, Whitening, ZScore, from_arrays

INVERTIBLE: dict[str, Any] = {
    "zscore": ZScore(),
    "minmax": MinMax(),
    "sides": MinMax(-1, 1),
    "any range": MinMax(3, 8),
    "robust": Robust(),
    "whitening": Whitening(),
    "ridge": Whitening(ridge=0.1),
}
METHODS: dict[str, Any] = INVERTIBLE | {"length": UnitLength(), "few": Whitening(dim=2)}


@pytest.fixture
def rows() -> Any:
    rng = np.random.default_rng(2)
    mixed = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    return mixed * [1, 10, 0.1, 5] + [0, 100, -3, 7]


@pytest.mark.parametrize("name", INVERTIBLE)
def test_what_was_done_can_be_undone(name: str, rows: Any) -> None:
    fitted = METHODS[name].fit(rows[:150])
    np.testing.assert_allclose(fitted.invert(fitted.apply(rows)), rows, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_it_comes_back_from_arrays_and_keeps_the_type(name: str, rows: Any) -> None:
    for kind in (np.float32, np.float64):
        fitted = METHODS[name].fit(rows.astype(kind))
        found = fitted.apply(rows.astype(kind))
        assert found.dtype == kind
        assert all(array.dtype == kind for array in fitted.to_arrays().values())
        np.testing.assert_array_equal(from_arrays(fitted.to_arrays()).apply(rows.astype(kind)), found)


@pytest.mark.parametrize("name", METHODS)
def test_single_equals_batch_and_inputs_stay(name: str, rows: Any) -> None:
    before = rows.copy()
    fitted = METHODS[name].fit(rows)
    np.testing.assert_allclose(np.vstack([fitted.apply(row[None]) for row in rows]), fitted.apply(rows), atol=1e-12)
    np.testing.assert_array_equal(rows, before)
    assert fitted.apply(rows[:0]).shape[0] == 0


def test_zscore_and_minmax_reach_what_they_promise(rows: Any) -> None:
    found = ZScore().fit(rows).apply(rows)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=0), 1)
    for low, high in ((0, 1), (-1, 1), (3, 8)):
        found = MinMax(low, high).fit(rows).apply(rows)
        np.testing.assert_allclose(found.min(axis=0), low, atol=1e-12)
        np.testing.assert_allclose(found.max(axis=0), high)


def test_robust_hardly_sees_a_wild_value() -> None:
    column = np.arange(101.0)[:, None]
    fitted = Robust().fit(column)
    assert (fitted.centre[0], fitted.spread[0]) == (50, 50)
    column[100] = 1e9
    assert Robust().fit(column).spread[0] == 50
    normal = np.random.default_rng(0).normal(5, 3, (20_000, 1))
    assert Robust(normal=True).fit(normal).spread[0] == pytest.approx(3, rel=0.02)


def test_unit_length_of_huge_tiny_and_no_numbers() -> None:
    found = UnitLength().apply(np.array([[3.0, 4.0], [0.0, 0.0], [1e200, 0.0], [1e-300, 1e-300]]))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [1, 0], [0.5**0.5, 0.5**0.5]])
    with pytest.raises(ValueError, match="lengths are not kept"):
        UnitLength().invert(found)


def test_whitened_columns_are_uncorrelated(rows: Any) -> None:
    found = Whitening().fit(rows).apply(rows)
    np.testing.assert_allclose(found.T @ found / len(rows), np.eye(4), atol=1e-10)
    few = Whitening(dim=2).fit(rows)
    assert few.apply(rows).shape == (200, 2)
    np.testing.assert_allclose(few.apply(rows), found[:, :2], atol=1e-10)
    rank_two = np.hstack((rows[:, :2], rows[:, :2]))
    assert Whitening().fit(rank_two).apply(rank_two).shape == (200, 2)


@pytest.mark.parametrize(
    ("name", "constant"), [("zscore", 0), ("minmax", 0.5), ("sides", 0), ("any range", 5.5), ("robust", 0)]
)
def test_constant_columns_and_single_rows(name: str, constant: float) -> None:
    same = np.full((5, 1), 7.0)
    for training in (same, same[:1]):
        fitted = METHODS[name].fit(training)
        np.testing.assert_allclose(fitted.apply(same), constant)
        np.testing.assert_allclose(fitted.invert(fitted.apply(np.array([[9.0]]))), 9)
    assert Whitening().fit(same).apply(same).shape == (5, 0)


@pytest.mark.parametrize("name", ["zscore", "minmax", "robust", "whitening"])
def test_only_known_numbers_count(name: str, rows: Any) -> None:
    known = np.random.default_rng(1).random(rows.shape) < 0.7
    known[:, 3] = False
    wild = np.where(known, rows, np.nan)
    fitted = METHODS[name].fit(wild, known)
    other = METHODS[name].fit(np.where(known, rows, 1e6), known)
    for key, array in fitted.to_arrays().items():
        np.testing.assert_array_equal(array, other.to_arrays()[key])
    assert all(np.isfinite(array).all() for array in fitted.to_arrays().values())
    if name != "whitening":
        alone = METHODS[name].fit(rows[known[:, 0], :1])
        assert fitted.centre[0] == pytest.approx(alone.centre[0])
        assert fitted.spread[0] == pytest.approx(alone.spread[0])


@pytest.mark.parametrize("name", METHODS)
def test_no_rows_change_nothing_later(name: str) -> None:
    found = METHODS[name].fit(np.zeros((0, 3))).apply(np.ones((2, 3)))
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ZScore().fit(np.array([[1.0, np.nan]])), "row 0 has nan in column 1"),
        (lambda: ZScore().fit(np.ones((3, 2))).apply(np.array([[1.0, np.inf]])), "row 0 has inf in column 1"),
        (lambda: ZScore().fit(np.ones((3, 2))).apply(np.ones((3, 3))), r"\(3, 3\); expected \(n, 2\)"),
        (lambda: ZScore().fit(np.ones(3)), r"shape \(3,\)"),
        (lambda: ZScore().fit(np.ones((3, 2)), np.ones(3, bool)), "mask has shape"),
        (lambda: MinMax(1, 1), "range is 1 to 1"),
        (lambda: MinMax(0, float("nan")), "range is 0 to nan"),
        (lambda: Whitening(dim=0), "dim is 0"),
        (lambda: Whitening(ridge=-1), "ridge is -1"),
        (lambda: from_arrays({"mean": np.zeros(2)}), "arrays are mean"),
    ],
)
def test_mistakes_are_named(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


def test_against_scikit_learn(rows: Any) -> None:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    for method, oracle in (
        (ZScore(), StandardScaler()),
        (MinMax(-1, 1), MinMaxScaler((-1, 1))),
        (Robust(), RobustScaler()),
    ):
        np.testing.assert_allclose(method.fit(rows).apply(rows), oracle.fit_transform(rows), atol=1e-10)  # type: ignore[attr-defined]
    ours, theirs = Whitening().fit(rows).apply(rows), PCA(whiten=True).fit_transform(rows)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs) * np.sqrt(200 / 199), rtol=1e-6, atol=1e-9)
