"""Rates from features: logistic regression for any targets, and gradient boosting whose trees live as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.recommend.reranking.trees import Trees

Matrix = NDArray[np.float64]
Column = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


class Estimator(Protocol):
    """From features ``(m, f)``, NaN where unknown, to the mean of targets ``(m,)`` that are 0 or above."""

    def fit(self, values: Matrix, targets: Column, *, seed: int = 0) -> Self: ...
    def keep(self, values: Matrix, targets: Column) -> Self:
        """Choose by other rows how much of what was learned is kept."""
        ...

    def predict(self, values: Matrix) -> Column: ...
    def arrays(self) -> Arrays: ...
    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self: ...


class Logistic:
    """Logistic regression on z-scored columns, with a column more for each in which something is unknown.

    Minimises ``log(1 + e^z) - target * z`` by Newton's method, which is convex whatever the target: one above 1, as
    inverse propensities make them, is as good as any. Fitted again, it goes on from where it was.

    Parameters
    ----------
    ridge
        Of the squared coefficients, in rows. Of several, the largest first, other rows choose (:meth:`keep`); else
        the last one counts.
    rounds
        Of Newton's method, at most.
    """

    def __init__(self, *, ridge: float | tuple[float, ...] = 1.0, rounds: int = 30) -> None:
        self.ridges = ridge if isinstance(ridge, tuple) else (ridge,)
        self.rounds = rounds
        self._means = self._scales = np.zeros(0)
        self._holes = np.zeros(0, np.int64)
        self._weights = np.zeros(0)
        self._path: list[Column] = []

    def fit(self, values: Matrix, targets: Column, *, seed: int = 0) -> Self:
        if not len(self._weights):
            self._scale(values)
        rows = self._rows(values)  # (m, c), the last column of ones
        self._path = []
        for ridge in self.ridges:
            self._solve(rows, targets, ridge)
            self._path.append(self._weights)
        return self

    def _solve(self, rows: Matrix, targets: Column, ridge: float) -> None:
        penalty = np.full(rows.shape[1], ridge)
        penalty[-1] = 1e-9
        for _ in range(self.rounds):
            likely = _sigmoid(rows @ self._weights)
            gradient = rows.T @ (likely - targets) + penalty * self._weights
            curvature = (rows * (likely * (1 - likely))[:, None]).T @ rows + np.diag(penalty + 1e-9)
            step = np.linalg.solve(curvature, gradient)
            self._weights = self._weights - step * min(1.0, 5.0 / max(np.abs(step).max(), 1e-12))
            if np.abs(step).max() < 1e-8:
                break

    def keep(self, values: Matrix, targets: Column) -> Self:
        """Keep the ridge that foretells other targets best."""
        rows = self._rows(values)
        odds = [rows @ weights for weights in self._path]
        losses = [float((np.logaddexp(0.0, own) - targets * own).mean()) for own in odds]
        self._weights = self._path[int(np.argmin(losses))]
        return self

    def predict(self, values: Matrix) -> Column:
        return _sigmoid(self._rows(values) @ self._weights)

    def arrays(self) -> Arrays:
        return {"means": self._means, "scales": self._scales, "holes": self._holes, "weights": self._weights}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self._means, self._scales = arrays["means"], arrays["scales"]
        self._holes, self._weights = arrays["holes"], arrays["weights"]
        return self

    def _scale(self, values: Matrix) -> None:
        known = ~np.isnan(values)
        counts = np.maximum(known.sum(axis=0), 1)
        self._means = np.where(known, values, 0.0).sum(axis=0) / counts
        variance = np.where(known, (values - self._means) ** 2, 0.0).sum(axis=0) / counts
        self._scales = np.where(variance > 1e-18, np.sqrt(variance), 1.0)
        self._holes = np.flatnonzero((~known).any(axis=0) & known.any(axis=0)).astype(np.int64)
        self._weights = np.zeros(values.shape[1] + len(self._holes) + 1)

    def _rows(self, values: Matrix) -> Matrix:
        if values.shape[1] != len(self._means):
            raise UsageError(f"{values.shape[1]} features; {len(self._means)} were learned.", fix="Give the same ones.")
        scaled = np.nan_to_num((values - self._means) / self._scales, nan=0.0)
        return np.column_stack([scaled, np.isnan(values[:, self._holes]), np.ones(len(values))])


class Boosting:
    """Gradient boosting of histogram trees (scikit-learn's ``HistGradientBoostingClassifier``).

    A target ``t`` is a row that says yes with weight ``t / largest`` and no with the rest, so targets above 1 are
    learned without bias; what is predicted is multiplied by ``largest`` again.

    Parameters
    ----------
    trees, leaves, rate, least
        Trees, leaves of a tree, how far each tree goes, and rows in a leaf.
    """

    def __init__(self, *, trees: int = 100, leaves: int = 15, rate: float = 0.08, least: int = 40) -> None:
        if min(trees, leaves - 1, least) < 1 or not rate > 0:
            raise UsageError("trees, leaves, rows in a leaf or the rate are too small.", fix="Give positive numbers.")
        self.options = {"trees": trees, "leaves": leaves, "rate": rate, "least": least}
        self._largest = 1.0
        self._trees: Trees | None = None

    def fit(self, values: Matrix, targets: Column, *, seed: int = 0) -> Self:
        from sklearn.ensemble import HistGradientBoostingClassifier

        self._largest = max(1.0, float(targets.max(initial=0.0)))
        yes = targets / self._largest
        rows, said = np.vstack([values, values]), np.repeat([0, 1], len(values))
        weights = np.concatenate([1 - yes, yes])
        used = weights > 0
        if len(np.unique(said[used])) < 2:
            raise DataError("all targets are alike, so there is nothing to learn.", fix="Give both answers.")
        model = HistGradientBoostingClassifier(
            max_iter=int(self.options["trees"]),
            max_leaf_nodes=int(self.options["leaves"]),
            learning_rate=self.options["rate"],
            min_samples_leaf=int(self.options["least"]),
            early_stopping=False,
            random_state=seed,
        )
        model.fit(rows[used], said[used], sample_weight=weights[used])
        self._trees = Trees.of(model, values[:1_000])
        return self

    def keep(self, values: Matrix, targets: Column) -> Self:
        """Keep as many trees as foretell other targets best, by log loss."""
        if self._trees is not None and len(values):
            likely = np.clip(_sigmoid(self._trees.staged(values)), 1e-9, 1 - 1e-9)  # (m, trees + 1)
            yes = np.clip(targets / self._largest, 0, 1)[:, None]
            losses = -(yes * np.log(likely) + (1 - yes) * np.log(1 - likely)).mean(axis=0)
            self._trees = self._trees.first(int(np.argmin(losses)))
        return self

    def predict(self, values: Matrix) -> Column:
        if self._trees is None:
            raise UsageError("these trees were not fitted yet.", fix="Call fit first.")
        return self._largest * _sigmoid(self._trees.raw(values))

    def arrays(self) -> Arrays:
        if self._trees is None:
            raise UsageError("these trees were not fitted yet.", fix="Call fit first.")
        return {**self._trees.arrays(), "largest": np.array([self._largest])}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        self._largest = float(arrays["largest"][0])
        self._trees = Trees.from_arrays(arrays)
        return self


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1.0 + np.tanh(0.5 * values))
