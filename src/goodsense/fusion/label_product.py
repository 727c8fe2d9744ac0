"""Products alike in every one of some labels at once: the product of what a kernel regression foretells of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.options import number, whole_number
from goodsense.encoders.sketch import signs
from goodsense.errors import UsageError
from goodsense.fusion.base import Arrays, BlockFusion, Parts, unit_sum
from goodsense.fusion.blocks import Given
from goodsense.fusion.kernel import LABELS, KernelRidgeFusion, label_block
from goodsense.learning.lesson import Lesson
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors, normalise

FIELDS = 2  # of the most classes, where none are named
NARROW = 3.0  # of the kernel of what chances leave open
MOST = 65_536  # combinations of classes


class LabelProductFusion(KernelRidgeFusion):
    """Every block foretells the chance of each class; two products are as alike as their chances agree in all fields.

    The inner product of two vectors is about the product, over the fields, of the Bhattacharyya coefficients of what
    is foretold of each product (the probability product kernel of Jebara, Kondor & Howard, JMLR 2004): two red shirts
    are alike, a red shirt and a red shoe, or a blue shirt, are not. The roots of the chances of all combinations are
    brought to ``dim`` columns by random signs.

    Parameters
    ----------
    fields
        Labels of the lesson; None for the two of the most classes.
    only
        The blocks that say something; None for all. Products without them are not present.
    dim
        Length of fused vectors.
    temperature
        What is foretold, which lies around 0 and 1, is divided by it before the softmax.
    sure
        Rank products first of which much is known: two are as alike as it is probable that they agree in all fields,
        by the chances themselves instead of their roots, over the root of how sure each is. Half of the columns then
        hold what is left open: the rows under a narrow kernel (random Fourier features, Rahimi & Recht, NIPS 2007), by
        which hardly any other product is alike, so that vectors stay of unit length.
    gamma, ridge, landmarks
        As for ``kernel-ridge``.
    """

    kind: ClassVar[str] = "label-product"

    def __init__(
        self,
        *,
        fields: Sequence[str] | None = None,
        only: Sequence[str] | None = None,
        dim: int = 1_024,
        temperature: float = 0.05,
        sure: bool = False,
        gamma: float = 0.5,
        ridge: float = 0.1,
        landmarks: int = 4_000,
    ) -> None:
        BlockFusion.__init__(
            self,
            fields=None if fields is None else sorted(set(fields)),
            only=None if only is None else sorted(set(only)),
            dim=whole_number("dim", dim),
            temperature=number("temperature", temperature, least=0, above=True),
            sure=bool(sure),
            gamma=number("gamma", gamma, least=0, above=True),
            ridge=number("ridge", ridge, least=0, above=True),
            landmarks=whole_number("landmarks", landmarks),
        )
        self._sizes: dict[str, int] = {}

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 before the fit."""
        return int(self._options["dim"]) if self._dims else 0

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn what every block foretells of the labels.

        Raises
        ------
        UsageError
            If there is no block or none of those that say something, blocks are not of the same products, or the lesson
            lacks labels or has too many combinations of them.
        DataError
            If no field has two classes.
        """
        if not blocks:
            raise UsageError("fusion got no block at all.")
        only = self._options["only"]
        if only is not None and not set(only) & set(blocks):
            raise UsageError(f"only {', '.join(only)} are to say something; the blocks are {', '.join(blocks)}.")
        sizes = {} if lesson is None else _sizes(lesson.labels)
        fields = self._options["fields"] or sorted(sizes, key=lambda name: (-sizes[name], name))[:FIELDS]
        labels = label_block(next(iter(blocks.values())), lesson, fields or None)
        self._sizes = {name: sizes[name] for name in sorted(fields) if sizes[name] >= 2}
        if (count := int(np.prod(list(self._sizes.values())))) > MOST:
            raise UsageError(
                f"the labels {', '.join(self._sizes)} have {count} combinations; expected at most {MOST}.",
                fix="Name fewer fields.",
            )
        BlockFusion.fit(self, {**blocks, LABELS: labels}, seed=seed, progress=progress)
        del self._dims[LABELS]
        return self

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        truth = given[LABELS]
        wanted = Given((truth.vectors > 0).astype(np.float32), truth.present)  # centred rows: above 0 where it is 1
        found: Arrays = {"map": {}, "landmarks": {}, "usual": {}, "anchor": {LABELS: np.ones(1, dtype=np.int64)}}
        for name in (name for name in given if name != LABELS and name in (self._options["only"] or given)):
            self._regress(found, name, given[name], wanted, seed)
        sizes: dict[str, NDArray[Any]] = {name: np.array([size]) for name, size in self._sizes.items()}
        return {**found, "sizes": sizes, "seed": {"signs": np.array([seed])}}

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        return unit_sum({name: rows.vectors for name, rows in given.items()}) if given else {}

    def _lifted(self, given: Mapping[str, Given]) -> dict[str, Given]:
        found = {}
        for name, rows in given.items():
            if name in self._arrays["landmarks"]:
                scores = self._similar(name, rows.vectors) @ self._arrays["map"][name]  # (n, classes of all fields)
                made = (
                    self._sure(scores, rows.vectors) if self._options["sure"] else self._product(scores, 0.5, self.dim)
                )
                made = normalise(made)
                made[~rows.present] = 0
                found[name] = Given(made, rows.present)
        return found

    def _product(self, scores: Vectors, power: float, dim: int) -> Vectors:
        """A power of the chances of every combination of classes, under random signs: ``(n, dim)``."""
        raised = np.ones((len(scores), 1), dtype=np.float32)
        for own in self._chances(scores):
            raised = (raised[:, :, None] * own[:, None, :] ** np.float32(power)).reshape(len(scores), -1)
        return raised @ signs(np.arange(raised.shape[1]), dim, self._seed)

    def _sure(self, scores: Vectors, rows: Vectors) -> Vectors:
        """Chances as long as they are sure, beside what they leave open: ``(n, dim)`` of unit length."""
        lengths = np.ones(len(scores), dtype=np.float32)  # of the chances of all combinations
        for own in self._chances(scores):
            lengths *= np.linalg.norm(own, axis=1)
        half = self.dim // 2
        known = np.sqrt(lengths)[:, None] * normalise(self._product(scores, 1.0, self.dim - half))
        left = np.sqrt(np.maximum(1 - lengths, 0))[:, None] * narrow(rows, half, self._seed)
        return np.concatenate([known, left], axis=1)

    def _chances(self, scores: Vectors) -> list[Vectors]:
        sizes = [int(self._arrays["sizes"][name][0]) for name in sorted(self._arrays["sizes"])]
        fields = np.split(scores, np.cumsum(sizes)[:-1], axis=1)
        return [chances(field, self._options["temperature"]) for field in fields]

    @property
    def _seed(self) -> int:
        return int(self._arrays["seed"]["signs"][0])


def chances(scores: Vectors, temperature: float) -> Vectors:
    """Softmax of each row: ``(n, k)``."""
    raised = np.exp((scores - scores.max(axis=1, keepdims=True, initial=-np.inf)) / np.float32(temperature))
    found: Vectors = raised / raised.sum(axis=1, keepdims=True)
    return found


def narrow(rows: Vectors, dim: int, seed: int) -> Vectors:
    """Rows whose inner products are about ``exp(-NARROW * |x - y|**2)``: ``(n, d) -> (n, dim)``, of unit length."""
    random = np.random.default_rng([seed, dim])
    axes = random.normal(size=(rows.shape[1], (dim + 1) // 2), scale=np.sqrt(2 * NARROW)).astype(np.float32)
    turns = rows @ axes
    return normalise(np.concatenate([np.cos(turns), np.sin(turns)], axis=1)[:, :dim])


def _sizes(labels: Mapping[str, NDArray[np.int64]]) -> dict[str, int]:
    """How many classes each field has."""
    return {name: len(np.unique(codes[codes >= 0])) for name, codes in labels.items()}
