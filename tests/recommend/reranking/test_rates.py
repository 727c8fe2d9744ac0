"""Click rates without the bias of places: propensities, trees against scikit-learn, calibration, features in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from goodsense.errors import DataError, UsageError
from goodsense.evaluate.decisions import calibration_error
from goodsense.events import Event
from goodsense.events.impressions import Impressions
from goodsense.recommend import Content, histories_of
from goodsense.recommend.reranking import (
    ByRate,
    CandidateFeatures,
    Features,
    Propensities,
    RateModel,
    Request,
    Reranker,
    Shown,
    by_regression_em,
    of_shuffled,
)
from goodsense.recommend.reranking.calibrated import calibrated, fit_curve
from goodsense.recommend.reranking.estimators import Boosting, Logistic
from goodsense.recommend.reranking.trees import Trees
from goodsense.types import Embeddings, Terms

LOOKS = np.array([1.0, 0.7, 0.45, 0.3])


@dataclass(frozen=True)
class Log:
    """Lists in which the good products stand at the top more often, and clicks that need a look."""

    shown: Shown
    features: Features
    true: np.ndarray  # (m,) click rate of what is looked at


@cache
def log(lists: int = 6_000, seed: int = 0, width: int = 4) -> Log:
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=(lists, width))
    order = np.argsort(-(quality + 0.8 * rng.normal(size=quality.shape)), axis=1)  # ranked by something near it
    quality = np.take_along_axis(quality, order, axis=1).reshape(-1)
    positions = np.tile(np.arange(1, width + 1), lists)
    true = 1 / (1 + np.exp(-(1.2 * quality - 1.0)))
    clicked = rng.random(len(true)) < LOOKS[positions - 1] * true
    shown = Shown(
        np.repeat(np.arange(lists), width),
        ("u",) * len(true),
        ("i",) * len(true),
        positions,
        clicked,
        clicked & (rng.random(len(true)) < 0.3),
        np.repeat(np.arange(lists, dtype=np.float64), width),
    )
    return Log(shown, Features(("quality", "noise"), np.column_stack([quality, rng.normal(size=len(true))])), true)


def test_propensities_are_found_where_shares_of_clicks_mislead() -> None:
    own = log()
    found = by_regression_em(own.features, own.shown.positions, own.shown.clicked)
    naive = of_shuffled(own.shown.positions, own.shown.clicked)
    assert np.abs(found.values - LOOKS).max() < 0.08
    assert np.abs(naive.values - LOOKS).max() > 0.2  # good products stand at the top


def test_shares_of_shuffled_lists_are_propensities() -> None:
    rng = np.random.default_rng(1)
    positions = np.tile([1, 2, 3, 4], 5_000)
    clicked = rng.random(len(positions)) < 0.4 * LOOKS[positions - 1]
    assert of_shuffled(positions, clicked).values == pytest.approx(LOOKS, abs=0.05)


def test_weights_are_inverse_and_clipped_and_far_places_are_as_the_last() -> None:
    places = Propensities(np.array([1.0, 0.5, 0.01]))
    found = places.targets(np.array([1, 2, 3, 9, 2]), np.array([True, True, True, True, False]), clip=10.0)
    assert found.tolist() == [1.0, 2.0, 10.0, 10.0, 0.0]
    with pytest.raises(UsageError):
        Propensities(np.array([1.0, 0.0]))


@pytest.mark.parametrize("clicked", [np.zeros(4, bool), np.ones(4, bool)])
def test_lists_with_one_answer_teach_nothing(clicked: np.ndarray) -> None:
    with pytest.raises(DataError, match="nothing can be told"):
        by_regression_em(Features(("x",), np.zeros((4, 1))), np.array([1, 2, 1, 2]), clicked)


@pytest.mark.parametrize("family", ["logistic", "boosting"])
def test_rates_are_true_ones_where_naive_ones_are_not(family: str) -> None:
    own, fresh = log(3_000), log(1_000, seed=9)
    weighed = RateModel(family=family).fit(own.features, own.shown, Propensities(LOOKS))
    naive = RateModel(family=family).fit(own.features, own.shown)
    right, wrong = weighed.probabilities(fresh.features), naive.probabilities(fresh.features)
    assert np.abs(right - fresh.true).mean() < 0.05
    assert np.abs(wrong - fresh.true).mean() > 0.08
    assert abs(right.mean() - fresh.true.mean()) < 0.02
    looked = np.random.default_rng(2).random(len(fresh.true)) < fresh.true
    assert calibration_error(looked, right) < 0.04


def test_logistic_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    own = log(500)
    values, clicked = own.features.values, own.shown.clicked
    found = Logistic(ridge=1e-6).fit(values, clicked.astype(float)).predict(values)
    theirs = LogisticRegression(C=1e9, tol=1e-10, max_iter=1_000).fit(values, clicked).predict_proba(values)[:, 1]
    assert np.abs(found - theirs).max() < 1e-4


def test_trees_are_those_of_scikit_learn_with_holes_and_after_storage() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(600, 5))
    values[rng.random(values.shape) < 0.2] = np.nan
    said = (np.nan_to_num(values[:, 0]) + np.isnan(values[:, 1]) > 0.3).astype(int)
    model = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=8, early_stopping=False).fit(values, said)
    fresh = rng.normal(size=(300, 5)) * 2
    fresh[rng.random(fresh.shape) < 0.2] = np.nan
    trees = Trees.of(model, values)
    back = Trees.from_arrays(trees.arrays())
    for own in (trees, back):
        assert 1 / (1 + np.exp(-own.raw(fresh))) == pytest.approx(model.predict_proba(fresh)[:, 1], abs=1e-12)
    staged = trees.staged(fresh)
    assert staged[:, -1] == pytest.approx(model.decision_function(fresh), abs=1e-12)
    theirs = [
        next(stage for n, stage in enumerate(model.staged_decision_function(fresh), 1) if n == count)
        for count in (1, 7)
    ]
    assert staged[:, 1] == pytest.approx(theirs[0], abs=1e-12)
    assert trees.first(7).raw(fresh) == pytest.approx(theirs[1], abs=1e-12)
    assert trees.first(0).raw(fresh) == pytest.approx(np.full(300, staged[0, 0]))


def test_trees_that_only_fit_noise_are_dropped() -> None:
    rng = np.random.default_rng(0)
    values, targets = rng.normal(size=(400, 3)), (rng.random(400) < 0.3).astype(float)
    model = Boosting(trees=40, least=5).fit(values[:200], targets[:200]).keep(values[200:], targets[200:])
    assert len(model.arrays()["trees.roots"]) < 10


@pytest.mark.parametrize("family", ["logistic", "boosting"])
def test_a_stored_model_foretells_the_same(family: str, tmp_path: Path) -> None:
    own = log(600)
    model = RateModel(family=family, target="purchased", clip=5).fit(own.features, own.shown, Propensities(LOOKS))
    model.save(tmp_path / "rates")
    back = RateModel.load(tmp_path / "rates")
    assert (back.family, back.target, back.clip, back.curve) == (family, "purchased", 5, model.curve)
    assert np.array_equal(back.probabilities(own.features), model.probabilities(own.features))
    again = RateModel(family=family, target="purchased", clip=5).fit(own.features, own.shown, Propensities(LOOKS))
    assert np.array_equal(again.probabilities(own.features), model.probabilities(own.features))
    assert not list((tmp_path / "rates").glob("*.p*k*l*"))


def test_what_cannot_be_learned_or_asked_is_refused(tmp_path: Path) -> None:
    own = log(50)
    with pytest.raises(UsageError, match="nothing was fitted"):
        RateModel().probabilities(own.features)
    with pytest.raises(DataError, match="happened in 0"):
        RateModel().fit(own.features, replace(own.shown, clicked=np.zeros(len(own.shown), bool)))
    with pytest.raises(UsageError, match="no estimator"):
        RateModel(family="forest")  # type: ignore[arg-type]
    model = RateModel(family="logistic").fit(own.features, own.shown)
    with pytest.raises(UsageError, match="noise"):
        model.probabilities(Features(("quality",), own.features.values[:, :1]))
    with pytest.raises(DataError):
        RateModel.load(tmp_path)
    with pytest.raises(DataError, match="position"):
        replace(own.shown, positions=own.shown.positions - 1)


def test_curves_make_rates_honest() -> None:
    rng = np.random.default_rng(0)
    said = rng.random(4_000)
    happened = (rng.random(4_000) < said**2).astype(float)
    curve, knots = fit_curve(said, happened)
    assert curve == "isotonic"
    assert np.abs(calibrated(said, curve, knots) - said**2).mean() < 0.03
    curve, knots = fit_curve(said[:150], happened[:150])
    assert curve == "platt"
    assert (np.diff(calibrated(np.linspace(0, 1, 9), curve, knots)) >= 0).all()
    assert fit_curve(said, np.zeros(4_000))[0] == "none"


def test_the_latest_lists_are_those_that_validate() -> None:
    own = log(10)
    learned, held = own.shown.parted(0.2)
    assert sorted({*learned.tolist(), *held.tolist()}) == list(range(40))
    assert set(own.shown.lists[held].tolist()) == {8, 9}


# ---- features


DAY = 86_400.0


def shop() -> tuple[Content, CandidateFeatures, Shown]:
    vectors = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.float32)
    block = Embeddings.of_products(("a", "b", "c", "d"), vectors, np.array([True, True, True, False]))
    content = Content(block.ids, {"image": block}, prices=np.array([10.0, 100.0, 1_000.0, np.nan]))
    events = histories_of([["a", "b"], ["a"]], users=["ann", "bo"], times=[[10 * DAY, 20 * DAY], [15 * DAY]])
    shown = Shown(
        np.array([0, 0, 1, 1]),
        ("ann", "ann", "ann", "new"),
        ("c", "a", "c", "d"),
        np.array([1, 2, 1, 2]),
        np.array([True, False, False, False]),
        np.zeros(4, bool),
        np.array([12.0, 12.0, 30.25, 30.25]) * DAY,
        devices=("phone", "phone", "", "phone"),
    )
    return content, CandidateFeatures(content, events, devices=("phone",)), shown


def test_features_know_what_was_known_then_and_nothing_later() -> None:
    _, make, shown = shop()
    found = make.of_shown(shown, {"m": np.array([2.0, 4.0, 3.0, 1.0])})
    of = dict(zip(found.names, found.values.T, strict=True))
    assert of["score.m"].tolist() == pytest.approx([0.5, 1.0, 1.0, 1 / 3])
    assert of["popularity"].tolist() == pytest.approx([0, np.log(2), 0, 0])  # on day 12 only ann had taken a
    assert of["age"][1] == pytest.approx(np.log1p(2))
    assert np.isnan(of["age"][[0, 3]]).all()
    assert of["price.relative"][:2].tolist() == pytest.approx([np.log(100), 0])
    assert of["price.relative"][2] == pytest.approx(np.log(1_000) - np.log(10 * 100) / 2)
    assert np.isnan(of["price.relative"][3])
    assert of["like.image.mean"][:3].tolist() == pytest.approx([np.sqrt(0.5), 1.0, 1.0])
    assert of["like.image.latest"][2] == pytest.approx(np.sqrt(0.5))  # b was the latest by then
    assert np.isnan(of["like.image.mean"][3])
    assert of["device=phone"].tolist() == [1, 1, 0, 1]
    assert of["weekday.1"].tolist() == [1, 1, 0, 0]  # 1970-01-13 was a Tuesday
    assert of["weekend"].tolist() == [0, 0, 1, 1]  # 1970-01-31 a Saturday
    assert of["hour.sin"][2] == pytest.approx(1.0)  # six in the morning


def test_candidates_have_the_features_that_lists_had() -> None:
    _, make, shown = shop()
    lists = make.of_shown(shown, {"m": np.ones(4)})
    request = Request(history=("a", "b"), time=30.25 * DAY)
    found = make.of_candidates(("c",), request, {"m": np.ones(1)})
    assert found.names == lists.names
    assert found.values[0] == pytest.approx(lists.values[2], nan_ok=True)
    assert np.isnan(make.of_candidates(("zzz",), Request()).values).any()


def test_impressions_of_a_log_are_what_was_shown() -> None:
    def shown(item: str, position: int | None, local: str = "") -> Event:
        context = {"device": "phone", "local_time": local} if local else {}
        return Event("ann", item, "impression", time=1_000 * DAY, ranking="r", position=position, context=context)

    events = [
        shown("a", 0, "14:30"),
        shown("b", 1, "1972-09-28T06:00"),
        shown("c", 2),
        shown("d", None),
        Event("ann", "b", "click", time=1_000 * DAY + 5, ranking="r"),
    ]
    found = Shown.of(Impressions.from_events(events))
    assert found.items == ("a", "b", "c")
    assert found.positions.tolist() == [1, 2, 3]
    assert found.clicked.tolist() == [False, True, False]
    assert found.devices == ("phone", "phone", "")
    assert (found.clock / DAY).tolist() == pytest.approx([1_000 + 14.5 / 24, 1_001.25, 1_000])
    assert len(set(found.lists.tolist())) == 1
    assert found.take(np.array([1])).clock.tolist() == found.clock[1:2].tolist()


def test_lists_are_reranked_by_rate_and_say_so() -> None:
    content, _, _ = shop()
    rng = np.random.default_rng(0)
    items = tuple(rng.choice(["a", "b"], size=400).tolist())
    clicked = np.array([id == "b" for id in items]) & (rng.random(400) < 0.8)
    shown = Shown(np.arange(400), ("u",) * 400, items, np.ones(400, np.int64), clicked, clicked, np.arange(400.0))
    make = CandidateFeatures.of(content, histories_of([]), shown)
    scores = {"base": np.ones(400)}
    model = RateModel(family="logistic").fit(make.of_shown(shown, scores), shown)
    found = Reranker([ByRate(model, make, weight=5.0)])(Terms(("a", "b"), ("base",), np.array([[1.0], [0.9]])))
    assert found.ids == ("b", "a")
    assert found.picks[0].terms["rule.click-rate"] > 0 > found.picks[1].terms["rule.click-rate"]
    assert sum(found.picks[0].terms.values()) == pytest.approx(found.picks[0].score)
    assert found.picks[0].detail["click_rate"] > 0.5 > found.picks[1].detail["click_rate"]
