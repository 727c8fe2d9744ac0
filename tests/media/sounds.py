"""Sounds whose properties are known because they are made here."""

from __future__ import annotations

import numpy as np

from goodsense.types import Sound

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0, *, rate: int = RATE, amplitude: float = 0.5) -> Sound:
    """A sine."""
    times = np.arange(round(seconds * rate)) / rate
    return of(amplitude * np.sin(2 * np.pi * hertz * times), rate)


def harmonic(hertz: float, seconds: float = 1.0, *, rate: int = RATE, partials: int = 12) -> Sound:
    """A voice-like tone: partials that fall off by half per octave."""
    times = np.arange(round(seconds * rate)) / rate
    waves = [np.sin(2 * np.pi * hertz * n * times) / n for n in range(1, partials + 1) if hertz * n < 0.45 * rate]
    whole = np.sum(waves, axis=0)
    return of(0.5 * whole / np.abs(whole).max(), rate)


def noise(seconds: float = 1.0, *, rate: int = RATE, deviation: float = 0.1, seed: int = 0) -> Sound:
    """White noise."""
    return of(np.random.default_rng(seed).normal(0, deviation, round(seconds * rate)), rate)


def silence(seconds: float = 1.0, *, rate: int = RATE) -> Sound:
    return of(np.zeros(round(seconds * rate)), rate)


def clicks(per_minute: float, seconds: float = 6.0, *, rate: int = RATE) -> Sound:
    """A metronome: short decaying knocks."""
    samples = np.zeros(round(seconds * rate))
    knock = np.exp(-np.arange(400) / 60) * np.random.default_rng(0).normal(0, 0.5, 400)
    for start in np.arange(0.1, seconds - 0.1, 60 / per_minute):
        at = round(start * rate)
        samples[at : at + 400] += knock[: len(samples) - at]
    return of(np.clip(samples, -1, 1), rate)


def of(samples: np.ndarray, rate: int = RATE) -> Sound:
    """One channel."""
    return Sound(np.asarray(samples, np.float32).reshape(-1, 1), rate)


def joined(*parts: Sound) -> Sound:
    return Sound(np.concatenate([part.samples for part in parts]), parts[0].rate)


def peak_hertz(sound: Sound) -> float:
    """The frequency with the most power."""
    samples = sound.samples[:, 0]
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(power.argmax() * sound.rate / len(samples))


def decibels(power: float) -> float:
    return float(10 * np.log10(power))


def power(sound: Sound) -> float:
    return float(np.mean(sound.samples.astype(np.float64) ** 2))
