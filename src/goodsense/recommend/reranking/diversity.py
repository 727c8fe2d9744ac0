"""Lists that do not show the same thing ten times: marginal relevance over vectors, and caps per category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.recommend.reranking.draft import Draft, Phase, Request
from goodsense.types import Embeddings, Vectors, normalise


def mmr(scores: NDArray[np.float64], vectors: Vectors, count: int, *, trade: float = 0.7) -> NDArray[np.int64]:
    """Rows in the order of maximal marginal relevance.

    The next one maximises ``trade * relevance - (1 - trade) * max cosine to those chosen before`` (Carbonell and
    Goldstein, SIGIR 1998). Relevance is the score, brought to 0..1 over the candidates. Of equal ones the earlier wins.

    Parameters
    ----------
    scores
        ``(n,)``.
    vectors
        ``(n, d)``; a row of zeros is like nothing.
    count
        How many are chosen, at most ``n``.
    trade
        1: by score alone; 0: as different as may be.
    """
    relevance = _unit_range(scores)
    rows = normalise(vectors)
    nearest = np.full(len(scores), -np.inf)  # (n,) cosine to the nearest that was chosen
    open_ = np.ones(len(scores), dtype=np.bool_)
    chosen: list[int] = []
    for _ in range(min(count, len(scores))):
        alike = np.where(np.isfinite(nearest), nearest, 0.0)
        best = int(np.argmax(np.where(open_, trade * relevance - (1 - trade) * alike, -np.inf)))
        chosen.append(best)
        open_[best] = False
        nearest = np.maximum(nearest, rows @ rows[best])
    return np.array(chosen, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Diversify:
    """Arranges the first candidates by :func:`mmr`; the others stay behind them.

    Parameters
    ----------
    products
        One vector per product; those without one are like nothing.
    trade
        As in :func:`mmr`.
    depth
        From so many times ``k`` of the best candidates the list is chosen.
    """

    products: Embeddings
    trade: float = 0.7
    depth: int = 5
    name: str = "diversity"
    phase: ClassVar[Phase] = Phase.ARRANGE

    def __post_init__(self) -> None:
        if not 0 <= self.trade <= 1 or self.depth < 1:
            raise UsageError(f"trade is {self.trade:g} and depth {self.depth}; expected 0 to 1, and 1 or more.")

    @cached_property
    def _places(self) -> dict[str, int]:
        return {id: row for row, id in enumerate(self.products.ids)}

    def __call__(self, draft: Draft, request: Request) -> Draft:
        pool = min(len(draft), self.depth * request.k)
        first = mmr(draft.scores[:pool], self._vectors(draft.ids[:pool]), request.k, trade=self.trade)
        rest = np.setdiff1d(np.arange(len(draft)), first)
        return draft.arranged(np.concatenate([first, rest]), self.name, None)

    def _vectors(self, ids: tuple[str, ...]) -> Vectors:
        rows = np.array([self._places.get(id, -1) for id in ids], dtype=np.int64)
        found: Vectors = np.zeros((len(ids), self.products.dim), dtype=np.float32)
        there = rows >= 0
        there[there] = self.products.present[rows[there]]
        found[there] = self.products.vectors[rows[there]]
        return found


@dataclass(frozen=True, eq=False)
class CategoryCap:
    """Shows at most so many products of a category: further ones go behind the products of others.

    Parameters
    ----------
    categories
        Product -> category; "" or none: not counted.
    most
        Of one category among the first ``k``, as long as others are there.
    """

    categories: Mapping[str, str]
    most: int = 3
    name: str = "category-cap"
    phase: ClassVar[Phase] = Phase.ARRANGE

    def __post_init__(self) -> None:
        if self.most < 1:
            raise UsageError(f"{self.most} products of a category are none.", fix="Give 1 or more.")

    def __call__(self, draft: Draft, request: Request) -> Draft:
        counts: Counter[str] = Counter()
        shown: list[int] = []
        over: list[int] = []
        for row, id in enumerate(draft.ids):
            category = self.categories.get(id, "")
            counts[category] += 1
            free = len(shown) >= request.k or not category or counts[category] <= self.most
            (shown if free else over).append(row)
        order = [*shown[: request.k], *sorted([*shown[request.k :], *over])]
        return draft.arranged(order, self.name, {draft.ids[row]: True for row in over})


def _unit_range(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = scores.min(initial=np.inf), scores.max(initial=-np.inf)
    return (scores - low) / (high - low) if high > low else np.ones(len(scores))
