"""Every head keeps one contract, and learns what only the right head can learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.types import Vectors
from goodsense.understand import (
    Classifier,
    Head,
    KernelRidgeHead,
    KernelRidgeRegressor,
    LogisticHead,
    MajorityHead,
    RidgeHead,
    TreesHead,
)
from goodsense.understand.kernel import KernelMachine, fit_machines

CLASSIFIERS: list[Callable[[], Classifier]] = [
    MajorityHead,
    LogisticHead,
    lambda: TreesHead(trees=40),
    KernelRidgeHead,
    lambda: KernelRidgeHead(precise=True),
]
REGRESSORS: list[Callable[[], Head]] = [RidgeHead, KernelRidgeRegressor]


def clusters(rows: int, *, seed: int = 0, spread: float = 0.3) -> tuple[Vectors, list[str]]:
    """Four clusters at the corners of a square, far enough apart to be told without error; classes lie on the
    diagonals, so no line separates them."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 4, rows)
    centres = np.array([[0, 0], [4, 4], [0, 4], [4, 0]], dtype=np.float32)
    X = (centres[corner] + rng.normal(0, spread, (rows, 2))).astype(np.float32)
    return X, [("straight", "straight", "crossed", "crossed")[c] for c in corner]


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_the_contract_of_classifiers(make: Callable[[], Classifier]) -> None:
    X, y = clusters(80)
    head = make()
    assert isinstance(head, Classifier)
    with pytest.raises(UsageError, match="not been fitted"):
        head.predict(X)
    assert head.fit(X, y, seed=1) is head
    assert head.classes == ("crossed", "straight")
    shares = head.predict_proba(X)
    assert shares.shape == (80, 2)
    assert (shares >= 0).all()
    assert shares.sum(axis=1) == pytest.approx(1)
    labels = head.predict(X)
    assert labels.tolist() == [head.classes[at] for at in shares.argmax(axis=1)]
    assert head.predict_proba(X[:1]) == pytest.approx(shares[:1], abs=1e-6)  # single equals batch
    assert head.predict(X[:0]).shape == (0,)
    assert make().fit(X, y, seed=1).predict_proba(X) == pytest.approx(shares)  # seeded
    head.fit(X[:3], ["only"] * 3, seed=1)
    assert head.predict(X[:2]).tolist() == ["only", "only"]


@pytest.mark.parametrize("make", REGRESSORS)
def test_the_contract_of_regressors(make: Callable[[], Head]) -> None:
    X, _ = clusters(60)
    y = (3 * X[:, 0] - X[:, 1] + 100).tolist()
    head = make()
    assert isinstance(head, Head)
    with pytest.raises(UsageError, match="not been fitted"):
        head.predict(X)
    assert head.fit(X, y, seed=1) is head
    found = head.predict(X)
    assert found.shape == (60,)
    assert found.dtype == np.float64
    assert np.abs(found - y).max() < 3
    assert head.predict(X[:1]) == pytest.approx(found[:1], rel=1e-4)
    assert head.predict(X[:0]).shape == (0,)
    assert head.fit(X[:3], [7.0] * 3, seed=1).predict(X) == pytest.approx(7.0)
    assert head.fit(X[:1], [5.0], seed=1).predict(X[:1]) == pytest.approx(5.0)


@pytest.mark.parametrize("make", [*CLASSIFIERS, *REGRESSORS])
def test_bad_rows_are_refused(make: Callable[[], Head]) -> None:
    with pytest.raises(UsageError, match="2 targets"):
        make().fit(np.zeros((3, 2), np.float32), [1.0, 2.0], seed=0)
    with pytest.raises(DataError, match="nothing to learn"):
        make().fit(np.zeros((0, 2), np.float32), [], seed=0)


def test_only_the_curved_heads_solve_the_crossed_clusters() -> None:
    X, y = clusters(200)
    unseen, truth = clusters(200, seed=1)

    def accuracy(head: Head) -> float:
        return float(np.mean(head.fit(X, y, seed=0).predict(unseen) == np.array(truth)))

    assert accuracy(KernelRidgeHead()) == 1.0
    assert accuracy(TreesHead(trees=40)) > 0.98
    assert accuracy(LogisticHead()) < 0.8


def test_logistic_separates_what_a_line_separates_at_any_scale() -> None:
    X, y = clusters(200)
    halves = ["left" if x < 2 else "right" for x in X[:, 0]]
    for scale in (1e-3, 1.0, 1e3):
        head = LogisticHead().fit(X * np.float32(scale) + np.float32(scale), halves, seed=0)
        assert head.predict(X * np.float32(scale) + np.float32(scale)).tolist() == halves
    assert y


@pytest.mark.parametrize("precise", [False, True])
def test_the_machine_solves_its_equation(precise: bool) -> None:
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    for (width, ridge), machine in zip(
        [(0.5, 0.1), (2.0, 1.0)], fit_machines(X, T, [(0.5, 0.1), (2.0, 1.0)], precise=precise), strict=True
    ):
        squared = ((X[:, None] - X[None]) ** 2).sum(axis=2)
        gamma = width / np.median(squared[~np.eye(50, dtype=bool)])
        kernel = np.exp(-gamma * squared)
        dual = np.linalg.solve(kernel + ridge * np.eye(50), T - T.mean(axis=0))
        tolerance = 1e-9 if precise else 1e-3
        assert machine(X) == pytest.approx(kernel @ dual + T.mean(axis=0), abs=tolerance)


def test_predictions_do_not_depend_on_the_blocks() -> None:
    rng = np.random.default_rng(0)
    rows, dual, X = rng.normal(size=(5000, 2)), rng.normal(size=(5000, 1)), rng.normal(size=(4000, 2))
    machine = KernelMachine(np.zeros(2), rows, dual, np.ones(1), gamma=0.5)
    found = machine(X)  # 20 million kernel cells: several blocks
    for row in (0, 1999, 3199, 3200, 3999):
        expected = 1 + np.exp(-0.5 * ((X[row] - rows) ** 2).sum(axis=1)) @ dual[:, 0]
        assert found[row, 0] == pytest.approx(expected)


def test_a_kernel_that_is_singular_in_single_precision_is_solved_in_double() -> None:
    X = np.repeat(np.random.default_rng(0).normal(size=(4, 2)), 100, axis=0)
    y = np.repeat([[0.0], [1.0], [2.0], [3.0]], 100, axis=0)
    (machine,) = fit_machines(X, y, [(1.0, 1e-9)])
    assert machine(X) == pytest.approx(y, abs=0.02)


def test_above_the_row_limit_a_sample_is_fitted_and_noted() -> None:
    X, y = clusters(300)
    y[7] = "rare"
    head = KernelRidgeHead(max_rows=60).fit(X, y)
    assert head.notes == ("kernel-ridge was fitted on a stratified sample of 60 of 300 rows",)
    assert head.classes == ("crossed", "rare", "straight")
    assert np.mean(head.predict(X) == np.array(y)) > 0.95
    assert KernelRidgeRegressor(max_rows=60).fit(X, X[:, 0].tolist()).notes
    assert KernelRidgeHead(max_rows=300).fit(X, y).notes == ()
