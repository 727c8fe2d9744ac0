"""Impressions joined with what came of them, against a naive join."""

from __future__ import annotations

import random

import numpy as np

from goodsense.events import Event, Impressions
from tests.events.samples import START, event

TYPES = ("impression", "impression", "impression", "click", "view", "cart", "purchase", "remove", "rate")


def shown(count: int, seed: int) -> list[Event]:
    rng = random.Random(seed)
    return [
        event(
            f"u{rng.randrange(4)}",
            f"i{rng.randrange(5)}",
            rng.choice(TYPES),
            at=rng.choice((None, rng.randrange(30))),
            ranking=rng.choice(("", "r1", "r2", "r3")),
            position=rng.choice((None, 0, 1, 2)),
            context=rng.choice(({}, {"device": "phone"})),
        )
        for _ in range(count)
    ]


def naive(events: list[Event]) -> dict[tuple[str, str, str], tuple[int, bool, bool, float]]:
    found = {}
    for one in events:
        if one.type == "impression" and one.ranking:
            key = one.ranking, one.user, one.item
            same = [e for e in events if (e.ranking, e.user, e.item) == key]
            views = [e for e in same if e.type == "impression"]
            places = [e.position for e in views if e.position is not None]
            times = [e.time for e in views if e.time is not None]
            acted = [e.type for e in same if e.type in ("click", "view", "cart", "wishlist", "purchase")]
            found[key] = (min(places, default=-1), bool(acted), "purchase" in acted, min(times, default=-1.0))
    return found


def test_the_join_is_what_a_naive_one_gives_in_any_order() -> None:
    for seed in range(8):
        events = shown(120, seed)
        got = Impressions.from_events(iter(events))
        rows = zip(
            (got.rankings[row] for row in got.ranking_rows),
            (got.users[row] for row in got.user_rows),
            (got.items[row] for row in got.item_rows),
            strict=True,
        )
        told = zip(
            got.positions.tolist(),
            got.clicked.tolist(),
            got.purchased.tolist(),
            np.nan_to_num(got.times, nan=-1.0).tolist(),
            strict=True,
        )
        assert dict(zip(rows, told, strict=True)) == naive(events)
        times = np.nan_to_num(got.times, nan=-1.0)
        assert (np.diff(times) >= 0).all()
        assert got.unlisted == sum(e.type == "impression" and not e.ranking for e in events)
        again = Impressions.from_events(random.Random(seed).sample(events, len(events)))
        assert again.clicked.tolist() == got.clicked.tolist()
        assert (again.rankings, again.users, again.items) == (got.rankings, got.users, got.items)
        assert again.item_rows.tolist() == got.item_rows.tolist()


def test_another_users_click_on_the_same_list_is_not_this_ones() -> None:
    events = [
        event("u", "a", "impression", at=0, ranking="r", position=1, context={"device": "phone", "place": "上海"}),
        event("u", "b", "impression", at=0, ranking="r", position=2),
        event("v", "a", "click", at=1, ranking="r"),
        event("u", "b", "purchase", at=9, ranking="r"),
        event("u", "a", "click", at=1),
        event("u", "a", "click", at=1, ranking="other"),
    ]
    found = Impressions.from_events(events)
    assert found.clicked.tolist() == [False, True]
    assert found.purchased.tolist() == [False, True]
    assert found.unjoined == 2
    assert found.click_rate == 0.5
    assert found.users == ("u",)
    assert [dict(found.contexts[row]) for row in found.context_rows] == [{"device": "phone", "place": "上海"}, {}]
    assert found.times.tolist() == [START, START]


def test_no_events_are_no_impressions() -> None:
    found = Impressions.from_events([])
    assert (len(found), found.click_rate, found.users, found.contexts) == (0, 0.0, (), ())
