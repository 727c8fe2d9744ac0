"""ALS against the normal equations of the paper, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array

from goodsense.factors.als import als_factors, solve_rows


def _weights(rows: int = 30, columns: int = 22, seed: int = 0) -> csr_matrix:
    return csr_matrix(random_array((rows, columns), density=0.2, rng=np.random.default_rng(seed)))


def _naive(weights: csr_matrix, other: np.ndarray, regularisation: float, alpha: float) -> np.ndarray:
    dense = weights.toarray()
    found = np.zeros((dense.shape[0], other.shape[1]))
    for row, own in enumerate(dense):
        confidence = np.diag(1 + alpha * own)
        left = other.T @ confidence @ other + regularisation * np.eye(other.shape[1])
        found[row] = np.linalg.solve(left, other.T @ confidence @ (own > 0).astype(float))
    return found


def _cost(weights: csr_matrix, rows: np.ndarray, columns: np.ndarray, regularisation: float, alpha: float) -> float:
    dense = weights.toarray()
    misses = (1 + alpha * dense) * ((dense > 0) - rows @ columns.T) ** 2
    return float(misses.sum() + regularisation * ((rows**2).sum() + (columns**2).sum()))


def test_rows_solve_their_normal_equations() -> None:
    weights = _weights()
    other = np.random.default_rng(1).normal(size=(22, 5))
    expected = _naive(weights, other, 0.7, 4.0)
    np.testing.assert_allclose(solve_rows(weights, other, regularisation=0.7, alpha=4.0), expected, atol=1e-9)


def test_small_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, other = _weights(), np.random.default_rng(1).normal(size=(22, 5))
    whole = solve_rows(weights, other, regularisation=1, alpha=2)
    near = solve_rows(weights, other, regularisation=1, alpha=2, solver="cg", start=whole)
    monkeypatch.setattr("goodsense.factors.als.BLOCK", 40)
    np.testing.assert_allclose(solve_rows(weights, other, regularisation=1, alpha=2), whole, atol=1e-12)
    again = solve_rows(weights, other, regularisation=1, alpha=2, solver="cg", start=whole)
    np.testing.assert_allclose(again, near, atol=1e-12)
    np.testing.assert_allclose(near, whole, atol=1e-9)  # the solution is where the gradients end


def test_both_solvers_come_to_the_same_cost() -> None:
    weights = _weights(60, 40, seed=2)
    costs = []
    for solver in ("cholesky", "cg"):
        found = als_factors(weights, dim=6, regularisation=0.5, alpha=3.0, iterations=25, solver=solver, seed=4)
        costs.append(_cost(weights, found.rows, found.columns, 0.5, 3.0))
    start = als_factors(weights, dim=6, regularisation=0.5, alpha=3.0, iterations=1, solver="cholesky", seed=4)
    assert costs[0] == pytest.approx(costs[1], rel=0.02)
    assert costs[0] < 0.9 * _cost(weights, start.rows, start.columns, 0.5, 3.0)


def test_a_row_without_weights_is_zero() -> None:
    weights = csr_matrix(np.array([[1.0, 0, 2], [0, 0, 0], [0, 3, 0]]))
    for solver in ("cholesky", "cg"):
        found = als_factors(weights, dim=2, solver=solver).rows
        assert found.any(axis=1).tolist() == [True, False, True]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        als_factors(csr_matrix(np.array([[-1.0]])), dim=2)
    with pytest.raises(ValueError, match="no solver 'lu'"):
        als_factors(_weights(), dim=2, solver="lu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected 5"):
        solve_rows(_weights(), np.zeros((5, 2)), regularisation=1, alpha=1)
