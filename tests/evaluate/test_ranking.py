"""Ranking metrics: worked examples, the conventions for ties and gaps, and the reference library as oracle."""

from __future__ import annotations

import math
import time

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, RR, P, R, nDCG

from goodsense.errors import DataError, UsageError
from goodsense.evaluate import evaluate_run


def test_a_worked_example() -> None:
    report = evaluate_run({"q": [("a", 3.0), ("b", 2.0), ("c", 1.0)]}, {"q": {"a": 1, "c": 3, "d": 2}}, ks=(2, 3))
    dcg = 1 + 7 / math.log2(4)
    ideal = 7 + 3 / math.log2(3) + 1 / math.log2(4)
    assert report.metrics["ndcg@3"] == pytest.approx(dcg / ideal)
    assert report.metrics["ndcg@2"] == pytest.approx(1 / (7 + 3 / math.log2(3)))
    assert report.metrics["recall@2"] == pytest.approx(1 / 3)
    assert report.metrics["recall@10"] == pytest.approx(2 / 3)
    assert report.metrics["mrr@3"] == 1.0
    assert report.metrics["precision@3"] == pytest.approx(2 / 3)
    assert report.metrics["map@3"] == pytest.approx((1 + 2 / 3) / 3)


def test_recall_at_10_and_100_are_always_there() -> None:
    report = evaluate_run({"q": [("a", 1.0)]}, {"q": {"a": 1}}, ks=(5,))
    assert {"recall@5", "recall@10", "recall@100", "ndcg@5"} <= set(report.metrics)
    assert "ndcg@10" not in report.metrics


def test_equal_scores_go_by_id_descending_and_the_order_given_does_not_matter() -> None:
    for hits in ([("a", 1.0), ("b", 1.0)], [("b", 1.0), ("a", 1.0)]):
        assert evaluate_run({"q": hits}, {"q": {"a": 1}}).metrics["mrr@10"] == 0.5
        assert evaluate_run({"q": hits}, {"q": {"b": 1}}).metrics["mrr@10"] == 1.0


def test_queries_without_relevant_items_or_answers_count_as_zero() -> None:
    run = {"good": [("a", 1.0)], "hopeless": [("a", 1.0)], "stray": [("a", 1.0)], "empty": []}
    qrels = {"good": {"a": 2}, "hopeless": {"a": 0, "b": -1}, "absent": {"a": 1}, "empty": {"a": 1}}
    report = evaluate_run(run, qrels)
    assert report.query_ids == ("good", "hopeless", "absent", "empty")
    assert report.per_query["ndcg@10"].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert report.metrics["ndcg@10"] == 0.25
    assert (report.queries, report.without_relevant, report.unanswered, report.unjudged) == (4, 1, 2, 1)


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="twice"):
        evaluate_run({"q": [("a", 1.0), ("a", 0.5)]}, {"q": {"a": 1}})
    with pytest.raises(DataError, match="finite"):
        evaluate_run({"q": [("a", math.nan)]}, {"q": {"a": 1}})
    with pytest.raises(DataError, match="no judgements"):
        evaluate_run({}, {})
    for cut in (0, True, 2.5):
        with pytest.raises(UsageError, match="cut-off"):
            evaluate_run({}, {"q": {"a": 1}}, ks=(cut,))  # type: ignore[arg-type]


def _random_case(rng: np.random.Generator) -> tuple[dict[str, list[tuple[str, float]]], dict[str, dict[str, int]]]:
    """Three queries over a small collection; some judged items are not found, some found ones not judged."""
    run, qrels = {}, {}
    for query in ("q1", "q2", "q3"):
        found = rng.permutation(40)[: rng.integers(1, 30)]
        scores = rng.permutation(len(found)) * 0.5 - 3.0  # distinct, so that no tie rule matters
        run[query] = [(f"d{d}", float(s)) for d, s in zip(found, scores, strict=True)]
        judged = rng.permutation(40)[: rng.integers(1, 25)]
        qrels[query] = {f"d{d}": int(rng.integers(0, 4)) for d in judged}
        qrels[query][f"d{judged[0]}"] = 3  # the reference leaves queries without a relevant item out
    return run, qrels


def test_agrees_with_the_reference_library_on_a_thousand_random_runs() -> None:
    rng = np.random.default_rng(11)
    gains = {0: 0, 1: 1, 2: 3, 3: 7}
    names = {}
    for k in (1, 5, 10):
        names |= {nDCG(gains=gains) @ k: f"ndcg@{k}", RR @ k: f"mrr@{k}"}
        names |= {R @ k: f"recall@{k}", P @ k: f"precision@{k}", AP @ k: f"map@{k}"}
    runs: dict[str, list[tuple[str, float]]] = {}
    qrels: dict[str, dict[str, int]] = {}
    for case in range(1000):
        run, judged = _random_case(rng)
        runs |= {f"{case}-{query}": hits for query, hits in run.items()}
        qrels |= {f"{case}-{query}": grades for query, grades in judged.items()}
    report = evaluate_run(runs, qrels, ks=(1, 5, 10))
    row = {query: at for at, query in enumerate(report.query_ids)}
    measured = list(ir_measures.iter_calc(list(names), qrels, {query: dict(hits) for query, hits in runs.items()}))
    assert len(measured) == 3000 * len(names)
    worst = max(abs(report.per_query[names[m.measure]][row[m.query_id]] - m.value) for m in measured)
    assert worst < 1e-9


def test_ten_thousand_queries_take_seconds() -> None:
    rng = np.random.default_rng(0)
    ids = [f"p{n}" for n in range(1000)]
    run = {
        f"q{q}": list(zip(ids[q % 900 : q % 900 + 100], rng.random(100).tolist(), strict=True)) for q in range(10_000)
    }
    qrels = {query: {hits[7][0]: 1, hits[3][0]: 2} for query, hits in run.items()}
    start = time.perf_counter()
    report = evaluate_run(run, qrels)
    assert time.perf_counter() - start < 10
    assert report.metrics["recall@100"] == 1.0
