"""Recommendations judged: against the ranking metrics and ir-measures, naive loops, and cases worked by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, RR, P, R, Success, nDCG
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.evaluate import evaluate_run
from goodsense.evaluate.recommendation import RecommendationReport, evaluate_recommendations
from goodsense.evaluate.recommendation_answers import Answers, ItemFacts, judged_users
from goodsense.evaluate.recommendation_beyond import cosine_diversity, gini
from goodsense.evaluate.recommendation_slices import item_parts
from goodsense.events import Event, Interactions

ITEMS, USERS, DEPTH = 40, 60, 30


def _parts(train: Mapping[str, str], held: Mapping[str, str], items: str) -> tuple[Interactions, Interactions]:
    """Interactions from letters: every user's items in train and held out, over all items given."""
    users = sorted({*train, *held})
    found = []
    for part in (train, held):
        events = [Event(user, item, "view", weight=1.0) for user, own in part.items() for item in own]
        anchor = [Event("~", item, "view", weight=1.0) for item in items]  # makes every item known
        anchor += [Event(user, items[0], "view", weight=1.0) for user in users]
        known = Interactions.from_events([*events, *anchor])
        full = {(user, item) for user, own in part.items() for item in own}
        kept = np.array(
            [(known.users[u], known.items[i]) in full for u, i in zip(known.user_rows, known.item_rows, strict=True)]
        )
        found.append(known.only(kept).select(users=users, items=list(items)))
    return found[0], found[1]


def _random(seed: int = 0) -> tuple[NDArray[np.int64], Interactions, Interactions]:
    """Rankings of random depth, histories and held-out items; some users have nothing held out."""
    rng = np.random.default_rng(seed)
    names = [chr(200 + n) for n in range(ITEMS)]
    train, held = {}, {}
    popularity = 1 / np.arange(1, ITEMS + 1)
    for user in range(USERS):
        own = rng.choice(ITEMS - 4, size=rng.integers(2, 16), replace=False, p=_share(popularity[:-4]))
        later = rng.choice(np.setdiff1d(np.arange(ITEMS), own), size=rng.integers(0, 5), replace=False)
        train[f"u{user:02d}"] = "".join(names[n] for n in own)
        held[f"u{user:02d}"] = "".join(names[n] for n in later)
    first, second = _parts(train, held, "".join(names))
    rows = np.array([rng.permutation(ITEMS)[:DEPTH] for _ in judged_users(second)])
    rows[::7, DEPTH - 5 :] = -1
    return rows, second, first


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values / values.sum())


def _runs(
    rows: NDArray[np.int64], held: Interactions
) -> tuple[dict[str, list[tuple[str, float]]], dict[str, dict[str, int]]]:
    users = [held.users[row] for row in judged_users(held)]
    run = {
        user: [(held.items[row], -float(rank)) for rank, row in enumerate(own) if row >= 0]
        for user, own in zip(users, rows.tolist(), strict=True)
    }
    return run, {user: dict.fromkeys(held.history(user)[0], 1) for user in users}


def test_accuracy_is_that_of_the_ranking_metrics_and_of_the_reference_library() -> None:
    rows, held, train = _random()
    report = evaluate_recommendations(rows, held, train, ks=(5, 20))
    run, qrels = _runs(rows, held)
    ours = evaluate_run(run, qrels, ks=(5, 20))
    for name, value in ours.metrics.items():
        assert report.metrics[name] == pytest.approx(value, abs=1e-12), name
    assert report.user_ids == tuple(qrels)
    measures = [nDCG @ 20, R @ 20, R @ 100, P @ 5, RR @ 20, AP @ 20, Success @ 5]
    names = ["ndcg@20", "recall@20", "recall@100", "precision@5", "mrr@20", "map@20", "hit@5"]
    theirs = ir_measures.calc_aggregate(measures, qrels, {user: dict(own) for user, own in run.items()})
    for measure, name in zip(measures, names, strict=True):
        assert report.metrics[name] == pytest.approx(theirs[measure], abs=1e-6), name


def test_users_without_held_out_items_are_skipped_and_counted() -> None:
    train, held = _parts({"a": "xy", "b": "x", "c": "y"}, {"a": "z", "c": "wz"}, "wxyz")
    report = evaluate_recommendations(np.array([[3, 0], [2, 3]]), held, train, ks=(1, 2))
    assert (report.users, report.skipped, report.pairs, report.items) == (2, 1, 3, 4)
    assert report.user_ids == ("a", "c")
    assert report.metrics["recall@1"] == 0.5
    assert report.metrics["recall@2"] == 0.75
    assert report.metrics["ndcg@2"] == pytest.approx((1 + (1 / math.log2(3)) / (1 + 1 / math.log2(3))) / 2)
    assert {"recall@10", "recall@100", "hit@10"} <= set(report.metrics)
    assert "ndcg@10" not in report.metrics
    shown = report.to_json()
    assert shown["intervals"]["recall@1"][0] <= 0.5 <= shown["intervals"]["recall@1"][1]


def _naive(
    rows: NDArray[np.int64],
    held: Interactions,
    train: Interactions,
    k: int,
    vectors: NDArray[np.float32],
    categories: tuple[str, ...],
) -> dict[str, float]:
    """What there is beyond accuracy, written down as it is defined."""
    takers: dict[int, set[int]] = {item: set() for item in range(ITEMS)}
    for user, item in zip(train.user_rows.tolist(), train.item_rows.tolist(), strict=True):
        takers[item].add(user)
    active = len(set(train.user_rows.tolist()))
    lists = [[row for row in own[:k] if row >= 0] for own in rows.tolist()]
    users = judged_users(held).tolist()
    shown = [sum(item in own for own in lists) for item in range(ITEMS)]
    bits, pops, own_pops, cosines, kinds, surprise = [], [], [], [], [], []
    top = sorted(range(ITEMS), key=lambda item: (-len(takers[item]), -item))[:k]
    for user, own in zip(users, lists, strict=True):
        bits.append(np.mean([-math.log2(max(1, len(takers[item])) / active) for item in own]))
        pops.append(np.mean([len(takers[item]) for item in own]))
        history = {item for item in takers if user in takers[item]}
        own_pops.append(np.mean([len(takers[item]) for item in history]))
        known = [vectors[item] / np.linalg.norm(vectors[item]) for item in own if vectors[item].any()]
        if len(known) > 1:
            cosines.append(np.mean([1 - float(a @ b) for a, b in combinations(known, 2)]))
        named = [categories[item] for item in own if categories[item]]
        if len(named) > 1:
            kinds.append(np.mean([a != b for a, b in combinations(named, 2)]))
        relevant = set(held.item_rows[held.starts[user] : held.starts[user + 1]].tolist())
        surprise.append(len((relevant & set(own)) - set(top)) / k)
    pairs = sum(abs(a - b) for a in shown for b in shown)
    return {
        "coverage": sum(count > 0 for count in shown) / ITEMS,
        "novelty": float(np.mean(bits)),
        "gini": pairs / (2 * ITEMS * sum(shown)),
        "popularity": float(np.mean(pops)),
        "popularity_lift": float(np.mean(pops) / np.mean(own_pops) - 1),
        "diversity": float(np.mean(cosines)),
        "diversity_category": float(np.mean(kinds)),
        "serendipity": float(np.mean(surprise)),
    }


def test_what_is_beyond_accuracy_is_as_defined() -> None:
    rows, held, train = _random(1)
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(ITEMS, 6)).astype(np.float32)
    vectors[::9] = 0
    categories = tuple(str(rng.choice(["", "train", "bear", "ball"])) for _ in range(ITEMS))
    facts = ItemFacts(categories, vectors)
    report = evaluate_recommendations(rows, held, train, ks=(4, 28), facts=facts, slices=False)
    for k in (4, 28):
        for name, value in _naive(rows, held, train, k, vectors, categories).items():
            assert report.metrics[f"{name}@{k}"] == pytest.approx(value, abs=1e-6), (name, k)


def test_lists_that_cannot_differ_and_lists_that_could_not_differ_more() -> None:
    vectors = np.array([[1, 0], [2, 0], [0, 1], [0, 0]], np.float32)
    found = cosine_diversity(np.array([[0, 1], [0, 2], [0, 3], [-1, -1]]), vectors)
    assert found[:2].tolist() == pytest.approx([0, 1])
    assert np.isnan(found[2:]).all()
    assert gini(np.array([3, 3, 3])) == 0
    assert gini(np.array([0, 0, 0, 8])) == 0.75
    assert gini(np.zeros(4, int)) == 0


def test_slices_count_only_their_items_and_rank_among_all() -> None:
    # "c" is cold; a knows much, b one item, d nothing
    train, held = _parts({"a": "vwxyz", "b": "v"}, {"a": "c", "b": "cw", "d": "v"}, "cvwxyz")
    items = {id: row for row, id in enumerate(train.items)}
    rows = np.array([[items["c"], -1], [items["w"], items["c"]], [items["w"], items["v"]]])
    facts = ItemFacts(prices=np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.nan]))
    report = evaluate_recommendations(rows, held, train, ks=(1, 2), facts=facts, groups={"a": "old", "b": "new"})
    found = {(part.kind, part.name): part for part in report.slices}
    cold = found["items", "cold"]
    assert (cold.users, cold.pairs, cold.metrics["recall@1"], cold.metrics["recall@2"]) == (2, 2, 0.5, 1.0)
    assert cold.metrics["ndcg@2"] == pytest.approx((1 + 1 / math.log2(3)) / 2)
    assert found["items", "head"].metrics["recall@1"] == 0.0  # v, the most popular of five
    assert found["items", "tail"].metrics == {"recall@1": 1, "recall@2": 1, "ndcg@1": 1, "ndcg@2": 1}
    assert {name for kind, name in found if kind == "history"} == {"none", "1 to 4", "5 to 9"}
    assert found["history", "none"].metrics["recall@2"] == 1.0
    assert found["history", "1 to 4"].metrics["recall@1"] == 0.5
    assert {name for kind, name in found if kind == "price"} == {"low", "middle"}
    assert found["group", "old"].metrics["recall@1"] == 1.0
    assert found["group", "new"].users == 1
    assert all(part.intervals["recall@2"].lower <= part.metrics["recall@2"] for part in report.slices)


def test_parts_of_items_are_all_of_them_once() -> None:
    _, _, train = _random(3)
    parts = item_parts(train)
    assert (np.sum([mask.astype(int) for mask in parts.values()], axis=0) == 1).all()
    warm = int((~parts["cold"]).sum())
    assert int(parts["head"].sum()) == math.ceil(0.2 * warm)
    counts = np.bincount(train.pairs.item_rows, minlength=ITEMS)
    assert counts[parts["head"]].min() >= counts[parts["tail"]].max()


def test_bad_input_is_refused() -> None:
    train, held = _parts({"a": "xy", "b": "x"}, {"a": "z"}, "xyz")
    with pytest.raises(DataError, match="'a' is recommended the item 'z' twice"):
        evaluate_recommendations(np.array([[2, 2]]), held, train)
    with pytest.raises(UsageError, match="one row for each of 1 users"):
        evaluate_recommendations(np.array([[2], [1]]), held, train)
    with pytest.raises(UsageError, match="name items 0 to 3; there are 3"):
        evaluate_recommendations(np.array([[0, 3]]), held, train)
    with pytest.raises(UsageError, match="other users or items"):
        evaluate_recommendations(np.array([[2]]), held, train.select(users=["a"]))
    with pytest.raises(DataError, match="nothing was held out"):
        evaluate_recommendations(np.empty((0, 3), int), held.only(np.zeros(1, bool)), train)
    with pytest.raises(UsageError, match="cut-off"):
        evaluate_recommendations(np.array([[2]]), held, train, ks=(0,))
    with pytest.raises(UsageError, match="no metric 'ndcg@7'"):
        evaluate_recommendations(np.array([[2]]), held, train).interval("ndcg@7")


def test_an_empty_list_finds_nothing_and_breaks_nothing() -> None:
    train, held = _parts({"a": "xy"}, {"a": "z"}, "xyz")
    report: RecommendationReport = evaluate_recommendations(np.full((1, 5), -1), held, train, ks=(5,))
    assert set(report.metrics.values()) == {0.0}
    assert Answers.of(np.empty((1, 0), int), held).found.shape == (1, 0)
    assert evaluate_recommendations(np.empty((1, 0), int), held, train).metrics["recall@10"] == 0
