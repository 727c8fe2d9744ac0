"""By which modality a shopper chooses, drawn to what all shoppers of a build do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions
from goodsense.recommend import Content
from goodsense.recommend.taste import Spread, modality_preference

ASKED = 300  # shoppers from whom a build learns how much shoppers differ in what they go by
LEAST_TRUST = 0.1  # how much of a preference must be the shopper's own before it is told
LEAST_APART = 0.05  # and how far a weight must be from that of all shoppers
_DIGITS = 9  # of numbers that are kept


@dataclass(frozen=True)
class Leaning:
    """By which modality a shopper chooses.

    Parameters
    ----------
    weights, shared
        Modality -> how much it counts for this shopper, and for all; both sum to 1.
    tells
        Modality -> of other products, the share that is less like the shopper's than what they chose (one half is
        chance), drawn to that of all shoppers.
    trust
        Modality -> how much of this is the shopper's own, 0 to 1.
    items
        From how many products it was told.
    """

    weights: Mapping[str, float]
    shared: Mapping[str, float]
    tells: Mapping[str, float]
    trust: Mapping[str, float]
    items: int

    @property
    def says(self) -> bool:
        """Whether it says anything of this shopper that does not hold for all."""
        apart = max((abs(weight - self.shared[name]) for name, weight in self.weights.items()), default=0.0)
        return apart >= LEAST_APART and max(self.trust.values(), default=0.0) >= LEAST_TRUST

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**vars(self), "says": self.says}


def learn_spreads(
    interactions: Interactions, content: Content, seen_by: NDArray[np.int64], *, seed: int = 0
) -> dict[str, Any]:
    """How well each modality tells what shoppers choose, and how much shoppers differ in that, for single ones to be
    drawn to; from a few hundred of them. Empty without vectors."""
    if not content.blocks or not len(interactions):
        return {}
    count = len(interactions.users)
    if count > ASKED:
        chosen = np.sort(np.random.default_rng(seed).choice(count, ASKED, replace=False))
        interactions = interactions.select(users=[interactions.users[row] for row in chosen.tolist()])
    found = modality_preference(interactions, content, popularity=seen_by.astype(np.float64), seed=seed)
    parts = {"mean": found.spread.mean, "between": found.spread.between, "within": found.spread.within}
    told = {**parts, "shared": found.shared}
    return {
        "modalities": list(found.modalities),
        **{name: [round(value, _DIGITS) for value in values.tolist()] for name, values in told.items()},
    }


def leaning_of(
    history: Interactions, content: Content, seen_by: NDArray[np.int64], spreads: Mapping[str, Any]
) -> Leaning | None:
    """By which modality one shopper chooses; None without two products of which that can be told.

    ``spreads`` is what :func:`learn_spreads` found with the same blocks.
    """
    names = list(spreads.get("modalities", ()))
    if not names or names != sorted(content.blocks):
        return None
    of_all = Spread(*(np.array(spreads[part], np.float64) for part in ("mean", "between", "within")))
    found = modality_preference(history, content, popularity=seen_by.astype(np.float64), spread=of_all)
    items = int(found.counts[0].max(initial=0.0))
    if not items:
        return None
    return Leaning(
        found.of(0),
        dict(zip(names, spreads["shared"], strict=True)),
        dict(zip(names, found.tells[0].tolist(), strict=True)),
        dict(zip(names, found.trust[0].tolist(), strict=True)),
        items,
    )
