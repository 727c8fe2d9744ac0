"""Yes or no: does this shopper take to this product? What was held out, beside products drawn at a stated ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError

if TYPE_CHECKING:
    from goodsense.events import Interactions

Rows: TypeAlias = NDArray[np.int64]

_ROUNDS = 20  # of drawing again what the shopper has; who has nearly everything gets fewer


@dataclass(frozen=True, eq=False)
class PairSample:
    """Shoppers and items ``(p,)``, and whether they came together; by shopper."""

    users: Rows
    items: Rows
    truth: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.users)


def sampled_pairs(held_out: Interactions, *known: Interactions, negatives: int = 4, seed: int = 0) -> PairSample:
    """Every held-out pair, and for each so many items of which nothing is known of the shopper, drawn alike.

    Parameters
    ----------
    held_out
        What is asked for.
    known
        Everything else, over the same users and items: what stands there is neither asked for nor drawn.
    negatives
        Items drawn per held-out pair; each once per shopper.

    Raises
    ------
    UsageError
        If fewer than one is drawn.
    """
    if negatives < 1:
        raise UsageError(f"{negatives} items drawn per pair.", fix="Draw 1 or more.")
    n = max(1, len(held_out.items))
    taken = np.unique(np.concatenate([_codes(part, n) for part in (held_out, *known)]))
    asked = np.setdiff1d(_codes(held_out, n), np.concatenate([np.empty(0, np.int64), *(_codes(p, n) for p in known)]))
    rng, drawn = np.random.default_rng(seed), np.empty(0, np.int64)
    users = np.repeat(asked // n, negatives)
    for _ in range(_ROUNDS):
        if not len(users):
            break
        codes = users * n + rng.integers(0, n, len(users))
        fresh = np.unique(codes[~np.isin(codes, taken)])
        taken, drawn = np.union1d(taken, fresh), np.union1d(drawn, fresh)
        users = _still_missing(asked // n, drawn // n, negatives)
    every = np.concatenate([asked, drawn])
    order = np.argsort(every, kind="stable")
    truth = np.arange(len(every)) < len(asked)
    return PairSample(every[order] // n, every[order] % n, truth[order])


def _codes(part: Interactions, n: int) -> Rows:
    codes: Rows = part.pairs.user_rows * n + part.pairs.item_rows
    return codes


def _still_missing(asked: Rows, drawn: Rows, negatives: int) -> Rows:
    """The shoppers that have fewer drawn items than they should, as often as items are missing."""
    size = int(asked.max()) + 1
    missing = np.bincount(asked, minlength=size) * negatives - np.bincount(drawn, minlength=size)
    return np.repeat(np.arange(size), missing)
