"""Yes or no, with a probability: precision, recall, F1, calibration, and thresholds that are chosen elsewhere.

Also what published figures imply about those that were not published.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError

Truth = NDArray[np.bool_]
Scores = NDArray[np.float64]
_BINS = 10


@dataclass(frozen=True)
class Decisions:
    """How good decisions are; precision, recall and F1 are those of "yes".

    ``auc`` is the chance that a yes scores above a no (ties count half). ``brier`` is the mean squared error of the
    probabilities; ``calibration_error`` is how far they are from shares of yes, in ten bins of equally many rows.
    """

    rows: int
    share: float  # of yes
    threshold: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    auc: float
    brier: float
    calibration_error: float

    def to_json(self) -> dict[str, float]:
        return asdict(self)


def decisions(truth: Truth, probabilities: Scores, *, threshold: float = 0.5) -> Decisions:
    """Judge probabilities ``(n,)`` of yes, decided at a threshold (yes from there up).

    Raises
    ------
    UsageError
        If there are no rows, or the shapes differ, or a probability is none.
    """
    _check(truth, probabilities)
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise UsageError(f"probabilities go from {probabilities.min()} to {probabilities.max()}; expected 0 to 1.")
    said = probabilities >= threshold
    right = float((said & truth).sum())
    return Decisions(
        rows=len(truth),
        share=float(truth.mean()),
        threshold=threshold,
        accuracy=float((said == truth).mean()),
        precision=_ratio(right, said.sum()),
        recall=_ratio(right, truth.sum()),
        f1=_ratio(2 * right, said.sum() + truth.sum()),
        auc=roc_auc(truth, probabilities),
        brier=float(((probabilities - truth) ** 2).mean()),
        calibration_error=calibration_error(truth, probabilities),
    )


def roc_auc(truth: Truth, scores: Scores) -> float:
    """Area under the ROC curve by ranks (Mann and Whitney, 1947); 0.5 where one answer is missing."""
    _check(truth, scores)
    yes, no = int(truth.sum()), int((~truth).sum())
    if not yes or not no:
        return 0.5
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[truth].sum() - yes * (yes + 1) / 2) / (yes * no))


def calibration_error(truth: Truth, probabilities: Scores, *, bins: int = _BINS) -> float:
    """How far probabilities are from shares of yes, in bins of equally many rows (Naeini and others, AAAI 2015)."""
    _check(truth, probabilities)
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    apart = [len(part) * abs(float(probabilities[part].mean()) - float(truth[part].mean())) for part in parts]
    return float(sum(apart) / len(truth))


def best_threshold(truth: Truth, scores: Scores, *, of: str = "accuracy") -> float:
    """The threshold with the best ``accuracy`` or ``f1``, halfway between two scores; of equal ones the highest.

    Raises
    ------
    UsageError
        If there is no such criterion, or there are no rows.
    """
    _check(truth, scores)
    if of not in ("accuracy", "f1"):
        raise UsageError(f"a threshold is chosen by {of!r}; expected accuracy or f1.")
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], np.cumsum(truth[order])
    said = np.arange(1, len(truth) + 1)
    ends = np.append(ranked[:-1] > ranked[1:], True)
    value = 2 * right / (said + truth.sum()) if of == "f1" else right + (~truth).sum() - (said - right)
    nobody = 0.0 if of == "f1" else float((~truth).sum())
    best = int(np.argmax(np.where(ends, value, -np.inf)))
    if value[best] <= nobody:
        return float(np.nextafter(ranked[0], np.inf))
    return float(ranked[-1]) if best + 1 == len(ranked) else float((ranked[best] + ranked[best + 1]) / 2)


def implied_precision(f1: float, recall: float) -> float:
    """The precision of which, with this recall, ``f1`` is the harmonic mean.

    Raises
    ------
    UsageError
        If there is none between 0 and 1.
    """
    found = f1 * recall / (2 * recall - f1) if 2 * recall > f1 else np.inf
    if not 0 <= found <= 1:
        raise UsageError(f"an F1 of {f1} with a recall of {recall} fits no precision.")
    return float(found)


def implied_share(accuracy: float, precision: float, recall: float) -> float:
    """The share of yes at which these three go together: wrong are the missed and the falsely named.

    Raises
    ------
    UsageError
        If there is none between 0 and 1.
    """
    wrong = (1 - recall) + recall * (1 - precision) / precision if precision > 0 else np.inf
    found = (1 - accuracy) / wrong if wrong > 0 else np.inf
    if not 0 <= found <= 1:
        raise UsageError(f"accuracy {accuracy}, precision {precision} and recall {recall} fit no share of yes.")
    return float(found)


def _check(truth: Truth, scores: Scores) -> None:
    if truth.dtype != np.bool_ or truth.shape != scores.shape or truth.ndim != 1 or not len(truth):
        raise UsageError(
            f"answers are {truth.dtype} {truth.shape} for scores {scores.shape}; expected bool, (n,) each."
        )
    if not np.isfinite(scores).all():
        raise UsageError("a score is not a finite number.")


def _ratio(above: float, below: np.integer) -> float:
    return above / float(below) if below else 0.0
