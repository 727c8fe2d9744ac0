from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from goodsense.errors import DataError
from goodsense.fusion.weights import OTHERS, learned_weights, training_pairs
from goodsense.learning.lesson import Lesson
from tests.fusion.samples import lesson


def judged(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of which the first two help, and whether the pair belongs together."""
    random = np.random.default_rng(0)
    columns = random.normal(0.2, 0.5, size=(count, 3))
    likely = 1 / (1 + np.exp(-(3 * columns[:, 0] + 1.5 * columns[:, 1] + 0.5 * columns[:, 2] - 1)))
    return columns, (random.random(count) < likely).astype(np.float64)


@pytest.mark.parametrize("ridge", [1e-3, 0.1])
def test_logistic_weights_are_those_of_scikit_learn(ridge: float) -> None:
    columns, wanted = judged()
    oracle = LogisticRegression(C=1 / (ridge * len(wanted)), tol=1e-10, max_iter=1_000).fit(columns, wanted)
    assert (oracle.coef_ > 0).all()  # so that the bound changes nothing
    np.testing.assert_allclose(
        learned_weights(columns, wanted, loss="logistic", ridge=ridge), oracle.coef_[0], atol=1e-4
    )


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_regression_weights_are_those_of_scikit_learn(ridge: float) -> None:
    columns, wanted = judged()
    oracle = Ridge(alpha=ridge * len(wanted)).fit(columns, wanted)
    assert (oracle.coef_ > 0).all()
    np.testing.assert_allclose(
        learned_weights(columns, wanted, loss="regression", ridge=ridge), oracle.coef_, atol=1e-5
    )


def test_weights_below_zero_become_zero() -> None:
    columns, wanted = judged()
    columns[:, 2] -= wanted
    oracle = LinearRegression(positive=True).fit(columns, wanted).coef_
    assert (oracle == 0).any()
    np.testing.assert_allclose(learned_weights(columns, wanted, loss="regression", ridge=0.0), oracle, atol=1e-5)


def test_a_similarity_that_never_varies_gets_no_weight() -> None:
    columns, wanted = judged()
    columns[:, 1] = 1.0
    for loss in ("logistic", "regression"):
        assert learned_weights(columns, wanted, loss=loss, ridge=1e-4)[1] == 0


def test_grades_are_the_target_of_a_regression_only() -> None:
    columns, wanted = judged()
    for loss, equal in (("logistic", True), ("regression", False)):
        once = learned_weights(columns, wanted, loss=loss, ridge=0.0)
        twice = learned_weights(columns, 2 * wanted, loss=loss, ridge=0.0)
        np.testing.assert_allclose(twice, once if equal else 2 * once, atol=1e-4)


def check_apart(found: object, classes: np.ndarray, groups: np.ndarray) -> None:
    wanted = found.wanted > 0
    left, right = found.left, found.right
    assert (left != right).all()
    assert (classes[left[wanted]] == classes[right[wanted]]).all()
    assert (classes[left[~wanted]] != classes[right[~wanted]]).all()
    assert (groups[left[~wanted]] != groups[right[~wanted]]).all()
    assert (classes[np.concatenate([left, right])] >= 0).all()
    assert 0 < (~wanted).sum() <= OTHERS * wanted.sum()


def test_pairs_of_groups() -> None:
    found = training_pairs(lesson(), "groups", seed=0)
    check_apart(found, lesson().groups, lesson().groups)
    together = {(min(pair), max(pair)) for pair in zip(found.left.tolist(), found.right.tolist(), strict=True)} & {
        (i, i + 1) for i in range(0, 40, 2)
    }
    assert len(together) == 20  # every group of two, once
    assert (found.wanted > 0).sum() == 20


def test_every_product_of_a_class_is_in_two_pairs() -> None:
    found = training_pairs(lesson(), "kind", seed=0)
    check_apart(found, lesson().labels["kind"], lesson().groups)
    wanted = found.wanted > 0
    counts = np.bincount(np.concatenate([found.left[wanted], found.right[wanted]]), minlength=40)
    np.testing.assert_array_equal(counts, np.where(lesson().labels["kind"] >= 0, 2, 0))


def test_given_pairs_keep_their_weights_and_are_never_the_others() -> None:
    found = training_pairs(lesson(), "pairs", seed=0)
    np.testing.assert_array_equal(found.wanted[:37], lesson().weights)
    assert (found.wanted[37:] == 0).all()
    apart = np.abs(found.left[37:] - found.right[37:])
    assert (apart != 3).all()
    assert (lesson().groups[found.left[37:]] != lesson().groups[found.right[37:]]).all()


def test_without_a_target_the_surest_one_is_taken() -> None:
    full = lesson()
    apart = Lesson(np.arange(40), full.labels)
    for given, target in ((full, "pairs"), (Lesson(full.groups, full.labels), "groups"), (apart, "kind")):
        taken, named = training_pairs(given, None, seed=0), training_pairs(given, target, seed=0)
        np.testing.assert_array_equal(taken.left, named.left)
    with pytest.raises(DataError, match="belong together"):
        training_pairs(Lesson.of_products(40), None, seed=0)


def test_many_pairs_are_sampled() -> None:
    found = training_pairs(lesson(400), "pairs", seed=0, most=50)
    assert (found.wanted > 0).sum() == 50
    again = training_pairs(lesson(400), "pairs", seed=0, most=50)
    np.testing.assert_array_equal(again.left, found.left)
    assert not np.array_equal(training_pairs(lesson(400), "pairs", seed=1, most=50).left, found.left)
