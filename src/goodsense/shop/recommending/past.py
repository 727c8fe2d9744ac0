"""What a shopper did so far, read from the log the moment it is asked for, or given by whoever asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from goodsense.events import Event
from goodsense.shop.recommending.log import SAYING_NOTHING
from goodsense.shop.truth import Truth

MOST = 1_000  # of a shopper's events, the last ones
_STRONGEST = ("purchase", "review", "rate", "cart", "wishlist", "click", "view")


@dataclass(frozen=True)
class Past:
    """A shopper's history.

    Parameters
    ----------
    user
        Who it is; "" for nobody in particular.
    events
        What was done, oldest first, at most the last :data:`MOST`.
    owned
        What must not be recommended again.
    given
        Whether whoever asked named the products.
    unknown
        Asked ids that the shop does not have.
    asked
        What was searched for.
    """

    user: str = ""
    events: tuple[Event, ...] = ()
    owned: frozenset[str] = frozenset()
    given: bool = False
    unknown: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @cached_property
    def items(self) -> tuple[str, ...]:
        """The products in it, each once, the latest first."""
        return tuple(dict.fromkeys(event.item for event in reversed(self.events)))

    @cached_property
    def actions(self) -> dict[str, str]:
        """Product -> the strongest thing that was done with it."""
        found: dict[str, str] = {}
        for event in self.events:
            if event.item not in found or _strength(event.type) < _strength(found[event.item]):
                found[event.item] = event.type
        return found

    def named(self, name: str) -> Past:
        """The same history under another name."""
        return replace(self, events=tuple(replace(event, user=name) for event in self.events))

    def plus(self, other: Past) -> Past:
        """This history and then another one."""
        return Past(
            self.user or other.user,
            (*self.events, *other.events)[-MOST:],
            self.owned | other.owned,
            self.given or other.given,
            (*self.unknown, *other.unknown),
            (*self.asked, *other.asked),
        )


def _strength(type: str) -> int:
    return _STRONGEST.index(type) if type in _STRONGEST else len(_STRONGEST)


def read_past(truth: Truth, user: str, *, exclude: Collection[str] = ("purchase",)) -> Past:
    """Everything that matters of what a shopper did; nothing if nobody has this id."""
    rows = truth.rows(
        f"SELECT {_READ} FROM events WHERE user = ? ORDER BY time DESC, key DESC LIMIT ?",  # noqa: S608  (a constant)
        (user, MOST),
    )
    done = list(rows)[::-1]
    marks = ", ".join("?" * len(exclude))
    owned = truth.rows(f"SELECT DISTINCT item FROM events WHERE user = ? AND type IN ({marks})", (user, *exclude))  # noqa: S608
    asked = tuple(dict.fromkeys(str(row[5]) for row in done if row[5]))
    return Past(user, _events(done), frozenset(item for (item,) in owned), asked=asked)


def read_visit(truth: Truth, session: str, *, user: str = "") -> Past:
    """What was done in one visit that the log names."""
    whose, bound = ("AND user = ? ", (session, user)) if user else ("", (session,))
    rows = truth.rows(f"SELECT {_READ} FROM events WHERE session = ? {whose}ORDER BY time, key", bound)  # noqa: S608
    events = _events(rows)[-MOST:]
    return Past(events=events, owned=frozenset(event.item for event in events))


_READ = "user, item, type, weight, rating, query, time, session"


def _events(rows: Iterable[tuple[Any, ...]]) -> tuple[Event, ...]:
    """Rows as events, without those that are not about liking a product."""
    return tuple(
        Event(user, item, kind, weight, rating, query=query, time=time, session=session)
        for user, item, kind, weight, rating, query, time, session in rows
        if item and kind not in SAYING_NOTHING
    )


def has_shopper(truth: Truth, user: str) -> bool:
    """Whether any event is of this shopper."""
    return bool(next(truth.rows("SELECT EXISTS (SELECT 1 FROM events WHERE user = ?)", (user,)))[0])


def given_past(ids: Sequence[str], known: Collection[str], *, after: float = 0.0, type: str = "view") -> Past:
    """Products that whoever asks names, as views one after another; what the shop does not have is told.

    They are not recommended again.
    """
    there = [id for id in ids if id in known]
    events = tuple(Event("-", id, type=type, time=after + place) for place, id in enumerate(there, start=1))
    return Past(
        events=events[-MOST:],
        owned=frozenset(there),
        given=True,
        unknown=tuple(id for id in dict.fromkeys(ids) if id not in known),
    )


def last_time(events: Iterable[Event]) -> float:
    """The last known time, 0 for none."""
    return max((event.time for event in events if event.time is not None), default=0.0)
