"""Pictures of which it is known where the thing is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Box

from .moving import texture

RED, BLUE, GREEN = (190, 40, 50), (40, 70, 190), (40, 140, 70)


def disc(
    *, centre: tuple[int, int] = (60, 80), radius: int = 30, size: tuple[int, int] = (120, 160), ground: str = "plain"
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Box]:
    """A red disc (row, column) with a white label: before a bright wall or a pattern; where it is, its box."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[: size[0], : size[1]]
    if ground == "plain":
        image = np.full((*size, 3), 240, np.uint8)
    else:
        image = (texture(*size, seed=4) // 3 + np.array([60, 90, 60], np.uint8)).astype(np.uint8)
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2
    image[inside] = RED
    label = (np.abs(rows - centre[0]) < radius // 5) & (np.abs(columns - centre[1]) < radius // 2)
    image[label] = 240
    image = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    side = 2 * radius + 1
    return image, inside, Box(centre[1] - radius, centre[0] - radius, side, side)


def with_shadow(image: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The light that the thing takes from the wall behind it, down and to the right."""
    import cv2

    shade = cv2.GaussianBlur(np.roll(inside, (8, 8), (0, 1)).astype(np.float32), (0, 0), 4) * ~inside
    return (image * (1 - 0.25 * shade[..., None])).astype(np.uint8)
