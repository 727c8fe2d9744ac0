"""English speech in the words of a small catalog; what is no speech gives no words."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from goodsense.demo.sounds import ring, spoken, spoken_queries
from goodsense.errors import DependencyError
from goodsense.media.reading import SoundWish, read_medium
from goodsense.speech import Recogniser, make_recogniser
from goodsense.speech.sphinx import SphinxRecogniser, prepared
from goodsense.types import Sound

COLOURS = "red yellow brown blue green pink white black orange".split()
TOYS = (
    "wooden train/rubber duck/plush bear/toy car/dinosaur figure/wooden building blocks/birthday cake/toy piano/"
    "metal robot/wooden castle/spinning top/bicycle/tea set/doll/puzzle"
).split("/")


@pytest.fixture(scope="module")
def recogniser() -> SphinxRecogniser:
    made = make_recogniser("pocketsphinx", phrases=[f"{colour} {toy}" for colour in COLOURS for toy in TOYS])
    assert isinstance(made, Recogniser)
    assert isinstance(made, SphinxRecogniser)
    return made


def _sound(data: bytes) -> Sound:
    found = read_medium(data, SoundWish())
    assert isinstance(found, Sound)
    return found


def test_spoken_queries_are_understood(recogniser: SphinxRecogniser) -> None:
    said = list(spoken_queries().items())[:4]
    heard = [recogniser.transcribe(_sound(spoken(name))) for name, _ in said]
    assert sum(found.text == words for found, (_, words) in zip(heard, said, strict=True)) >= 3
    assert all(found.confidence > 0.2 and found.language == "en" for found in heard)


def test_words_have_their_times(recogniser: SphinxRecogniser) -> None:
    sound = _sound(spoken("red-wooden-train.flac"))
    found = recogniser.transcribe(sound)
    assert [word.text for word in found.words] == ["red", "wooden", "train"]
    times = [time for word in found.words for time in (word.start, word.stop)]
    assert all(time is not None and 0 <= time <= sound.seconds for time in times)
    assert times == sorted(times, key=lambda time: time or 0.0)


def test_rate_channels_and_loudness_do_not_matter(recogniser: SphinxRecogniser) -> None:
    sound = _sound(spoken("wooden-castle.flac"))
    wide = Sound(np.repeat(sound.samples, 3, axis=0).repeat(2, axis=1) * np.float32(0.05), 48_000)
    assert recogniser.transcribe(wide).text == recogniser.transcribe(sound).text == "wooden castle"


def test_melodies_and_noises_give_no_words(recogniser: SphinxRecogniser) -> None:
    noises = [ring(toy, seed="1", by_shopper=True) for toy in ("doll", "car", "piano", "duck")]
    assert sum(bool(recogniser.transcribe(_sound(noise)).text) for noise in noises) <= 1


@pytest.mark.parametrize(
    "samples", [np.zeros((0, 1)), np.zeros((16_000, 2)), np.ones((200, 1)), np.full((50, 1), np.nan)]
)
def test_silence_and_snippets_give_nothing(recogniser: SphinxRecogniser, samples: np.ndarray) -> None:
    found = recogniser.transcribe(Sound(samples.astype(np.float32), 16_000))
    assert (found.text, found.words, found.confidence) == ("", (), 0.0)


def test_what_is_decoded_is_one_loud_channel() -> None:
    tone = np.sin(np.arange(8_000) / 5).astype(np.float32)[:, None] * np.array([[0.1, 0.0]], np.float32)
    found = prepared(Sound(tone, 8_000))
    assert found.dtype == np.int16
    assert len(found) == 16_000
    assert np.abs(found).max() == pytest.approx(0.7 * 32_767, rel=0.01)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(DependencyError, match=r"goodsense\[speech\]"):
        make_recogniser("pocketsphinx")
