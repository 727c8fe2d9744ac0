"""Turbo-CF: polynomial filters on the graph of items, without any decomposition.

Park, Yoon, Shin and Shin, "Turbo-CF: Matrix Decomposition-Free Graph Filtering for Fast Recommendation" (SIGIR 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.pruning import pruned_product, strongest
from goodsense.recommend.signals import Values, checked, checked_values, positive, signals
from goodsense.recommend.spectral import scaled
from goodsense.recommend.storage import Arrays, packed, unpacked

# what each power of the graph counts: the paper's linear, second and third order filters
COEFFICIENTS: Mapping[int, tuple[float, ...]] = {1: (1.0,), 2: (2.0, -1.0), 3: (0.71, 0.1, -0.01)}


class PolynomialFilter(Model):
    """Items that a polynomial of the items' graph sees in a history.

    ``R~ = D_u^-alpha R D_i^(alpha - 1)``, ``P = (R~'R~)`` with every entry to the power ``power``, and a history ``r``
    scores ``r f(P)`` with ``f`` one of ``P``, ``2P - P^2`` and ``P + .01 (-P^3 + 10 P^2 - 29 P)``.

    Parameters
    ----------
    alpha
        How much shoppers with many items count less; the rest of 1 is how much popular items do.
    power
        Of every entry of the graph: below 1 brings them closer together.
    degree
        1, 2 or 3: of the polynomial.
    neighbours
        Entries that are kept of every row of ``P``, of its powers and of the filter.
    values
        ``binary``, ``log`` or ``weights``: how much each pair counts.
    """

    kind: ClassVar[str] = "turbo-cf"

    def __init__(
        self,
        *,
        alpha: float = 0.8,
        power: float = 0.7,
        degree: int = 1,
        neighbours: int = 200,
        values: Values = "binary",
    ) -> None:
        super().__init__()
        positive("alpha", alpha, zero=True)
        positive("power", power)
        positive("neighbours", neighbours, whole=True)
        self.alpha, self.power, self.neighbours = alpha, power, neighbours
        self.degree: int = checked(degree, tuple(COEFFICIENTS), "degree")
        self.values: Values = checked_values(values)

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        ties = scaled(signals(interactions, self.values), self.alpha, 1 - self.alpha)

        def powered(block: Any, rows: NDArray[np.int64]) -> Any:
            block.data **= self.power
            return block

        graph = pruned_product(
            ties.T.tocsr(), ties, self.neighbours, change=powered, progress=progress, stage=self.kind
        )
        self._filter = self._polynomial(graph, progress)

    def _polynomial(self, graph: Any, progress: Progress) -> Any:
        """``f(P)``, the strongest entries of every row, CSR ``(n, n)``."""
        coefficients = COEFFICIENTS[self.degree]
        found, reached = coefficients[0] * graph, graph
        for order, coefficient in enumerate(coefficients[1:], start=2):
            stage = f"{self.kind}, power {order}"
            reached = pruned_product(reached, graph, self.neighbours, progress=progress, stage=stage)
            found = found + coefficient * reached
        return strongest(found.tocsr(), self.neighbours, by_size=True).astype(np.float32)

    def _scores(self, histories: Interactions) -> Scores:
        return signals(histories, self.values) @ self._filter

    def _arrays(self) -> Arrays:
        return packed("filter", self._filter)

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._filter = unpacked(arrays, "filter")
