"""Bots, caps and damping against naive loops and against logs in which the culprits are known."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.events import Event, Interactions
from goodsense.events.damping import DAY_S, FLOOR, _usual, damped
from goodsense.events.filters import capped, filtered, passing, suspects, without
from tests.events.samples import START, event, shoppers


def interactions(events: list[Event]) -> Interactions:
    return Interactions.from_events(events, weights={})


def pairs_of(found: Interactions) -> set[tuple[str, str]]:
    return {
        (found.users[u], found.items[i])
        for u, i in zip(found.pairs.user_rows.tolist(), found.pairs.item_rows.tolist(), strict=True)
    }


def crowd(users: int, items: int, days: int, seed: int) -> list[Event]:
    """Shoppers who come for one visit of six to nine items, on any day."""
    rng = random.Random(seed)
    found = []
    for user in range(users):
        at = rng.random() * days * DAY_S
        chosen = {min(int(rng.expovariate(4 / items)), items - 1) for _ in range(rng.randint(6, 9))}
        found += [event(f"u{user:04}", f"i{item:03}", at=at + place * 40) for place, item in enumerate(sorted(chosen))]
    return found


# ---- bots


def test_bots_are_told_from_people_with_reasons() -> None:
    people = crowd(200, 60, 30, seed=1)
    hasty = [event("hasty", f"i{n % 60:03}", at=n * 0.5) for n in range(150)]
    steady = [event("steady", f"i{n % 60:03}", at=n * 600 + n % 3) for n in range(60)]
    found = suspects(interactions([*people, *hasty, *steady]))
    assert set(found) == {"hasty", "steady"}
    assert found["hasty"] == "121 events within 60 s, over 100"
    assert found["steady"].startswith("100 % of the pauses between events are 60")


def test_the_busiest_minute_is_what_a_naive_loop_gives() -> None:
    rng = random.Random(2)
    events = [event(f"u{rng.randrange(5)}", "i", at=rng.randrange(400)) for _ in range(300)]
    times = defaultdict(list)
    for one in events:
        times[one.user].append(one.time or 0.0)
    busiest = {u: max(sum(at <= other <= at + 60 for other in own) for at in own) for u, own in times.items()}
    for most in (5, 10, 15):
        found = suspects(interactions(events), most=most)
        assert set(found) == {user for user, count in busiest.items() if count > most}
        assert all(f"{busiest[user]} events" in reason for user, reason in found.items())


def test_dates_and_places_in_a_history_are_no_times() -> None:
    dated = [event("dated", f"i{n}", at=n // 200 * DAY_S) for n in range(400)]
    placed = [Event("placed", f"i{n}", time=float(n)) for n in range(400)]
    untimed = [event("untimed", f"i{n}") for n in range(400)]
    assert suspects(interactions([*dated, *placed, *untimed])) == {}
    assert suspects(interactions([])) == {}
    with pytest.raises(UsageError):
        suspects(interactions([]), most=0)


def test_a_user_is_taken_out_of_streams_and_of_interactions() -> None:
    events = shoppers(4, 5, 60)
    assert {e.user for e in passing(events, {"u1"})} == {"u0", "u2", "u3"}
    assert pairs_of(without(interactions(events), {"u1"})) == {(e.user, e.item) for e in events if e.user != "u1"}


# ---- caps


def test_the_newest_items_of_a_user_stay() -> None:
    events = shoppers(6, 30, 500, untimed=0.2)
    last: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for one in events:
        last[one.user][one.item] = max(last[one.user].get(one.item, -1.0), one.time or -1.0)
    expected = {
        (user, item)
        for user, items in last.items()
        for _, item in sorted((at, item) for item, at in items.items())[-9:]
    }
    found = capped(interactions(events), 9)
    assert pairs_of(found) == expected
    assert len(found) == sum((e.user, e.item) in expected for e in events), "all events with these items"
    assert capped(found, 9) is found
    with pytest.raises(UsageError):
        capped(found, 0)


def test_a_user_with_50_000_events_does_no_harm() -> None:
    rng = random.Random(3)
    people = crowd(150, 60, 30, seed=3)
    times = sorted(rng.random() * 30 * DAY_S for _ in range(50_000))
    busy = [event("busy", f"j{rng.randrange(20_000)}", at=at) for at in times]
    found = filtered(interactions([*people, *busy]))
    assert found.suspects == {}
    assert found.capped["busy"] > 10_000
    assert sum(user == "busy" for user, _ in pairs_of(found.interactions)) <= 1_000
    assert found.events == len(people) + len(busy) - len(found.interactions)


# ---- shilling


def attack(target: str, count: int, days: float, seed: int, *, same: bool = False) -> list[Event]:
    rng = random.Random(seed)
    fixed = rng.sample(range(60), 12)
    found = []
    for user in range(count):
        at = 10 * DAY_S + rng.random() * days * DAY_S
        fillers = fixed if same else rng.sample(range(60), 12)
        items = [target, *(f"i{item:03}" for item in fillers)]
        found += [event(f"fake{user}", item, at=at + place * 20) for place, item in enumerate(items)]
    return found


def test_a_burst_of_new_users_adds_no_more_than_is_usual() -> None:
    people = crowd(1_000, 60, 60, seed=4)
    calm = damped(interactions(people))
    assert calm.burst_pairs < 0.02 * len(people), "an ordinary log is left nearly as it is"
    assert calm.copies == ()
    found = damped(interactions([*people, *attack("i052", 40, 0.5, seed=5)]))
    left = sum(item == "i052" and user.startswith("fake") for user, item in pairs_of(found.interactions))
    assert left <= 2 * FLOOR, "on two days at most"
    assert found.burst_items["i052"] >= 40 - left
    week = damped(interactions([*people, *attack("i052", 40, 7, seed=6)])).interactions
    assert sum(item == "i052" and user.startswith("fake") for user, item in pairs_of(week)) < 20


def test_the_cap_is_what_a_naive_loop_gives() -> None:
    """By days: three times what the item stays within on three quarters of its days, three at least."""
    people = crowd(300, 8, 40, seed=12)
    found = interactions(people)
    first: dict[tuple[str, str], float] = {}
    for one in sorted(people, key=lambda e: e.time or 0.0):
        first.setdefault((one.user, one.item), one.time or 0.0)
    start, end = min(first.values()), max(first.values())
    days = int((end - start) // DAY_S) + 1
    usual = _usual(found.pairs.item_rows, ((found.pairs.first_times - start) // DAY_S).astype(np.int64))
    for row, item in enumerate(found.items):
        own = [int((at - start) // DAY_S) for (_, other), at in first.items() if other == item]
        counts = sorted(own.count(day) for day in range(min(own), max(days, min(own) + 4)))
        assert usual[row] == counts[int(0.75 * (len(counts) - 1))]


def test_copies_of_one_profile_count_once() -> None:
    people = crowd(300, 60, 60, seed=7)
    found = damped(interactions([*people, *attack("i052", 30, 50, seed=8, same=True)]))
    assert len(found.copies) == 29
    assert all(user.startswith("fake") for user in found.copies)
    victim = [event("zoe", one.item, at=0) for one in attack("i052", 1, 1, seed=8, same=True)]
    assert "zoe" not in damped(interactions([*people, *victim, *attack("i052", 30, 50, seed=8, same=True)])).copies
    shorter = [event(f"v{user}", f"i{item:03}", at=user * 9e4) for user in range(30) for item in range(4)]
    assert damped(interactions([*people, *shorter])).copies == (), "small profiles are the same by chance"


def test_nearly_the_same_is_the_same() -> None:
    rng = random.Random(9)
    profiles = [[f"i{item}" for item in rng.sample(range(2_000), 40)] for _ in range(60)]
    profiles += [[*profiles[0][:-1], f"x{n}"] for n in range(10)]  # Jaccard .95 with the first
    profiles += [[*profiles[1][:20], *(f"y{n}-{m}" for m in range(20))] for n in range(10)]  # a third in common
    events = [event(f"u{user:02}", item) for user, items in enumerate(profiles) for item in items]
    copies = damped(interactions(events)).copies
    assert set(copies) <= {"u00", *(f"u{user:02}" for user in range(60, 70))}
    assert len(copies) >= 8, "eleven of a kind, of which one counts; hashes may miss some"


def test_order_changes_nothing_and_unknown_times_are_kept() -> None:
    events = [*crowd(200, 60, 30, seed=10), *attack("i052", 20, 0.5, seed=11), *shoppers(9, 9, 90, untimed=0.5)]
    first = damped(interactions(events))
    second = damped(interactions(random.Random(0).sample(events, len(events))))
    assert pairs_of(first.interactions) == pairs_of(second.interactions)
    untimed = interactions([event(f"u{n}", "i") for n in range(100)])
    assert len(damped(untimed).interactions) == 100
    assert len(damped(interactions([])).interactions) == 0
    history = interactions([Event(f"u{n}", "i", time=float(n % 3)) for n in range(100)])
    assert len(damped(history).interactions) == 100


def test_all_at_one_moment() -> None:
    """Nothing can be told about a log whose events all stand at one moment but that many came at once."""
    events = [event(f"u{n}", f"i{n % 7}", at=0) for n in range(70)]
    found = filtered(interactions(events))
    assert found.suspects == {}
    assert len(found.interactions) == 70, "every item had as many: that is usual here"
    assert np.all(found.interactions.times == START)
