"""Shifted positive pointwise mutual information and its truncated SVD.

Levy and Goldberg, "Neural Word Embedding as Implicit Matrix Factorization" (2014); the smoothed contexts and the power
of the singular values are those of Levy, Goldberg and Dagan, "Improving Distributional Similarity with Lessons Learned
from Word Embeddings" (2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL = 600  # up to this many rows or columns the exact decomposition is used


@dataclass(frozen=True, eq=False)
class PpmiFactors:
    """What a fit leaves behind; any row of counts over the same contexts can be folded in.

    Parameters
    ----------
    shares
        ``(contexts,)`` float64: the smoothed share of every context among all counts; 0 for one never seen.
    basis
        ``(contexts, dim)`` float32: right singular vectors, scaled by ``s ** -whiten``.
    shift
        What a ratio has to exceed to count.
    """

    shares: NDArray[np.float64]
    basis: NDArray[np.float32]
    shift: float

    def fold_in(self, counts: Any) -> NDArray[np.float32]:
        """Sparse counts ``(n, contexts)`` to vectors ``(n, dim)``; a row without known contexts is zero."""
        weighed = ppmi_rows(counts, self.shares, shift=self.shift)
        found: NDArray[np.float32] = np.asarray(weighed @ self.basis.astype(np.float64), dtype=np.float32)
        return found


def ppmi_rows(counts: Any, shares: NDArray[np.float64], *, shift: float = 1.0) -> Any:
    """Sparse counts ``(n, contexts)`` to ``max(0, log(p(context | row) / share) - log(shift))``, sparse float64.

    Contexts whose share is 0 are passed over, also in what a row sums up to.
    """
    from scipy.sparse import csr_matrix

    if shift <= 0:
        raise ValueError(f"shift is {shift}; expected a number above 0")
    found = csr_matrix(counts, dtype=np.float64, copy=True)
    if found.shape[1] != len(shares):
        raise ValueError(f"counts have {found.shape[1]} contexts; expected {len(shares)}")
    found.data[(shares[found.indices] <= 0) | (found.data <= 0)] = 0.0
    found.eliminate_zeros()
    totals = np.asarray(found.sum(axis=1)).ravel()
    rows = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
    found.data = np.log(found.data / totals[rows]) - np.log(shares[found.indices]) - np.log(shift)
    found.data = np.maximum(found.data, 0.0)
    found.eliminate_zeros()
    return found


def smoothed_shares(counts: Any, smoothing: float) -> NDArray[np.float64]:
    """The share of every context among all counts, ``(contexts,)``, each total to the power ``smoothing`` first."""
    totals = np.maximum(np.asarray(counts.sum(axis=0), dtype=np.float64).ravel(), 0.0)
    powers = np.where(totals > 0, totals, 1.0) ** smoothing * (totals > 0)
    whole = powers.sum()
    shares: NDArray[np.float64] = powers / whole if whole > 0 else powers
    return shares


def ppmi_factors(
    counts: Any, *, dim: int, shift: float = 1.0, smoothing: float = 0.75, whiten: float = 0.25, seed: int = 0
) -> PpmiFactors:
    """Factorise sparse counts ``(n, contexts)``.

    Parameters
    ----------
    counts
        How often, or how strongly, every row goes with every context; what is not positive counts as none.
    dim
        Columns of the factors; the last are zero when the rank is below.
    shift
        1 keeps all that is more frequent than by chance; ``k`` asks for ``k`` times as frequent.
    smoothing
        Power of the contexts' totals: below 1, rare contexts weigh less.
    whiten
        Power of the singular values that is divided out of the rows' vectors.
    """
    shares = smoothed_shares(counts, smoothing)
    basis = np.zeros((len(shares), dim), dtype=np.float32)
    weighed = ppmi_rows(counts, shares, shift=shift)
    if weighed.nnz:
        values, right = _leading(weighed, min(dim, *weighed.shape), seed)
        keep = values > values[0] * 1e-6
        values, right = values[keep], right[:, keep]
        signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(right.shape[1])])
        basis[:, : len(values)] = right * (signs * values**-whiten)
    return PpmiFactors(shares, basis, shift)


def _leading(matrix: Any, rank: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Singular values, largest first, and right vectors ``(contexts, rank)``."""
    if min(matrix.shape) <= max(SMALL, rank + 10):
        _, values, right = np.linalg.svd(matrix.toarray(), full_matrices=False)
    else:
        from sklearn.utils.extmath import randomized_svd

        _, values, right = randomized_svd(matrix, rank, n_oversamples=16, n_iter=4, random_state=seed)
    return np.asarray(values[:rank], np.float64), np.asarray(right[:rank].T, np.float64)
