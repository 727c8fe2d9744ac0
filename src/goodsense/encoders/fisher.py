"""``fisher``: what a picture is made of, patch by patch, wherever it lies: local gradients and colours, pooled.

Patches (:mod:`goodsense.encoders.local_patches`) are reduced by principal components, joined by their place in the
picture, and compared with a mixture of Gaussians that was learned on the shop's pictures. Pooled into a Fisher vector
(Perronnin, Sánchez & Mensink, "Improving the Fisher Kernel", ECCV 2010) or VLAD (Jégou et al., CVPR 2010), with signed
square roots and unit length, they serve where things lie on no white ground: shelves, hands, baskets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts, local_patches
from goodsense.encoders.decomposition import Projection, principal
from goodsense.encoders.gaussians import Mixture
from goodsense.encoders.halves import TwoHalves, block_slices
from goodsense.encoders.options import check_choice, check_whole, checked_block_weights
from goodsense.errors import UsageError
from goodsense.media.reading import ImageWish
from goodsense.progress import Progress, silent
from goodsense.types import Image, Labels, Modality, Vectors, normalise

KIND = "fisher"
VERSION = 1
POOLS = ("fisher", "vlad")
PATCHES = ("sift", "orb")
FIT_PICTURES = 2_500  # read by a fit
FIT_PATCHES = 120_000  # of them, for each mixture

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Block:
    """One kind of patches: its share of the vector's length, its weight, and what a patch is reduced to."""

    share: float
    weight: float
    reduced: int


BLOCKS: Mapping[str, Block] = {"gradients": Block(0.4, 0.65, 56), "colours": Block(0.6, 1.0, 40)}


@dataclass(frozen=True)
class Shrink:
    """What the fit reads of a picture: itself, its longer side ``side``."""

    side: int

    def __call__(self, image: Image) -> NDArray[np.uint8]:
        return local_patches.shrunk(image, self.side)


@dataclass(frozen=True, eq=False)
class Words:
    """What is learned of one kind of patches: how they are reduced ``(d, r)``, and their mixture."""

    centre: Floats
    matrix: Floats
    mixture: Mixture

    def reduce(self, patches: local_patches.Patches) -> Floats:
        """Reduced descriptors with their places: ``(n, r + 2)``."""
        return np.concatenate([(patches.descriptors - self.centre) @ self.matrix, patches.places], axis=1)

    def pooled(self, patches: local_patches.Patches, pool: str) -> Floats:
        """Signed square roots, of unit length; zero without patches."""
        rows = self.reduce(patches)
        raw = self.mixture.fisher_vector(rows) if pool == "fisher" else self.mixture.vlad(rows)
        rooted = np.sign(raw) * np.sqrt(np.abs(raw))
        return np.asarray(rooted / max(float(np.linalg.norm(rooted)), 1e-12), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Pool:
    """A picture to its pooled patches, both kinds one after the other: float16, of which rooted values need no more."""

    side: int
    patches: str
    pool: str
    words: Mapping[str, Words]

    def __call__(self, image: Image) -> NDArray[np.float16]:
        found = patches_of(image, side=self.side, patches=self.patches)
        return np.concatenate(
            [self.words[name].pooled(found[name], self.pool) for name in self.words],
            dtype=np.float16,
            casting="same_kind",
        )


def patches_of(image: Image, *, side: int, patches: str) -> dict[str, local_patches.Patches]:
    """The patches of both kinds: gradients by ``patches``, colours always dense."""
    local_patches.check_picture(image)
    by = local_patches.gradient_patches if patches == "sift" else local_patches.orb_patches
    return {"gradients": by(image, side=side), "colours": local_patches.colour_patches(image, side=side)}


class FisherEncoder(TwoHalves):
    """Pictures to pooled local gradients and colours.

    Parameters
    ----------
    dim
        Length of the vectors: principal components of what was pooled. With few pictures to learn from, columns are
        zero.
    components
        Gaussians of each mixture, the words of which pictures are made.
    pool
        ``fisher`` for Fisher vectors, ``vlad`` for half as much, a little faster and worse.
    patches
        ``sift`` for dense gradients, ``orb`` for ORB at the corners of the picture, where speed matters more than
        precision: a third of the patches. SURF is in no library that installs here, so there is no such choice.
    side
        Pixels of the longer side that patches are read from.
    weights
        Weights of the blocks ``gradients`` and ``colours``; 0 leaves one out.
    """

    def __init__(
        self,
        *,
        dim: int = 512,
        components: int = 64,
        pool: str = "fisher",
        patches: str = "sift",
        side: int = 128,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        check_whole(dim=dim, least=2)
        check_whole(components=components)
        check_whole(side=side, least=32)
        check_choice(POOLS, pool=pool)
        check_choice(PATCHES, patches=patches)
        self._dim, self._components, self._side = dim, components, side
        self._pool, self._patches = pool, patches
        self._weights = checked_block_weights(weights, {name: block.weight for name, block in BLOCKS.items()})
        self._words: dict[str, Words] = {}
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
        return ImageWish()

    @property
    def describe(self) -> Callable[[Image], NDArray[Any]]:
        """One picture to a small picture before the fit, to its pooled patches after it."""
        return Pool(self._side, self._patches, self._pool, self._words) if self._words else Shrink(self._side)

    def fit(self, values: Sequence[Image], *, seed: int) -> Self:
        """Learn what patches there are, and how pooled pictures differ; of many pictures, from a seeded sample."""
        shrink = Shrink(self._side)
        return self.fit_described([shrink(value) for value in values], seed=seed)

    def fit_described(
        self,
        raw: Sequence[NDArray[np.uint8]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """The same from small pictures, as :attr:`describe` gives them before the fit; labels change nothing."""
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.permutation(len(raw))[:FIT_PICTURES])
        used = [name for name in BLOCKS if self._weights[name] > 0]
        samples = self._samples([raw[row] for row in rows], used, rng, progress)
        self._words = {
            name: _learned(samples[name], BLOCKS[name].reduced, self._components, seed=seed) for name in used
        }
        pooled = self.redescribed([raw[row] for row in _counted(rows, "pool patches", progress)])
        lengths = _shared_out(self._dim, {name: BLOCKS[name].share for name in used})
        parts = self._parts(pooled)
        self._projections = {name: principal(parts[name], lengths[name], seed=seed) for name in used}
        self._fingerprint = ""
        return self

    def redescribed(self, raw: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        """Small pictures to their pooled patches."""
        describe = self.describe
        return [describe(picture) for picture in raw]

    def project(self, raw: Sequence[NDArray[np.float16]]) -> Vectors:
        """Pooled patches to unit vectors ``(n, dim)``; every block has unit length before it is weighted."""
        if not self._projections:
            raise UsageError("this picture encoder was not fitted yet.", fix="Call fit(pictures, seed=...) first.")
        parts = self._parts(raw)
        weighted = []
        for name, projection in self._projections.items():
            some = np.asarray(parts[name].any(axis=1))[:, None]  # a picture without corners says nothing by them
            unit = np.where(some, normalise(projection.apply(parts[name])), np.float32(0))
            weighted.append(np.float32(math.sqrt(self._weights[name])) * unit)
        return normalise(np.concatenate(weighted, axis=1))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        encoder = cls(**{name: value for name, value in found.settings.items() if name != "blocks"})
        for name in found.settings["blocks"]:
            own = {key.partition(".")[2]: array for key, array in found.arrays.items() if key.startswith(f"{name}.")}
            mixture = Mixture(own["weights"], own["means"], own["variances"])
            encoder._words[name] = Words(own["centre"], own["matrix"], mixture)
            encoder._projections[name] = Projection(own["projection.centre"], own["projection.matrix"])
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings: dict[str, Any] = {
            "dim": self._dim,
            "components": self._components,
            "pool": self._pool,
            "patches": self._patches,
            "side": self._side,
            "weights": self._weights,
            "blocks": list(self._words),
        }
        arrays: dict[str, NDArray[Any]] = {}
        for name, words in self._words.items():
            projection, mixture = self._projections[name], words.mixture
            own = {"centre": words.centre, "matrix": words.matrix, "weights": mixture.weights}
            own |= {"means": mixture.means, "variances": mixture.variances}
            own |= {"projection.centre": projection.centre, "projection.matrix": projection.matrix}
            arrays |= {f"{name}.{key}": array for key, array in own.items()}
        return artefacts.Artefact(KIND, VERSION, settings, arrays)

    def _samples(
        self, pictures: Sequence[Image], used: Sequence[str], rng: np.random.Generator, progress: Progress
    ) -> dict[str, local_patches.Patches]:
        """Patches of all pictures, as many of each."""
        each = max(8, FIT_PATCHES // max(1, len(pictures)))
        kept: dict[str, list[local_patches.Patches]] = {name: [] for name in used}
        for picture in _counted(pictures, "sample patches", progress):
            for name, found in patches_of(picture, side=self._side, patches=self._patches).items():
                picked = rng.permutation(len(found.places))[:each]
                if name in kept:
                    kept[name].append(local_patches.Patches(found.descriptors[picked], found.places[picked]))
        return {name: local_patches.joined(found) for name, found in kept.items()}

    def _parts(self, pooled: Sequence[NDArray[np.float16]]) -> dict[str, Floats]:
        """Pooled patches ``(n, length)`` of each block."""
        per_mean = 2 if self._pool == "fisher" else 1
        found, start = {}, 0
        whole = np.stack(pooled) if len(pooled) else None
        for name, words in self._words.items():
            length = per_mean * words.mixture.means.size
            own = np.zeros((0, length)) if whole is None else whole[:, start : start + length]
            found[name], start = own.astype(np.float32), start + length
        return found


def _learned(patches: local_patches.Patches, reduced: int, components: int, *, seed: int) -> Words:
    """Principal components of the descriptors, and a mixture of what they and the places amount to."""
    length = patches.descriptors.shape[1]
    centre = patches.descriptors.mean(axis=0) if len(patches.places) else np.zeros(length, dtype=np.float32)
    centred = (patches.descriptors - centre).astype(np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    vectors = vectors[:, np.argsort(-values, kind="stable")[: min(reduced, length)]]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    words = Words(centre.astype(np.float32), vectors.astype(np.float32), _NOTHING)
    return Words(words.centre, words.matrix, Mixture.fitted(words.reduce(patches), components, seed=seed))


_NOTHING = Mixture(np.ones(1, np.float32), np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))


def _counted(items: Any, stage: str, progress: Progress) -> Any:
    for done, item in enumerate(items):
        yield item
        progress(stage, done + 1, len(items))


def _shared_out(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Deal ``total`` columns out by shares; the last block takes what rounding leaves."""
    whole, names = sum(shares.values()), list(shares)
    lengths = {name: max(1, int(total * shares[name] / whole)) for name in names}
    lengths[names[-1]] += total - sum(lengths.values())
    return lengths
