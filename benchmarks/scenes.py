"""A product's own picture set into photos: cut out, turned, lit, one in front of a shelf or many in a pile.

Cut, paste and learn (Dwibedi, Misra & Hebert, ICCV 2017): what nobody photographed yet can be learned all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from goodsense.types import Image

SIDE = 160
WHITE = 244  # what is as light in all channels, and touches the border, is ground

Floats = NDArray[np.float32]


def cut_out(icon: Image) -> tuple[Image, NDArray[np.uint8]]:
    """The subject ``(h, w, 3)`` of a picture on white ground, and where it is: 255 or 0, ``(h, w)``."""
    _, parts = cv2.connectedComponents((icon.min(axis=2) >= WHITE).astype(np.uint8), connectivity=4)
    border = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    there = np.where(np.isin(parts, border[border > 0]), 0, 255).astype(np.uint8)
    there = cv2.erode(there, np.ones((3, 3), np.uint8)).astype(np.uint8)
    down, right = np.where(there > 0)
    part = slice(down.min(), down.max() + 1), slice(right.min(), right.max() + 1)
    return icon[part], there[part]


def scene(
    rng: np.random.Generator, subject: tuple[Image, NDArray[np.uint8]], ground: Image, *, pile: bool
) -> NDArray[np.uint8]:
    """The subject in front of a photo, or a pile of it: ``(160, 160, 3)``."""
    made = cv2.resize(ground, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if pile:
        made *= 0.5
        size = rng.uniform(28, 70)
        step = size * rng.uniform(0.6, 0.8)
        spots = [(x, y) for y in np.arange(0, SIDE + step, step) for x in np.arange(0, SIDE + step, step)]
        rng.shuffle(spots)
        for x, y in spots:
            light = rng.uniform(0.55, 1.05)
            middle = x + rng.uniform(-0.2, 0.2) * size, y + rng.uniform(-0.2, 0.2) * size
            _paste(made, subject, middle, size * rng.uniform(0.85, 1.15), rng.uniform(-60, 60), light)
    else:
        size = rng.uniform(90, 165)
        middle = SIDE / 2 + rng.uniform(-25, 25), SIDE / 2 + rng.uniform(-20, 20)
        _paste(made, subject, middle, size, rng.uniform(-25, 25), rng.uniform(0.55, 1.0))
    tint = rng.uniform(0.88, 1.12, 3) * rng.uniform(0.6, 1.05)
    return np.asarray(np.clip(made * tint + rng.normal(0, 4, made.shape), 0, 255), dtype=np.uint8)


def _paste(
    made: Floats,
    subject: tuple[Image, NDArray[np.uint8]],
    middle: Sequence[float],
    size: float,
    angle: float,
    light: float,
) -> None:
    height, width = subject[1].shape
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), angle, size / max(height, width))
    turned[:, 2] += np.array([middle[0] - width / 2, middle[1] - height / 2])
    small, there = (cv2.warpAffine(each, turned, made.shape[1::-1], flags=cv2.INTER_AREA) for each in subject)
    covers = there.astype(np.float32)[..., None] / 255
    made *= 1 - covers
    made += covers * (small.astype(np.float32) * light)
