"""A few pairs of the training data, held out to see when a network is at its best: the same for every network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions
from goodsense.events.interactions import Pairs
from goodsense.recommend.histories import blocks_of
from goodsense.recommend.model import BLOCK, CELLS

USERS = 4_096  # asked at most
SHARE = 0.25  # of the users that can be asked
LEAST = 3  # items of a user who can be asked


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One pair each of some users, and all else.

    Parameters
    ----------
    train
        The interactions without the held-out pairs, over the same users and items.
    histories
        What the asked users did in ``train``, one history per user.
    rows
        ``(m,)`` int64: the held-out item of each asked user, a place in the items.
    """

    train: Interactions
    histories: Interactions
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, interactions: Interactions, *, seed: int = 0, users: int = USERS) -> HeldOut:
        """Hold out the item that a user took to last, where times are known; else any item of the user.

        Asked are at most ``users``, a quarter of those who have three items or more. An item that nobody else took is
        never held out, so all items stay as warm as they were, nor is a pair of no weight or less. Without anybody to
        ask, nothing is held out.
        """
        pairs = interactions.pairs
        chosen = _chosen(pairs, len(interactions.users), len(interactions.items), users, np.random.default_rng(seed))
        kept = np.ones(len(pairs.item_rows), dtype=np.bool_)
        kept[chosen] = False
        train = interactions.only(kept[pairs.of_event])
        asked = [interactions.users[row] for row in pairs.user_rows[chosen]]
        return cls(train, train.select(users=asked), pairs.item_rows[chosen])

    def __len__(self) -> int:
        """How many users are asked."""
        return len(self.rows)

    def ndcg(self, scores: Callable[[Interactions], NDArray[np.float32]], k: int = 20) -> float:
        """Mean nDCG@k of the held-out items among all that the user has not taken.

        ``scores`` maps a block of histories to ``(b, n)``. Of equal scores half stand before.
        """
        if not len(self):
            return 0.0
        total, begin = 0.0, 0
        for block in blocks_of(self.histories, max(1, min(BLOCK, CELLS // len(self.train.items)))):
            found = np.array(scores(block), dtype=np.float32)  # (b, n)
            found[block.user_rows, block.item_rows] = -np.inf
            total += float(_gains(found, self.rows[begin : begin + len(found)], k).sum())
            begin += len(found)
        return total / len(self)


def _gains(scores: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """What each wanted item ``(b,)`` of scores ``(b, n)`` is worth where it stands, ``(b,)``."""
    own = scores[np.arange(len(rows)), rows][:, None]
    above, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1) - 1
    ranks = 1.0 + above + equal / 2
    return np.where(ranks <= k, 1.0 / np.log2(1.0 + ranks), 0.0)


def _chosen(pairs: Pairs, users: int, items: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which pairs are held out, one per user, in the order of the users."""
    sizes = np.bincount(pairs.user_rows, minlength=users)
    takers = np.bincount(pairs.item_rows, minlength=items)
    times = np.nan_to_num(pairs.first_times, nan=-np.inf)
    order = np.lexsort((rng.random(len(times)), times, pairs.user_rows))
    last = order[np.cumsum(sizes)[sizes > 0] - 1]  # one pair per user who has any
    enough = (sizes[pairs.user_rows[last]] >= LEAST) & (takers[pairs.item_rows[last]] > 1)
    last = last[enough & (pairs.weights[last] > 0)]
    count = min(most, max(1, int(SHARE * len(last))))
    found = np.sort(rng.choice(last, size=min(count, len(last)), replace=False))
    left = takers - np.bincount(pairs.item_rows[found], minlength=items)
    return np.asarray(found[left[pairs.item_rows[found]] > 0], dtype=np.int64)
