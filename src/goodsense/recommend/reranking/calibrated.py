"""Probabilities that are honest: an estimator, and a monotone curve that other rows taught."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.recommend.reranking.estimators import Arrays, Boosting, Estimator, Logistic
from goodsense.recommend.reranking.features import Features

Family: TypeAlias = Literal["boosting", "logistic"]
Curve: TypeAlias = Literal["isotonic", "platt", "none"]
Column: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.int64]

FAMILIES: Mapping[str, Callable[[], Estimator]] = {
    "boosting": Boosting,
    "logistic": lambda: Logistic(ridge=(100.0, 10.0, 1.0)),
}
_FEW = 500  # positive rows below which a curve of two numbers is learned instead of a step function


class Calibrated:
    """From features to calibrated probabilities.

    Parameters
    ----------
    family
        ``boosting`` or ``logistic``.
    """

    def __init__(self, family: Family = "boosting") -> None:
        if family not in FAMILIES:
            raise UsageError(f"there is no estimator {family!r}.", fix=f"Choose one of {', '.join(FAMILIES)}.")
        self.family = family
        self.names: tuple[str, ...] = ()
        self.curve: Curve = "none"
        self._estimator: Estimator = FAMILIES[family]()
        self._knots = np.zeros((2, 0))

    def fit(self, features: Features, targets: Column, learned: Rows, held: Rows, *, seed: int = 0) -> Self:
        """Learn from some rows; on held ones choose how much of it is kept, and learn the curve.

        ``targets (m,)`` are 0, or above where it happened.

        Raises
        ------
        DataError
            If it never happened in the rows that are learned from, or always did.
        """
        happened = int((targets[learned] > 0).sum())
        if happened in (0, len(learned)):
            raise DataError(
                f"it happened in {happened} of {len(learned)} rows: nothing can be told apart.", fix="Give more data."
            )
        self._estimator = FAMILIES[self.family]().fit(features.values[learned], targets[learned], seed=seed)
        self.curve, self._knots = "none", np.zeros((2, 0))
        if len(held):
            self._estimator.keep(features.values[held], targets[held])
            self.curve, self._knots = fit_curve(self._estimator.predict(features.values[held]), targets[held])
        self.names = features.names
        return self

    def probabilities(self, features: Features) -> Column:
        """``(m,)``.

        Raises
        ------
        UsageError
            Before a fit, or if the features are others.
        """
        if not self.names:
            raise UsageError("nothing was fitted yet.", fix="Call fit, or load what was fitted.")
        if features.names != self.names:
            other = sorted(set(features.names) ^ set(self.names)) or ["their order"]
            raise UsageError(f"features differ from those learned: {', '.join(other[:5])}.", fix="Make the same ones.")
        return calibrated(self._estimator.predict(features.values), self.curve, self._knots)

    def settings(self) -> dict[str, Any]:
        """All but the arrays."""
        return {"family": self.family, "names": list(self.names), "curve": self.curve}

    def arrays(self) -> Arrays:
        return {**self._estimator.arrays(), "knots": self._knots}

    @classmethod
    def restored(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """From what :meth:`settings` and :meth:`arrays` gave."""
        made = cls(settings["family"])
        made.names, made.curve, made._knots = tuple(settings["names"]), settings["curve"], arrays["knots"]
        made._estimator.restore(arrays)
        return made


def fit_curve(predicted: Column, targets: Column) -> tuple[Curve, NDArray[np.float64]]:
    """A monotone curve from what was predicted to the mean of targets, and its knots.

    Isotonic regression (Zadrozny and Elkan, KDD 2002) gives knots ``(2, j)`` between which is interpolated; Platt's
    sigmoid (1999), where positives are few, two numbers over the log-odds, ``(2, 1)``. Where nothing happened,
    nothing is learned.
    """
    positive = int((targets > 0).sum())
    if not positive or positive == len(targets):
        return "none", np.zeros((2, 0))
    if positive < _FEW:
        model = Logistic(ridge=1e-3).fit(_log_odds(predicted)[:, None], targets)
        at = _log_odds(model.predict(np.array([[0.0], [1.0]])))
        return "platt", np.array([[max(0.0, at[1] - at[0])], [at[0]]])
    from scipy.optimize import isotonic_regression

    order = np.argsort(predicted, kind="stable")
    found, begins = np.unique(predicted[order], return_index=True)
    counts = np.diff(np.append(begins, len(order)))
    means = np.add.reduceat(targets[order], begins) / counts
    steps = isotonic_regression(means, weights=counts.astype(np.float64)).x
    ends = np.flatnonzero((np.diff(steps, prepend=-1.0) != 0) | (np.diff(steps, append=2e9) != 0))
    return "isotonic", np.stack([found[ends], steps[ends]])


def calibrated(predicted: Column, curve: Curve, knots: NDArray[np.float64]) -> Column:
    """Probabilities ``(m,)`` by a curve of :func:`fit_curve`."""
    if curve == "isotonic":
        predicted = np.interp(predicted, knots[0], knots[1])
    elif curve == "platt":
        predicted = 1 / (1 + np.exp(-(knots[0, 0] * _log_odds(predicted) + knots[1, 0])))
    return np.clip(predicted, 0.0, 1.0)


def _log_odds(values: Column) -> Column:
    clipped = np.clip(values, 1e-9, 1 - 1e-9)
    found: Column = np.log(clipped / (1 - clipped))
    return found
