"""Steps that change a picture a little, as a camera, a light or a hand might: for training only.

Each is a frozen value that is called as ``step(image, rng)`` on an ``(h, w, 3)`` uint8 image, leaves it untouched and
gives a new one of the same size. They compose by :func:`goodsense.augmentation.chain`, which gives each a chance::

    steps = chain(RandomCrop(), (FlipHorizontal(), 0.5), (ColourJitter(), 0.8), (Erase(), 0.25))
    changed = steps(image, np.random.default_rng(seed))

A value at rest (``ColourJitter(0, 0, 0, 0)``, ``Turn(0, 0)``) changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, log, pi, radians, sin, sqrt
from typing import Literal, TypeAlias

import numpy as np

from goodsense.augmentation import Chain, chain
from goodsense.types import Image

__all__ = ["Blur", "ColourJitter", "Erase", "FlipHorizontal", "FlipVertical", "RandomCrop", "Turn", "mild", "strong"]

Span: TypeAlias = tuple[float, float]  # the lowest and the highest of what is drawn
Fill: TypeAlias = Literal["edge", "mirror"] | tuple[int, int, int]

# Luma and the two colour differences of YIQ: turning the plane of the latter shifts the hue.
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


@dataclass(frozen=True)
class RandomCrop:
    """Cut a random part out and scale it back to the size of the whole (Szegedy et al., 2015).

    Parameters
    ----------
    share
        Of the area that is kept.
    aspect
        How much wider than the picture itself the part may be in proportion, as a factor.
    """

    share: Span = (0.6, 1.0)
    aspect: Span = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        _check_span(self.share, "share", above=0, most=1)
        _check_span(self.aspect, "aspect", above=0)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        import cv2

        height, width = _sides(image)
        high, wide = _part(height, width, self.share, self.aspect, rng)
        top, left = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
        part = image[top : top + high, left : left + wide]
        if part.shape == image.shape:
            return image.copy()
        return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


@dataclass(frozen=True)
class FlipHorizontal:
    """Left and right change places."""

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        import cv2

        _sides(image)
        return np.asarray(cv2.flip(image, 1), dtype=np.uint8)


@dataclass(frozen=True)
class FlipVertical:
    """Top and bottom change places."""

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        import cv2

        _sides(image)
        return np.asarray(cv2.flip(image, 0), dtype=np.uint8)


@dataclass(frozen=True)
class ColourJitter:
    """Other light, other film: each strength is drawn evenly around what the picture is.

    Parameters
    ----------
    brightness, contrast, saturation
        The factor is drawn from ``1 - x`` to ``1 + x``; 0 to 1. Contrast stretches around the picture's mean luma.
    hue
        The turn of the colour circle is drawn from ``-x`` to ``x``, as a share of it; 0 to .5.
    """

    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.02

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            _check_number(getattr(self, name), name, 0, 1)
        _check_number(self.hue, "hue", 0, 0.5)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        import cv2

        _sides(image)
        strengths = np.array([self.brightness, self.contrast, self.saturation, self.hue])
        brightness, contrast, saturation, hue = strengths * rng.uniform(-1, 1, 4)
        if not strengths.any():
            return image.copy()
        angle = 2 * pi * hue
        turned = np.array([[1, 0, 0], [0, cos(angle), -sin(angle)], [0, sin(angle), cos(angle)]])
        turned[1:] *= 1 + saturation
        colours = _FROM_YIQ @ turned @ _TO_YIQ
        mean = float(_TO_YIQ[0] @ cv2.mean(image)[:3]) * (1 + brightness)
        matrix = np.empty((3, 4), dtype=np.float32)  # all of it at once, so rounding and clipping happen once
        matrix[:, :3] = colours * ((1 + brightness) * (1 + contrast))
        matrix[:, 3] = -contrast * mean
        return np.asarray(cv2.transform(np.ascontiguousarray(image), matrix), dtype=np.uint8)


@dataclass(frozen=True)
class Turn:
    """Rotate, shift and scale, all at once.

    Parameters
    ----------
    degrees
        The angle is drawn from ``-degrees`` to ``degrees``; 0 to 180.
    shift
        Of width and height, each drawn from ``-shift`` to ``shift``; 0 to 1.
    scale
        Factors of the size.
    fill
        What comes in from outside: the ``edge`` drawn on, the picture's ``mirror``, or a colour.
    """

    degrees: float = 10.0
    shift: float = 0.08
    scale: Span = (1.0, 1.0)
    fill: Fill = "edge"

    def __post_init__(self) -> None:
        _check_number(self.degrees, "degrees", 0, 180)
        _check_number(self.shift, "shift", 0, 1)
        _check_span(self.scale, "scale", above=0)
        _check_fill(self.fill, "edge", "mirror")

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        import cv2

        height, width = _sides(image)
        angle = radians(rng.uniform(-self.degrees, self.degrees))
        right, down = rng.uniform(-self.shift, self.shift, 2) * (width, height)
        size = _drawn(self.scale, rng)
        c, s = size * cos(angle), size * sin(angle)
        x, y = (width - 1) / 2, (height - 1) / 2  # turn around the middle, then shift
        matrix = np.array([[c, -s, x - c * x + s * y + right], [s, c, y - s * x - c * y + down]])
        modes = {"edge": cv2.BORDER_REPLICATE, "mirror": cv2.BORDER_REFLECT_101}
        mode = modes[self.fill] if isinstance(self.fill, str) else cv2.BORDER_CONSTANT
        colour = (0, 0, 0) if isinstance(self.fill, str) else self.fill
        moved = cv2.warpAffine(
            np.ascontiguousarray(image), matrix, (width, height), borderMode=mode, borderValue=colour
        )
        return np.asarray(moved, dtype=np.uint8)


@dataclass(frozen=True)
class Blur:
    """Out of focus: a Gaussian whose ``sigma`` is drawn in pixels."""

    sigma: Span = (0.3, 1.5)

    def __post_init__(self) -> None:
        _check_span(self.sigma, "sigma", above=0, most=100)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        import cv2

        _sides(image)
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(*self.sigma)), dtype=np.uint8)


@dataclass(frozen=True)
class Erase:
    """Cover a random rectangle, so that no single part decides (Zhong et al., 2020).

    Parameters
    ----------
    share
        Of the area that is covered.
    aspect
        Width by height of the rectangle, as a factor of the picture's.
    fill
        ``noise``, the picture's ``mean`` colour, or a colour.
    """

    share: Span = (0.02, 0.2)
    aspect: Span = (0.4, 2.5)
    fill: Literal["noise", "mean"] | tuple[int, int, int] = "noise"

    def __post_init__(self) -> None:
        _check_span(self.share, "share", above=0, most=1)
        _check_span(self.aspect, "aspect", above=0)
        _check_fill(self.fill, "noise", "mean")

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        import cv2

        height, width = _sides(image)
        high, wide = _part(height, width, self.share, self.aspect, rng)
        top, left = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
        found = image.copy()
        patch = found[top : top + high, left : left + wide]
        if self.fill == "noise":
            patch[:] = rng.integers(0, 256, patch.shape, dtype=np.uint8)
        else:
            patch[:] = np.rint(cv2.mean(image)[:3]) if self.fill == "mean" else self.fill
        return found


def mild() -> Chain[Image]:
    """For catalog pictures, which are taken all alike: small crops and turns, mirrored, a little other light."""
    return chain(
        RandomCrop((0.8, 1.0), (0.9, 1.1)),
        (FlipHorizontal(), 0.5),
        (Turn(8, 0.04), 0.5),
        (ColourJitter(0.1, 0.1, 0.1, 0.01), 0.8),
        (Erase((0.02, 0.12)), 0.2),
    )


def strong() -> Chain[Image]:
    """For photos taken by hand, where view, light and what stands around differ from one to the next."""
    return chain(
        RandomCrop((0.4, 1.0)),
        (FlipHorizontal(), 0.5),
        (Turn(20, 0.1, (0.85, 1.15), "mirror"), 0.6),
        (ColourJitter(0.35, 0.35, 0.35, 0.04), 0.9),
        (Blur((0.3, 1.2)), 0.2),
        (Erase((0.03, 0.25)), 0.4),
    )


def _part(height: int, width: int, share: Span, aspect: Span, rng: np.random.Generator) -> tuple[int, int]:
    """Height and width of a random part; proportions give way where they would not fit."""
    area, ratio = _drawn(share, rng), sqrt(_drawn(aspect, rng))
    high, wide = sqrt(area) / ratio, sqrt(area) * ratio
    if max(high, wide) > 1:
        high, wide = (1.0, area) if high > wide else (area, 1.0)
    return max(1, round(high * height)), max(1, round(wide * width))


def _drawn(span: Span, rng: np.random.Generator) -> float:
    """Evenly in proportion: half as large is as likely as twice as large."""
    return exp(rng.uniform(log(span[0]), log(span[1])))


def _sides(image: Image) -> tuple[int, int]:
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        found = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"image is {found}; expected an (h, w, 3) uint8 array")
    if image.size == 0:
        raise ValueError(f"image has shape {image.shape}; expected at least one pixel")
    return image.shape[0], image.shape[1]


def _check_span(span: Span, name: str, *, above: float, most: float = np.inf) -> None:
    if len(span) != 2 or not above < span[0] <= span[1] <= most or span[1] == np.inf:
        upper = "" if most == np.inf else f" and at most {most:g}"
        raise ValueError(f"{name} is {span!r}; expected (lowest, highest), above {above:g}{upper}")


def _check_number(value: float, name: str, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN fails too
        raise ValueError(f"{name} is {value!r}; expected {low:g} to {high:g}")


def _check_fill(fill: str | tuple[int, int, int], *names: str) -> None:
    known = fill in names if isinstance(fill, str) else len(fill) == 3 and all(0 <= part <= 255 for part in fill)
    if not known:
        quoted = ", ".join(map(repr, names))
        raise ValueError(f"fill is {fill!r}; expected {quoted} or an RGB colour of numbers from 0 to 255")
