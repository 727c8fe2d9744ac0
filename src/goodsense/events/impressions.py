"""What was shown, where in its list, and whether anything came of it: impressions joined with actions."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.events.event import Event, context_text

SHOWN = "impression"
BOUGHT = "purchase"
CLICKS = frozenset({"click", "view", "cart", "wishlist", BOUGHT})  # who acts upon a product from a list chose it there


@dataclass(frozen=True, eq=False)
class Impressions:
    """One row per list, user and product that was shown, by time (unknown ones first), then list, position and item.

    Parameters
    ----------
    rankings, users, items
        The ids that rows point to, each once.
    ranking_rows, user_rows, item_rows
        (n,) int32, places in them.
    positions
        (n,) int32, as the source counts; -1 where it does not say.
    clicked
        (n,) bool: an action of :data:`CLICKS` by the same user names the same list and product.
    purchased
        (n,) bool: so does a purchase.
    times
        (n,) float64, when it was first shown, seconds since 1970 UTC; NaN where unknown.
    contexts, context_rows
        The different contexts, and (n,) int32 places in them.
    unlisted
        Impressions that name no list: nothing can be joined to them, and they are left out.
    unjoined
        Different actions that name a list which never showed the product to that user.
    """

    rankings: tuple[str, ...]
    users: tuple[str, ...]
    items: tuple[str, ...]
    ranking_rows: NDArray[np.int32]
    user_rows: NDArray[np.int32]
    item_rows: NDArray[np.int32]
    positions: NDArray[np.int32]
    clicked: NDArray[np.bool_]
    purchased: NDArray[np.bool_]
    times: NDArray[np.float64]
    contexts: tuple[Mapping[str, str], ...]
    context_rows: NDArray[np.int32]
    unlisted: int = 0
    unjoined: int = 0

    @classmethod
    def from_events(cls, events: Iterable[Event]) -> Impressions:
        """Join impressions and actions that name the same list, user and product.

        Events are read once, as a stream, in any order: an action may come before its impression. A product that a
        list showed several times counts once, with its first time and smallest position. Actions without a list say
        nothing here.
        """
        joined = _Joined()
        for event in events:
            joined.add(event)
        return joined.impressions()

    def __len__(self) -> int:
        return len(self.item_rows)

    @property
    def click_rate(self) -> float:
        """The share of impressions that were clicked; 0 without any."""
        return float(self.clicked.mean()) if len(self) else 0.0


class _Joined:
    """Impressions as growing arrays of machine numbers, and the places of those that something came of."""

    def __init__(self) -> None:
        self._ids: tuple[dict[str, int], ...] = ({}, {}, {})  # rankings, users, items
        self._contexts: dict[str, int] = {}
        self._known: list[Mapping[str, str]] = []
        self._shown: dict[tuple[int, int, int], int] = {}
        self._rows = tuple(array("i") for _ in range(5))  # ranking, user, item, position, context
        self._times = array("d")
        self._clicked: set[tuple[int, int, int]] = set()
        self._bought: set[tuple[int, int, int]] = set()
        self._unlisted = 0

    def add(self, event: Event) -> None:
        if not event.ranking:
            self._unlisted += event.type == SHOWN
            return
        if event.type == SHOWN:
            self._show(self._key(event), event)
        elif event.type in CLICKS:
            key = self._key(event)
            self._clicked.add(key)
            if event.type == BOUGHT:
                self._bought.add(key)

    def _key(self, event: Event) -> tuple[int, int, int]:
        rankings, users, items = self._ids
        return (
            rankings.setdefault(event.ranking, len(rankings)),
            users.setdefault(event.user, len(users)),
            items.setdefault(event.item, len(items)),
        )

    def _show(self, key: tuple[int, int, int], event: Event) -> None:
        position = -1 if event.position is None else event.position
        time = float("nan") if event.time is None else event.time
        row = self._shown.setdefault(key, len(self._times))
        if row < len(self._times):
            known = [place for place in (self._rows[3][row], position) if place >= 0]
            self._rows[3][row] = min(known, default=-1)
            self._times[row] = float(np.fmin(self._times[row], time))
            return
        text = context_text(event.context)
        if text not in self._contexts:
            self._contexts[text] = len(self._known)
            self._known.append(dict(event.context))
        for column, value in zip(self._rows, (*key, position, self._contexts[text]), strict=True):
            column.append(value)
        self._times.append(time)

    def impressions(self) -> Impressions:
        rankings, users, items, positions, contexts = (np.array(column, np.int32) for column in self._rows)
        times = np.array(self._times, np.float64)
        clicked, purchased = (self._marked(keys) for keys in (self._clicked, self._bought))
        ids = [_by_id(known, rows) for known, rows in zip(self._ids, (rankings, users, items), strict=True)]
        (ranking_ids, rankings), (user_ids, users), (item_ids, items) = ids
        order = np.lexsort((items, positions, users, rankings, np.where(np.isnan(times), -np.inf, times)))
        return Impressions(
            ranking_ids,
            user_ids,
            item_ids,
            rankings[order],
            users[order],
            items[order],
            positions[order],
            clicked[order],
            purchased[order],
            times[order],
            contexts=tuple(self._known),
            context_rows=contexts[order],
            unlisted=self._unlisted,
            unjoined=sum(key not in self._shown for key in self._clicked),
        )

    def _marked(self, keys: set[tuple[int, int, int]]) -> NDArray[np.bool_]:
        marks = np.zeros(len(self._times), np.bool_)
        marks[[self._shown[key] for key in keys if key in self._shown]] = True
        return marks


def _by_id(places: dict[str, int], rows: NDArray[np.int32]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The ids that rows point to, in their order, and the rows that point to them there."""
    known = list(places)
    ids = sorted(known[place] for place in np.unique(rows).tolist())
    new = np.full(len(known), -1, np.int32)
    for place, id in enumerate(ids):
        new[places[id]] = place
    return tuple(ids), new[rows]
