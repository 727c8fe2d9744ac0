"""Implicit feedback by alternating least squares.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (2008); the conjugate gradients are
those of Takács, Pilászy and Tikk, "Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative
Filtering" (2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Solver: TypeAlias = Literal["cholesky", "cg"]
SOLVERS: tuple[Solver, ...] = ("cholesky", "cg")
Factors: TypeAlias = NDArray[np.float64]
BLOCK = 2_000_000  # numbers gathered at once
STEPS = 3  # of conjugate gradients per half iteration, from where the last one ended


@dataclass(frozen=True, eq=False)
class AlsFactors:
    """``rows @ columns.T`` is near 1 where there is something, near 0 elsewhere: ``(n, dim)`` and ``(m, dim)``."""

    rows: Factors
    columns: Factors


def als_factors(
    matrix: Any,
    *,
    dim: int,
    regularisation: float = 1.0,
    alpha: float = 10.0,
    iterations: int = 12,
    solver: Solver = "cg",
    seed: int = 0,
) -> AlsFactors:
    """Factorise a sparse matrix of non-negative weights ``(n, m)``.

    Minimises ``sum c (p - x y)^2 + regularisation (|x|^2 + |y|^2)``, where ``p`` is 1 for a positive weight, else 0,
    and the confidence ``c`` is ``1 + alpha weight``.

    Raises
    ------
    ValueError
        If a weight is negative, or a setting makes no sense.
    """
    from scipy.sparse import csr_matrix

    if solver not in SOLVERS:
        raise ValueError(f"there is no solver {solver!r}; expected one of {', '.join(SOLVERS)}")
    if dim < 1 or regularisation <= 0 or alpha < 0:
        raise ValueError(f"dim {dim}, regularisation {regularisation}, alpha {alpha}; expected >= 1, > 0, >= 0")
    by_row = csr_matrix(matrix, dtype=np.float64)
    if by_row.nnz and by_row.data.min() < 0:
        raise ValueError("a weight is negative; expected weights from 0 up")
    by_row.eliminate_zeros()
    by_column = by_row.T.tocsr()
    random = np.random.default_rng(seed)
    rows = random.normal(0, 0.1, (by_row.shape[0], dim))
    columns = random.normal(0, 0.1, (by_row.shape[1], dim))
    settings: dict[str, Any] = {"regularisation": regularisation, "alpha": alpha, "solver": solver}
    for _ in range(iterations):
        rows = solve_rows(by_row, columns, start=rows, **settings)
        columns = solve_rows(by_column, rows, start=columns, **settings)
    return AlsFactors(rows, columns)


def solve_rows(
    matrix: Any,
    other: Factors,
    *,
    regularisation: float,
    alpha: float,
    solver: Solver = "cholesky",
    start: Factors | None = None,
    gram: Factors | None = None,
) -> Factors:
    """The best factors ``(n, dim)`` of the rows of a sparse matrix ``(n, m)``, given those of its columns ``(m, dim)``.

    ``cholesky`` solves every row exactly; ``cg`` goes a few steps from ``start``. A row without weights is zero.
    ``gram`` is ``other.T @ other`` ``(dim, dim)`` if it is known already, which saves most of the work for a few rows.
    """
    from scipy.sparse import csr_matrix

    weights = csr_matrix(matrix, dtype=np.float64)
    if weights.shape[1] != len(other):
        raise ValueError(f"the matrix has {weights.shape[1]} columns; expected {len(other)}")
    shared = (other.T @ other if gram is None else gram) + regularisation * np.eye(other.shape[1])
    if solver == "cholesky" or start is None:
        return _exact(weights, other, shared, alpha)
    return _gradients(weights, other, shared, alpha, start)


def _exact(weights: Any, other: Factors, shared: Factors, alpha: float) -> Factors:
    """The normal equations of all rows, those of like length in one batch, padded by weight 0."""
    found = np.zeros((weights.shape[0], other.shape[1]))
    lengths = np.diff(weights.indptr)
    padded = np.where(lengths > 0, 2 ** np.ceil(np.log2(np.maximum(lengths, 1))), 0).astype(np.int64)
    for length in np.unique(padded[padded > 0]).tolist():
        of_length = np.flatnonzero(padded == length)
        size = max(1, BLOCK // (max(length, other.shape[1]) * other.shape[1]))
        for begin in range(0, len(of_length), size):
            rows = of_length[begin : begin + size]
            found[rows] = _batch(weights, rows, length, other, shared, alpha)
    return found


def _batch(
    weights: Any, rows: NDArray[np.int64], length: int, other: Factors, shared: Factors, alpha: float
) -> Factors:
    offsets = np.arange(length)
    inside = offsets < np.diff(weights.indptr)[rows][:, None]  # (b, length)
    places = np.where(inside, weights.indptr[rows][:, None] + offsets, 0)
    extra = np.where(inside, alpha * weights.data[places], 0.0)  # confidence above 1
    vectors = other[weights.indices[places]]  # (b, length, dim)
    left = shared + np.matmul((vectors * extra[:, :, None]).transpose(0, 2, 1), vectors)  # (b, dim, dim)
    right = np.matmul((extra + inside)[:, None, :], vectors)[:, 0, :]  # (b, dim)
    solved: Factors = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    return solved


def _gradients(weights: Any, other: Factors, shared: Factors, alpha: float, start: Factors) -> Factors:
    """A few steps of conjugate gradients, all rows in step."""
    from scipy.sparse import csr_matrix

    extra = csr_matrix((alpha * weights.data, weights.indices, weights.indptr), shape=weights.shape)
    ones = csr_matrix((extra.data + 1, weights.indices, weights.indptr), shape=weights.shape)
    found = start.copy()
    residual = ones @ other - _applied(extra, other, shared, found)
    direction = residual.copy()
    energy = (residual**2).sum(axis=1)
    for _ in range(STEPS):
        image = _applied(extra, other, shared, direction)
        along = (direction * image).sum(axis=1)
        step = np.where(energy > 1e-20, energy / np.maximum(along, 1e-30), 0.0)[:, None]
        found += step * direction
        residual -= step * image
        left = (residual**2).sum(axis=1)
        direction = residual + np.where(energy > 1e-20, left / np.maximum(energy, 1e-30), 0.0)[:, None] * direction
        energy = left
    found[np.diff(weights.indptr) == 0] = 0.0
    return found


def _applied(extra: Any, other: Factors, shared: Factors, vectors: Factors) -> Factors:
    """Every row's own matrix times its vector, without ever making the matrix."""
    from scipy.sparse import csr_matrix

    products = np.empty(extra.nnz)
    rows = np.repeat(np.arange(extra.shape[0]), np.diff(extra.indptr))
    size = max(1, BLOCK // other.shape[1])
    for begin in range(0, extra.nnz, size):
        part = slice(begin, begin + size)
        products[part] = np.einsum("ed,ed->e", vectors[rows[part]], other[extra.indices[part]])
    own = csr_matrix((extra.data * products, extra.indices, extra.indptr), shape=extra.shape)
    applied: Factors = vectors @ shared + own @ other
    return applied
