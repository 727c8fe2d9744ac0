"""What a sound is described by, block by block: statistics of its measures over time.

All is relative to the sound's own loudness, and only frames near enough to the loudest one count, so neither the level
of a recording nor the silence around it changes much. Two spectra are made: one of short frames for how a sound
changes, one of long frames for pitch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import spectral_measures as measures
from goodsense.media.sound_pitch import pitch_of_power, semitones
from goodsense.media.sound_spectra import Floats, decibels, framed, mel_bank, power_spectra

SHORT, SHORT_HOP = 0.032, 0.02  # seconds
LONG, LONG_HOP = 0.064, 0.048
BANDS = 64
CEPSTRA = 24
SILENT = -80.0  # decibels of full scale: the loudest frame of a silence lies below
DEPTH = 60.0  # decibels under the loudest frame to which frames count
RANGE = 80.0  # decibels that a log-mel reaches down from its loudest point
LEVEL = 0.1  # root mean square that every sound is brought to
MODULATION_EDGES = (0.4, 1.0, 2.0, 4.0, 8.0, 16.0, 25.0)  # hertz
LAG_EDGES = np.geomspace(0.1, 2.0, 13)  # seconds
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FAINT = 0.01  # variance of onsets, in square decibels, that makes no rhythm
TEMPO = 120.0  # beats per minute that people tend to hear


@dataclass(frozen=True, eq=False)
class Spectra:
    """One sound, ready to be measured; ``heard`` marks the frames that count."""

    rate: int
    power: Floats  # (t, bins)
    level: Floats  # (t,) decibels under the loudest frame
    crossings: Floats  # (t,)
    crests: Floats  # (t,)
    mel: Floats  # (t, BANDS) decibels
    long_power: Floats
    reference: float  # hertz from which semitones are counted

    @property
    def heard(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.level > -DEPTH
        return found

    @classmethod
    def of(cls, samples: Floats, rate: int, *, reference: float = measures.REFERENCE) -> Spectra | None:
        """None for silence."""
        length, hop, count = round(SHORT * rate), round(SHORT_HOP * rate), len(samples)
        if count < length:
            samples = np.pad(samples, (0, length - count))
        frames = framed(samples, length, hop)
        energy = np.einsum("ij,ij->i", frames, frames)
        level = decibels(energy / np.float32(length), floor=1e-13)
        if not count or level.max() < SILENT:
            return None
        crossings = measures.zero_crossings(samples, length, hop)
        crests = measures.crests(samples, energy, length, hop)
        samples = samples * np.float32(LEVEL / math.sqrt(float(np.dot(samples, samples)) / count))
        power = power_spectra(framed(samples, length, hop))
        mel = decibels(power @ mel_bank(rate, length, BANDS))
        mel = np.maximum(mel, mel.max() - np.float32(RANGE))
        long_power = power_spectra(framed(samples, round(LONG * rate), round(LONG_HOP * rate)))
        return cls(rate, power, level - level.max(), crossings, crests, mel, long_power, reference)


def describe_blocks(sound: Spectra) -> dict[str, Floats]:
    """Every block of features, in the order of a raw description."""
    heard = sound.heard
    power = sound.power if heard.all() else sound.power[heard]
    cepstra = cepstral(sound.mel)
    onsets = onset_strength(sound.mel)
    return {
        "mel": statistics(sound.mel[heard]),
        "mfcc": statistics(cepstra[heard]),
        "delta": delta_statistics(cepstra, heard),
        "modulation": modulation(sound.mel, sound.rate),
        "shape": statistics(shape(sound, power, onsets)),
        "contrast": statistics(measures.contrast(power, sound.rate)),
        "chroma": chroma_statistics(measures.chroma(sound.long_power, sound.rate)),
        "pitch": pitch_statistics(sound),
        "rhythm": rhythm(onsets, round(SHORT_HOP * sound.rate) / sound.rate),
        "dynamics": dynamics(sound),
    }


@cache
def raw_slices(rate: int) -> dict[str, slice]:
    """Where each block stands in a raw description."""
    click = np.zeros(rate // 10, np.float32)
    click[0] = 1
    sound = Spectra.of(click, rate)
    assert sound is not None  # a click is no silence
    places, start = {}, 0
    for name, found in describe_blocks(sound).items():
        places[name] = slice(start, start + len(found))
        start += len(found)
    return places


# ---- over time


def statistics(rows: Floats) -> Floats:
    """Mean, deviation, quantiles, mean absolute change, deviation of the change and skewness of every column.

    ``(t, k) -> (10 k,)``, one statistic after the other.
    """
    columns = np.ascontiguousarray(rows.T)  # (k, t): sums and sorts run along memory
    count = columns.shape[1]
    ordered = np.sort(columns, axis=1)
    places = np.round(np.array(QUANTILES) * (count - 1)).astype(np.int64)
    mean = columns.mean(axis=1)
    centred = columns - mean[:, None]
    squares = centred * centred
    deviation = np.sqrt(squares.mean(axis=1))
    third = np.einsum("ij,ij->i", squares, centred) / np.float32(count)
    skewness = np.clip(third / np.maximum(deviation, np.float32(1e-3)) ** 3, -5, 5)
    changes = np.diff(columns, axis=1) if count > 1 else np.zeros_like(columns)
    return np.concatenate(
        [mean, deviation, ordered[:, places].T.ravel(), np.abs(changes).mean(axis=1), changes.std(axis=1), skewness]
    )


def cepstral(mel: Floats) -> Floats:
    """Mel-frequency cepstral coefficients ``(t, CEPSTRA)``: the orthonormal DCT-II of a log-mel in decibels."""
    found: Floats = mel @ _cosines(mel.shape[1])
    return found


@cache
def _cosines(bands: int) -> Floats:
    angles = np.pi / bands * (np.arange(bands)[:, None] + 0.5) * np.arange(CEPSTRA)
    scale = np.where(np.arange(CEPSTRA) == 0, math.sqrt(1 / bands), math.sqrt(2 / bands))
    return np.ascontiguousarray(np.cos(angles) * scale, dtype=np.float32)


def deltas(rows: Floats, width: int = 2) -> Floats:
    """The slope of a straight line through ``width`` frames on either side; ends are repeated. ``(t, k) -> (t, k)``"""
    padded = np.pad(rows, ((width, width), (0, 0)), mode="edge")
    count = len(rows)
    total = np.zeros_like(rows)
    for step in range(1, width + 1):
        total += np.float32(step) * (
            padded[width + step : width + step + count] - padded[width - step : width - step + count]
        )
    return total / np.float32(2 * sum(step * step for step in range(1, width + 1)))


def delta_statistics(cepstra: Floats, heard: NDArray[np.bool_]) -> Floats:
    """Deviations of first and second deltas and the first one's mean size. ``(3 CEPSTRA,)``"""
    first = deltas(cepstra)
    second = deltas(first)
    return np.concatenate([first[heard].std(axis=0), second[heard].std(axis=0), np.abs(first[heard]).mean(axis=0)])


def modulation(mel: Floats, rate: int) -> Floats:
    """How strongly 16 bands swing at 0.4 to 32 Hz, an octave each: logarithms of power, ``(6 * 16,)``."""
    from scipy import fft

    bands = mel.reshape(len(mel), 16, BANDS // 16).mean(axis=2)
    length = 1 << max(6, math.ceil(math.log2(len(bands))))
    spectra = fft.rfft((bands - bands.mean(axis=0)).T, length, axis=1)
    power = (spectra.real**2 + spectra.imag**2) / np.float32(len(bands))  # (16, m)
    hertz = np.arange(power.shape[1]) * rate / round(SHORT_HOP * rate) / length
    starts = np.searchsorted(hertz, MODULATION_EDGES)
    found = [power[:, low : max(high, low + 1)].mean(axis=1) for low, high in pairwise(starts.tolist())]
    logarithms: Floats = np.log(np.concatenate(found) + np.float32(0.1))
    return logarithms


def onset_strength(mel: Floats) -> Floats:
    """Mean rise of the bands since the frame before, in decibels. ``(t,)``"""
    found = np.zeros(len(mel), np.float32)
    np.maximum(np.diff(mel, axis=0), 0).mean(axis=1, out=found[1:])
    return found


def shape(sound: Spectra, power: Floats, onsets: Floats) -> Floats:
    """Centroid, bandwidth, relative bandwidth, roll-offs (all as logarithms), flatness, zero crossings, flux, crest
    and level of the frames that count, of which ``power`` holds the spectra. ``(t, 11)``"""
    heard, rate = sound.heard, sound.rate
    centroid, bandwidth = measures.centroid_and_bandwidth(power, rate)
    low = np.float32(20)  # hertz: below, differences are not heard
    return np.stack(
        [
            np.log(centroid + low),
            np.log(bandwidth + low),
            np.log((bandwidth + low) / (centroid + low)),
            *[np.log(found + low) for found in measures.roll_off(power, rate)],
            measures.flatness(power),
            np.log(sound.crossings[heard] + np.float32(1e-3)),
            onsets[heard],
            np.log(np.maximum(sound.crests[heard], 1)),
            sound.level[heard],
        ],
        axis=1,
    )


def chroma_statistics(shares: Floats) -> Floats:
    """Mean and deviation of the pitch classes, and of their shares in order of size, whatever the key. ``(48,)``"""
    ordered = np.sort(shares, axis=1)
    return np.concatenate([shares.mean(axis=0), shares.std(axis=0), ordered.mean(axis=0), ordered.std(axis=0)])


def pitch_statistics(sound: Spectra) -> Floats:
    """Semitones above the reference while there is a pitch, their changes, and how clear the pitch is. ``(18,)``"""
    hertz, voicing = pitch_of_power(sound.long_power, sound.rate)
    energy = sound.long_power.sum(axis=1)
    heard = energy >= energy.max() * np.float32(10 ** (-DEPTH / 10))
    voiced = (voicing > 0.6) & heard
    notes = semitones(hertz, sound.reference)
    sung = notes[voiced] if voiced.any() else np.zeros(1, np.float32)
    moves = np.diff(notes)[voiced[1:] & voiced[:-1]]
    moves = moves if moves.size else np.zeros(1, np.float32)
    clear = voicing[heard]
    shares = [voiced.mean(), voiced.sum() / heard.sum(), ((voicing > 0.85) & heard).mean()]
    numbers = [
        *shares,
        sung.mean(),
        sung.std(),
        np.abs(moves).mean(),
        moves.std(),
        moves.mean(),
        clear.mean(),
        clear.std(),
    ]
    return np.concatenate([numbers, _quantiles(sung, QUANTILES), _quantiles(clear, (0.1, 0.5, 0.9))]).astype(np.float32)


def rhythm(onsets: Floats, hop: float) -> Floats:
    """The onsets' autocorrelation: its peaks at lags from 0.1 to 2 s, the tempo and how clear it is. ``(14,)``

    The tempo is log2 of beats per minute over 120, from the strongest lag between 0.25 and 2 s, those near half a
    second somewhat preferred (Ellis, J. New Music Research 2007).
    """
    correlation = _autocorrelation(onsets, min(len(onsets), math.ceil(LAG_EDGES[-1] / hop) + 1))
    lags = np.arange(len(correlation)) * hop
    places = np.searchsorted(lags, LAG_EDGES)
    peaks = [correlation[low:high].max() if high > low else 0.0 for low, high in pairwise(places.tolist())]
    beats = (lags >= 0.25) & (lags <= 2)
    if not beats.any() or correlation[beats].max() <= 0:
        return np.array([*peaks, 0.0, 0.0], np.float32)
    octaves = np.log2(60 / TEMPO / lags[beats])
    liked = correlation[beats] * np.exp(-0.5 * (octaves / 1.4) ** 2)
    best = int(liked.argmax())
    return np.array([*peaks, octaves[best], correlation[beats][best]], np.float32)


def _autocorrelation(values: Floats, count: int) -> Floats:
    """1 at lag 0, or less where changes are hardly heard; slightly smoothed, as beats fall between frames."""
    from scipy import fft

    smooth = np.convolve(values, np.array([0.25, 0.5, 0.25], np.float32), mode="same")[: len(values)]
    centred = smooth - smooth.mean()
    length = fft.next_fast_len(len(values) + count, real=True)
    spectrum = fft.rfft(centred, length)
    found: Floats = fft.irfft(spectrum.real**2 + spectrum.imag**2, length)[:count]
    found /= found[0] + np.float32(FAINT * len(values))
    return found


def dynamics(sound: Spectra) -> Floats:
    """How much of the time is how loud, when the loudest and first loud frames come, how long it is. ``(20,)``"""
    level = sound.level
    count = len(level)
    shares = [np.mean(level > -depth) for depth in (3, 6, 10, 15, 20, 30, 40, DEPTH)]
    places = [level.argmax() / count, (level > -20).argmax() / count]
    spread = _quantiles(level, tuple(np.linspace(0, 1, 9).tolist()))
    seconds = math.log(count * SHORT_HOP)
    return np.array([*shares, *places, *np.maximum(spread, -100), seconds], np.float32)


def _quantiles(values: Floats, shares: tuple[float, ...]) -> Floats:
    """The nearest value to each quantile."""
    places = np.round(np.array(shares) * (len(values) - 1)).astype(np.int64)
    found: Floats = np.sort(values)[places]
    return found
