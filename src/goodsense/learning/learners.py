"""Classifiers that see few labels and many products: one interface, and what all of them share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.block_rows import check_blocks
from goodsense.learning.ensemble import TowerEnsemble
from goodsense.types import Embeddings, Mask, Vectors

Codes: TypeAlias = NDArray[np.int64]  # (n,) classes; -1 where a product has none
Shares: TypeAlias = NDArray[np.float64]  # (n, classes) or (classes,), each row sums to 1


class Classifier(Protocol):
    """What learns from rows and whole numbers, as in scikit-learn."""

    classes_: Any

    def fit(self, X: Any, y: Any) -> Any: ...
    def predict_proba(self, X: Any) -> Any: ...


Make: TypeAlias = Callable[[], Classifier]


class Learner(Protocol):
    """A classifier of products by their blocks that also profits from products without a label.

    Products that have none of the blocks are answered with the shares of the classes among the labels. ``privileged``
    names the blocks that only a fit looks at: new products need not have them.
    """

    @property
    def privileged(self) -> tuple[str, ...]: ...

    def fit(self, blocks: Mapping[str, Embeddings], labels: Codes, *, seed: int = 0) -> Self:
        """Learn from all rows; ``labels`` ``(n,)`` is -1 where a product has none."""
        ...

    @property
    def classes(self) -> Codes:
        """The classes in ascending order, ``(C,)``."""
        ...

    def predict_proba(self, blocks: Mapping[str, Embeddings]) -> Shares:
        """``(n, C)``, in the order of :attr:`classes`."""
        ...


def logistic() -> Classifier:
    """Logistic regression on z-scored columns."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made: Classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    return made


def check_labels(labels: Codes, count: int, *, purpose: str) -> Codes:
    """The classes that occur, ascending.

    Raises
    ------
    UsageError
        If the labels are not one per product, or name fewer than two classes.
    """
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(f"labels are {labels.dtype} of shape {labels.shape}; expected whole numbers, ({count},).")
    known = labels[labels >= 0]
    classes = np.unique(known).astype(np.int64)
    if len(classes) < 2:
        raise UsageError(
            f"{purpose} found {len(known)} labels of {len(classes)} classes; expected two classes or more.",
            fix="Label at least one product of a second class, or choose another field.",
        )
    return classes


def class_shares(labels: Codes, classes: Codes) -> Shares:
    """How often each class occurs among the labels, ``(C,)``."""
    counts = np.array([(labels == one).sum() for one in classes], dtype=np.float64)
    shares: Shares = counts / counts.sum()
    return shares


def coded(labels: Codes, known: Mask, *, purpose: str) -> tuple[Codes, Codes, Shares]:
    """Places of labels among the classes ``(n,)``, -1 where nothing is known of a row; the classes, and their shares.

    Raises
    ------
    UsageError
        If the known rows are of fewer than two classes.
    """
    found = np.where(known, labels, -1)
    classes = check_labels(found, len(found), purpose=purpose)
    return np.where(found >= 0, np.searchsorted(classes, found), -1), classes, class_shares(found, classes)


def probabilities(classifier: Classifier, rows: Vectors, classes: Codes) -> Shares:
    """What a classifier says of rows ``(n, d)``, in the order of ``classes``; 0 for a class that it never saw."""
    found = np.zeros((len(rows), len(classes)))
    if len(rows):
        found[:, np.searchsorted(classes, classifier.classes_)] = classifier.predict_proba(rows)
    return found


def confident(proba: Shares, shares: Shares, *, threshold: float, most: int) -> tuple[NDArray[np.int64], Codes]:
    """The rows whose best class is sure, and the places of these classes.

    Of a class at most its share of all that is taken, rounded up, and the surest first: what a classifier is sure of
    too often does not drown the other classes.

    Parameters
    ----------
    proba
        ``(n, C)``.
    shares
        ``(C,)`` how often the classes occur among the labels.
    threshold
        Least probability of the best class.
    most
        How many rows are taken, up to the rounding.
    """
    assert proba.ndim == 2, f"probabilities are {proba.shape}; expected (n, C)"
    assert shares.shape == proba.shape[1:], f"shares are {shares.shape}; expected {proba.shape[1:]}"
    best, sureness = proba.argmax(axis=1), proba.max(axis=1, initial=0.0)
    candidates = sureness >= threshold
    total = min(most, int(candidates.sum()))
    taken = []
    for place, share in enumerate(shares):
        rows = np.flatnonzero(candidates & (best == place))
        order = np.argsort(-sureness[rows], kind="stable")
        taken.append(rows[order][: math.ceil(share * total)])
    rows = np.sort(np.concatenate(taken)).astype(np.int64)
    return rows, best[rows].astype(np.int64)


class Supervised:
    """A classifier on the joined blocks of the labelled products alone: what the other learners must beat.

    Parameters
    ----------
    make
        Makes the classifier; logistic regression by default.
    """

    def __init__(self, make: Make = logistic) -> None:
        self._make = make
        self._joined = TowerEnsemble()
        self._classes: Codes = np.zeros(0, dtype=np.int64)
        self._shares: Shares = np.zeros(0)
        self._classifier: Classifier | None = None

    @property
    def privileged(self) -> tuple[str, ...]:
        return ()

    @property
    def classes(self) -> Codes:
        return self._classes

    def fit(self, blocks: Mapping[str, Embeddings], labels: Codes, *, seed: int = 0) -> Self:
        """Learn from the labelled rows; the others only help to scale the blocks.

        Raises
        ------
        UsageError
            If the labelled products that have vectors are of fewer than two classes.
        """
        self._begin(blocks, labels, seed, "a supervised classifier")
        rows = self._rows(blocks)
        self._classifier = self._learned(rows, labels)
        return self

    def predict_proba(self, blocks: Mapping[str, Embeddings]) -> Shares:
        if self._classifier is None:
            raise UsageError("this learner was not fitted yet.", fix="Call fit(blocks, labels) first.")
        rows = self._rows(blocks)
        found = np.tile(self._shares, (len(rows), 1))
        found[rows.present] = probabilities(self._classifier, rows.vectors[rows.present], self._classes)
        return found

    def _begin(self, blocks: Mapping[str, Embeddings], labels: Codes, seed: int, purpose: str) -> None:
        count = check_blocks(blocks, purpose=purpose)
        check_labels(labels, count, purpose=purpose)
        held = {name: block for name, block in blocks.items() if block.present.any()}
        if not held:
            raise UsageError(f"{purpose} found no product with any block.", fix="Give blocks that products have.")
        self._joined = TowerEnsemble({name: float(name in held) for name in blocks}).fit(blocks, seed=seed)
        present = self._rows(blocks).present
        self._classes = check_labels(np.where(present, labels, -1), count, purpose=purpose)
        self._shares = class_shares(labels[present], self._classes)

    def _rows(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        return self._joined.join(blocks)

    def _learned(self, rows: Embeddings, labels: Codes) -> Classifier:
        chosen = rows.present & (labels >= 0)
        classifier = self._make()
        classifier.fit(rows.vectors[chosen], labels[chosen])
        return classifier
