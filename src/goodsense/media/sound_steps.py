"""Steps on sounds as plain functions: channels, rate, level, loudness, silence.

Every function takes a :class:`~goodsense.types.Sound`, leaves it untouched and returns a new one; each refuses what it
cannot work on with a ``ValueError`` that names what it found. They compose:
``normalise_loudness(trim_silence(resample(mono(sound), 16_000)))``. Other steps: noise in
:mod:`goodsense.media.sound_noise`, pitch and tempo in :mod:`goodsense.media.sound_pitch`, segments and voice activity
in :mod:`goodsense.media.sound_segments`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.media.sound_spectra import Floats, framed
from goodsense.types import Sound

__all__ = ["gain", "levels", "loudness", "mono", "normalise_loudness", "normalise_peak", "resample", "trim_silence"]

RATES = (1_000, 768_000)
BLOCK, STEP = 0.4, 0.1  # seconds of a gating block, and from one to the next
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0
SURROUND = {5: (1, 1, 1, 1.41, 1.41), 6: (1, 1, 1, 0, 1.41, 1.41)}  # L R C (LFE) Ls Rs


def checked(sound: Sound) -> Sound:
    """The sound itself.

    Raises
    ------
    ValueError
        If its samples are no finite ``(n, channels)`` array, or its rate is out of reason.
    """
    samples = sound.samples
    if not isinstance(samples, np.ndarray) or samples.ndim != 2 or samples.shape[1] == 0:
        shape = getattr(samples, "shape", type(samples).__name__)
        raise ValueError(f"samples are {shape}; expected an (n, channels) float32 array")
    if not RATES[0] <= sound.rate <= RATES[1]:
        raise ValueError(f"rate is {sound.rate}; expected {RATES[0]} to {RATES[1]} samples per second")
    if not np.isfinite(samples).all():
        raise ValueError("samples hold numbers that are not finite; expected -1 to 1")
    return sound


def finite(value: float, name: str, *, above: float = -math.inf) -> float:
    """``value``, if it is a finite number above ``above``."""
    if not (math.isfinite(value) and value > above):
        raise ValueError(f"{name} is {value!r}; expected a finite number{f' above {above:g}' if above > -1e9 else ''}")
    return float(value)


def per_channel(step: Callable[[Floats], Floats], sound: Sound) -> Sound:
    """A step on one channel, taken on each."""
    columns = [step(np.ascontiguousarray(column)) for column in sound.samples.T]
    return Sound(np.stack(columns, axis=1).astype(np.float32, copy=False), sound.rate)


def mono(sound: Sound) -> Sound:
    """One channel: the mean of all."""
    samples = checked(sound).samples
    return Sound(samples.mean(axis=1, keepdims=True, dtype=np.float32), sound.rate)


def resample(sound: Sound, rate: int) -> Sound:
    """At another rate, through a polyphase low-pass filter (Kaiser window), so that nothing folds back."""
    from scipy.signal import resample_poly

    if not isinstance(rate, int) or not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"rate is {rate!r}; expected a whole number from {RATES[0]} to {RATES[1]}")
    samples = checked(sound).samples
    if rate == sound.rate or not len(samples):
        return Sound(samples.copy(), rate)
    shared = math.gcd(rate, sound.rate)
    return Sound(resample_poly(samples, rate // shared, sound.rate // shared, axis=0).astype(np.float32), rate)


def gain(sound: Sound, decibels: float) -> Sound:
    """Louder or softer by ``decibels``; what would pass full scale is clipped there."""
    factor = np.float32(10 ** (finite(decibels, "decibels") / 20))
    return Sound(np.clip(checked(sound).samples * factor, -1, 1), sound.rate)


def normalise_peak(sound: Sound, peak: float = -1.0) -> Sound:
    """The largest sample at ``peak`` decibels of full scale; silence stays silence."""
    largest = float(np.abs(checked(sound).samples).max(initial=0.0))
    if largest == 0:
        return Sound(sound.samples.copy(), sound.rate)
    return Sound(sound.samples * np.float32(10 ** (finite(peak, "peak") / 20) / largest), sound.rate)


# ---- loudness


def loudness(sound: Sound) -> float:
    """Integrated loudness in LUFS by ITU-R BS.1770-4: K-weighted, gated; ``-inf`` for silence.

    Five channels are taken as L R C Ls Rs, six as L R C LFE Ls Rs, and all others weigh the same. A sound shorter than
    one gating block (0.4 s) is one block.
    """
    samples = _weighted(checked(sound).samples.astype(np.float64), sound.rate)
    weights = np.array(SURROUND.get(samples.shape[1], (1.0,) * samples.shape[1]))
    length, hop = round(BLOCK * sound.rate), round(STEP * sound.rate)
    if not len(samples):
        return -math.inf
    length = min(length, len(samples))
    totals = np.concatenate([np.zeros((1, samples.shape[1])), np.cumsum(samples**2, axis=0)])
    starts = np.arange(0, len(samples) - length + 1, hop)
    power = ((totals[starts + length] - totals[starts]) / length) @ weights  # (blocks,)
    loud = power > _power(ABSOLUTE_GATE)
    if not loud.any():
        return -math.inf
    gate = _power(_units(float(power[loud].mean())) + RELATIVE_GATE)
    return _units(float(power[loud & (power > gate)].mean()))


def normalise_loudness(sound: Sound, target: float = -23.0, *, peak: float = -1.0) -> Sound:
    """At ``target`` LUFS (EBU R 128's -23), or as near as a peak of ``peak`` decibels of full scale allows.

    Silence, and what is too soft to be measured, stays as it is.
    """
    found = loudness(sound)
    if found == -math.inf:
        return Sound(sound.samples.copy(), sound.rate)
    largest = float(np.abs(sound.samples).max())
    room = finite(peak, "peak") - 20 * math.log10(largest)
    change = min(finite(target, "target") - found, room)
    return Sound(sound.samples * np.float32(10 ** (change / 20)), sound.rate)


def _units(power: float) -> float:
    return -0.691 + 10 * math.log10(power)


def _power(units: float) -> float:
    return float(10 ** ((units + 0.691) / 10))


def _weighted(samples: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """The K filter: a shelf for the head, then a high pass, both given at 48 kHz and brought to ``rate``."""
    from scipy.signal import lfilter

    for numerator, denominator in (_shelf(rate), _high_pass(rate)):
        samples = lfilter(numerator, denominator, samples, axis=0)
    return samples


def _shelf(rate: int) -> tuple[list[float], list[float]]:
    """The analogue parameters behind the standard's first table."""
    decibels, quality, corner = 3.999843853973347, 0.7071752369554196, 1681.974450955533
    k = math.tan(math.pi * min(corner / rate, 0.49))
    high = 10 ** (decibels / 20)
    band = high**0.4996667741545416
    scale = 1 + k / quality + k * k
    return (
        [
            (high + band * k / quality + k * k) / scale,
            2 * (k * k - high) / scale,
            (high - band * k / quality + k * k) / scale,
        ],
        [1.0, 2 * (k * k - 1) / scale, (1 - k / quality + k * k) / scale],
    )


def _high_pass(rate: int) -> tuple[list[float], list[float]]:
    quality, corner = 0.5003270373238773, 38.13547087602444
    k = math.tan(math.pi * corner / rate)
    scale = 1 + k / quality + k * k
    return [1.0, -2.0, 1.0], [1.0, 2 * (k * k - 1) / scale, (1 - k / quality + k * k) / scale]


# ---- silence


def levels(sound: Sound, *, seconds: float = 0.02) -> NDArray[np.float64]:
    """Root mean square of successive pieces of ``seconds``, all channels together, in decibels of full scale."""
    samples = checked(sound).samples
    length = max(1, round(finite(seconds, "seconds", above=0) * sound.rate))
    if not len(samples):
        return np.zeros(0)
    power: NDArray[Any] = np.mean(samples.astype(np.float64) ** 2, axis=1)
    whole = -(-len(power) // length) * length
    pieces = framed(np.pad(power, (0, whole - len(power)), mode="edge"), length, length)
    found: NDArray[np.float64] = 10 * np.log10(np.maximum(pieces.mean(axis=1), 1e-12))
    return found


def trim_silence(sound: Sound, *, below: float = 40.0, keep: float = 0.05) -> Sound:
    """Without the silence before and after: what lies more than ``below`` decibels under the loudest piece.

    ``keep`` seconds stay on both sides. Of nothing but digital silence nothing is left.
    """
    piece = 0.02
    found = levels(sound, seconds=piece)
    if not found.size or found.max() <= -119:
        return Sound(sound.samples[:0].copy(), sound.rate)
    heard = np.flatnonzero(found > found.max() - finite(below, "below", above=0))
    length = max(1, round(piece * sound.rate))
    spare = round(finite(keep, "keep", above=-1e-9) * sound.rate)
    start, stop = int(heard[0]) * length - spare, (int(heard[-1]) + 1) * length + spare
    return Sound(sound.samples[max(0, start) : stop].copy(), sound.rate)
