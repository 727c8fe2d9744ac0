"""Models of hidden factors: alternating least squares and Bayesian personalised ranking.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (ICDM 2008); Rendle et al., "BPR:
Bayesian Personalized Ranking from Implicit Feedback" (UAI 2009). What is kept are the factors of items: those of a
shopper are found from their history when they ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions
from goodsense.factors import als_factors, bpr_factors, solve_rows
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.folding import profiles, unfolding
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.signals import Values, checked_values, positive, signals
from goodsense.recommend.storage import Arrays
from goodsense.types import normalise


class Als(Model):
    """Items whose factors fit those that explain the history best by weighted least squares.

    Parameters
    ----------
    dim
        Number of factors.
    regularisation
        Of both sides.
    alpha
        How much surer an event is than none: the confidence is ``1 + alpha weight``.
    iterations
        How often both sides are solved.
    values
        ``binary``, ``log`` or ``weights``: how much each pair counts.
    """

    kind: ClassVar[str] = "als"

    def __init__(
        self,
        *,
        dim: int = 64,
        regularisation: float = 10.0,
        alpha: float = 10.0,
        iterations: int = 12,
        values: Values = "binary",
    ) -> None:
        super().__init__()
        positive("dim", dim, whole=True)
        positive("regularisation", regularisation)
        positive("alpha", alpha, zero=True)
        positive("iterations", iterations, whole=True)
        self.dim, self.regularisation, self.alpha, self.iterations = dim, regularisation, alpha, iterations
        self.values: Values = checked_values(values)

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        found = als_factors(
            signals(interactions, self.values),
            dim=self.dim,
            regularisation=self.regularisation,
            alpha=self.alpha,
            iterations=self.iterations,
            seed=seed,
        )
        self._take_up(found.columns)

    def _take_up(self, items: NDArray[np.float64]) -> None:
        self._items, self._gram = items, items.T @ items
        self._columns = np.ascontiguousarray(items.T, dtype=np.float32)

    def _scores(self, histories: Interactions) -> Scores:
        taken = signals(histories, self.values)
        own = solve_rows(
            taken, self._items, regularisation=self.regularisation, alpha=self.alpha, gram=self._gram
        )  # (b, dim)
        return own.astype(np.float32) @ self._columns

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        unit = normalise(self._items.astype(np.float32))
        return unit[rows] @ unit.T

    def _arrays(self) -> Arrays:
        return {"items": self._items}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._take_up(arrays["items"])


class Bpr(Model):
    """Items that stand before others for whoever has such a history, by factors learned from pairs.

    The vector of a shopper is a linear map of the mean of their items' factors, learned from all shoppers of the fit
    (see :func:`~goodsense.recommend.folding.unfolding`).

    Parameters
    ----------
    dim
        Number of factors.
    epochs
        How often every event is seen.
    rate
        Length of the first steps.
    regularisation
        Of all factors.
    """

    kind: ClassVar[str] = "bpr"

    def __init__(self, *, dim: int = 64, epochs: int = 30, rate: float = 0.1, regularisation: float = 0.03) -> None:
        super().__init__()
        positive("dim", dim, whole=True)
        positive("epochs", epochs, whole=True)
        positive("rate", rate)
        positive("regularisation", regularisation, zero=True)
        self.dim, self.epochs, self.rate, self.regularisation = dim, epochs, rate, regularisation

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        taken = signals(interactions)
        warm = np.flatnonzero(self.popularity > 0)
        found = bpr_factors(
            taken[:, warm],
            dim=self.dim,
            epochs=self.epochs,
            rate=self.rate,
            regularisation=self.regularisation,
            seed=seed,
        )
        items, bias = np.zeros((len(self.items), self.dim)), np.full(len(self.items), found.bias.min(initial=0.0))
        items[warm], bias[warm] = found.items, found.bias
        self._take_up(items, bias, unfolding(taken, items, found.users))

    def _take_up(self, items: NDArray[np.float64], bias: NDArray[np.float64], unfold: NDArray[np.float64]) -> None:
        self._items, self._bias, self._unfold = items, bias, unfold
        self._columns = np.ascontiguousarray(items.T, dtype=np.float32)

    def _scores(self, histories: Interactions) -> Scores:
        taken = signals(histories)
        own = profiles(taken, self._items) @ self._unfold  # (b, dim)
        found = own.astype(np.float32) @ self._columns + self._bias.astype(np.float32)
        found[np.diff(taken.indptr) == 0] = 0.0
        return found

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        unit = normalise(self._items.astype(np.float32))
        return unit[rows] @ unit.T

    def _arrays(self) -> Arrays:
        return {"items": self._items, "bias": self._bias, "unfold": self._unfold}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._take_up(arrays["items"], arrays["bias"], arrays["unfold"])
