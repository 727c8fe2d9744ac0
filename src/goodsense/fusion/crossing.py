"""How well products find themselves across single modalities, and how well they would by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Vectors

Figures = NDArray[np.float64]
SURE = 3.0  # standard errors above chance


@dataclass(frozen=True, eq=False)
class Crossing:
    """Every search from one modality to another: ``(searches,)`` each.

    Parameters
    ----------
    found
        Reciprocal ranks of the first right product.
    expected, variance
        Mean and variance of these ranks were the gallery in random order.
    products
        How many products searched. Searches of one product hang together, so they count as one for certainty.
    """

    found: Figures
    expected: Figures
    variance: Figures
    products: int

    def __len__(self) -> int:
        return len(self.found)

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank; 0 where nothing was searched."""
        return float(self.found.mean()) if len(self) else 0.0

    @property
    def chance(self) -> float:
        return float(self.expected.mean()) if len(self) else 0.0

    @property
    def beats_chance(self) -> bool:
        """Whether the mean lies further above chance than chance itself would carry it."""
        if not len(self):
            return False
        return self.mrr > self.chance + SURE * float(np.sqrt(self.variance.mean() / self.products))


def crossing(singles: Sequence[Vectors], present: NDArray[np.bool_], groups: NDArray[np.int64]) -> Crossing:
    """Let every product that has two modalities look with one of them among all products that have the other.

    What it looks for are the products of its group. Of equal scores the wrong product comes first, so equal vectors
    find nothing.

    Parameters
    ----------
    singles
        For each of ``B`` modalities ``(n, d)``: what becomes of the products when they have this modality alone.
    present
        ``(n, B)`` which modalities they have.
    groups
        ``(n,)`` whole numbers.
    """
    found: list[Figures] = [np.zeros(0)]
    moments: list[Figures] = [np.zeros((0, 2))]
    for here, there in permutations(range(len(singles)), 2):
        asked, shown = present[:, here] & present[:, there], present[:, there]
        same = groups[asked][:, None] == groups[shown][None, :]  # (q, g)
        found.append(reciprocal_ranks(singles[here][asked], singles[there][shown], same))
        moments.append(by_chance(same.sum(axis=1), int(shown.sum())))
    mean, square = np.concatenate(moments).T
    products = int((present.sum(axis=1) >= 2).sum())
    return Crossing(np.concatenate(found), mean, np.maximum(square - mean**2, 0), products)


def reciprocal_ranks(queries: Vectors, gallery: Vectors, same: NDArray[np.bool_]) -> Figures:
    """One over the rank of the first right item: ``(q, d), (g, d), (q, g) -> (q,)``; each has at least one."""
    scores = queries @ gallery.T
    best = np.where(same, scores, -np.inf).max(axis=1, initial=-np.inf)
    before = ((scores >= best[:, None]) & ~same).sum(axis=1)
    ranks: Figures = 1.0 / (1 + before)
    return ranks


def by_chance(right: NDArray[np.integer], gallery: int) -> Figures:
    """Means of the reciprocal rank and of its square for the first of ``right (q,)`` items in a random order.

    Gives ``(q, 2)``.
    """
    values, places = np.unique(right, return_inverse=True)
    moments = np.array([_moments(int(value), gallery) for value in values]).reshape(-1, 2)
    return moments[places]


def _moments(right: int, gallery: int) -> tuple[float, float]:
    ranks = np.arange(1, gallery - right + 2)
    here = right / (gallery - ranks + 1)  # that the item of this rank is right, when none before it was
    first = here * np.concatenate([[1.0], np.cumprod(1 - here[:-1])])
    return float((first / ranks).sum()), float((first / ranks**2).sum())


# ---- what came of a training


@dataclass(frozen=True)
class Outcome:
    """Whether a training taught anything, and why that is said.

    Parameters
    ----------
    learned
        Whether products find themselves across modalities better than by chance, and than before the training.
    reason
        The figures in a sentence; if nothing was learned, what to do.
    mrr, untrained, chance
        Mean reciprocal rank across single modalities: now, before the training, of a random order.
    products
        On how many products they were taken.
    held_out
        Whether these were kept from the training.
    """

    learned: bool
    reason: str
    mrr: float
    untrained: float
    chance: float
    products: int
    held_out: bool

    @classmethod
    def of(cls, before: Crossing, after: Crossing, *, products: int, held_out: bool) -> Outcome:
        """Compare the searches of the same products before and after."""
        learned = after.beats_chance and after.mrr > before.mrr
        figures = (
            f"mean reciprocal rank across single modalities {after.mrr:.3f}, {before.mrr:.3f} before training, "
            f"{after.chance:.3f} by chance, on {products} {'held-out' if held_out else 'training'} products"
        )
        return cls(learned, _sentence(learned, figures), after.mrr, before.mrr, after.chance, products, held_out)


def _sentence(learned: bool, figures: str) -> str:
    if learned:
        return f"learned: {figures}."
    return (
        f"nothing was learned: {figures}. Use a fusion that needs no training, or give more products with two "
        "modalities that tell them apart."
    )
