"""Pitch of sounds: following it, and changing pitch or tempo one without the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from goodsense.media.sound_spectra import CHUNK, Floats, framed, hann, power_spectra, samples_of, spectra_of
from goodsense.media.sound_steps import checked, finite, mono, per_channel, resample
from goodsense.types import Sound

__all__ = ["PitchTrack", "pitch", "semitones", "shift_pitch", "stretch"]

WINDOW = 0.064  # seconds: three periods of the lowest pitch
HOP = 0.032
LOWEST, HIGHEST = 60.0, 1_600.0  # hertz
RUMBLE = 40.0  # hertz below which nothing is looked at
OCTAVE_COST = 0.02  # per octave downwards: of equal peaks the higher pitch is meant
VOICED = 0.6


@dataclass(frozen=True, eq=False)
class PitchTrack:
    """``hertz`` and ``voicing`` (0 noise, 1 a pure tone) ``(t,)`` at ``times`` in seconds; where ``voiced`` is False
    ``hertz`` is the best guess and means little."""

    times: NDArray[np.float64]
    hertz: Floats
    voicing: Floats

    @property
    def voiced(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.voicing > VOICED
        return found


def pitch(sound: Sound) -> PitchTrack:
    """Follow the pitch by the window-corrected autocorrelation (Boersma, Proc. IFA 1993)."""
    samples = np.ascontiguousarray(mono(sound).samples[:, 0])
    length, hop = round(WINDOW * sound.rate), round(HOP * sound.rate)
    hertz, voicing = pitch_of_power(power_spectra(framed(samples, length, hop)), sound.rate)
    return PitchTrack((np.arange(len(hertz)) * hop + length / 2) / sound.rate, hertz, voicing)


def pitch_of_power(power: Floats, rate: int) -> tuple[Floats, Floats]:
    """Hertz and voicing ``(t,)`` from power spectra ``(t, n // 2 + 1)`` of frames that hold three periods or more."""
    from scipy import fft

    length = 2 * (power.shape[1] - 1)
    nearest, farthest = max(2, int(rate / HIGHEST)), min(math.ceil(rate / LOWEST) + 1, length // 2)
    correction, costs = _window_correlation(length)[: farthest + 1], _costs(nearest, farthest)
    rumble = math.ceil(RUMBLE * length / rate)
    lags, heights = np.empty(len(power), np.float32), np.empty(len(power), np.float32)
    for start in range(0, len(power), CHUNK):
        place = slice(start, start + CHUNK)
        part = power[place].copy()
        part[:, :rumble] = 0
        # The ends meet without padding: there the window is next to zero.
        found = fft.irfft(part, length, axis=1)[:, : farthest + 1]
        found /= (found[:, :1] + np.float32(1e-12)) * correction
        lags[place], heights[place] = _best_peaks(found[:, nearest - 1 :], costs, nearest - 1)
    return (rate / lags).astype(np.float32), np.clip(heights, 0, 1)


def _best_peaks(found: Floats, costs: Floats, first: int) -> tuple[Floats, Floats]:
    """The lag and height of the best peak of every row, between samples by a parabola."""
    inner = found[:, 1:-1]
    peaks = (inner > found[:, :-2]) & (inner >= found[:, 2:])
    best = np.where(peaks, inner - costs, np.float32(-2)).argmax(axis=1)
    rows = np.arange(len(found))
    before, here, after = found[rows, best], found[rows, best + 1], found[rows, best + 2]
    bend = np.minimum(before - 2 * here + after, np.float32(-1e-9))
    shift = np.clip((before - after) / (2 * bend), -0.5, 0.5)
    height = np.where(peaks[rows, best], here - (before - after) * shift / 4, 0)
    return (best + 1 + first + shift).astype(np.float32), height.astype(np.float32)


@cache
def _window_correlation(length: int) -> Floats:
    """The window's own circular autocorrelation, 1 at lag 0."""
    spectrum = np.abs(np.fft.rfft(hann(length).astype(np.float64))) ** 2
    found = np.fft.irfft(spectrum, length)
    floored: Floats = np.maximum(found / found[0], 0.05).astype(np.float32)
    return floored


@cache
def _costs(nearest: int, farthest: int) -> Floats:
    return (OCTAVE_COST * np.log2(np.arange(nearest, farthest) / nearest)).astype(np.float32)


def semitones(hertz: NDArray[np.floating], reference: float = 440.0) -> Floats:
    """How many semitones above ``reference`` (the a' of orchestras): ``12 log2(hertz / reference)``."""
    found: Floats = (12 * np.log2(np.asarray(hertz) / finite(reference, "reference", above=0))).astype(np.float32)
    return found


def stretch(sound: Sound, factor: float) -> Sound:
    """``factor`` times as long at the same pitch, by a phase vocoder (Laroche and Dolson, IEEE TSAP 1999: phases are
    locked to the nearest peak)."""
    count = max(1, round(len(checked(sound).samples) * finite(factor, "factor", above=0)))
    if factor == 1 or not len(sound.samples):
        return Sound(sound.samples.copy(), sound.rate)
    length = 2 ** round(math.log2(0.064 * sound.rate))
    return per_channel(lambda samples: _vocoded(samples, factor, length, length // 4)[:count], sound)


def shift_pitch(sound: Sound, semitones: float) -> Sound:
    """``semitones`` higher (or lower) at the same length: stretched, then played faster."""
    ratio = 2 ** (finite(semitones, "semitones") / 12)
    if semitones == 0 or not len(checked(sound).samples):
        return Sound(sound.samples.copy(), sound.rate)
    played = max(1_000, round(sound.rate / ratio / 10) * 10)  # a multiple of 10 keeps the filter short
    longer = stretch(sound, sound.rate / played)
    faster = resample(Sound(longer.samples, sound.rate), played).samples
    count = len(sound.samples)
    return Sound(np.pad(faster[:count], ((0, max(0, count - len(faster))), (0, 0))), sound.rate)


def _vocoded(samples: Floats, factor: float, length: int, hop: int) -> Floats:
    spectra = spectra_of(samples, length, hop)  # (t, bins)
    count = round(len(samples) * factor)
    places = np.arange(0, math.ceil(count / hop) + 1) / factor
    places = places[places < len(spectra) - 1]
    lower = places.astype(np.int64)
    share = (places - lower)[:, None].astype(np.float32)
    sizes = (1 - share) * np.abs(spectra[lower]) + share * np.abs(spectra[lower + 1])
    expected = 2 * np.pi * hop * np.arange(spectra.shape[1]) / length
    turned = np.angle(spectra[lower + 1]) - np.angle(spectra[lower]) - expected
    advance = expected + turned - 2 * np.pi * np.round(turned / (2 * np.pi))
    locked = np.angle(spectra[lower])
    phase = locked[0].astype(np.float64)
    phases = np.empty(sizes.shape, dtype=np.float64)
    for row in range(len(sizes)):
        nearest = _nearest_peaks(sizes[row])
        phases[row] = phase[nearest] + locked[row] - locked[row, nearest]
        phase = phases[row] + advance[row]
    return samples_of((sizes * np.exp(1j * phases)).astype(np.complex64), hop, count)


def _nearest_peaks(sizes: Floats) -> NDArray[np.int64]:
    """For every bin the nearest bin that is larger than its four neighbours; itself where there is none."""
    padded = np.pad(sizes, 2)
    middle = padded[2:-2]
    peaks = np.flatnonzero(
        (middle > padded[:-4]) & (middle > padded[1:-3]) & (middle >= padded[3:-1]) & (middle >= padded[4:])
    )
    if not peaks.size:
        return np.arange(len(sizes))
    borders = (peaks[1:] + peaks[:-1] + 1) // 2
    return peaks[np.searchsorted(borders, np.arange(len(sizes)), side="right")]
