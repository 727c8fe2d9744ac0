"""SLIM: sparse weights of items for items, by an elastic net per item.

Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems" (ICDM 2011), with their fsSLIM's choice
of features: an item is told from its nearest neighbours only. Solved by cyclic coordinate descent on inner products
(Friedman, Hastie and Tibshirani, "Regularization Paths for Generalized Linear Models", 2010), many items in step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.pruning import pruned_product, without_diagonal
from goodsense.recommend.signals import Values, checked_values, positive, signals
from goodsense.recommend.storage import Arrays, packed, unpacked

Grams: TypeAlias = NDArray[np.float32]

_BLOCK = 128  # items that are solved in step
_DENSE = 10_000  # items whose inner products are all held at once: .4 GB
_SWEEPS, _STILL = 60, 1e-4  # at most, and the largest change that ends them


def descend(grams: Grams, right: Grams, *, l1: float, l2: float) -> Grams:
    """Non-negative elastic nets by coordinate descent: the ``w`` that minimise ``w'Gw/2 - g'w + l1 |w| + l2 w'w/2``.

    Parameters
    ----------
    grams
        ``(k, b, k)``: ``grams[:, i, :]`` is the ``G`` of problem ``i``.
    right
        ``(b, k)``: the ``g`` of each.

    Returns
    -------
    NDArray
        ``(b, k)`` weights.
    """
    assert grams.shape == (right.shape[1], *right.shape)
    weights = np.zeros_like(right)
    squares = np.ascontiguousarray(np.einsum("kbk->kb", grams))
    for _ in range(_SWEEPS):
        before = weights.copy()
        for k, gram in enumerate(grams):
            told = np.einsum("bk,bk->b", gram, weights) - squares[k] * weights[:, k]
            weights[:, k] = np.maximum(right[:, k] - told - l1, 0.0) / np.maximum(squares[k] + l2, 1e-12)
        if np.abs(weights - before).max(initial=0.0) < _STILL:
            break
    return weights


class _Gram:
    """Inner products of some rows of a CSR matrix with each other: looked up if there are few rows, else computed."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self._all: Grams | None = (rows @ rows.T).toarray() if rows.shape[0] <= _DENSE else None

    def __call__(self, some: NDArray[np.integer]) -> Grams:
        if self._all is not None:
            found: Grams = self._all[some[:, None], some]
        else:
            own = self._rows[some]
            found = (own @ own.T).toarray()
        return found


class Slim(Model):
    """Items that a sparse linear model expects, with the shopper's history as what is known.

    Parameters
    ----------
    l1, l2
        Of the elastic net, in shoppers: more of ``l1`` leaves fewer weights, more of ``l2`` makes them smaller.
    neighbours
        How many items each is told from, the ones that tell most of it alone.
    values
        ``binary``, ``log`` or ``weights``: how much each pair counts.
    """

    kind: ClassVar[str] = "slim"

    def __init__(self, *, l1: float = 0.5, l2: float = 50.0, neighbours: int = 100, values: Values = "binary") -> None:
        super().__init__()
        positive("l1", l1, zero=True)
        positive("l2", l2)
        positive("neighbours", neighbours, whole=True)
        self.l1, self.l2, self.neighbours = l1, l2, neighbours
        self.values: Values = checked_values(values)

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        by_item = signals(interactions, self.values).T.tocsr()
        near, gram = self._candidates(by_item, progress), _Gram(by_item)
        weights = np.zeros(near.nnz, dtype=np.float32)
        for begin in range(0, near.shape[0], _BLOCK):
            rows = slice(begin, min(begin + _BLOCK, near.shape[0]))
            part = slice(near.indptr[rows.start], near.indptr[rows.stop])
            weights[part] = self._solved(gram, near[rows])
            progress(self.kind, rows.stop, near.shape[0])
        near.data = weights
        near.eliminate_zeros()
        self._weights = near.T.tocsr()

    def _candidates(self, by_item: Any, progress: Progress) -> Any:
        """The items that each is told from: inner products ``(n, n)`` CSR, at most ``neighbours`` in a row."""
        squares = np.asarray(by_item.multiply(by_item).sum(axis=1)).ravel()
        scale = np.sqrt(squares + self.l2).astype(np.float32)

        def worth(block: Any, rows: NDArray[np.int64]) -> Any:
            block = without_diagonal(block, rows)
            block.data /= scale[block.indices]
            return block

        near = pruned_product(
            by_item, by_item.T.tocsr(), self.neighbours, change=worth, progress=progress, stage="neighbours"
        )
        near.data *= scale[near.indices]
        return near

    def _solved(self, gram: _Gram, near: Any) -> NDArray[np.float32]:
        """The weights of the entries of some rows of the candidates."""
        lengths = np.diff(near.indptr)
        width = int(lengths.max(initial=0))
        grams = np.zeros((width, len(lengths), width), dtype=np.float32)
        right = np.zeros((len(lengths), width), dtype=np.float32)
        for row, (begin, end) in enumerate(zip(near.indptr[:-1], near.indptr[1:], strict=True)):
            grams[: end - begin, row, : end - begin] = gram(near.indices[begin:end])
            right[row, : end - begin] = near.data[begin:end]
        solved = descend(grams, right, l1=self.l1, l2=self.l2)
        found: NDArray[np.float32] = solved[np.arange(width) < lengths[:, None]]
        return found

    def _scores(self, histories: Interactions) -> Scores:
        return signals(histories, self.values) @ self._weights

    def _arrays(self) -> Arrays:
        return packed("weights", self._weights)

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._weights = unpacked(arrays, "weights")
