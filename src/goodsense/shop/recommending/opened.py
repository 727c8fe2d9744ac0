"""A build's recommender, opened: the model, its counts, and the settings it was made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from goodsense.events import Interactions
from goodsense.recommend import Model, load_model
from goodsense.shop.recipe import Recipe, RecommendTable
from goodsense.shop.recommending.log import log_of
from goodsense.shop.recommending.making import HOME, weighed
from goodsense.shop.recommending.past import Past
from goodsense.shop.recommending.statistics import FILE, Statistics, statistics_of


@dataclass(frozen=True, eq=False)
class Opened:
    """What a build recommends by; ``model`` is None where it had no events to learn from."""

    settings: RecommendTable
    statistics: Statistics
    model: Model | None = None

    @classmethod
    def of(cls, build: Path, ids: tuple[str, ...]) -> Opened:
        """Open the recommender of a build whose products are these."""
        settings = Recipe.load(build / "recipe.toml").recommend
        home = build / HOME
        if not (home / FILE).exists():
            return cls(settings, statistics_of(log_of(iter(()), ids)))
        return cls(settings, Statistics.load(home), load_model(home / "model"))

    def with_model(self, model: Model) -> Opened:
        """The same with another model."""
        return replace(self, model=model)

    @property
    def items(self) -> tuple[str, ...]:
        """The products it knows, by id."""
        return self.statistics.items

    @property
    def name(self) -> str:
        """What its model is called."""
        return self.model.kind if self.model is not None else "popular"

    def history(self, past: Past) -> Interactions:
        """A shopper's events as the model takes them: a batch of one."""
        found = self.histories([past.named("-")])
        if found.users:
            return found
        none = np.empty(0)
        return replace(found, users=("-",), starts=np.zeros(2, np.int64), weights=none, times=none)

    def histories(self, pasts: Sequence[Past]) -> Interactions:
        """The events of several shoppers of different names; those without any that counts are left out."""
        return weighed((event for past in pasts for event in past.events), self.settings)
