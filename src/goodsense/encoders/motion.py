"""Clips by how they move and how their look changes: no network, no picture of the product itself needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders import motion_measures as measures
from goodsense.encoders.decomposition import Projection, principal
from goodsense.encoders.descriptors import sample_rows, shared_out
from goodsense.encoders.halves import TwoHalves
from goodsense.encoders.options import check_choice, check_whole, checked_block_weights
from goodsense.errors import DataError, UsageError
from goodsense.media.flow import as_motion, block_motion, grey_frames, optical_flow
from goodsense.media.reading import ClipWish
from goodsense.progress import Progress, silent
from goodsense.types import Clip, Labels, Modality, Vectors, normalise

KIND = "motion"
VERSION = 1
SOURCES = ("flow", "blocks", "codec")
FPS = 12.0
SIDE = 128  # pixels of the longer side that a clip is decoded to
GREY_SIDE = 64  # of the frames that movement is read from
GRID = 16  # rows and columns of velocities


@dataclass(frozen=True)
class Block:
    """One family of measures: its share of the vector's length, its weight, and whether its columns are standardised,
    as is due to measures of different kinds."""

    share: float
    weight: float
    standardise: bool = False


BLOCKS: Mapping[str, Block] = {
    "flow": Block(0.30, 1.0),
    "boundaries": Block(0.15, 0.5),
    "course": Block(0.15, 1.0, standardise=True),
    "rhythm": Block(0.20, 0.7),
    "colour": Block(0.10, 0.3),
    "change": Block(0.10, 0.5, standardise=True),
}


@dataclass(frozen=True)
class DescribeMotion:
    """The unfitted half: a clip to ``(raw,)`` float32, all zero for a clip without frames."""

    source: str

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        if clip.frames.ndim != 4 or clip.frames.shape[3] != 3 or clip.frames.dtype != np.uint8:
            raise DataError(f"frames are {clip.frames.dtype} {clip.frames.shape}; expected uint8 (t, h, w, 3).")
        if clip.frames.size == 0:
            return np.zeros(max(place.stop for place in raw_slices().values()), dtype=np.float32)
        return np.concatenate(list(describe_blocks(clip, self.source).values()))


def describe_blocks(clip: Clip, source: str) -> dict[str, NDArray[np.float32]]:
    """The measures of a clip with at least one frame, block by block."""
    greys = grey_frames(clip.frames, GREY_SIDE)
    motion = velocities(clip, greys, source)
    course = measures.courses(motion)
    colour, change = measures.looks(clip.frames, greys)
    return {
        "flow": measures.orientation_histograms(motion),
        "boundaries": measures.boundary_histograms(motion),
        "course": measures.summary(course),
        "rhythm": np.concatenate(
            [measures.rhythm(course, clip.times[1:]), measures.rhythm(change[:, -4:], clip.times)]
        ),
        "colour": colour,
        "change": measures.summary(change),
    }


def velocities(clip: Clip, greys: NDArray[np.uint8], source: str) -> NDArray[np.float32]:
    """How things move at each frame after the first, ``(t - 1, GRID, GRID, 2)`` shares of the frame per second.

    A clip whose codec tells no motion is searched by block matching.
    """
    if source == "codec" and clip.motion is not None:
        import cv2

        found = [cv2.resize(field, (GRID, GRID), interpolation=cv2.INTER_LINEAR) for field in clip.motion[1:]]
        return np.stack(found) if found else np.zeros((0, GRID, GRID, 2), dtype=np.float32)
    flow = optical_flow(greys) if source == "flow" else block_motion(greys, block=4)
    if 0 in flow.shape[1:3]:
        return np.zeros((len(greys) - 1, GRID, GRID, 2), dtype=np.float32)
    return as_motion(flow, clip.times, size=greys.shape[1:], grid=(GRID, GRID))[1:]


@cache
def raw_slices() -> dict[str, slice]:
    """Where each block stands in a raw description."""
    still = Clip(np.zeros((2, 8, 8, 3), dtype=np.uint8), np.array([0.0, 1.0]), 2.0)
    places, start = {}, 0
    for name, found in describe_blocks(still, "blocks").items():
        places[name] = slice(start, start + len(found))
        start += len(found)
    return places


class MotionEncoder(TwoHalves):
    """Clips to vectors of movement, rhythm, and colour, texture and shape over time.

    Parameters
    ----------
    dim
        Length of the vectors; every block has its share of it.
    source
        Where movement is read from: ``flow``, dense optical flow; ``blocks``, block matching, faster and coarser;
        ``codec``, the vectors that stand in the file, fastest, and block matching where there are none.
    frames
        At most so many frames of a clip are read, up to 12 per second.
    weights
        Block -> weight, to change the balance; a block of weight 0 is left out. See :data:`BLOCKS` for the names.
    """

    def __init__(
        self, *, dim: int = 256, source: str = "flow", frames: int = 36, weights: Mapping[str, float] | None = None
    ) -> None:
        check_whole(dim=dim, least=len(BLOCKS))
        check_whole(frames=frames, least=2)
        check_choice(SOURCES, source=source)
        self._dim, self._source, self._frames = dim, source, frames
        self._weights = checked_block_weights(weights, {name: block.weight for name, block in BLOCKS.items()})
        self._projections: dict[str, Projection] = {}

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"video"})

    @property
    def wish(self) -> ClipWish:
        return ClipWish(fps=FPS, max_frames=self._frames, max_side=SIDE, motion=self._source == "codec")

    @property
    def describe(self) -> DescribeMotion:
        """The unfitted half: one clip to its raw description."""
        return DescribeMotion(self._source)

    def fit_described(
        self,
        raw: Sequence[NDArray[np.float32]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self:
        """The same from raw descriptions; labels change nothing, and clips without frames do not count."""
        rows = _stacked([raw[row] for row in sample_rows(len(raw), seed=seed).tolist()])
        rows = rows[rows.any(axis=1)]
        slices = raw_slices()
        lengths = shared_out(self._dim, {name: BLOCKS[name].share for name in slices if self._weights[name] > 0})
        self._projections = {
            name: principal(rows[:, slices[name]], length, seed=seed, standardise=BLOCKS[name].standardise)
            for name, length in lengths.items()
        }
        self._fingerprint = ""
        return self

    def project(self, raw: Sequence[NDArray[np.float32]]) -> Vectors:
        """The fitted half: ``n`` raw descriptions to vectors ``(n, dim)``; a clip without frames gives a zero row."""
        if not self._projections:
            raise UsageError("this clip encoder was not fitted yet.", fix="Call fit(clips, seed=...) first.")
        rows, slices = _stacked(raw), raw_slices()
        total = sum(self._weights[name] for name in self._projections)
        parts = [
            np.float32(math.sqrt(self._weights[name] / total)) * normalise(projection.apply(rows[:, slices[name]]))
            for name, projection in self._projections.items()
        ]
        found = normalise(np.concatenate(parts, axis=1))
        found[~rows.any(axis=1)] = 0.0
        return found

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        encoder = cls(**{name: found.settings[name] for name in ("dim", "source", "frames", "weights")})
        encoder._projections = {
            name: Projection(found.arrays[f"{name}.centre"], found.arrays[f"{name}.matrix"])
            for name in found.settings["blocks"]
        }
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings = {
            "dim": self._dim, "source": self._source, "frames": self._frames, "weights": self._weights,
            "blocks": list(self._projections),
        }  # fmt: skip
        arrays: dict[str, NDArray[np.float32]] = {}
        for name, projection in self._projections.items():
            arrays |= {f"{name}.centre": projection.centre, f"{name}.matrix": projection.matrix}
        return artefacts.Artefact(KIND, VERSION, settings, arrays)


def _stacked(raws: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    length = max(place.stop for place in raw_slices().values())
    return np.stack(raws) if len(raws) else np.zeros((0, length), dtype=np.float32)
