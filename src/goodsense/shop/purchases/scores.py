"""What a purchase can be told by without a network: popularity, likeness to what was bought before, and both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.learning.learners import Classifier, logistic
from goodsense.learning.purchase_cases import PurchaseCases
from goodsense.types import Embeddings, normalise

Scores: TypeAlias = NDArray[np.float64]
_AT_ONCE = 4_096  # cases whose histories are looked at together


def popularity_scores(cases: PurchaseCases, popularity: NDArray[np.int64]) -> Scores:
    """``log(1 + shoppers)`` of the candidates, ``(m,)``."""
    found: Scores = np.log1p(popularity[cases.candidates])
    return found


def likeness_scores(cases: PurchaseCases, products: Embeddings) -> Scores:
    """Mean cosine of the candidate with the products bought before, ``(m,)``; 0 where vectors are missing."""
    rows = normalise(np.where(products.present[:, None], products.vectors, np.float32(0)))
    found = np.zeros(len(cases))
    for start in range(0, len(cases), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        past = cases.history[some]
        known = (past >= 0) & products.present[past]
        cosines = np.einsum("mhd,md->mh", rows[past], rows[cases.candidates[some]])
        found[some] = np.where(known, cosines, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return found


class Likely:
    """Logistic regression from columns of scores to the probability of a purchase; of one column Platt's calibration.

    Platt, "Probabilistic Outputs for Support Vector Machines" (1999). Where answers are all alike, their share.
    """

    def __init__(self) -> None:
        self._model: Classifier | None = None
        self._share = 0.5

    def fit(self, columns: Sequence[Scores], bought: NDArray[np.bool_]) -> Likely:
        """Learn from ``c`` columns ``(m,)`` and the answers ``(m,)``."""
        self._share = float(bought.mean()) if len(bought) else 0.5
        if 0 < self._share < 1:
            self._model = logistic()
            self._model.fit(np.stack(columns, axis=1), bought.astype(np.int64))
        return self

    def __call__(self, columns: Sequence[Scores]) -> Scores:
        """``(m,)``."""
        if self._model is None:
            return np.full(len(columns[0]), self._share)
        found: Scores = np.asarray(self._model.predict_proba(np.stack(columns, axis=1)), dtype=np.float64)[:, 1]
        return found
