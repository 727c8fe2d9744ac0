"""A small painter: smooth shapes with soft light on them, drawn on a transparent square.

Coordinates run from -1 to 1 in both directions, y downwards, whatever the canvas measures in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import cos, pi, radians, sin
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.demo.vocabulary import RGB

Points: TypeAlias = Sequence[tuple[float, float]]
Pixels: TypeAlias = NDArray[np.uint8]

_SHIFT = 4  # sub-pixel bits of the polygon filler


@dataclass(frozen=True, slots=True)
class Palette:
    """The toy's own colour and what goes with it; ``accent`` and ``trim`` only ever colour small parts."""

    main: RGB
    accent: RGB
    trim: RGB
    ink: RGB = (48, 44, 50)
    glass: RGB = (196, 224, 238)
    pale: RGB = (246, 238, 222)


def to_pixels(values: NDArray[np.float32]) -> Pixels:
    """Clip to 0-255 and drop the fractions."""
    pixels: Pixels = np.minimum(np.maximum(values, 0), 255).astype(np.uint8)
    return pixels


def shade(colour: RGB, factor: float) -> RGB:
    """Darker below 1; above 1 it moves towards white."""
    if factor <= 1:
        red, green, blue = (round(c * factor) for c in colour)
    else:
        red, green, blue = (round(c + (255 - c) * min(factor - 1, 1.0)) for c in colour)
    return red, green, blue


_LEVELS = 150  # brightness 1.0 in steps, so that the gleam still fits into a byte


@cache
def _light(*, rounded: bool) -> Pixels:
    """How bright each spot of a part is, in steps: falling off evenly, or as on a sphere with a gleam."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j].astype(np.float32)
    if rounded:
        off = (x + 0.35) ** 2 + (y + 0.4) ** 2
        light = np.maximum(1.14 - 0.26 * off + 0.42 * np.exp(-off / 0.06), 0.55)
    else:
        light = 0.95 - 0.06 * x - 0.11 * y
    return to_pixels((light * _LEVELS).astype(np.float32))


@lru_cache(maxsize=512)
def _ramp(colour: RGB) -> Pixels:
    """The colour at every brightness ``(1, 256, 3)``; the gleam goes to white whatever the colour."""
    light = np.arange(256, dtype=np.float32)[:, None] / _LEVELS
    lit = light * np.asarray(colour, dtype=np.float32) + np.maximum(light - 1.15, 0) * 320
    return to_pixels(lit.astype(np.float32))[None]


class Canvas:
    """Holds the picture while parts are painted over each other.

    Parameters
    ----------
    size
        Side in pixels.

    Attributes
    ----------
    rgb
        ``(size, size, 3)`` uint8.
    alpha
        ``(size, size)`` uint8, 0 where nothing was painted.
    """

    def __init__(self, size: int = 256) -> None:
        self.size = size
        self.rgb: Pixels = np.zeros((size, size, 3), dtype=np.uint8)
        self.alpha: Pixels = np.zeros((size, size), dtype=np.uint8)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        scale = self.size * 0.48
        pixels = np.asarray(points, dtype=np.float64) * scale + self.size / 2
        return np.round(pixels * (1 << _SHIFT)).astype(np.int32)

    def poly(self, points: Points, colour: RGB, *, rounded: bool = False, edge: bool = True) -> None:
        """Fill a polygon, light falling from the upper left; ``rounded`` gives it the gleam of a sphere."""
        import cv2

        fixed = self._fixed(points)
        low = np.maximum((fixed.min(axis=0) >> _SHIFT) - 2, 0)
        high = np.minimum((fixed.max(axis=0) >> _SHIFT) + 3, self.size)
        if (high <= low).any():
            return
        width, height = (int(v) for v in high - low)
        window = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
        local = fixed - (low << _SHIFT)
        mask = np.zeros((height, width), dtype=np.uint8)
        cv2.fillPoly(mask, [local], 255, cv2.LINE_AA, _SHIFT)
        level = cv2.resize(_light(rounded=rounded), (width, height))
        paint = cv2.LUT(cv2.merge((level, level, level)), _ramp(colour))
        if edge:
            cv2.polylines(paint, [local], True, shade(colour, 0.55), 2, cv2.LINE_AA, _SHIFT)
            cv2.polylines(mask, [local], True, 255, 2, cv2.LINE_AA, _SHIFT)
        cover = mask[..., None].astype(np.uint16)
        under = self.rgb[window].astype(np.uint16)
        self.rgb[window] = ((paint * cover + under * (255 - cover) + 127) // 255).astype(np.uint8)
        self.alpha[window] = np.maximum(self.alpha[window], mask)

    def ellipse(
        self, cx: float, cy: float, rx: float, ry: float, colour: RGB, *, turn: float = 0, edge: bool = True,
        gleam: bool = True,
    ) -> None:  # fmt: skip
        """An ellipse, turned clockwise by ``turn`` degrees."""
        self.poly(ring_points(cx, cy, rx, ry, turn=turn), colour, rounded=gleam, edge=edge)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: RGB, *, corner: float = 0.04) -> None:
        """A rectangle with rounded corners."""
        corner = min(corner, (x1 - x0) / 2, (y1 - y0) / 2)
        points: list[tuple[float, float]] = []
        centres = ((x1 - corner, y1 - corner), (x0 + corner, y1 - corner), (x0 + corner, y0 + corner),
                   (x1 - corner, y0 + corner))  # fmt: skip
        for quarter, (cx, cy) in enumerate(centres):
            angles = (radians(90 * quarter + step * 22.5) for step in range(5))
            points += [(cx + corner * cos(a), cy + corner * sin(a)) for a in angles]
        self.poly(points, colour)

    def blob(self, points: Points, colour: RGB, *, rounded: bool = False, edge: bool = True) -> None:
        """A closed smooth curve through the points (Catmull-Rom)."""
        self.poly(smooth(points), colour, rounded=rounded, edge=edge)

    def line(self, points: Points, width: float, colour: RGB) -> None:
        """A stroke with round joints; ``width`` in canvas units."""
        import cv2

        pixels = self._fixed(points)
        thick = max(1, round(width * self.size * 0.48))
        cv2.polylines(self.rgb, [pixels], False, colour, thick, cv2.LINE_AA, _SHIFT)
        cv2.polylines(self.alpha, [pixels], False, 255, thick, cv2.LINE_AA, _SHIFT)

    def wheel(self, cx: float, cy: float, r: float, hub: RGB, *, tyre: RGB = (44, 44, 48)) -> None:
        """A tyre with a hub and a nut."""
        self.ellipse(cx, cy, r, r, tyre, gleam=False)
        self.ellipse(cx, cy, r * 0.58, r * 0.58, hub)
        self.ellipse(cx, cy, r * 0.18, r * 0.18, shade(hub, 0.5), gleam=False)

    def eye(self, cx: float, cy: float, r: float) -> None:
        """A dark eye with a spark in it."""
        self.ellipse(cx, cy, r, r, (34, 30, 34), edge=False, gleam=False)
        self.ellipse(cx - r * 0.3, cy - r * 0.35, r * 0.35, r * 0.35, (255, 255, 255), edge=False, gleam=False)

    def smile(self, cx: float, cy: float, r: float, colour: RGB = (60, 34, 34), *, width: float = 0.035) -> None:
        """The lower part of a circle around ``(cx, cy)``."""
        angles = (radians(30 + 12 * step) for step in range(11))
        self.line([(cx + r * cos(a), cy + r * sin(a)) for a in angles], width, colour)


def ring_points(cx: float, cy: float, rx: float, ry: float, *, turn: float = 0, steps: int = 40) -> Points:
    """Points on an ellipse, turned clockwise by ``turn`` degrees."""
    c, s = cos(radians(turn)), sin(radians(turn))
    angles = (2 * pi * step / steps for step in range(steps))
    local = ((rx * cos(a), ry * sin(a)) for a in angles)
    return [(cx + x * c - y * s, cy + x * s + y * c) for x, y in local]


def smooth(points: Points, *, steps: int = 8) -> Points:
    """A closed Catmull-Rom spline through the points."""
    p = np.asarray(points, dtype=np.float64)
    t = (np.arange(steps) / steps)[:, None, None]  # (steps, 1, 1)
    before, after, beyond = np.roll(p, 1, axis=0), np.roll(p, -1, axis=0), np.roll(p, -2, axis=0)
    curve = 0.5 * (
        2 * p + (after - before) * t + (2 * before - 5 * p + 4 * after - beyond) * t**2
        + (3 * p - before - 3 * after + beyond) * t**3
    )  # (steps, n, 2)  # fmt: skip
    return [(float(x), float(y)) for x, y in curve.transpose(1, 0, 2).reshape(-1, 2)]
