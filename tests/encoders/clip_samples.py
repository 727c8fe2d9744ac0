"""Small clips whose likeness and movement are known by construction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from goodsense.types import Clip, Labels
from tests.encoders.samples import COLOURS, KINDS, picture

SIDE = 48
FPS = 8.0


def clip(
    place: Callable[[float], tuple[float, float]],
    *,
    colour: tuple[int, int, int] = (200, 30, 40),
    seed: int = 0,
    frames: int = 16,
    radius: float = 7.0,
    side: int = SIDE,
) -> Clip:
    """A checked disc on a grey ground, its middle at ``place(seconds)`` in shares of the frame."""
    random = np.random.default_rng(seed)
    ground = (150 + random.integers(-8, 9, size=(side, side, 1))).repeat(3, axis=2).astype(np.uint8)
    rows, columns = np.mgrid[:side, :side]
    pictures = np.repeat(ground[None], frames, axis=0)
    for i in range(frames):
        x, y = (share * side for share in place(i / FPS))
        inside = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        bright = ((np.floor((rows - y) / 3) + np.floor((columns - x) / 3)) % 2 == 0)[inside]
        pictures[i][inside] = np.where(bright[:, None], colour, np.array(colour) // 3)
    return Clip(pictures, np.arange(frames) / FPS, frames / FPS)


def resting(t: float) -> tuple[float, float]:
    return 0.5, 0.5


def rolling(t: float) -> tuple[float, float]:
    """To the right."""
    return 0.2 + 0.3 * t, 0.5


def returning(t: float) -> tuple[float, float]:
    """To the left."""
    return 0.8 - 0.3 * t, 0.5


def bouncing(t: float) -> tuple[float, float]:
    """Up and down, twice a second."""
    return 0.5, 0.75 - 0.45 * abs(np.sin(2 * np.pi * t))


MOVES = {"resting": resting, "rolling": rolling, "returning": returning, "bouncing": bouncing}


def moving(copies: int = 3) -> tuple[list[Clip], list[Labels]]:
    """Four moves in three colours, ``copies`` of each, and their labels."""
    found, labels = [], []
    for move, place in MOVES.items():
        for colour in ("red", "green", "blue"):
            for copy in range(copies):
                found.append(clip(place, colour=COLOURS[colour], seed=len(found)))
                labels.append({"id": f"{move} {colour}", "move": move, "colour": colour})
                del copy
    return found, labels


def showing(copies: int = 2, *, frames: int = 3, seed: int = 0) -> tuple[list[Clip], list[Labels]]:
    """Clips of flat products that shake a little: three kinds in four colours, ``copies`` clips of each."""
    found, labels = [], []
    for kind in KINDS:
        for name, colour in COLOURS.items():
            for _ in range(copies):
                start = seed + 100 * len(found)
                shown = [picture(kind, colour, seed=start + i, height=48, width=40) for i in range(frames)]
                found.append(Clip(np.stack(shown), np.arange(frames) / 4.0, frames / 4.0))
                labels.append({"id": f"{name} {kind}", "kind": kind})
    return found, labels


def nothing() -> Clip:
    """A clip without frames."""
    return Clip(np.zeros((0, 8, 8, 3), dtype=np.uint8), np.zeros(0), 0.0)


def nearest(queries: np.ndarray, gallery: np.ndarray, names: Sequence[str]) -> list[str]:
    """The name of the row most alike to each query, by inner product."""
    return [names[i] for i in (queries @ gallery.T).argmax(axis=1).tolist()]
