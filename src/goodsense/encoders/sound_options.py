"""Options that encoders of sounds share, and how a sound comes to them: one channel at one rate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.types import Sound

RATES = (4_000, 48_000)


def checked_rate(rate: int) -> int:
    """The rate itself.

    Raises
    ------
    UsageError
        If it is no whole number in :data:`RATES`.
    """
    if isinstance(rate, bool) or not isinstance(rate, int) or not RATES[0] <= rate <= RATES[1]:
        raise UsageError(f"rate is {rate!r}; expected a whole number from {RATES[0]} to {RATES[1]}.")
    return rate


def checked_seconds(seconds: float, name: str) -> float:
    """The seconds themselves.

    Raises
    ------
    UsageError
        If they are not above 0 and at most an hour.
    """
    if not (math.isfinite(seconds) and 0.05 <= seconds <= 3_600):
        raise UsageError(f"{name} is {seconds!r}; expected seconds from 0.05 to 3600.")
    return float(seconds)


def one_channel(sound: Sound, rate: int) -> NDArray[np.float32]:
    """Samples ``(n,)`` at ``rate``: what the wish of an encoder has decoded already passes through.

    Raises
    ------
    DataError
        If the samples are no finite ``(n, channels)`` array.
    """
    from goodsense.media.sound_steps import checked, mono, resample

    try:
        one = mono(checked(sound))
        return np.ascontiguousarray((one if one.rate == rate else resample(one, rate)).samples[:, 0], np.float32)
    except ValueError as error:
        raise DataError(f"a sound cannot be described: {error}.") from error
