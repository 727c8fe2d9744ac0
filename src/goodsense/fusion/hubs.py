"""A fusion without hubs: what lies near everything of another modality is found less easily."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.options import number, whole_number
from goodsense.errors import UsageError
from goodsense.fusion.base import FittedFusion, check_fitted
from goodsense.fusion.blocks import check_blocks
from goodsense.fusion.registry import load_fusion, make_fusion
from goodsense.learning.lesson import Lesson
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors, normalise

AT_ONCE = 2_048  # rows compared with a bank at a time
_BANK, _INNER = "bank.", "inner"


class CslsFusion:
    """Another fusion, whose scores across modalities are corrected for hubs, still as one vector per product.

    In a space of many dimensions a few pictures lie near almost every text, and are found by queries that mean others.
    Cross-domain similarity local scaling (Conneau et al., ICLR 2018) takes from the score of a text and a picture what
    the picture has in common with the texts nearest to it, and the text with its pictures. Here the neighbours are
    among the training products, so who else is asked or found changes nothing, and each modality adds one number to
    the vector: 1 where a product is known by this modality alone, and where it is known without it, what is taken away.

    Parameters
    ----------
    fusion, options
        The fusion that makes the vectors, and its options.
    neighbours
        How many training products are near.
    strength
        What of the mean score with them is taken away, on either side; 0.5 as published.
    rows
        Training products of each modality that are compared, at most.
    """

    kind: ClassVar[str] = "csls"
    version: ClassVar[int] = 1

    def __init__(
        self,
        *,
        fusion: str = "ensemble",
        options: Mapping[str, Any] | None = None,
        neighbours: int = 5,
        strength: float = 0.5,
        rows: int = 4_000,
    ) -> None:
        if fusion == self.kind:
            raise UsageError(f"the fusion inside {self.kind!r} is itself; expected another one.")
        make_fusion(fusion, **(options or {}))  # refuses unknown names and options now
        self._options: dict[str, Any] = {
            "fusion": fusion,
            "options": dict(options or {}),
            "neighbours": whole_number("neighbours", neighbours),
            "strength": number("strength", strength, least=0),
            "rows": whole_number("rows", rows),
        }
        self._inner: FittedFusion | None = None
        self._banks: dict[str, NDArray[np.float16]] = {}  # modality -> (m, d)
        self._usual: dict[str, float] = {}  # modality -> what the other modalities have in common with it

    @property
    def inner(self) -> FittedFusion:
        """The fusion that makes the vectors, fitted."""
        check_fitted(self.kind, self._inner is not None)
        assert self._inner is not None
        return self._inner

    @property
    def dims(self) -> Mapping[str, int]:
        """Block -> columns that it had at the fit; empty before."""
        return {} if self._inner is None else dict(self._inner.dims)  # type: ignore[attr-defined]

    @property
    def dim(self) -> int:
        """Length of fused vectors; 0 before the fit."""
        return 0 if self._inner is None else self._inner.dim + len(self._banks)

    @property
    def fingerprint(self) -> str:
        """Names code version, options, the fusion inside and all that was learned."""
        return artefacts.fingerprint(self._artefact())

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        *,
        lesson: Lesson | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Fit the fusion inside, and keep training products of each modality to compare others with.

        Raises
        ------
        UsageError, DataError
            As the fusion inside has them.
        """
        check_blocks(blocks, list(blocks))
        ordered = {name: blocks[name] for name in sorted(blocks)}
        inner = make_fusion(self._options["fusion"], **self._options["options"])
        self._inner = inner.fit(ordered, lesson=lesson, seed=seed, progress=progress)
        self._banks, self._usual = {}, {}
        for place, (name, block) in enumerate(ordered.items()):
            known = np.flatnonzero(block.present)
            order = np.random.default_rng([seed, place]).permutation(len(known))[: self._options["rows"]]
            alone = inner.fuse({name: block.take(known[np.sort(order)])})
            if alone.present.any():
                self._banks[name] = alone.vectors[alone.present].astype(np.float16)
        self._usual = {name: self._mean_of_others(name) for name in self._banks}
        return self

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """One unit vector per product: ``(n, dim)``; products without any block are not present.

        Raises
        ------
        UsageError
            Before a fit, or if a block is unknown, has other ids than the rest, or another width than at the fit.
        """
        fused = self.inner.fuse(blocks)
        rows = np.concatenate([fused.vectors, self._corrections(blocks, fused)], axis=1)
        return Embeddings(fused.ids, fused.owners, normalise(rows), fused.present)

    def parts(self, blocks: Mapping[str, Embeddings]) -> Mapping[str, Vectors]:
        """What each block adds to the fused vectors: block -> ``(n, dim)``; the parts sum to :meth:`fuse`.

        The parts of the fusion inside; a product's blocks share its corrections alike.

        Raises
        ------
        UsageError
            As for :meth:`fuse`; also if the fusion inside has no parts.
        """
        if not hasattr(self.inner, "parts"):
            raise UsageError(f"the fusion {self._options['fusion']!r} does not say what each block adds.")
        fused, split = self.inner.fuse(blocks), self.inner.parts(blocks)
        corrections = self._corrections(blocks, fused)
        lengths = np.linalg.norm(np.concatenate([fused.vectors, corrections], axis=1), axis=1, keepdims=True)
        there = np.stack([np.any(split[name] != 0, axis=1) for name in split], axis=1)  # (n, B)
        shares = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
        return {
            name: np.concatenate([split[name], shares[:, [place]].astype(np.float32) * corrections], axis=1)
            / np.maximum(lengths, np.float32(1e-12))
            for place, name in enumerate(split)
        }

    def save(self, directory: Path) -> None:
        """Write options, the fusion inside and its banks into ``directory``."""
        self.inner.save(directory / _INNER)
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=cls.kind, version=cls.version)
        fusion = cls(**found.settings["options"])
        fusion._inner = load_fusion(found.settings["options"]["fusion"], directory / _INNER)
        fusion._banks = {name: found.arrays[f"{_BANK}{name}"] for name in found.settings["usual"]}
        fusion._usual = {name: float(usual) for name, usual in found.settings["usual"].items()}
        return fusion

    def _corrections(self, blocks: Mapping[str, Embeddings], fused: Embeddings) -> Vectors:
        """One column per modality: ``(n, banks)``, zero for products that are not present."""
        found = np.zeros((len(fused), len(self._banks)), dtype=np.float32)
        nowhere = np.zeros(len(fused), dtype=np.bool_)
        has = {name: blocks[name].present if name in blocks else nowhere for name in self._banks}
        count = np.sum(list(has.values()), axis=0)
        for place, name in enumerate(self._banks):
            found[has[name] & (count == 1), place] = 1
            other = np.flatnonzero(~has[name] & fused.present)
            near = nearness(fused.vectors[other], self._banks[name], self._options["neighbours"])
            found[other, place] = self._options["strength"] * (self._usual[name] - near)
        found[~fused.present] = 0
        return found

    def _mean_of_others(self, name: str) -> float:
        """How near training products of one other modality are to a modality, in the mean."""
        others = [rows for other, rows in self._banks.items() if other != name]
        if not others:
            return 0.0
        rows = np.concatenate([some[:AT_ONCE] for some in others]).astype(np.float32)
        return float(nearness(rows, self._banks[name], self._options["neighbours"]).mean())

    def _artefact(self) -> artefacts.Artefact:
        inside = None if self._inner is None else self._inner.fingerprint
        settings = {"options": self._options, "inside": inside, "usual": self._usual}
        arrays: dict[str, NDArray[Any]] = {f"{_BANK}{name}": rows for name, rows in self._banks.items()}
        return artefacts.Artefact(self.kind, self.version, settings, arrays)


def nearness(rows: Vectors, bank: NDArray[np.floating], neighbours: int) -> Vectors:
    """Mean inner product with the nearest rows of a bank: ``(n, d), (m, d) -> (n,)``."""
    known, count = bank.astype(np.float32), min(neighbours, len(bank))
    found = np.zeros(len(rows), dtype=np.float32)
    for start in range(0, len(rows), AT_ONCE):
        scores = rows[start : start + AT_ONCE] @ known.T  # (b, m)
        found[start : start + AT_ONCE] = np.partition(scores, -count, axis=1)[:, -count:].mean(axis=1)
    return found
