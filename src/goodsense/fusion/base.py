"""What a fusion is, and what those have in common that map each block by a matrix and then put the blocks together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.errors import UsageError
from goodsense.fusion.blocks import Given, centre_of, check_blocks, check_widths, prepared
from goodsense.learning.lesson import Lesson
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Fusion, Mask, Vectors, normalise

ENOUGH = 50_000  # a closed form learns nothing more from further products
CHUNK = 2_048  # rows fused at a time: memory does not grow with the shop, and they stay in the cache

Parts = dict[str, Vectors]  # part -> (n, dim)
Arrays = dict[str, dict[str, NDArray[Any]]]  # kind of array -> block -> array


@runtime_checkable
class FittedFusion(Fusion, Protocol):
    """Blocks to one vector per product, learned on the shop's own products first.

    ``fuse`` is inductive: it takes products that the fit did not see and any non-empty set of the blocks, and who else
    is fused does not change a product's vector. Products without any block are not present, with a zero row; what
    stands in the rows of absent blocks has no influence. ``fingerprint`` covers settings and everything learned.
    """

    @property
    def dim(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self: ...
    def save(self, directory: Path) -> None: ...
    @classmethod
    def load(cls, directory: Path) -> Self: ...


class BlockFusion(ABC):
    """Unit rows, centred, mapped by one matrix per block, and put together as a sum of parts.

    A kind of fusion says what it learns (:meth:`_learn`, which gives at least the ``map`` of every block, ``(d, dim)``)
    and how mapped rows become parts that sum to the fused vectors (:meth:`_joined`).
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    renormalise: ClassVar[bool] = True  # whether centred rows are brought to unit length again

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._dims: dict[str, int] = {}
        self._arrays: Arrays = {}

    @property
    def dims(self) -> Mapping[str, int]:
        """Block -> columns that it had at the fit; empty before."""
        return dict(self._dims)

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 before the fit."""
        return next((int(matrix.shape[1]) for matrix in self._arrays.get("map", {}).values()), 0)

    @property
    def fingerprint(self) -> str:
        """Names code version, options and all that was learned."""
        return artefacts.fingerprint(self._artefact())

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn the centre and the map of every block, from a seeded sample where there are very many products.

        Raises
        ------
        UsageError
            If there is no block, or blocks are not of the same products.
        DataError
            If nothing can be learned from them.
        """
        check_blocks(blocks, list(blocks))
        known = {name: sampled(blocks[name], seed) for name in sorted(blocks)}
        self._dims = {name: block.dim for name, block in known.items()}
        self._arrays = {"centre": {name: centre_of(block) for name, block in known.items()}}
        progress(f"fit {self.kind}", 0, 1)
        self._arrays |= self._learn(self._prepared(known, slice(None)), seed)
        progress(f"fit {self.kind}", 1, 1)
        return self

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One vector per product: ``(n, dim)``; products without any block are not present.

        Raises
        ------
        UsageError
            Before a fit, or if a block is unknown, has other ids than the rest, or another width than at the fit.
        """
        first = self._checked(blocks)
        fused = np.zeros((len(first), self.dim), dtype=np.float32)
        for rows in chunks(len(first)):
            fused[rows] = sum(self._parts(blocks, rows).values())
        present: Mask = np.asarray(fused.any(axis=1))
        return Embeddings(first.ids, first.owners, fused, present)

    def parts(self, blocks: Mapping[str, Embeddings]) -> Mapping[str, Vectors]:
        """What each block adds to the fused vectors: block -> ``(n, dim)``; the parts sum to :meth:`fuse`.

        So the inner product with any vector of the same space is the sum of its inner products with the parts.
        """
        self._checked(blocks)
        return self._parts(blocks, slice(None))

    def save(self, directory: Path) -> None:
        """Write options and all that was learned into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=cls.kind, version=cls.version)
        fusion = cls(**found.settings["options"])
        fusion._dims = {name: int(found.settings["dims"][name]) for name in sorted(found.settings["dims"])}
        for key, array in sorted(found.arrays.items()):
            group, _, name = key.partition("/")
            fusion._arrays.setdefault(group, {})[name] = array
        return fusion

    @abstractmethod
    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        """From prepared training rows, all that :meth:`_joined` needs."""

    @abstractmethod
    def _joined(self, given: Mapping[str, Given]) -> Parts:
        """From mapped rows of the blocks there are, parts ``(n, dim)`` that sum to the fused vectors."""

    def _prepared(self, blocks: Mapping[str, Embeddings], rows: slice) -> dict[str, Given]:
        centres = self._arrays["centre"]
        picked = {name: _part_of(blocks[name], rows) for name in self._dims if name in blocks}
        return {name: prepared(block, centres[name], unit=self.renormalise) for name, block in picked.items()}

    def _parts(self, blocks: Mapping[str, Embeddings], rows: slice) -> Parts:
        return self._joined(mapped(self._prepared(blocks, rows), self._arrays["map"]))

    def _checked(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """The first block, once all are known to fit."""
        check_fitted(self.kind, bool(self._dims))
        check_blocks(blocks, self._dims)
        check_widths(blocks, self._dims)
        return next(iter(blocks.values()))

    def _artefact(self) -> artefacts.Artefact:
        arrays = {f"{group}/{name}": array for group, found in self._arrays.items() for name, array in found.items()}
        return artefacts.Artefact(self.kind, self.version, {"options": self._options, "dims": self._dims}, arrays)


def check_fitted(kind: str, fitted: bool) -> None:
    """Refuse to use a fusion that has learned nothing yet."""
    if not fitted:
        raise UsageError(f"the fusion {kind!r} has not been fitted yet.", fix="Call fit, or load a saved one.")


def mapped(given: Mapping[str, Given], maps: Mapping[str, NDArray[np.float32]]) -> dict[str, Given]:
    """Rows after their block's map, of unit length: ``(n, d) -> (n, dim)``; what a map leaves out is absent."""
    found = {}
    for name, rows in given.items():
        vectors = normalise(np.matmul(rows.vectors, maps[name]))
        found[name] = Given(vectors, rows.present & vectors.any(axis=1))
    return found


def unit_sum(parts: Parts) -> Parts:
    """The same parts, scaled row by row so that their sum has unit length (or is zero)."""
    total: Vectors = sum(parts.values(), np.zeros((), np.float32))
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    return {
        name: np.divide(part, lengths, out=np.zeros_like(part), where=lengths > 1e-6) for name, part in parts.items()
    }


def sampled(block: Embeddings, seed: int) -> Embeddings:
    """The block, or the same seeded :data:`ENOUGH` of its products for every block of a larger shop."""
    if len(block) <= ENOUGH:
        return block
    return block.take(np.sort(np.random.default_rng(seed).choice(len(block), ENOUGH, replace=False)))


def chunks(count: int) -> Iterator[slice]:
    """Slices of at most :data:`CHUNK` rows."""
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def _part_of(block: Embeddings, rows: slice) -> Embeddings:
    if rows == slice(None):
        return block
    return Embeddings(block.ids[rows], block.owners[rows], block.vectors[rows], block.present[rows])
