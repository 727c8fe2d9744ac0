"""Paired statistics on data whose answer is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.evaluate import bootstrap, compare, evaluate_run, paired_bootstrap, paired_randomisation, share_losing


def test_the_interval_is_the_one_of_the_normal_law() -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, 400)
    found = bootstrap(values, level=0.95)
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.mean == pytest.approx(values.mean())
    assert found.lower == pytest.approx(values.mean() - half, abs=0.01)
    assert found.upper == pytest.approx(values.mean() + half, abs=0.01)
    assert found.p_value < 0.001


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    found = [bootstrap(rng.normal(0.0, 1.0, 60), level=0.9, samples=400, seed=s) for s in range(200)]
    covered = sum(f.lower <= 0 <= f.upper for f in found)
    assert 165 <= covered <= 194  # 180 expected
    assert 8 <= sum(f.p_value < 0.1 for f in found) <= 36  # 20 expected


def test_equal_systems_differ_in_nothing() -> None:
    scores = [0.1, 0.5, 0.9]
    found = paired_bootstrap(scores, scores)
    assert (found.mean, found.lower, found.upper, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert paired_randomisation(scores, scores) == 1.0


def test_seeded() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.random(50), rng.random(50)
    assert paired_bootstrap(a, b, seed=5) == paired_bootstrap(a, b, seed=5)
    assert paired_bootstrap(a, b, seed=5) != paired_bootstrap(a, b, seed=6)


def test_randomisation_enumerates_small_samples() -> None:
    a, b = [0.0] * 6, [0.2, 0.1, 0.4, -0.1, 0.3, 0.0]
    moved = [0.2, 0.1, 0.4, -0.1, 0.3]
    sums = [
        abs(sum(s * m for s, m in zip(signs, moved, strict=True))) for signs in itertools.product((1, -1), repeat=5)
    ]
    expected = np.mean([s >= sum(moved) - 1e-9 for s in sums])
    assert paired_randomisation(a, b) == pytest.approx(expected)


def test_randomisation_of_large_samples_follows_the_normal_law() -> None:
    difference = np.random.default_rng(4).normal(0.0, 1.0, 500)
    difference += 1.96 * np.sqrt((difference**2).sum()) / 500 - difference.mean()  # two-sided p of about 5 %
    assert paired_randomisation(np.zeros(500), difference, samples=20_000) == pytest.approx(0.05, abs=0.012)


def test_share_losing_counts_more_than_the_margin_only() -> None:
    assert share_losing([0.5, 0.5, 0.5, 0.5], [0.45, 0.44, 0.6, 0.0], margin=0.05) == 0.5


def test_compare_pairs_queries_by_id() -> None:
    qrels = {f"q{n}": {"a": 1} for n in range(20)}
    good = evaluate_run({q: [("a", 2.0), ("b", 1.0)] for q in qrels}, qrels)
    half = evaluate_run({q: [("a", 1.0), ("b", 2.0)] if q == "q3" else [("a", 1.0)] for q in qrels}, qrels)
    turned = evaluate_run({q: [("a", 2.0)] for q in qrels}, dict(reversed(qrels.items())))
    found = compare(good, half, metric="mrr@10")
    assert (found.baseline, found.candidate, found.difference) == pytest.approx((1.0, 0.975, -0.025))
    assert (found.losing, found.gaining, found.queries) == (0.05, 0.0, 20)
    back = compare(half, turned, metric="mrr@10")
    assert back.gaining == 0.05
    assert back.losing == 0.0
    assert back.to_json()["metric"] == "mrr@10"


def test_bad_input_is_refused() -> None:
    with pytest.raises(UsageError, match="one pair each"):
        paired_bootstrap([1.0], [1.0, 2.0])
    with pytest.raises(UsageError, match="finite"):
        bootstrap([])
    with pytest.raises(UsageError, match="level"):
        bootstrap([1.0], level=95)
    one, other = evaluate_run({}, {"a": {"x": 1}}), evaluate_run({}, {"b": {"x": 1}})
    with pytest.raises(UsageError, match="different queries"):
        compare(one, other)
    with pytest.raises(UsageError, match="no metric"):
        compare(one, one, metric="ndcg@7")
