"""What the shop's data teach its joint space: right pairs, nothing held out, and only what helps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from goodsense.catalog import Product, Variant
from goodsense.events import Event
from goodsense.shop import Shop
from goodsense.shop.ablation.goals import bucket
from goodsense.shop.belonging import (
    ENOUGH_JUDGED,
    Records,
    Views,
    product_groups,
    taught_events,
    teaching_queries,
)
from goodsense.shop.encoding import EncodedBlock
from goodsense.shop.lessons import Exam, Lines, Teaching
from goodsense.shop.listing import Listing, read_listing
from goodsense.types import Query
from tests.shop.test_joining import block_of, hand_made

TEACHER = next(f"u{n}" for n in range(100) if bucket(f"u{n}", 10) >= 4)
TESTED = next(f"u{n}" for n in range(100) if bucket(f"u{n}", 10) < 4)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as made:
        made.add(
            [
                Product("a", title="red kite", description="flies high", split="train"),
                Product("b", title="Red  Kite", split="train", variants=(Variant("b", gtin="4006381333931"),)),
                Product("c", title="drum", split="train", variants=(Variant("c", gtin="4006381333931"),)),
                Product("d", title="boat", split="train"),
                Product("v", title="flute", description="sings", split="val"),
                Product("t", title="red kite", description="secret", split="test"),
            ]
        )
        yield made


def event(user: str, item: str, kind: str, time: float, *, query: str = "", split: str = "") -> Event:
    return Event(user, item, kind, query=query, time=1.7e9 + time, session="s", split=split)  # type: ignore[arg-type]


def records(shop: Shop) -> Records:
    return Records.of(shop.truth, read_listing(shop.truth, group_of=str.casefold)[0])


def said(shop: Shop, views: Mapping[str, Views], kind: str) -> set[tuple[str, str]]:
    ids = records(shop).listing.ids
    words = [own if isinstance(own, str) else " | ".join(own.values()) for own in views[kind].words]
    return {(ids[row], text) for row, text in zip(views[kind].rows.tolist(), words, strict=True)}


def test_titles_descriptions_and_equal_products_are_views_of_training_products(shop: Shop) -> None:
    views = records(shop).views()
    assert said(shop, views, "parts") == {("a", "red kite"), ("a", "flies high")}
    same = {(a, b) for a in "abc" for b in ("red kite | flies high", "Red  Kite", "drum")}
    own = {("a", "red kite | flies high"), ("b", "Red  Kite"), ("c", "drum")}
    assert said(shop, views, "same") == same - own
    assert set(views) == {"parts", "same"}


def test_one_product_is_known_by_title_words_and_gtin(shop: Shop) -> None:
    listing = records(shop).listing
    groups = dict(zip(listing.ids, product_groups(listing).tolist(), strict=True))
    assert groups["a"] == groups["b"] == groups["c"] == groups["t"]
    assert len({groups[id] for id in "adv"}) == 3


def test_searches_lead_to_what_was_opened_and_later_bought(shop: Shop) -> None:
    shop.add_events(
        [
            event(TEACHER, "a", "click", 1, query="dragon", split="train"),
            event(TEACHER, "d", "purchase", 2, split="train"),
            event(TEACHER, "a", "purchase", 3, split="train"),
            event(TEACHER, "v", "click", 4, query="whistle", split="train"),
            event(TEACHER, "d", "click", 5, query="unseen", split="test"),
        ]
    )
    found = records(shop)
    views = found.views()
    assert said(shop, views, "clicks") == {("a", "dragon")}
    assert said(shop, views, "purchases") == {("a", "dragon"), ("d", "dragon")}
    assert said(shop, views, "baskets") == {("a", "boat"), ("d", "red kite | flies high")}
    assert found.searches([found.listing.ids.index("v")]).words == ["whistle"]


def test_neither_tested_shoppers_nor_last_interactions_teach() -> None:
    items = [Event(TEACHER, f"p{n}", "view", time=1.7e9 + n) for n in range(6)]
    others = [Event(TESTED, f"p{n}", "view", time=1.7e9 + n) for n in range(6)]
    assert [own.item for own in taught_events([*others, *items])] == ["p0", "p1", "p2", "p3"]
    assert taught_events([Event(TESTED, "p", "view", split="train"), Event(TEACHER, "q", "view", split="val")]) == [
        Event(TESTED, "p", "view", split="train")
    ]


def test_a_quarter_of_many_judged_queries_teaches_and_none_that_is_tested(shop: Shop) -> None:
    ids = [f"q{n}" for n in range(ENOUGH_JUDGED)]
    queries = {id: json.dumps(Query.of_text(f"words {id}").to_json()) for id in ids}
    qrels: dict[str, dict[str, int]] = {id: {"a": 2, "t": 2, "d": 0} for id in ids}
    taught = teaching_queries(queries, qrels)
    assert 0 < len(taught) < len(ids) / 2
    assert all(bucket(id, 2) == 0 for id in taught)
    assert teaching_queries(dict(list(queries.items())[1:]), qrels) == set()
    shop.truth.add_judgements(queries, qrels)
    held = next(id for id in ids if id not in taught)
    learned = next(iter(taught))
    clicks = [event(TEACHER, "d", "click", n, query=f"Words  {id}") for n, id in enumerate((held, learned))]
    shop.add_events([*clicks, event(TEACHER, "z1", "view", 8), event(TEACHER, "z2", "view", 9)])
    views = records(shop).views()
    assert said(shop, views, "judged") == {("a", f"words {id}") for id in taught}
    assert said(shop, views, "clicks") == {("d", f"Words  {learned}")}


# ---- which kinds teach


def test_views_follow_the_products_that_they_are_of() -> None:
    listing, blocks = hand_made(6, absent=1)
    teaching = lessons(listing, blocks, {"clicks": Lines(np.array([1, 5]), np.eye(2, 6, dtype=np.float32))})
    made, lesson = teaching.material(np.arange(5), ["clicks"])
    assert made["text"].vectors[5:].tolist() == np.eye(2, 6).tolist()
    assert np.array_equal(made["image"].vectors[5], blocks["image"].vectors[1])
    assert made["image"].present.tolist() == [True] * 6 + [False]
    assert lesson.groups.tolist() == [0, 1, 2, 3, 4, 1, 5]
    assert lesson.pairs.tolist() == [[5, 1]]


def lessons(listing: Listing, blocks: Mapping[str, EncodedBlock], lines: Mapping[str, Lines]) -> Teaching:
    return Teaching(blocks, np.arange(len(listing)), listing.ids, lines)


def test_only_kinds_that_help_validation_products_are_kept() -> None:
    """Queries lie in directions that titles never take: clicks tell what they mean, random pairs do harm."""
    listing, blocks = hand_made(300, validate=60)
    rng = np.random.default_rng(3)
    turned = rng.normal(size=(6, 6))
    text = block_of("text", np.hstack([blocks["text"].vectors, np.zeros((300, 6), np.float32)]), np.ones(300, bool))
    queries = np.hstack([np.zeros((300, 6)), blocks["image"].vectors @ turned]).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    rows, held = np.arange(60, 300), np.arange(60)
    lines = {"clicks": Lines(rows, queries[rows]), "baskets": Lines(rows, queries[rng.permutation(rows)])}
    teaching = lessons(listing, {"text": text, "image": blocks["image"]}, lines)
    kept, gains = teaching.helpful(rows, Exam(held, Lines(held, queries[held])), seed=0)
    assert kept == ["clicks"]
    assert gains["clicks"] > 0.1
    assert gains["baskets"] < 0
