"""A split of interactions, the report of what a reader has to know about it, and how parts become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from goodsense.events.interactions import Interactions

TRAIN, VAL, TEST, OUT, GIVEN = 0, 1, 2, 3, 4
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitReport:
    """What a split is like.

    Parameters
    ----------
    method
        How it was made.
    events, pairs
        How many of each part; a pair is a user with an item, once.
    cold_users, cold_items
        Of val and test: users and items that have no event in train.
    repeated
        Of val and test: pairs that stand in train, too. A model that leaves out what a user knows cannot find them.
    left_out
        Events in no part.
    whole_users
        Users that had too few (timed) pairs, and are in train with all of them.
    ties
        Users of whom chance decided between pairs of the same time.
    after_test
        Train events that are not earlier than the first test event of all.
    after_own_test
        Train events that are later than the user's first test pair, whose time is that of its last event.
    warm_items, warm_users
        Items and users with events in more than one of train, val and test.
    given
        Events of held-out users that are known when they are answered; no model is fitted on them.
    realistic
        Whether train, val and test follow one another in time for all users alike, as a shop meets them. Figures of
        other splits are of use to compare models, and mostly too good to be expected.
    leaks
        What breaks the promise of the method, in words; empty if nothing does.
    """

    method: str
    events: dict[str, int]
    pairs: dict[str, int]
    cold_users: dict[str, int]
    cold_items: dict[str, int]
    repeated: dict[str, int]
    left_out: int = 0
    whole_users: int = 0
    ties: int = 0
    after_test: int = 0
    after_own_test: int = 0
    warm_items: int = 0
    warm_users: int = 0
    given: int = 0
    realistic: bool = False
    leaks: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Split:
    """Three parts over the same users and items, and what they are like.

    Where whole users are held out, ``given`` has what is known of those of val and test when they are answered: their
    histories, which nothing was fitted on. Else the history of a user is what train has of them, and ``given`` is None.
    """

    train: Interactions
    val: Interactions
    test: Interactions
    report: SplitReport
    given: Interactions | None = None


def parted(
    interactions: Interactions,
    parts: NDArray[np.int64],
    method: str,
    *,
    promises: Sequence[str],
    whole_users: int = 0,
    ties: int = 0,
    realistic: bool = False,
) -> Split:
    """Cut by part and look at what came of it."""
    train, val, test = (interactions.only(parts == place) for place in (TRAIN, VAL, TEST))
    given = interactions.only(parts == GIVEN) if (parts == GIVEN).any() else None
    named = dict(zip(PARTS, (train, val, test), strict=True))
    held = {name: part for name, part in named.items() if part is not train}
    pair_of_train = set(_codes(train).tolist())
    report = SplitReport(
        method,
        events={name: len(part) for name, part in named.items()},
        pairs={name: len(part.pairs.item_rows) for name, part in named.items()},
        cold_users={name: len(np.setdiff1d(part.user_rows, train.user_rows)) for name, part in held.items()},
        cold_items={name: len(np.setdiff1d(part.item_rows, train.item_rows)) for name, part in held.items()},
        repeated={name: sum(code in pair_of_train for code in _codes(part).tolist()) for name, part in held.items()},
        left_out=int((parts == OUT).sum()),
        whole_users=whole_users,
        ties=ties,
        after_test=_after_test(train, test),
        after_own_test=_after_own_test(train if given is None else given, test),
        warm_items=_shared(*(np.unique(part.item_rows) for part in named.values())),
        warm_users=_shared(*(np.unique(part.user_rows) for part in named.values())),
        given=0 if given is None else len(given),
        realistic=realistic,
    )
    return Split(train, val, test, _with_leaks(report, promises), given)


def _shared(*parts: NDArray[np.int32]) -> int:
    """How many stand in more than one part, each of which names every one once."""
    _, counts = np.unique(np.concatenate(parts), return_counts=True)
    return int((counts > 1).sum())


def _codes(part: Interactions) -> NDArray[np.int64]:
    return part.pairs.user_rows * max(1, len(part.items)) + part.pairs.item_rows


def _after_test(train: Interactions, test: Interactions) -> int:
    known = test.times[~np.isnan(test.times)]
    return int((train.times >= known.min()).sum()) if len(known) else 0


def _after_own_test(train: Interactions, test: Interactions) -> int:
    first = np.full(len(train.users), np.inf)
    np.fmin.at(first, test.pairs.user_rows, test.pairs.last_times)
    return int((train.times > first[train.user_rows]).sum())


def _with_leaks(report: SplitReport, promises: Sequence[str]) -> SplitReport:
    repeated = sum(report.repeated.values())
    found = {
        "repeated": (repeated, "pairs of val and test stand in train, too"),
        "after_test": (report.after_test, "train events are not earlier than the first test event"),
        "after_own_test": (report.after_own_test, "known events are later than a test pair of the same user"),
        "warm_items": (report.warm_items, "items stand in more than one part"),
        "warm_users": (report.warm_users, "users stand in more than one part"),
    }
    told = tuple(f"{found[name][0]} {found[name][1]}" for name in promises if found[name][0])
    return SplitReport(**{**vars(report), "leaks": told})


def pair_hashes(interactions: Interactions, seed: int) -> NDArray[np.uint64]:
    """A number for every pair that depends on seed, user and item alone."""
    pairs = interactions.pairs
    users = [f"{seed}\0{user}\0".encode("utf-8", "surrogatepass") for user in interactions.users]
    items = [item.encode("utf-8", "surrogatepass") for item in interactions.items]
    digests = b"".join(
        blake2b(users[user] + items[item], digest_size=8).digest()
        for user, item in zip(pairs.user_rows.tolist(), pairs.item_rows.tolist(), strict=True)
    )
    return np.frombuffer(digests, np.uint64)
