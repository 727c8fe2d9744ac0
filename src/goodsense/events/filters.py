"""Who is no shopper, and how much one shopper may count: bots, bursts, caps per user."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events.damping import DAY_S, damped
from goodsense.events.event import Event
from goodsense.events.interactions import Interactions
from goodsense.tables.times import EARLIEST

MOST_EVENTS = 100  # by one user within WINDOW_S; nobody looks at two products a second for a minute
WINDOW_S = 60.0
REGULAR_EVENTS = 50  # so many events in step are a program's
_IN_STEP = 0.9  # share of the pauses between them that are equal to a twentieth
_TOLERANCE = 0.05
USER_CAP = 1_000  # newest items of a user; what one has done beyond them says little about the others


@dataclass(frozen=True)
class Filtered:
    """Interactions that models may learn from, and what was left out on the way.

    Parameters
    ----------
    interactions
        What is left, over the same users and items.
    suspects
        User -> why all of theirs is left out.
    capped
        User -> how many of their items are left out, because newer ones are enough.
    copies
        Users left out because their profiles are copies of others'.
    burst_items
        Item -> how many new users in a burst do not count for it.
    events
        How many events are left out in all.
    """

    interactions: Interactions
    suspects: dict[str, str] = field(default_factory=dict)
    capped: dict[str, int] = field(default_factory=dict)
    copies: tuple[str, ...] = ()
    burst_items: dict[str, int] = field(default_factory=dict)
    events: int = 0


def filtered(interactions: Interactions, *, newest: int = USER_CAP) -> Filtered:
    """Leave out bots, what a user did beyond the ``newest`` items, copies of profiles and bursts of new users.

    This is for what models learn from. Histories that are answered need none of it.
    """
    found = suspects(interactions)
    people = without(interactions, found)
    few = capped(people, newest)
    lost = np.bincount(people.pairs.user_rows, minlength=len(people.users)) - np.bincount(
        few.pairs.user_rows, minlength=len(few.users)
    )
    calm = damped(few)
    return Filtered(
        calm.interactions,
        found,
        {interactions.users[row]: int(lost[row]) for row in np.flatnonzero(lost)},
        calm.copies,
        calm.burst_items,
        len(interactions) - len(calm.interactions),
    )


def suspects(
    interactions: Interactions,
    *,
    most: int = MOST_EVENTS,
    window_s: float = WINDOW_S,
    regular: int = REGULAR_EVENTS,
) -> dict[str, str]:
    """Users that act as no person does, and why.

    These are users with more than ``most`` events within ``window_s`` seconds, and users with at least ``regular``
    pauses between events of which nine in ten are equal (to a twentieth). Users whose events all stand at the same
    time of day have dates and no times: nothing can be said about them, nor about places in a history. Make the
    interactions with weights of 1 for all types, so that impressions and removals are seen.

    Returns
    -------
    dict
        User -> the reason in words, by user.
    """
    if most < 1 or not window_s > 0 or regular < 2:
        raise UsageError(f"{most} events in {window_s:g} s are no limit.", fix="Give positive numbers.")
    known = interactions.times >= EARLIEST
    users, times = interactions.user_rows[known], interactions.times[known]
    clocked = _clocked(users, times, len(interactions.users))[users]
    users, times = users[clocked], times[clocked]
    rates = _most_within(users, times, window_s, len(interactions.users))
    steps, shares = _steps(users, times, regular, len(interactions.users))
    found = {}
    for row in np.flatnonzero((rates > most) | (shares >= _IN_STEP)):
        if rates[row] > most:
            reason = f"{rates[row]:,} events within {window_s:g} s, over {most:,}"
        else:
            reason = f"{100 * shares[row]:.0f} % of the pauses between events are {steps[row]:g} s"
        found[interactions.users[row]] = reason
    return found


def without(interactions: Interactions, users: Collection[str]) -> Interactions:
    """The interactions without the events of these users."""
    out = np.array([user in users for user in interactions.users], np.bool_)
    return interactions.only(~out[interactions.user_rows])


def passing(events: Iterable[Event], users: Collection[str]) -> Iterator[Event]:
    """The events of a stream that are not by these users."""
    return (event for event in events if event.user not in users)


def capped(interactions: Interactions, newest: int = USER_CAP) -> Interactions:
    """Of every user the ``newest`` items only, by the last event with them; all events with these items stay.

    Items without a time are the oldest; equal times are ordered by item.
    """
    if newest < 1:
        raise UsageError(f"{newest} items per user are none.", fix="Give 1 or more.")
    pairs = interactions.pairs
    sizes = np.bincount(pairs.user_rows, minlength=len(interactions.users))
    if len(sizes) == 0 or sizes.max() <= newest:
        return interactions
    times = np.where(np.isnan(pairs.last_times), -np.inf, pairs.last_times)
    order = np.lexsort((pairs.item_rows, times, pairs.user_rows))
    from_end = np.cumsum(sizes)[pairs.user_rows[order]] - np.arange(len(order))  # the newest of a user is 1
    kept = np.empty(len(order), np.bool_)
    kept[order] = from_end <= newest
    return interactions.only(kept[pairs.of_event])


def _clocked(users: NDArray[np.int32], times: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Which users have events at different times of day, (n_users,)."""
    of_day = times % DAY_S
    least, most = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(least, users, of_day)
    np.maximum.at(most, users, of_day)
    return most > least


def _most_within(
    users: NDArray[np.int32], times: NDArray[np.float64], window_s: float, count: int
) -> NDArray[np.int64]:
    """The most events of each user within one window, (n_users,); events stand by user and time."""
    found = np.zeros(count, np.int64)
    if len(times):
        wide = times.max() - times.min() + 2 * window_s
        line = users * wide + (times - times.min())  # users one after another, further apart than any window
        ends = np.searchsorted(line, line + window_s, side="right")
        np.maximum.at(found, users, ends - np.arange(len(line)))
    return found


def _steps(
    users: NDArray[np.int32], times: NDArray[np.float64], regular: int, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The median pause of each user with enough of them, and the share of pauses that are equal to it."""
    steps, shares = np.zeros(count), np.zeros(count)
    same = users[1:] == users[:-1]
    pauses, owners = np.diff(times)[same], users[1:][same]
    sizes = np.bincount(owners, minlength=count)
    order = np.lexsort((pauses, owners))
    rows = np.flatnonzero(sizes >= regular)
    steps[rows] = pauses[order][(np.cumsum(sizes) - sizes)[rows] + sizes[rows] // 2]
    equal = np.abs(pauses - steps[owners]) <= _TOLERANCE * steps[owners]
    agreeing = np.bincount(owners[equal], minlength=count)
    judged = (sizes >= regular) & (steps > 0)
    shares[judged] = agreeing[judged] / sizes[judged]
    return steps, shares
