"""What encoders of media in two halves have in common, whatever they see; :class:`goodsense.types.MediaEncoder`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.decomposition import Projection
from goodsense.progress import Progress, silent
from goodsense.types import Labels, Vectors


class TwoHalves(ABC):
    """An encoder that describes values one by one and projects descriptions in batches."""

    learns_labels: bool = False
    _fingerprint = ""

    @property
    @abstractmethod
    def describe(self) -> Callable[[Any], NDArray[Any]]:
        """What worker processes do with one value."""

    @abstractmethod
    def fit_described(
        self,
        raw: Sequence[NDArray[Any]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """Learn from descriptions."""

    def redescribed(self, raw: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """Descriptions from before the fit, as :attr:`describe` gives them after it."""
        return raw

    @abstractmethod
    def project(self, raw: Sequence[NDArray[Any]]) -> Vectors:
        """``n`` descriptions to vectors ``(n, dim)``."""

    @abstractmethod
    def _artefact(self) -> artefacts.Artefact:
        """Settings and fitted arrays."""

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint:
            self._fingerprint = artefacts.fingerprint(self._artefact())
        return self._fingerprint

    def fit(self, values: Sequence[Any], *, seed: int) -> Self:
        """Learn from values, without labels."""
        describe = self.describe
        return self.fit_described([describe(value) for value in values], seed=seed)

    def encode(self, values: Sequence[Any]) -> Vectors:
        """``n`` values to ``(n, dim)``."""
        describe = self.describe
        return self.project([describe(value) for value in values])

    def encode_query(self, values: Sequence[Any]) -> Vectors:
        """The same as :meth:`encode`."""
        return self.encode(values)

    def save(self, directory: Path) -> None:
        """Write settings and fitted arrays into ``directory``."""
        artefacts.write(self._artefact(), directory)


# ---- blocks: families of measures side by side in one vector


def block_slices(projections: Mapping[str, Projection]) -> dict[str, slice]:
    """Where each block stands in the vectors, for heads that weigh blocks by themselves; empty before a fit."""
    found, start = {}, 0
    for name, projection in projections.items():
        found[name] = slice(start, start + projection.matrix.shape[1])
        start = found[name].stop
    return found
