"""The recipe's rules over lists whose order without them is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from goodsense.errors import UsageError
from goodsense.shop import Recipe, Shop
from goodsense.shop.recommending.answering import Recommended
from goodsense.shop.recommending.candidates import Candidate
from goodsense.shop.recommending.past import given_past
from goodsense.shop.recommending.rules import pool, read_bids, rescaled
from tests.shop.recommending.shops import SOLD_OUT, of_thing

Ruled = Callable[..., Shop]


@pytest.fixture
def ruled(own: Shop) -> Ruled:
    """Gives the shop with other settings of the table ``recommend`` in its build's recipe."""

    def changed(**settings: Any) -> Shop:
        (path,) = own.directory.glob("builds/*/recipe.toml")
        found = Recipe.load(path).model_dump()
        found["recommend"] |= settings
        path.write_text(Recipe.model_validate(found).to_toml(), "utf-8")
        return own

    return changed


def moves(found: Recommended, id: str) -> list[str]:
    (hit,) = [hit for hit in found if hit.id == id]
    return [move["step"] for move in hit.detail.get("moved_by", [])]


def price(shop: Shop, id: str) -> float:
    found = shop.truth.get([id])[id].variants[0].price
    assert found is not None
    return float(found.major)


def check_terms(found: Recommended) -> None:
    for hit in found:
        assert sum(hit.terms.values()) == pytest.approx(hit.score)


def test_without_rules_nothing_is_moved(shop: Shop) -> None:
    assert all("moved_by" not in hit.detail for hit in shop.recommend("u01", k=6))


def test_a_pinned_product_stands_at_its_place(shop: Shop, ruled: Ruled) -> None:
    usual = shop.recommend("u01", k=6)
    pinned = next(id for id in of_thing("drum") if id not in usual.ids)
    found = ruled(rules={"pin": {pinned: 2, "no-such": 1, SOLD_OUT: 3}}).recommend("u01", k=6)
    assert found.ids[1] == pinned
    assert [id for id in found.ids if id != pinned] == list(usual.ids[:5])
    assert moves(found, pinned) == ["pin"]
    assert SOLD_OUT not in found.ids
    assert f"not pinned: {SOLD_OUT}" in found.message
    assert "no product 'no-such'" in found.message
    check_terms(found)


def test_what_is_buried_stands_behind_all_others(shop: Shop, ruled: Ruled) -> None:
    first, second = shop.recommend("u01", k=2).ids
    found = ruled(rules={"bury": [first, "no such rule <"]}).recommend("u01", k=47)
    assert found.ids[0] == second
    assert found.ids[-1] == first
    assert moves(found, first) == ["bury"]
    assert "neither a product nor a filter" in found.message


def test_a_boost_is_a_term_of_its_own(shop: Shop, ruled: Ruled) -> None:
    usual = shop.recommend("u01", k=6)
    only = f"price = {price(shop, usual.ids[3])}"
    boost = [{"where": only, "amount": 5.0, "name": "margin"}, {"where": "price > 0", "factor": 2.0}]
    with pytest.raises(UsageError, match="boost"):
        Recipe.parse('[recommend.rules]\nboost = [{where = "price > 0", much = 2}]', Path("recipe.toml"))
    found = ruled(rules={"boost": boost}).recommend("u01", k=6)
    before = {hit.id: hit.score for hit in usual}
    assert found.ids[0] == usual.ids[3]
    assert found[0].terms["rule.margin"] == pytest.approx(5.0)
    assert found[0].score == pytest.approx(5.0 + 2 * before[found.ids[0]])
    assert found[1].terms["rule.boost-2"] == pytest.approx(before[found.ids[1]])
    check_terms(found)


def test_a_category_is_capped(shop: Shop, ruled: Ruled) -> None:
    def most(found: Recommended) -> int:
        places, named = shop.desk.look(shop.snapshot).places, shop.desk.look(shop.snapshot).categories
        return max(Counter(named[places[id]] for id in found.ids).values())

    assert most(shop.recommend("u01", k=6)) > 2
    assert most(ruled(rules={"per_category": 2}).recommend("u01", k=6)) == 2


def test_prices_have_bounds_that_give_way(shop: Shop, ruled: Ruled) -> None:
    prices = sorted(price(shop, id) for id in shop.recommend("u01", k=20).ids)
    middle = prices[10]
    own = ruled(rules={"max_price": middle})
    found = own.recommend("u01", k=5)
    assert all(price(own, id) <= middle for id in found.ids)
    assert found.message == ""
    dear = own.recommend("u01", k=5, where=f"price > {middle}")
    assert dear.hits
    assert "without these bounds" in dear.message


def test_diversity_of_the_recipe_holds_unless_another_is_asked_for(shop: Shop, ruled: Ruled) -> None:
    usual, varied = shop.recommend("u01", k=6), shop.recommend("u01", k=6, diversity=0.9)
    own = ruled(diversity=0.9)
    assert own.recommend("u01", k=6).ids == varied.ids
    assert own.recommend("u01", k=6, diversity=0.0).ids == usual.ids
    assert any(moves(varied, id) == ["diversity"] for id in varied.ids)


def test_exploration_is_seeded_and_tells_its_propensity(ruled: Ruled) -> None:
    own = ruled(explore=0.5)
    drawn = 0
    for number in range(12):
        found = own.recommend(f"u{number:02d}", k=8)
        assert found.ids == own.recommend(f"u{number:02d}", k=8).ids
        assert [place for place, hit in enumerate(found, 1) if "propensity" in hit.detail] == [4, 8]
        for hit in (found[3], found[7]):
            if "epsilon-greedy" in moves(found, hit.id):
                drawn += 1
                assert hit.detail["propensity"] < 0.1
            else:
                assert hit.detail["propensity"] > 0.5
    assert 4 <= drawn <= 20


def test_places_are_sold_to_what_is_relevant_only(shop: Shop, ruled: Ruled) -> None:
    usual = shop.recommend("u01", k=6)
    relevant, other = usual.ids[2], next(id for id in of_thing("drum") if id not in usual.ids)
    own = ruled(sponsored="bids.csv", sponsored_places=(1, 2), rules={"pin": {usual.ids[4]: 2}})
    assert "cannot be read" in own.recommend("u01", k=6).message
    (own.directory / "bids.csv").write_text(f"id,bid\n{relevant},0.5\n{other},99\n{SOLD_OUT},99\n", "utf-8")
    found = own.recommend("u01", k=6)
    (sold,) = [hit for hit in found if hit.detail.get("sponsored")]
    assert (sold.id, sold.rank) == (relevant, 1)
    assert found.ids[1] == usual.ids[4]
    assert sold.detail["charge"] <= sold.detail["bid"] == 0.5
    assert moves(found, relevant) == ["sponsored"]
    check_terms(found)


@pytest.mark.parametrize(
    ("text", "wrong"), [("id,bid\na,1\nb,-1\n", "line 3"), ("id\na\n", "line 2"), ("id,bid\na,many\n", "line 2")]
)
def test_wrong_bids_sell_nothing(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "bids.csv").write_text(text, "utf-8")
    bids, told = read_bids(tmp_path / "bids.csv")
    assert bids == {}
    assert wrong in told


def test_everybody_at_once_gets_lists_by_the_same_rules(ruled: Ruled, tmp_path: Path) -> None:
    own = ruled(rules={"pin": {of_thing("drum")[1]: 2}, "per_category": 2}, diversity=0.5)
    own.recommend_all(tmp_path / "all.parquet", k=4, workers=1, reasons=False)
    rows = pq.read_table(tmp_path / "all.parquet").to_pylist()
    for user in ("u01", "u07", "x00"):
        assert [row["id"] for row in rows if row["user"] == user] == list(own.recommend(user, k=4).ids)


@pytest.mark.parametrize(
    "wrong",
    ["pin = {a = 1, b = 1}", "pin = {a = 0}", "min_price = 5.0\nmax_price = 1.0", "per_category = -1", "pinned = 1"],
)
def test_wrong_rules_are_refused_with_the_recipe(wrong: str) -> None:
    with pytest.raises(UsageError):
        Recipe.parse(f"[recommend.rules]\n{wrong}\n", Path("recipe.toml"))


def test_known_products_keep_their_share_of_a_deep_pool() -> None:
    found = [Candidate(f"i{row}", {"m": 1.0 - row / 10}, 1.0) for row in range(10)]
    past = given_past([f"i{row}" for row in range(5)], [f"i{row}" for row in range(10)])
    assert [one.id for one in pool(found, past, 4, 0.3)][:3] == ["i0", "i1", "i5"]
    assert len(pool(found[:6], past, 4, 0.3)) == 4


def test_products_scored_by_themselves_come_onto_the_scale_of_the_list() -> None:
    extra = rescaled([Candidate("a", {"m": 1.0}, 3.0)], [Candidate("b", {"m": 1.0}, 6.0)])
    assert extra[0].score == pytest.approx(0.5)
    assert extra[0].scale == 6.0
    assert np.isfinite(rescaled([Candidate("a", {"m": 1.0}, 3.0)], [])[0].score)
