"""Mean, maximum, weighted sum, concatenation, and weights that are learned: the baselines of every comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.options import check_choice, number, whole_number
from goodsense.errors import DataError, UsageError
from goodsense.fusion.additive import AdditiveFusion
from goodsense.fusion.base import Arrays, BlockFusion, Parts, check_fitted, unit_sum
from goodsense.fusion.blocks import Given, centre_of, check_blocks, prepared, slot_terms, slots
from goodsense.fusion.weights import LOSSES, Loss, learned_weights, training_pairs
from goodsense.fusion.widths import WIDTHS, Widths, common_maps, leading
from goodsense.learning.lesson import Lesson
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors

LEAST = 1e-3  # share of a block that does not help, so that products known by it alone still have a vector


class MeanFusion(BlockFusion):
    """Mean of the blocks that a product has, each brought to one width and to unit length; then unit length again.

    Parameters
    ----------
    dim
        Length of fused vectors; None for that of the widest block.
    widths
        How blocks come to one width: ``pca``, ``orthogonal`` or ``keep`` (:func:`goodsense.fusion.widths.common_maps`).
    """

    kind: ClassVar[str] = "mean"

    def __init__(self, *, dim: int | None = None, widths: Widths = "pca") -> None:
        check_common(dim, widths)
        super().__init__(dim=dim, widths=widths)

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        return {"map": common_maps(given, dim=self._options["dim"], widths=self._options["widths"], seed=seed)}

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        return unit_sum({name: rows.vectors for name, rows in given.items()})


class MaxFusion(BlockFusion):
    """The largest entry, column by column, among the blocks that a product has; the parts say which block gave it.

    Parameters are those of :class:`MeanFusion`.
    """

    kind: ClassVar[str] = "max"

    def __init__(self, *, dim: int | None = None, widths: Widths = "pca") -> None:
        check_common(dim, widths)
        super().__init__(dim=dim, widths=widths)

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        return {"map": common_maps(given, dim=self._options["dim"], widths=self._options["widths"], seed=seed)}

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        stacked = [np.where(rows.present[:, None], rows.vectors, -np.inf) for rows in given.values()]  # B x (n, dim)
        winner = np.argmax(stacked, axis=0)  # (n, dim)
        parts = {
            name: np.where(winner == place, rows.vectors, np.float32(0))
            for place, (name, rows) in enumerate(given.items())
        }
        return unit_sum(parts)


class WeightedFusion(BlockFusion):
    """Sum of the blocks that a product has, with weights by hand, brought to one width and at the end to unit length.

    Parameters
    ----------
    weights
        Block -> weight from 0 up, at least one above 0. Blocks of weight 0 are left out.
    dim, widths
        As of :class:`MeanFusion`.
    """

    kind: ClassVar[str] = "weighted"

    def __init__(self, weights: Mapping[str, float], *, dim: int | None = None, widths: Widths = "pca") -> None:
        check_common(dim, widths)
        AdditiveFusion(weights)  # refuses what cannot be weights
        super().__init__(weights={name: float(weights[name]) for name in sorted(weights)}, dim=dim, widths=widths)

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn the centre and the map of every block; each block must have a weight."""
        check_blocks(blocks, self._options["weights"])
        return super().fit(blocks, lesson=lesson, seed=seed, progress=progress)

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        return {"map": common_maps(given, dim=self._options["dim"], widths=self._options["widths"], seed=seed)}

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        weights = self._options["weights"]
        return unit_sum({name: np.float32(weights[name]) * rows.vectors for name, rows in given.items()})


class ConcatFusion(BlockFusion):
    """Centred unit rows side by side, over the square root of the number of blocks; with ``dim`` also PCA of them.

    A missing block is zero after centring: the product counts as average there. Without ``dim`` every block has a slot
    of its own, and :meth:`terms` splits inner products; principal components mix the blocks, and :meth:`parts` remains.

    Parameters
    ----------
    dim
        Number of principal components, at most as many as there are columns; None for all columns as they are.
    """

    kind: ClassVar[str] = "concat"
    renormalise: ClassVar[bool] = False  # so that each block's mean is 0, and so that of the rows with zeros imputed

    def __init__(self, *, dim: int | None = None) -> None:
        check_common(dim, "pca")
        super().__init__(dim=dim)

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 before the fit."""
        total = sum(self._dims.values())
        return total if self._options["dim"] is None else min(total, self._options["dim"])

    def terms(self, a: Vectors, b: Vectors) -> Mapping[str, NDArray[np.float64]]:
        """What each block adds to the inner product of fused vectors, row by row: block -> ``(n,)``.

        Raises
        ------
        UsageError
            If the fusion has principal components, which belong to no block.
        """
        check_fitted(self.kind, bool(self._dims))
        if self._options["dim"] is not None:
            raise UsageError(
                "principal components belong to no block, so the vectors do not say what each block adds.",
                fix="Take the inner products with parts(blocks), or concatenate without dim.",
            )
        return slot_terms(a, b, self._dims)

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        if self._options["dim"] is None:
            return {}
        side_by_side = np.concatenate([rows.vectors for rows in given.values()], axis=1)
        axes = leading(side_by_side, self.dim, seed=seed).astype(np.float32)
        return {"axes": {name: axes[place] for name, place in slots(self._dims).items()}}

    def _parts(self, blocks: Mapping[str, Embeddings], rows: slice) -> Parts:
        return self._joined(self._prepared(blocks, rows))

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        return {name: self._placed(name, rows) / np.float32(math.sqrt(len(self._dims))) for name, rows in given.items()}

    def _placed(self, name: str, rows: Given) -> Vectors:
        if self._options["dim"] is not None:
            return np.asarray(np.matmul(rows.vectors, self._arrays["axes"][name]))
        placed = np.zeros((len(rows.vectors), self.dim), dtype=np.float32)
        placed[:, slots(self._dims)[name]] = rows.vectors
        return placed


class LearnedFusion:
    """Additive fusion whose weights a logistic or squared loss learns from products that belong together.

    The target says which do (:func:`goodsense.fusion.weights.training_pairs`); the similarities of the blocks, 0 where
    one of two products lacks the block, are the columns of :func:`goodsense.fusion.weights.learned_weights`. The score
    that it learns is the inner product of the fused vectors, up to lengths, so :meth:`terms` splits it exactly.

    Parameters
    ----------
    loss
        ``logistic`` or ``regression``.
    target
        ``"pairs"``, ``"groups"``, the name of the lesson's labels, or None for the first of these that there is.
    ridge
        Penalty of large weights.
    """

    kind: ClassVar[str] = "learned"
    version: ClassVar[int] = 1

    def __init__(self, *, loss: Loss = "logistic", target: str | None = None, ridge: float = 1e-4) -> None:
        check_choice(LOSSES, loss=loss)
        self._options: dict[str, Any] = {"loss": loss, "target": target, "ridge": number("ridge", ridge, least=0)}
        self._additive: AdditiveFusion | None = None

    @property
    def weights(self) -> Mapping[str, float]:
        """Block -> learned weight, of sum 1."""
        return self._fitted().weights

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 before the fit."""
        return self._additive.dim if self._additive else 0

    @property
    def fingerprint(self) -> str:
        """Names code version, options, weights and centres."""
        return artefacts.fingerprint(self._artefact())

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn the weights from the lesson.

        Raises
        ------
        UsageError
            Without a lesson, or with one of other products than the blocks.
        DataError
            If the lesson says of no two products that they belong together, or no block tells these from others.
        """
        check_blocks(blocks, list(blocks))
        count = len(next(iter(blocks.values())))
        if lesson is None or len(lesson.groups) != count:
            found = "no lesson" if lesson is None else f"a lesson of {len(lesson.groups)} products"
            raise UsageError(f"the fusion 'learned' was given {found}; expected one of {count} products.")
        names = sorted(blocks)
        pairs = training_pairs(lesson, self._options["target"], seed=seed)
        columns = []
        for done, name in enumerate(names):
            progress("learn weights", done, len(names))
            columns.append(_cosines(blocks[name], pairs.left, pairs.right))
        how = {option: self._options[option] for option in ("loss", "ridge")}
        weights = learned_weights(np.stack(columns, axis=1), pairs.wanted, **how)
        if weights.sum() <= 1e-9:
            raise DataError(
                f"no weights were learned: products that belong together are alike in none of {', '.join(names)}.",
                fix='Give the weights by hand (fusion "weighted" or "additive"), or learn from another target.',
            )
        weights = np.maximum(weights / weights.sum(), LEAST)
        shares = dict(zip(names, (weights / weights.sum()).tolist(), strict=True))
        self._additive = AdditiveFusion(shares).fit(blocks)
        progress("learn weights", len(names), len(names))
        return self

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One vector per product, ``(n, dim)``, as :meth:`AdditiveFusion.fuse` gives it."""
        return self._fitted().fuse(blocks)

    def terms(self, a: Vectors, b: Vectors) -> Mapping[str, NDArray[np.float64]]:
        """What each block adds to the inner product of fused vectors, row by row: block -> ``(n,)``."""
        return self._fitted().terms(a, b)

    def save(self, directory: Path) -> None:
        """Write options, and the learned fusion beside them, into ``directory``."""
        self._fitted().save(directory / "additive")
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=cls.kind, version=cls.version)
        fusion = cls(**found.settings["options"])
        fusion._additive = AdditiveFusion.load(directory / "additive")
        return fusion

    def _fitted(self) -> AdditiveFusion:
        check_fitted(self.kind, self._additive is not None)
        assert self._additive is not None
        return self._additive

    def _artefact(self) -> artefacts.Artefact:
        learned = self._additive.fingerprint if self._additive else ""
        return artefacts.Artefact(self.kind, self.version, {"options": self._options, "additive": learned}, {})


def check_common(dim: int | None, widths: str) -> None:
    """Refuse options that bring no blocks to one width."""
    if dim is not None:
        whole_number("dim", dim)
    check_choice(WIDTHS, widths=widths)


def _cosines(block: Embeddings, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the centred rows of each pair; 0 where one lacks the block. ``(m,), (m,) -> (m,)``."""
    rows = prepared(block, centre_of(block)).vectors
    found: NDArray[np.float64] = np.einsum("md,md->m", rows[left], rows[right]).astype(np.float64)
    return found
