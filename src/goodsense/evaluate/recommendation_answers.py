"""Recommendations beside what was held out of the same shoppers: which of them hit, and how well they are ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.evaluate.experiment import Interval, bootstrap
from goodsense.evaluate.ranking import metrics_at

if TYPE_CHECKING:
    from goodsense.events import Interactions

Rows: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Scores: TypeAlias = NDArray[np.float64]

_BLOCK = 1_024  # shoppers judged at once
_SAMPLES, _DRAWS = 1_000, 10_000_000  # bootstrap samples of an interval, fewer where shoppers are very many


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """What is known of the items that can be recommended, ``(n,)`` of each.

    Parameters
    ----------
    categories
        "" for none; an empty tuple where nothing is known of any.
    vectors
        ``(n, d)``; a row of zeros where an item has none.
    prices
        NaN for none.
    """

    categories: tuple[str, ...] = ()
    vectors: NDArray[np.float32] | None = None
    prices: Scores | None = None


@dataclass(frozen=True, eq=False)
class Answers:
    """Recommendations beside what was to be found.

    Parameters
    ----------
    rows
        ``(u, depth)`` what was recommended, best first, -1 where there is no more.
    users
        ``(u,)`` the shoppers of whom something was held out, as places among all of them, ascending.
    pair_users, pair_items
        ``(p,)`` what was held out, each item of a shopper once: places in ``users``, and items.
    found
        ``(u, depth)`` which of these pairs a recommendation hits, else -1.
    """

    rows: Rows
    users: Rows
    pair_users: Rows
    pair_items: Rows
    found: Rows

    @classmethod
    def of(cls, rows: NDArray[np.integer], held_out: Interactions) -> Answers:
        """Look up every recommendation among what was held out.

        Raises
        ------
        DataError
            If nothing was held out, or an item is recommended twice to somebody.
        UsageError
            If there is not one row per shopper with something held out, or a row names no item.
        """
        users = judged_users(held_out)
        if not len(users):
            raise DataError("nothing was held out, so nothing can be evaluated.", fix="Choose another split.")
        if rows.ndim != 2 or len(rows) != len(users):
            raise UsageError(f"recommendations of shape {rows.shape}; expected one row for each of {len(users)} users.")
        n = len(held_out.items)
        if rows.size and not -1 <= rows.min() <= rows.max() < n:
            raise UsageError(f"recommendations name items {rows.min()} to {rows.max()}; there are {n}.")
        _need_once(rows, held_out, users)
        pairs = held_out.pairs
        owners = np.searchsorted(users, pairs.user_rows)
        codes = owners * n + pairs.item_rows  # ascending: pairs are by user and item
        asked = np.arange(len(users))[:, None] * n + rows  # (u, depth)
        places = np.minimum(np.searchsorted(codes, asked), len(codes) - 1)
        found = np.where((rows >= 0) & (codes[places] == asked), places, -1)
        return cls(rows.astype(np.int64), users, owners, pairs.item_rows, found)

    def per_user(self, cuts: Mapping[str, Sequence[int]], of: Mask | None = None) -> tuple[Rows, dict[str, Scores]]:
        """Metrics of every shopper with something relevant: their places in ``users``, and ``(m,)`` values by name.

        ``of`` ``(p,)`` says which pairs count as relevant; the ranking stays that of all items.
        """
        counting = np.ones(len(self.pair_items), np.bool_) if of is None else of
        relevant = np.bincount(self.pair_users[counting], minlength=len(self.users))
        kept = np.flatnonzero(relevant)
        named = {name: list(ks) for name, ks in cuts.items()}
        depth = max(k for ks in named.values() for k in ks)
        blocks = [
            self._block(kept[at : at + _BLOCK], relevant, counting, depth, named) for at in range(0, len(kept), _BLOCK)
        ]
        return kept, {name: np.concatenate([block[name] for block in blocks]) for name in (blocks[0] if blocks else {})}

    def _block(
        self, some: Rows, relevant: Rows, counting: Mask, depth: int, cuts: Mapping[str, list[int]]
    ) -> dict[str, Scores]:
        found = self.found[some, :depth]
        gains = np.zeros((len(some), depth))  # (b, depth)
        gains[:, : found.shape[1]] = (found >= 0) & counting[found]
        ideal = (np.arange(depth) < relevant[some, None]).astype(np.float64)
        return metrics_at(gains, ideal, relevant[some].astype(np.float64), cuts)


def interval_of(values: Scores, *, level: float = 0.95, seed: int = 0) -> Interval:
    """The bootstrap interval of the mean over shoppers."""
    samples = min(_SAMPLES, max(200, _DRAWS // max(1, len(values))))
    return bootstrap(values, level=level, samples=samples, seed=seed)


def judged_users(held_out: Interactions) -> Rows:
    """The places of the shoppers of whom something was held out, ascending."""
    return np.flatnonzero(np.diff(held_out.starts))


def _need_once(rows: NDArray[np.integer], held_out: Interactions, users: Rows) -> None:
    ordered = np.sort(rows, axis=1)
    twice = np.argwhere((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0))
    if len(twice):
        row, column = twice[0].tolist()
        user, item = held_out.users[users[row]], held_out.items[ordered[row, column]]
        raise DataError(f"user {user!r} is recommended the item {item!r} twice.", fix="Keep every item once.")
