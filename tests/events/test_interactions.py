"""Interactions against sums made by hand, and their way to disk."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.events import DEFAULT_WEIGHTS, Event, Interactions
from tests.events.samples import WEIGHTS, event, shoppers


def as_dict(found: Interactions) -> dict[tuple[str, str], float]:
    cells = found.matrix.tocoo()
    return {
        (found.users[u], found.items[i]): w for u, i, w in zip(cells.row, cells.col, cells.data.tolist(), strict=True)
    }


@pytest.mark.parametrize("repeats", ["sum", "max", "last"])
def test_the_matrix_is_what_a_naive_loop_gives(repeats: str) -> None:
    events = shoppers(12, 9, 600, untimed=0.2)
    naive: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for one in sorted(events, key=lambda e: (e.time is not None, e.time or 0)):
        naive[one.user, one.item].append(WEIGHTS[one.type])
    found = Interactions.from_events(events, weights=WEIGHTS, repeats=repeats)  # type: ignore[arg-type]
    got = as_dict(found)
    assert got.keys() == naive.keys()
    for pair, weights in naive.items():
        if repeats == "last":
            assert got[pair] in weights  # ties leave it open which one was last
        else:
            assert got[pair] == (sum if repeats == "sum" else max)(weights)
    assert found.users == tuple(sorted({e.user for e in events}))
    assert found.items == tuple(sorted({e.item for e in events}))


def test_the_last_of_repeated_events_is_the_latest() -> None:
    events = [event("u", "i", "purchase", at=9), event("u", "i", "cart", at=5), event("u", "i", "view")]
    assert as_dict(Interactions.from_events(events, repeats="last")) == {("u", "i"): 5.0}


def test_first_and_last_times_of_pairs() -> None:
    events = [event("u", "i", at=5), event("u", "i", at=9), event("u", "i"), event("u", "j"), event("v", "i", at=1)]
    pairs = Interactions.from_events(events).pairs
    start = 1_700_000_000
    assert pairs.first_times[[0, 2]].tolist() == [start + 5, start + 1]
    assert pairs.last_times[[0, 2]].tolist() == [start + 9, start + 1]
    assert np.isnan(pairs.first_times[1])


def test_histories_are_in_the_order_of_time() -> None:
    events = shoppers(5, 9, 200, untimed=0.2)
    found = Interactions.from_events(events)
    for user, items, weights, times in found.histories():
        own = [e for e in events if e.user == user]
        known = times[~np.isnan(times)]
        assert (np.diff(known) >= 0).all()
        assert np.isnan(times[: len(times) - len(known)]).all()
        assert sorted(items) == sorted(e.item for e in own)
        assert weights.sum() == sum(DEFAULT_WEIGHTS[e.type] for e in own)
    with pytest.raises(UsageError, match="nobody"):
        found.history("nobody")


def test_weights() -> None:
    events = [
        event("u", "own", "view", weight=7.0),
        event("u", "rated", "rate", rating=4.0),
        event("u", "reviewed", "review", rating=2.0),
        event("u", "told", "review"),
        event("u", "bought", "purchase", rating=1.0),
        event("u", "new kind", "分享"),
        event("u", "shown", "impression"),
        event("u", "removed", "remove"),
    ]
    got = {item: weight for (_, item), weight in as_dict(Interactions.from_events(events)).items()}
    assert got == {"own": 7, "rated": 4, "reviewed": 2, "told": 4, "bought": 5, "new kind": 1}
    liked = Interactions.from_events(events, min_rating=3)
    assert set(liked.items) == {"own", "rated", "told", "new kind"}
    assert Interactions.from_events(events, types={"purchase"}).items == ("bought",)
    order = [DEFAULT_WEIGHTS[name] for name in ("purchase", "cart", "wishlist", "view", "impression")]
    assert order == sorted(order, reverse=True)


def test_half_lives() -> None:
    day = 86_400.0
    events = [event("u", "a", at=0), event("u", "b", at=10 * day), event("u", "c")]
    got = as_dict(Interactions.from_events(events, half_life_days=5))
    assert got == {("u", "a"): 0.25, ("u", "b"): 1.0, ("u", "c"): 1.0}
    with pytest.raises(UsageError):
        Interactions.from_events(events, half_life_days=0)


def test_the_order_of_events_does_not_matter() -> None:
    events = shoppers(8, 8, 300)
    one, other = Interactions.from_events(events), Interactions.from_events(events[::-1])
    assert one.users == other.users
    assert (one.item_rows == other.item_rows).all()
    assert (one.times == other.times).all()
    assert (one.matrix != other.matrix).nnz == 0


def naive_core(events: list[Event], min_user: int, min_item: int) -> set[tuple[str, str]]:
    pairs = {(e.user, e.item) for e in events}
    while True:
        users = {u for u, _ in pairs if sum(u == v for v, _ in pairs) >= min_user}
        items = {i for _, i in pairs if sum(i == j for _, j in pairs) >= min_item}
        fits = {(u, i) for u, i in pairs if u in users and i in items}
        if fits == pairs:
            return pairs
        pairs = fits


@pytest.mark.parametrize(("min_user", "min_item"), [(1, 1), (3, 2), (4, 4), (99, 1)])
def test_the_core_is_that_of_a_naive_loop(min_user: int, min_item: int) -> None:
    events = shoppers(15, 12, 70, seed=4)
    core = Interactions.from_events(events).restrict(min_user=min_user, min_item=min_item)
    expected = naive_core(events, min_user, min_item)
    assert set(as_dict(core)) == expected
    assert set(core.users) == {u for u, _ in expected}
    assert len(core) == sum((e.user, e.item) in expected for e in events)


def test_slices_keep_ids_with_their_rows() -> None:
    events = shoppers(8, 8, 300)
    found = Interactions.from_events(events)
    whole = as_dict(found)
    users, items = found.users[::-2], found.items[3:0:-1]
    part = found.select(users=users, items=items)
    assert (part.users, part.items) == (users, items)
    assert as_dict(part) == {pair: w for pair, w in whole.items() if pair[0] in users and pair[1] in items}
    assert as_dict(found.select()) == whole
    for row, user in enumerate(users):
        own = part.item_rows[part.starts[row] : part.starts[row + 1]]
        assert len(own) == sum(e.user == user and e.item in items for e in events)
    with pytest.raises(UsageError, match="no item 'x'"):
        found.select(items=["x"])
    with pytest.raises(UsageError, match="twice"):
        found.select(users=[users[0], users[0]])


def test_nothing_is_fine() -> None:
    none = Interactions.from_events([])
    assert none.matrix.shape == (0, 0)
    assert none.restrict(min_user=2).users == ()
    assert list(none.histories()) == []


def test_saved_interactions_are_the_same(tmp_path: Path) -> None:
    for events in (shoppers(8, 8, 300, untimed=0.3), []):
        found = Interactions.from_events(events, repeats="max")
        found.save(tmp_path / "i.safetensors")
        again = Interactions.load(tmp_path / "i.safetensors")
        assert (again.users, again.items, again.repeats) == (found.users, found.items, "max")
        for name in ("starts", "item_rows", "weights", "times", "labels"):
            assert np.array_equal(getattr(again, name), getattr(found, name), equal_nan=name == "times")
        assert [path.name for path in tmp_path.iterdir()] == ["i.safetensors"]


def test_damaged_files_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "i.safetensors"
    Interactions.from_events(shoppers(8, 8, 300)).save(path)
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    told = 0
    for case in range(200):
        data = bytearray(good)
        if case % 2:
            data = data[: rng.integers(len(data))]
        else:
            data[rng.integers(min(700, len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            Interactions.load(path).matrix.sum()
        except DataError as error:
            told += "i.safetensors" in error.message
    assert told > 100
    with pytest.raises(DataError):
        Interactions.load(tmp_path / "none")
