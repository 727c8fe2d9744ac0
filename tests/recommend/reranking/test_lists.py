"""Pipelines, rules, variety: what was moved, what was taken out, and that terms sum to scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.recommend.ranked import Ranked
from goodsense.recommend.reranking import (
    Boost,
    Bury,
    CategoryCap,
    Diversify,
    Draft,
    Exclude,
    ExcludeBought,
    Filters,
    InStock,
    Pin,
    PriceBounds,
    Request,
    Reranked,
    Reranker,
    candidates_of,
    mmr,
)
from goodsense.types import Embeddings, Terms

IDS = tuple("abcdefgh")


def terms(*scores: float, ids: tuple[str, ...] = IDS) -> Terms:
    """Candidates with two terms each."""
    own = np.array(scores or np.arange(8, 0, -1.0))
    return Terms(ids[: len(own)], ("base", "prior"), np.column_stack([own - 0.25, np.full(len(own), 0.25)]))


def check(found: Reranked, known: tuple[str, ...] = IDS) -> None:
    """Nothing is lost, terms sum to scores, ranks count from 1."""
    everything = [*found.ids, *(pick.id for pick in found.rest), *found.removed]
    assert sorted(everything) == sorted(known)
    for rank, pick in enumerate((*found.picks, *found.rest), 1):
        assert pick.rank == rank
        assert sum(pick.terms.values()) == pytest.approx(pick.score, abs=1e-9)


def test_without_steps_the_best_come_first() -> None:
    found = Reranker([])(terms(1, 3, 2), Request(k=2))
    assert found.ids == ("b", "c")
    assert [pick.id for pick in found.rest] == ["a"]
    check(found, ("a", "b", "c"))
    assert Reranker([])(terms(1, 3, 2), Request(k=50)).ids == ("b", "c", "a")  # k > n


def test_a_row_of_a_recommender_is_candidates() -> None:
    ranked = Ranked(("u",), ("x", "y", "z"), np.array([[2, 0, -1]], np.int32), np.array([[2.0, 1.0, 0.0]], np.float32))
    found = candidates_of(ranked)
    assert found.ids == ("z", "x")
    assert found.scores.tolist() == [2.0, 1.0]


def test_filters_name_the_rule_that_took_a_candidate_out() -> None:
    prices = {id: float(price) for price, id in enumerate(IDS, 1)}
    rules = Filters((InStock(set("abcdef")), ExcludeBought(again={"b"}), PriceBounds(prices, 2, 5)))
    found = Reranker([rules])(terms(), Request(bought=frozenset("bc"), k=3))
    assert found.ids == ("b", "d", "e")
    assert dict(found.removed) == {"a": "price", "c": "bought", "f": "price", "g": "in-stock", "h": "in-stock"}
    assert found.message == ""
    check(found)


def test_a_price_that_is_not_known_passes_only_where_that_is_said() -> None:
    prices = {"a": 1.0}
    assert Reranker([Filters((PriceBounds(prices),))])(terms(2, 1)).ids == ("a",)
    assert Reranker([Filters((PriceBounds(prices, unknown=True),))])(terms(2, 1)).ids == ("a", "b")


def test_rules_give_way_from_the_last_one_on_and_the_list_says_so() -> None:
    rules = (InStock({"a", "b"}), ExcludeBought(), PriceBounds({"a": 9.0, "b": 9.0}, high=5))
    found = Reranker([Filters(rules)])(terms(), Request(bought=frozenset("a")))
    assert found.ids == ("b",)
    assert "price" in found.message
    assert "bought" not in found.message
    assert found.picks[0].detail == {"relaxed": ["price"]}
    check(found)


def test_a_rule_that_gave_way_for_nothing_is_in_force_again() -> None:
    rules = (ExcludeBought(), Exclude(set(), strict=False, name="none"))
    found = Reranker([Filters(rules)])(terms(), Request(bought=frozenset(IDS)))
    assert found.ids == IDS
    assert "none" not in found.message
    assert "bought" in found.message


def test_strict_rules_never_give_way_but_other_candidates_may_stand_in() -> None:
    rules = Filters((InStock({"z"}),))
    empty = Reranker([rules])(terms())
    assert len(empty) == 0
    assert empty.message == "nothing is left: in-stock took out 8"
    found = Reranker([rules], fallback=lambda request: terms(1, 2, ids=("z", "y")))(terms())
    assert found.ids == ("z",)
    assert "these are others" in found.message
    check(found, (*IDS, "z", "y"))


def test_a_boost_is_a_term_of_the_score() -> None:
    found = Reranker([Boost({"c": 1.0}, weight=10)])(terms())
    assert found.ids[0] == "c"
    assert found.picks[0].terms == {"base": 5.75, "prior": 0.25, "rule.margin": 10.0}
    check(found)


def test_pins_stand_where_they_were_pinned_and_say_what_moved_them() -> None:
    found = Reranker([Pin({"h": 1, "a": 4, "new": 3})])(terms(), Request(k=5))
    assert found.ids == ("h", "b", "new", "a", "c")
    assert found.picks[0].moved_by == ("pin",)
    assert (found.picks[0].moves[0].before, found.picks[0].moves[0].after) == (8, 1)
    assert found.picks[1].moved_by == ()  # only gave way
    assert found.picks[2].score == 0.0
    check(found, (*IDS, "new"))


def test_a_pin_does_not_bring_back_what_a_filter_took_out() -> None:
    found = Reranker([Filters((InStock(set("bcd")),)), Pin({"a": 1, "x": 2})])(terms())
    assert found.ids == ("b", "c", "d")
    assert found.message == "not pinned: a (in-stock), x (in-stock)"


def test_buried_products_come_last_in_their_order() -> None:
    found = Reranker([Bury({"a", "c"})])(terms(), Request(k=8))
    assert found.ids == ("b", "d", "e", "f", "g", "h", "a", "c")
    assert found.picks[6].moved_by == ("bury",)
    check(found)


def test_steps_in_an_order_in_which_one_undoes_another_are_refused() -> None:
    with pytest.raises(UsageError, match="PLACE"):
        Reranker([Pin({"a": 3}), Boost({})])


def test_a_step_that_loses_a_candidate_is_refused() -> None:
    def careless(draft: Draft, request: Request) -> Draft:
        return replace(draft, ids=draft.ids[1:], values=draft.values[1:])

    with pytest.raises(UsageError, match="lost 'a'"):
        Reranker([careless])(terms())


@pytest.mark.parametrize("bad", [terms(1, float("nan")), terms(1, 2, ids=("a", "a"))])
def test_candidates_that_are_none_are_refused(bad: Terms) -> None:
    with pytest.raises(UsageError, match="candidate"):
        Reranker([])(bad)


def test_no_candidates_and_no_k() -> None:
    assert (
        Reranker([Filters((InStock(set()),)), Pin({})])(Terms((), ("base",), np.zeros((0, 1)))).message
        == "there are no candidates"
    )
    with pytest.raises(UsageError, match="0 products"):
        Reranker([])(terms(), Request(k=0))


# ---- variety


def naive_mmr(scores: np.ndarray, vectors: np.ndarray, count: int, trade: float) -> list[int]:
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    chosen: list[int] = []
    while len(chosen) < count:
        best, most = -1, -np.inf
        for row in range(len(scores)):
            if row in chosen:
                continue
            cosines = [
                float(vectors[row] @ vectors[other])
                / float(np.linalg.norm(vectors[row]) * np.linalg.norm(vectors[other]))
                for other in chosen
            ]
            value = trade * relevance[row] - (1 - trade) * max(cosines, default=0.0)
            if value > most + 1e-9:
                best, most = row, value
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("trade", [0.0, 0.5, 0.9])
def test_mmr_is_that_of_a_naive_loop(trade: float) -> None:
    rng = np.random.default_rng(3)
    scores, vectors = rng.random(15), rng.normal(size=(15, 4)).astype(np.float32)
    assert mmr(scores, vectors, 8, trade=trade).tolist() == naive_mmr(scores, vectors, 8, trade)


def test_mmr_by_score_alone_is_the_order_of_scores() -> None:
    scores = np.array([0.1, 0.9, 0.5])
    assert mmr(scores, np.ones((3, 2), np.float32), 3, trade=1.0).tolist() == [1, 2, 0]
    assert mmr(np.ones(0), np.zeros((0, 2), np.float32), 3).tolist() == []


def test_a_second_copy_gives_way_to_something_else() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    products = Embeddings.of_products(("a", "b", "c"), vectors)
    found = Reranker([Diversify(products, trade=0.5)])(terms(3, 2.9, 2, 1), Request(k=2))  # d has no vector
    assert found.ids == ("a", "c")
    assert found.picks[1].moved_by == ("diversity",)
    check(found, ("a", "b", "c", "d"))


def test_a_category_is_capped_as_long_as_others_are_there() -> None:
    categories = dict.fromkeys("abcde", "x") | {"f": "y", "g": ""}
    found = Reranker([CategoryCap(categories, most=2)])(terms(), Request(k=5))
    assert found.ids == ("a", "b", "f", "g", "h")
    assert [pick.id for pick in found.rest] == ["c", "d", "e"]
    assert found.rest[0].moved_by == ("category-cap",)
    check(found)
    only = Reranker([CategoryCap(dict.fromkeys(IDS, "x"), most=2)])(terms(), Request(k=5))
    assert only.ids == IDS[:5]  # there is nothing else
