from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.encoders import make_encoder
from goodsense.encoders.logmel import PERTURBATIONS, LogMel, Perturbation, mixed, perturbed
from goodsense.encoders.logmel_cnn import LogMelCnnEncoder
from goodsense.errors import UsageError
from goodsense.media.augment_sound import MaskSpectrum
from goodsense.media.sound_spectra import to_mel
from goodsense.types import Sound
from tests.encoders import sound_samples
from tests.media import sounds

SMALL: dict[str, Any] = {"seconds": 0.5, "bands": 24, "frames": 24, "width": 4}
NOTHING = Perturbation(0.0, 0.0, 0.0, False, 0.0, 0.0, MaskSpectrum(0.0, 0.0, 0), 0.0)


def test_a_tone_is_a_line_at_its_own_band() -> None:
    found = LogMel(16_000, 1.0, 40, 32)(sounds.tone(1_000))
    assert found.shape == (1, 40, 32)
    assert found.dtype == np.float16
    low, high = to_mel(np.array([50.0, 7_840.0]))
    band = round(float((to_mel(np.array(1_000.0)) - low) / (high - low) * 41 - 1))
    assert (found[0, :, 2:-2].argmax(axis=0) == band).all()
    assert found.max() == pytest.approx(1, abs=0.01)
    assert found.min() == 0


def test_short_sounds_are_padded_and_long_ones_cut() -> None:
    describe = LogMel(16_000, 1.0, 16, 40)
    short = describe(sounds.tone(1_000, 0.5))
    heard = np.flatnonzero(short[0].max(axis=0) > 0.5)
    assert short.shape == (1, 16, 40)
    assert heard[0] == pytest.approx(10, abs=1)
    assert heard[-1] == pytest.approx(30, abs=1)
    assert [len(describe(sounds.tone(1_000, seconds))) for seconds in (1.0, 1.05, 2.0, 2.9, 30.0)] == [1, 1, 2, 3, 4]
    late = describe(sounds.joined(sounds.silence(2.0), sounds.tone(1_000, 0.9)))
    assert [bool((crop > 0.5).any()) for crop in late] == [False, False, True] or not late[0].any()
    assert late[-1].any()


@pytest.mark.parametrize("sound", [sounds.silence(), sounds.of(np.zeros(0)), sounds.noise(deviation=1e-5)])
def test_silence_is_a_picture_of_zeros(sound: Sound) -> None:
    found = LogMel(16_000, 1.0, 16, 16)(sound)
    assert found.shape == (1, 16, 16)
    assert not found.any()


def test_no_perturbation_changes_nothing() -> None:
    pictures = np.random.default_rng(0).random((3, 20, 30)).astype(np.float16)
    found = perturbed(pictures, NOTHING, np.random.default_rng(0), rate=16_000)
    np.testing.assert_allclose(found[:, 0].numpy(), pictures, atol=2e-3)


def test_a_longer_tract_lowers_what_is_heard_as_in_the_sound_itself() -> None:
    """Warped pictures of a tone are pictures of a lower or higher tone, within the bounds."""
    describe = LogMel(16_000, 1.0, 64, 32)
    picture = describe(sounds.tone(1_000))
    how = Perturbation(0.0, 0.2, 0.0, False, 0.0, 0.0, MaskSpectrum(0.0, 0.0, 0), 0.0)
    found = perturbed(np.repeat(picture, 60, axis=0), how, np.random.default_rng(0), rate=16_000)
    bands = found[:, 0, :, 16].numpy().argmax(axis=1)
    lowest, highest = (describe(sounds.tone(1_000 * f))[0, :, 16].argmax() for f in (1 / 1.2, 1.2))
    assert lowest - 1 <= bands.min() < bands.max() <= highest + 1
    assert bands.max() - bands.min() >= (highest - lowest) * 0.7


def test_what_lies_too_deep_is_silent() -> None:
    sound = sounds.of(sounds.tone(1_000).samples + sounds.noise(deviation=0.002).samples)
    shares = [(LogMel(16_000, 1.0, 40, 32, depth)(sound) > 0).mean() for depth in (80.0, 30.0)]
    assert shares[0] > 0.9
    assert shares[1] < 0.3


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_seed_decides_every_perturbation(name: str) -> None:
    pictures = np.random.default_rng(0).random((4, 20, 30)).astype(np.float16)
    how = PERTURBATIONS[name]
    first, again, other = (perturbed(pictures, how, np.random.default_rng(s), rate=8_000) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.min() >= 0


def test_mixing_adds_up() -> None:
    import torch

    how = Perturbation(0.0, 0.0, 0.0, False, 0.0, 0.0, MaskSpectrum(0.0, 0.0, 0), 1.0)
    batch = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 2, 2)
    found, share, partner = mixed(batch, how, np.random.default_rng(0))
    expected = torch.arange(4.0) * share + partner * (1 - share)
    np.testing.assert_allclose(found[:, 0, 0, 0], expected, rtol=1e-6)
    assert mixed(batch, NOTHING, np.random.default_rng(0))[0] is batch


def test_it_learns_what_the_labels_say() -> None:
    values, labels = sound_samples.collection(10)
    encoder = LogMelCnnEncoder(**SMALL, epochs=30)
    raw = [encoder.describe(value) for value in values]
    number = np.arange(len(values)) // 3
    learned, held_out = np.flatnonzero(number % 3 != 1), np.flatnonzero(number % 3 == 1)
    encoder.fit_described([raw[row] for row in learned], labels=[labels[row] for row in learned], seed=0)
    scores = encoder.scores([raw[row] for row in held_out])["kind"]
    truth = [sorted(sound_samples.KINDS).index(labels[row]["kind"]) for row in held_out]
    assert scores.argmax(axis=1).tolist() == truth
    vectors = encoder.project(raw)
    centres = np.stack([vectors[learned[learned % 3 == kind]].mean(axis=0) for kind in range(3)])
    assert ((vectors[held_out] @ centres.T).argmax(axis=1) == held_out % 3).all()


def test_without_labels_it_tells_products_apart() -> None:
    """Two hearings of a product are near each other, those of different products are not."""
    values, _ = sound_samples.collection(4)
    encoder = LogMelCnnEncoder(**SMALL, epochs=20).fit(values, seed=0)
    later = [sounds.of(np.roll(value.samples[:, 0], 1_600) * 0.5) for value in values]
    alike = encoder.encode(values) @ encoder.encode(later).T
    same = np.eye(len(values), dtype=bool)
    assert alike[same].mean() > 0.8
    assert alike[~same].mean() < 0.2


def test_long_sounds_are_the_mean_of_their_pictures() -> None:
    values, labels = sound_samples.collection(4)
    encoder = LogMelCnnEncoder(**SMALL, epochs=1)
    encoder.fit_described([encoder.describe(value) for value in values], labels=labels, seed=0)
    raw = encoder.describe(sounds.noise(1.4))
    assert len(raw) == 3
    parts = encoder._features([crop[None] for crop in raw])
    np.testing.assert_allclose(encoder._features([raw])[0], parts.mean(axis=0), atol=1e-5)


def test_silences_and_single_sounds_can_be_fitted() -> None:
    encoder = LogMelCnnEncoder(**SMALL, epochs=1).fit([sounds.silence()], seed=0)
    assert not encoder.encode([sounds.silence()]).any()
    raw = [encoder.describe(sounds.noise(0.2))] * 2
    with pytest.raises(UsageError, match="1 labels for 2 sounds"):
        encoder.fit_described(raw, labels=[{"kind": "noise"}], seed=0)


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0},
        {"seconds": 0.0},
        {"bands": 8},
        {"frames": 2.0},
        {"depth": 0.0},
        {"width": True},
        {"epochs": 0},
        {"augment": "strong"},
        {"max_seconds": float("nan")},
    ],
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="expected"):
        make_encoder("audio", "logmel-cnn", options)
