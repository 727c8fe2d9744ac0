"""Measures of a sound, frame by frame, from its frames and their power spectra: ``(t, n)`` and ``(t, bins)``.

The definitions are those of Peeters, "A large set of audio features for sound description" (Ircam, 2004), where
nothing else is named.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from goodsense.media.sound_spectra import FLOOR, Floats, framed

CONTRAST_EDGES = (0.0, 200.0, 400.0, 800.0, 1_600.0, 3_200.0)  # hertz; the last band ends at half the rate
CHROMA_RANGE = (250.0, 5_000.0)  # hertz: below, semitones are narrower than bins; above, pitch is hardly heard
REFERENCE = 440.0


@cache
def bin_hertz(bins: int, rate: int) -> Floats:
    """The frequency of every bin of a one-sided spectrum."""
    found: Floats = (np.arange(bins) * rate / (2 * (bins - 1))).astype(np.float32)
    return found


def centroid_and_bandwidth(power: Floats, rate: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of frequency in hertz, weighted by power. ``(t,)`` each."""
    hertz = bin_hertz(power.shape[1], rate)
    moments = power @ np.stack([np.ones_like(hertz), hertz, hertz**2], axis=1)  # (t, 3)
    total = moments[:, 0] + np.float32(FLOOR)
    centroid = moments[:, 1] / total
    return centroid, np.sqrt(np.maximum(moments[:, 2] / total - centroid**2, 0))


def roll_off(power: Floats, rate: int, share: tuple[float, ...] = (0.5, 0.85, 0.95)) -> list[Floats]:
    """Hertz below which each ``share`` of the power lies. ``(t,)`` each."""
    summed = np.cumsum(np.ascontiguousarray(power.T), axis=0)  # (bins, t): whole rows are added at once
    step = np.float32(rate / (2 * (power.shape[1] - 1)))
    counted = np.full(len(summed), step, np.float32)  # a product counts faster than count_nonzero along an axis
    return [counted @ (summed < summed[-1] * np.float32(part)).astype(np.float32) for part in share]


def flatness(power: Floats) -> Floats:
    """Logarithm of the geometric over the arithmetic mean of power: 0 for white noise, far below for tones. ``(t,)``"""
    floor = np.float32(FLOOR * 1e-4)
    found: Floats = np.log(power + floor).mean(axis=1) - np.log(power.mean(axis=1) + floor)
    return found


def zero_crossings(samples: Floats, length: int, hop: int) -> Floats:
    """Share of neighbouring samples with different signs in every frame of ``samples`` ``(n,)``. ``(t,)``"""
    positive = samples >= 0
    counts = np.zeros(len(samples), np.int32)  # of changes up to each sample
    np.cumsum(positive[1:] != positive[:-1], dtype=np.int32, out=counts[1:])
    starts = np.arange(0, len(samples) - length + 1, hop)
    found: Floats = ((counts[starts + length - 1] - counts[starts]) / (length - 1)).astype(np.float32)
    return found


def crests(samples: Floats, energy: Floats, length: int, hop: int) -> Floats:
    """Peak over root mean square of every frame, given its ``energy``, the sum of squares. ``(t,)``"""
    peaks = framed(np.abs(samples), length, hop).max(axis=1)
    found: Floats = peaks / np.sqrt(np.maximum(energy / np.float32(length), np.float32(1e-14)))
    return found


def contrast(power: Floats, rate: int) -> Floats:
    """Peaks over valleys and the valleys of six octave-like bands, in natural logarithms (Jiang et al., ICME 2002).

    Peak and valley are the means of the strongest and the weakest fifth of a band. ``(t, 12)``: it tells timbre.
    """
    hertz = bin_hertz(power.shape[1], rate)
    edges = [*np.searchsorted(hertz, [edge for edge in CONTRAST_EDGES if edge < rate / 4]).tolist(), len(hertz)]
    columns = []
    for low, high in pairwise(edges):
        ordered = np.sort(power[:, low:high], axis=1)
        fifth = max(1, ordered.shape[1] // 5)
        columns += [ordered[:, -fifth:].mean(axis=1), ordered[:, :fifth].mean(axis=1)]
    logarithms = np.log(np.stack(columns, axis=1) + np.float32(FLOOR))
    logarithms[:, ::2] -= logarithms[:, 1::2]
    found = np.zeros((len(power), 2 * len(CONTRAST_EDGES)), np.float32)
    found[:, : logarithms.shape[1]] = logarithms
    return found


def chroma(power: Floats, rate: int) -> Floats:
    """Share of power in each of the twelve pitch classes, beginning with that of 440 Hz (a). ``(t, 12)``"""
    bank = _chroma_bank(power.shape[1], rate)
    found = power @ bank
    total = found.sum(axis=1, keepdims=True)
    shares: Floats = np.where(total > FLOOR, found / np.maximum(total, np.float32(FLOOR)), np.float32(1 / 12))
    return shares


@cache
def _chroma_bank(bins: int, rate: int) -> Floats:
    """Every bin belongs to the two pitch classes around it, more to the nearer. ``(bins, 12)``"""
    hertz = np.arange(1, bins) * rate / (2 * (bins - 1))
    place = 12 * np.log2(hertz / REFERENCE)
    lower = np.floor(place).astype(np.int64)
    heard = (hertz >= CHROMA_RANGE[0]) & (hertz <= CHROMA_RANGE[1])
    bank = np.zeros((bins, 12), np.float32)
    rows = np.arange(1, bins)
    bank[rows, lower % 12] += (1 - (place - lower)) * heard
    bank[rows, (lower + 1) % 12] += (place - lower) * heard
    return bank
