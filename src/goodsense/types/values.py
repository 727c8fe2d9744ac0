"""What encoders read: decoded media, and what shoppers said and did, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

TextFields: TypeAlias = Mapping[str, str]  # field name -> text; what a product says about itself
Image: TypeAlias = NDArray[np.uint8]  # (h, w, 3) sRGB
Labels: TypeAlias = Mapping[str, str]  # field -> what a product is, for encoders that learn from labels


@dataclass(frozen=True, eq=False)
class Sound:
    """A decoded sound: ``samples`` ``(n, channels)`` float32 from -1 to 1, ``rate`` per second."""

    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


@dataclass(frozen=True, eq=False)
class Clip:
    """Pictures of a clip at ascending times.

    Parameters
    ----------
    frames
        ``(t, h, w, 3)`` uint8 sRGB, upright.
    times
        ``(t,)`` seconds from the beginning.
    seconds
        How long the whole clip is.
    sound
        Its sound track, where one was asked for and there.
    motion
        ``(t, rows, columns, 2)`` float32: the codec's own motion vectors, right and down, in shares of the frame's
        width and height per second, where they were asked for and the codec has them.
    """

    frames: NDArray[np.uint8]
    times: NDArray[np.float64]
    seconds: float
    sound: Sound | None = None
    motion: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Box:
    """Where something stands in a picture, in pixels from its upper left corner; ``score`` says how sure it is.

    ``label`` says what it is, where that is known.

    Raises
    ------
    ValueError
        If a side is not positive, or a number not finite.
    """

    left: float
    top: float
    width: float
    height: float
    score: float = 1.0
    label: str = ""

    def __post_init__(self) -> None:
        numbers = (self.left, self.top, self.width, self.height, self.score)
        if not np.isfinite(numbers).all() or self.width <= 0 or self.height <= 0:
            raise ValueError(f"{self} is no box; expected finite numbers and sides above 0")

    @property
    def area(self) -> float:
        return self.width * self.height

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        wide = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        high = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        shared = max(wide, 0.0) * max(high, 0.0)
        return shared / (self.area + other.area - shared)

    def cut(self, image: Image) -> Image:
        """What of the image lies in the box, at least one pixel of it; a new array."""
        height, width = image.shape[:2]
        top, left = min(max(round(self.top), 0), height - 1), min(max(round(self.left), 0), width - 1)
        below, right = round(self.top + self.height), round(self.left + self.width)
        return image[top : max(below, top + 1), left : max(right, left + 1)].copy()


@dataclass(frozen=True)
class Opinion:
    """One review as an encoder reads it: its text, stars from 1 to 5 (None: not given), helpful votes, age in days."""

    text: str
    rating: float | None = None
    helpful: int = 0
    days: float | None = None


@dataclass(frozen=True)
class Profile:
    """What shoppers did with one product.

    ``together`` maps other products to how strongly they are bought and viewed together with it; ``users`` maps
    shoppers to how much they cared for it.
    """

    together: Mapping[str, float] = field(default_factory=dict)
    users: Mapping[str, float] = field(default_factory=dict)
