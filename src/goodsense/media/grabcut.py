"""GrabCut (Rother, Kolmogorov and Blake, 2004): from what surely is ground or thing to which pixel is which."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Image

__all__ = ["Seed", "Seeds", "cut"]

Seeds: TypeAlias = NDArray[np.uint8]  # (h, w) of Seed


class Seed(IntEnum):
    """What is known of a pixel, in OpenCV's numbers."""

    GROUND = 0
    THING = 1
    PERHAPS_GROUND = 2
    PERHAPS_THING = 3


def cut(image: Image, seeds: Seeds, *, rounds: int = 3) -> NDArray[np.bool_]:
    """Where the thing is, ``(h, w)`` bool. The same image and seeds always give the same answer.

    Without a pixel that may be ground, or without one that may be the thing, the seeds are the answer.
    """
    import cv2

    found = seeds.astype(np.uint8)
    thing = _things(found)
    if thing.sum() < 8 or (~thing).sum() < 8:  # its colour models need a few pixels each
        return thing
    cv2.setRNGSeed(1)  # it begins with k-means, which draws
    ground, front = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(image), found, None, ground, front, rounds, cv2.GC_INIT_WITH_MASK)
    return _things(found)


def _things(seeds: Seeds) -> NDArray[np.bool_]:
    return np.isin(seeds, (Seed.THING, Seed.PERHAPS_THING))
