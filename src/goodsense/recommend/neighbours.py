"""Neighbours by behaviour: items that the same shoppers took to, and shoppers who took to the same items.

Sarwar et al., "Item-Based Collaborative Filtering Recommendation Algorithms" (WWW 2001), and Herlocker et al., "An
Algorithmic Framework for Performing Collaborative Filtering" (SIGIR 1999); the asymmetric cosine is that of Aiolli,
"Efficient Top-N Recommendation for Very Large Scale Binary Rated Datasets" (RecSys 2013); shrinkage and weights are as
in Ferrari Dacrema et al., "A Troubling Analysis of Reproducibility and Progress in Recommender Systems Research" (TOIS
2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.pruning import pruned_product, without_diagonal
from goodsense.recommend.signals import Values, checked, checked_values, faded, positive, share_left, signals
from goodsense.recommend.storage import Arrays, packed, unpacked

Similarity: TypeAlias = Literal["cosine", "jaccard", "dot"]
SIMILARITIES: tuple[Similarity, ...] = get_args(Similarity)
Weighting: TypeAlias = Literal["none", "tf-idf", "bm25"]
WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)

_K1, _B = 100.0, 0.8  # of BM25: behaviour saturates far later than words do


@dataclass(frozen=True, eq=False)
class Weights:
    """How a row's entries are weighed before rows are compared: rare columns more, and long rows less.

    Parameters
    ----------
    weighting
        ``none``; ``tf-idf``: ``sqrt(x) idf``; ``bm25``: ``x (K1 + 1) / (x + K1 (1 - B + B length / mean)) idf``.
    rarity
        ``(n,)`` what every column counts: ``count^-damping``, times the idf ``log((m + 1) / count)`` of ``m`` rows if
        there is a weighting.
    length
        The mean sum of a row.
    """

    weighting: Weighting
    rarity: NDArray[np.float32]
    length: float

    @classmethod
    def of(cls, matrix: Any, weighting: Weighting, damping: float = 0.0) -> Weights:
        """As the rows of a CSR matrix ``(m, n)`` are spread."""
        counts = np.maximum(np.bincount(matrix.indices, minlength=matrix.shape[1]), 1.0)
        rarity = counts**-damping
        if weighting != "none":
            rarity *= np.log((matrix.shape[0] + 1) / counts)
        return cls(
            weighting,
            rarity.astype(np.float32),
            max(float(matrix.data.sum(dtype=np.float64)) / max(matrix.shape[0], 1), 1e-12),
        )

    def __call__(self, matrix: Any) -> Any:
        """The same matrix, weighed; rows may be others than those it was made of."""
        data, rarity = matrix.data, self.rarity[matrix.indices]
        if self.weighting == "none":
            weighed = data * rarity
        elif self.weighting == "tf-idf":
            weighed = np.sqrt(data) * rarity
        else:
            lengths = np.asarray(matrix.sum(axis=1)).ravel() / self.length
            longer = np.repeat((1 - _B + _B * lengths).astype(np.float32), np.diff(matrix.indptr))
            weighed = data * (_K1 + 1) / (data + _K1 * longer) * rarity
        return type(matrix)((weighed.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def likeness(
    products: Any,
    own: NDArray[np.float32],
    other: NDArray[np.float32],
    *,
    similarity: Similarity,
    shrinkage: float,
    alpha: float,
) -> Any:
    """Inner products of rows, ``(b, n)`` CSR, to similarities; squared norms ``own`` ``(b,)``, ``other`` ``(n,)``.

    ``cosine`` divides by ``own^alpha other^(1 - alpha) + shrinkage``, ``jaccard`` by ``own + other - product +
    shrinkage``; ``dot`` multiplies by ``product / (product + shrinkage)``.
    """
    lengths, columns, found = np.diff(products.indptr), products.indices, products.data
    if similarity == "cosine":
        below = np.repeat(own**alpha, lengths) * (other ** (1 - alpha))[columns] + np.float32(shrinkage)
    elif similarity == "jaccard":
        below = np.repeat(own, lengths) + other[columns] - found + np.float32(shrinkage)
    else:
        below = 1.0 + shrinkage / np.maximum(found, 1e-12)
    products.data = (found / np.maximum(below, np.float32(1e-12))).astype(np.float32, copy=False)
    return products


def _squares(matrix: Any) -> NDArray[np.float32]:
    """The squared norm of every row, ``(m,)``."""
    return np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel().astype(np.float32)


class _Neighbours(Model):
    """What both directions have in common: their options."""

    def __init__(
        self,
        *,
        similarity: Similarity,
        weighting: Weighting,
        damping: float,
        neighbours: int,
        shrinkage: float,
        alpha: float,
        values: Values,
    ) -> None:
        super().__init__()
        self.similarity: Similarity = checked(similarity, SIMILARITIES, "similarity")
        self.weighting: Weighting = checked(weighting, WEIGHTINGS, "weighting")
        self._entries = 0  # of the weighed matrix
        positive("damping", damping, zero=True)
        positive("neighbours", neighbours, whole=True)
        positive("shrinkage", shrinkage, zero=True)
        if not 0 <= alpha <= 1:
            raise UsageError(f"alpha is {alpha!r}; expected a number from 0 to 1.")
        self.damping, self.neighbours, self.shrinkage, self.alpha = damping, neighbours, shrinkage, alpha
        self.values: Values = checked_values(values)

    def _likeness(self, products: Any, own: NDArray[np.float32], other: NDArray[np.float32]) -> Any:
        usual = float(other.sum(dtype=np.float64)) / max(self._entries, 1)  # squared entry
        shrinkage = self.shrinkage * usual
        return likeness(products, own, other, similarity=self.similarity, shrinkage=shrinkage, alpha=self.alpha)


class ItemNeighbours(_Neighbours):
    """Items like those in the history, by who took to them.

    Parameters
    ----------
    similarity
        ``cosine``, ``jaccard`` or ``dot`` (inner product).
    weighting
        ``none``, ``tf-idf`` or ``bm25``: shoppers with few items say more.
    damping
        How much less shoppers with many items say, besides: each entry counts ``count^-damping``.
    neighbours
        How many similar items are kept of each.
    shrinkage
        In entries of usual weight, added below the fraction: similarities that few shoppers tell of count less.
    alpha
        Of the cosine: the share of the norm of the history's item; above .5, popular candidates come first.
    fading
        What an item of the history counts against the event after it.
    values
        ``binary``, ``log`` or ``weights``: how much each pair counts.
    """

    kind: ClassVar[str] = "item-knn"

    def __init__(
        self,
        *,
        similarity: Similarity = "cosine",
        weighting: Weighting = "none",
        damping: float = 0.25,
        neighbours: int = 200,
        shrinkage: float = 50.0,
        alpha: float = 0.7,
        fading: float = 1.0,
        values: Values = "binary",
    ) -> None:
        super().__init__(
            similarity=similarity,
            weighting=weighting,
            damping=damping,
            neighbours=neighbours,
            shrinkage=shrinkage,
            alpha=alpha,
            values=values,
        )
        self.fading = share_left(fading)

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        by_item = signals(interactions, self.values).T.tocsr()
        by_item = Weights.of(by_item, self.weighting, self.damping)(by_item)
        squares, self._entries = _squares(by_item), by_item.nnz

        def similar(block: Any, rows: NDArray[np.int64]) -> Any:
            return self._likeness(without_diagonal(block, rows), squares[rows], squares)

        self._near = pruned_product(
            by_item, by_item.T.tocsr(), self.neighbours, change=similar, progress=progress, stage=self.kind
        )

    def _scores(self, histories: Interactions) -> Scores:
        return faded(histories, self.values, self.fading) @ self._near

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        return self._near[rows]

    def _arrays(self) -> Arrays:
        return packed("near", self._near)

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._near = unpacked(arrays, "near")


class UserNeighbours(_Neighbours):
    """What shoppers with a similar history took to; similarities are found when somebody asks.

    Parameters
    ----------
    similarity, shrinkage, values
        As in :class:`ItemNeighbours`.
    weighting
        Here rare items say more.
    damping
        How much less popular items say, besides.
    neighbours
        How many similar shoppers count.
    alpha
        Of the cosine: the share of the norm of who asks (which changes nothing for them), the rest that of the others.
    """

    kind: ClassVar[str] = "user-knn"

    def __init__(
        self,
        *,
        similarity: Similarity = "cosine",
        weighting: Weighting = "tf-idf",
        damping: float = 0.0,
        neighbours: int = 300,
        shrinkage: float = 0.0,
        alpha: float = 0.5,
        values: Values = "binary",
    ) -> None:
        super().__init__(
            similarity=similarity,
            weighting=weighting,
            damping=damping,
            neighbours=neighbours,
            shrinkage=shrinkage,
            alpha=alpha,
            values=values,
        )

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        self._taken = signals(interactions, self.values)
        self._prepare(Weights.of(self._taken, self.weighting, self.damping))

    def _prepare(self, weights: Weights) -> None:
        self._weights = weights
        weighed = weights(self._taken)
        self._squares, self._entries = _squares(weighed), weighed.nnz
        self._by_item = weighed.T.tocsr()

    def _scores(self, histories: Interactions) -> Scores:
        asking = self._weights(signals(histories, self.values))
        squares = _squares(asking)

        def similar(block: Any, rows: NDArray[np.int64]) -> Any:
            return self._likeness(block, squares[rows], self._squares)

        return pruned_product(asking, self._by_item, self.neighbours, change=similar) @ self._taken

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        by_item = self._taken.T.tocsr()
        squares = _squares(by_item)
        products = by_item[rows] @ self._taken
        return self._likeness(products, squares[rows], squares)

    def _arrays(self) -> Arrays:
        own = {"rarity": self._weights.rarity, "length": np.array([self._weights.length])}
        return packed("taken", self._taken) | own

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._taken = unpacked(arrays, "taken")
        self._prepare(Weights(self.weighting, arrays["rarity"], float(arrays["length"][0])))
