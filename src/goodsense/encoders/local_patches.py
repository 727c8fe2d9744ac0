"""Local patches of a picture, all at once: what SIFT measures, on a dense grid, and the colours of the same places.

Gradients become maps of orientation, the maps become cells by box filters, and a patch is a window of 4 x 4 cells, so
no patch is visited by Python. SIFT: Lowe, IJCV 2004; rooted: Arandjelovic & Zisserman, CVPR 2012. ORB (Rublee et al.,
ICCV 2011) is there for speed. SURF (Bay et al., ECCV 2006) is not: no OpenCV that installs from a wheel has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.types import Image

Floats = NDArray[np.float32]

CELL = 4  # pixels of a cell's side; patches begin at every cell
CELLS = 4  # cells of a patch's side
TURNS = 8  # orientations
SCALES = (1.0, 0.625)  # sizes of the picture: patches of 16 and of about 26 pixels
FLAT = 0.15  # gradients whose length is below this, in all of a patch, count as noise
GRADIENT_LENGTH = CELLS * CELLS * TURNS  # 128
COLOUR_LENGTH = CELLS * CELLS * 3 * 2  # 96
ORB_LENGTH = 256
ORB_POINTS = 300
ORB_PATCH = 24  # pixels


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches of one picture: descriptors ``(n, d)``, and their middles, right and down, -1 to 1, ``(n, 2)``."""

    descriptors: Floats
    places: Floats


def gradient_patches(image: Image, *, side: int) -> Patches:
    """Rooted SIFT descriptors ``(n, 128)`` of the picture with its longer side ``side``, at two scales.

    Rows have unit length; those of flat patches are shorter.
    """
    found = []
    for small in _sizes(image, side):
        cells = _orientation_cells(small)  # (rows, columns, 8)
        windows = np.maximum(_windows(cells), 0)  # running sums end a little below zero
        total = windows.sum(axis=1, keepdims=True)
        found.append(Patches(np.sqrt(windows / (total + FLAT)), _places(*cells.shape[:2])))
    return joined(found)


def colour_patches(image: Image, *, side: int) -> Patches:
    """Mean and spread of the Lab channels in 4 x 4 cells, ``(n, 96)``, at the same places as the gradients."""
    import cv2

    found = []
    for small in _sizes(image, side):
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32) / 255 - 0.5
        both = np.concatenate([lab, lab * lab], axis=2)
        cells = _cells(both)
        mean, square = cells[..., :3], cells[..., 3:]
        spread = np.sqrt(np.maximum(square - mean * mean, 0))
        cells = np.concatenate([mean, spread], axis=2)
        found.append(Patches(_windows(cells), _places(*cells.shape[:2])))
    return joined(found)


def orb_patches(image: Image, *, side: int) -> Patches:
    """ORB's 256 bits, as -1/16 and 1/16, at the corners that it finds: up to 300, none in a flat picture."""
    import cv2

    grey = cv2.cvtColor(shrunk(image, side), cv2.COLOR_RGB2GRAY)
    finder = cv2.ORB.create(nfeatures=ORB_POINTS, nlevels=4, edgeThreshold=ORB_PATCH // 2, patchSize=ORB_PATCH)
    finder.setFastThreshold(8)
    corners, bits = finder.detectAndCompute(grey, None)
    if bits is None or not len(corners):
        return Patches(np.zeros((0, ORB_LENGTH), np.float32), np.zeros((0, 2), np.float32))
    signs = np.unpackbits(bits, axis=1).astype(np.float32) * 2 - 1
    size = np.array([grey.shape[1], grey.shape[0]], dtype=np.float32)
    places = np.array([corner.pt for corner in corners], dtype=np.float32) / size * 2 - 1
    return Patches(signs / math.sqrt(ORB_LENGTH), places)


def check_picture(image: Image) -> None:
    """Raise DataError unless this is ``(h, w, 3)`` uint8 with at least one pixel."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise DataError(f"a picture is {image.dtype} {image.shape}; expected uint8 (height, width, 3).")


def shrunk(image: Image, side: int) -> Image:
    """The picture, its longer side about ``side`` pixels, both sides a multiple of a cell, and no less than a patch."""
    import cv2

    scale = side / max(image.shape[:2])
    height, width = (max(CELLS, round(length * scale / CELL)) * CELL for length in image.shape[:2])
    if image.shape[:2] == (height, width):
        return image
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    found: Image = cv2.resize(image, (width, height), interpolation=way)
    return found


def _sizes(image: Image, side: int) -> list[Image]:
    large = shrunk(image, side)
    return [large if scale == 1 else shrunk(large, round(side * scale)) for scale in SCALES]


def _orientation_cells(image: Image) -> Floats:
    """Gradient lengths by orientation, shared between the two nearest: ``(h, w, 3) -> (h / 4, w / 4, 8)``."""
    import cv2

    grey = np.sqrt(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255)
    right = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3, scale=0.25)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3, scale=0.25)
    length, angle = cv2.cartToPolar(right, down)
    place = angle * np.float32(TURNS / (2 * math.pi))
    lower = np.floor(place)
    upper_share = place - lower
    first = lower.astype(np.int64) % TURNS
    at = np.arange(grey.size)
    maps = np.zeros((grey.size, TURNS), dtype=np.float32)
    maps[at, first.ravel()] = (length * (1 - upper_share)).ravel()
    maps[at, ((first + 1) % TURNS).ravel()] = (length * upper_share).ravel()
    return _cells(maps.reshape(*grey.shape, TURNS))


def _cells(maps: Floats) -> Floats:
    """Means over cells, each with half of its neighbours around it: ``(h, w, c) -> (h / 4, w / 4, c)``."""
    import cv2

    soft = cv2.blur(maps, (CELL + 1, CELL + 1), borderType=cv2.BORDER_REFLECT)
    soft = soft.reshape(*maps.shape)
    height, width, channels = maps.shape
    means: Floats = soft.reshape(height // CELL, CELL, width // CELL, CELL, channels)[:, 1:3, :, 1:3].mean(axis=(1, 3))
    return means


def _windows(cells: Floats) -> Floats:
    """Every window of 4 x 4 cells as one row: ``(r, c, k) -> ((r - 3) (c - 3), 16 k)``."""
    views = np.lib.stride_tricks.sliding_window_view(cells, (CELLS, CELLS), axis=(0, 1))
    rows, columns = views.shape[:2]
    found: Floats = np.ascontiguousarray(views).reshape(rows * columns, -1)
    return found


def _places(rows: int, columns: int) -> Floats:
    """The middles of all windows, -1 to 1."""
    down = (np.arange(rows - CELLS + 1) + CELLS / 2) / rows * 2 - 1
    right = (np.arange(columns - CELLS + 1) + CELLS / 2) / columns * 2 - 1
    grid: Any = np.stack(np.meshgrid(right, down), axis=2)
    found: Floats = grid.reshape(-1, 2).astype(np.float32)
    return found


def joined(found: Sequence[Patches]) -> Patches:
    """Patches of several pictures or sizes as one."""
    return Patches(np.concatenate([one.descriptors for one in found]), np.concatenate([one.places for one in found]))
