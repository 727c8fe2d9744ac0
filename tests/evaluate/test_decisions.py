"""Decisions against scikit-learn and plain loops, and what published figures imply."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from goodsense.errors import UsageError
from goodsense.evaluate.decisions import (
    best_threshold,
    calibration_error,
    decisions,
    implied_precision,
    implied_share,
    roc_auc,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.random(300) < 0.4
LIKELY: NDArray[np.float64] = np.round(np.where(TRUTH, 0.3, 0.0) + 0.7 * RNG.random(300), 2).astype(
    np.float64
)  # with ties


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.77])
def test_figures_are_those_of_scikit_learn(threshold: float) -> None:
    found, said = decisions(TRUTH, LIKELY, threshold=threshold), threshold <= LIKELY
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(TRUTH, said, average="binary")
    assert (found.precision, found.recall, found.f1) == pytest.approx((precision, recall, f1))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(TRUTH, said))
    assert found.auc == pytest.approx(metrics.roc_auc_score(TRUTH, LIKELY))
    assert found.brier == pytest.approx(metrics.brier_score_loss(TRUTH, LIKELY))
    assert (found.rows, found.share) == (300, TRUTH.mean())


def test_calibration_is_that_of_a_plain_loop() -> None:
    order, total = np.argsort(LIKELY, kind="stable"), 0.0
    for bin_ in range(10):
        rows = order[30 * bin_ : 30 * (bin_ + 1)]
        total += 0.1 * abs(LIKELY[rows].mean() - TRUTH[rows].mean())
    assert calibration_error(TRUTH, LIKELY) == pytest.approx(total)
    assert calibration_error(np.array([True, False]), np.array([1.0, 0.0])) == 0


@pytest.mark.parametrize("of", ["accuracy", "f1"])
@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_is_better_than_the_best(of: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, scores = rng.random(40) < rng.random(), np.round(rng.normal(size=40), 1)

    def value(threshold: float) -> float:
        said = scores >= threshold
        measure = metrics.f1_score(truth, said, zero_division=0) if of == "f1" else (said == truth).mean()
        return float(measure)

    tried = [*scores.tolist(), np.inf]
    assert value(best_threshold(truth, scores, of=of)) == pytest.approx(max(map(value, tried)))


def test_nobody_is_said_yes_to_where_that_is_best() -> None:
    assert not (np.array([0.4, 0.6]) >= best_threshold(np.array([False, False]), np.array([0.4, 0.6]))).any()


def test_one_answer_alone_tells_nothing_apart() -> None:
    assert roc_auc(np.ones(3, dtype=np.bool_), np.arange(3.0)) == 0.5
    found = decisions(np.zeros(3, dtype=np.bool_), np.zeros(3))
    assert (found.precision, found.recall, found.f1, found.accuracy) == (0, 0, 0, 1)


@pytest.mark.parametrize(("accuracy", "precision", "recall", "f1"), [(0.875, 0.8767, 0.823, 0.849)])
def test_the_published_figures_imply_the_others(accuracy: float, precision: float, recall: float, f1: float) -> None:
    assert implied_precision(f1, recall) == pytest.approx(precision, abs=1e-4)
    share = implied_share(accuracy, precision, recall)
    missed, falsely = share * (1 - recall), share * recall * (1 - precision) / precision
    assert missed + falsely == pytest.approx(1 - accuracy)
    assert share == pytest.approx(0.427, abs=1e-3)


def test_what_measured_figures_imply_is_what_was_measured() -> None:
    found = decisions(TRUTH, LIKELY, threshold=0.5)
    assert implied_precision(found.f1, found.recall) == pytest.approx(found.precision)
    assert implied_share(found.accuracy, found.precision, found.recall) == pytest.approx(found.share)


def test_what_fits_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="fits no precision"):
        implied_precision(0.9, 0.4)
    with pytest.raises(UsageError, match="fit no share"):
        implied_share(0.2, 0.9, 0.9)
    with pytest.raises(UsageError, match="expected bool"):
        decisions(TRUTH[:3], LIKELY)
    with pytest.raises(UsageError, match="expected 0 to 1"):
        decisions(TRUTH, LIKELY + 1)
    with pytest.raises(UsageError, match="finite"):
        roc_auc(TRUTH, np.full(300, np.nan))
    with pytest.raises(UsageError, match="expected accuracy or f1"):
        best_threshold(TRUTH, LIKELY, of="recall")
