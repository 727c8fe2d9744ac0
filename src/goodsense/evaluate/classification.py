"""Precision, recall, F1 and the confusion matrix.

A quotient with nothing below the line (a class never predicted, or never true) is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError


@dataclass(frozen=True)
class Averages:
    """Precision, recall and F1 under one way of averaging over classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassScore:
    """One class: ``support`` rows are truly it, ``predicted`` rows were called it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class Confused:
    """How often the class ``truth`` was called ``predicted``; ``share`` is of the rows of ``truth``."""

    truth: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True, eq=False)
class ClassificationReport:
    """How well classes were told apart.

    ``macro`` weighs every class alike, ``micro`` every row, ``weighted`` every class by its rows. ``confusion`` is
    ``(c, c)`` counts: rows are the truth, columns the prediction, both in the order of ``labels``.
    """

    rows: int
    labels: tuple[str, ...]
    accuracy: float
    macro: Averages
    micro: Averages
    weighted: Averages
    classes: tuple[ClassScore, ...]
    confusion: NDArray[np.int64]

    @property
    def metrics(self) -> dict[str, float]:
        """The averages as one flat map: ``accuracy``, ``macro_f1``, ``weighted_recall`` ..."""
        found = {"accuracy": self.accuracy}
        for name, averages in (("macro", self.macro), ("micro", self.micro), ("weighted", self.weighted)):
            found |= {f"{name}_{measure}": value for measure, value in asdict(averages).items()}
        return found

    def most_confused(self, limit: int = 10) -> tuple[Confused, ...]:
        """The pairs (truth, prediction) that were mixed up most often, most frequent first."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
        pairs = [divmod(int(cell), len(self.labels)) for cell in order]
        support = self.confusion.sum(axis=1)
        return tuple(
            Confused(self.labels[t], self.labels[p], int(wrong[t, p]), float(wrong[t, p] / support[t]))
            for t, p in pairs
            if wrong[t, p]
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "metrics": self.metrics,
            "rows": self.rows,
            "classes": len(self.labels),
            "per_class": [asdict(score) for score in self.classes],
        }


def classification_report(
    truth: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str] | None = None
) -> ClassificationReport:
    """Compare predicted with true labels.

    Parameters
    ----------
    truth, predicted
        One label per row.
    labels
        The classes and their order, for example to keep a class that no test row has; default: every label that
        occurs on either side, sorted.

    Raises
    ------
    UsageError
        If the lengths differ, there are no rows, or a label that occurs is not among ``labels``.
    """
    if len(truth) != len(predicted) or not len(truth):
        raise UsageError(f"{len(truth)} true and {len(predicted)} predicted labels; expected one pair or more.")
    names = tuple(sorted({*truth, *predicted})) if labels is None else tuple(labels)
    codes = {label: code for code, label in enumerate(names)}
    if len(codes) != len(names):
        raise UsageError("a class is named twice in the list of labels.")
    strays = sorted({*truth, *predicted} - set(codes))
    if strays:
        raise UsageError(f"the label {strays[0]!r} occurs but is not among the {len(names)} given labels.")
    return _from_confusion(names, _confusion([codes[t] for t in truth], [codes[p] for p in predicted], len(names)))


def _confusion(truth: Sequence[int], predicted: Sequence[int], classes: int) -> NDArray[np.int64]:
    cells = np.asarray(truth, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def _from_confusion(labels: tuple[str, ...], confusion: NDArray[np.int64]) -> ClassificationReport:
    right = np.diag(confusion).astype(np.float64)  # (c,)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)  # (c,), (c,)
    precision, recall = _ratio(right, predicted), _ratio(right, support)
    f1 = _ratio(2 * right, support + predicted)
    rows = int(confusion.sum())
    accuracy = float(right.sum() / rows)
    weights = support / rows
    return ClassificationReport(
        rows=rows,
        labels=labels,
        accuracy=accuracy,
        macro=Averages(float(precision.mean()), float(recall.mean()), float(f1.mean())),
        micro=Averages(accuracy, accuracy, accuracy),  # with one label per row the three coincide
        weighted=Averages(float(precision @ weights), float(recall @ weights), float(f1 @ weights)),
        classes=tuple(
            ClassScore(label, float(p), float(r), float(f), int(s), int(c))
            for label, p, r, f, s, c in zip(labels, precision, recall, f1, support, predicted, strict=True)
        ),
        confusion=confusion,
    )


def _ratio(above: NDArray[np.float64], below: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
