"""Showing what is not known yet, by chance that is known: epsilon-greedy and Thompson sampling with propensities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.recommend.reranking.draft import Draft, Phase, Request


@dataclass(frozen=True)
class EpsilonGreedy:
    """At some places, with probability ``epsilon``, any of the further candidates instead of the best one.

    ``detail["propensity"]`` of what stands there is the chance that it would, given what stands before it:
    ``(1 - epsilon) * [it is the best] + epsilon / m`` of ``m`` candidates. Elsewhere nothing is left to chance, and
    no propensity is told.

    Parameters
    ----------
    epsilon
        0: never; 1: always.
    places
        Places (from 1) that are open to chance.
    depth
        The best of so many candidates from there on are drawn from; None: all.
    """

    epsilon: float = 0.1
    places: tuple[int, ...] = (4, 8)
    depth: int | None = 100
    name: str = "epsilon-greedy"
    phase: ClassVar[Phase] = Phase.ARRANGE

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon <= 1 or any(place < 1 for place in self.places) or (self.depth or 1) < 1:
            raise UsageError(
                f"epsilon is {self.epsilon:g}, places are {self.places}, depth is {self.depth}; "
                "expected a probability, places from 1 up, and 1 or more."
            )

    def __call__(self, draft: Draft, request: Request) -> Draft:
        rng = np.random.default_rng(request.seed)
        order, drawn = list(range(len(draft))), dict[str, bool]()
        told: dict[str, Mapping[str, float]] = {}
        for at in sorted({place - 1 for place in self.places if place <= len(draft)}):
            pool = min(len(draft) - at, self.depth or len(draft))
            step = int(rng.integers(pool)) if rng.random() < self.epsilon else 0
            row = order.pop(at + step)
            order.insert(at, row)
            drawn |= {draft.ids[row]: True} if step else {}
            told[draft.ids[row]] = {"propensity": (1 - self.epsilon) * (step == 0) + self.epsilon / pool}
        return draft.arranged(order, self.name, drawn).saying(told)


@dataclass(frozen=True)
class ClickCounts:
    """How often products were shown and clicked, and what is believed of a product before it was shown.

    Parameters
    ----------
    shown, clicked
        By product; ``shown`` may be sums of propensities instead of counts.
    rate, strength
        The prior: a Beta distribution with this mean, worth so many impressions.
    """

    shown: Mapping[str, float] = field(default_factory=dict)
    clicked: Mapping[str, float] = field(default_factory=dict)
    rate: float = 0.05
    strength: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1 or not self.strength > 0:
            raise UsageError(
                f"a prior of rate {self.rate:g} and strength {self.strength:g} is none.",
                fix="Give a rate between 0 and 1, and a positive strength.",
            )

    @classmethod
    def of(cls, shown: Mapping[str, float], clicked: Mapping[str, float]) -> Self:
        """The prior is the mean of all products, by the moments of their rates (Casella, 1985)."""
        ids = [id for id, count in shown.items() if count > 0]
        counts = np.array([shown[id] for id in ids], dtype=np.float64)
        clicks = np.array([clicked.get(id, 0.0) for id in ids], dtype=np.float64)
        total = counts.sum()
        if not total:
            return cls()
        rate = float(np.clip(clicks.sum() / total, 1e-4, 1 - 1e-4))
        return cls(dict(shown), dict(clicked), rate, _strength(counts, clicks, rate))

    def beta(self, ids: tuple[str, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The two parameters of every product's posterior, ``(n,)`` each."""
        clicks = np.array([self.clicked.get(id, 0.0) for id in ids], dtype=np.float64)
        counts = np.array([self.shown.get(id, 0.0) for id in ids], dtype=np.float64)
        misses = np.maximum(counts - clicks, 0.0)
        return self.rate * self.strength + clicks, (1 - self.rate) * self.strength + misses


@dataclass(frozen=True)
class Thompson:
    """Thompson sampling (Chapelle and Li, NIPS 2011): adds a click rate that is drawn from what is known of each.

    The term is ``rule.<name>``. What was rarely shown has draws that lie far apart, so it is shown now and then, and
    no more once it is known to be poor. ``detail["propensity"]`` of the first ``k`` is the chance to stand where they
    stand, counted over ``draws`` draws of which the one that is shown is the first; so it is never 0.

    Parameters
    ----------
    counts
        What is known.
    weight
        How much a rate of 1 adds to a score. With scores that are all equal, rates alone decide.
    draws
        How exactly propensities are known.
    """

    counts: ClickCounts
    weight: float = 1.0
    draws: int = 200
    name: str = "thompson"
    phase: ClassVar[Phase] = Phase.SCORE

    def __post_init__(self) -> None:
        if self.draws < 1 or not self.weight > 0:
            raise UsageError(f"draws and weight are {self.draws} and {self.weight:g}; expected positive numbers.")

    def __call__(self, draft: Draft, request: Request) -> Draft:
        if not len(draft):
            return draft
        hits, misses = self.counts.beta(draft.ids)
        rates = np.random.default_rng(request.seed).beta(hits, misses, size=(self.draws, len(draft)))
        scores = draft.scores + self.weight * rates  # (draws, n)
        count = min(request.k, len(draft))
        orders = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        chances = (orders == orders[0]).mean(axis=0)
        told = {
            draft.ids[row]: {"propensity": float(chance), "drawn_rate": float(rates[0, row])}
            for row, chance in zip(orders[0].tolist(), chances.tolist(), strict=True)
        }
        return draft.plus(f"rule.{self.name}", self.weight * rates[0]).saying(told)


def _strength(counts: NDArray[np.float64], clicks: NDArray[np.float64], rate: float) -> float:
    """How many impressions the prior is worth: the less rates differ beyond chance, the more."""
    noise = rate * (1 - rate)
    spread = float((counts * (clicks / counts - rate) ** 2).sum())
    total, squares = float(counts.sum()), float((counts**2).sum())
    between = (spread - (len(counts) - 1) * noise) / max(total - squares / total, 1e-12)
    return float(np.clip(noise / between - 1, 1.0, 1e4)) if between > 0 else 1e4
