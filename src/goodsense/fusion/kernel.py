"""Closed forms on kernels: ridge regression and canonical correlation that bend, in seconds and without torch.

A row is compared with rows of training products, the landmarks, by a Gaussian kernel; what is linear in these
similarities is not linear in the row. With up to :data:`EXACT` products every one is a landmark; of more, a seeded
sample is (Williams & Seeger, "Using the Nystroem Method to Speed Up Kernel Machines", NeurIPS 2000).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.options import number, whole_number
from goodsense.errors import DataError, UsageError
from goodsense.fusion.alignment import CcaFusion, counts_of, most_shared, pairs_of
from goodsense.fusion.base import Arrays, BlockFusion, Parts, mapped, unit_sum
from goodsense.fusion.blocks import Given
from goodsense.fusion.left_out import Factor, factored, inverse_diagonal, leverages, solved
from goodsense.fusion.widths import Matrix, block_random, leading
from goodsense.learning.lesson import Lesson
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors, normalise

EXACT = 8_000  # training rows up to which every one is a landmark
AT_ONCE = 4_096  # rows whose similarities are held at a time
LABELS = "labels"  # the anchor that is no block
JITTER = 1e-6  # of the diagonal, so that equal landmarks can be solved for


class KernelFusion(BlockFusion):
    """Similarities to a block's landmarks ``(m, d)``, less the ``usual`` ones ``(m,)``, mapped by ``(m, dim)``.

    A block without landmarks is mapped as it is.
    """

    def _parts(self, blocks: Mapping[str, Embeddings], rows: slice) -> Parts:
        return self._joined(self._lifted(self._prepared(blocks, rows)))

    def _lifted(self, given: Mapping[str, Given]) -> dict[str, Given]:
        """Prepared rows to mapped ones of unit length."""
        landmarks, maps = self._arrays["landmarks"], self._arrays["map"]
        found: dict[str, Given] = {}
        for name, rows in given.items():
            if name not in landmarks:
                found |= mapped({name: rows}, maps)
                continue
            made = np.zeros((len(rows.vectors), self.dim), dtype=np.float32)
            for start in range(0, len(made), AT_ONCE):
                part = slice(start, start + AT_ONCE)
                made[part] = (self._similar(name, rows.vectors[part]) - self._arrays["usual"][name]) @ maps[name]
            made[~rows.present] = 0
            found |= mapped({name: Given(made, rows.present)}, {name: np.eye(self.dim, dtype=np.float32)})
        return found

    def _similar(self, name: str, rows: Vectors) -> Vectors:
        return similarities(rows, self._arrays["landmarks"][name], self._options["gamma"])

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        return unit_sum({name: rows.vectors for name, rows in given.items()})


class KernelRidgeFusion(KernelFusion):
    """Kernel ridge regression of an anchor on every block; the fused vector is the mean of what they foretell.

    The anchor is a block, which stays as it is, or ``"labels"``: then every block foretells all the labels of the
    lesson at once, and products lie near each other that shoppers call the same (by type, by colour). Regression into
    the space of the query is less bothered by hubs than the other way round (Shigeto & others, 2015).

    Parameters
    ----------
    anchor
        A block, ``"labels"``, or None for the block that shares the most products with the others.
    dim
        Principal components of the anchor that make the space, at most; None for its columns as they are.
    gamma
        The kernel is ``exp(-gamma * |x - y|**2)`` on centred unit rows, whose squared distances lie around 2.
    ridge
        Added to the diagonal of the kernel, above 0.
    landmarks
        How many, where there are more than :data:`EXACT` training products.
    fields
        The labels to foretell, where they are the anchor; None for all that the lesson has.
    foretold
        Whether the anchor block, too, is mapped by a regression: to what the other blocks foretell of products with
        such a row, each training product left out of its own foretelling. What the other blocks cannot know of the
        anchor then no longer tells products apart. Of no use where the labels are the anchor.
    """

    kind: ClassVar[str] = "kernel-ridge"

    def __init__(
        self,
        *,
        anchor: str | None = None,
        dim: int | None = None,
        gamma: float = 0.5,
        ridge: float = 0.1,
        landmarks: int = 4_000,
        fields: Sequence[str] | None = None,
        foretold: bool = False,
    ) -> None:
        super().__init__(
            anchor=anchor,
            dim=None if dim is None else whole_number("dim", dim),
            gamma=number("gamma", gamma, least=0, above=True),
            ridge=number("ridge", ridge, least=0, above=True),
            landmarks=whole_number("landmarks", landmarks),
            fields=None if fields is None else list(fields),
            foretold=bool(foretold),
        )

    @property
    def anchor(self) -> str:
        """The block whose space is the common one, or ``"labels"``; empty before the fit."""
        return next(iter(self._arrays.get("anchor", {})), "")

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn what every block foretells of the anchor.

        Raises
        ------
        UsageError
            If there is no block, blocks are not of the same products, the anchor is none of them, or labels are asked
            for and the lesson has none.
        DataError
            If no product has a block beside the anchor.
        """
        if self._options["anchor"] != LABELS or LABELS in blocks:
            return super().fit(blocks, lesson=lesson, seed=seed, progress=progress)
        if not blocks:
            raise UsageError("fusion got no block at all.")
        labels = label_block(next(iter(blocks.values())), lesson, self._options["fields"])
        super().fit({**blocks, LABELS: labels}, seed=seed, progress=progress)
        del self._dims[LABELS]  # which no product has when it is fused
        return self

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        counts = counts_of(given, self.kind)
        anchor = self._options["anchor"] or most_shared(pairs_of(counts))
        if anchor not in given:
            raise UsageError(f"the anchor is {anchor!r}; expected one of the blocks {', '.join(given)}, or {LABELS!r}.")
        target = given[anchor]
        width = target.vectors.shape[1]
        axes: Matrix = np.eye(width)
        if self._options["dim"] is not None:
            axes = leading(target.vectors[target.present], min(self._options["dim"], width), seed=seed)
        wanted = Given((target.vectors @ axes).astype(np.float32), target.present)
        found: Arrays = {"map": {anchor: axes.astype(np.float32)}, "landmarks": {}, "usual": {}}
        foretold = np.zeros_like(wanted.vectors) if self._options["foretold"] and anchor != LABELS else None
        for name in (name for name in given if name != anchor):
            self._regress(found, name, given[name], wanted, seed, foretold)
        if foretold is not None:
            heard = Given(normalise(foretold), np.asarray(foretold.any(axis=1)))
            self._regress(found, anchor, target, heard, seed)
        return {**found, "anchor": {anchor: np.ones(1, dtype=np.int64)}}

    def _regress(
        self, found: Arrays, name: str, rows: Given, target: Given, seed: int, foretold: Vectors | None = None
    ) -> None:
        """Add a block's landmarks and map; to ``foretold (n, t)``, of each row what is foretold without its help."""
        both = np.flatnonzero(rows.present & target.present)
        source, wanted = rows.vectors[both], target.vectors[both]
        marks, factor, weights = self._regression(name, source, wanted, seed)
        found["landmarks"][name], found["map"][name] = marks, weights
        found["usual"][name] = np.zeros(len(marks), dtype=np.float32)
        if foretold is None:
            return
        if len(both) <= EXACT:
            without: Vectors = wanted - weights / inverse_diagonal(factor)[:, None]
            foretold[both] += normalise(without)
            return
        for start in range(0, len(both), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            own = similarities(source[part], marks, self._options["gamma"])
            share = leverages(factor, own)[:, None]
            without = (own @ weights - share * wanted[part]) / (np.float32(1) - share)
            foretold[both[part]] += normalise(without)

    def _regression(self, name: str, source: Vectors, wanted: Vectors, seed: int) -> tuple[Vectors, Factor, Vectors]:
        """Landmarks ``(m, d)``, the factor of their table, and the map of similarities to them, ``(m, t)``."""
        gamma, ridge = self._options["gamma"], self._options["ridge"]
        if len(source) <= EXACT:
            own = similarities(source, source, gamma)
            own[np.diag_indices_from(own)] += np.float32(ridge)
            factor = factored(own)
            return source, factor, solved(factor, wanted)
        marks = source[drawn(len(source), self._options["landmarks"], name, seed)]
        table = np.float32(ridge) * similarities(marks, marks, gamma)
        goal = np.zeros((len(marks), wanted.shape[1]), dtype=np.float32)
        for start in range(0, len(source), AT_ONCE):
            own = similarities(source[start : start + AT_ONCE], marks, gamma)
            table += own.T @ own
            goal += own.T @ wanted[start : start + AT_ONCE]
        table[np.diag_indices_from(table)] += np.float32(JITTER * len(source))
        factor = factored(table)
        return marks, factor, solved(factor, goal)


class KernelCcaFusion(KernelFusion, CcaFusion):
    """Canonical correlations (:class:`goodsense.fusion.alignment.CcaFusion`) of what the blocks' kernels see.

    Kernel canonical correlation analysis (Bach & Jordan, JMLR 2002) on Nystroem features of each block.

    Parameters
    ----------
    dim, ridge, power, components
        As for ``cca``.
    gamma
        The kernel is ``exp(-gamma * |x - y|**2)`` on centred unit rows.
    landmarks
        Of every block, at most; as many features come of them.
    """

    kind: ClassVar[str] = "kernel-cca"

    def __init__(
        self,
        *,
        dim: int = 256,
        ridge: float = 0.5,
        power: float = 1.0,
        components: int = 1_024,
        gamma: float = 0.5,
        landmarks: int = 2_000,
    ) -> None:
        super().__init__(dim=dim, ridge=ridge, power=power, components=components)
        self._options |= {
            "gamma": number("gamma", gamma, least=0, above=True),
            "landmarks": whole_number("landmarks", landmarks),
        }

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        counts_of(given, self.kind)
        found: Arrays = {"landmarks": {}, "usual": {}}
        lifts, features = {}, {}
        for name, rows in given.items():
            known = rows.vectors[rows.present]
            marks = known[drawn(len(known), self._options["landmarks"], name, seed)]
            similar = similarities(known, marks, self._options["gamma"])
            usual = similar.mean(axis=0, dtype=np.float64).astype(np.float32) if len(known) else similar.sum(axis=0)
            found["landmarks"][name], found["usual"][name] = marks, usual
            lifts[name] = nystroem(marks, self._options["gamma"])
            made = np.zeros((len(rows.vectors), lifts[name].shape[1]), dtype=np.float32)
            made[rows.present] = (similar - usual) @ lifts[name]
            features[name] = Given(made, rows.present)
        learned = super()._learn(features, seed)
        learned["map"] = {name: (lifts[name] @ matrix).astype(np.float32) for name, matrix in learned["map"].items()}
        return {**learned, **found}


def similarities(rows: Vectors, landmarks: Vectors, gamma: float) -> Vectors:
    """``exp(-gamma * |x - y|**2)``: ``(n, d), (m, d) -> (n, m)``."""
    squares = np.einsum("nd,nd->n", rows, rows)[:, None] + np.einsum("md,md->m", landmarks, landmarks)
    squares -= 2 * (rows @ landmarks.T)
    np.maximum(squares, 0, out=squares)
    squares *= np.float32(-gamma)
    found: Vectors = np.exp(squares, out=squares)
    return found


def nystroem(landmarks: Vectors, gamma: float) -> Vectors:
    """What turns similarities to landmarks into features whose inner products are the kernel's: ``(m, f)``."""
    from scipy.linalg import eigh

    if not len(landmarks):
        return np.zeros((0, 1), dtype=np.float32)
    values, vectors = eigh(similarities(landmarks, landmarks, gamma).astype(np.float64))
    keep = values > JITTER * values[-1]
    return np.asarray(vectors[:, keep] / np.sqrt(values[keep]), dtype=np.float32)


def drawn(count: int, most: int, name: str, seed: int) -> NDArray[np.int64]:
    """At most so many of ``count`` rows, in order, by a generator of the block's own."""
    if count <= most:
        return np.arange(count)
    return np.sort(block_random(name, seed).choice(count, most, replace=False)).astype(np.int64)


def label_block(like: Embeddings, lesson: Lesson | None, fields: Sequence[str] | None = None) -> Embeddings:
    """The labels of products as a block: one column per class of every field, 1 where a product is of it.

    Raises
    ------
    UsageError
        If the lesson has no labels, not those asked for, or is of other products.
    DataError
        If no field has two classes.
    """
    if lesson is None or not lesson.labels or len(lesson.groups) != len(like):
        found = "no lesson" if lesson is None else f"a lesson of {len(lesson.groups)} products"
        raise UsageError(
            f"labels are to be foretold; found {found} with {len(lesson.labels) if lesson else 0} fields of labels.",
            fix=f"Give a lesson with labels of the {len(like)} products, or another anchor.",
        )
    columns: list[NDArray[Any]] = []
    for name in sorted(lesson.labels if fields is None else fields):
        if name not in lesson.labels:
            raise UsageError(f"the lesson has no labels {name!r}; it has {', '.join(sorted(lesson.labels))}.")
        classes = np.unique(lesson.labels[name])
        classes = classes[classes >= 0]
        if len(classes) >= 2:
            columns.append(lesson.labels[name][:, None] == classes)
    if not columns:
        raise DataError("no field of labels has two classes.", fix="Give labels that differ, or another anchor.")
    rows = np.concatenate(columns, axis=1).astype(np.float32)
    return Embeddings(like.ids, like.owners, rows, np.asarray(rows.any(axis=1)))
