"""Histories as baskets: what somebody took at one time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions
from goodsense.recommend.sequences import Whole


@dataclass(frozen=True, eq=False)
class Baskets:
    """The baskets of all histories, one after another, each item once in a basket.

    Parameters
    ----------
    items
        ``(e,)`` places of items.
    bounds
        ``(m + 1,)`` where each basket begins in ``items``.
    starts
        ``(b + 1,)`` where each history begins in the baskets.
    """

    items: Whole
    bounds: Whole
    starts: Whole

    @classmethod
    def of(cls, histories: Interactions, gap_s: float) -> Self:
        """Events that follow one another within ``gap_s`` seconds are one basket; those without a time one each."""
        users, times = histories.user_rows, histories.times
        first = np.ones(len(histories), dtype=np.bool_)
        with np.errstate(invalid="ignore"):
            first[1:] = (users[1:] != users[:-1]) | ~(times[1:] - times[:-1] <= gap_s)  # unknown times part, too
        number = np.cumsum(first) - 1  # (e,)
        pairs = np.stack([number, histories.item_rows.astype(np.int64)], axis=1)
        kept = np.unique(pairs, axis=0, return_index=True)[1]
        kept.sort()
        per_user = np.bincount(users[first], minlength=len(histories.users))
        per_basket = np.bincount(number[kept], minlength=int(first.sum()))
        return cls(pairs[kept, 1], _sums(per_basket), _sums(per_user))

    def __len__(self) -> int:
        """How many baskets there are."""
        return len(self.bounds) - 1

    @property
    def sizes(self) -> Whole:
        """Items of each basket, ``(m,)``."""
        return np.diff(self.bounds)

    def lessons(self, longest: int) -> tuple[Whole, Whole]:
        """Every basket that others came before, with the first of at most ``longest`` of these, ``(l, 2)``; and the
        history that each is of, ``(l,)``."""
        history = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))  # (m,)
        begins = self.starts[:-1][history]
        told = np.flatnonzero(np.arange(len(self)) > begins)
        return np.stack([np.maximum(begins[told], told - longest), told], axis=1), history[told]

    def newest(self, longest: int) -> Whole:
        """The last ``longest`` baskets of every history, from one to before another: ``(b, 2)``."""
        return np.stack([np.maximum(self.starts[:-1], self.starts[1:] - longest), self.starts[1:]], axis=1)

    def padded(self, spans: Whole) -> tuple[Whole, NDArray[np.bool_]]:
        """Baskets ``(b, t, s)`` from one to before another, ``spans (b, 2)``, oldest first, padding behind; and where
        there is an item."""
        begins, counts = spans[:, 0], spans[:, 1] - spans[:, 0]
        steps = np.arange(max(1, int(counts.max(initial=0))))
        real = steps < counts[:, None]  # (b, t)
        chosen = np.where(real, begins[:, None] + steps, 0)
        return self.rows(chosen, real)

    def rows(self, chosen: Whole, real: NDArray[np.bool_]) -> tuple[Whole, NDArray[np.bool_]]:
        """Items of baskets ``chosen (...)`` as ``(..., s)``, and where there is one; none where a basket is not
        ``real``."""
        sizes = np.where(real, self.sizes[chosen] if len(self) else 0, 0)
        places = np.arange(max(1, int(sizes.max(initial=0))))
        there = places < sizes[..., None]
        found = np.zeros(there.shape, np.int64)
        begins = np.broadcast_to((self.bounds[:-1][chosen] if len(self) else chosen)[..., None], there.shape)
        found[there] = self.items[(begins + places)[there]]
        return found, there


def _sums(counts: NDArray[np.int64]) -> Whole:
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
