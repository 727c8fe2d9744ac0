"""Histories as baskets: what somebody took at one time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions
from goodsense.recommend.histories import blocks_of
from goodsense.recommend.sequences import Whole

USERS, SHARE = 4_096, 0.25  # asked by what is held out: at most, and of those who can be
AT_ONCE = 1_024  # histories that are scored together


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
        """Cut histories by :func:`basket_numbers`."""
        number = basket_numbers(histories, gap_s)
        first = np.ones(len(number), dtype=np.bool_)
        first[1:] = number[1:] != number[:-1]
        pairs = np.stack([number, histories.item_rows.astype(np.int64)], axis=1)
        kept = np.sort(np.unique(pairs, axis=0, return_index=True)[1])
        per_user = np.bincount(histories.user_rows[first], minlength=len(histories.users))
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


@dataclass(frozen=True, eq=False)
class HeldBaskets:
    """The last basket of some users, held out to see when a network is at its best, and all else.

    Parameters
    ----------
    train
        The interactions without the held-out baskets, over the same users and items.
    histories
        What the asked users did before, one history per user.
    wanted
        The held-out baskets, one per user.
    """

    train: Interactions
    histories: Interactions
    wanted: Baskets

    @classmethod
    def of(cls, interactions: Interactions, gap_s: float, *, seed: int) -> Self:
        """Ask a quarter of the users who have two baskets or more, at most :data:`USERS`."""
        number = basket_numbers(interactions, gap_s)
        counts = np.diff(Baskets.of(interactions, gap_s).starts)
        able = np.flatnonzero(counts > 1)
        few = min(USERS, max(1, int(SHARE * len(able))), len(able))
        users = np.sort(np.random.default_rng(seed).choice(able, few, replace=False))
        held = np.isin(number, (np.cumsum(counts) - 1)[users])
        train, names = interactions.only(~held), [interactions.users[user] for user in users.tolist()]
        wanted = Baskets.of(interactions.only(held).select(users=names), np.inf)
        return cls(train, train.select(users=names), wanted)

    def __len__(self) -> int:
        """How many users are asked."""
        return len(self.wanted)

    def ndcg(self, scores: Callable[[Interactions], NDArray[np.float32]], k: int = 20) -> float:
        """Mean nDCG@k of the held-out baskets among all items: what was taken before may be taken again."""
        found = [0.0] if not len(self) else []
        for start, block in enumerate(blocks_of(self.histories, AT_ONCE)):
            own = np.arange(start * AT_ONCE, start * AT_ONCE + len(block.users))
            found += self._gains(scores(block), own, k).tolist()
        return float(np.mean(found))

    def _gains(self, scores: NDArray[np.float32], own: Whole, k: int) -> NDArray[np.float64]:
        rows, there = self.wanted.rows(own, np.ones(len(own), dtype=np.bool_))  # (b, s)
        relevant = np.zeros(scores.shape, dtype=np.bool_)
        relevant[np.nonzero(there)[0], rows[there]] = True
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        discounts = 1 / np.log2(np.arange(best.shape[1]) + 2)
        ideal = np.cumsum(discounts)[np.minimum(there.sum(axis=1), best.shape[1]) - 1]
        gains = np.take_along_axis(relevant, best, axis=1) * discounts
        found: NDArray[np.float64] = gains.sum(axis=1) / ideal
        return found


def basket_numbers(histories: Interactions, gap_s: float) -> Whole:
    """The basket of every event, ``(e,)``, counted through all histories.

    Events that follow one another within ``gap_s`` seconds are one basket; one without a time is a basket of its own.
    """
    users, times = histories.user_rows, histories.times
    first = np.ones(len(histories), dtype=np.bool_)
    first[1:] = (users[1:] != users[:-1]) | ~(times[1:] - times[:-1] <= gap_s)  # unknown times part, too
    return np.cumsum(first, dtype=np.int64) - 1


def _sums(counts: NDArray[np.int64]) -> Whole:
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
