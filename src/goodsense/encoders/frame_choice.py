"""Which frames of a clip are looked at, what is cut away from them, and which parts of them are described."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.media.shots import find_shots
from goodsense.media.shots import key_frames as typical_frames
from goodsense.types import Clip, Image

SELECTIONS = ("even", "key")  # spread over the clip; or those that stand for its shots
DARK = 24  # bars are never brighter
LEAST = 8  # pixels of what stays between bars


@dataclass(frozen=True)
class DescribeFrames:
    """The unfitted half: a clip, or one picture, to what the image encoder describes of it, ``(t, cells, ...)``.

    Parameters
    ----------
    image
        The image encoder's own unfitted half.
    frames
        At most so many frames are described.
    select
        How they are chosen; see :data:`SELECTIONS`.
    grid
        Each frame is cut into ``grid`` x ``grid`` overlapping cells, each about twice as long as its distance from
        the next; 1 is the whole frame.
    """

    image: Callable[[Image], NDArray[Any]]
    frames: int
    select: str = "even"
    grid: int = 1

    def __call__(self, value: Clip | Image) -> NDArray[Any]:
        pictures = pictures_of(value)
        places = key_frames(value, self.frames) if self.select == "key" else even_frames(len(pictures), self.frames)
        shown = [without_bars(picture) for picture in pictures[places]]
        found = [self._described(picture) for picture in shown]
        if len({described.shape for described in found}) > 1:  # of an encoder that keeps a picture's shape
            found = [self._described(_resized(picture, shown[0].shape)) for picture in shown]
        return np.stack(found) if found else np.zeros((0, self.grid**2), dtype=np.float32)

    def _described(self, picture: Image) -> NDArray[Any]:
        return np.stack([self.image(cell) for cell in cells(picture, self.grid)])


def _resized(picture: Image, shape: tuple[int, ...]) -> Image:
    import cv2

    return np.asarray(cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def pictures_of(value: Clip | Image) -> NDArray[np.uint8]:
    """The frames of a clip, or a picture as the only one ``(t, h, w, 3)``.

    Raises
    ------
    DataError
        If they are no frames.
    """
    pictures = value.frames if isinstance(value, Clip) else np.asarray(value)[None]
    if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8 or 0 in pictures.shape[1:]:
        raise DataError(f"frames are {pictures.dtype} {pictures.shape}; expected uint8 (t, height, width, 3).")
    return pictures


def even_frames(count: int, limit: int) -> NDArray[np.int64]:
    """Numbers of at most ``limit`` of ``count`` frames, each from the middle of its share of the clip."""
    if count <= limit:
        return np.arange(count)
    return ((np.arange(limit) + 0.5) * count / limit).astype(np.int64)


def key_frames(value: Clip | Image, limit: int) -> NDArray[np.int64]:
    """Numbers of at most ``limit`` frames that stand for the clip's shots, each shot with as many as the others."""
    if not isinstance(value, Clip) or len(value.frames) <= 1:
        return np.arange(len(pictures_of(value)))
    shots = find_shots(value)
    found = np.array(typical_frames(value, per_shot=math.ceil(limit / len(shots)), shots=shots), dtype=np.int64)
    return found[even_frames(len(found), limit)]


def without_bars(picture: Image) -> Image:
    """Cut away what is black at the edges ``(h, w, 3)``: bars, and the ground of a product shown on black.

    A picture that is black nearly everywhere stays as it is.
    """
    bright = picture.max(axis=2) > DARK  # (h, w)
    # A compressed edge rings, so a line counts from a few bright pixels on.
    rows = np.flatnonzero(bright.mean(axis=1) > 0.03)
    columns = np.flatnonzero(bright.mean(axis=0) > 0.03)
    if len(rows) < LEAST or len(columns) < LEAST:
        return picture
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def cells(picture: Image, grid: int) -> list[Image]:
    """``grid * grid`` overlapping parts of a picture, row by row."""
    if grid == 1:
        return [np.ascontiguousarray(picture)]
    rows, columns = (_spans(length, grid) for length in picture.shape[:2])
    return [np.ascontiguousarray(picture[row, column]) for row in rows for column in columns]


def _spans(length: int, grid: int) -> list[slice]:
    span = max(1, round(2 * length / (grid + 1)))
    return [slice(start, start + span) for start in np.linspace(0, length - span, grid).round().astype(int).tolist()]
