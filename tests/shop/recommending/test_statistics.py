"""Counts behind reasons, against loops over the events."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.errors import DataError
from goodsense.events import Event
from goodsense.search.storage import load_arrays, save_arrays
from goodsense.shop.recommending.log import log_of
from goodsense.shop.recommending.statistics import BASKET, BOUGHT, FILE, RECENT_DAYS, SEEN, Statistics, statistics_of

DAY = 86_400.0
ITEMS = tuple("abcdefgh")


def random_events(count: int, seed: int) -> list[Event]:
    rng = np.random.default_rng(seed)
    events = [
        Event(
            f"u{rng.integers(12):02d}",
            str(rng.choice([*ITEMS, "elsewhere"])),
            str(rng.choice(["view", "cart", "purchase", "remove", "impression"])),
            time=float(rng.integers(0, 60 * 86_400)) + 1e9,
            session=f"s{rng.integers(4)}",
            query=str(rng.choice(["", "Red  kite", "red kite", "drum"])),
        )
        for _ in range(count)
    ]
    return sorted(events, key=lambda event: (event.user, when(event)))


def when(event: Event) -> float:
    """The time of an event that has one."""
    assert event.time is not None
    return event.time


def test_counts_equal_those_of_loops() -> None:
    events = random_events(400, 3)
    found = statistics_of(log_of(iter(events), ITEMS), min_shoppers=1)
    liking = [e for e in events if e.item in ITEMS and e.type in ("view", "cart", "purchase")]
    bought = [e for e in liking if e.type == "purchase"]
    until = max(when(e) for e in events if e.item in ITEMS)
    assert found.until == until
    for row, item in enumerate(ITEMS):
        assert found.seen_by[row] == len({e.user for e in liking if e.item == item})
        assert found.bought_by[row] == len({e.user for e in bought if e.item == item})
        assert found.recent[row] == sum(e.item == item and when(e) > until - RECENT_DAYS * DAY for e in bought)
    owners: dict[str, list[tuple[Any, str]]] = {
        BOUGHT: [(e.user, e.item) for e in bought],
        SEEN: [(e.user, e.item) for e in liking],
        BASKET: [((e.user, e.session), e.item) for e in bought],
    }
    for tie, pairs in owners.items():
        having = {item: {owner for owner, own in pairs if own == item} for item in ITEMS}
        for a, b in combinations(range(len(ITEMS)), 2):
            expected = len(having[ITEMS[a]] & having[ITEMS[b]])
            assert found.both(tie, a, b) == found.both(tie, b, a) == expected
    big = {owner for owner, _ in owners[BASKET] if len({i for o, i in owners[BASKET] if o == owner}) > 1}
    assert found.basket_count == len(big)


def test_they_come_back_from_disk(tmp_path: Path) -> None:
    found = statistics_of(log_of(iter(random_events(200, 1)), ITEMS), min_shoppers=1)
    found.save(tmp_path)
    back = Statistics.load(tmp_path)
    assert (back.items, back.queries, back.until, back.shoppers) == (
        found.items,
        found.queries,
        found.until,
        found.shoppers,
    )
    assert np.array_equal(back.popularity, found.popularity)
    assert all((back.together[tie] != found.together[tie]).nnz == 0 for tie in (BOUGHT, SEEN, BASKET))


def test_counts_of_another_version_are_refused(tmp_path: Path) -> None:
    statistics_of(log_of(iter(random_events(20, 1)), ITEMS)).save(tmp_path)
    arrays = dict(load_arrays(tmp_path / FILE))
    del arrays["heard"]
    (tmp_path / "old").mkdir()
    save_arrays(tmp_path / "old" / FILE, arrays)
    with pytest.raises(DataError, match="lacks heard"):
        Statistics.load(tmp_path / "old")


def test_queries_of_few_or_with_personal_data_are_not_kept() -> None:
    events = [Event(f"u{n}", "a", "view", time=1e9 + n, query="Red  Kite" if n % 2 else "red kite") for n in range(3)]
    events += [Event(f"v{n}", "b", "view", time=1e9 + n, query="call 13812345678") for n in range(5)]
    events += [Event(f"w{n}", "c", "view", time=1e9 + n, query="drum") for n in range(2)]
    found = statistics_of(log_of(iter(events), ITEMS), min_shoppers=3)
    assert [query.casefold() for query in found.queries] == ["red kite"]
    assert found.asked_by.tolist() == [3]
    assert found.answers.toarray()[0].tolist() == [3, 0, 0, 0, 0, 0, 0, 0]


def test_a_query_counts_until_the_next_one_or_the_end_of_the_visit() -> None:
    events = [
        Event("u", "a", "search", time=1e9, query="kite"),
        Event("u", "b", "view", time=1e9 + 5),
        Event("u", "c", "view", time=1e9 + 9_000),
    ]
    found = statistics_of(log_of(iter(events), ITEMS), min_shoppers=1)
    assert found.answers.toarray()[0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


def test_without_events_everything_is_nothing() -> None:
    found = statistics_of(log_of(iter(()), ITEMS))
    assert found.popularity.tolist() == [0.0] * 8
    assert (found.shoppers, found.basket_count, found.queries) == (0, 0, ())
    assert np.isnan(found.until)


def test_events_without_a_time_are_counted_but_are_not_recent() -> None:
    found = statistics_of(log_of(iter([Event("u", "a", "purchase"), Event("v", "a", "purchase")]), ITEMS))
    assert found.bought_by[0] == 2
    assert found.recent[0] == 0
