"""The choice: the right head wins, on the rows it should win on."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.evaluate import classification_report
from goodsense.types import Vectors
from goodsense.understand import choose_classifier, choose_regressor
from goodsense.understand.splits import stratified_folds, stratified_sample


def crossed(rows: int, *, seed: int) -> tuple[Vectors, list[str]]:
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (rows, 2)).astype(np.float32)
    X += np.sign(X) * np.float32(0.2)  # a gap along the axes
    return X, ["same" if a * b > 0 else "different" for a, b in X.tolist()]


def test_the_best_head_on_validation_wins() -> None:
    X, y = crossed(150, seed=0)
    X_val, y_val = crossed(100, seed=1)
    chosen = choose_classifier(X, y, X_val, y_val, names=("logistic", "kernel-ridge"))
    assert chosen.name == "kernel-ridge"
    assert chosen.validated_on == "validation"
    assert chosen.score == pytest.approx(np.mean(chosen.head.predict(X_val) == np.array(y_val)))
    assert chosen.score == max(trial.score for trial in chosen.trials)
    assert {trial.name for trial in chosen.trials} == {"logistic", "kernel-ridge"}
    assert chosen.to_json()["candidates"]["logistic"] < 0.8


def test_the_winner_has_not_seen_validation_unless_asked_to_refit() -> None:
    X, y = crossed(60, seed=0)
    X_val, y_val = crossed(60, seed=1)
    y_val[0] = "only in validation"
    chosen = choose_classifier(X, y, X_val, y_val, names=("kernel-ridge",))
    again = choose_classifier(X, y, X_val, y_val, names=("kernel-ridge",), refit=True)
    assert "only in validation" not in chosen.head.classes  # type: ignore[attr-defined]
    assert "only in validation" in again.head.classes  # type: ignore[attr-defined]
    assert again.score == chosen.score


def test_cross_validation_chooses_when_there_are_no_validation_rows() -> None:
    X, y = crossed(120, seed=0)
    y[0] = "alone"
    chosen = choose_classifier(X, y, names=("logistic", "kernel-ridge"), folds=3)
    assert chosen.name == "kernel-ridge"
    assert chosen.validated_on == "cross-validation"
    assert "alone" in chosen.head.classes  # type: ignore[attr-defined]
    unseen, truth = crossed(100, seed=1)
    assert np.mean(chosen.head.predict(unseen) == np.array(truth)) > 0.95


def test_many_rows_are_screened_on_a_sample_first() -> None:
    X = np.random.default_rng(0).normal(size=(4000, 2)).astype(np.float32)
    y = ["left" if a < 0 else "right" for a in X[:, 0]]
    chosen = choose_classifier(X[:3500], y[:3500], X[3500:], y[3500:], names=("logistic",))
    rows = [trial.rows for trial in chosen.trials]
    assert rows == [3000] * (len(rows) - 2) + [3500] * 2
    assert chosen.score == max(trial.score for trial in chosen.trials if trial.rows == 3500)
    assert chosen.score > 0.99


def test_degenerate_classes() -> None:
    X = np.eye(4, dtype=np.float32)
    one = choose_classifier(X, ["a"] * 4)
    assert (one.name, one.score, one.head.predict(X).tolist()) == ("majority", None, ["a"] * 4)
    singles = choose_classifier(X, ["a", "b", "c", "d"])
    assert (singles.validated_on, singles.score) == ("nothing", None)
    assert "single" in singles.notes[0]
    assert singles.head.predict(X).tolist() == ["a", "b", "c", "d"]


def test_the_metric_is_the_one_asked_for() -> None:
    X, y = crossed(80, seed=0)
    X_val, y_val = crossed(80, seed=1)
    found = choose_classifier(X, y, X_val, y_val, names=("logistic",), metric="macro_f1")
    report = classification_report(y_val, found.head.predict(X_val).tolist())
    assert found.score == pytest.approx(report.macro.f1)
    assert found.score != pytest.approx(report.accuracy)
    with pytest.raises(UsageError, match="metric"):
        choose_classifier(X, y, metric="f2")  # type: ignore[arg-type]


def test_regressors() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    line = (2 * X[:, 0] - X[:, 3] + 50 + rng.normal(0, 0.5, 300)).tolist()
    wave = (np.sin(3 * X[:, 0])).tolist()
    assert choose_regressor(X[:200], line[:200], X[200:], line[200:]).name == "ridge"
    curved = choose_regressor(X[:200, :1], wave[:200], X[200:, :1], wave[200:])
    assert curved.name == "kernel-ridge"
    assert curved.metric == "r2"
    assert curved.score is not None
    assert curved.score > 0.95
    assert choose_regressor(X, line).validated_on == "cross-validation"
    assert choose_regressor(X[:1], [3.0]).validated_on == "nothing"


def test_bad_input_is_refused() -> None:
    X, y = crossed(20, seed=0)
    with pytest.raises(UsageError, match="'boosting'"):
        choose_classifier(X, y, names=("boosting",))
    with pytest.raises(UsageError, match="no head"):
        choose_classifier(X, y, names=())
    with pytest.raises(UsageError, match="validation"):
        choose_classifier(X, y, X[:, :1], y)
    with pytest.raises(UsageError, match="0 validation vectors and 20"):
        choose_classifier(X, y, None, y)
    with pytest.raises(UsageError, match="folds"):
        choose_classifier(X, y, folds=1)
    with pytest.raises(DataError, match="nothing to learn"):
        choose_classifier(X[:0], [])
    with pytest.raises(UsageError, match="finite"):
        choose_regressor(X, [float("nan")] * 20)


def test_folds_are_stratified_and_keep_single_rows() -> None:
    codes = np.repeat([0, 1, 2, 3], [50, 10, 2, 1])
    folds = stratified_folds(codes, 5, seed=3)
    assert np.bincount(folds[codes == 0]).tolist() == [10] * 5
    assert np.bincount(folds[codes == 1], minlength=5).tolist() == [2] * 5
    assert len(set(folds[codes == 2])) == 2
    assert folds[codes == 3].tolist() == [-1]
    assert (stratified_folds(codes, 5, seed=3) == folds).all()
    assert (stratified_folds(codes, 5, seed=4) != folds).any()


def test_samples_are_stratified() -> None:
    codes = np.repeat([0, 1, 2], [800, 190, 10])
    rows = stratified_sample(codes, 100, seed=0)
    counts = np.bincount(codes[rows])
    assert counts.sum() == 100
    assert np.abs(counts - [80, 19, 1]).max() <= 2
    assert (np.diff(rows) > 0).all()
    assert stratified_sample(codes, 1000, seed=0).tolist() == list(range(1000))
    assert set(codes[stratified_sample(np.arange(50) // 2, 25, seed=0)]) == {0}
    assert len(set((np.arange(50) // 2)[stratified_sample(np.arange(50) // 2, 25, seed=0)])) == 25
