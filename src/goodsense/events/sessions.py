"""Visits: events of one user that belong together, by the ids they came with or by the pauses between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby

from goodsense.errors import UsageError
from goodsense.events.event import Event

GAP_S = 1_800.0  # half an hour without a sign ends a visit, as web analytics has it


@dataclass(frozen=True, slots=True)
class Session:
    """One visit; ``events`` stand in the order of time, those without one first."""

    id: str
    user: str
    events: tuple[Event, ...]
    given: bool  # whether the source named it

    @property
    def start(self) -> float | None:
        """The first known time in it."""
        return next((event.time for event in self.events if event.time is not None), None)

    @property
    def seconds(self) -> float:
        """From its first to its last event."""
        first, last = self.start, self.events[-1].time
        return 0.0 if first is None or last is None else last - first


def sessions(events: Iterable[Event], gap_s: float = GAP_S) -> list[Session]:
    """The visits in events of any order, by user and time.

    Events that name a session belong to it. The others of a user are parted wherever more than ``gap_s`` seconds lie
    between two of them; those without a time belong to no visit and are left out. The id of such a visit is a hash of
    the user and its first moment, so events that come later change no earlier id.
    """
    return list(user_sessions(sorted(events, key=lambda event: event.user), gap_s))


def user_sessions(events: Iterable[Event], gap_s: float = GAP_S) -> Iterator[Session]:
    """The same for a stream of events that come user by user; only one user's are held at a time."""
    if not gap_s > 0:
        raise UsageError(f"a pause of {gap_s:g} s cannot part visits.", fix="Give a positive number of seconds.")
    for user, own in groupby(events, key=lambda event: event.user):
        found = _of_user(user, list(own), gap_s)
        yield from sorted(found, key=lambda session: (session.start or 0.0, session.id))


def _of_user(user: str, events: list[Event], gap_s: float) -> list[Session]:
    events.sort(key=lambda event: (event.time is not None, event.time or 0.0, event.key))
    named: dict[str, list[Event]] = {}
    visits: list[list[Event]] = []
    last = float("-inf")
    for event in events:
        if event.session:
            named.setdefault(event.session, []).append(event)
        elif event.time is not None:
            if event.time - last > gap_s:
                visits.append([])
            visits[-1].append(event)
            last = event.time
    found = [Session(id, user, tuple(own), given=True) for id, own in named.items()]
    found += [Session(_visit_id(user, own[0].time or 0.0), user, tuple(own), given=False) for own in visits]
    return found


def _visit_id(user: str, start: float) -> str:
    return blake2b(f"{user}\0{start!r}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
