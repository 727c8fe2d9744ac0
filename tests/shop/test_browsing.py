"""Validation queries for kinds of products: what is right, what is not known, and who keeps it quiet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from goodsense.catalog.product import AttributeValue
from goodsense.search.calibration import BM25
from goodsense.shop.browsing import SHARE, Kind, facts_of, kinds_of_facts
from goodsense.shop.evidence import MOST_WEIGHT, as_many
from goodsense.shop.tuning import TuningQuery, ascend

Facts = Mapping[str, AttributeValue]
FISH, BEAR = ("Toys", "Animals", "Fish"), ("Toys", "Animals", "Bears")
OTHERS: list[Facts] = [{"category": ("Toys", "Cars", f"Car {n}"), "colour": f"hue {n}"} for n in range(20)]


def test_facts_are_words_level_by_level() -> None:
    given: Facts = {"category": FISH, "colour": "red", "price.EUR": 3.0, "new": True, "tags": ("a", "b")}
    assert facts_of(given) == {"category 0": "Toys", "category 1": "Animals", "category 2": "Fish", "colour": "red"}


def kinds(*products: Facts) -> dict[str, Kind]:
    facts = [facts_of(own) for own in (*products, *OTHERS)]
    return {kind.text: kind for kind in kinds_of_facts(facts, np.random.default_rng(0))}


def test_who_has_not_said_it_is_neither_right_nor_wrong() -> None:
    found = kinds(
        {"category": FISH, "colour": "red"},
        {"category": FISH, "colour": "Red"},
        {"category": FISH},  # may be red
        {"category": ("Toys", "New"), "colour": "red"},  # may be a fish
        {"category": ("玩具", "动物", "鱼"), "colour": "red"},  # is one, in another script
        {"category": FISH, "colour": "blue"},
        {"category": BEAR, "colour": "red"},
    )
    red = found.get("red Fish") or found["Red Fish"]
    assert red.relevant == (0, 1)
    assert set(red.known) == {0, 1, 5, 6, *range(7, 27)}
    assert found["Fish"].relevant == (0, 1, 2, 5)


def test_as_many_keep_it_quiet_as_do_so_by_nature() -> None:
    """Half of 2,000 products have no category below the first level; so half of the others are made to keep quiet."""
    said: list[Facts] = [{"category": ("Toys", "Fish" if n % 10 == 0 else f"Kind {n % 10}")} for n in range(1_000)]
    mute: list[Facts] = [{"category": ("Toys",)} for _ in range(1_000)]
    facts = [facts_of(own) for own in (*said, *mute)]
    found = {kind.text: kind for kind in kinds_of_facts(facts, np.random.default_rng(1))}
    fish = found["Fish"]
    assert set(fish.known) == set(range(1_000))
    assert 0.4 < len(fish.reticent) / len(fish.known) < 0.6
    assert fish.without({"title": "FISH that swims", "description": "a fish"}) == {
        "title": "  that swims",
        "description": "a  ",
    }


def test_a_kind_too_large_or_of_one_is_not_asked_for() -> None:
    same: list[Facts] = [{"category": FISH} for _ in range(int(SHARE * 40))]
    assert "Fish" not in kinds(*same, {"category": BEAR})
    assert "Bears" not in kinds({"category": BEAR})


def test_kinds_weigh_as_much_as_all_the_rest_and_the_weights_follow() -> None:
    """Forty queries lose by the vectors, ten gain: the vectors count only where the ten weigh more than the forty."""
    words, vectors = ("text", BM25), ("text", "image")

    def query(name: str, *, helped: bool) -> TuningQuery:
        terms = {words: np.array([1.0, 0.9, *np.zeros(10)]), vectors: np.array([0.0, 1.0, *np.zeros(10)])}
        gains = np.zeros(12)
        gains[1 if helped else 0] = 1.0
        return TuningQuery(name, terms, gains, 1.0)

    known = [query(f"known-{n}", helped=False) for n in range(40)]
    few = [query(f"kind-{n}", helped=True) for n in range(10)]
    assert {own.weight for own in as_many(few, 40)} == {4.0}
    assert as_many(few[:1], 40)[0].weight == MOST_WEIGHT
    assert as_many([], 40) == []
    start = {words: 1.0, vectors: 0.25}
    assert ascend([*known, *few], start)[vectors] <= 0.1  # 40 against 10
    assert ascend([*known, *as_many(few, 400)], start)[vectors] == 0.25  # 40 against 100
