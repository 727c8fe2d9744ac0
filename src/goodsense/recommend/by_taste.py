"""Products like those in the history, by the modalities that its shopper goes by: looks, words, sound, attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.events import Interactions
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.facts import dense_facts
from goodsense.recommend.histories import newest
from goodsense.recommend.model import Model, Scores
from goodsense.recommend.signals import positive
from goodsense.recommend.storage import Arrays
from goodsense.recommend.taste import ModalityPreference, Spread, modality_preference
from goodsense.types import Embeddings, normalise

_SHOPPERS = 5_000  # from whom it is told how shoppers differ
_PAIRS = 20_000  # of items, by which similarities of modalities are brought to one scale


class ByTaste(Model):
    """Weighs the cosines of all modalities by what each tells of the shopper's own choices.

    The weights are those of :func:`~goodsense.recommend.taste.modality_preference`, told from the history itself and
    drawn to those of all shoppers; the cosines are with the mean of the history, over their standard deviation among
    random products. An item without a modality is as one of average likeness there.

    Parameters
    ----------
    own
        False: the same weights for all shoppers.
    recent
        How many of the last events count.
    """

    kind: ClassVar[str] = "taste"

    def __init__(self, *, own: bool = True, recent: int = 50) -> None:
        super().__init__()
        positive("recent", recent, whole=True)
        self.own, self.recent = own, recent

    def preference(self, histories: Interactions) -> ModalityPreference:
        """What these shoppers go by."""
        return self._preference(self._aligned(histories))

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        rows = dense_facts(content, seed=seed)
        if not rows:
            raise DataError("nothing is known of these products.", fix="Give content with blocks, tags or categories.")
        self._keep(rows)
        rng = np.random.default_rng(seed)
        left, right = rng.integers(len(content), size=(2, _PAIRS))
        self._scales = {
            name: max(1e-6, float(np.einsum("md,md->m", unit[left], unit[right]).std())) for name, unit in rows.items()
        }
        some = rng.choice(len(interactions.users), min(_SHOPPERS, len(interactions.users)), replace=False)
        asked = interactions.select(users=[interactions.users[row] for row in np.sort(some).tolist()])
        self._spread = modality_preference(asked, self._content, popularity=self.popularity, seed=seed).spread

    def _scores(self, histories: Interactions) -> Scores:
        preference = self._preference(histories)
        weights = preference.weights if self.own else np.tile(preference.shared, (len(histories.users), 1))
        taken = newest(histories, self.recent).matrix.astype(np.float32)
        taken.data[:] = 1.0
        found = np.zeros((len(histories.users), len(self.items)), dtype=np.float32)
        for column, name in enumerate(preference.modalities):
            unit = self._content.blocks[name].vectors
            cosines = normalise(np.asarray(taken @ unit)) @ unit.T  # (b, n)
            found += (weights[:, column, None] / self._scales[name]).astype(np.float32) * cosines
        return found

    def _preference(self, histories: Interactions) -> ModalityPreference:
        return modality_preference(histories, self._content, popularity=self.popularity, spread=self._spread)

    def _keep(self, rows: Mapping[str, NDArray[np.float32]]) -> None:
        blocks = {
            name: Embeddings.of_products(self.items, unit, np.asarray(unit.any(axis=1)))
            for name, unit in sorted(rows.items())
        }
        self._content = Content(self.items, blocks)

    def _arrays(self) -> Arrays:
        names = sorted(self._scales)
        return {
            **{f"rows.{name}": self._content.blocks[name].vectors for name in names},
            **{f"spread.{each.name}": getattr(self._spread, each.name) for each in fields(Spread)},
            "scales": np.array([self._scales[name] for name in names]),
        }

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        rows = {name.removeprefix("rows."): own for name, own in arrays.items() if name.startswith("rows.")}
        self._keep(rows)
        self._scales = dict(zip(sorted(rows), arrays["scales"].tolist(), strict=True))
        self._spread = Spread(**{each.name: arrays[f"spread.{each.name}"] for each in fields(Spread)})
