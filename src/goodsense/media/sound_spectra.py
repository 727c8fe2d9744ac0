"""Sounds as short frames and their spectra, and back: what every step and encoder of sounds is made of.

Arrays here are one channel, float32: ``(n,)`` samples, ``(t, n)`` frames, ``(t, bins)`` spectra, ``(t, bands)``
logarithmic mel spectra. Windows are periodic Hann windows.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FLOOR = 1e-10  # power below which nothing is heard: -100 dB of full scale
CHUNK = 64  # frames transformed at once, which stay in the processor's cache


@cache
def hann(length: int) -> Floats:
    """A periodic Hann window ``(length,)``; not to be written to."""
    found: Floats = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    found.setflags(write=False)
    return found


def framed(samples: Floats, length: int, hop: int) -> Floats:
    """Overlapping frames ``(t, length)``, a view where it can be; at least one, padded with silence."""
    if len(samples) < length:
        samples = np.pad(samples, (0, length - len(samples)))
    found: Floats = sliding_window_view(samples, length)[::hop]
    return found


def power_spectra(frames: Floats) -> Floats:
    """Power of each windowed frame, ``(t, n) -> (t, n // 2 + 1)``: a sine of amplitude 1 on a bin gives 1/4 there."""
    from scipy import fft

    length = frames.shape[1]
    window = hann(length) * np.float32(2 / length)  # its sum becomes 1
    found = np.empty((len(frames), length // 2 + 1), dtype=np.float32)
    for start in range(0, len(frames), CHUNK):
        spectra = fft.rfft(frames[start : start + CHUNK] * window, axis=1)
        np.add(spectra.real**2, spectra.imag**2, out=found[start : start + CHUNK])
    return found


# ---- mel


def to_mel(hertz: NDArray[np.floating]) -> NDArray[np.float64]:
    """Hertz to mel by O'Shaughnessy's formula: 2595 log10(1 + f / 700)."""
    found: NDArray[np.float64] = 2595 * np.log10(1 + np.asarray(hertz, np.float64) / 700)
    return found


def from_mel(mel: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inverse of :func:`to_mel`."""
    found: NDArray[np.float64] = 700 * (10 ** (np.asarray(mel, np.float64) / 2595) - 1)
    return found


@cache
def mel_bank(rate: int, length: int, bands: int, *, low: float = 50.0, high: float | None = None) -> Floats:
    """Triangles evenly spaced in mel, ``(length // 2 + 1, bands)``; each column sums to 1, so a band is a mean power.

    A band narrower than a bin takes the power at its centre, between the two bins around it.
    """
    top = 0.49 * rate if high is None else high
    edges = from_mel(np.linspace(to_mel(np.array(low)), to_mel(np.array(top)), bands + 2))
    bins = np.arange(length // 2 + 1) * rate / length
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0, np.minimum(rising, falling))
    between = np.maximum(0, 1 - np.abs(bins[:, None] - edges[1:-1]) * length / rate)
    bank = np.where((bank > 0).sum(axis=0) < 2, between, bank)
    found: Floats = np.ascontiguousarray(bank / bank.sum(axis=0), dtype=np.float32)
    found.setflags(write=False)
    return found


def decibels(power: Floats, *, floor: float = FLOOR) -> Floats:
    """``10 log10(power)``, never below ``floor``."""
    found: Floats = np.float32(10) * np.log10(np.maximum(power, np.float32(floor)))
    return found


# ---- there and back


def spectra_of(samples: Floats, length: int, hop: int) -> NDArray[np.complex64]:
    """Complex spectra ``(t, length // 2 + 1)`` of frames that reach over both ends by half a frame."""
    from scipy import fft

    padded = np.pad(samples, (length // 2, length // 2 + hop))
    found: NDArray[np.complex64] = fft.rfft(framed(padded, length, hop) * hann(length), axis=1)
    return found


def samples_of(spectra: NDArray[np.complex64], hop: int, count: int) -> Floats:
    """Samples ``(count,)`` by overlapping and adding; the inverse of :func:`spectra_of` for ``hop <= length / 2``.

    Changed spectra give the samples whose spectra are nearest to them in the sense of least squares (Griffin and Lim,
    IEEE Trans. ASSP 1984).
    """
    from scipy import fft

    length = 2 * (spectra.shape[1] - 1)
    window = hann(length)
    frames = fft.irfft(spectra, length, axis=1).astype(np.float32) * window
    total = (len(frames) - 1) * hop + length
    summed, weight = np.zeros(total, np.float32), np.zeros(total, np.float32)
    square = window**2
    for number, frame in enumerate(frames):
        summed[number * hop : number * hop + length] += frame
        weight[number * hop : number * hop + length] += square
    whole: Floats = (summed / np.maximum(weight, 1e-3)).astype(np.float32)
    found: Floats = whole[length // 2 : length // 2 + count]
    return np.pad(found, (0, count - len(found))) if len(found) < count else found
