"""Augmentation of sounds and their spectra: steps ``step(value, rng) -> value`` for :mod:`goodsense.augmentation`.

Every step draws what it does from the generator it is given, so a seed decides all of it; none writes to its input.
Steps on :class:`~goodsense.types.Sound`: noise, gain, pitch, tempo, place. ``MaskSpectrum`` works on arrays
``(..., bands, t)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from goodsense.media.sound_pitch import shift_pitch, stretch
from goodsense.media.sound_spectra import Floats
from goodsense.media.sound_steps import gain, resample
from goodsense.types import Sound

__all__ = [
    "ChangeGain",
    "MaskSpectrum",
    "Noise",
    "RecordedNoise",
    "ShiftPitch",
    "ShiftTime",
    "StretchTime",
    "coloured_noise",
]

Colour = Literal["white", "pink"]


def _between(low: float, high: float, name: str, *, least: float = -math.inf) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and least <= low <= high):
        floor = "" if least == -math.inf else f" from {least:g} up"
        raise ValueError(f"{name} is ({low}, {high}); expected two ordered finite numbers{floor}")


def coloured_noise(count: int, colour: Colour, rng: np.random.Generator) -> Floats:
    """``count`` samples of noise with mean power 1: white has equal power per hertz, pink per octave."""
    if colour == "white" or count == 0:
        return rng.standard_normal(count, dtype=np.float32)
    from scipy import fft

    length = fft.next_fast_len(max(count, 2), real=True)
    spectrum = fft.rfft(rng.standard_normal(length, dtype=np.float32))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum), dtype=np.float32))
    spectrum[0] = 0
    found: Floats = fft.irfft(spectrum, length)[:count]
    found /= np.maximum(np.sqrt(np.mean(found**2)), np.float32(1e-12))
    return found


@dataclass(frozen=True)
class Noise:
    """Noise is added, ``snr`` decibels under the sound, drawn between the two. Silence stays silent."""

    colour: Colour = "white"
    snr: tuple[float, float] = (10.0, 30.0)

    def __post_init__(self) -> None:
        _between(*self.snr, "snr")
        if self.colour not in ("white", "pink"):
            raise ValueError(f"colour is {self.colour!r}; expected 'white' or 'pink'")

    def __call__(self, value: Sound, rng: np.random.Generator) -> Sound:
        noise = coloured_noise(len(value.samples), self.colour, rng)
        return _mixed(value, noise[:, None], rng.uniform(*self.snr))


@dataclass(frozen=True, eq=False)
class RecordedNoise:
    """One of the recordings is added, begun anywhere and repeated as needed; ``snr`` as for :class:`Noise`."""

    recordings: tuple[Sound, ...]
    snr: tuple[float, float] = (10.0, 30.0)

    def __post_init__(self) -> None:
        _between(*self.snr, "snr")
        if not self.recordings or not all(len(sound.samples) for sound in self.recordings):
            raise ValueError("recordings has none, or an empty one; expected at least one sound with samples")

    def __call__(self, value: Sound, rng: np.random.Generator) -> Sound:
        recording = self.recordings[int(rng.integers(len(self.recordings)))]
        if recording.rate != value.rate:
            recording = resample(recording, value.rate)
        noise = recording.samples.mean(axis=1)
        places = int(rng.integers(len(noise))) + np.arange(len(value.samples))
        return _mixed(value, noise[places % len(noise), None], rng.uniform(*self.snr))


def _mixed(value: Sound, noise: NDArray[np.float32], snr: float) -> Sound:
    """Sound and noise ``(n, 1)`` so many decibels apart."""
    if not len(noise):
        return value
    loud, soft = float(np.mean(value.samples**2)), float(np.mean(noise**2))
    if loud == 0 or soft == 0:
        return value
    share = np.float32(math.sqrt(loud / soft) * 10 ** (-snr / 20))
    return Sound(np.clip(value.samples + share * noise, -1, 1), value.rate)


@dataclass(frozen=True)
class ChangeGain:
    """Louder or softer by decibels drawn between the two."""

    decibels: tuple[float, float] = (-6.0, 6.0)

    def __post_init__(self) -> None:
        _between(*self.decibels, "decibels")

    def __call__(self, value: Sound, rng: np.random.Generator) -> Sound:
        return gain(value, rng.uniform(*self.decibels))


@dataclass(frozen=True)
class ShiftPitch:
    """Higher or lower by semitones drawn between the two, at the same length."""

    semitones: tuple[float, float] = (-2.0, 2.0)

    def __post_init__(self) -> None:
        _between(*self.semitones, "semitones")

    def __call__(self, value: Sound, rng: np.random.Generator) -> Sound:
        return shift_pitch(value, rng.uniform(*self.semitones))


@dataclass(frozen=True)
class StretchTime:
    """Longer or shorter by a factor drawn between the two, at the same pitch."""

    factor: tuple[float, float] = (0.85, 1.2)

    def __post_init__(self) -> None:
        _between(*self.factor, "factor", least=0.05)

    def __call__(self, value: Sound, rng: np.random.Generator) -> Sound:
        return stretch(value, rng.uniform(*self.factor))


@dataclass(frozen=True)
class ShiftTime:
    """Begun anywhere, up to a ``share`` of its length away; what leaves at one end comes back at the other."""

    share: float = 1.0

    def __post_init__(self) -> None:
        _between(0, self.share, "share", least=0)

    def __call__(self, value: Sound, rng: np.random.Generator) -> Sound:
        by = round(len(value.samples) * self.share * rng.uniform(-0.5, 0.5))
        return Sound(np.roll(value.samples, by, axis=0), value.rate)


@dataclass(frozen=True)
class MaskSpectrum:
    """SpecAugment (Park et al., Interspeech 2019): bands and times of a log-mel ``(..., bands, t)`` are blotted out.

    Parameters
    ----------
    bands, times
        The widest mask, as a share of all; each width is drawn from 0 up to it.
    count
        Masks of either kind.
    fill
        What stands there; None: the array's mean.
    """

    bands: float = 0.2
    times: float = 0.2
    count: int = 2
    fill: float | None = None

    def __post_init__(self) -> None:
        for name, share in (("bands", self.bands), ("times", self.times)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share!r}; expected a share from 0 to 1")
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 0:
            raise ValueError(f"count is {self.count!r}; expected a whole number from 0 up")

    def __call__(self, value: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        found = value.copy()
        blank = value.mean() if self.fill is None else self.fill
        rows, columns = value.shape[-2:]
        for _ in range(self.count):
            found[..., _stretch_of(rows, self.bands, rng), :] = blank
            found[..., _stretch_of(columns, self.times, rng)] = blank
        return found


def _stretch_of(total: int, share: float, rng: np.random.Generator) -> slice:
    width = int(rng.integers(0, int(total * share) + 1))
    start = int(rng.integers(0, total - width + 1))
    return slice(start, start + width)
