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
