from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from goodsense.media import sound_steps as steps
from goodsense.types import Sound
from tests.media import sounds

STEPS: list[Callable[[Sound], Sound]] = [
    steps.mono,
    lambda sound: steps.resample(sound, 8_000),
    lambda sound: steps.gain(sound, 6),
    steps.normalise_peak,
    steps.normalise_loudness,
    steps.trim_silence,
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("count", [0, 1, 40, 3_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_step_takes_every_sound_and_leaves_it_as_it_was(
    step: Callable[[Sound], Sound], count: int, channels: int
) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (count, channels)).astype(np.float32)
    before = samples.copy()
    found = step(Sound(samples, 16_000))
    np.testing.assert_array_equal(samples, before)
    assert found.samples.dtype == np.float32
    assert found.samples.ndim == 2
    assert np.isfinite(found.samples).all()
    assert not np.shares_memory(found.samples, samples)


@pytest.mark.parametrize(
    "sound",
    [
        Sound(np.zeros(5, np.float32), 8_000),
        Sound(np.zeros((5, 0), np.float32), 8_000),
        Sound(np.full((5, 1), np.nan, np.float32), 8_000),
        Sound(np.zeros((5, 1), np.float32), 0),
    ],
)
def test_what_is_no_sound_is_refused(sound: Sound) -> None:
    with pytest.raises(ValueError, match="expected"):
        steps.mono(sound)


def test_mono_is_the_mean() -> None:
    found = steps.mono(Sound(np.array([[1, 0], [0.5, 0.5]], np.float32), 8_000))
    assert found.samples.tolist() == [[0.5], [0.5]]


@pytest.mark.parametrize(("before", "after"), [(44_100, 16_000), (8_000, 16_000), (48_000, 22_050)])
def test_resampling_keeps_a_tone(before: int, after: int) -> None:
    found = steps.resample(sounds.tone(440, rate=before), after)
    assert found.rate == after
    assert len(found.samples) == pytest.approx(after, abs=1)
    expected = sounds.tone(440, rate=after).samples[: len(found.samples)]
    inner = slice(after // 10, -after // 10)
    np.testing.assert_allclose(found.samples[inner], expected[inner], atol=5e-3)


def test_resampling_folds_nothing_back() -> None:
    found = steps.resample(sounds.tone(6_000, rate=16_000), 8_000)  # 6 kHz would come back at 2 kHz
    assert sounds.decibels(sounds.power(found)) < sounds.decibels(sounds.power(sounds.tone(6_000))) - 50


def test_gain_is_in_decibels_and_clips() -> None:
    soft = sounds.tone(440, amplitude=0.1)
    assert np.abs(steps.gain(soft, 6.0206).samples).max() == pytest.approx(0.2, rel=1e-3)
    assert np.abs(steps.gain(soft, 40).samples).max() == 1
    with pytest.raises(ValueError, match="decibels is nan"):
        steps.gain(soft, math.nan)


def test_loudness_of_the_standards_own_signal() -> None:
    """BS.1770: a sine of 997 Hz at full scale in one channel reads -3.01; EBU Tech 3341, case 1: stereo at -23 dBFS
    reads -23."""
    assert steps.loudness(sounds.tone(997, 3, rate=48_000, amplitude=1)) == pytest.approx(-3.01, abs=0.05)
    one = sounds.tone(1_000, 3, rate=48_000, amplitude=10 ** (-23 / 20)).samples
    both = Sound(np.concatenate([one, one], axis=1), 48_000)
    assert steps.loudness(both) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 96_000])
def test_loudness_hardly_depends_on_the_rate(rate: int) -> None:
    assert steps.loudness(sounds.tone(997, 2, rate=rate, amplitude=1)) == pytest.approx(-3.01, abs=0.15)


def test_the_filters_are_those_of_the_standard() -> None:
    numerator, denominator = steps._shelf(48_000)
    np.testing.assert_allclose(numerator, [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-9)
    np.testing.assert_allclose(denominator, [1, -1.69065929318241, 0.73248077421585], atol=1e-9)
    _, denominator = steps._high_pass(48_000)
    np.testing.assert_allclose(denominator, [1, -1.99004745483398, 0.99007225036621], atol=1e-9)


def test_pauses_do_not_make_a_sound_softer() -> None:
    """The gate of BS.1770: EBU Tech 3341, case 3, in short."""
    loud = sounds.tone(1_000, 4, amplitude=0.1)
    faint = sounds.tone(1_000, 4, amplitude=0.001)
    alone = steps.loudness(loud)
    assert steps.loudness(sounds.joined(faint, loud, faint)) == pytest.approx(alone, abs=0.4)
    assert steps.loudness(sounds.silence()) == -math.inf


def test_surround_channels_weigh_more_and_the_deep_one_nothing() -> None:
    wave = sounds.tone(1_000, 1, amplitude=0.1).samples
    alone = []
    for channel in range(6):
        samples = np.zeros((len(wave), 6), np.float32)
        samples[:, channel] = wave[:, 0]
        alone.append(steps.loudness(Sound(samples, 16_000)))
    assert alone[4] - alone[0] == pytest.approx(10 * math.log10(1.41), abs=1e-6)
    assert alone[3] == -math.inf


def test_normalised_loudness_is_what_was_asked_for() -> None:
    soft = sounds.noise(2, deviation=0.005)
    assert steps.loudness(steps.normalise_loudness(soft, -20)) == pytest.approx(-20, abs=0.01)
    spiky = sounds.of(np.where(np.arange(32_000) % 8_000 == 10, 0.9, 0.001))
    assert np.abs(steps.normalise_loudness(spiky, -5).samples).max() == pytest.approx(10 ** (-1 / 20), rel=1e-4)
    assert not steps.normalise_loudness(sounds.silence()).samples.any()


def test_trimming_leaves_the_sound_and_a_little_around_it() -> None:
    sound = sounds.joined(sounds.silence(0.5), sounds.tone(440, 0.4), sounds.silence(0.7))
    found = steps.trim_silence(sound, keep=0.1)
    assert found.seconds == pytest.approx(0.6, abs=0.02)
    assert sounds.power(found) * len(found.samples) == pytest.approx(sounds.power(sound) * len(sound.samples), rel=1e-6)
    assert not len(steps.trim_silence(sounds.silence()).samples)


def test_levels_are_decibels_of_full_scale() -> None:
    found = steps.levels(sounds.tone(1_000, 0.5, amplitude=1.0), seconds=0.05)
    np.testing.assert_allclose(found, -3.01, atol=0.02)
