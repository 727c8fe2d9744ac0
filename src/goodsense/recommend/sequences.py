"""Histories as padded rows of items for networks that read them one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions

Whole = NDArray[np.int64]
POOL = 32  # batches that are made together of sequences that are sorted by length


@dataclass(frozen=True, eq=False)
class Sequences:
    """Pieces of histories, each in the order of time.

    What comes several times in a row (a view, a cart and a purchase of one product) is one step.

    Parameters
    ----------
    items
        ``(e,)`` all steps of all histories, one history after another: places of items.
    starts, ends
        ``(m,)`` where each piece stands in ``items``.
    """

    items: Whole
    starts: Whole
    ends: Whole

    @classmethod
    def newest(cls, histories: Interactions, longest: int) -> Self:
        """The last ``longest`` steps of every history, ``(b,)``."""
        items, starts = _steps(histories)
        return cls(items, np.maximum(starts[:-1], starts[1:] - longest), starts[1:])

    @classmethod
    def lessons(cls, histories: Interactions, longest: int) -> Self:
        """Pieces of at most ``longest + 1`` steps, cut from the newest on, in which every step but the first is told.

        Each begins with the step at which the one before it ends, so that every step of a history is told once.
        Histories of one step have none.
        """
        items, starts = _steps(histories)
        counts = -(-(np.diff(starts) - 1).clip(0) // longest)  # pieces of each history
        back = np.concatenate([np.empty(0, np.int64), *(np.arange(count) for count in counts.tolist())])
        ends = np.repeat(starts[1:], counts) - longest * back
        return cls(items, np.maximum(np.repeat(starts[:-1], counts), ends - longest - 1), ends)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> Whole:
        """Steps of each, ``(m,)``."""
        return self.ends - self.starts

    def padded(self, which: Whole | slice = slice(None)) -> tuple[Whole, NDArray[np.bool_]]:
        """Some pieces as ``(b, t)``, the oldest step first and padding (0) behind; and where there is a step."""
        starts, lengths = self.starts[which], self.lengths[which]
        steps = np.arange(max(1, int(lengths.max(initial=0))))
        there = steps < lengths[:, None]
        rows = np.zeros(there.shape, np.int64)
        rows[there] = self.items[(starts[:, None] + steps)[there]]
        return rows, there

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Whole]:
        """All pieces once, ``size`` at a time, in a new order; those of one batch are of like length."""
        order = rng.permutation(len(self))
        made = []
        for begin in range(0, len(order), POOL * size):
            pool = order[begin : begin + POOL * size]
            pool = pool[np.argsort(self.lengths[pool], kind="stable")]
            made += [pool[start : start + size] for start in range(0, len(pool), size)]
        yield from (made[place] for place in rng.permutation(len(made)))


def _steps(histories: Interactions) -> tuple[Whole, Whole]:
    """Items without direct repetitions, ``(e,)``, and where each history begins, ``(b + 1,)``."""
    rows = histories.item_rows.astype(np.int64)
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = (rows[1:] != rows[:-1]) | (histories.user_rows[1:] != histories.user_rows[:-1])
    counts = np.bincount(histories.user_rows[first], minlength=len(histories.users))
    return rows[first], np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
