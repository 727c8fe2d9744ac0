from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from goodsense.media import sound_spectra as spectra
from tests.media import sounds


def test_a_sine_on_a_bin_has_a_quarter_of_its_squared_amplitude_there() -> None:
    wave = sounds.tone(1_000, amplitude=1.0).samples[:, 0]
    power = spectra.power_spectra(spectra.framed(wave, 512, 256))
    np.testing.assert_allclose(power[:, 32], 0.25, rtol=1e-3)
    assert power[:, 40:].max() < 1e-6


def test_power_spectra_agree_with_scipy() -> None:
    wave = sounds.noise(0.5).samples[:, 0]
    found = spectra.power_spectra(spectra.framed(wave, 256, 100))
    _, _, expected = signal.spectrogram(
        wave, window="hann", nperseg=256, noverlap=156, detrend=False, scaling="spectrum", mode="psd"
    )
    doubled = np.full(129, 2.0)
    doubled[[0, -1]] = 1.0
    np.testing.assert_allclose(found * doubled, expected.T, rtol=2e-3, atol=1e-9)
    assert len(found) > spectra.CHUNK  # more frames than are transformed at once


def test_the_mel_bank_matches_a_plain_loop() -> None:
    rate, length, bands = 16_000, 512, 20
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + np.array([50, 7_840]) / 700)), bands + 2) / 2595) - 1)
    expected = np.zeros((length // 2 + 1, bands))
    for band in range(bands):
        low, centre, high = edges[band : band + 3]
        for at in range(length // 2 + 1):
            hertz = at * rate / length
            if low < hertz <= centre:
                expected[at, band] = (hertz - low) / (centre - low)
            elif centre < hertz < high:
                expected[at, band] = (high - hertz) / (high - centre)
    expected /= expected.sum(axis=0)
    np.testing.assert_allclose(spectra.mel_bank(rate, length, bands), expected, atol=1e-6)


def test_every_band_hears_something_however_narrow() -> None:
    bank = spectra.mel_bank(16_000, 256, 128)
    np.testing.assert_allclose(bank.sum(axis=0), 1, rtol=1e-5)


def test_mel_there_and_back() -> None:
    hertz = np.array([0.0, 100.0, 1_000.0, 7_000.0])
    np.testing.assert_allclose(spectra.from_mel(spectra.to_mel(hertz)), hertz, atol=1e-9)
    assert spectra.to_mel(np.array(1_000.0)) == pytest.approx(1_000, abs=0.1)


@pytest.mark.parametrize("count", [1, 100, 512, 5_000])
def test_samples_come_back_from_their_spectra(count: int) -> None:
    wave = np.random.default_rng(count).normal(0, 0.1, count).astype(np.float32)
    found = spectra.samples_of(spectra.spectra_of(wave, 512, 128), 128, count)
    np.testing.assert_allclose(found, wave, atol=1e-5)


def test_short_sounds_are_one_padded_frame() -> None:
    assert spectra.framed(np.ones(3, np.float32), 8, 4).tolist() == [[1, 1, 1, 0, 0, 0, 0, 0]]
