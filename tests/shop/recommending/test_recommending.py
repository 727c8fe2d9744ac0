"""Recommendations of a shop whose shoppers' tastes are known by construction."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from goodsense.catalog import Product
from goodsense.errors import UsageError
from goodsense.events import Event
from goodsense.recommend import histories_of, make_model
from goodsense.shop import Recipe, Shop
from goodsense.shop.build import build
from goodsense.shop.recommending.answering import Recommended
from goodsense.shop.recommending.content import content_of
from goodsense.shop.recommending.making import learned_from
from goodsense.shop.recommending.shares import shares_of
from goodsense.types import Hit
from tests.shop.catalogs import THINGS, toy
from tests.shop.recommending.shops import DAY, LAST, QUICK, SOLD_OUT, START, UNTOUCHED, of_thing, shoppers


def reason(hit: Hit) -> dict[str, object]:
    found = hit.detail["reasons"][0]
    assert isinstance(found, dict)
    return found


@cache
def liked(user: str) -> set[str]:
    return {event.item for event in shoppers() if event.user == user}


@cache
def bought(user: str) -> set[str]:
    return {event.item for event in shoppers() if event.user == user and event.type == "purchase"}


def users() -> list[str]:
    return sorted({event.user for event in shoppers()})


# ---- the lists


def test_a_shopper_gets_what_shoppers_alike_took_to(shop: Shop) -> None:
    for number in (1, 7, 20):
        hits = shop.recommend(f"u{number:02d}", k=3)
        own = of_thing(THINGS[number % 6])
        assert own[2 + number // 6] in hits.ids  # the only one that the shopper did not look at
        assert hits.ids[0] in own
        assert not set(hits.ids) & bought(f"u{number:02d}")
        assert hits.message == ""


def test_terms_sum_to_the_score_and_scores_descend(shop: Shop) -> None:
    for hits in (
        shop.recommend("u01", k=5),
        shop.recommend("nobody", k=48),
        shop.recommend(like="toy-0004"),
        shop.goes_with("toy-0004"),
        shop.recently_viewed("u01"),
    ):
        assert hits.hits
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        for hit in hits:
            assert abs(sum(hit.terms.values()) - hit.score) < 1e-6
            assert hit.reason


def test_json_has_the_fields_that_were_promised(shop: Shop) -> None:
    found = shop.recommend("u01", k=2).to_json()
    assert {"query", "hits", "took_ms"} <= set(found)
    assert {"rank", "id", "score", "title", "terms", "confidence", "reason"} <= set(found["hits"][0])
    assert found["query"]["user"] == "u01"


def test_more_than_there_are_is_all_that_may_be_shown(shop: Shop) -> None:
    hits = shop.recommend("u01", k=1_000)
    every = {product.id for product in shop.truth.products()}
    assert set(hits.ids) == every - bought("u01") - {SOLD_OUT}
    assert len(set(hits.ids)) == len(hits)


def test_what_is_out_of_stock_is_left_out_unless_asked_for(shop: Shop) -> None:
    assert SOLD_OUT not in shop.recommend(k=1_000).ids
    assert SOLD_OUT in shop.recommend(k=1_000, sold_out=True).ids


def test_a_stock_event_counts_at_once(own: Shop) -> None:
    first = own.recommend("u01", k=3).ids[0]
    own.add_events([Event("", f"S{int(first[-4:])}", "stock", quantity=0.0, time=START + LAST)])
    assert first not in own.recommend("u01", k=1_000).ids
    own.add_events([Event("", f"S{int(first[-4:])}", "stock", quantity=4.0, time=START + LAST + 1)])
    assert first in own.recommend("u01", k=3).ids


def test_the_most_popular_product_is_first_for_whom_nobody_knows(shop: Shop) -> None:
    hits = shop.recommend("never seen")
    assert hits.ids[0] == "toy-0000"
    assert "never seen" in hits.message
    assert reason(hits[0])["kind"] == "popular"
    times = [event.time or 0.0 for event in shoppers() if event.item == "toy-0000" and event.type == "purchase"]
    assert reason(hits[0])["count"] == sum(time > START + LAST - 30 * DAY for time in times)


def test_a_filter_is_that_of_the_search(shop: Shop) -> None:
    hits = shop.recommend("u01", where="colour = 'red'", k=5)
    assert len(hits) == 5
    assert all(shop.truth.get([id])[id].attributes["colour"] == "red" for id in hits.ids)
    with pytest.raises(UsageError, match="colur"):
        shop.recommend("u01", where="colur = 'red'")


def test_where_nothing_is_left_it_says_so_and_falls_back(shop: Shop) -> None:
    hits = shop.recommend("u01", where="price > 1e9")
    assert hits.ids == shop.recommend("u01").ids
    assert "price > 1e9" in hits.message


def test_who_bought_everything_is_shown_it_again_and_told(own: Shop) -> None:
    every = [product.id for product in own.truth.products()]
    own.add_events(Event("rich", id, "purchase", time=START + place) for place, id in enumerate(every))
    hits = own.recommend("rich", k=3)
    assert len(hits) == 3
    assert "bought already" in hits.message


def test_a_history_of_products_needs_no_shopper(shop: Shop) -> None:
    kites = of_thing("kite")
    hits = shop.recommend(history=kites[:2], k=3)
    assert set(hits.ids) <= set(kites[2:])
    assert hits.history == (kites[1], kites[0])


def test_unknown_products_in_a_history_are_named(shop: Shop) -> None:
    hits = shop.recommend(history=["toy-0004", "nonsense"], k=3)
    assert "nonsense" in hits.message
    assert hits.ids == shop.recommend(history=["toy-0004"], k=3).ids
    only = shop.recommend(history=["nonsense"], k=1)
    assert only.ids == ("toy-0000",)


def test_a_visit_is_one_by_its_products_or_its_name(shop: Shop) -> None:
    robots = set(of_thing("robot"))
    by_name = shop.recommend(session="su03", k=1)
    assert set(by_name.ids) <= robots
    assert set(shop.recommend(session=",".join(sorted(robots)[:3]), k=3).ids) <= robots
    with pytest.raises(UsageError, match="no visit"):
        shop.recommend(session="no such thing")


def test_like_one_product_leaves_it_out(shop: Shop) -> None:
    hits = shop.recommend(like="toy-0008", k=3)
    assert "toy-0008" not in hits.ids
    assert set(hits.ids) <= set(of_thing("puzzle"))
    with pytest.raises(UsageError, match="nonsense"):
        shop.recommend(like="nonsense")


def test_other_models_are_learned_on_the_spot(shop: Shop) -> None:
    hits = shop.recommend("u01", k=1, model="popular")
    assert hits.model == "popular"
    assert hits.ids == ("toy-0000",)
    with pytest.raises(UsageError, match="no recommender"):
        shop.recommend("u01", model="nonsense")


@pytest.mark.parametrize("wrong", [{"k": 0}, {"diversity": 2.0}, {"language": "fr"}])
def test_wrong_wishes_are_usage_errors(shop: Shop, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        shop.recommend("u01", **wrong)  # type: ignore[arg-type]


def test_diversity_brings_other_things(shop: Shop) -> None:
    def things(hits: Recommended) -> int:
        return len({THINGS[(int(id[-4:]) // 4) % 6] for id in hits.ids})

    alike, varied = shop.recommend("u01", k=6), shop.recommend("u01", k=6, diversity=0.9)
    assert things(varied) > things(alike)
    assert varied.ids[0] == alike.ids[0]


# ---- what changes without a build


def test_an_event_changes_the_answer_at_once_and_the_counts_only_with_a_build(own: Shop) -> None:
    assert own.recommend("late").ids[0] == "toy-0000"
    drums = of_thing("drum")
    own.add_events([Event("late", drums[0], "view", time=START + LAST), Event("late", drums[1], "view", time=START)])
    hits = own.recommend("late", k=3)
    assert set(hits.ids) <= set(drums)
    before = own.desk.opened.statistics
    own.add_events(Event(user, "toy-0008", "purchase", time=START + LAST + n) for n, user in enumerate(users()))
    assert own.recommend("nobody").ids[0] == "toy-0000"
    assert own.desk.opened.statistics is before
    build(own.directory, Recipe.model_validate(QUICK), workers=1)
    assert own.recommend("nobody").ids[0] == "toy-0008"


def test_what_was_bought_just_now_is_not_recommended(own: Shop) -> None:
    first = own.recommend("u01").ids[0]
    own.add_events([Event("u01", first, "purchase", time=START + LAST)])
    assert first not in own.recommend("u01", k=1_000).ids


def test_products_after_the_build_are_recommended_by_what_they_are_like(own: Shop) -> None:
    kite = replace(toy(4), id="new-kite", title="wooden kite red, brand new")
    own.add([kite, Product("new-odd", "a completely different thing", category=("Odd",))])
    hits = own.recommend(history=of_thing("kite")[:2], k=8)
    assert "new-kite" in hits.ids
    assert "new-odd" not in hits.ids
    of_new = next(hit for hit in hits if hit.id == "new-kite")
    assert set(of_new.terms) == {"content"}
    assert {
        found["kind"]
        for found in own.recommend(history=of_thing("kite")[:2], k=8, explain=True)[hits.ids.index("new-kite")].detail[
            "reasons"
        ]
    } >= {"new"}


def test_products_that_nobody_touched_are_recommended_by_what_they_are_like(shop: Shop) -> None:
    drums = of_thing("drum")
    assert UNTOUCHED in drums
    ids = shop.recommend(history=[id for id in drums if id != UNTOUCHED][:3], k=8).ids
    assert UNTOUCHED in ids


def test_a_product_that_is_gone_is_not_recommended(own: Shop) -> None:
    first = own.recommend("u01").ids[0]
    own.delete([first])
    assert first not in own.recommend("u01", k=1_000).ids


# ---- reasons


def test_reasons_say_how_many_bought_both(shop: Shop) -> None:
    pair = of_thing("puzzle")[:2]
    hits = shop.goes_with(pair[0], k=3)
    assert hits.ids[0] == pair[1]
    told = reason(hits[0])
    both = {u for u in {e.user for e in shoppers()} if set(pair) <= bought(u)}
    having = {u for u in {e.user for e in shoppers()} if pair[0] in bought(u)}
    assert (told["both"], told["of"], told["baskets"]) == (len(both), len(having), len(both))
    assert f"{len(both)} of the {len(having)} shoppers" in hits[0].reason


def test_every_number_in_a_reason_is_a_count_of_the_log(shop: Shop) -> None:
    users = {event.user for event in shoppers()}
    seen = Counter[str]()
    for user in ("u01", "u09", "u20"):
        for hit in shop.recommend(user, k=10, explain=True):
            for told in hit.detail["reasons"]:
                seen[told["kind"]] += 1
                if told["kind"] in ("bought-with", "seen-with"):
                    of = bought if told["kind"] == "bought-with" else liked
                    having = {one for one in users if told["source"] in of(one)}
                    assert (told["of"], told["both"]) == (len(having), sum(hit.id in of(one) for one in having))
                    assert told["source"] in liked(user)
                if told["kind"] == "again":
                    assert hit.id in liked(user)
                if told["kind"] in ("popular", "category") and told["what"] == "purchases":
                    since = START + LAST - 30 * 86_400.0
                    times = [e.time for e in shoppers() if e.item == hit.id and e.type == "purchase"]
                    assert told["count"] == sum(time is not None and time > since for time in times)
                if told["kind"] == "alike":
                    a, b = (shop.snapshot.row_of(id) for id in (hit.id, told["source"]))
                    vectors = shop.snapshot.blocks[told["modality"]].vectors
                    assert abs(float(vectors[a] @ vectors[b]) - told["cosine"]) < 1e-3
    assert set(seen) >= {"seen-with", "again", "alike"}


def test_reasons_in_chinese_have_the_same_numbers(shop: Shop) -> None:
    english, chinese = shop.recommend("u01", k=5), shop.recommend("u01", k=5, language="zh")
    for one, other in zip(english, chinese, strict=True):
        told, also = dict(reason(one)), dict(reason(other))
        assert told.pop("sentence") != also.pop("sentence")
        assert told == also


# ---- beside products


def test_recently_viewed_is_what_the_log_says(shop: Shop) -> None:
    hits = shop.recently_viewed("u01", k=3)
    events = sorted((e for e in shoppers() if e.user == "u01"), key=lambda event: -(event.time or 0.0))
    assert list(hits.ids) == list(dict.fromkeys(event.item for event in events))[:3]
    assert not shop.recently_viewed("never seen").hits


def test_what_goes_with_a_product_is_not_what_is_merely_like_it(shop: Shop) -> None:
    pair = of_thing("teapot")[:2]
    hits = shop.goes_with(pair[0], k=48)
    assert hits.ids[0] == pair[1]
    assert pair[0] not in hits.ids
    with pytest.raises(UsageError):
        shop.goes_with("nonsense")


def test_tags_are_those_that_the_history_has_more_often(shop: Shop) -> None:
    red = [f"toy-{number:04d}" for number in range(0, 24, 4)]
    found = shop.recommend_tags(history=red, k=3)
    assert found[0].text == "colour=red"
    assert found[0].facts["own"] == found[0].facts["of"] == len(red)
    assert found[0].facts["share"] == 0.25
    assert shop.recommend_tags("never seen") == ()


def test_queries_are_those_that_led_to_what_is_cared_for(shop: Shop) -> None:
    found = shop.recommend_queries(history=of_thing("robot")[:2], k=2)
    assert found[0].text == "robot toy"
    assert found[0].facts["shoppers"] == 5
    assert "robot toy" not in [one.text for one in shop.recommend_queries("u03", k=20)]
    every = [one.text for one in shop.recommend_queries(k=50)]
    assert sorted(every) == sorted(f"{thing} toy" for thing in THINGS)


# ---- shops with little


def test_without_events_products_come_in_some_order_and_nothing_is_kept(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("empty") / "shop"
    with Shop.create(directory) as shop:
        shop.add([toy(number) for number in range(6)])
        report = build(directory, Recipe.model_validate(QUICK), workers=1)
        assert report.recommender["model"] == ""
        assert not (directory / "builds" / report.build / "recommender").exists()
        hits = shop.recommend("anybody", k=3)
        assert len(hits) == 3
        assert all(reason(hit)["kind"] == "new" for hit in hits)
        shop.add_events([Event("u", "toy-0001", "view", time=START), Event("v", "toy-0002", "purchase", time=START)])
        build(directory, Recipe.model_validate(QUICK), workers=1)
        assert shop.recommend("nobody").ids[0] == "toy-0002"
        assert np.isfinite([hit.score for hit in shop.recommend("u", k=10)]).all()


def test_two_builds_of_the_same_shop_are_equal(own: Shop) -> None:
    def files() -> dict[str, bytes]:
        home = own.directory / "builds" / (own.directory / "CURRENT").read_text().strip() / "recommender"
        return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}

    before = files()
    assert before
    build(own.directory, Recipe.model_validate(QUICK), refit=True, workers=1)
    assert files() == before


def test_most_of_a_list_is_what_the_shopper_does_not_know_yet(own: Shop) -> None:
    drums, kites = of_thing("drum"), of_thing("kite")
    own.add_events(
        Event("keen", id, "view", time=START + LAST + place) for place, id in enumerate([*drums, *kites[:4]])
    )
    hits = own.recommend("keen", k=10)
    assert sum(id in {*drums, *kites[:4]} for id in hits.ids) == 3
    assert len(hits) == 10


def test_a_burst_of_made_up_shoppers_does_not_make_a_product_popular(own: Shop) -> None:
    own.add_events(
        Event(f"fake{n}", id, "purchase", time=START + LAST + n)
        for n in range(40)
        for id in ("toy-0030", f"toy-{n:04d}")
    )
    build(own.directory, Recipe.model_validate(QUICK), workers=1)
    hits = own.recommend("nobody", k=5)
    assert hits.ids[0] == "toy-0000"


def test_a_bot_is_not_counted(own: Shop) -> None:
    own.add_events(Event("bot", f"toy-{n % 40:04d}", "view", time=START + LAST + n * 0.1) for n in range(300))
    report = build(own.directory, Recipe.model_validate(QUICK), workers=1)
    assert report.recommender["left_out"]["bots"] == 1
    assert own.desk.opened.statistics.shoppers == 61


def test_a_model_that_can_tell_its_terms_is_told_by_them(shop: Shop) -> None:
    hits = shop.recommend("u01", k=3, model="graph-filter", explain=True)
    assert len(hits[0].terms) > 1
    assert "graph-filter" not in hits[0].terms
    for hit in hits:
        assert abs(sum(hit.terms.values()) - hit.score) < 1e-6
    assert {source["id"] for source in hits[0].detail["sources"]} <= liked("u01")


def test_a_blend_is_told_by_its_parts(shop: Shop) -> None:
    content = content_of(shop.snapshot)
    learned = learned_from(shop.truth, content, shop.built_recipe.recommend)
    model = make_model("hybrid", models=("item-knn", "popular"), weights=(0.5, 0.5)).fit(learned, content)
    history = histories_of([of_thing("kite")[:3]])
    for id in ("toy-0000", of_thing("kite")[5]):
        score = float(model.score(history, [id])[0, 0])
        found = shares_of(model, history, id, score)
        assert set(found.terms) == {"item-knn", "popular"}
        assert abs(sum(found.terms.values()) - score) < 1e-6
