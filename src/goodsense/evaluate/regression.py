"""Errors of predicted numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from goodsense.errors import UsageError


@dataclass(frozen=True)
class RegressionReport:
    """Mean and median absolute error, root mean squared error and explained variance, in the target's own units.

    ``r2`` of a constant truth is 1 when every prediction is right and 0 otherwise.
    """

    rows: int
    mae: float
    rmse: float
    r2: float
    median_absolute_error: float

    @property
    def metrics(self) -> dict[str, float]:
        return {name: float(value) for name, value in asdict(self).items() if name != "rows"}


def regression_report(truth: ArrayLike, predicted: ArrayLike) -> RegressionReport:
    """Compare ``(n,)`` predictions with ``(n,)`` truths.

    Raises
    ------
    UsageError
        If the lengths differ, there are no rows, or a value is not finite.
    """
    wanted, given = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if wanted.ndim != 1 or wanted.shape != given.shape or not len(wanted):
        raise UsageError(f"truth of shape {wanted.shape} and predictions of shape {given.shape}; expected (n,) each.")
    if not (np.isfinite(wanted).all() and np.isfinite(given).all()):
        raise UsageError("truth and predictions must be finite numbers.", fix="Leave rows without a value out.")
    errors = given - wanted
    squared, spread = float(errors @ errors), float(((wanted - wanted.mean()) ** 2).sum())
    return RegressionReport(
        rows=len(wanted),
        mae=float(np.abs(errors).mean()),
        rmse=float(np.sqrt(squared / len(wanted))),
        r2=1 - squared / spread if spread > 0 else float(squared == 0),
        median_absolute_error=float(np.median(np.abs(errors))),
    )
