"""Click rates from generated lists: cheap toys attract, first places are looked at more, and that is all there is."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from goodsense.events import Event
from goodsense.shop import Shop
from goodsense.shop.recommending.content import content_of
from goodsense.shop.recommending.making import learned_from
from goodsense.shop.recommending.rates import LearnedRates, learn_rates, load_rates, ndcg
from tests.shop.recommending.shops import DAY, LAST, START


def lists(count: int, *, cheap: bool = True) -> Iterator[Event]:
    """Lists of six toys in any order; the cheap half attracts, if anything does."""
    chance = random.Random(0)
    for number in range(count):
        user, at, name = f"u{number % 30:02d}", START + (LAST + 2 * DAY) + number * 600, f"list-{number:04d}"
        for place, toy in enumerate(chance.sample(range(48), 6), start=1):
            id, context = f"toy-{toy:04d}", {"device": "phone" if number % 2 else "desktop"}
            yield Event(user, id, "impression", time=at, ranking=name, position=place, context=context)
            attracts = (0.8 if toy < 24 else 0.05) if cheap else 0.4
            if chance.random() < attracts / place**0.5:
                yield Event(user, id, "click", time=at + place, ranking=name, position=place)


def learned(shop: Shop, home: Path) -> LearnedRates:
    content = content_of(shop.snapshot)
    model = shop.desk.opened.model
    assert model is not None
    return learn_rates(shop.truth, learned_from(shop.truth, content, shop.desk.opened.settings), content, model, home)


def test_rates_that_surely_help_are_kept_and_used(own: Shop, tmp_path: Path) -> None:
    own.add_events(lists(600))
    found = learned(own, tmp_path)
    assert found.kept
    assert found.figures["ndcg_with"] > found.figures["ndcg_without"] + 0.05
    assert found.figures["log_loss"] < found.figures["log_loss_mean"]
    again = learned(own, tmp_path / "again")
    assert again == found
    for file in (tmp_path / "rates").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / "rates" / file.name).read_bytes()
    (home,) = own.directory.glob("builds/*/recommender")
    learned(own, home)
    told = json.loads((home / "recommender.json").read_text("utf-8"))
    (home / "recommender.json").write_text(json.dumps({**told, "rates": found.to_json()}), "utf-8")
    with Shop.open(own.directory) as opened:
        hits = opened.recommend("nobody", k=20, device="phone", time=START + LAST)
        rates = {hit.id: hit.detail["click_rate"] for hit in hits}
        cheap = [rate for id, rate in rates.items() if id < "toy-0024"]
        dear = [rate for id, rate in rates.items() if id >= "toy-0024"]
        assert len(cheap) > len(dear)
        assert not dear or np.mean(cheap) > np.mean(dear)
        for hit in hits:
            assert "rule.click-rate" in hit.terms
            assert sum(hit.terms.values()) == pytest.approx(hit.score)
        content = content_of(opened.snapshot)
        step = load_rates(home, content, learned_from(opened.truth, content, opened.desk.opened.settings))
        assert step.features.devices == ("desktop", "phone")


def test_rates_that_tell_nothing_are_not_used(own: Shop, tmp_path: Path) -> None:
    own.add_events(lists(400, cheap=False))
    found = learned(own, tmp_path)
    assert not found.kept
    assert "not used" in found.note
    assert not (tmp_path / "rates").exists()


def test_too_few_lists_teach_nothing(own: Shop, tmp_path: Path) -> None:
    assert learned(own, tmp_path).note == ""
    own.add_events(lists(20))
    found = learned(own, tmp_path)
    assert not found.kept
    assert "click rates need" in found.note


def test_ndcg_shares_places_among_equal_scores() -> None:
    assert ndcg(np.array([3.0, 2.0, 1.0]), np.array([1.0, 0.0, 0.0])) == pytest.approx(1.0)
    assert ndcg(np.array([1.0, 2.0]), np.array([1.0, 0.0])) == pytest.approx(1 / np.log2(3))
    assert ndcg(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx((1 + 1 / np.log2(3)) / 2)
