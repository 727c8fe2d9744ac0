"""The built-in picture encoder: classical descriptors, reduced by principal components learned on the shop's pictures.

Describing needs no fitting, so :func:`describe` runs in worker processes (:mod:`goodsense.encoders.parallel`); the
fitted part is one small matrix per block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts, outlines
from goodsense.encoders import descriptor_blocks as blocks
from goodsense.encoders.decomposition import Projection, principal
from goodsense.encoders.halves import TwoHalves, block_slices
from goodsense.encoders.options import check_whole, checked_block_weights
from goodsense.errors import DataError, UsageError
from goodsense.media.reading import ImageWish
from goodsense.progress import Progress, silent
from goodsense.types import Image, Labels, Modality, Vectors, normalise

KIND = "descriptors"
VERSION = 1
GRADIENT_SIDE = 96  # pixels of the canonical picture that gradients and texture are read from
COLOUR_SIDE = 64
FORM_SIDE = 48  # coarse gradients: the form without its details
LARGEST_SIDE = 2_048  # larger pictures are decoded smaller, which is many times faster
FIT_LIMIT = 4_000  # pictures read by a fit


@dataclass(frozen=True)
class Block:
    """One family of descriptors: its share of the vector's length, its weight, and how its columns are scaled.

    ``standardise`` gives every raw column the same variance first: for measures of different kinds, not for
    histograms, whose small bins are mostly noise. ``whiten`` lifts the later principal components a little.
    """

    share: float
    weight: float
    standardise: bool = False
    whiten: float = 0.0


BLOCKS: Mapping[str, Block] = {
    "colour": Block(0.19, 1.0, whiten=0.25),
    "palette": Block(0.11, 1.5, whiten=0.25),
    "accent": Block(0.06, 0.5, whiten=0.25),
    "layout": Block(0.07, 0.45, standardise=True),
    "gradients": Block(0.29, 1.3, whiten=0.25),
    "form": Block(0.12, 1.3, whiten=0.25),
    "patterns": Block(0.10, 1.5, whiten=0.25),
    "texture": Block(0.02, 0.1, standardise=True),
    "outline": Block(0.04, 0.25, standardise=True),
}


def describe_blocks(image: Image) -> dict[str, blocks.Flat]:
    """The raw descriptors of one picture, block by block."""
    import cv2

    large = cv2.resize(image, (GRADIENT_SIDE, GRADIENT_SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(large, cv2.COLOR_RGB2GRAY)
    coarse = cv2.resize(grey, (FORM_SIDE, FORM_SIDE), interpolation=cv2.INTER_AREA)
    lab = blocks.to_lab(cv2.resize(large, (COLOUR_SIDE, COLOUR_SIDE), interpolation=cv2.INTER_AREA))
    product = outlines.foreground(lab)
    return _colours(lab, product) | {
        "gradients": blocks.oriented_gradients(_root(grey)),
        "form": blocks.oriented_gradients(_root(coarse)),
        "patterns": np.concatenate([blocks.binary_patterns(grey, radius=1), blocks.binary_patterns(grey, radius=2)]),
        "texture": blocks.co_occurrence(coarse),
        "outline": np.concatenate([outlines.silhouette(product), outlines.shape_measures(product)]),
    }


def _colours(lab: blocks.Lab, product: blocks.Weights) -> dict[str, blocks.Flat]:
    """Where which colours are (colour), which the product has (palette), and which are vivid in its middle (accent).

    The last survives a busy background: a photo of one apple before a shelf of others still shows its own red.
    """
    counts, fine = blocks.channel_counts(lab, grid=4), blocks.FineColours.of(lab)
    shares = blocks.weighted_counts(lab, product)
    vivid = product * outlines.centre_prior(*lab.shape[:2]) * blocks.vividness(lab)
    return {
        "colour": blocks.channel_histograms(counts, bins=12, grids=(1, 2, 4)),
        "palette": np.concatenate(
            [
                blocks.joint_histogram(fine),
                blocks.joint_histogram(fine, product),
                blocks.value_histograms(shares, bins=16),
            ]
        ),
        "accent": blocks.joint_histogram(fine, vivid, bins=(3, 6, 6)),
        "layout": np.concatenate([blocks.colour_layout(lab), blocks.colour_moments(shares)]),
    }


def _root(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    root: NDArray[np.float32] = np.sqrt(grey.astype(np.float32) / 255)
    return root


def describe(image: Image) -> blocks.Flat:
    """The raw descriptors of one picture, the same for every shop: ``(h, w, 3)`` uint8 to ``(raw,)`` float32."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise DataError(f"a picture is {image.dtype} {image.shape}; expected uint8 (height, width, 3).")
    return np.concatenate(list(describe_blocks(image).values()))


@cache
def raw_slices() -> dict[str, slice]:
    """Where each block stands in a raw descriptor."""
    ends, start = {}, 0
    for name, found in describe_blocks(np.zeros((32, 32, 3), dtype=np.uint8)).items():
        ends[name] = slice(start, start + len(found))
        start += len(found)
    return ends


class DescriptorsEncoder(TwoHalves):
    """Pictures to vectors of colour, gradients, texture and outline.

    Parameters
    ----------
    dim
        Length of the vectors. Every block has its share of it; with few pictures to learn from, columns are zero.
    weights
        Block -> weight, to change the balance; a block of weight 0 is left out. See :data:`BLOCKS` for the names.
    """

    def __init__(self, *, dim: int = 512, weights: Mapping[str, float] | None = None) -> None:
        check_whole(dim=dim, least=len(BLOCKS))
        self._dim = dim
        self._weights = checked_block_weights(weights, {name: block.weight for name, block in BLOCKS.items()})
        self._projections: dict[str, Projection] = {}

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"image"})

    @property
    def slices(self) -> Mapping[str, slice]:
        """Where each block stands in the vectors; empty before a fit."""
        return block_slices(self._projections)

    @property
    def wish(self) -> ImageWish:
        return ImageWish(max_side=LARGEST_SIDE)

    @property
    def describe(self) -> Callable[[Image], blocks.Flat]:
        """The unfitted half: one picture to its raw descriptor."""
        return describe

    def fit(self, values: Sequence[Image], *, seed: int) -> Self:
        """Learn centres, principal components and energies from pictures; of many, from a seeded sample."""
        picked = sample_rows(len(values), seed=seed)
        return self.fit_described([describe(values[i]) for i in picked.tolist()], seed=seed)

    def fit_described(
        self,
        raw: Sequence[NDArray[np.float32]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """The same from raw descriptors, as :func:`describe` gives them; labels change nothing."""
        rows = _stacked([raw[row] for row in sample_rows(len(raw), seed=seed).tolist()])
        slices = raw_slices()
        lengths = shared_out(self._dim, {name: BLOCKS[name].share for name in slices if self._weights[name] > 0})
        self._projections = {
            name: principal(
                rows[:, slices[name]],
                length,
                seed=seed,
                standardise=BLOCKS[name].standardise,
                whiten=BLOCKS[name].whiten,
            )
            for name, length in lengths.items()
        }
        self._fingerprint = ""
        return self

    def project(self, raw: Sequence[NDArray[np.float32]]) -> Vectors:
        """The fitted half: ``n`` raw descriptors to vectors ``(n, dim)``.

        Every block of a picture is brought to unit length before it is weighted, so rows are of unit length too.
        """
        if not self._projections:
            raise UsageError("this picture encoder was not fitted yet.", fix="Call fit(pictures, seed=...) first.")
        rows, slices = _stacked(raw), raw_slices()
        total = sum(self._weights[name] for name in self._projections)
        parts = [
            np.float32(math.sqrt(self._weights[name] / total)) * normalise(projection.apply(rows[:, slices[name]]))
            for name, projection in self._projections.items()
        ]
        return np.concatenate(parts, axis=1)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        encoder = cls(dim=found.settings["dim"], weights=found.settings["weights"])
        encoder._projections = {
            name: Projection(found.arrays[f"{name}.centre"], found.arrays[f"{name}.matrix"])
            for name in found.settings["blocks"]
        }
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings: dict[str, Any] = {"dim": self._dim, "weights": self._weights, "blocks": list(self._projections)}
        arrays: dict[str, NDArray[np.float32]] = {}
        for name, projection in self._projections.items():
            arrays |= {f"{name}.centre": projection.centre, f"{name}.matrix": projection.matrix}
        return artefacts.Artefact(KIND, VERSION, settings, arrays)


def sample_rows(count: int, *, seed: int) -> NDArray[np.int64]:
    """The rows that a fit reads: all, or a seeded sample of :data:`FIT_LIMIT`, in order."""
    if count <= FIT_LIMIT:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, FIT_LIMIT, replace=False))


def shared_out(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Deal ``total`` columns out by shares; each block gets at least one, the largest takes what rounding leaves."""
    whole = sum(shares.values())
    lengths = {name: max(1, int(total * share / whole)) for name, share in shares.items()}
    largest = max(lengths, key=lambda name: lengths[name])
    lengths[largest] += total - sum(lengths.values())
    return lengths


def _stacked(raws: Sequence[blocks.Flat]) -> NDArray[np.float32]:
    length = max(place.stop for place in raw_slices().values())
    return np.stack(raws) if len(raws) else np.zeros((0, length), dtype=np.float32)
