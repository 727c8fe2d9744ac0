from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import signal

from goodsense.media import sound_noise as noise
from goodsense.types import Sound
from tests.media import sounds

BY_SPECTRUM: list[Callable[..., Sound]] = [noise.subtract_noise, noise.wiener_denoise]
ADAPTIVE: list[Callable[..., Sound]] = [noise.lms_denoise, noise.nlms_denoise]


def ratio(found: Sound, clean: Sound) -> float:
    """Signal to noise in decibels, whatever the gain."""
    a, b = clean.samples[:, 0].astype(np.float64), found.samples[:, 0].astype(np.float64)
    scaled = a * (a @ b) / (a @ a)
    return 10 * float(np.log10((scaled @ scaled) / ((b - scaled) @ (b - scaled))))


def phrase() -> Sound:
    """Tones with pauses."""
    return sounds.joined(
        sounds.silence(0.4), sounds.harmonic(200, 0.5), sounds.silence(0.3), sounds.harmonic(300, 0.5),
        sounds.silence(0.3),
    )  # fmt: skip


@pytest.mark.parametrize("step", BY_SPECTRUM)
@pytest.mark.parametrize("known", [False, True])
def test_noise_goes_and_the_sound_stays(step: Callable[..., Sound], known: bool) -> None:
    clean = phrase()
    noisy = sounds.of(clean.samples + sounds.noise(2.0, deviation=0.05).samples)
    recording = sounds.noise(1.0, deviation=0.05, seed=7) if known else None
    before, after = ratio(noisy, clean), ratio(step(noisy, recording), clean)
    assert after > before + 5
    pause = slice(0, 5_000)
    quieter = sounds.power(Sound(step(noisy, recording).samples[pause], 16_000))
    assert quieter < sounds.power(Sound(noisy.samples[pause], 16_000)) / 5


@pytest.mark.parametrize("step", BY_SPECTRUM)
def test_a_clean_sound_hardly_changes(step: Callable[..., Sound]) -> None:
    clean = phrase()
    assert ratio(step(clean), clean) > 20


@pytest.mark.parametrize("step", BY_SPECTRUM)
def test_the_noise_must_fit(step: Callable[..., Sound]) -> None:
    with pytest.raises(ValueError, match="resample one of them"):
        step(sounds.tone(440), sounds.noise(rate=8_000))
    with pytest.raises(ValueError, match="expected at least 1024"):
        step(sounds.tone(440), sounds.noise(0.01))
    with pytest.raises(ValueError, match="floor is 1"):
        step(sounds.tone(440), floor=1.0)


@pytest.mark.parametrize("step", ADAPTIVE)
def test_a_second_microphone_takes_the_noise_out(step: Callable[..., Sound]) -> None:
    """The noise comes through a room that the filter has to learn."""
    clean, heard = phrase(), sounds.noise(2.0, deviation=0.2)
    through = signal.lfilter([0.6, 0.0, -0.4, 0.25, 0.0, 0.1], [1.0], heard.samples[:, 0])
    noisy = sounds.of(clean.samples[:, 0] + through)
    found = step(noisy, heard, taps=8)
    later = slice(8_000, None)
    before = ratio(Sound(noisy.samples[later], 16_000), Sound(clean.samples[later], 16_000))
    after = ratio(Sound(found.samples[later], 16_000), Sound(clean.samples[later], 16_000))
    assert after > before + 8


def test_lms_finds_the_filter_that_made_the_noise() -> None:
    heard = sounds.noise(0.5, deviation=0.3)
    made = sounds.of(signal.lfilter([0.5, -0.3, 0.2], [1.0], heard.samples[:, 0]))
    left = noise.nlms_denoise(made, heard, taps=3, rate=0.5)
    assert sounds.power(Sound(left.samples[-2_000:], 16_000)) < 1e-6 * sounds.power(made)


@pytest.mark.parametrize("step", ADAPTIVE)
def test_without_a_reference_tones_stay(step: Callable[..., Sound]) -> None:
    clean = sounds.tone(500, 1.5, amplitude=0.3)
    noisy = sounds.of(clean.samples + sounds.noise(1.5, deviation=0.15).samples)
    found = step(noisy, taps=64, rate=0.01)
    later = slice(12_000, None)
    before = ratio(Sound(noisy.samples[later], 16_000), Sound(clean.samples[later], 16_000))
    assert ratio(Sound(found.samples[later], 16_000), Sound(clean.samples[later], 16_000)) > before + 4


@pytest.mark.parametrize("step", [*BY_SPECTRUM, *ADAPTIVE])
@pytest.mark.parametrize("count", [0, 1, 500])
def test_length_and_channels_stay(step: Callable[..., Sound], count: int) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (count, 2)).astype(np.float32)
    found = step(Sound(samples, 16_000))
    assert found.samples.shape == samples.shape
    assert np.isfinite(found.samples).all()
    assert not step(sounds.silence(0.1)).samples.any()


def test_adaptive_filters_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="expected the same"):
        noise.lms_denoise(sounds.tone(440), sounds.noise(0.5))
    with pytest.raises(ValueError, match="taps is 0"):
        noise.lms_denoise(sounds.tone(440), taps=0)
