"""Hybrid fusion: what blocks say together and what each says by itself, in one vector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense import standardise
from goodsense.encoders import artefacts
from goodsense.encoders.options import number
from goodsense.errors import UsageError
from goodsense.fusion.additive import AdditiveFusion
from goodsense.fusion.base import FittedFusion, check_fitted, sampled
from goodsense.fusion.blocks import centre_of, check_blocks, prepared
from goodsense.fusion.registry import load_fusion, make_fusion
from goodsense.learning.lesson import Lesson
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors

EARLY = "early"  # the slot, and the term, of the fusion inside
RANDOM_PAIRS = 20_000


class HybridFusion:
    """An early fusion beside late fusion of the blocks, each with a slot of its own, so that scores split exactly.

    Late fusion by z-scores is affine in the blocks' similarities, and those of centred rows are 0 on average: what
    remains of it is one weight per block, its share over the deviation of its similarity in random pairs. So a slot of
    that weight per block makes inner products of vectors late fusion, and one more slot is the early fusion's vector.
    :meth:`terms` names the early fusion ``"early"`` beside the blocks.

    Parameters
    ----------
    early
        The name of the fusion inside, other than ``hybrid``.
    early_options
        Its options.
    share
        Of the early fusion, between 0 and 1; the blocks share the rest alike.
    """

    kind: ClassVar[str] = "hybrid"
    version: ClassVar[int] = 1

    def __init__(
        self, *, early: str = "cca", early_options: Mapping[str, Any] | None = None, share: float = 0.5
    ) -> None:
        if early == self.kind:
            raise UsageError("the early fusion of a hybrid is 'hybrid' itself; expected another fusion.")
        self._share = number("share", share, least=0, most=1, above=True)
        self._options: dict[str, Any] = {
            "early": early,
            "early_options": dict(early_options or {}),
            "share": self._share,
        }
        self._early: FittedFusion = make_fusion(early, **self._options["early_options"])
        self._slots: AdditiveFusion | None = None

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 before the fit."""
        return self._slots.dim if self._slots else 0

    @property
    def weights(self) -> Mapping[str, float]:
        """Slot -> weight, of sum 1."""
        return self._fitted().weights

    @property
    def fingerprint(self) -> str:
        """Names code version, options, the early fusion, weights and centres."""
        return artefacts.fingerprint(self._artefact())

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Fit the early fusion, then weigh it and the blocks by how much their similarities vary.

        Raises
        ------
        UsageError
            If a block is called ``"early"``, or as the early fusion raises.
        """
        check_blocks(blocks, list(blocks))
        if EARLY in blocks:
            raise UsageError(
                f"a block is called {EARLY!r}, as the slot of the early fusion is.", fix="Rename the block."
            )
        fresh = make_fusion(self._options["early"], **self._options["early_options"])
        self._early = fresh.fit(blocks, lesson=lesson, seed=seed, progress=progress)
        every = self._with_early({name: blocks[name] for name in sorted(blocks)})
        shares = dict.fromkeys(blocks, (1 - self._share) / len(blocks)) | {EARLY: self._share}
        raw = {name: shares[name] / _deviation(block, seed) for name, block in every.items()}
        total = sum(raw.values())
        self._slots = AdditiveFusion({name: weight / total for name, weight in raw.items()}).fit(every)
        return self

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One vector per product: ``(n, dim)``; products without any block are not present."""
        slots = self._fitted()
        return slots.fuse(self._with_early(blocks))

    def terms(self, a: Vectors, b: Vectors) -> Mapping[str, NDArray[np.float64]]:
        """What each block, and the early fusion, adds to the inner product, row by row: slot -> ``(n,)``."""
        return self._fitted().terms(a, b)

    def save(self, directory: Path) -> None:
        """Write options, the early fusion and the slots into ``directory``."""
        self._fitted().save(directory / "slots")
        self._early.save(directory / EARLY)
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=cls.kind, version=cls.version)
        fusion = cls(**found.settings["options"])
        fusion._early = load_fusion(found.settings["options"]["early"], directory / EARLY)
        fusion._slots = AdditiveFusion.load(directory / "slots")
        return fusion

    def _with_early(self, blocks: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
        return {**blocks, EARLY: self._early.fuse(blocks)}

    def _fitted(self) -> AdditiveFusion:
        check_fitted(self.kind, self._slots is not None)
        assert self._slots is not None
        return self._slots

    def _artefact(self) -> artefacts.Artefact:
        inside = [self._early.fingerprint, self._slots.fingerprint] if self._slots else []
        return artefacts.Artefact(self.kind, self.version, {"options": self._options, "inside": inside}, {})


def _deviation(block: Embeddings, seed: int) -> float:
    """Of the cosines of random pairs of products that both have the block; 1 where they do not vary."""
    known_rows = sampled(block, seed)
    rows = prepared(known_rows, centre_of(known_rows))
    known = np.flatnonzero(rows.present)
    if len(known) < 2:
        return 1.0
    random = np.random.default_rng(seed)
    left = known[random.integers(len(known), size=RANDOM_PAIRS)]
    right = known[random.integers(len(known), size=RANDOM_PAIRS)]
    apart = left != right
    cosines = np.einsum("md,md->m", rows.vectors[left[apart]], rows.vectors[right[apart]])
    spread = float(standardise.ZScore().fit(cosines.astype(np.float64)[:, None]).spread[0])
    return spread if spread > 1e-6 else 1.0
