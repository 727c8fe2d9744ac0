"""One event, its type, its key."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.errors import DataError
from goodsense.events import TYPES, Event, numbered, type_of
from goodsense.events.event import content_key, iso
from goodsense.tables.occurrences import Occurrences
from tests.events.samples import event, shoppers


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *((name, name) for name in TYPES),
        ("pv", "view"),
        ("cart", "cart"),
        ("fav", "wishlist"),
        ("buy", "purchase"),
        ("浏览", "view"),
        ("点击", "click"),
        ("搜索", "search"),
        ("加购", "cart"),
        ("收藏", "wishlist"),
        ("购买", "purchase"),
        ("下单", "purchase"),
        ("评分", "rate"),
        ("评论", "review"),
        ("曝光", "impression"),
        ("Add to Cart", "cart"),
        ("add-to-cart", "cart"),
        ("addtocart", "cart"),
        ("REMOVE_FROM_CART", "remove"),
        ("transaction", "purchase"),
        ("view_item", "view"),
        ("view_item_list", "impression"),
        ("select_item", "click"),
        ("add_to_cart", "cart"),
        ("add_to_wishlist", "wishlist"),
        ("view_search_results", "search"),
        ("favourite", "wishlist"),
        ("rating", "rate"),
        ("stock_level", "stock"),
        ("分享", "分享"),
        ("Begin Checkout", "Begin Checkout"),
    ],
)
def test_types_in_two_languages_and_the_codes_of_public_logs(word: str, meant: str) -> None:
    assert type_of(word) == meant


@pytest.mark.parametrize(
    "fields",
    [
        {"user": ""},
        {"item": ""},
        {"weight": math.nan},
        {"rating": math.inf},
        {"time": -1.0},
        {"time": 1e15},
        {"value": math.nan},
        {"position": -1},
        {"position": 1.5},
        {"item": "", "type": "search"},
        {"type": "stock", "quantity": 3.0},
        {"type": "stock", "time": 1e9},
        {"type": "stock", "time": 1e9, "quantity": -1.0},
    ],
)
def test_what_cannot_be_an_event_is_an_error(fields: dict[str, object]) -> None:
    with pytest.raises(DataError):
        Event(**{"user": "u", "item": "i", **fields})  # type: ignore[arg-type]


def test_whole_numbers_count_as_numbers() -> None:
    assert content_key(Event("u", "i", weight=1, time=1_700_000_000)) == content_key(
        Event("u", "i", weight=1.0, time=1_700_000_000.0)
    )


def test_the_key_tells_every_field_but_the_split() -> None:
    plain = event("u", "i", at=0)
    others = [
        event("v", "i", at=0),
        event("u", "j", at=0),
        event("u", "i", "cart", at=0),
        event("u", "i", at=1),
        event("u", "i"),
        *(event("u", "i", at=0, **{name: 2.0}) for name in ("weight", "rating", "quantity", "duration")),
        *(event("u", "i", at=0, **{name: "x"}) for name in ("query", "session", "ranking")),
        *(event("u", "i", at=0, **{name: 2}) for name in ("position", "value")),
        *(event("u", "i", at=0, context={name: "x"}) for name in ("place", "device")),
    ]
    assert len({content_key(one) for one in [plain, *others]}) == len(others) + 1
    assert content_key(event("u", "i", at=0, split="test")) == content_key(plain)


def test_keys_of_what_says_nothing_about_lists_stay_as_they_were() -> None:
    """Taken from the version before events knew of rankings; another key would add every stored event again."""
    known = Event("u", "i", "view", rating=4.0, query="x", time=1_700_000_000.0, session="s")
    assert content_key(known) == "7cedf3ff75e63db86f9b9597bce4aed5"


def test_a_search_may_name_no_product_and_stock_no_user() -> None:
    assert Event("u", "", "search", query="红色 玩具").item == ""
    assert Event("", "SKU-1", "stock", quantity=0, time=1e9).quantity == 0.0


def test_contexts_are_equal_whatever_their_order() -> None:
    one, other = (
        event("u", "i", context=dict(pairs)) for pairs in ((("a", "1"), ("b", "2")), (("b", "2"), ("a", "1")))
    )
    assert one == other
    assert content_key(one) == content_key(other)
    assert len({one, other}) == 1


def test_true_repeats_get_numbers_across_batches() -> None:
    once = event("u", "i", at=0)
    events = [once, *(event("u", f"x{n}", at=n) for n in range(3_000)), once, once]
    keys = [found.key for _, found in numbered(enumerate(events))]
    assert len(set(keys)) == len(events)
    assert keys[-2:] == [f"{keys[0]}-1", f"{keys[0]}-2"]


def test_keys_are_those_of_the_beginning_when_a_source_has_grown() -> None:
    events = shoppers(5, 5, 5_000)
    assert max(Counter(found.content for found in events).values()) > 3
    before = [found.key for _, found in numbered(enumerate(events[:4_000]))]
    after = [found.key for _, found in numbered(enumerate(events))]
    assert after[:4_000] == before
    assert len(set(after)) == 5_000


def test_own_keys_stay() -> None:
    given_keys = [event("u", "i", key="k1"), event("u", "i"), event("u", "i", key="k2")]
    keys = [found.key for _, found in numbered(enumerate(given_keys))]
    assert keys == ["k1", content_key(given_keys[1]), "k2"]


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=8), max_size=8))
def test_occurrences_count_like_a_counter(batches: list[list[str]]) -> None:
    seen: Counter[str] = Counter()
    with Occurrences() as occurrences:
        for batch in batches:
            assert occurrences.count(batch) == {key: seen[key] for key in set(batch) if seen[key]}
            seen.update(batch)


def test_moments_are_written_to_the_microsecond() -> None:
    assert iso(1_511_622_245.000001) == "2017-11-25T15:04:05.000001Z"
    assert iso(0.0) == "1970-01-01T00:00:00Z"
