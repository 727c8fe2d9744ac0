"""Truncated decompositions with a fixed seed and fixed signs, padded to the length that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL = 1_000  # up to this many rows or columns the exact decomposition is also the fastest


def truncated_svd(features: Any, dim: int, *, seed: int, whiten: float = 0.0) -> NDArray[np.float32]:
    """Leading right singular vectors of a sparse matrix, as columns: ``(n, f) -> (f, dim)``.

    Column ``j`` is scaled by ``s_j ** -whiten``; the last columns are zero when the rank is below ``dim``. Signs are
    fixed: the largest entry of every column is positive.
    """
    found = np.zeros((features.shape[1], dim), dtype=np.float32)
    if min(features.shape) == 0 or features.nnz == 0:
        return found
    values, right = _leading(features, min(dim, *features.shape), seed)
    keep = values > values[0] * 1e-6
    values, right = values[keep], right[:, keep]
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(right.shape[1])])
    found[:, : len(values)] = right * (signs * values**-whiten)
    return found


def _leading(features: Any, rank: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Singular values, largest first, and right vectors ``(f, rank)``."""
    if min(features.shape) <= max(SMALL, rank + 10):
        return _exact(features, rank)
    from sklearn.utils.extmath import randomized_svd

    _, values, right = randomized_svd(features, rank, n_oversamples=10, n_iter=3, random_state=seed)
    return np.asarray(values, np.float64), np.asarray(right.T, np.float64)


def _exact(features: Any, rank: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By the smaller Gram matrix."""
    matrix = features.astype(np.float64)
    tall = matrix.shape[0] >= matrix.shape[1]
    gram = (matrix.T @ matrix if tall else matrix @ matrix.T).toarray()
    squares, vectors = np.linalg.eigh(gram)
    order = np.argsort(-squares, kind="stable")[:rank]
    values = np.sqrt(np.maximum(squares[order], 0.0))
    vectors = vectors[:, order]
    if not tall:
        vectors = (matrix.T @ vectors) / np.maximum(values, 1e-12)
    return values, vectors


@dataclass(frozen=True, eq=False)
class Projection:
    """``(raw - centre) @ matrix``."""

    centre: NDArray[np.float32]  # (f,)
    matrix: NDArray[np.float32]  # (f, dim)

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(n, f) -> (n, dim)``."""
        found: NDArray[np.float32] = np.matmul(raw - self.centre, self.matrix)
        return found


def principal(
    raw: NDArray[np.float32], dim: int, *, seed: int, standardise: bool = False, whiten: float = 0.0
) -> Projection:
    """Leading principal components of dense rows ``(n, f)``, scaled so that the mean squared norm is 1.

    With ``standardise`` every raw column is brought to unit variance first; column ``j`` is scaled by
    ``s_j ** -whiten``, with ``s_j`` its deviation. The last columns are zero when the rank
    is below ``dim``; signs are fixed as in :func:`truncated_svd`.
    """
    features = raw.shape[1]
    matrix = np.zeros((features, dim), dtype=np.float32)
    if len(raw) == 0:
        return Projection(np.zeros(features, dtype=np.float32), matrix)
    centre = raw.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = raw - centre
    scale = np.ones(features, dtype=np.float32)
    if standardise:
        deviation = rows.std(axis=0)
        scale = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0).astype(np.float32)
        rows *= scale
    values, right = _leading_dense(rows, min(dim, *rows.shape), seed)
    keep = values > max(float(values[0]) * 1e-4, 1e-7)
    if keep.any():
        values, right = values[keep], right[:, keep]
        signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(right.shape[1])])
        spread = values ** (1 - whiten)  # deviation of each new column, up to one factor
        scales = signs * values**-whiten * np.sqrt(len(rows) / (spread**2).sum())
        matrix[:, : len(values)] = scale[:, None] * right * scales
    return Projection(centre, matrix)


def _leading_dense(rows: NDArray[np.float32], rank: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    smaller = min(rows.shape)
    if smaller <= SMALL:
        tall = rows.shape[0] >= rows.shape[1]
        exact = rows.astype(np.float64)
        gram = exact.T @ exact if tall else exact @ exact.T
        squares, vectors = np.linalg.eigh(gram)
        order = np.argsort(-squares, kind="stable")[:rank]
        values, vectors = np.sqrt(np.maximum(squares[order], 0.0)), vectors[:, order]
        return values, vectors if tall else (rows.T @ vectors) / np.maximum(values, 1e-12)
    from sklearn.utils.extmath import randomized_svd

    _, values, right = randomized_svd(rows, rank, n_oversamples=10, n_iter=2, random_state=seed)
    return np.asarray(values, np.float64), np.asarray(right.T, np.float64)
