"""Evaluation of a field: train fits, val chooses, test reports; what is missing is counted."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.types import Embeddings
from goodsense.understand import evaluate_classifier, evaluate_regressor


def shop(rows: int = 120, *, seed: int = 0) -> tuple[Embeddings, dict[str, str]]:
    """Products whose class is written into their vector: three clusters along the axes; ids say the class."""
    rng = np.random.default_rng(seed)
    kind = np.arange(rows) % 3
    vectors = (np.eye(3)[kind] * 5 + rng.normal(0, 0.3, (rows, 3))).astype(np.float32)
    ids = [f"p{n}" for n in range(rows)]
    return Embeddings.of_products(ids, vectors), {i: f"class {k}" for i, k in zip(ids, kind, strict=True)}


def splits(ids: tuple[str, ...]) -> dict[str, str]:
    """60 % train, half of it said by nothing; 20 % val; 20 % test."""
    named = ("train", "", "train", "val", "test")
    return {product: named[n // 3 % 5] for n, product in enumerate(ids)}


def test_test_rows_are_reported() -> None:
    X, labels = shop()
    parts = splits(X.ids)
    found = evaluate_classifier(X, labels, parts, heads=("logistic", "kernel-ridge"))
    assert found.report.accuracy == 1.0
    assert found.reported_on == "test"
    assert set(found.predicted) == {product for product in X.ids if parts[product] == "test"}
    assert (found.counts.train, found.counts.val, found.counts.test) == (72, 24, 24)
    assert [choice.validated_on for choice in found.chosen] == ["validation"]


def test_the_labels_of_test_rows_are_never_learned() -> None:
    """Turning the labels of the test rows around turns the accuracy around and no prediction."""
    X, labels = shop()
    parts = splits(X.ids)
    turned = {p: "class 0" if parts[p] == "test" else label for p, label in labels.items()}
    honest = evaluate_classifier(X, labels, parts, heads=("kernel-ridge",))
    fooled = evaluate_classifier(X, turned, parts, heads=("kernel-ridge",))
    assert fooled.predicted == honest.predicted
    assert fooled.report.accuracy == pytest.approx(1 / 3)


def test_without_test_rows_every_row_is_tested_once() -> None:
    X, labels = shop(60)
    labels["p0"] = "alone"
    found = evaluate_classifier(X, labels, {}, heads=("logistic",))
    assert found.reported_on == "cross-validation"
    assert len(found.chosen) == 5
    assert set(found.predicted) == set(X.ids) - {"p0"}  # the only row of its class can only be fitted
    assert found.report.accuracy == 1.0
    assert found.counts.unseen_classes == 0


def test_rows_without_a_vector_get_the_majority_and_are_counted() -> None:
    X, labels = shop()
    parts = splits(X.ids)
    labels = {p: "class 1" if label == "class 2" else label for p, label in labels.items()}  # the majority
    present = np.array([parts[p] != "test" or n % 2 == 0 for n, p in enumerate(X.ids)])
    vectors = np.where(present[:, None], X.vectors, 0).astype(np.float32)
    holes = Embeddings.of_products(X.ids, vectors, present)
    found = evaluate_classifier(holes, labels, parts, heads=("kernel-ridge",))
    assert found.counts.without_vector == 12
    absent = [p for p, there in zip(X.ids, present, strict=True) if not there]
    assert {found.predicted[p] for p in absent} == {"class 1"}
    assert all(found.predicted[p] == labels[p] for p in found.predicted if p not in absent)


def test_unlabelled_products_and_unseen_classes_are_counted() -> None:
    X, labels = shop()
    parts = splits(X.ids)
    tested = [p for p in X.ids if parts[p] == "test"]
    labels |= {tested[0]: "new", tested[1]: "newer", tested[2]: "new"}
    labels[tested[3]] = ""
    del labels[tested[4]]
    found = evaluate_classifier(X, labels, parts, heads=("logistic",))
    assert (found.counts.unseen_classes, found.counts.unseen_rows) == (2, 3)
    assert found.counts.unlabelled == 2
    assert found.counts.test == 22
    assert found.report.accuracy == pytest.approx(19 / 22)


def test_regression() -> None:
    X, _ = shop()
    parts = splits(X.ids)
    targets = {p: float(v @ [1.0, 2.0, 3.0]) for p, v in zip(X.ids, X.vectors, strict=True)}
    targets["p1"] = float("nan")
    found = evaluate_regressor(X, targets, parts)
    assert found.report.r2 > 0.99
    assert found.counts.unlabelled == 1
    crossed = evaluate_regressor(X, targets, {}, heads=("ridge",))
    assert crossed.reported_on == "cross-validation"
    assert crossed.report.rows == 119


def test_a_missing_vector_is_answered_with_the_mean() -> None:
    X, _ = shop(30)
    present = np.array([p != "p29" for p in X.ids])
    holes = Embeddings.of_products(X.ids, np.where(present[:, None], X.vectors, 0).astype(np.float32), present)
    targets = {p: float(n) for n, p in enumerate(X.ids)}
    found = evaluate_regressor(holes, targets, {"p29": "test", "p28": "test"}, heads=("ridge",))
    assert found.predicted["p29"] == pytest.approx(np.mean(range(28)))
    assert found.counts.without_vector == 1


def test_bad_input_is_refused() -> None:
    X, labels = shop(12)
    with pytest.raises(UsageError, match="'holdout'"):
        evaluate_classifier(X, labels, {"p0": "holdout"})
    with pytest.raises(DataError, match="no training product"):
        evaluate_classifier(X, labels, dict.fromkeys(X.ids, "test"))
    with pytest.raises(DataError, match="nothing can be held out"):
        evaluate_classifier(X, {}, {})
    with pytest.raises(DataError, match="nothing can be held out"):
        evaluate_regressor(X, {"p0": 1.0}, {})
