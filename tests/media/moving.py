"""Clips of which everything is known: what is seen, where it moves, and where one shot ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Clip, Sound

FPS = 8


def texture(height: int, width: int, *, seed: int) -> NDArray[np.uint8]:
    """Smooth coloured noise around a colour of its own."""
    import cv2

    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.standard_normal((height, width, 3)).astype(np.float32), (0, 0), 3)
    return np.clip(rng.integers(60, 196, 3) + noise / noise.std() * 30, 0, 255).astype(np.uint8)


def shot(seed: int, *, count: int = 10, speed: int = 2, side: int = 64) -> NDArray[np.uint8]:
    """A disc that goes right by ``speed`` pixels a frame before a textured ground, ``(count, side, side, 3)``."""
    ground, disc = texture(side, side, seed=seed), np.random.default_rng(seed + 100).integers(0, 256, 3)
    rows, columns = np.mgrid[:side, :side]
    frames = np.repeat(ground[None], count, axis=0)
    for i in range(count):
        inside = (rows - side // 2) ** 2 + (columns - side // 4 - speed * i) ** 2 < (side // 6) ** 2
        frames[i][inside] = disc
    return frames


def clip_of(frames: NDArray[np.uint8], *, fps: float = FPS, sound: bool = False) -> Clip:
    seconds = len(frames) / fps
    heard = np.linspace(0, 1, round(seconds * 1000), dtype=np.float32)[:, None]  # a slope tells what was cut out
    return Clip(frames, np.arange(len(frames)) / fps, seconds, Sound(heard, 1000) if sound else None)


def clip_with_cuts(counts: Sequence[int], *, noise: float = 0.0, flicker: float = 0.0) -> Clip:
    """Shots of so many frames, one after the other, with grain and unsteady light."""
    rng = np.random.default_rng(9)
    frames = np.concatenate([shot(seed, count=count) for seed, count in enumerate(counts)]).astype(np.float64)
    frames = frames * (1 + flicker * rng.uniform(-1, 1, (len(frames), 1, 1, 1))) + noise * rng.normal(size=frames.shape)
    return clip_of(np.clip(frames, 0, 255).astype(np.uint8))
