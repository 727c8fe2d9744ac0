"""Honest splits of interactions into train, val and test, each with a report of what a reader has to know.

The parts of a split are interactions over the same users and items. A user with an item is never torn apart: all
events of such a pair go to the same part, except where the source's own labels, or points in time, say otherwise.
Nothing depends on the order of the events or on other users: where chance decides, it is a hash of seed, user and item.
Splits that hold out whole items or users are in :mod:`goodsense.events.cold`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.events.interactions import LABELS, Interactions
from goodsense.events.parting import OUT, TEST, TRAIN, VAL, Split, pair_hashes, parted


def by_label(interactions: Interactions) -> Split:
    """The split that the source names; events that it gave no label are trained on.

    Raises
    ------
    DataError
        If no event has a label.
    """
    if not interactions.labels.any():
        raise DataError(
            "no event names its split.",
            fix="Give the events a column split (train, val, test), or choose another way to split them.",
        )
    parts = np.maximum(interactions.labels - LABELS.index("train"), TRAIN)
    return parted(interactions, parts, "given by the source", promises=("repeated",))


def leave_last(interactions: Interactions, n: int = 1, *, seed: int = 0) -> Split:
    """Of every user the last ``n`` items by time are for test, the ``n`` before them for val.

    The time of an item is that of the user's last event with it, and all of the user's events with it go along: what
    is to be found is in no other part, and nothing a user did after it is trained on. Equal times are ordered by hash.
    A user with fewer than ``2 n + 1`` items, or fewer than ``2 n`` with a time, stays in train.

    Raises
    ------
    DataError
        If no event has a time.
    """
    if n < 1:
        raise UsageError(f"{n} items cannot be left out.", fix="Give 1 or more.")
    _need_times(interactions)
    pairs = interactions.pairs
    known = ~np.isnan(pairs.last_times)
    times = np.where(known, pairs.last_times, -np.inf)
    order = np.lexsort((pair_hashes(interactions, seed), times, pairs.user_rows))
    sizes = np.bincount(pairs.user_rows, minlength=len(interactions.users))
    timed = np.bincount(pairs.user_rows[known], minlength=len(interactions.users))
    split = (sizes > 2 * n) & (timed >= 2 * n)
    users = pairs.user_rows[order]
    ends = np.cumsum(sizes)
    from_end = ends[users] - np.arange(len(users))  # the last of a user is 1
    parts = np.full(len(users), TRAIN)
    parts[order] = np.where(~split[users] | (from_end > 2 * n), TRAIN, np.where(from_end > n, VAL, TEST))
    sorted_times, sorted_parts = times[order], parts[order]
    same = (users[1:] == users[:-1]) & (sorted_times[1:] == sorted_times[:-1]) & (sorted_parts[1:] != sorted_parts[:-1])
    return parted(
        interactions,
        parts[pairs.of_event],
        f"the last {n} of every user, {n} before for val",
        promises=("repeated", "after_own_test"),
        whole_users=int((~split & (sizes > 0)).sum()),
        ties=len(np.unique(users[1:][same])),
    )


def per_user(interactions: Interactions, shares: Sequence[float] = (0.8, 0.1, 0.1), *, seed: int = 0) -> Split:
    """Of every user's items a share is drawn for val and for test, by default a tenth each.

    The items of a user are put in the order of their hashes; the first are for test, the next for val: the share of
    their number, rounded half up, and at least one. A user with fewer than three items stays in train. Another user
    that comes or goes moves nobody's items.
    """
    if len(shares) != 3 or min(shares) < 0 or shares[0] <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise UsageError(f"{tuple(shares)} are no shares of train, val and test.", fix="Give three that sum to 1.")
    pairs = interactions.pairs
    order = np.lexsort((pair_hashes(interactions, seed), pairs.user_rows))
    sizes = np.bincount(pairs.user_rows, minlength=len(interactions.users))
    val, test = (_share(sizes, share) for share in shares[1:])
    users = pairs.user_rows[order]
    place = np.arange(len(users)) - (np.cumsum(sizes) - sizes)[users]
    parts = np.full(len(users), TRAIN)
    parts[order] = np.where(place < test[users], TEST, np.where(place < (test + val)[users], VAL, TRAIN))
    shown = ":".join(f"{share * 10:g}" for share in shares)
    return parted(
        interactions,
        parts[pairs.of_event],
        f"{shown} of every user at random, seed {seed}",
        promises=("repeated",),
        whole_users=int(((sizes > 0) & (sizes < 3)).sum()),
    )


def by_time(
    interactions: Interactions,
    *,
    val_from: float | None = None,
    test_from: float | None = None,
    keep_repeated: bool = False,
) -> Split:
    """Two points in time part all events alike: train, then val, then test, as a shop meets them (``realistic``).

    Events at a point itself come after it, so events of the same moment are never parted. Events without a time cannot
    be placed and are left out; so are later events with an item that the user had in an earlier part, which nobody
    needs to recommend, unless ``keep_repeated``.

    Parameters
    ----------
    val_from, test_from
        Seconds since 1970 UTC; by default the moments before which 80 % and 90 % of the timed events lie.

    Raises
    ------
    UsageError
        If val would begin after test.
    DataError
        If no event has a time.
    """
    _need_times(interactions)
    times, known = interactions.times, ~np.isnan(interactions.times)
    marks = np.quantile(times[known], (0.8, 0.9), method="higher")
    begins = [float(mark) if given is None else given for given, mark in zip((val_from, test_from), marks, strict=True)]
    if begins[0] > begins[1]:
        raise UsageError(f"val would begin at {begins[0]:g}, after test at {begins[1]:g}.", fix="Turn them round.")
    parts = np.where(~known, OUT, (times >= begins[0]).astype(int) + (times >= begins[1]))
    if not keep_repeated:
        pairs = interactions.pairs
        first = np.full(len(pairs.item_rows), OUT)
        np.minimum.at(first, pairs.of_event, parts)
        parts = np.where(parts > first[pairs.of_event], OUT, parts)
    method = f"by time: val from {begins[0]:.0f}, test from {begins[1]:.0f}"
    promises = ("after_test",) if keep_repeated else ("after_test", "repeated")
    return parted(interactions, parts, method, promises=promises, realistic=True)


def _need_times(interactions: Interactions) -> None:
    if np.isnan(interactions.times).all():
        raise DataError(
            "no event has a time, so none is the last.",
            fix="Give the events a timestamp, or split every user's items at random.",
        )


def _share(sizes: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """So many of each size: rounded half up, at least one of three; none if the share is none."""
    found = np.maximum(1, np.floor(sizes * share + 0.5)).astype(np.int64)
    return np.where((sizes < 3) | (share == 0), 0, found)
