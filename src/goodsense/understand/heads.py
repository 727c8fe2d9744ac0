"""Heads: small supervised models on fixed vectors, behind one Protocol.

Classifiers: logistic regression, RBF kernel ridge on one-hot targets, extremely randomised trees. Regressors: ridge
and RBF kernel ridge. Every one is deterministic for a seed.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from goodsense.errors import DataError, UsageError
from goodsense.types import Vectors
from goodsense.understand.kernel import KernelMachine, fit_machines
from goodsense.understand.splits import stratified_sample

Probabilities: TypeAlias = NDArray[np.float64]  # (n, classes), rows sum to 1
MAX_KERNEL_ROWS = 10_000


@runtime_checkable
class Head(Protocol):
    """Vectors to labels or numbers.

    ``settings`` are what the head was made with; ``notes`` says what a reader of its results should know, such as
    that it was fitted on a sample.
    """

    @property
    def name(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, float]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    def fit(self, X: Vectors, y: Sequence[Any], *, seed: int) -> Self:
        """Learn from ``(n, d)`` vectors and ``n`` targets."""
        ...

    def predict(self, X: Vectors) -> NDArray[Any]:
        """``(n, d) -> (n,)`` labels (str) or numbers (float64)."""
        ...


@runtime_checkable
class Classifier(Head, Protocol):
    """A head for classes."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    def predict_proba(self, X: Vectors) -> Probabilities:
        """``(n, d) -> (n, classes)`` in the order of ``classes``; rows are not negative and sum to 1."""
        ...


@dataclass
class _Classes:
    """What every classifier shares: its classes and how scores become labels."""

    classes: tuple[str, ...] = field(default=(), init=False)
    notes: tuple[str, ...] = field(default=(), init=False)

    def _learn_classes(self, X: Vectors, y: Sequence[str]) -> NDArray[np.int64]:
        """Remember the classes of ``y`` and return their codes ``(n,)``."""
        check_rows(X, y)
        self.classes = tuple(sorted(set(y)))
        code = {label: at for at, label in enumerate(self.classes)}
        return np.fromiter((code[label] for label in y), np.int64, len(y))

    def predict_proba(self, X: Vectors) -> Probabilities:
        if not self.classes:
            raise UsageError("this head has not been fitted yet.")
        return self._probabilities(X)

    def _probabilities(self, X: Vectors) -> Probabilities:
        """Every class alike; a real head says more."""
        return np.full((len(X), len(self.classes)), 1 / len(self.classes))

    def predict(self, X: Vectors) -> NDArray[np.object_]:
        labels: NDArray[np.object_] = np.array(self.classes, dtype=np.object_)[self.predict_proba(X).argmax(axis=1)]
        return labels


@dataclass
class MajorityHead(_Classes):
    """The shares of the classes, whatever the vector: the floor, and the answer for rows without a vector."""

    name: str = field(default="majority", init=False)
    _shares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), init=False, repr=False)

    @property
    def settings(self) -> dict[str, float]:
        return {}

    def fit(self, X: Vectors, y: Sequence[str], *, seed: int = 0) -> Self:
        codes = self._learn_classes(X, y)
        self._shares = np.bincount(codes, minlength=len(self.classes)) / len(codes)
        return self

    def _probabilities(self, X: Vectors) -> Probabilities:
        return np.tile(self._shares, (len(X), 1))


@dataclass
class LogisticHead(_Classes):
    """Multinomial logistic regression by L-BFGS; ``C`` is the inverse strength of the L2 penalty.

    Vectors are centred and divided by one number (their mean standard deviation), so that ``C`` means the same for
    every encoder while the geometry stays as it is.
    """

    C: float = 0.1
    name: str = field(default="logistic", init=False)
    _model: Any = field(default=None, init=False, repr=False)
    _scaling: tuple[Any, float] = field(default=(0.0, 1.0), init=False, repr=False)

    @property
    def settings(self) -> dict[str, float]:
        return {"C": self.C}

    def fit(self, X: Vectors, y: Sequence[str], *, seed: int = 0) -> Self:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        codes = self._learn_classes(X, y)
        if len(self.classes) == 1:
            return self
        self._scaling = _scaling(X)
        self._model = LogisticRegression(C=self.C, max_iter=100, random_state=seed)
        with warnings.catch_warnings():  # validation judges the head, converged to the last digit or not
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(_scaled(X, self._scaling), codes)
        return self

    def _probabilities(self, X: Vectors) -> Probabilities:
        if self._model is None or not len(X):
            return super()._probabilities(X)
        found: Probabilities = self._model.predict_proba(_scaled(X, self._scaling)).astype(np.float64)
        return found


@dataclass
class TreesHead(_Classes):
    """Extremely randomised trees (Geurts, Ernst and Wehenkel, Machine Learning 2006)."""

    leaf: int = 1
    trees: int = 150
    name: str = field(default="trees", init=False)
    _model: Any = field(default=None, init=False, repr=False)

    @property
    def settings(self) -> dict[str, float]:
        return {"leaf": self.leaf, "trees": self.trees}

    def fit(self, X: Vectors, y: Sequence[str], *, seed: int = 0) -> Self:
        from sklearn.ensemble import ExtraTreesClassifier

        codes = self._learn_classes(X, y)
        self._model = ExtraTreesClassifier(self.trees, min_samples_leaf=self.leaf, random_state=seed, n_jobs=-1)
        self._model.fit(X, codes)
        return self

    def _probabilities(self, X: Vectors) -> Probabilities:
        if self._model is None or not len(X):
            return super()._probabilities(X)
        found: Probabilities = self._model.predict_proba(X)
        return found


@dataclass
class KernelRidgeHead(_Classes):
    """RBF kernel ridge on one-hot targets. Above ``max_rows`` a stratified sample is fitted, and a note says so."""

    width: float = 1.0
    ridge: float = 0.1
    precise: bool = False
    max_rows: int = MAX_KERNEL_ROWS
    name: str = field(default="kernel-ridge", init=False)
    _machine: KernelMachine | None = field(default=None, init=False, repr=False)

    @property
    def settings(self) -> dict[str, float]:
        return {"width": self.width, "ridge": self.ridge}

    def fit(self, X: Vectors, y: Sequence[str], *, seed: int = 0) -> Self:
        next(fit_kernel_classifiers([self], X, y, seed=seed))
        return self

    def _probabilities(self, X: Vectors) -> Probabilities:
        if self._machine is None:
            return super()._probabilities(X)
        # One-hot targets sum to 1, so predictions do too and their largest is positive: clipping keeps the winner.
        scores = self._machine(X).clip(min=0)
        shares: Probabilities = scores / scores.sum(axis=1, keepdims=True)
        return shares


def fit_kernel_classifiers(
    heads: Sequence[KernelRidgeHead], X: Vectors, y: Sequence[str], *, seed: int = 0
) -> Iterator[KernelRidgeHead]:
    """Fit kernel heads of equal precision and row limit over one set of distances."""
    codes = heads[0]._learn_classes(X, y)
    rows = stratified_sample(codes, heads[0].max_rows, seed=seed)
    targets = np.eye(len(heads[0].classes), dtype=np.float32)[codes[rows]]  # (n, classes)
    settings = [(head.width, head.ridge) for head in heads]
    machines = fit_machines(X[rows], targets, settings, seed=seed, precise=heads[0].precise)
    for head, machine in zip(heads, machines, strict=True):
        head.classes, head.notes, head._machine = heads[0].classes, _sample_note(head.name, rows, codes), machine
        yield head


@dataclass
class RidgeHead:
    """Linear ridge regression; ``ridge`` is relative to the number of rows."""

    ridge: float = 0.01
    name: str = field(default="ridge", init=False)
    notes: tuple[str, ...] = field(default=(), init=False)
    _scaling: tuple[Any, float] = field(default=(0.0, 1.0), init=False, repr=False)
    _weights: NDArray[np.floating[Any]] | None = field(default=None, init=False, repr=False)
    _mean: float = field(default=0.0, init=False, repr=False)

    @property
    def settings(self) -> dict[str, float]:
        return {"ridge": self.ridge}

    def fit(self, X: Vectors, y: Sequence[float], *, seed: int = 0) -> Self:
        targets = numbers(X, y)
        self._scaling, self._mean = _scaling(X), float(targets.mean())
        rows: NDArray[np.float64] = _scaled(X, self._scaling).astype(np.float64)  # (n, d)
        gram = rows.T @ rows
        gram[np.diag_indices_from(gram)] += self.ridge * len(rows)
        self._weights = np.linalg.solve(gram, rows.T @ (targets - self._mean))
        return self

    def predict(self, X: Vectors) -> NDArray[np.float64]:
        if self._weights is None:
            raise UsageError("this head has not been fitted yet.")
        return (_scaled(X, self._scaling) @ self._weights + self._mean).astype(np.float64)


@dataclass
class KernelRidgeRegressor:
    """RBF kernel ridge on numbers. Above ``max_rows`` a random sample is fitted, and a note says so."""

    width: float = 1.0
    ridge: float = 0.1
    precise: bool = False
    max_rows: int = MAX_KERNEL_ROWS
    name: str = field(default="kernel-ridge", init=False)
    notes: tuple[str, ...] = field(default=(), init=False)
    _machine: KernelMachine | None = field(default=None, init=False, repr=False)
    _scale: float = field(default=1.0, init=False, repr=False)

    @property
    def settings(self) -> dict[str, float]:
        return {"width": self.width, "ridge": self.ridge}

    def fit(self, X: Vectors, y: Sequence[float], *, seed: int = 0) -> Self:
        next(fit_kernel_regressors([self], X, y, seed=seed))
        return self

    def predict(self, X: Vectors) -> NDArray[np.float64]:
        if self._machine is None:
            raise UsageError("this head has not been fitted yet.")
        return self._machine(X)[:, 0] * self._scale


def fit_kernel_regressors(
    heads: Sequence[KernelRidgeRegressor], X: Vectors, y: Sequence[float], *, seed: int = 0
) -> Iterator[KernelRidgeRegressor]:
    """Fit kernel heads of equal precision and row limit over one set of distances."""
    targets = numbers(X, y)
    spread = float(targets.std())
    scale = spread if spread > 0 else 1.0  # float32 holds prices in cents as well as ratings
    codes = np.zeros(len(targets), dtype=np.int64)
    rows = stratified_sample(codes, heads[0].max_rows, seed=seed)
    settings = [(head.width, head.ridge) for head in heads]
    machines = fit_machines(X[rows], targets[rows, None] / scale, settings, seed=seed, precise=heads[0].precise)
    for head, machine in zip(heads, machines, strict=True):
        head.notes, head._scale, head._machine = _sample_note(head.name, rows, codes), scale, machine
        yield head


def majority(labels: Sequence[str]) -> str:
    """The most frequent label; among equals the first in order."""
    counts = Counter(labels)
    return min(counts, key=lambda label: (-counts[label], label))


def check_rows(X: Vectors, y: Sequence[Any]) -> None:
    """Raise unless ``X`` is ``(n, d)`` with ``n = len(y)`` of at least 1."""
    if X.ndim != 2 or len(X) != len(y):
        raise UsageError(f"vectors of shape {X.shape} and {len(y)} targets; expected (n, d) vectors and n targets.")
    if not len(X) or not X.shape[1]:
        raise DataError(f"vectors of shape {X.shape}: there is nothing to learn from.")


def numbers(X: Vectors, y: ArrayLike) -> NDArray[np.float64]:
    """Targets of a regression as ``(n,)`` finite float64."""
    targets = np.asarray(y, dtype=np.float64)
    check_rows(X, targets)  # type: ignore[arg-type]
    if targets.ndim != 1 or not np.isfinite(targets).all():
        raise UsageError(f"targets of shape {targets.shape}; expected one finite number per row.")
    return targets


def _scaling(X: Vectors) -> tuple[NDArray[np.float32], float]:
    """Mean ``(d,)`` and root of the mean variance."""
    spread = float(np.sqrt(X.var(axis=0, dtype=np.float64).mean()))
    return X.mean(axis=0, dtype=np.float64).astype(np.float32), spread if spread > 0 else 1.0


def _scaled(X: Vectors, scaling: tuple[Any, float]) -> Vectors:
    centre, spread = scaling
    scaled: Vectors = ((X - centre) / np.float32(spread)).astype(np.float32, copy=False)
    return scaled


def _sample_note(name: str, rows: NDArray[np.int64], codes: NDArray[np.int64]) -> tuple[str, ...]:
    if len(rows) == len(codes):
        return ()
    return (f"{name} was fitted on a stratified sample of {len(rows)} of {len(codes)} rows",)
