"""The regression report against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from goodsense.errors import UsageError
from goodsense.evaluate import regression_report


@pytest.mark.parametrize("seed", range(5))
def test_regression_agrees_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 2, 30 + seed)
    predicted = truth + rng.normal(0, 1, 30 + seed)
    report = regression_report(truth, predicted)
    assert report.mae == pytest.approx(reference.mean_absolute_error(truth, predicted))
    assert report.rmse == pytest.approx(reference.root_mean_squared_error(truth, predicted))
    assert report.r2 == pytest.approx(reference.r2_score(truth, predicted))
    assert report.median_absolute_error == pytest.approx(reference.median_absolute_error(truth, predicted))
    assert set(report.metrics) == {"mae", "rmse", "r2", "median_absolute_error"}


def test_regression_of_a_constant_truth() -> None:
    assert regression_report([2.0, 2.0], [2.0, 2.0]).r2 == 1.0
    assert regression_report([2.0, 2.0], [2.0, 3.0]).r2 == 0.0
    assert regression_report([2.0], [5.0]).mae == 3.0


def test_regression_refuses_bad_input() -> None:
    with pytest.raises(UsageError, match="shape"):
        regression_report([1.0, 2.0], [1.0])
    with pytest.raises(UsageError, match="finite"):
        regression_report([float("nan")], [1.0])
