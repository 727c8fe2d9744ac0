"""Old vectors in a new encoder's space, so that a new recipe can serve before all is encoded anew.

Some inputs are encoded by the new encoder; a linear map learned from these carries the others, if it is good enough.
Carried vectors are the build's alone: they never enter the new encoder's cache, and the next build encodes what it
lacks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from goodsense.errors import UsageError
from goodsense.evaluate.migration import MapQuality, fit_map
from goodsense.search.snapshot import Snapshot
from goodsense.shop.artefacts import current_build
from goodsense.shop.vectors import VectorCache
from goodsense.types import Embeddings, Encoder, Vectors

MOST = 20_000  # inputs that a map is learned from
K = 10


@dataclass(frozen=True)
class OldVectors:
    """Where inputs of the live build have their vectors, by block; ``anew`` of each are encoded, to learn the map."""

    caches: Mapping[str, Path]
    dims: Mapping[str, int]
    anew: int
    seed: int

    @classmethod
    def of_live(cls, shop: Path, *, anew: int, seed: int) -> Self:
        """Those of what serves; none where nothing does."""
        live = current_build(shop)
        snapshot = None if live is None else Snapshot.open(live)
        specs = {} if snapshot is None else snapshot.meta["encoders"]
        caches = {name: shop / "vectors" / spec["fingerprint"][:32] for name, spec in specs.items()}
        dims = {name: snapshot.blocks[name].dim for name in specs} if snapshot is not None else {}
        return cls({name: path for name, path in caches.items() if path.is_dir()}, dims, anew, seed)

    def spared(self, block: str, encoder: Encoder, todo: Sequence[str], *, but: Collection[str]) -> list[str]:
        """Inputs that need not be encoded if a map is good enough: they have an old vector, and are not in ``but``."""
        old = self._cache(block)
        if old is None or old.directory.name == encoder.fingerprint[:32]:
            return []
        known = np.flatnonzero(old.known(todo))
        order = np.random.default_rng(self.seed).permutation(known)
        return [todo[at] for at in sorted(order[self.anew :].tolist()) if todo[at] not in but]

    def carried(
        self, block: str, new: VectorCache, encoded: Sequence[str], spared: Sequence[str]
    ) -> tuple[Vectors | None, str]:
        """Vectors of the spared inputs ``(n, d_new)``, and how good they are; None if they are not good enough."""
        old = self._cache(block)
        assert old is not None
        both = [hash for hash, here in zip(encoded, old.known(encoded).tolist(), strict=True) if here]
        picked = np.random.default_rng(self.seed).permutation(len(both))[:MOST]
        sides = [_present([both[at] for at in np.sort(picked).tolist()], cache) for cache in (old, new)]
        try:
            found = fit_map(*sides, k=K, seed=self.seed)
        except UsageError as error:
            return None, error.message
        if not found.quality.good_enough:
            return None, f"{_told(found.quality)}: all are encoded anew"
        vectors = found.carry(_present(spared, old)).vectors
        return (
            vectors,
            f"{len(spared):,} vectors are old ones, carried: {_told(found.quality)}; the next build encodes them",
        )

    def _cache(self, block: str) -> VectorCache | None:
        return VectorCache(self.caches[block], self.dims[block]) if block in self.caches else None


def _present(hashes: Sequence[str], cache: VectorCache) -> Embeddings:
    vectors, _ = cache.get(hashes)
    return Embeddings.of_products(tuple(hashes), vectors, np.asarray(vectors.any(axis=1)))


def _told(quality: MapQuality) -> str:
    return f"a linear map ({quality.method}) keeps {quality.kept:.0%} of the nearest neighbours"
