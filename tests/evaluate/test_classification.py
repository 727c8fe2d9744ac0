"""The classification report against scikit-learn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from goodsense.errors import UsageError
from goodsense.evaluate import classification_report

LABELS = ("shirt", "shoe", "衬衫", "bag", "a b")
_labels = st.sampled_from(LABELS)
_pairs = st.lists(st.tuples(_labels, _labels), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(_pairs)
def test_agrees_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    truth, predicted = [t for t, _ in pairs], [p for _, p in pairs]
    report = classification_report(truth, predicted)
    assert report.accuracy == pytest.approx(reference.accuracy_score(truth, predicted))
    for average in ("macro", "micro", "weighted"):
        expected = reference.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)[:3]
        found = [report.metrics[f"{average}_{name}"] for name in ("precision", "recall", "f1")]
        assert found == pytest.approx(expected)
    table = reference.precision_recall_fscore_support(truth, predicted, labels=list(report.labels), zero_division=0)
    for column, name in enumerate(("precision", "recall", "f1", "support")):
        assert [getattr(row, name) for row in report.classes] == pytest.approx(table[column])
    confusion = classification_report(truth, predicted, labels=LABELS).confusion
    assert (confusion == reference.confusion_matrix(truth, predicted, labels=list(LABELS))).all()


def test_labels_set_the_order_and_keep_absent_classes() -> None:
    report = classification_report(["b", "a"], ["b", "b"], labels=("b", "never", "a"))
    assert report.labels == ("b", "never", "a")
    assert [row.support for row in report.classes] == [1, 0, 1]
    assert report.macro.recall == pytest.approx(1 / 3)
    assert report.classes[0].predicted == 2
    assert report.to_json()["classes"] == 3


def test_most_confused_pairs_come_first() -> None:
    truth = list("aaaabbbc")
    predicted = list("bbbaabbc")
    pairs = classification_report(truth, predicted).most_confused()
    assert [(p.truth, p.predicted, p.count, p.share) for p in pairs] == [("a", "b", 3, 0.75), ("b", "a", 1, 1 / 3)]


def test_bad_labels_are_refused() -> None:
    with pytest.raises(UsageError, match="2 true and 1 predicted"):
        classification_report(["a", "b"], ["a"])
    with pytest.raises(UsageError, match="0 true"):
        classification_report([], [])
    with pytest.raises(UsageError, match="'b' occurs"):
        classification_report(["a"], ["b"], labels=("a",))
    with pytest.raises(UsageError, match="twice"):
        classification_report(["a"], ["a"], labels=("a", "a"))
