"""Sounds become one channel at the model's rate, in windows that make up the whole."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.encoders import make_encoder
from goodsense.encoders.hub.loading import find_model
from goodsense.encoders.hub.sounds import Features, SoundSteps, read_features
from goodsense.errors import DataError, UsageError
from goodsense.types import Sound, normalise
from tests.encoders.cases.hub import sounds
from tests.encoders.hub import models


def test_channels_are_averaged_and_the_rate_is_the_models() -> None:
    steps = SoundSteps(4_000, 0.5)
    times = np.arange(8_000) / 8_000
    tone = 0.5 * np.sin(2 * np.pi * 300 * times)
    stereo = Sound(np.stack([1.5 * tone, 0.5 * tone], axis=1).astype(np.float32), 8_000)
    found = steps(stereo)
    assert found.dtype == np.int16
    assert abs(len(found) - 2_000) <= 1
    spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found))))
    assert abs(spectrum.argmax() / len(found) * 4_000 - 300) < 3
    assert abs(np.abs(found[200:-200]).max() / 32_767 - 0.5) < 0.02


def test_silence_says_nothing() -> None:
    steps = SoundSteps(4_000, 1.0)
    assert steps(Sound(np.zeros((0, 1), np.float32), 4_000)).shape == (0,)
    assert steps(Sound(np.full((4_000, 2), 1e-5, np.float32), 4_000)).shape == (0,)
    assert steps(Sound(np.full((4_000, 2), 1e-2, np.float32), 4_000)).shape == (4_000,)
    with pytest.raises(DataError, match="expected \\(n, channels\\)"):
        steps(Sound(np.zeros(9, np.float32), 4_000))


def test_windows_are_equal_and_make_up_the_whole() -> None:
    features = Features("wav2vec2", 1_000, 2.0)
    wave = np.arange(5_000).astype(np.int16)
    windows = features.windows(wave)
    assert [len(window) for window in windows] == [1_666] * 3
    np.testing.assert_allclose(np.concatenate(windows) * 32_768, wave[:4_998])
    assert [len(window) for window in features.windows(wave[:2_000])] == [2_000]
    assert [len(window) for window in features.windows(wave[:10])] == [250]


def test_a_long_sound_is_the_mean_of_its_windows() -> None:
    encoder = make_encoder("audio", f"hub:{models.ready('clap')}", {"max_seconds": 60})
    rng = np.random.default_rng(0)
    parts = [np.float32(0.1 * scale) * rng.standard_normal((16_000, 1)).astype(np.float32) for scale in (1, 3)]
    alone = encoder.encode([Sound(part, 8_000) for part in parts])
    whole = encoder.encode([Sound(np.concatenate(parts), 8_000)])
    np.testing.assert_allclose(whole, normalise(alone.sum(axis=0, keepdims=True)), atol=1e-5)
    cut = make_encoder("audio", f"hub:{models.ready('clap')}", {"max_seconds": 2})
    np.testing.assert_allclose(cut.encode([Sound(np.concatenate(parts), 8_000)]), alone[:1], atol=1e-5)


def test_samples_are_scaled_as_by_transformers() -> None:
    import transformers

    features = read_features(find_model(str(models.ready("wav2vec2"))))
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=4_000, do_normalize=True)
    waves = [np.random.default_rng(i).normal(0.1, 0.2, 500).astype(np.float32) for i in range(2)]
    expected = extractor(waves, sampling_rate=4_000, return_tensors="np")["input_values"]
    np.testing.assert_allclose(features.inputs(waves)["input_values"], expected, atol=1e-5)


def test_layers_can_be_chosen() -> None:
    name = f"hub:{models.ready('wav2vec2')}"
    last = make_encoder("audio", name, {"layer": 2}).encode(sounds())
    assert np.abs(last - make_encoder("audio", name, {"layer": 1}).encode(sounds())).max() > 0.01
    for layer in (3, -1, 1.5):
        with pytest.raises(UsageError, match="the model has 2"):
            make_encoder("audio", name, {"layer": layer})
    with pytest.raises(UsageError, match="max_seconds is 0"):
        make_encoder("audio", name, {"max_seconds": 0})
    with pytest.raises(UsageError, match="template is 'a sound'"):
        make_encoder("audio", f"hub:{models.ready('clap')}", {"template": "a sound"})
