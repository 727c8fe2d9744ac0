"""What a shop's data say about which products belong together: what trained fusions and heads learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError


@dataclass(frozen=True, eq=False)
class Lesson:
    """Of ``n`` products, in the order of the blocks' rows.

    Parameters
    ----------
    groups
        ``(n,)`` whole numbers: products of one number are one to a shopper (variants, the same title), and never each
        other's negatives.
    labels
        Field -> classes ``(n,)``; -1 where a product has none.
    pairs, weights
        ``(m, 2)`` rows that belong together (bought together, clicked for one query), and how strongly ``(m,)``.
    """

    groups: NDArray[np.int64]
    labels: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    pairs: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))

    def __post_init__(self) -> None:
        n = len(self.groups)
        for name, classes in self.labels.items():
            if classes.shape != (n,):
                raise UsageError(f"the labels {name!r} are {classes.shape}; expected one per product, ({n},).")
        if self.pairs.shape != (len(self.weights), 2):
            raise UsageError(f"pairs are {self.pairs.shape} with {len(self.weights)} weights; expected (m, 2) and m.")
        if self.pairs.size and not 0 <= self.pairs.min() <= self.pairs.max() < n:
            raise UsageError(f"pairs name the rows {self.pairs.min()} to {self.pairs.max()}; there are {n} products.")

    @classmethod
    def of_products(cls, count: int) -> Lesson:
        """Every product is a group of its own, and nothing else is known."""
        return cls(np.arange(count, dtype=np.int64))
