"""Kernel ridge regression with the Gaussian (RBF) kernel, solved exactly by Cholesky factorisation.

``(K + ridge I) A = T - mean(T)`` for the ``(n, t)`` targets ``T``; the prediction of a row is its kernel with the
fitted rows times ``A`` plus the mean (Saunders, Gammerman and Vovk, ICML 1998). The width is relative: a row at the
median squared distance has the kernel ``exp(-width)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Real: TypeAlias = NDArray[np.floating[Any]]

_CELLS = 16_000_000  # kernel cells held at once when predicting
_MEDIAN_ROWS = 1_000  # rows whose distances give the median


@dataclass(frozen=True, eq=False)
class KernelMachine:
    """A fitted machine: ``(n, d)`` centred rows, ``(n, t)`` dual coefficients, ``(t,)`` offset."""

    centre: Real
    rows: Real
    dual: Real
    offset: Real
    gamma: float

    def __call__(self, vectors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Predict ``(m, d) -> (m, t)``, a block of rows at a time."""
        step = max(1, _CELLS // len(self.rows))
        found = np.empty((len(vectors), self.dual.shape[1]))
        for at in range(0, len(vectors), step):
            block = vectors[at : at + step].astype(self.rows.dtype) - self.centre
            found[at : at + step] = _kernel(squared_distances(block, self.rows), self.gamma) @ self.dual
        return found + self.offset


def fit_machines(
    vectors: NDArray[np.floating[Any]],
    targets: NDArray[np.floating[Any]],
    settings: Sequence[tuple[float, float]],
    *,
    seed: int = 0,
    precise: bool = False,
) -> Iterator[KernelMachine]:
    """Fit one machine per (width, ridge) setting; the distances are computed once for all of them.

    Works in float32 unless ``precise``; a kernel too close to singular for float32 is factorised in float64.

    Parameters
    ----------
    vectors, targets
        ``(n, d)`` and ``(n, t)``, at least one row.
    settings
        Pairs of positive numbers.
    """
    kind = np.float64 if precise else np.float32
    centre = vectors.mean(axis=0, dtype=np.float64).astype(kind)
    rows = vectors.astype(kind) - centre
    offset = targets.mean(axis=0, dtype=np.float64)
    wanted = (targets - offset).astype(kind)
    median = _median_squared_distance(rows, seed)
    distances = squared_distances(rows, rows)
    for width, ridge in settings:
        gamma = width / median
        yield KernelMachine(centre, rows, _solve(distances, wanted, gamma, ridge), offset, gamma)


def squared_distances(left: Real, right: Real) -> Real:
    """Squared Euclidean distances ``(m, d), (n, d) -> (m, n)``, never negative."""
    found: Real = left @ right.T
    found *= -2
    found += np.einsum("md,md->m", left, left)[:, None]
    found += np.einsum("nd,nd->n", right, right)[None, :]
    return np.maximum(found, 0, out=found)


def _kernel(distances: Real, gamma: float) -> Real:
    kernel: Real = distances * distances.dtype.type(-gamma)
    return np.exp(kernel, out=kernel)


def _solve(distances: Real, targets: Real, gamma: float, ridge: float) -> Real:
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    for precise in (False, True):
        kernel = _kernel(distances.astype(np.float64) if precise else distances, gamma)
        kernel[np.diag_indices_from(kernel)] = 1 + ridge
        try:
            # The transpose of a symmetric matrix is itself, and in the order that LAPACK works on in place.
            factor = cho_factor(kernel.T, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            if precise:
                raise
            continue
        found: Real = cho_solve(factor, targets.astype(kernel.dtype), check_finite=False)
        return found.astype(targets.dtype)
    raise AssertionError("unreachable: the second attempt returns or raises")


def _median_squared_distance(rows: Real, seed: int) -> float:
    picked = np.random.default_rng(seed).permutation(len(rows))[:_MEDIAN_ROWS]
    distances = squared_distances(rows[picked], rows[picked])
    apart = distances[~np.eye(len(picked), dtype=np.bool_)]
    apart = apart[apart > 0]  # duplicates say nothing about the scale
    return float(np.median(apart)) if len(apart) else 1.0
