"""How well vectors tell a field of the products: fit on train, choose on val, report on test.

Without test rows the report comes from stratified cross-validation, with a choice of its own inside every fold, and
says so. Products without the vector are answered with the majority class or the mean, and counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.evaluate import ClassificationReport, RegressionReport, classification_report, regression_report
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings
from goodsense.understand.choose import CLASSIFIERS, REGRESSORS, Chosen, choose_classifier, choose_regressor
from goodsense.understand.heads import majority
from goodsense.understand.splits import stratified_folds

Rows: TypeAlias = NDArray[np.int64]
ReportedOn: TypeAlias = Literal["test", "cross-validation"]

_INNER_FOLDS = 3  # for choosing inside a fold of the outer cross-validation


@dataclass(frozen=True, eq=False)
class _Plan:
    """Rounds of (rows to fit, rows to choose on, rows to test) and what they amount to."""

    rounds: tuple[tuple[Rows, Rows, Rows], ...]
    reported_on: ReportedOn
    train: Rows
    val: Rows
    tested: Rows
    unlabelled: int

    @property
    def inner_folds(self) -> int:
        return 5 if self.reported_on == "test" else _INNER_FOLDS


@dataclass(frozen=True)
class RowCounts:
    """Which rows took part. ``unseen_classes`` occur among the tested rows but in no training row."""

    train: int
    val: int
    test: int
    without_vector: int  # of the tested rows
    unlabelled: int  # left out: no value for the field
    unseen_classes: int = 0
    unseen_rows: int = 0

    def to_json(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class ClassifierResult:
    """A report over the tested rows. ``chosen`` has one entry, or one per fold of the cross-validation."""

    report: ClassificationReport
    chosen: tuple[Chosen, ...]
    reported_on: ReportedOn
    counts: RowCounts
    predicted: Mapping[str, str]  # product id -> label


@dataclass(frozen=True, eq=False)
class RegressorResult:
    """As :class:`ClassifierResult`, for numbers."""

    report: RegressionReport
    chosen: tuple[Chosen, ...]
    reported_on: ReportedOn
    counts: RowCounts
    predicted: Mapping[str, float]


def evaluate_classifier(
    X: Embeddings,
    labels: Mapping[str, str],
    splits: Mapping[str, str],
    *,
    seed: int = 0,
    heads: Sequence[str] = tuple(CLASSIFIERS),
    metric: Literal["accuracy", "macro_f1"] = "accuracy",
    refit: bool = False,
    folds: int = 5,
    progress: Progress = silent,
) -> ClassifierResult:
    """Learn a label from a block of product vectors and report on rows that were never learned from.

    Parameters
    ----------
    X
        One row per product.
    labels
        Product id -> label; products without one (or with an empty one) are left out and counted.
    splits
        Product id -> ``train``, ``val``, ``test`` or nothing, which counts as train.
    heads, metric, refit
        As in :func:`choose_classifier`.
    folds
        Of the cross-validation that reports when there are no test rows.

    Raises
    ------
    DataError
        If no training row has a label and a vector, or nothing is left to test on.
    UsageError
        If a split, head or metric is unknown.
    """
    y = np.array([labels.get(product) or "" for product in X.ids], dtype=np.object_)
    codes = np.unique(y.astype(np.str_), return_inverse=True)[1].astype(np.int64)
    plan = _plan(X, splits, y != "", codes, folds, seed)
    predicted = np.full(len(X), "", dtype=np.object_)
    chosen: list[Chosen] = []
    strange: list[str] = []  # labels of tested rows that no fitted row has
    for fit, val, test in plan.rounds:
        block = _with_vector(X, y, fit, val)
        options: dict[str, Any] = {
            "names": heads,
            "seed": seed,
            "refit": refit,
            "folds": plan.inner_folds,
            "progress": progress,
        }
        chosen.append(choose_classifier(*block, metric=metric, **options))
        known = set(y[fit])
        strange += [label for label in y[test] if label not in known]
        predicted[test] = majority(y[fit].tolist())
        seen = test[X.present[test]]
        predicted[seen] = chosen[-1].head.predict(X.vectors[seen])
    return ClassifierResult(
        classification_report(y[plan.tested].tolist(), predicted[plan.tested].tolist()),
        tuple(chosen),
        plan.reported_on,
        _counts(X, plan, strange),
        {X.ids[row]: str(predicted[row]) for row in plan.tested},
    )


def evaluate_regressor(
    X: Embeddings,
    targets: Mapping[str, float],
    splits: Mapping[str, str],
    *,
    seed: int = 0,
    heads: Sequence[str] = tuple(REGRESSORS),
    refit: bool = False,
    folds: int = 5,
    progress: Progress = silent,
) -> RegressorResult:
    """Learn a number from a block of product vectors; everything else as in :func:`evaluate_classifier`.

    Products whose number is missing or not finite are left out and counted.
    """
    y = np.array([targets.get(product, math.nan) for product in X.ids], dtype=np.float64)
    plan = _plan(X, splits, np.isfinite(y), np.zeros(len(X), dtype=np.int64), folds, seed)
    predicted = np.full(len(X), math.nan)
    chosen: list[Chosen] = []
    for fit, val, test in plan.rounds:
        block = _with_vector(X, y, fit, val)
        options: dict[str, Any] = {
            "names": heads,
            "seed": seed,
            "refit": refit,
            "folds": plan.inner_folds,
            "progress": progress,
        }
        chosen.append(choose_regressor(*block, **options))
        predicted[test] = y[fit].mean()
        seen = test[X.present[test]]
        predicted[seen] = chosen[-1].head.predict(X.vectors[seen])
    return RegressorResult(
        regression_report(y[plan.tested], predicted[plan.tested]),
        tuple(chosen),
        plan.reported_on,
        _counts(X, plan, ()),
        {X.ids[row]: float(predicted[row]) for row in plan.tested},
    )


def _plan(
    X: Embeddings,
    splits: Mapping[str, str],
    labelled: NDArray[np.bool_],
    codes: NDArray[np.int64],
    folds: int,
    seed: int,
) -> _Plan:
    rows: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    for row, product in enumerate(X.ids):
        split = splits.get(product, "") or "train"
        if split not in rows:
            raise UsageError(f"the product {product!r} is in the split {split!r}; expected train, val, test or none.")
        if labelled[row]:
            rows[split].append(row)
    train, val, test = (np.array(rows[split], dtype=np.int64) for split in ("train", "val", "test"))
    unlabelled = int(np.count_nonzero(~labelled))
    if len(test):
        return _Plan(((train, val, test),), "test", train, val, test, unlabelled)
    held_out = stratified_folds(codes[train], folds, seed=seed) if len(train) else train
    rounds = tuple(
        (train[held_out != fold], val, train[held_out == fold]) for fold in range(folds) if (held_out == fold).any()
    )
    if not rounds:
        raise DataError(
            f"{len(train)} training rows with a label and no test rows: nothing can be held out to test on.",
            fix="Label more products, or mark some of them as test.",
        )
    return _Plan(rounds, "cross-validation", train, val, np.sort(train[held_out >= 0]), unlabelled)


def _with_vector(X: Embeddings, y: NDArray[Any], fit: Rows, val: Rows) -> tuple[Any, Any, Any, Any]:
    """Vectors and targets of the rows that have a vector: to fit, and to choose on."""
    fit, val = fit[X.present[fit]], val[X.present[val]]
    if not len(fit):
        raise DataError(
            "no training product has both a value for this field and this vector.",
            fix="Check the field's name, the split and the modality.",
        )
    return X.vectors[fit], y[fit].tolist(), X.vectors[val], y[val].tolist()


def _counts(X: Embeddings, plan: _Plan, strange: Sequence[str]) -> RowCounts:
    return RowCounts(
        train=len(plan.train),
        val=len(plan.val),
        test=len(plan.tested),
        without_vector=int(np.count_nonzero(~X.present[plan.tested])),
        unlabelled=plan.unlabelled,
        unseen_classes=len(set(strange)),
        unseen_rows=len(strange),
    )
