"""Budgeted search: the order, the budget, the best found by hand, and nothing learned from what is held out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.evaluate import evaluate_run
from goodsense.recommend import Content, make_model
from goodsense.recommend.judging import judged, over_all_items, recommended, sampled_users
from goodsense.recommend.trials import Budget, Settings, searched
from tests.recommend.test_hybrid import ITEMS, _log


def test_all_settings_come_once_and_the_default_first() -> None:
    space = {"a": (1, 2, 3), "b": ("x", "y")}
    orders = []
    for seed in (0, 0, 1):
        found = [tuple(each.values()) for each in Settings.of("popular", space, {}, seed)]
        assert found[0] == (1, "x")
        assert sorted(found) == sorted(product((1, 2, 3), "xy"))
        orders.append(found)
    assert orders[0] == orders[1] != orders[2]
    fixed = list(Settings.of("popular", space, {"b": "z"}, 0))
    assert [each["b"] for each in fixed] == ["z"] * 3
    assert list(Settings.of("popular", {}, {}, 0)) == [{}]


def test_the_best_is_the_best_by_hand() -> None:
    train, held = _log()
    space = {"alpha": (0.2, 0.5, 1.0), "shrinkage": (0.0, 50.0)}
    found = searched("item-knn", train, held, space=space, seed=3, metric="ndcg@10")
    assert len(found.trials) == found.space == 6
    qrels = {user: dict.fromkeys(items, 1) for user, items, _, _ in held.histories()}
    for trial in found.trials:
        ranked = make_model("item-knn", **trial.options).fit(train).recommend(train, 100)
        value = evaluate_run(ranked.run(), qrels, ks=(10,)).metrics["ndcg@10"]
        assert trial.metrics["ndcg@10"] == pytest.approx(value, abs=1e-12)
    assert found.score == max(trial.metrics["ndcg@10"] for trial in found.trials)
    assert found.model.options["alpha"] == found.best.options["alpha"]
    again = searched("item-knn", train, held, space=space, seed=3, metric="ndcg@10")
    assert [t.options for t in again.trials] == [t.options for t in found.trials]
    assert [t.metrics for t in again.trials] == [t.metrics for t in found.trials]


def test_the_budget_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    train, held = _log()
    assert len(searched("item-knn", train, held, budget=Budget(trials=2)).trials) == 2
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr("goodsense.recommend.trials.time.perf_counter", lambda: float(next(clock)))
    assert len(searched("item-knn", train, held, budget=Budget(seconds=1e-3)).trials) == 1  # the first always runs
    assert 1 < len(searched("item-knn", train, held, budget=Budget(trials=6, seconds=65)).trials) < 6
    for trials, seconds in ((0, None), (1, 0.0), (1, -2.0)):
        with pytest.raises(UsageError, match="allows nothing"):
            Budget(trials, seconds)


def test_a_setting_that_fails_is_told_and_the_rest_goes_on() -> None:
    train, held = _log()
    found = searched("popular", train, held, space={"half_life_days": (-1.0, None)})
    assert ["half-life" in trial.failed for trial in found.trials] == [True, False]
    assert found.best.options == {"half_life_days": None}
    with pytest.raises(UsageError, match="half-life"):
        searched("popular", train, held, space={"half_life_days": (-1.0, -2.0)})


def test_bad_input_is_refused() -> None:
    train, held = _log()
    with pytest.raises(UsageError, match="no recommender 'popluar'"):
        searched("popluar", train, held)
    with pytest.raises(UsageError, match="no metric 'ndgc@20'"):
        searched("popular", train, held, metric="ndgc@20")
    with pytest.raises(UsageError, match="no value for half_life_days"):
        searched("popular", train, held, space={"half_life_days": ()})
    with pytest.raises(DataError, match="nothing was held out"):
        searched("popular", train, held.only(np.zeros(len(held), bool)))


def test_items_of_the_content_are_to_choose_from_and_rows_are_those_of_all() -> None:
    train, held = _log()
    content = Content((*ITEMS[5:], "a-new-one", "z-new-one"))
    whole = over_all_items(train, held, content=content)
    assert whole[0].items == ("a-new-one", *ITEMS, "z-new-one")
    knn = make_model("item-knn").fit(train)  # knows none of the new ones
    rows = recommended(knn, whole[0], whole[1], depth=3)
    ids = [[whole[1].items[row] for row in own] for own in rows.tolist()]
    assert ids == [list(own) for own in map(knn.recommend(train, 3).ids, range(len(train.users)))]
    assert judged(knn, train, held, content=content).items == 32
    stranger = make_model("popular").fit(train, Content(("stranger",)))
    with pytest.raises(UsageError, match="'stranger'"):
        recommended(stranger, train, held, depth=40)


def test_fewer_users_are_drawn_with_all_that_was_held_out_of_them() -> None:
    _, held = _log()
    some = sampled_users(held, 10, seed=1)
    assert (np.diff(some.starts) > 0).sum() == 10 == len(some)
    assert np.array_equal(sampled_users(held, 10, seed=1).item_rows, some.item_rows)
    assert sampled_users(held, 80, seed=1) is held
    assert sampled_users(held, None, seed=1) is held
