"""Splits against naive loops, and what their reports say."""

from __future__ import annotations

import math
from collections import defaultdict
from hashlib import blake2b

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.events import (
    Event,
    Interactions,
    Split,
    by_label,
    by_time,
    cold_items,
    cold_users,
    leave_last,
    per_user,
)
from goodsense.events.parting import parted
from tests.events.samples import START, event, shoppers

PARTS = ("train", "val", "test")


def pairs_of(part: Interactions) -> set[tuple[str, str]]:
    return {
        (part.users[u], part.items[i])
        for u, i in zip(part.pairs.user_rows.tolist(), part.pairs.item_rows.tolist(), strict=True)
    }


def told(split: Split) -> dict[tuple[str, str], str]:
    """Part by pair; a pair must stand in one part only."""
    found: dict[tuple[str, str], str] = {}
    for name in PARTS:
        for pair in pairs_of(getattr(split, name)):
            assert pair not in found
            found[pair] = name
    return found


def digest(seed: int, user: str, item: str) -> int:
    data = blake2b(f"{seed}\0{user}\0{item}".encode(), digest_size=8).digest()
    return int.from_bytes(data, "little")


def by_user(events: list[Event]) -> dict[str, dict[str, float]]:
    """User -> item -> the last time; minus infinity if none is known."""
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for one in events:
        at = -math.inf if one.time is None else one.time
        found[one.user][one.item] = max(found[one.user].get(one.item, -math.inf), at)
    return found


def naive_leave_last(events: list[Event], n: int, seed: int) -> dict[tuple[str, str], str]:
    expected = {}
    for user, items in by_user(events).items():
        order = sorted(items, key=lambda item: (items[item], digest(seed, user, item)))
        timed = sum(at > -math.inf for at in items.values())
        enough = len(order) > 2 * n and timed >= 2 * n
        for place, item in enumerate(reversed(order)):
            part = "train" if not enough or place >= 2 * n else "test" if place < n else "val"
            expected[user, item] = part
    return expected


def naive_random(events: list[Event], seed: int) -> dict[tuple[str, str], str]:
    expected = {}
    for user, items in by_user(events).items():
        order = sorted(items, key=lambda item: digest(seed, user, item))
        tenth = max(1, math.floor(len(order) / 10 + 0.5)) if len(order) >= 3 else 0
        for place, item in enumerate(order):
            expected[user, item] = "test" if place < tenth else "val" if place < 2 * tenth else "train"
    return expected


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [1, 2])
def test_leave_last_is_what_a_naive_loop_gives(n: int, seed: int) -> None:
    events = shoppers(40, 12, 300, seed=seed, untimed=0.3)
    split = leave_last(Interactions.from_events(events), n, seed=seed)
    expected = naive_leave_last(events, n, seed)
    assert told(split) == expected
    assert {"train", "val", "test"} == set(expected.values())
    assert split.report.leaks == ()
    assert split.report.whole_users == sum(
        all(expected[user, item] == "train" for item in items) for user, items in by_user(events).items()
    )
    assert sum(split.report.events.values()) == len(events)


@pytest.mark.parametrize("seed", range(5))
def test_a_tenth_of_every_user_is_what_a_naive_loop_gives(seed: int) -> None:
    events = shoppers(25, 60, 900, seed=seed)
    split = per_user(Interactions.from_events(events), seed=seed)
    assert told(split) == naive_random(events, seed)
    assert split.report.leaks == ()
    assert split.report.repeated == {"val": 0, "test": 0}


def test_other_users_move_nobodys_items() -> None:
    events = shoppers(25, 60, 900)
    before = told(per_user(Interactions.from_events(events)))
    more = [*events, *(event(f"new{n % 7}", f"neu{n}", at=n) for n in range(90))]
    after = told(per_user(Interactions.from_events(more[::-1])))
    assert {pair: part for pair, part in after.items() if pair in before} == before
    assert told(per_user(Interactions.from_events(events), seed=1)) != before


def test_parts_are_over_the_same_users_and_items() -> None:
    found = Interactions.from_events(shoppers(25, 60, 900))
    for split in (leave_last(found), per_user(found), by_time(found)):
        for name in PARTS:
            part = getattr(split, name)
            assert (part.users, part.items) == (found.users, found.items)
            assert part.matrix.shape == found.matrix.shape


def test_nothing_a_user_did_after_the_test_item_is_trained_on() -> None:
    events = [event("u", "a", at=1), event("u", "b", at=2), event("u", "a", at=9), event("u", "c", at=3)]
    split = leave_last(Interactions.from_events(events))
    assert told(split) == {("u", "a"): "test", ("u", "c"): "val", ("u", "b"): "train"}
    assert len(split.test) == 2, "both events with the held-out item"
    assert split.report.after_own_test == 0


def test_ties_are_counted() -> None:
    events = [event("u", item, at=5) for item in "abcd"] + [event("v", item, at=n) for n, item in enumerate("abcd")]
    report = leave_last(Interactions.from_events(events)).report
    assert (report.ties, report.leaks) == (1, ())


def test_the_given_split() -> None:
    events = [event("u", item, split=split) for item, split in zip("abcd", ("train", "val", "test", ""), strict=True)]
    events.append(event("w", "z", split="test"))
    events.append(event("u", "a", "cart", split="test"))
    split = by_label(Interactions.from_events(events))
    assert pairs_of(split.train) == {("u", "a"), ("u", "d")}
    assert pairs_of(split.val) == {("u", "b")}
    assert pairs_of(split.test) == {("u", "c"), ("w", "z"), ("u", "a")}
    assert split.report.cold_users == {"val": 0, "test": 1}
    assert split.report.cold_items == {"val": 1, "test": 2}
    assert split.report.repeated == {"val": 0, "test": 1}
    assert split.report.leaks == ("1 pairs of val and test stand in train, too",)
    with pytest.raises(DataError, match="no event names its split"):
        by_label(Interactions.from_events([event("u", "a")]))


def test_points_in_time_part_all_events_alike() -> None:
    events = shoppers(30, 40, 1_000, untimed=0.1)
    found = Interactions.from_events(events)
    split = by_time(found, val_from=START + 30_000, test_from=START + 40_000)
    assert split.train.times.max() < START + 30_000 <= split.val.times.min()
    assert split.val.times.max() < START + 40_000 <= split.test.times.min()
    seen = {(e.user, e.item) for e in events if e.time is not None and e.time < START + 30_000}
    later = [e for e in events if e.time is not None and e.time >= START + 30_000]
    known = {(e.user, e.item) for e in later if e.time is not None and e.time < START + 40_000} | seen
    assert pairs_of(split.train) == seen
    assert pairs_of(split.val) == known - seen
    assert pairs_of(split.test) == {(e.user, e.item) for e in later} - known
    assert (split.report.after_test, split.report.leaks) == (0, ())
    assert split.report.left_out == len(events) - sum(split.report.events.values()) > 100
    kept = by_time(found, val_from=START + 30_000, test_from=START + 40_000, keep_repeated=True)
    assert sum(kept.report.events.values()) == sum(e.time is not None for e in events)
    assert kept.report.repeated["test"] > 0


def test_events_of_one_moment_are_never_parted() -> None:
    events = [event(f"u{n}", f"i{n}", at=0 if n < 50 else 1 if n < 95 else 2) for n in range(100)]
    split = by_time(Interactions.from_events(events))
    assert split.report.events == {"train": 50, "val": 0, "test": 50}
    assert split.report.after_test == 0


def test_default_points_leave_about_a_tenth_each() -> None:
    events = [event(f"u{n % 40}", f"i{n}", at=n) for n in range(1_000)]
    report = by_time(Interactions.from_events(events)).report
    assert [abs(report.events[name] - share) <= 2 for name, share in zip(PARTS, (800, 100, 100), strict=True)] == [
        True
    ] * 3


def test_events_without_times_cannot_be_split_by_time() -> None:
    found = Interactions.from_events([event("u", item) for item in "abcdef"])
    for way in (leave_last, by_time):
        with pytest.raises(DataError, match="has a time"):
            way(found)
    assert set(told(per_user(found)).values()) == set(PARTS)


def test_wrong_wishes_are_usage_errors() -> None:
    found = Interactions.from_events(shoppers(3, 9, 30))
    with pytest.raises(UsageError):
        leave_last(found, 0)
    with pytest.raises(UsageError):
        per_user(found, (0.5, 0.1, 0.1))
    with pytest.raises(UsageError):
        by_time(found, val_from=START + 5, test_from=START)


def test_a_split_that_leaks_says_so() -> None:
    """Labels that send a user's later event to train are found out by the report."""
    events = [event("u", "a", at=1, split="test"), event("u", "b", at=2, split="train")]
    report = by_label(Interactions.from_events(events)).report
    assert (report.after_test, report.after_own_test) == (1, 1)
    assert np.isfinite(report.after_test)


# ---- whole items and whole users held out


def test_cold_items_are_in_one_part_alone() -> None:
    events = shoppers(40, 30, 600, untimed=0.2)
    split = cold_items(Interactions.from_events(events), 0.2, seed=3)
    parts = {name: {item for _, item in pairs_of(getattr(split, name))} for name in PARTS}
    assert [len(parts[name]) for name in PARTS] == [18, 6, 6]
    assert not parts["train"] & parts["val"]
    assert not (parts["train"] | parts["val"]) & parts["test"]
    every = {(e.user, e.item) for e in events}
    assert set(told(split)) == every, "nothing is left out"
    for name in PARTS:
        assert pairs_of(getattr(split, name)) == {pair for pair in every if pair[1] in parts[name]}
    assert split.report.cold_items == {"val": 6, "test": 6}
    assert (split.report.warm_items, split.report.leaks, split.given) == (0, (), None)
    assert split.report.warm_users > 0, "users are the same ones"
    assert told(cold_items(Interactions.from_events(events[::-1]), 0.2, seed=3)) == told(split)
    assert told(cold_items(Interactions.from_events(events), 0.2, seed=4)) != told(split)


def test_cold_users_are_asked_with_what_came_before() -> None:
    events = [*shoppers(40, 12, 500, untimed=0.1), event("once", "商品1", at=5)]
    split = cold_users(Interactions.from_events(events), 0.1, targets=2, seed=3)
    assert split.given is not None
    held = {name: {user for user, _ in pairs_of(getattr(split, name))} for name in ("val", "test")}
    assert len(held["val"]) == len(held["test"]) == 4
    train = {user for user, _ in pairs_of(split.train)}
    assert not held["val"] & held["test"]
    assert not train & (held["val"] | held["test"])
    assert {user for user, _ in pairs_of(split.given)} == held["val"] | held["test"]
    last = by_user(events)
    for user in held["val"] | held["test"]:
        order = sorted(last[user], key=lambda item: (last[user][item], digest(3, user, item)))
        asked = pairs_of(split.val) | pairs_of(split.test)
        assert {item for other, item in asked if other == user} == set(order[-2:])
        assert {item for other, item in pairs_of(split.given) if other == user} == set(order[:-2])
    report = split.report
    assert (report.leaks, report.warm_users, report.cold_users) == ((), 0, {"val": 4, "test": 4})
    assert (report.whole_users, report.given) == (1, len(split.given))
    assert "once" in train


def test_only_points_in_time_are_realistic() -> None:
    found = Interactions.from_events(shoppers(30, 40, 1_000))
    ways = (leave_last, per_user, cold_items, cold_users, by_time)
    assert [way(found).report.realistic for way in ways] == [False] * 4 + [True]


def test_cold_splits_of_next_to_nothing() -> None:
    for way in (cold_items, cold_users):
        for events in ([], [event("u", "a", at=0)], [event("u", item, at=0) for item in "ab"]):
            split = way(Interactions.from_events(events))
            assert split.report.events == {"train": len(events), "val": 0, "test": 0}
        with pytest.raises(UsageError):
            way(Interactions.from_events([]), 0.5)
    with pytest.raises(UsageError):
        cold_users(Interactions.from_events([]), targets=0)


def test_parts_that_share_what_they_promised_not_to_say_so() -> None:
    found = Interactions.from_events([event("u", "a"), event("v", "a"), event("v", "b")])
    split = parted(found, np.array([0, 2, 2]), "wrong", promises=("warm_items", "warm_users"))
    assert split.report.leaks == ("1 items stand in more than one part",)
    assert split.report.warm_users == 0
