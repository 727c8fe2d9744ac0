"""GF-CF: what two low-pass filters on the graph of items leave of a history.

Shen et al., "How Powerful is Graph Convolution for Recommendation?" (CIKM 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.decomposition import truncated_svd
from goodsense.events import Interactions
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.pruning import pruned_product
from goodsense.recommend.signals import Values, checked_values, positive, signals
from goodsense.recommend.storage import Arrays, packed, unpacked


def scaled(matrix: Any, rows: float, columns: float) -> Any:
    """``D_rows^-rows M D_columns^-columns`` of a CSR matrix, with sums as degrees; float32."""
    from scipy.sparse import csr_matrix, diags_array

    across, down = (np.asarray(matrix.sum(axis=axis), dtype=np.float64).ravel() for axis in (1, 0))
    left, right = (_power(across, -rows), _power(down, -columns))
    return csr_matrix(diags_array(left) @ matrix @ diags_array(right), dtype=np.float32)


def _power(sums: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Powers of the positive sums, 0 of the others."""
    return np.where(sums > 0, np.maximum(sums, 1e-12) ** exponent, 0.0)


class SpectralFilter(Model):
    """Items that the linear filter and the ideal low-pass filter of GF-CF see in a history.

    With ``R~ = D_u^-1/2 R D_i^-1/2`` and its leading right singular vectors ``V``, a history ``r`` scores
    ``r (R~'R~ + alpha D_i^-1/2 V V' D_i^1/2)``.

    Parameters
    ----------
    dim
        How many singular vectors pass.
    alpha
        How much the ideal filter counts; with 0 answers stay sparse.
    neighbours
        Entries that are kept of every row of ``R~'R~``.
    values
        ``binary``, ``log`` or ``weights``: how much each pair counts.
    """

    kind: ClassVar[str] = "gf-cf"

    def __init__(self, *, dim: int = 256, alpha: float = 1.0, neighbours: int = 500, values: Values = "binary") -> None:
        super().__init__()
        positive("dim", dim, whole=True)
        positive("alpha", alpha, zero=True)
        positive("neighbours", neighbours, whole=True)
        self.dim, self.alpha, self.neighbours = dim, alpha, neighbours
        self.values: Values = checked_values(values)

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        taken = signals(interactions, self.values)
        graph = scaled(taken, 0.5, 0.5)
        self._linear = pruned_product(graph.T.tocsr(), graph, self.neighbours, progress=progress, stage=self.kind)
        degrees = np.asarray(taken.sum(axis=0), dtype=np.float64).ravel()
        basis = self._basis(graph, seed)
        self._down = (_power(degrees, -0.5)[:, None] * basis).astype(np.float32)  # (n, dim)
        self._up = np.ascontiguousarray((np.sqrt(degrees)[:, None] * basis).T, dtype=np.float32)  # (dim, n)

    def _basis(self, graph: Any, seed: int) -> NDArray[np.float32]:
        """The leading right singular vectors, ``(n, dim)``; none where the ideal filter does not count."""
        if self.alpha == 0:
            return np.zeros((graph.shape[1], 0), dtype=np.float32)
        return truncated_svd(graph, min(self.dim, *graph.shape), seed=seed)

    def _scores(self, histories: Interactions) -> Scores:
        taken = signals(histories, self.values)
        linear = taken @ self._linear
        if self.alpha == 0:
            return linear
        found = (taken @ self._down) @ (self.alpha * self._up)
        rows = np.repeat(np.arange(linear.shape[0]), np.diff(linear.indptr))
        found[rows, linear.indices] += linear.data
        return found

    def _arrays(self) -> Arrays:
        return packed("linear", self._linear) | {"down": self._down, "up": self._up}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._linear = unpacked(arrays, "linear")
        self._down, self._up = arrays["down"], arrays["up"]
