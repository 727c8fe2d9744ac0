"""Products that came after the build: nobody touched them, but they are like others that somebody did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from goodsense.catalog.product import text_fields
from goodsense.events import Interactions
from goodsense.recommend import Model
from goodsense.shop.listing import encodable
from goodsense.shop.recommending.shelf import Shelf
from goodsense.shop.truth import Truth
from goodsense.types import Encoder, Mask, normalise

NEIGHBOURS = 5
LEAST_ALIKE = 1.0  # standard deviations above what two products have in common
BLOCKS = ("text", "attributes", "image", "audio", "video")
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Newcomers:
    """Scores late products by the known ones that they are most alike.

    A new product is as good as the weighted mean of its neighbours: what is like many good ones is good. Its words and
    attributes are encoded here if no build did so yet; pictures, sounds and clips count once they are encoded.
    """

    shelf: Shelf
    truth: Truth
    encoders: Mapping[str, Encoder]

    def scored(self, model: Model, history: Interactions, late: NDArray[np.int64]) -> list[tuple[int, float]]:
        """Places in ``shelf.late`` and scores on the model's scale, of those that are like anything."""
        places, weights = self.neighbours  # (m, k), 0 where there is none
        used = np.unique(places[late])
        scores = np.zeros(len(self.shelf.known))
        scores[used] = np.nan_to_num(model.score(history, [self.shelf.known[place] for place in used.tolist()])[0])
        mass = weights[late].sum(axis=1)
        total = (scores[places[late]] * weights[late]).sum(axis=1) / np.maximum(mass, 1e-12)
        return [(place, float(score)) for place, score in zip(late.tolist(), total.tolist(), strict=True) if score > 0]

    @cached_property
    def neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The known products most like each late one, and how far above chance, ``(m, k)``."""
        n, m = len(self.shelf.known), len(self.shelf.late)
        k = min(NEIGHBOURS, n)
        places, weights = np.zeros((m, k), np.int64), np.zeros((m, k))
        for begin in range(0, m, _BLOCK):
            part = np.arange(begin, min(begin + _BLOCK, m))
            above = self._above(part)  # (b, n)
            best = np.argpartition(-above, k - 1, axis=1)[:, :k] if k < n else np.tile(np.arange(n), (len(part), 1))
            near = np.take_along_axis(above, best, axis=1)
            places[part], weights[part] = best, np.where(near >= LEAST_ALIKE, near, 0.0)
        return places, weights

    def _above(self, part: NDArray[np.int64]) -> NDArray[np.float64]:
        """How far above chance each known product is like some late ones, meaned over the blocks both have."""
        known = np.arange(len(self.shelf.known))
        total, count = np.zeros((len(part), len(known))), np.zeros((len(part), len(known)))
        for block in BLOCKS:
            if block not in self.shelf.snapshot.blocks:
                continue
            (a, there_a), (b, there_b) = self._vectors(block, part), self.shelf.vectors(block, known)
            usual = self.shelf.snapshot.calibration.affine("like", block)
            both = there_a[:, None] & there_b[None, :]
            total += np.where(both, (normalise(a) @ normalise(b).T - usual.mean) / usual.scale, 0.0)
            count += both
        found: NDArray[np.float64] = np.where(self.shelf.there[known], total / np.maximum(count, 1.0), 0.0)
        return found

    def _vectors(self, block: str, part: NDArray[np.int64]) -> tuple[NDArray[np.float32], Mask]:
        """Vectors of late products: the snapshot's, else made now from words or attributes."""
        vectors, there = self.shelf.vectors(block, part + len(self.shelf.known))
        encoder = self.encoders.get(block)
        missing = np.flatnonzero(~there)
        if encoder is None or block not in ("text", "attributes") or not len(missing):
            return vectors, there
        ids = [self.shelf.late[place] for place in part[missing].tolist()]
        products = self.truth.get(ids)
        values = [_value(block, products[id]) if id in products else {} for id in ids]
        made = np.asarray(encoder.encode(values), dtype=np.float32)
        vectors, there = vectors.copy(), there.copy()
        vectors[missing], there[missing] = made, made.any(axis=1)
        return vectors, there


def _value(block: str, product: object) -> Mapping[str, object]:
    from goodsense.catalog import Product

    assert isinstance(product, Product)
    return text_fields(product) if block == "text" else encodable(product)
