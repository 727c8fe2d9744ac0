from __future__ import annotations

import numpy as np
import pytest

from goodsense.search.calibration import BM25, Affine, Calibration, fit_confidence
from goodsense.shop.tuning import (
    PRETRAINED_START,
    START,
    TuningQuery,
    ascend,
    balanced,
    learn_confidence,
    tune,
    tune_parts,
)

WORDS, VECTORS, LOOKS = ("text", BM25), ("text", "text"), ("image", "image")


def calibration() -> Calibration:
    return Calibration({WORDS: Affine(), VECTORS: Affine(), LOOKS: Affine()})


def queries(count: int, *, helpful: bool, looks: bool = False, pool: int = 60) -> list[TuningQuery]:
    """Row 0 is relevant; words know a little of it; vectors know much, or mislead."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(count):
        words, vectors, pictures = rng.normal(size=(3, pool))
        words[0] += 1.5
        vectors[0] += 4.0 if helpful else 0.0
        vectors[1:11] += 0.0 if helpful else 5.0
        pictures[0] += 5.0
        terms = {WORDS: words, VECTORS: vectors, **({LOOKS: pictures} if looks else {})}
        gains = np.zeros(pool)
        gains[0] = 1.0
        found.append(TuningQuery(str(number), terms, gains, ideal=1.0))
    return found


def test_helpful_vectors_are_kept() -> None:
    tuned, verdict = tune(calibration(), queries(60, helpful=True), source="made", gate=True, seed=0)
    assert verdict.kept
    assert verdict.fused > verdict.bm25
    assert tuned.maps[VECTORS].weight >= START


def test_harmful_vectors_are_turned_off_and_the_build_says_why() -> None:
    bad = [*queries(60, helpful=False)]
    weights = ascend(bad, {WORDS: 1.0, VECTORS: START})
    assert weights[VECTORS] < START
    forced = Calibration({WORDS: Affine(), VECTORS: Affine(scale=0.02)})  # so loud that no step of the grid is quiet
    loud = [TuningQuery(q.id, {WORDS: q.terms[WORDS], VECTORS: q.terms[VECTORS] * 50}, q.gains, 1.0) for q in bad]
    tuned, verdict = tune(forced, loud, source="made", gate=True, seed=0)
    assert tuned.maps[VECTORS].weight == 0.0
    assert verdict.fused <= verdict.bm25 + 1e-9
    assert verdict.reason.startswith("words alone")


def test_without_a_gate_vectors_stay() -> None:
    _, verdict = tune(calibration(), queries(30, helpful=False), source="made", gate=False, seed=0)
    assert verdict.kept
    assert "gate off" in verdict.reason


def test_too_few_queries_leave_the_defaults() -> None:
    tuned, verdict = tune(calibration(), queries(5, helpful=True), source="made", gate=True, seed=0)
    assert "too few" in verdict.reason
    assert tuned.maps[VECTORS].weight == START


def test_weights_that_cannot_be_told_apart_stay_at_the_start() -> None:
    same = [
        TuningQuery(q.id, {WORDS: q.terms[WORDS], VECTORS: q.terms[WORDS]}, q.gains, 1.0)
        for q in queries(40, helpful=True)
    ]
    assert ascend(same, {WORDS: 1.0, VECTORS: START})[VECTORS] == START


def test_pictures_beside_words_are_weighed_where_queries_have_both() -> None:
    quiet = Calibration({WORDS: Affine(), VECTORS: Affine(weight=START), LOOKS: Affine(weight=0.05)})
    tuned = tune_parts(quiet, queries(40, helpful=False, looks=True))
    assert tuned.maps[LOOKS].weight > 0.05
    assert tuned.maps[VECTORS].weight == START


def test_balanced_kinds_have_a_typical_best_of_one() -> None:
    scaled = balanced(calibration(), {"text": 4.0, "image": 2.0})
    assert scaled.maps[WORDS].weight == scaled.maps[VECTORS].weight == 0.25
    assert scaled.maps[LOOKS].weight == 0.5
    assert balanced(calibration(), {"text": 0.0}).maps == calibration().maps


def test_confidence_rises_with_the_score() -> None:
    learned = learn_confidence(calibration(), queries(60, helpful=True))
    likely = learned.confidence_of(np.array([-5.0, 0.0, 3.0, 9.0]))
    assert likely is not None
    assert (np.diff(likely) >= 0).all()
    assert likely[0] < 0.1
    assert likely[-1] > 0.9


def test_confidence_says_nothing_of_a_handful() -> None:
    assert fit_confidence(np.ones(5), np.zeros(500)) == ()
    assert calibration().confidence_of(np.ones(3)) is None


def test_calibration_survives_json() -> None:
    made = balanced(calibration(), {"text": 3.0})
    assert Calibration.from_json(made.to_json()) == made


def test_affine_maps() -> None:
    raw = np.array([1.0, 2.0, 3.0, 4.0])
    fitted = Affine.fitted(raw)
    assert fitted(raw).mean() == pytest.approx(0.0)
    assert fitted(raw).std() == pytest.approx(1.0)
    assert Affine.fitted(np.ones(4)).scale == 1.0  # what does not vary is not blown up
    assert Affine.of_lexical(np.array([0.0, 3.0, 4.0])).mean == 0.0


def test_a_pretrained_block_starts_with_more_weight() -> None:
    few = queries(3, helpful=True)
    for pretrained, weight in (((), START), (("text",), PRETRAINED_START)):
        tuned, verdict = tune(calibration(), few, source="made", gate=True, seed=0, pretrained=pretrained)
        assert "too few to tune" in verdict.reason
        assert (tuned.maps[WORDS].weight, tuned.maps[VECTORS].weight) == (1.0, weight)
