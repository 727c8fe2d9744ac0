"""Generated sounds: tied to the kind of toy, the article and its size, and never twice the same recording."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.demo.sounds import SOUNDING, ring, spoken, spoken_queries
from goodsense.demo.vocabulary import TOYS
from goodsense.encoders import make_encoder
from goodsense.media.reading import SoundWish, read_medium
from goodsense.types import MediaEncoder, Sound

SIZES = ("mini", "small", "medium", "large")


def _heard(data: bytes) -> Sound:
    found = read_medium(data, SoundWish(rate=None))
    assert isinstance(found, Sound)
    return found


def test_about_two_thirds_of_the_toys_make_a_sound() -> None:
    assert set(SOUNDING) <= set(TOYS)
    assert 0.6 <= len(SOUNDING) / len(TOYS) <= 0.75
    assert len(set(SOUNDING.values())) == len(SOUNDING)
    assert ring("kite", seed="1") == b""


@pytest.mark.parametrize("toy", sorted(SOUNDING))
def test_recordings_are_short_and_repeatable(toy: str) -> None:
    data = ring(toy, seed="1", look="a")
    sound = _heard(data)
    assert data[:4] == b"fLaC"
    assert (sound.rate, sound.samples.shape[1]) == (16_000, 1)
    assert 1.0 <= sound.seconds <= 2.0
    assert 0.3 < np.abs(sound.samples).max() < 0.99
    assert data == ring(toy, seed="1", look="a")
    assert data != ring(toy, seed="2", look="a")


def test_small_toys_sound_higher() -> None:
    for toy in ("bear", "top", "duck"):
        low, high = (_centroid(ring(toy, seed="1", look="a", size=size)) for size in ("large", "mini"))
        assert high > 1.15 * low


def test_metal_rings_longer_than_felt() -> None:
    metal, felt = (_heard(ring("drum", seed="1", look="a", material=name)).samples for name in ("metal", "felt"))
    assert np.abs(metal[2_400:3_900]).max() > 2 * np.abs(felt[2_400:3_900]).max()  # between two strokes


def test_a_shoppers_recording_finds_the_kind() -> None:
    encoder = make_encoder("audio", "spectral")
    assert isinstance(encoder, MediaEncoder)
    articles = [(toy, number) for toy in SOUNDING for number in range(4)]
    shop = [ring(toy, seed=f"s{n}", look=f"{toy} {n}", size=SIZES[n], material="wood") for toy, n in articles]
    asked = [ring(toy, seed="q", look=f"{toy} 2", size="medium", by_shopper=True) for toy in SOUNDING]
    raw, queries = ([encoder.describe(read_medium(data, encoder.wish)) for data in part] for part in (shop, asked))
    encoder.fit_described(raw, seed=0)
    nearest = (encoder.project(queries) @ encoder.project(raw).T).argmax(axis=1)
    assert np.mean([articles[row][0] == toy for row, toy in zip(nearest, SOUNDING, strict=True)]) >= 0.8


def test_spoken_queries_are_small_and_there() -> None:
    queries = spoken_queries()
    assert 8 <= len(queries) <= 12
    for name in queries:
        assert len(spoken(name)) < 10_000
        assert _heard(spoken(name)).rate == 16_000


def _centroid(data: bytes) -> float:
    samples = _heard(data).samples[:, 0].astype(np.float64)
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float((power * np.fft.rfftfreq(len(samples), 1 / 16_000)).sum() / power.sum())
