"""The built-in sound encoder: statistics of spectral measures, standardised and reduced on the shop's own sounds.

Describing needs no fitting and runs in worker processes; the fitted part is one small matrix per block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.decomposition import Projection, principal
from goodsense.encoders.descriptors import shared_out
from goodsense.encoders.halves import TwoHalves, block_slices
from goodsense.encoders.options import check_whole, checked_block_weights
from goodsense.encoders.sound_options import checked_rate, checked_seconds, one_channel
from goodsense.encoders.spectral_features import Spectra, describe_blocks, raw_slices
from goodsense.errors import UsageError
from goodsense.media.reading import SoundWish
from goodsense.progress import Progress, silent
from goodsense.types import Labels, Modality, Sound, Vectors, normalise

KIND = "spectral"
VERSION = 1
FIT_LIMIT = 10_000  # sounds read by a fit
FARTHEST = 5.0  # deviations from the mean beyond which a feature says no more


@dataclass(frozen=True)
class Block:
    """One block of features: its share of the vector's length and its weight."""

    share: float
    weight: float


BLOCKS: Mapping[str, Block] = {
    "mel": Block(0.25, 1.0),
    "mfcc": Block(0.2, 1.0),
    "delta": Block(0.08, 1.0),
    "modulation": Block(0.1, 1.0),
    "shape": Block(0.1, 1.0),
    "contrast": Block(0.11, 1.0),
    "chroma": Block(0.06, 1.0),
    "pitch": Block(0.03, 1.0),
    "rhythm": Block(0.03, 1.0),
    "dynamics": Block(0.04, 1.0),
}


@dataclass(frozen=True)
class Describe:
    """The unfitted half: one sound to its raw features ``(raw,)`` float32; zeros for silence."""

    rate: int
    reference: float

    def __call__(self, sound: Sound) -> NDArray[np.float32]:
        spectra = Spectra.of(one_channel(sound, self.rate), self.rate, reference=self.reference)
        if spectra is None:
            return np.zeros(raw_length(self.rate), dtype=np.float32)
        return np.concatenate(list(describe_blocks(spectra).values()))


def raw_length(rate: int) -> int:
    """Length of a raw description."""
    return max(int(place.stop) for place in raw_slices(rate).values())


class SpectralEncoder(TwoHalves):
    """Sounds to vectors of timbre, pitch, rhythm and dynamics.

    Parameters
    ----------
    dim
        Length of the vectors. Every block has its share of it; with few sounds to learn from, columns are zero.
    weights
        Block -> weight, to change the balance; a block of weight 0 is left out. See :data:`BLOCKS` for the names.
    rate
        Samples per second that sounds are brought to.
    reference
        Hertz of the pitch from which semitones are counted.
    max_seconds
        How much of a sound is listened to.
    """

    def __init__(
        self,
        *,
        dim: int = 384,
        weights: Mapping[str, float] | None = None,
        rate: int = 16_000,
        reference: float = 440.0,
        max_seconds: float = 60.0,
    ) -> None:
        check_whole(dim=dim, least=len(BLOCKS))
        if not (math.isfinite(reference) and 20 <= reference <= 5_000):
            raise UsageError(f"reference is {reference!r}; expected hertz from 20 to 5000.")
        self._dim = dim
        self._weights = checked_block_weights(weights, {name: block.weight for name, block in BLOCKS.items()})
        self._describe = Describe(checked_rate(rate), float(reference))
        self._max_seconds = checked_seconds(max_seconds, "max_seconds")
        self._projections: dict[str, Projection] = {}
        self._scales: dict[str, NDArray[np.float32]] = {}  # block -> (2, f): mean and 1 / deviation of every column

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"audio"})

    @property
    def slices(self) -> Mapping[str, slice]:
        """Where each block stands in the vectors; empty before a fit."""
        return block_slices(self._projections)

    @property
    def wish(self) -> SoundWish:
        return SoundWish(rate=self._describe.rate, max_seconds=self._max_seconds)

    @property
    def describe(self) -> Callable[[Sound], NDArray[np.float32]]:
        return self._describe

    def fit_described(
        self,
        raw: Sequence[NDArray[np.float32]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """The same from raw features, of many from a seeded sample; silences and labels change nothing."""
        rows = self._stacked(raw)
        rows = rows[rows.any(axis=1)]
        if len(rows) > FIT_LIMIT:
            rows = rows[np.sort(np.random.default_rng(seed).choice(len(rows), FIT_LIMIT, replace=False))]
        places = raw_slices(self._describe.rate)
        lengths = shared_out(self._dim, {name: BLOCKS[name].share for name in places if self._weights[name] > 0})
        self._scales = {name: _scale(rows[:, places[name]]) for name in lengths}
        self._projections = {
            name: principal(_standardised(rows[:, places[name]], self._scales[name]), length, seed=seed)
            for name, length in lengths.items()
        }
        self._fingerprint = ""
        return self

    def project(self, raw: Sequence[NDArray[np.float32]]) -> Vectors:
        """The fitted half: ``n`` raw descriptions to vectors ``(n, dim)`` of unit length; zeros stay zeros."""
        if not self._projections:
            raise UsageError("this sound encoder was not fitted yet.", fix="Call fit(sounds, seed=...) first.")
        rows, places = self._stacked(raw), raw_slices(self._describe.rate)
        parts = [
            np.float32(math.sqrt(self._weights[name]))
            * projection.apply(_standardised(rows[:, places[name]], self._scales[name]))
            for name, projection in self._projections.items()
        ]
        return normalise(np.concatenate(parts, axis=1) * rows.any(axis=1, keepdims=True))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        options = dict(found.settings)
        names = options.pop("blocks")
        encoder = cls(**options)
        encoder._projections = {
            name: Projection(found.arrays[f"{name}.centre"], found.arrays[f"{name}.matrix"]) for name in names
        }
        encoder._scales = {name: found.arrays[f"{name}.scale"] for name in names}
        return encoder

    def _stacked(self, raw: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack(raw) if len(raw) else np.zeros((0, raw_length(self._describe.rate)), dtype=np.float32)

    def _artefact(self) -> artefacts.Artefact:
        settings: dict[str, Any] = {
            "dim": self._dim,
            "weights": self._weights,
            "rate": self._describe.rate,
            "reference": self._describe.reference,
            "max_seconds": self._max_seconds,
            "blocks": list(self._projections),
        }
        arrays: dict[str, NDArray[np.float32]] = {}
        for name, projection in self._projections.items():
            arrays[f"{name}.scale"] = self._scales[name]
            arrays |= {f"{name}.centre": projection.centre, f"{name}.matrix": projection.matrix}
        return artefacts.Artefact(KIND, VERSION, settings, arrays)


def _scale(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean and the inverse of the deviation of every column, ``(2, f)``; 0 where nothing varies."""
    if not len(rows):
        return np.zeros((2, rows.shape[1]), np.float32)
    deviation = rows.std(axis=0, dtype=np.float64)
    inverse = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0)
    return np.stack([rows.mean(axis=0, dtype=np.float64), inverse]).astype(np.float32)


def _standardised(rows: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """To mean 0 and deviation 1, and never far from it: one odd recording must not outshout the rest."""
    found: NDArray[np.float32] = np.clip((rows - scale[0]) * scale[1], -FARTHEST, FARTHEST)
    return found
