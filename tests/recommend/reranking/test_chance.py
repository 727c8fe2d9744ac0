"""Exploration logs the chance by which it chose; paid places go by rate times bid at the second price."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.recommend.reranking import (
    ClickCounts,
    EpsilonGreedy,
    Exclude,
    Filters,
    Request,
    Reranker,
    Sponsored,
    Thompson,
)
from goodsense.types import Terms


def terms(*scores: float) -> Terms:
    return Terms(tuple("abcdefgh"[: len(scores)]), ("base",), np.array(scores, np.float64)[:, None])


def test_epsilon_chooses_as_often_as_its_propensities_say() -> None:
    rerank = Reranker([EpsilonGreedy(0.4, places=(2,))])
    seen, told = dict.fromkeys("abcd", 0), dict[str, float]()
    for seed in range(800):
        pick = rerank(terms(4, 3, 2, 1), Request(k=2, seed=seed)).picks[1]
        seen[pick.id] += 1
        told[pick.id] = pick.detail["propensity"]
    assert seen["a"] == 0  # the first place is not open to chance
    assert told == pytest.approx({"b": 0.6 + 0.4 / 3, "c": 0.4 / 3, "d": 0.4 / 3})
    assert all(abs(seen[id] / 800 - told[id]) < 0.05 for id in "bcd")


def test_epsilon_zero_changes_nothing_and_the_same_seed_is_the_same_list() -> None:
    assert Reranker([EpsilonGreedy(0.0)])(terms(*range(8, 0, -1))).ids == tuple("abcdefgh")
    rerank = Reranker([EpsilonGreedy(1.0, places=(1, 2, 3))])
    assert rerank(terms(4, 3, 2, 1), Request(seed=5)) == rerank(terms(4, 3, 2, 1), Request(seed=5))
    assert len(set(rerank(terms(4, 3, 2, 1)).ids)) == 4
    with pytest.raises(UsageError, match="epsilon"):
        EpsilonGreedy(1.5)


def test_thompson_comes_to_show_the_best() -> None:
    rates = {"a": 0.1, "b": 0.3, "c": 0.15}
    shown, clicked = dict.fromkeys(rates, 0.0), dict.fromkeys(rates, 0.0)
    rng = np.random.default_rng(0)
    late: list[str] = []
    for turn in range(600):
        step = Thompson(ClickCounts(shown, clicked, strength=2.0, rate=0.2), draws=1)
        first = Reranker([step])(terms(0, 0, 0), Request(k=1, seed=turn)).picks[0].id
        shown[first] += 1
        clicked[first] += rng.random() < rates[first]
        late += [first] if turn >= 450 else []
    assert late.count("b") > 0.85 * len(late)
    assert min(shown.values()) > 5  # all were tried


def test_thompson_tells_the_chance_to_stand_there() -> None:
    step = Thompson(ClickCounts({"a": 50.0, "b": 50.0}, {"a": 10.0, "b": 12.0}), draws=500)
    found = [Reranker([step])(terms(0, 0), Request(k=2, seed=seed)).picks for seed in range(150)]
    share = np.mean([picks[0].id == "b" for picks in found])
    told = [picks[0].detail["propensity"] for picks in found if picks[0].id == "b"]
    assert abs(share - np.mean(told)) < 0.1
    assert np.std(told) < 0.04
    for picks in found[:3]:
        assert all(sum(pick.terms.values()) == pytest.approx(pick.score) for pick in picks)
        assert picks[0].terms["rule.thompson"] == pytest.approx(picks[0].detail["drawn_rate"])


def test_the_prior_is_that_of_all_products() -> None:
    rng = np.random.default_rng(1)
    true = rng.beta(6.0, 54.0, size=400)  # mean .1, strength 60
    shown = {str(row): 200.0 for row in range(400)}
    clicked = {str(row): float(rng.binomial(200, rate)) for row, rate in enumerate(true)}
    counts = ClickCounts.of(shown, clicked)
    assert counts.rate == pytest.approx(0.1, abs=0.01)
    assert 40 < counts.strength < 90
    alike = ClickCounts.of(shown, dict.fromkeys(shown, 20.0))
    assert alike.strength == 1e4  # no difference beyond chance
    assert ClickCounts.of({}, {}).rate == ClickCounts().rate


def rates(**known: float) -> object:
    return lambda ids, request: np.array([known.get(id, 0.1) for id in ids])


def test_a_place_is_sold_by_rate_times_bid_at_the_second_price() -> None:
    step = Sponsored({"f": 1.0, "g": 3.0, "new": 1.0}, rates(f=0.2, g=0.1, new=0.2), places=(2,), reserve=0.05)
    found = Reranker([step])(terms(8, 7, 6, 5, 4, 3, 2, 1), Request(k=4))
    assert found.ids == ("a", "g", "b", "c")
    sold = found.picks[1]
    assert sold.moved_by == ("sponsored",)
    assert sold.detail["sponsored"] is True
    assert sold.detail["charge"] == pytest.approx(0.2 * 1.0 / 0.1)  # with 2.0 it would still have equalled the next
    assert "sponsored" not in found.picks[0].detail
    assert found.removed == {"new": "not placed"}
    alone = Reranker([Sponsored({"g": 3.0}, rates(), places=(2,), reserve=0.05)])(terms(*range(8, 0, -1)))
    assert alone.picks[1].detail["charge"] == 0.05


def test_what_nobody_wants_is_not_shown_whatever_is_bid() -> None:
    step = Sponsored({"new": 1_000.0}, rates(new=0.04), floor=0.5)
    found = Reranker([step])(terms(8, 7, 6, 5))
    assert found.ids == ("a", "b", "c", "d")
    assert found.removed == {"new": "not placed"}
    filtered = Reranker([Filters((Exclude({"new"}),)), Sponsored({"new": 1.0}, rates(), places=(1,))])(terms(8, 7))
    assert filtered.ids == ("a", "b")
    assert filtered.removed == {"new": "exclude"}


def test_who_stands_there_already_pays_nothing() -> None:
    found = Reranker([Sponsored({"a": 5.0}, rates(), places=(2,))])(terms(8, 7, 6))
    assert found.ids == ("a", "b", "c")
    assert found.picks[0].detail == {}


def test_several_places_are_sold_once_each() -> None:
    bids = {"x": 3.0, "y": 2.0, "z": 1.0}
    found = Reranker([Sponsored(bids, rates(), places=(1, 3))])(terms(8, 7, 6), Request(k=4))
    assert found.ids == ("x", "a", "y", "b")
    assert [found.picks[row].detail["charge"] for row in (0, 2)] == pytest.approx([2.0, 1.0])


@pytest.mark.parametrize("bad", [{"a": -1.0}, {"a": float("nan")}])
def test_bids_that_are_none_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="bid"):
        Sponsored(bad, rates())


def test_rates_are_asked_for_once() -> None:
    asked: list[Sequence[str]] = []

    def count(ids: Sequence[str], request: Request) -> np.ndarray:
        asked.append(ids)
        return np.full(len(ids), 0.1)

    Reranker([Sponsored({"x": 1.0}, count, places=(1, 2))])(terms(3, 2, 1))
    assert [sorted(ids) for ids in asked] == [["a", "b", "c", "x"]]
