"""Taking noise out of sounds: spectral subtraction, the Wiener filter, and adaptive filters.

The first two know the noise by its spectrum: of a recording of the noise alone, or else of the quietest frames, so a
sound needs pauses, and digital silence around it should be trimmed first. The adaptive filters (LMS, NLMS) listen to a
second recording of the noise, or, without one, keep what can be predicted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from goodsense.media.sound_spectra import Floats, samples_of, spectra_of
from goodsense.media.sound_steps import checked, finite, per_channel
from goodsense.types import Sound

__all__ = ["lms_denoise", "nlms_denoise", "subtract_noise", "wiener_denoise"]

QUIET = 0.1  # share of the frames that noise is learned from where no recording of it is given
SMOOTHED = 0.98  # weight of the frame before in the estimate of the ratio of signal to noise


def subtract_noise(sound: Sound, noise: Sound | None = None, *, strength: float = 2.0, floor: float = 0.05) -> Sound:
    """Spectral subtraction (Boll, IEEE Trans. ASSP 1979) with over-subtraction (Berouti et al., ICASSP 1979).

    Parameters
    ----------
    noise
        A recording of the noise alone; None: the quietest tenth of the frames.
    strength
        How many times the noise's power is taken away.
    floor
        Share of the amplitude that is always left, which hides what subtraction makes of noise: single tones.
    """
    finite(strength, "strength", above=0)
    _share(floor, "floor")

    def gains(power: Floats, level: Floats) -> Floats:
        left = np.maximum(1 - np.float32(strength) * level / np.maximum(power, 1e-20), np.float32(floor**2))
        return np.sqrt(left)

    return _filtered(sound, noise, gains)


def wiener_denoise(sound: Sound, noise: Sound | None = None, *, floor: float = 0.05) -> Sound:
    """The Wiener filter, its ratio of signal to noise followed from frame to frame (decision-directed: Ephraim and
    Malah, IEEE Trans. ASSP 1984; Scalart and Filho, ICASSP 1996). ``noise`` and ``floor`` as for
    :func:`subtract_noise`."""
    _share(floor, "floor")

    def gains(power: Floats, level: Floats) -> Floats:
        after = power / np.maximum(level, 1e-20)  # (t, bins): ratio of what is heard to the noise
        found = np.empty_like(power)
        clean = np.maximum(after[0] - 1, 0)
        for row, ratio in enumerate(after):
            before = SMOOTHED * clean + (1 - SMOOTHED) * np.maximum(ratio - 1, 0)
            found[row] = np.maximum(before / (1 + before), floor)
            clean = found[row] ** 2 * ratio
        return found

    return _filtered(sound, noise, gains)


def lms_denoise(sound: Sound, reference: Sound | None = None, *, taps: int = 32, rate: float = 0.01) -> Sound:
    """Least mean squares (Widrow et al., Proc. IEEE 1975): an adaptive filter takes out what ``reference`` explains.

    Parameters
    ----------
    reference
        A second recording, of the noise alone, as long as the sound. None: the sound itself some milliseconds before,
        and the prediction is kept (an adaptive line enhancer): tones stay, noise goes.
    taps
        Length of the filter.
    rate
        How fast it learns, relative to the mean power of the reference; above 1 it may swing up.

    Notes
    -----
    It goes sample by sample: some 200,000 per second.
    """
    return _adaptive(sound, reference, taps, rate, normalised=False)


def nlms_denoise(sound: Sound, reference: Sound | None = None, *, taps: int = 32, rate: float = 0.1) -> Sound:
    """Normalised least mean squares: as :func:`lms_denoise`, with steps that follow the reference's loudness of the
    moment (Nagumo and Noda, IEEE TAC 1967); stable for a ``rate`` below 2."""
    return _adaptive(sound, reference, taps, rate, normalised=True)


def _share(value: float, name: str) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value!r}; expected a share from 0 to below 1")


def _filtered(sound: Sound, noise: Sound | None, gains: Callable[[Floats, Floats], Floats]) -> Sound:
    if noise is not None and checked(noise).rate != sound.rate:
        raise ValueError(f"the noise has {noise.rate} samples per second, the sound {sound.rate}; resample one of them")
    length = 2 ** round(np.log2(0.032 * checked(sound).rate))
    hop = length // 4
    known = None if noise is None else _mean_power(noise.samples.mean(axis=1), length, hop)

    def step(samples: Floats) -> Floats:
        spectra = spectra_of(samples, length, hop)
        power = np.abs(spectra) ** 2
        level = _quiet_power(power) if known is None else known
        return samples_of((spectra * gains(power, level)).astype(np.complex64), hop, len(samples))

    return per_channel(step, sound) if len(sound.samples) else Sound(sound.samples.copy(), sound.rate)


def _mean_power(samples: Floats, length: int, hop: int) -> Floats:
    inner = np.abs(spectra_of(samples, length, hop)[2:-4]) ** 2  # whole frames
    if not len(inner):
        raise ValueError(f"the noise has {len(samples)} samples; expected at least {2 * length}")
    return np.asarray(inner.mean(axis=0), np.float32)


def _quiet_power(power: Floats) -> Floats:
    """Mean power of the quietest frames."""
    order = np.argsort(power.sum(axis=1), kind="stable")
    return np.asarray(power[order[: max(1, round(QUIET * len(order)))]].mean(axis=0), np.float32)


def _adaptive(sound: Sound, reference: Sound | None, taps: int, rate: float, *, normalised: bool) -> Sound:
    if isinstance(taps, bool) or not isinstance(taps, int) or taps < 1:
        raise ValueError(f"taps is {taps!r}; expected a whole number of at least 1")
    finite(rate, "rate", above=0)
    if not len(checked(sound).samples):
        return Sound(sound.samples.copy(), sound.rate)
    if reference is None:
        delay = max(1, round(0.002 * sound.rate))
        return per_channel(
            lambda samples: samples - _residue(samples, _delayed(samples, delay), taps, rate, normalised), sound
        )
    if checked(reference).rate != sound.rate or len(reference.samples) != len(sound.samples):
        raise ValueError(
            f"the reference has {len(reference.samples)} samples at {reference.rate}, the sound {len(sound.samples)} "
            f"at {sound.rate}; expected the same"
        )
    heard = np.ascontiguousarray(reference.samples.mean(axis=1))
    return per_channel(lambda samples: _residue(samples, heard, taps, rate, normalised), sound)


def _delayed(samples: Floats, by: int) -> Floats:
    return np.concatenate([np.zeros(by, np.float32), samples[: max(0, len(samples) - by)]])[: len(samples)]


def _residue(wanted: Floats, heard: Floats, taps: int, rate: float, normalised: bool) -> Floats:
    """What a filter of ``taps`` over ``heard`` cannot explain of ``wanted``, learning on the way."""
    padded: NDArray[np.float64] = np.concatenate([np.zeros(taps - 1), heard.astype(np.float64)])
    mean = float(np.mean(heard.astype(np.float64) ** 2)) * taps + 1e-12
    powers = (
        np.convolve(padded**2, np.ones(taps), mode="valid") + 1e-3 * mean if normalised else np.full(len(heard), mean)
    )
    steps = (rate / powers).tolist()
    weights, errors = np.zeros(taps), np.empty(len(wanted))
    for at, (target, step) in enumerate(zip(wanted.tolist(), steps, strict=True)):
        window = padded[at : at + taps]
        error = target - float(weights @ window)
        weights += (step * error) * window
        errors[at] = error
    return errors.astype(np.float32)
