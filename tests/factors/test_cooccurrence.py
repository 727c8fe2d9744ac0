"""Profiles against plain loops over the sessions that :mod:`goodsense.events` finds."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.events import Event, sessions
from goodsense.factors import Ties, profiles


def _log(count: int = 400, seed: int = 0) -> list[Event]:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        user = f"u{random.integers(8)}"
        found.append(
            Event(
                user,
                f"i{random.integers(25)}",
                type=str(random.choice(["view", "click", "cart", "purchase", "wishlist", "impression"])),
                time=None if random.random() < 0.05 else float(1.7e9 + random.integers(0, 200_000)),
                session=f"{user}-{random.integers(4)}" if random.random() < 0.2 else "",
            )
        )
    return found


def _naive(events: list[Event], ties: Ties) -> dict[tuple[str, str], float]:
    events = [event for event in events if event.type != "impression"]
    groups: list[tuple[float, set[str]]] = []
    for tie, kind in ((ties.purchase, "purchase"), (ties.cart, "cart")):
        by_user = defaultdict(set)
        for event in events:
            if event.type == kind:
                by_user[event.user].add(event.item)
        groups += [(tie, items) for items in by_user.values()]
    for visit in sessions(events):
        groups.append((ties.view, {event.item for event in visit.events if event.type in ("view", "click")}))
        groups.append((ties.session, {event.item for event in visit.events}))
    found: dict[tuple[str, str], float] = defaultdict(float)
    for tie, items in groups:
        for pair in itertools.permutations(items, 2):
            found[pair] += tie / (len(items) - 1)
    return found


def test_pairs_are_those_of_plain_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    events = _log()
    expected = _naive(events, Ties())
    for block in (5_000_000, 50):
        monkeypatch.setattr("goodsense.factors.cooccurrence._BLOCK", block)
        found = profiles(events)
        pairs = {(one, other): value for one, own in found.items() for other, value in own.together.items()}
        assert pairs == pytest.approx(expected)


def test_each_tie_counts_by_itself() -> None:
    ties = Ties(purchase=4, cart=0, view=0, session=0)
    events = [
        Event("u", "a", type="purchase", time=1e9),
        Event("u", "b", type="purchase", time=1.1e9),
        Event("v", "a", type="view", time=1e9),
        Event("v", "c", type="view", time=1e9),
    ]
    found = profiles(events, ties=ties)
    assert found["a"].together == {"b": 4.0}
    assert found["c"].together == {}
    assert profiles(events, ties=Ties(0, 0, 1, 0))["c"].together == {"a": 1.0}


def test_shoppers_care_by_the_weights_of_their_events() -> None:
    found = profiles(
        [
            Event("u", "a", type="purchase"),
            Event("u", "a", type="view"),
            Event("v", "a", type="rate", rating=4.0),
            Event("w", "a", type="remove"),
        ]
    )
    assert found["a"].users == {"u": 6.0, "v": 4.0}


def test_age_fades_and_low_ratings_are_left_out() -> None:
    events = [
        Event("u", "a", type="view", time=1.7e9 - 86_400 * 30),
        Event("v", "a", type="view", time=1.7e9),
        Event("w", "a", type="rate", rating=1.0, time=1.7e9),
    ]
    found = profiles(events, half_life_days=30, min_rating=3)
    assert found["a"].users == pytest.approx({"u": 0.5, "v": 1.0})


def test_only_the_strongest_stay_and_crowds_say_nothing() -> None:
    events = [Event("u", f"i{place}", type="purchase") for place in range(5)]
    events += [Event(f"v{place}", item, type="purchase") for place in range(3) for item in ("i0", f"i{place + 1}")]
    found = profiles(events, most=2)
    assert set(found["i0"].together) == {"i1", "i2"}
    assert profiles(events, largest=4)["i4"].together == {}
    assert profiles(events, largest=4)["i1"].together == {"i0": 4.0}


def test_the_order_of_reading_changes_nothing() -> None:
    events = _log(150)
    assert profiles(events) == profiles(events[::-1])


def test_nothing_gives_nothing_and_nonsense_is_refused() -> None:
    assert profiles([]) == {}
    assert profiles([Event("u", "a", type="impression")]) == {}
    with pytest.raises(UsageError, match="cannot part visits"):
        profiles([], gap_s=0)
    with pytest.raises(UsageError, match="half-life"):
        profiles([], half_life_days=-1)
    with pytest.raises(UsageError, match="'cart' weighs -1"):
        Ties(cart=-1)
