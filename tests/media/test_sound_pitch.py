from __future__ import annotations

import numpy as np
import pytest

from goodsense.media.sound_pitch import pitch, semitones, shift_pitch, stretch
from goodsense.types import Sound
from tests.media import sounds


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("hertz", [80.0, 220.0, 440.0, 997.0])
def test_the_pitch_of_a_tone_is_its_frequency(hertz: float, rate: int) -> None:
    for sound in (sounds.tone(hertz, rate=rate), sounds.harmonic(hertz, rate=rate)):
        track = pitch(sound)
        assert track.voiced.all()
        assert abs(float(semitones(np.median(track.hertz), hertz))) < 0.25


def test_noise_has_no_pitch() -> None:
    assert pitch(sounds.noise()).voiced.mean() < 0.1
    assert not pitch(sounds.silence()).voiced.any()
    assert len(pitch(sounds.silence(0.01)).times) == 1


def test_a_glide_is_followed() -> None:
    times = np.arange(32_000) / 16_000
    sound = sounds.of(0.5 * np.sin(2 * np.pi * 200 * 2**times / np.log(2)))  # an octave up in each second
    track = pitch(sound)
    expected = 200 * 2**track.times
    inner = slice(2, -2)
    assert np.abs(semitones(track.hertz / expected, 1.0))[inner].max() < 0.5


def test_semitones_count_from_the_reference() -> None:
    np.testing.assert_allclose(semitones(np.array([440.0, 880.0, 261.626])), [0, 12, -9], atol=1e-3)
    assert semitones(np.array([261.626]), 261.626) == pytest.approx(0, abs=1e-5)
    with pytest.raises(ValueError, match="reference is 0"):
        semitones(np.array([1.0]), 0)


@pytest.mark.parametrize("factor", [0.7, 1.5])
def test_stretching_changes_length_and_not_pitch(factor: float) -> None:
    sound = sounds.harmonic(330, 1.0)
    found = stretch(sound, factor)
    assert len(found.samples) == round(16_000 * factor)
    assert sounds.peak_hertz(found) == pytest.approx(330, rel=0.01)
    middle = slice(len(found.samples) // 4, -len(found.samples) // 4)
    kept = sounds.power(Sound(found.samples[middle], 16_000)) / sounds.power(sound)
    assert kept == pytest.approx(1, rel=0.2)


def test_stretching_moves_events_apart() -> None:
    sound = sounds.joined(
        sounds.silence(0.2), sounds.tone(800, 0.1), sounds.silence(0.4), sounds.tone(800, 0.1), sounds.silence(0.2)
    )
    loud = np.abs(stretch(sound, 1.5).samples[:, 0]) > 0.2
    first, last = np.flatnonzero(loud)[[0, -1]] / 16_000
    assert first == pytest.approx(0.3, abs=0.05)
    assert last == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize("by", [-5.0, 3.0, 12.0])
def test_shifting_changes_pitch_and_not_length(by: float) -> None:
    sound = Sound(np.repeat(sounds.harmonic(400, 1.0).samples, 2, axis=1), 16_000)
    found = shift_pitch(sound, by)
    assert found.samples.shape == sound.samples.shape
    assert sounds.peak_hertz(found) == pytest.approx(400 * 2 ** (by / 12), rel=0.015)


@pytest.mark.parametrize("count", [0, 1, 100])
def test_tiny_sounds_pass(count: int) -> None:
    sound = sounds.of(np.ones(count) * 0.1)
    assert len(shift_pitch(sound, 2).samples) == count
    assert np.isfinite(stretch(sound, 1.3).samples).all()


def test_impossible_changes_are_refused() -> None:
    with pytest.raises(ValueError, match="factor is 0"):
        stretch(sounds.tone(440, 0.1), 0)
    with pytest.raises(ValueError, match="semitones is inf"):
        shift_pitch(sounds.tone(440, 0.1), float("inf"))
