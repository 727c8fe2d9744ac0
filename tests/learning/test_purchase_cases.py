"""Questions about purchases: what was before, what was bought, and what was drawn instead."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.events import Event, Interactions
from goodsense.learning.purchase_cases import BOUGHT, POPULAR, UNIFORM, Baskets, purchase_cases, user_folds

USERS, ITEMS = ("ann", "bob", "cat"), tuple("abcdef")


def made(rows: list[tuple[str, str, float | None]], seed: int = 0) -> Baskets:
    events = [Event(user, item, "purchase", time=time) for user, item, time in rows]
    return Baskets.of(Interactions.from_events(events), users=USERS, items=ITEMS, seed=seed)


def drawn(users: int = 40, items: int = 30, seed: int = 0) -> Baskets:
    rng = np.random.default_rng(seed)
    own = [rng.permutation(items)[: rng.integers(1, 9)] for _ in range(users)]
    starts = np.concatenate(([0], np.cumsum([len(each) for each in own])))
    return Baskets(np.arange(users), starts, np.concatenate(own), items)


def test_baskets_are_in_the_order_of_first_times() -> None:
    found = made([("bob", "c", 5.0), ("bob", "a", 9.0), ("bob", "c", 1.0), ("ann", "f", 2.0), ("zoe", "a", 1.0)])
    assert found.users.tolist() == [0, 1]
    assert found.items.tolist() == [5, 2, 0]
    assert found.sizes.tolist() == [1, 2]
    assert found.popularity().tolist() == [1, 0, 1, 0, 0, 1]
    assert found.count == 6


def test_products_and_users_that_are_not_wanted_are_passed_over() -> None:
    found = made([("bob", "unknown", 1.0), ("bob", "b", 2.0), ("nobody", "b", 2.0)])
    assert (found.users.tolist(), found.items.tolist()) == ([1], [1])


def test_chance_decides_where_no_time_is_known() -> None:
    rows: list[tuple[str, str, float | None]] = [("ann", item, None) for item in ITEMS]
    orders = {tuple(made(rows, seed).items.tolist()) for seed in range(5)}
    assert len(orders) == 5
    assert made(rows, 3).items.tolist() == made(rows, 3).items.tolist()


def test_cases_are_those_of_a_plain_loop() -> None:
    baskets = drawn()
    found = purchase_cases(baskets, baskets.popularity(), history=3, targets=2, seed=1)
    expected = []
    for place, user in enumerate(baskets.users.tolist()):
        own = baskets.items[baskets.starts[place] : baskets.starts[place + 1]].tolist()
        for at in range(max(1, len(own) - 2), len(own)):
            past = own[:at][::-1][:3]
            expected.append((user, (*past, *[-1] * (3 - len(past))), own[at]))
    bought = found.take(np.flatnonzero(found.bought))
    rows = zip(bought.users.tolist(), map(tuple, bought.history.tolist()), bought.candidates.tolist(), strict=True)
    assert sorted(rows) == sorted(expected)


def test_what_was_not_bought_was_never_seen() -> None:
    baskets = drawn()
    seen = drawn(seed=0)  # what was bought, and more
    more = Baskets(seen.users, seen.starts + np.arange(41), np.insert(seen.items, seen.starts[1:], 7), 30)
    found = purchase_cases(baskets, baskets.popularity(), seen=more, negatives=3)
    assert (~found.bought).sum() == 3 * found.bought.sum()
    known = {user: set(more.items[more.starts[user] : more.starts[user + 1]].tolist()) for user in range(40)}
    for user, candidate, kind in zip(
        found.users.tolist(), found.candidates.tolist(), found.kinds.tolist(), strict=True
    ):
        assert (candidate in known[user]) == (kind == BOUGHT)
    assert 7 not in found.candidates[~found.bought]


def test_products_are_drawn_by_popularity_where_asked() -> None:
    baskets = drawn(400, 200)
    popularity = np.zeros(200, dtype=np.int64)
    popularity[:100], popularity[100:110] = 1, 10
    for share, kind in ((0.0, UNIFORM), (1.0, POPULAR)):
        found = purchase_cases(baskets, popularity, popular=share, negatives=5)
        away = found.candidates[~found.bought]
        assert set(found.kinds[~found.bought].tolist()) == {kind}
        assert abs((away < 100).mean() - 0.5) < 0.05
        assert abs(((away >= 100) & (away < 110)).mean() - (0.5 if share else 0.05)) < 0.05
    mixed = purchase_cases(baskets, popularity, popular=0.25, negatives=5)
    assert abs((mixed.kinds[~mixed.bought] == POPULAR).mean() - 0.25) < 0.05


def test_who_has_seen_everything_is_asked_of_purchases_alone() -> None:
    baskets = made([("ann", item, float(time)) for time, item in enumerate(ITEMS)])
    found = purchase_cases(baskets, baskets.popularity())
    assert found.bought.all()
    assert len(found) == 4


def test_nothing_popular_is_drawn_where_nothing_is_known_to_be() -> None:
    found = purchase_cases(drawn(), np.zeros(30, dtype=np.int64), popular=1.0)
    assert set(found.kinds.tolist()) == {BOUGHT, UNIFORM}


def test_the_same_seed_asks_the_same() -> None:
    baskets = drawn()
    first, again, other = (purchase_cases(baskets, baskets.popularity(), seed=seed) for seed in (4, 4, 5))
    assert first.candidates.tolist() == again.candidates.tolist()
    assert first.candidates.tolist() != other.candidates.tolist()


def test_single_purchases_ask_nothing() -> None:
    with pytest.raises(DataError, match="none of 2 users has bought two"):
        purchase_cases(made([("ann", "a", 1.0), ("bob", "b", 1.0)]), np.ones(6, dtype=np.int64))


@pytest.mark.parametrize("wrong", [{"history": 0}, {"targets": 0}, {"negatives": 0}, {"popular": 1.5}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected whole numbers from 1 up"):
        purchase_cases(drawn(), np.ones(30, dtype=np.int64), **wrong)  # type: ignore[arg-type]


def test_folds_are_even_and_drawn() -> None:
    found = user_folds(23, 5, seed=1)
    assert sorted(np.bincount(found).tolist()) == [4, 4, 5, 5, 5]
    assert found.tolist() == user_folds(23, 5, seed=1).tolist()
    assert found.tolist() != user_folds(23, 5, seed=2).tolist()
    for count, folds in ((23, 1), (9, 5)):
        with pytest.raises(UsageError, match="cannot be parted"):
            user_folds(count, folds)
