"""The recommender that is chosen, and recommenders compared: the right one wins, for reasons that can be checked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.evaluate import evaluate_run
from goodsense.events import Interactions
from goodsense.recommend import Content, make_model
from goodsense.recommend.comparison import compare_models
from goodsense.recommend.hybrid import Hybrid
from goodsense.recommend.search import Budget, chosen_model, described, usable
from goodsense.types import Embeddings
from tests.recommend.test_hybrid import ITEMS, _log, _over

QUICK = Budget(trials=2)
NAMES = ("popular", "item-knn")


def _parts() -> tuple[Interactions, Interactions, Interactions]:
    """Shoppers of three groups: five items, then one for validation and one for the test."""
    rng = np.random.default_rng(4)
    lists = [[ITEMS[n] for n in rng.permutation(np.arange(user % 3, 30, 3))[:7]] for user in range(90)]
    return tuple(_over([own[part] for own in lists]) for part in (slice(5), slice(5, 6), slice(6, 7)))  # type: ignore[return-value]


def test_what_finds_the_groups_is_chosen_and_can_be_made_again() -> None:
    train, val, _ = _parts()
    found = chosen_model(train, val, names=NAMES, budget=QUICK, seed=1)
    assert found.name in ("item-knn", "hybrid")
    assert found.candidates[-1].name == "popular"
    scores = [each.trial.metrics["ndcg@20"] for each in found.candidates]
    assert scores == sorted(scores, reverse=True)
    assert found.users == 90
    again = make_model(found.name, **found.options).fit(train)
    assert again.recommend(train, 5).rows.tolist() == found.model.recommend(train, 5).rows.tolist()
    assert chosen_model(train, val, names=NAMES, budget=QUICK, seed=1).to_json()["model"] == str(found)


def test_shuffled_labels_choose_nothing_better_than_chance() -> None:
    """What was held out goes to other shoppers: whatever is chosen is then as good as drawing items."""
    train, val, test = _parts()
    rng = np.random.default_rng(5)
    users = [train.users[row] for row in rng.permutation(90)]

    def shuffled(part: Interactions) -> Interactions:
        drawn = part.select(users=users)
        kept = replace(drawn, users=train.users)
        seen = set(zip(train.user_rows.tolist(), train.item_rows.tolist(), strict=True))
        pairs = zip(kept.user_rows.tolist(), kept.item_rows.tolist(), strict=True)
        return kept.only(np.array([pair not in seen for pair in pairs]))

    found = compare_models(NAMES, train, shuffled(val), shuffled(test), budget=QUICK, ks=(10,))
    chance = 10 / 25  # of 30 items five are in the history
    for row in found.rows:
        assert row.report is not None
        interval = row.report.interval("recall@10", level=0.999)
        assert interval.lower <= chance <= interval.upper, row.name
    real = compare_models(NAMES, train, val, test, budget=QUICK, ks=(10,))
    assert real.reports["item-knn"].metrics["recall@10"] > 0.9  # so the test could have failed


def test_comparisons_say_what_the_ranking_metrics_say() -> None:
    train, val, test = _parts()
    found = compare_models((*NAMES, "auto"), train, val, test, budget=QUICK, ks=(5,), metric="recall@10")
    qrels = {user: dict.fromkeys(items, 1) for user, items, _, _ in test.histories()}
    rows = {row.name: row for row in found.rows}
    for name in NAMES:
        ranked = make_model(name, **(rows[name].options or {})).fit(train).recommend(train, 100)
        wanted = evaluate_run(ranked.run(), qrels, ks=(5,)).metrics
        assert found.reports[name].metrics["ndcg@5"] == pytest.approx(wanted["ndcg@5"], abs=1e-12)
        assert rows[name].fit_seconds >= 0
        assert rows[name].peak_bytes >= 0
    assert [row.validation for row in found.rows] == sorted((row.validation for row in found.rows), reverse=True)
    assert rows["popular"].gain is None
    gain = rows["item-knn"].gain
    difference = found.reports["item-knn"].metrics["ndcg@5"] - found.reports["popular"].metrics["ndcg@5"]
    assert gain is not None
    assert gain.mean == pytest.approx(difference)
    assert gain.lower > 0
    assert rows["auto"].trials >= 3
    assert found.to_json()["models"][0]["metrics"]


def test_what_fails_is_told_and_the_rest_is_compared() -> None:
    train, val, test = _parts()
    found = compare_models(("popular", "item-kmm"), train, val, test)
    assert [row.name for row in found.rows] == ["popular", "item-kmm"]
    assert "item-kmm" in found.rows[1].failed
    assert list(found.reports) == ["popular"]
    for names in ((), ("popular", "popular")):
        with pytest.raises(UsageError, match="compare"):
            compare_models(names, train, val, test)


def test_what_lacks_what_it_needs_is_not_tried() -> None:
    train, val, _ = _parts()
    vectors = np.eye(len(ITEMS), dtype=np.float32)
    content = Content(ITEMS, {"image": Embeddings.of_products(ITEMS, vectors)})
    assert not usable("no-such-model", train, content)
    assert usable("popular", train, None)
    assert usable("content", train, content)
    assert not usable("content", train, None)
    assert not usable("content", train, Content(ITEMS))
    with pytest.raises(UsageError, match="no recommender 'nothing'"):
        chosen_model(train, val, names=("nothing", "neither"))
    with pytest.raises(UsageError, match="content cannot be used here: not all is there of content"):
        chosen_model(train, val, names=("content",))


def test_a_recommender_in_words() -> None:
    train, _ = _log()
    blend = make_model("hybrid", weights=(0.25, 0.75)).fit(train)
    assert isinstance(blend, Hybrid)
    assert described(blend).startswith("hybrid: 0.25 item-knn (")
    assert described(make_model("popular")) == "popular (half_life_days None)"
