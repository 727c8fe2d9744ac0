from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.augmentation import chain
from goodsense.media import augment_sound as augment
from goodsense.types import Sound
from tests.media import sounds

STEPS: list[Any] = [
    augment.Noise(),
    augment.Noise("pink"),
    augment.RecordedNoise((sounds.noise(0.3, rate=8_000),)),
    augment.ChangeGain(),
    augment.ShiftPitch(),
    augment.StretchTime(),
    augment.ShiftTime(),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_seed_decides_all_and_the_input_stays(step: Any) -> None:
    sound = Sound(np.repeat(sounds.harmonic(300, 0.4).samples, 2, axis=1), 16_000)
    before = sound.samples.copy()
    first, again = step(sound, np.random.default_rng(3)), step(sound, np.random.default_rng(3))
    other = step(sound, np.random.default_rng(4))
    np.testing.assert_array_equal(first.samples, again.samples)
    np.testing.assert_array_equal(sound.samples, before)
    assert first.samples.shape != other.samples.shape or not np.array_equal(first.samples, other.samples)
    assert first.samples.dtype == np.float32
    assert first.samples.shape[1] == 2
    assert not np.array_equal(first.samples[:100], before[:100])


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_silence_and_nothing_pass(step: Any) -> None:
    assert not step(sounds.silence(0.1), np.random.default_rng(0)).samples.any()
    assert not len(step(sounds.of(np.zeros(0)), np.random.default_rng(0)).samples)


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_noise_lies_as_far_below_as_was_asked(colour: Any) -> None:
    sound = sounds.tone(440, amplitude=0.2)
    found = augment.Noise(colour, (12.0, 12.0))(sound, np.random.default_rng(0))
    added = sounds.of(found.samples - sound.samples)
    assert sounds.decibels(sounds.power(sound) / sounds.power(added)) == pytest.approx(12, abs=0.1)


def test_white_noise_is_flat_per_hertz_and_pink_per_octave() -> None:
    octaves = {}
    for colour in ("white", "pink"):
        wave = augment.coloured_noise(2**17, colour, np.random.default_rng(0))
        assert np.mean(wave**2) == pytest.approx(1, rel=0.02)
        power = np.abs(np.fft.rfft(wave)) ** 2
        octaves[colour] = [power[2**k : 2 ** (k + 1)].sum() for k in range(8, 16)]
    np.testing.assert_allclose(np.diff(10 * np.log10(octaves["white"])), 10 * np.log10(2), atol=0.7)
    np.testing.assert_allclose(np.diff(10 * np.log10(octaves["pink"])), 0, atol=0.7)


def test_recorded_noise_repeats_as_needed() -> None:
    recording = sounds.tone(1_000, 0.1)
    found = augment.RecordedNoise((recording,), (0.0, 0.0))(
        sounds.tone(200, 1.0, amplitude=0.2), np.random.default_rng(0)
    )
    spectrum = np.abs(np.fft.rfft(found.samples[:, 0]))
    assert spectrum[1_000] == pytest.approx(spectrum[200], rel=0.05)


def test_shifted_time_loses_nothing() -> None:
    sound = sounds.noise(0.5)
    found = augment.ShiftTime()(sound, np.random.default_rng(1))
    np.testing.assert_array_equal(np.sort(found.samples, axis=0), np.sort(sound.samples, axis=0))


def test_pitch_and_tempo_stay_within_their_bounds() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        higher = augment.ShiftPitch((1.0, 2.0))(sounds.tone(440, 0.5), rng)
        assert 440 * 2 ** (0.8 / 12) < sounds.peak_hertz(higher) < 440 * 2 ** (2.2 / 12)
        longer = augment.StretchTime((1.1, 1.2))(sounds.tone(440, 0.5), rng)
        assert 8_800 <= len(longer.samples) <= 9_600


def test_masks_blot_out_whole_bands_and_times() -> None:
    mel = 1 + np.random.default_rng(0).random((40, 100)).astype(np.float32)
    found = augment.MaskSpectrum(0.3, 0.3, count=1, fill=0.0)(mel, np.random.default_rng(2))
    blank = found == 0
    bands, times = blank.all(axis=1), blank.all(axis=0)
    assert 0 < bands.sum() <= 12
    assert 0 < times.sum() <= 30
    np.testing.assert_array_equal(blank, bands[:, None] | times[None, :])
    np.testing.assert_array_equal(found[~blank], mel[~blank])
    assert mel.min() >= 1
    batch = augment.MaskSpectrum(count=2)(mel[None].repeat(2, axis=0), np.random.default_rng(2))
    np.testing.assert_array_equal(batch[0], batch[1])


def test_steps_make_a_chain() -> None:
    steps = chain(augment.ChangeGain((-6, -6)), (augment.Noise(), 0.0), augment.ShiftTime())
    found = steps(sounds.tone(440), np.random.default_rng(0))
    assert sounds.decibels(sounds.power(found) / sounds.power(sounds.tone(440))) == pytest.approx(-6, abs=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda: augment.Noise("brown"),  # type: ignore[arg-type]
        lambda: augment.Noise(snr=(20, 10)),
        lambda: augment.RecordedNoise(()),
        lambda: augment.ChangeGain((float("nan"), 1)),
        lambda: augment.StretchTime((0, 1)),
        lambda: augment.ShiftTime(-1),
        lambda: augment.MaskSpectrum(bands=1.5),
        lambda: augment.MaskSpectrum(count=-1),
    ],
)
def test_impossible_steps_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()
