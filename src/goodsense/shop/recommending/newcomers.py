"""Products that nobody touched yet, in the build or after it: they are like others that somebody did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from goodsense.catalog.product import Product, text_fields
from goodsense.events import Interactions
from goodsense.recommend import Model
from goodsense.shop.listing import encodable
from goodsense.shop.recommending.shelf import Shelf
from goodsense.shop.truth import Truth
from goodsense.types import Encoder, Mask, normalise

NEIGHBOURS = 5
LEAST_ALIKE = 1.0  # standard deviations above what two products have in common
BLOCKS = ("text", "attributes", "image", "audio", "video")
CELLS = 2 * 10**8  # pairs of products that are compared, at most
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Newcomers:
    """Scores untouched products by the touched ones that they are most alike.

    A new product is as good as the weighted mean of its neighbours: what is like many good ones is good. Its words and
    attributes are encoded here if no build did so yet; pictures, sounds and clips count once they are encoded.
    """

    shelf: Shelf
    touched: NDArray[np.int64]  # (n,) shoppers of each known product
    truth: Truth
    encoders: Mapping[str, Encoder]

    def scored(
        self, model: Model, histories: Interactions, allowed: Mask
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Places on the shelf ``(c,)`` and scores on the model's scale ``(b, c)`` of the allowed ones, 0 for nothing.

        Products of the build are left to a model that can tell them apart by itself.
        """
        chosen = np.flatnonzero(allowed[self.cold])
        of_build = chosen[self.cold[chosen] < len(self.shelf.known)]
        if len(of_build) and knows(model, histories, [self.shelf.ids[place] for place in self.cold[of_build]]):
            chosen = np.setdiff1d(chosen, of_build)
        if not len(chosen):
            return self.cold[chosen], np.zeros((len(histories.users), 0))
        places, weights = (part[chosen] for part in self.neighbours)  # (c, k), 0 where there is none
        used = np.unique(places)
        known = np.zeros((len(histories.users), len(self.shelf.known)))
        known[:, used] = np.nan_to_num(model.score(histories, [self.shelf.known[place] for place in used.tolist()]))
        total = np.einsum("bck,ck->bc", known[:, places], weights)
        return self.cold[chosen], np.maximum(0.0, total / np.maximum(weights.sum(axis=1), 1e-12))

    @cached_property
    def cold(self) -> NDArray[np.int64]:
        """Places on the shelf of products that nobody touched, those after the build first ``(c,)``."""
        n = len(self.shelf.known)
        late = np.arange(n, len(self.shelf.ids))
        untouched = np.flatnonzero((self.touched == 0) & self.shelf.there[:n])
        return np.concatenate([late, untouched])[: max(1, CELLS // max(1, n))].astype(np.int64)

    @cached_property
    def neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The touched products most like each untouched one, and how far above chance, ``(c, k)``."""
        warm = np.flatnonzero((self.touched > 0) & self.shelf.there[: len(self.shelf.known)])
        m, k = len(self.cold), min(NEIGHBOURS, len(warm))
        places, weights = np.zeros((m, k), np.int64), np.zeros((m, k))
        for begin in range(0, m if k else 0, _BLOCK):
            part = slice(begin, min(begin + _BLOCK, m))
            above = self._above(self.cold[part], warm)  # (b, w)
            best = np.argpartition(-above, k - 1, axis=1)[:, :k]
            near = np.take_along_axis(above, best, axis=1)
            places[part], weights[part] = warm[best], np.where(near >= LEAST_ALIKE, near, 0.0)
        return places, weights

    def _above(self, cold: NDArray[np.int64], warm: NDArray[np.int64]) -> NDArray[np.float64]:
        """How far above chance some are like others, meaned over the blocks that both have ``(b, w)``."""
        total, count = np.zeros((len(cold), len(warm))), np.zeros((len(cold), len(warm)))
        for block in BLOCKS:
            if block not in self.shelf.snapshot.blocks:
                continue
            (a, there_a), (b, there_b) = self._vectors(block, cold), self.shelf.vectors(block, warm)
            usual = self.shelf.snapshot.calibration.affine("like", block)
            both = there_a[:, None] & there_b[None, :]
            total += np.where(both, (normalise(a) @ normalise(b).T - usual.mean) / usual.scale, 0.0)
            count += both
        found: NDArray[np.float64] = total / np.maximum(count, 1.0)
        return found

    def _vectors(self, block: str, places: NDArray[np.int64]) -> tuple[NDArray[np.float32], Mask]:
        """Vectors of products: the snapshot's, else made now from words or attributes."""
        vectors, there = self.shelf.vectors(block, places)
        encoder = self.encoders.get(block)
        missing = np.flatnonzero(~there)
        if encoder is None or block not in ("text", "attributes") or not len(missing):
            return vectors, there
        ids = [self.shelf.ids[place] for place in places[missing].tolist()]
        products = self.truth.get(ids)
        values = [_value(block, products[id]) if id in products else {} for id in ids]
        made = np.asarray(encoder.encode(values), dtype=np.float32)
        vectors, there = vectors.copy(), there.copy()
        vectors[missing], there[missing] = made, made.any(axis=1)
        return vectors, there


def knows(model: Model, histories: Interactions, ids: Sequence[str]) -> bool:
    """Whether a model says anything of products that nobody touched; a blend does if any part does."""
    from goodsense.recommend.hybrid import Hybrid

    if isinstance(model, Hybrid):
        used = zip(model.parts, model.used_weights.tolist(), strict=True)
        return any(weight and knows(part, histories, ids) for part, weight in used)
    return bool(np.nan_to_num(model.score(histories, ids)).any())


def _value(block: str, product: Product) -> Mapping[str, object]:
    return text_fields(product) if block == "text" else encodable(product)
