"""Ranked items, and how the best are picked from scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Run

Mask: TypeAlias = NDArray[np.bool_]
_NONE = -1
_NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Ranked:
    """The best items for some shoppers, or some items, best first.

    Parameters
    ----------
    users
        Whose they are, ``(b,)``.
    items
        All items that there are, ``(n,)``.
    rows
        ``(b, k)`` int32 places in ``items``; -1 where there are no more.
    scores
        ``(b, k)`` float32; 0 there. They compare within one row only.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        assert self.rows.shape == self.scores.shape
        assert len(self.rows) == len(self.users)

    def __len__(self) -> int:
        return len(self.users)

    def ids(self, row: int = 0) -> tuple[str, ...]:
        """The items of one row."""
        return tuple(self.items[place] for place in self.rows[row].tolist() if place != _NONE)

    def hits(self, row: int = 0) -> list[tuple[str, float]]:
        """Items and scores of one row."""
        return list(zip(self.ids(row), self.scores[row].tolist(), strict=False))

    def __iter__(self) -> Iterator[tuple[str, list[tuple[str, float]]]]:
        """Every shopper with their items and scores."""
        return ((user, self.hits(row)) for row, user in enumerate(self.users))

    def run(self) -> Run:
        """As :func:`goodsense.evaluate.ranking.evaluate_run` takes it."""
        return dict(self)

    @staticmethod
    def joined(parts: list[Ranked], items: tuple[str, ...], k: int) -> Ranked:
        """Blocks of rows, one under another."""
        if not parts:
            return Ranked((), items, np.empty((0, k), np.int32), np.empty((0, k), np.float32))
        users = tuple(user for part in parts for user in part.users)
        return Ranked(users, items, np.vstack([p.rows for p in parts]), np.vstack([p.scores for p in parts]))


@dataclass(frozen=True, eq=False)
class Order:
    """Which of equal items comes first.

    Parameters
    ----------
    rows
        ``(n,)`` int64: all items, the first first.
    place
        ``(n,)`` int64: where each item stands in it.
    """

    rows: NDArray[np.int64]
    place: NDArray[np.int64]

    @classmethod
    def by(cls, popularity: NDArray[np.float64]) -> Order:
        """The most popular first; equal ones by id, descending, as everywhere."""
        rows = np.lexsort((-np.arange(len(popularity)), -popularity))
        place = np.empty(len(rows), np.int64)
        place[rows] = np.arange(len(rows))
        return cls(rows, place)


def best_dense(
    scores: NDArray[np.floating], k: int, *, order: Order, barred: Any | None, allowed: Mask | None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Places and scores ``(b, k)`` of the ``k`` best of every row of scores ``(b, n)``.

    Parameters
    ----------
    order
        Which of equal ones comes first.
    barred
        CSR ``(b, n)``: whatever has an entry is left out.
    allowed
        ``(n,)``; None: all are.
    """
    b, n = scores.shape
    k = min(k, n)
    if k == 0 or b == 0:
        return np.empty((b, k), np.int32), np.empty((b, k), np.float32)
    values = np.array(scores, dtype=np.float32)  # (b, n), a copy
    if allowed is not None:
        values[:, ~allowed] = -np.inf
    if barred is not None:
        values[np.repeat(np.arange(b), np.diff(barred.indptr)), barred.indices] = -np.inf
    chosen = _largest(values, k, order.place)
    found = np.take_along_axis(values, chosen, axis=1)
    ranks = np.lexsort((order.place[chosen], -found), axis=1)
    chosen, found = np.take_along_axis(chosen, ranks, axis=1), np.take_along_axis(found, ranks, axis=1)
    real = np.isfinite(found)
    return np.where(real, chosen, _NONE).astype(np.int32), np.where(real, found, 0).astype(np.float32)


def _largest(values: NDArray[np.float32], k: int, place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Columns ``(b, k)`` of the largest of every row, in no order; of equal ones those with the first places."""
    n = values.shape[1]
    if k == n:
        return np.tile(np.arange(n), (len(values), 1))
    chosen = np.argpartition(values, n - k, axis=1)[:, n - k :].astype(np.int64)
    least = np.take_along_axis(values, chosen, axis=1).min(axis=1)  # (b,)
    for row in np.flatnonzero((values >= least[:, None]).sum(axis=1) > k):
        above, equal = np.flatnonzero(values[row] > least[row]), np.flatnonzero(values[row] == least[row])
        chosen[row] = np.concatenate([above, equal[np.argsort(place[equal])][: k - len(above)]])
    return chosen


def best_sparse(
    scores: Any, k: int, *, order: Order, barred: Any | None, allowed: Mask | None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """As :func:`best_dense` for CSR scores; items without a positive score come after the others, with 0."""
    b, n = scores.shape
    k = min(k, n)
    rows, found = np.full((b, k), _NONE, np.int32), np.zeros((b, k), np.float32)
    usual = order.rows if allowed is None else order.rows[allowed[order.rows]]
    out = np.zeros(n, np.bool_) if allowed is None else ~allowed
    for row in range(b):
        part = slice(scores.indptr[row], scores.indptr[row + 1])
        columns, values = scores.indices[part], scores.data[part]
        own = _NO_ROWS if barred is None else barred.indices[barred.indptr[row] : barred.indptr[row + 1]]
        before = out[own]
        out[own] = True
        usable = ~out[columns] & (values > 0)
        columns, values = columns[usable], values[usable]
        if len(columns) > 4 * k:
            least = np.partition(values, len(values) - k)[len(values) - k]
            columns, values = columns[values >= least], values[values >= least]
        ranks = np.lexsort((order.place[columns], -values))[:k]
        count = len(ranks)
        rows[row, :count], found[row, :count] = columns[ranks], values[ranks]
        if count < k:
            more = _others(usual, out, columns[ranks], k - count, skip=len(own))
            rows[row, count : count + len(more)] = more
        out[own] = before
    return rows, found


def _others(
    usual: NDArray[np.int64], out: Mask, taken: NDArray[np.integer], count: int, *, skip: int
) -> NDArray[np.int64]:
    """The first ``count`` of the usual ones that are neither out nor taken."""
    head = usual[: count + skip + len(taken)]
    head = head[~out[head]]
    return head[~np.isin(head, taken)][:count]
