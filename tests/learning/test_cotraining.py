"""Two views that teach each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.learning.cotraining import CoTraining
from goodsense.learning.learners import Supervised, class_shares, confident, logistic
from tests.learning.worlds import block, few, two_views, without

VIEWS, TRUTH = two_views(160, noise=0.8)
LABELS = few(TRUTH, [0, 1, 2, 3, 4, 5])


def _right(proba: np.ndarray, classes: np.ndarray) -> float:
    return float((classes[proba.argmax(axis=1)] == TRUTH).mean())


def test_confident_rows_against_a_plain_loop() -> None:
    rng = np.random.default_rng(2)
    proba = rng.dirichlet([0.3, 0.3, 0.3], size=60)
    shares = np.array([0.5, 0.3, 0.2])
    rows, places = confident(proba, shares, threshold=0.8, most=20)
    sure = [i for i in range(60) if proba[i].max() >= 0.8]
    expected = set()
    for place in range(3):
        own = sorted((i for i in sure if proba[i].argmax() == place), key=lambda i: -proba[i].max())
        expected |= set(own[: math.ceil(shares[place] * min(20, len(sure)))])
    assert set(rows.tolist()) == expected
    assert all(proba[row].argmax() == place for row, place in zip(rows, places, strict=True))
    assert len(confident(proba, shares, threshold=1.1, most=20)[0]) == 0


def test_views_label_each_others_products_rightly_and_end_when_nothing_is_sure() -> None:
    learner = CoTraining(rounds=50).fit(VIEWS, LABELS)
    for name in VIEWS:
        taught = learner.taught[name]
        assert (taught >= 0).sum() > 100
        assert (taught == TRUTH)[taught >= 0].mean() > 0.97
        assert np.array_equal(taught[LABELS >= 0], LABELS[LABELS >= 0])
    last = learner.rounds[-1]
    assert not any(last.added.values())
    assert all(any(one.added.values()) for one in learner.rounds[:-1])
    assert [one.number for one in learner.rounds] == list(range(1, len(learner.rounds) + 1))
    assert _right(learner.predict_proba(VIEWS), learner.classes) > 0.97


def test_the_better_view_teaches_the_other_one() -> None:
    rng = np.random.default_rng(8)
    text = block(2.0 * TRUTH[:, None] - 1 + 0.15 * rng.normal(size=(160, 2)))
    image = block(np.hstack([1.2 * TRUTH[:, None] - 0.6 + 0.5 * rng.normal(size=(160, 1)), rng.normal(size=(160, 9))]))
    labels = few(TRUTH, list(range(10)))
    alone = Supervised().fit({"image": image}, labels)
    taught = CoTraining().fit({"text": text, "image": image}, labels)
    before = _right(alone.predict_proba({"image": image}), alone.classes)
    after = _right(taught.predict_proba({"image": image}), taught.classes)
    assert after > before + 0.05


def test_what_was_added_and_how_far_the_views_agree_is_counted() -> None:
    learner = CoTraining(rounds=1, growth=1.0).fit(VIEWS, LABELS)
    (only,) = learner.rounds
    grown = {name: int((learner.taught[name] >= 0).sum()) - 6 for name in VIEWS}
    assert only.added == {"image": grown["text"], "text": grown["image"]}
    assert sum(only.added.values()) <= 2 * (6 + 1)  # in the proportions of the classes, rounded up
    known, answers = LABELS >= 0, []
    for view in VIEWS.values():
        alone = logistic()
        alone.fit(view.vectors[known], LABELS[known])
        answers.append(alone.predict_proba(view.vectors[~known]).argmax(axis=1))
    assert only.agreement == pytest.approx((answers[0] == answers[1]).mean())


def test_disputed_products_are_passed_over() -> None:
    views, truth = two_views(60, noise=0.1)
    crossed = views["image"].vectors.copy()
    crossed[40:] *= -1  # the picture says the other class, surely
    views["image"] = block(crossed)
    learner = CoTraining(rounds=1, growth=100.0, threshold=0.6).fit(views, few(truth, list(range(10))))
    assert learner.rounds[0].disputed == 20
    assert (learner.taught["text"][40:] == -1).all()
    assert learner.rounds[0].agreement == pytest.approx(30 / 50)


def test_products_may_lack_a_view_or_both() -> None:
    rows = np.arange(100, 160)
    views = without(without(VIEWS, "image", rows), "text", np.array([159]))
    learner = CoTraining().fit(views, LABELS)
    proba = learner.predict_proba(views)
    assert np.allclose(proba.sum(axis=1), 1)
    assert np.allclose(proba[159], class_shares(LABELS, learner.classes))
    assert (learner.taught["image"][rows] == -1).all()
    only_text = learner.predict_proba({"text": views["text"]})
    assert np.allclose(only_text[100:], proba[100:])


def test_two_fits_are_equal() -> None:
    one, two = (CoTraining().fit(VIEWS, LABELS) for _ in range(2))
    assert one.rounds == two.rounds
    assert np.array_equal(one.predict_proba(VIEWS), two.predict_proba(VIEWS))


def test_what_cannot_be_learned_is_refused_with_a_remedy() -> None:
    with pytest.raises(UsageError, match="two classes"):
        CoTraining().fit(VIEWS, few(TRUTH, [0, 2, 4]))
    with pytest.raises(UsageError, match="two classes"):
        CoTraining().fit(VIEWS, few(TRUTH, []))
    with pytest.raises(UsageError, match=r"view 'image' has 0 products.*other block"):
        CoTraining().fit(without(VIEWS, "image", np.arange(160)), LABELS)
    with pytest.raises(UsageError, match="Name two"):
        CoTraining().fit({"text": VIEWS["text"]}, LABELS)
    with pytest.raises(UsageError, match="Name two"):
        CoTraining(("text", "sound")).fit(VIEWS, LABELS)
    with pytest.raises(UsageError, match="shape"):
        CoTraining().fit(VIEWS, LABELS[:-1])
    with pytest.raises(UsageError, match="fit"):
        CoTraining().predict_proba(VIEWS)
    with pytest.raises(UsageError, match="two classes"):
        CoTraining().fit({name: view.take(np.array([0])) for name, view in VIEWS.items()}, LABELS[:1])
