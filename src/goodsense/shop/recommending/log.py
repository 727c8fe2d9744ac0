"""The event log of a shop as arrays: who did what with which product of the catalog, when, in which visit."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import DEFAULT_WEIGHTS, GAP_S, Event
from goodsense.shop.behaviour import stored_events
from goodsense.shop.truth import Truth

SAYING_NOTHING = frozenset({"impression", "remove", "stock", "search"})  # not done with a product, or to be rid of it
HELD_OUT = frozenset({"val", "test"})


@dataclass(frozen=True, eq=False)
class Log:
    """Events with products of the catalog, by user and time; all arrays are ``(e,)``.

    Parameters
    ----------
    users, items
        Ids of shoppers, and those of the catalog's products in their order.
    user_rows, item_rows
        Places in these.
    types
        Places in ``type_names``.
    times
        Seconds since 1970 UTC, NaN where unknown.
    visits
        The number of the visit an event belongs to, counted over all shoppers.
    queries
        Places in ``query_texts``: what was searched for last in this visit, up to this event; -1 for nothing.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    user_rows: NDArray[np.int32]
    item_rows: NDArray[np.int32]
    types: NDArray[np.int16]
    times: NDArray[np.float64]
    visits: NDArray[np.int64]
    queries: NDArray[np.int32]
    type_names: tuple[str, ...]
    query_texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.item_rows)

    def of_types(self, names: Collection[str]) -> NDArray[np.bool_]:
        """Which events are of these types ``(e,)``."""
        codes = [code for code, name in enumerate(self.type_names) if name in names]
        return np.isin(self.types, codes)

    @property
    def liking(self) -> NDArray[np.bool_]:
        """Which events say that somebody took to a product ``(e,)``."""
        said = {name for name in self.type_names if DEFAULT_WEIGHTS.get(name, 1.0) > 0 and name not in SAYING_NOTHING}
        return self.of_types(said)


def read_log(
    truth: Truth, items: Sequence[str], *, without: Collection[str] = frozenset(), gap_s: float = GAP_S
) -> Log:
    """Read what may be learned from: no event held out by its source, none of products that are not in the catalog.

    ``without`` are users who are no shoppers.
    """
    known = (event for event in stored_events(truth) if event.split not in HELD_OUT and event.user not in without)
    return log_of(known, items, gap_s=gap_s)


def log_of(events: Iterator[Event], items: Sequence[str], *, gap_s: float = GAP_S) -> Log:
    """The same from events that come by user and time."""
    if not gap_s > 0:
        raise UsageError(f"a pause of {gap_s:g} s cannot part visits.", fix="Give a positive number of seconds.")
    places = {id: row for row, id in enumerate(items)}
    reading = _Reading(gap_s)
    for event in events:
        reading.take(event, places.get(event.item, -1))
    return reading.log(tuple(items))


class _Reading:
    """Grows the columns event by event; a visit ends with its name, or after a pause."""

    def __init__(self, gap_s: float) -> None:
        self.gap_s = gap_s
        self.users: dict[str, int] = {}
        self.kinds: dict[str, int] = {}
        self.texts: dict[str, int] = {}
        self.visit_numbers: dict[tuple[str, str], int] = {}
        self.columns: dict[str, Any] = {name: array(code) for name, code in _COLUMNS.items()}
        self.visit, self.last_user, self.last_time, self.asked = -1, "", float("-inf"), -1

    def take(self, event: Event, item: int) -> None:
        visit = self._visit_of(event)
        if visit != self.visit:
            self.visit, self.asked = visit, -1
        if event.query:
            self.asked = self.texts.setdefault(event.query, len(self.texts))
        if item < 0:
            return
        user = self.users.setdefault(event.user, len(self.users))
        kind = self.kinds.setdefault(event.type, len(self.kinds))
        time = float("nan") if event.time is None else event.time
        for name, value in zip(_COLUMNS, (user, item, kind, time, visit, self.asked), strict=True):
            self.columns[name].append(value)

    def _visit_of(self, event: Event) -> int:
        time = event.time if event.time is not None else self.last_time
        pause = event.user != self.last_user or time - self.last_time > self.gap_s
        self.last_user, self.last_time = event.user, time
        if event.session:
            return self.visit_numbers.setdefault((event.user, event.session), len(self.visit_numbers))
        if pause:
            self.visit_numbers[event.user, f"\0{time!r}"] = len(self.visit_numbers)
            return len(self.visit_numbers) - 1
        return self.visit if self.visit >= 0 else 0

    def log(self, items: tuple[str, ...]) -> Log:
        found = {name: np.array(column) for name, column in self.columns.items()}
        return Log(
            tuple(self.users),
            items,
            found["user"].astype(np.int32),
            found["item"].astype(np.int32),
            found["type"].astype(np.int16),
            found["time"].astype(np.float64),
            found["visit"].astype(np.int64),
            found["query"].astype(np.int32),
            tuple(self.kinds),
            tuple(self.texts),
        )


_COLUMNS = {"user": "i", "item": "i", "type": "h", "time": "d", "visit": "q", "query": "i"}
