"""What a picture looks like in a few numbers that survive resizing, recompression and small crops.

The perceptual hash is that of pHash (Zauner, 2010), the signs of the lowest frequencies of a cosine transform, with one
difference: the coefficients are kept, and the threshold of each bit is set by the whole catalog later. Pictures of one
shop resemble one another (a garment in the middle, white around it), and fixed thresholds would give them all the
same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.media.preprocess import to_grey, to_lab
from goodsense.types import Image

VIEWS = 4  # the whole picture, two centres of it, and what lies inside a plain border
BITS = 64
THUMB = 64  # pixels of the side of a thumbnail; at 32, garments of one cut cannot be told apart
CHROMA = 16
CORNER = (12, 24)
_CENTRES = (0.93, 0.86)
_CORNER_SHARE = (0.2, 0.4)  # of height and width: where overlays stand
_PLAIN = 12  # grey levels that a plain border may vary by
_SIDE = 32

Grey = NDArray[np.float32]  # (h, w), 0 to 255


def views(image: Image) -> NDArray[np.float32]:
    """Low frequencies of the picture and of parts of it, each scaled to unit length. ``-> (VIEWS, BITS)``."""
    grey = to_grey(image).astype(np.float32)
    parts = [grey, *(_centre(grey, share) for share in _CENTRES), _trimmed(grey)]
    return np.stack([_frequencies(part) for part in parts])


def thumbnail(image: Image) -> NDArray[np.uint8]:
    """The luminance, squeezed into a square. ``-> (THUMB, THUMB)``."""
    return _resized(to_grey(image), THUMB, THUMB)


def chroma(image: Image) -> NDArray[np.uint8]:
    """The colour channels a and b of CIELAB, coarsely. ``-> (CHROMA, CHROMA, 2)``."""
    return _resized(to_lab(image)[..., 1:], CHROMA, CHROMA)


def corners(image: Image) -> NDArray[np.uint8]:
    """The luminance of the four corners, where watermarks and banners stand. ``-> (4, *CORNER)``."""
    grey = to_grey(image)
    height, width = (max(1, round(side * share)) for side, share in zip(grey.shape, _CORNER_SHARE, strict=True))
    parts = (grey[:height, :width], grey[:height, -width:], grey[-height:, :width], grey[-height:, -width:])
    return np.stack([_resized(part, *CORNER) for part in parts])


def _frequencies(grey: Grey) -> NDArray[np.float32]:
    import cv2

    found = cv2.dct(_resized(grey, _SIDE, _SIDE))[:9, :9].ravel()[1 : BITS + 1]
    norm = float(np.linalg.norm(found))
    unit: NDArray[np.float32] = found / norm if norm > 1e-6 else np.zeros(BITS, dtype=np.float32)
    return unit


def _centre(grey: Grey, share: float) -> Grey:
    height, width = (max(1, round(side * share)) for side in grey.shape)
    top, left = (grey.shape[0] - height) // 2, (grey.shape[1] - width) // 2
    return grey[top : top + height, left : left + width]


def _trimmed(grey: Grey) -> Grey:
    """What is left without rows and columns that look like the picture's edge; all of it if that is too little."""
    edge = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    other = np.abs(grey - np.median(edge)) > _PLAIN
    rows, columns = np.flatnonzero(other.mean(axis=1) > 0.01), np.flatnonzero(other.mean(axis=0) > 0.01)
    if len(rows) < 8 or len(columns) < 8:
        return grey
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _resized(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Areas averaged on the way down, bilinear on the way up."""
    import cv2

    method = cv2.INTER_AREA if values.shape[0] >= height and values.shape[1] >= width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(values), (width, height), interpolation=method))
