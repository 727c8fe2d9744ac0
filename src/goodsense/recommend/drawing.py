"""Who took what, to learn from; items that somebody did not take; and batches of examples with their histories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Taken:
    """Every shopper with every item that they took, once: by shopper, then by time, then by item.

    Parameters
    ----------
    users, items
        ``(p,)`` places.
    strengths
        ``(p,)`` float32 above 0: how much each says.
    starts
        ``(u + 1,)``: the pairs of shopper ``i`` are ``starts[i]:starts[i + 1]``.
    codes
        ``(p,)`` shopper and item in one number, ascending.
    count
        Items in all.
    timed
        Whether times are known, so that a history is what was before.
    """

    users: Rows
    items: Rows
    strengths: NDArray[np.float32]
    starts: Rows
    codes: Rows
    count: int
    timed: bool

    @classmethod
    def of(cls, interactions: Interactions) -> Self:
        """What counts is a pair's first time; pairs of no weight or less are left out."""
        pairs, count = interactions.pairs, len(interactions.items)
        kept = pairs.weights > 0
        users, items = pairs.user_rows[kept].astype(np.int64), pairs.item_rows[kept].astype(np.int64)
        times = pairs.first_times[kept]
        order = np.lexsort((items, np.nan_to_num(times, nan=-np.inf), users))
        starts = np.searchsorted(users[order], np.arange(len(interactions.users) + 1)).astype(np.int64)
        strengths = pairs.weights[kept][order].astype(np.float32)
        timed = len(times) > 0 and bool(np.isfinite(times).all()) and _differ(times[order], users[order])
        return cls(users[order], items[order], strengths, starts, users * count + items, count, timed)

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self.users)

    @property
    def shares(self) -> NDArray[np.float64]:
        """What share of all pairs each item has, ``(n,)``."""
        return np.bincount(self.items, minlength=self.count) / max(1, len(self))

    def codes_of(self, users: Rows, items: Rows) -> Rows:
        """Shopper and item in one number."""
        return users * self.count + items

    def has(self, users: Rows, items: Rows) -> NDArray[np.bool_]:
        """Whether these shoppers took these items, of one shape."""
        wanted = self.codes_of(users, items)
        places = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
        return np.asarray(self.codes[places] == wanted, dtype=np.bool_)

    def among(self, users: Rows, candidates: Rows) -> NDArray[np.bool_]:
        """Which of some different items, ascending ``(c,)``, each of some shoppers took, ``(b, c)``."""
        asking, which = np.unique(users, return_inverse=True)
        sizes = np.diff(self.starts)[asking]
        owners = np.repeat(np.arange(len(asking)), sizes)
        begins = self.starts[asking] - (np.cumsum(sizes) - sizes)
        rows = self.items[np.arange(len(owners)) + begins[owners]]
        columns = np.minimum(np.searchsorted(candidates, rows), len(candidates) - 1)
        kept = candidates[columns] == rows
        found = np.zeros((len(asking), len(candidates)), dtype=np.bool_)
        found[owners[kept], columns[kept]] = True
        return found[which]

    def others(self, users: Rows, count: int, rng: np.random.Generator) -> Rows:
        """Items for each of some shoppers, ``(b, count)``, all alike; one that was taken is drawn once more."""
        asking = np.broadcast_to(users[:, None], (len(users), count))
        found = rng.integers(self.count, size=asking.shape)
        again = self.has(asking, found)
        found[again] = rng.integers(self.count, size=int(again.sum()))
        return found

    def examples(self) -> Rows:
        """Pairs that can be told from a history, places in ``users``: something was before or, untimed, beside them."""
        first = self.starts[self.users]
        alone = np.arange(len(self)) == first if self.timed else np.diff(self.starts)[self.users] < 2
        return np.flatnonzero(~alone)

    def histories(self, examples: Rows, longest: int) -> tuple[Rows, NDArray[np.bool_]]:
        """What was before each example, the newest first: places of pairs ``(b, h)``, and a mask where there is one.

        Where times are unknown, it is what else the shopper took, as much of it as ``longest`` allows.
        """
        first, size = self.starts[self.users[examples]], np.diff(self.starts)[self.users[examples]]
        own = examples - first  # (b,) place within the history
        lengths = np.minimum(own if self.timed else size - 1, longest)
        steps = np.arange(1, 1 + max(1, int(lengths.max(initial=0))))
        there = steps <= lengths[:, None]
        back = (own[:, None] - steps) % np.maximum(size, 1)[:, None]  # around, where there is no order
        return np.where(there, first[:, None] + back, 0), there

    def newest(self, longest: int) -> tuple[Rows, NDArray[np.bool_], NDArray[np.float32]]:
        """The last ``longest`` items of every shopper, ``(u, h)``, the newest first; a mask; and their strengths."""
        lengths = np.minimum(np.diff(self.starts), longest)
        steps = np.arange(max(1, int(lengths.max(initial=0))))
        there = steps < lengths[:, None]
        places = (self.starts[1:, None] - 1 - steps)[there]
        rows, strengths = np.zeros(there.shape, np.int64), np.ones(there.shape, np.float32)
        rows[there], strengths[there] = self.items[places], self.strengths[places]
        return rows, there, strengths


def _differ(times: NDArray[np.float64], users: Rows) -> bool:
    """Whether anybody did anything at two times."""
    same = users[1:] == users[:-1]
    return bool((times[1:][same] != times[:-1][same]).any())
