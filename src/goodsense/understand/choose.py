"""Choosing a head on validation rows, or by stratified cross-validation where there are none.

Every setting of every candidate is tried; with many training rows the settings are screened on a stratified sample
and the best two of each candidate fitted on all. What is chosen has never seen the rows it was chosen on, unless
``refit`` asks for a last fit on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.evaluate import classification_report, regression_report
from goodsense.progress import Progress, silent
from goodsense.types import Vectors
from goodsense.understand.heads import (
    Head,
    KernelRidgeHead,
    KernelRidgeRegressor,
    LogisticHead,
    MajorityHead,
    RidgeHead,
    TreesHead,
    check_rows,
    fit_kernel_classifiers,
    fit_kernel_regressors,
    numbers,
)
from goodsense.understand.splits import stratified_folds, stratified_sample

Targets: TypeAlias = NDArray[Any]  # (n,) labels as objects, or float64
Score: TypeAlias = Callable[[Targets, Targets], float]
Fold: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows to fit, rows to score
Metric: TypeAlias = Literal["accuracy", "macro_f1", "r2"]

SCREEN_ROWS = 3_000
FINALISTS = 2


@dataclass(frozen=True)
class Trial:
    """One setting of one candidate: its mean score over the folds and the most rows that it was fitted on."""

    name: str
    settings: Mapping[str, float]
    score: float
    rows: int


@dataclass(frozen=True, eq=False)
class Chosen:
    """The head that won, fitted, and everything that it was compared with.

    ``score`` is the mean over the rows in ``validated_on``; None when no rows could be held out.
    """

    head: Head
    name: str
    settings: Mapping[str, float]
    metric: Metric
    score: float | None
    trials: tuple[Trial, ...]
    validated_on: Literal["validation", "cross-validation", "nothing"]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        best: dict[str, float] = {}
        for trial in self.trials:
            best[trial.name] = max(trial.score, best.get(trial.name, trial.score))
        return {
            "head": self.name,
            "settings": dict(self.settings),
            "metric": self.metric,
            "score": self.score,
            "candidates": best,
            "validated_on": self.validated_on,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Family:
    """A candidate: its settings as unfitted heads, and how several of them are fitted on the same rows."""

    settings: Callable[[], list[Any]]
    fit_all: Callable[[list[Any], Vectors, Targets, int], Iterable[Head]]


def _one_by_one(heads: list[Any], X: Vectors, y: Targets, seed: int) -> Iterable[Head]:
    return (head.fit(X, y, seed=seed) for head in heads)


_GRID = [(width, ridge) for width in (0.3, 1.0, 3.0, 6.0) for ridge in (0.003, 0.01, 0.1, 1.0)]

CLASSIFIERS: Mapping[str, Family] = {
    "kernel-ridge": Family(
        lambda: [KernelRidgeHead(width, ridge) for width, ridge in _GRID],
        lambda heads, X, y, seed: fit_kernel_classifiers(heads, X, y.tolist(), seed=seed),
    ),
    "logistic": Family(lambda: [LogisticHead(C) for C in (0.003, 0.03, 0.3)], _one_by_one),
    "trees": Family(lambda: [TreesHead(leaf) for leaf in (1, 3)], _one_by_one),
}
REGRESSORS: Mapping[str, Family] = {
    "kernel-ridge": Family(
        lambda: [KernelRidgeRegressor(width, ridge) for width, ridge in _GRID],
        lambda heads, X, y, seed: fit_kernel_regressors(heads, X, y.tolist(), seed=seed),
    ),
    "ridge": Family(lambda: [RidgeHead(10.0**power) for power in range(-4, 3)], _one_by_one),
}


def choose_classifier(
    X: Vectors,
    y: Sequence[str],
    X_val: Vectors | None = None,
    y_val: Sequence[str] | None = None,
    *,
    names: Sequence[str] = tuple(CLASSIFIERS),
    seed: int = 0,
    metric: Literal["accuracy", "macro_f1"] = "accuracy",
    refit: bool = False,
    folds: int = 5,
    progress: Progress = silent,
) -> Chosen:
    """Fit the classifier that does best on validation rows.

    Parameters
    ----------
    X, y
        ``(n, d)`` vectors and their labels.
    X_val, y_val
        Rows to choose on; without them (None or empty) stratified cross-validation chooses, and the winner is fitted
        on all rows. Classes with a single row are always fitted, never held out.
    names
        Candidates, from ``CLASSIFIERS``.
    metric
        What is maximised.
    refit
        Fit the winner again on training and validation rows together.
    folds
        Of the cross-validation.

    Raises
    ------
    UsageError
        If a name or the metric is unknown, or shapes disagree.
    DataError
        If there are no rows.
    """
    if metric not in ("accuracy", "macro_f1"):
        raise UsageError(f"the metric {metric!r}; expected accuracy or macro_f1.")
    families = _families(CLASSIFIERS, names)
    check_rows(X, y)
    if len(set(y)) == 1:
        head = MajorityHead().fit(X, y, seed=seed)
        return Chosen(head, head.name, {}, metric, None, (), "nothing", ("all training rows have one class",))
    labels, validation = _objects(y), _objects(y_val if y_val is not None else ())
    codes = np.unique(labels.astype(np.str_), return_inverse=True)[1].astype(np.int64)

    def score(truth: Targets, predicted: Targets) -> float:
        return classification_report(truth.tolist(), predicted.tolist()).metrics[metric]

    task = _Task(families, codes, score, metric, seed, progress)
    return _choose(task, (X, labels), (X_val, validation), refit=refit, folds=folds)


def choose_regressor(
    X: Vectors,
    y: Sequence[float],
    X_val: Vectors | None = None,
    y_val: Sequence[float] | None = None,
    *,
    names: Sequence[str] = tuple(REGRESSORS),
    seed: int = 0,
    refit: bool = False,
    folds: int = 5,
    progress: Progress = silent,
) -> Chosen:
    """Fit the regressor with the best R2 on validation rows; everything else as in :func:`choose_classifier`."""
    families = _families(REGRESSORS, names)
    targets = numbers(X, y)
    validation = np.asarray(y_val if y_val is not None else (), dtype=np.float64)

    def score(truth: Targets, predicted: Targets) -> float:
        return regression_report(truth, predicted).r2

    task = _Task(families, np.zeros(len(targets), dtype=np.int64), score, "r2", seed, progress)
    return _choose(task, (X, targets), (X_val, validation), refit=refit, folds=folds)


@dataclass(frozen=True, eq=False)
class _Task:
    """What stays the same while candidates come and go; ``codes`` are the classes of the training rows."""

    families: Mapping[str, Family]
    codes: NDArray[np.int64]
    score: Score
    metric: Metric
    seed: int
    progress: Progress


def _families(known: Mapping[str, Family], names: Sequence[str]) -> dict[str, Family]:
    for name in names:
        if name not in known:
            raise UsageError(f"no head is called {name!r}; expected some of {', '.join(known)}.")
    if not names:
        raise UsageError(f"no head to choose from; name some of {', '.join(known)}.")
    return {name: known[name] for name in names}


def _objects(labels: Sequence[str]) -> NDArray[np.object_]:
    return np.array([str(label) for label in labels], dtype=np.object_)


def _choose(
    task: _Task, train: tuple[Vectors, Targets], val: tuple[Vectors | None, Targets], *, refit: bool, folds: int
) -> Chosen:
    X, y, splits = _lay_out(task, train, val, folds)
    held_out = val[0] is not None and len(val[0]) > 0
    if not splits:
        return _unvalidated(task, X, y)
    trials: list[Trial] = []
    best: tuple[Trial, Any] | None = None
    for done, family in enumerate(task.families.values()):
        task.progress("choose a head", done, len(task.families))
        tried, winner, fitted = _search(task, family, X, y, splits)
        trials += tried
        if best is None or winner.score > best[0].score:
            best = winner, fitted
    assert best is not None  # there is at least one family
    task.progress("choose a head", len(task.families), len(task.families))
    winner, head = best
    if refit or not held_out:
        head = head.fit(X, y.tolist(), seed=task.seed)
    validated_on: Literal["validation", "cross-validation"] = "validation" if held_out else "cross-validation"
    return Chosen(
        head, winner.name, winner.settings, task.metric, winner.score, tuple(trials), validated_on, tuple(head.notes)
    )


def _lay_out(
    task: _Task, train: tuple[Vectors, Targets], val: tuple[Vectors | None, Targets], folds: int
) -> tuple[Vectors, Targets, list[Fold]]:
    """All rows in one block, and which of them are fitted and scored in each fold (none if that cannot be)."""
    (X, y), (X_val, y_val) = train, val
    n = len(X)
    if (len(X_val) if X_val is not None else 0) != len(y_val):
        raise UsageError(f"{0 if X_val is None else len(X_val)} validation vectors and {len(y_val)} targets.")
    if X_val is not None and len(X_val):
        if X_val.ndim != 2 or X_val.shape[1] != X.shape[1]:
            raise UsageError(f"training vectors of shape {X.shape} and validation vectors of shape {X_val.shape}.")
        rows = np.arange(n + len(X_val))
        return np.concatenate([X, X_val]), np.concatenate([y, y_val]), [(rows[:n], rows[n:])]
    if folds < 2:
        raise UsageError(f"{folds} folds; cross-validation needs at least 2.")
    held_out = stratified_folds(task.codes, folds, seed=task.seed)
    numbers_of_folds = [fold for fold in range(folds) if (held_out == fold).any()]
    return X, y, [(np.flatnonzero(held_out != fold), np.flatnonzero(held_out == fold)) for fold in numbers_of_folds]


def _unvalidated(task: _Task, X: Vectors, y: Targets) -> Chosen:
    family = next(iter(task.families.values()))
    head = family.settings()[0].fit(X, y.tolist(), seed=task.seed)
    note = f"no row could be held out (every class has a single one): {head.name} was taken without comparing"
    return Chosen(head, head.name, head.settings, task.metric, None, (), "nothing", (note, *head.notes))


def _search(task: _Task, family: Family, X: Vectors, y: Targets, splits: list[Fold]) -> tuple[list[Trial], Trial, Any]:
    """All trials of one family, the best of them, and its head as fitted in the last fold."""
    samples = [
        (rows[stratified_sample(task.codes[rows], SCREEN_ROWS, seed=task.seed)], scored) for rows, scored in splits
    ]
    screened = _trials(task, family, family.settings(), X, y, samples)
    order = sorted(range(len(screened)), key=lambda at: -screened[at][0].score)
    if all(len(sample) == len(rows) for (sample, _), (rows, _) in zip(samples, splits, strict=True)):
        final = [screened[order[0]]]
        return [trial for trial, _ in screened], *final[0]
    heads = family.settings()
    final = _trials(task, family, [heads[at] for at in order[:FINALISTS]], X, y, splits)
    best = max(final, key=lambda pair: pair[0].score)
    return [trial for trial, _ in (*screened, *final)], *best


def _trials(
    task: _Task, family: Family, heads: list[Any], X: Vectors, y: Targets, splits: list[Fold]
) -> list[tuple[Trial, Any]]:
    scores = np.zeros((len(heads), len(splits)))  # (settings, folds)
    for fold, (rows, held_out) in enumerate(splits):
        for at, head in enumerate(family.fit_all(heads, X[rows], y[rows], task.seed)):
            scores[at, fold] = task.score(y[held_out], head.predict(X[held_out]))
    most = max(len(rows) for rows, _ in splits)
    return [
        (Trial(head.name, dict(head.settings), float(mean), most), head)
        for head, mean in zip(heads, scores.mean(axis=1), strict=True)
    ]
