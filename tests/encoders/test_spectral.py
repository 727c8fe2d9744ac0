from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from goodsense.encoders import make_encoder
from goodsense.encoders import spectral_features as features
from goodsense.encoders import spectral_measures as measures
from goodsense.encoders.spectral import BLOCKS, Describe, SpectralEncoder, raw_length
from goodsense.errors import DataError, UsageError
from goodsense.media.sound_spectra import framed, power_spectra
from goodsense.types import Sound, normalise
from tests.encoders import sound_samples
from tests.media import sounds

RATE = sounds.RATE


def power(sound: Sound, length: int = 1_024) -> np.ndarray:
    return power_spectra(framed(sound.samples[:, 0], length, length // 2))


def spectra(sound: Sound) -> features.Spectra:
    found = features.Spectra.of(sound.samples[:, 0], sound.rate)
    assert found is not None
    return found


# ---- measures of one frame


@pytest.mark.parametrize("hertz", [250.0, 1_000.0, 5_000.0])
def test_a_pure_tone_is_its_own_centroid_and_roll_off(hertz: float) -> None:
    found = power(sounds.tone(hertz))
    centroid, bandwidth = measures.centroid_and_bandwidth(found, RATE)
    np.testing.assert_allclose(centroid, hertz, rtol=2e-3)
    assert bandwidth.max() < 20
    for place in measures.roll_off(found, RATE):
        np.testing.assert_allclose(place, hertz, atol=RATE / 1_024 * 1.5)


def test_two_equal_tones_lie_half_their_distance_from_the_middle() -> None:
    both = sounds.of(sounds.tone(1_000).samples + sounds.tone(3_000).samples)
    centroid, bandwidth = measures.centroid_and_bandwidth(power(both), RATE)
    np.testing.assert_allclose(centroid, 2_000, rtol=2e-3)
    np.testing.assert_allclose(bandwidth, 1_000, rtol=2e-3)


def test_roll_off_matches_a_plain_loop() -> None:
    found = power(sounds.noise(0.3), 256)
    expected = []
    for row in found.astype(np.float64):
        total, at = 0.0, 0
        while total + row[at] < 0.85 * row.sum():
            total += row[at]
            at += 1
        expected.append(at * RATE / 256)
    np.testing.assert_allclose(measures.roll_off(found, RATE)[1], expected, atol=RATE / 256)


def test_flatness_tells_noise_from_tones() -> None:
    flat = np.full((1, 257), 0.3, np.float32)
    assert measures.flatness(flat) == pytest.approx(0, abs=1e-5)
    # The power of Gaussian noise is exponential, whose mean logarithm is minus Euler's constant.
    assert measures.flatness(power(sounds.noise(4))).mean() == pytest.approx(-0.577, abs=0.05)
    assert measures.flatness(power(sounds.tone(1_000))).max() < -8


@pytest.mark.parametrize("hertz", [100.0, 1_000.0])
def test_a_tone_crosses_zero_twice_in_each_period(hertz: float) -> None:
    found = measures.zero_crossings(sounds.tone(hertz).samples[:, 0], 1_600, 800)
    np.testing.assert_allclose(found, 2 * hertz / RATE, atol=1.1 / 1_600)


def test_a_sine_has_its_crest() -> None:
    wave = sounds.tone(1_000).samples[:, 0]
    frames = framed(wave, 1_600, 800)
    found = measures.crests(wave, np.einsum("ij,ij->i", frames, frames), 1_600, 800)
    np.testing.assert_allclose(found, np.sqrt(2), rtol=1e-3)


@pytest.mark.parametrize(("hertz", "pitch_class"), [(440.0, 0), (880.0, 0), (523.25, 3), (1_567.98, 10), (415.3, 11)])
def test_a_tone_has_its_pitch_class(hertz: float, pitch_class: int) -> None:
    found = measures.chroma(power(sounds.tone(hertz)), RATE)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert (found.argmax(axis=1) == pitch_class).all()
    assert found[:, pitch_class].min() > 0.5


def test_contrast_is_high_for_tones_and_low_for_noise() -> None:
    tone, noise = measures.contrast(power(sounds.tone(1_000)), RATE), measures.contrast(power(sounds.noise()), RATE)
    band = 2 * 3  # 800 to 1,600 Hz
    assert tone[:, band].min() > 8
    assert noise[:, band].mean() < 4
    flat = measures.contrast(np.full((1, 513), 0.5, np.float32), RATE)
    np.testing.assert_allclose(flat[0, ::2], 0, atol=1e-5)
    np.testing.assert_allclose(flat[0, 1::2], np.log(0.5), atol=1e-5)
    assert measures.contrast(power(sounds.noise(rate=4_000)), 4_000).shape[1] == 12


# ---- over time


def test_statistics_match_numpy_and_scipy() -> None:
    from scipy import stats

    rows = np.random.default_rng(0).gamma(2.0, 1.0, (101, 5)).astype(np.float32)
    found = features.statistics(rows).reshape(10, 5)
    np.testing.assert_allclose(found[0], rows.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found[1], rows.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found[2:7], np.quantile(rows, features.QUANTILES, axis=0), rtol=1e-5)
    np.testing.assert_allclose(found[7], np.abs(np.diff(rows, axis=0)).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found[8], np.diff(rows, axis=0).std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found[9], stats.skew(rows, axis=0), rtol=1e-4)
    assert np.isfinite(features.statistics(rows[:1])).all()


def test_cepstra_are_the_cosine_transform() -> None:
    mel = np.random.default_rng(0).normal(-40, 10, (7, features.BANDS)).astype(np.float32)
    expected = fft.dct(mel, axis=1, norm="ortho")[:, : features.CEPSTRA]
    np.testing.assert_allclose(features.cepstral(mel), expected, atol=2e-4)


def test_deltas_are_slopes() -> None:
    ramp = np.arange(20, dtype=np.float32)[:, None] * np.array([1.0, -0.5], np.float32)
    np.testing.assert_allclose(features.deltas(ramp)[2:-2], np.tile([1.0, -0.5], (16, 1)), rtol=1e-6)
    rows = np.random.default_rng(0).normal(size=(9, 1)).astype(np.float32)
    slope = np.polyfit(np.arange(-2, 3), rows[2:7, 0], 1)[0]
    assert features.deltas(rows)[4, 0] == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize(("hertz", "octave"), [(3.0, 2), (6.0, 3), (12.0, 4)])
def test_a_swing_shows_in_its_octave(hertz: float, octave: int) -> None:
    times = np.arange(3 * RATE) / RATE
    swinging = sounds.of(sounds.noise(3).samples[:, 0] * (1 + 0.9 * np.sin(2 * np.pi * hertz * times)))
    found = features.modulation(spectra(swinging).mel, RATE).reshape(6, 16).mean(axis=1)
    assert found[:5].argmax() == octave


@pytest.mark.parametrize("per_minute", [90, 120, 160])
def test_a_metronome_has_its_tempo(per_minute: float) -> None:
    sound = spectra(sounds.clicks(per_minute))
    found = features.rhythm(features.onset_strength(sound.mel), features.SHORT_HOP)
    assert 120 * 2 ** float(found[-2]) == pytest.approx(per_minute, rel=0.03)
    assert found[-1] > 0.5
    steady = features.rhythm(features.onset_strength(spectra(sounds.tone(440, 3)).mel), features.SHORT_HOP)
    assert steady[-1] < 0.3


def test_pitch_is_counted_in_semitones_from_the_reference() -> None:
    samples = sounds.harmonic(440 * 2 ** (7 / 12)).samples[:, 0]
    for reference, notes in ((440.0, 7.0), (220.0, 19.0)):
        sound = features.Spectra.of(samples, RATE, reference=reference)
        assert sound is not None
        found = features.pitch_statistics(sound)
        assert found[1] == 1  # voiced throughout
        assert found[3] == pytest.approx(notes, abs=0.2)
    noise = features.pitch_statistics(spectra(sounds.noise()))
    assert noise[1] < 0.1


def test_dynamics_tell_how_much_is_loud_and_when() -> None:
    found = features.dynamics(spectra(sounds.joined(sounds.silence(0.75), sounds.tone(500, 0.25))))
    assert found[0] == pytest.approx(0.25, abs=0.05)
    assert found[9] == pytest.approx(0.75, abs=0.05)


# ---- the encoder


def test_level_and_silence_around_it_hardly_change_a_sound() -> None:
    describe = Describe(RATE, 440.0)
    sound = sounds.harmonic(300, 1.0)
    plain = describe(sound)
    softer = describe(sounds.of(sound.samples * 0.05))
    np.testing.assert_allclose(softer, plain, atol=2e-3 * np.abs(plain).max())
    assert len(plain) == raw_length(RATE)


@pytest.mark.parametrize(
    "sound",
    [
        sounds.silence(),
        sounds.of(np.zeros(0)),
        sounds.noise(deviation=2e-5),
        Sound(np.zeros((9, 2), np.float32), 44_100),
    ],
)
def test_silence_is_a_zero_row(sound: Sound) -> None:
    assert not Describe(RATE, 440.0)(sound).any()


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 48_000])
@pytest.mark.parametrize("count", [1, 50, 3_000])
def test_every_rate_and_length_gives_finite_numbers(rate: int, count: int) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (count, 2)).astype(np.float32)
    found = Describe(rate, 440.0)(Sound(samples, 22_050))
    assert found.shape == (raw_length(rate),)
    assert np.isfinite(found).all()


def test_alike_sounds_are_neighbours_and_blocks_have_places() -> None:
    values, labels = sound_samples.collection()
    encoder = SpectralEncoder(dim=64).fit(values, seed=0)
    vectors = encoder.encode(values)
    alike = vectors @ vectors.T - 2 * np.eye(len(values))
    kinds = [label["kind"] for label in labels]
    assert np.mean([kinds[row] == kinds[best] for row, best in enumerate(alike.argmax(axis=1))]) > 0.9
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    places = encoder.slices
    assert list(places) == list(BLOCKS)
    assert [place.start for place in places.values()] == [0, *[place.stop for place in places.values()][:-1]]
    assert places["dynamics"].stop == 64
    only = SpectralEncoder(dim=64, weights={name: float(name == "pitch") for name in BLOCKS}).fit(values, seed=0)
    assert list(only.slices) == ["pitch"]
    assert normalise(only.encode(values[:1])).shape == (1, 64)


def test_silence_teaches_nothing() -> None:
    values, _ = sound_samples.collection()
    one = SpectralEncoder(dim=32).fit(values, seed=0)
    other = SpectralEncoder(dim=32).fit([*values, sounds.silence()], seed=0)
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    "options",
    [
        {"dim": 3},
        {"weights": {"colour": 1.0}},
        {"weights": {"mel": -1.0}},
        {"weights": dict.fromkeys(BLOCKS, 0.0)},
        {"rate": 100},
        {"rate": 8_000.0},
        {"reference": 0.0},
        {"max_seconds": 0.0},
    ],
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"expected|leaves out"):
        make_encoder("audio", "spectral", options)


def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(DataError, match="not finite"):
        Describe(RATE, 440.0)(sounds.of(np.array([np.nan, 0.0])))
