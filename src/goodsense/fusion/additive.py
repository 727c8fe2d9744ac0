"""Additive fusion: each block keeps its own slot of the product vector, so a score splits exactly into blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.errors import UsageError
from goodsense.fusion.blocks import centre_of, check_blocks, prepared, slot_terms, slots
from goodsense.learning.lesson import Lesson
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors

KIND = "additive"
VERSION = 1


class AdditiveFusion:
    """Blocks, each projected into a slot of its own, masked, summed, and normalised by the norm known beforehand.

    A row of a block is centred (when the fusion was fitted), brought to unit length and scaled by the square root of
    the block's weight. A missing block leaves its slot at zero, and a product is divided by the square root of the
    weights it has, so an item known only by its picture is as long as any other. The inner product of two products is
    the sum of one term per block, and :meth:`terms` gives them.

    Parameters
    ----------
    weights
        Block -> weight from 0 up, at least one above 0. Blocks of weight 0 have no slot.

    Notes
    -----
    Fusion is inductive: any non-empty set of blocks works, and products that the fit did not see.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        for name, weight in weights.items():
            if not 0 <= weight < math.inf:
                raise UsageError(f"fusion gives the block {name!r} the weight {weight}; expected a finite number >= 0.")
        self._weights = {name: float(weights[name]) for name in sorted(weights) if weights[name] > 0}
        if not self._weights:
            raise UsageError("fusion has no block of a weight above 0.", fix="Give at least one block a weight.")
        self._given = {name: float(weight) for name, weight in weights.items()}
        self._centres: dict[str, NDArray[np.float32]] = {}
        self._dims: dict[str, int] = {}

    @property
    def weights(self) -> Mapping[str, float]:
        """Block -> weight, for the blocks that have a slot, in the order of the slots."""
        return dict(self._weights)

    @property
    def centres(self) -> Mapping[str, NDArray[np.float32]]:
        """Block -> what is subtracted from every row; empty before :meth:`fit`."""
        return dict(self._centres)

    @property
    def dims(self) -> Mapping[str, int]:
        """Block -> length of its slot; empty until the first fit or fuse."""
        return dict(self._dims)

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 until the first fit or fuse."""
        return sum(self._dims.values())

    @property
    def fingerprint(self) -> str:
        """Names code version, weights, slots and centres."""
        return artefacts.fingerprint(self._artefact())

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
        centre: bool = True,
    ) -> Self:
        """Learn the slots and, unless ``centre`` is false, the mean of each block's unit rows over present products.

        Nothing is drawn at random and no lesson is needed: both are taken because every fusion takes them.
        """
        self._dims, self._centres = {}, {}
        self._check(blocks)
        absent = [name for name in self._weights if name not in blocks]
        if absent:
            raise UsageError(f"fusion is fitted without its block {absent[0]!r}; found {', '.join(blocks) or 'none'}.")
        self._dims = {name: blocks[name].dim for name in self._weights}
        self._centres = {name: centre_of(blocks[name]) for name in self._weights} if centre else {}
        return self

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One vector per product: ``(n, dim)``; products without any block are not present.

        Blocks may be left out once the slots are known; without a fit, the first call fixes them, uncentred.

        Raises
        ------
        UsageError
            If a block is unknown, has other ids than the rest, or another length than its slot.
        """
        self._check(blocks)
        if not self._dims:
            self.fit(blocks, centre=False)
        first = next(iter(blocks.values()))
        fused = np.zeros((len(first), self.dim), dtype=np.float32)
        power = np.zeros(len(first), dtype=np.float64)
        for name, place in slots(self._dims).items():
            if name in blocks:
                given = prepared(blocks[name], self._centres.get(name))
                fused[:, place] = math.sqrt(self._weights[name]) * given.vectors
                power += np.where(given.present, self._weights[name], 0.0)
        present = power > 0
        fused /= np.sqrt(np.where(present, power, 1.0))[:, None].astype(np.float32)
        return Embeddings(first.ids, first.owners, fused, present)

    def terms(self, a: Vectors, b: Vectors) -> Mapping[str, NDArray[np.float64]]:
        """What each block adds to the inner product of fused vectors, row by row; the terms sum to it.

        ``a`` and ``b`` are ``(n, d)``, or one of them ``(d,)`` against every row of the other. Gives block -> ``(n,)``.
        """
        return slot_terms(a, b, self._dims)

    def save(self, directory: Path) -> None:
        """Write weights, slots and centres into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        fusion = cls(found.settings["weights"])
        fusion._dims = {name: found.settings["dims"][name] for name in fusion._weights if found.settings["dims"]}
        fusion._centres = dict(found.arrays)
        return fusion

    def _artefact(self) -> artefacts.Artefact:
        settings = {"weights": {name: self._given[name] for name in sorted(self._given)}, "dims": self._dims}
        return artefacts.Artefact(KIND, VERSION, settings, self._centres)

    def _check(self, blocks: Mapping[str, Embeddings]) -> None:
        check_blocks(blocks, self._given)
        for name, length in self._dims.items():
            if name in blocks and blocks[name].dim != length:
                raise UsageError(f"the block {name!r} has {blocks[name].dim} columns; its slot has {length}.")
