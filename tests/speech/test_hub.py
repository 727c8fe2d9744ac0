"""Whisper and Qwen3-ASR on disk, tiny and random: what they say means nothing, how they are asked does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goodsense.errors import DependencyError, UsageError
from goodsense.speech import Recogniser, make_recogniser
from goodsense.speech.hub import hint
from goodsense.types import Sound
from tests.encoders.samples import tiny_bert
from tests.speech.models import tiny_qwen, tiny_whisper

HUM = Sound(np.sin(np.arange(24_000) / 20).astype(np.float32)[:, None], 24_000)


@pytest.fixture(scope="module", params=["whisper", "qwen"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = {"whisper": tiny_whisper, "qwen": tiny_qwen}[request.param]
    return made(tmp_path_factory.mktemp(request.param))


def test_a_model_on_disk_writes_something_down(model: Path) -> None:
    recogniser = make_recogniser(f"hub:{model}", phrases=["red train", "red train", "blue wooden car"])
    assert isinstance(recogniser, Recogniser)
    first, again = recogniser.transcribe(HUM), recogniser.transcribe(HUM)
    assert first == again
    assert first.text
    assert first.language in ("en", "zh", "")
    assert 0 < first.confidence <= 1
    assert "".join(word.text for word in first.words) == first.text.replace(" ", "")


def test_silence_says_nothing(model: Path) -> None:
    recogniser = make_recogniser(f"hub:{model}")
    for samples in (np.zeros((16_000, 2), np.float32), np.zeros((0, 1), np.float32)):
        assert recogniser.transcribe(Sound(samples, 16_000)).text == ""


def test_the_hint_has_the_frequent_and_the_short() -> None:
    assert hint(["b b", "a", "b  b", " ", "c c c"]) == "b b, a, c c c"
    assert len(hint(f"a long title number {number}" for number in range(100))) <= 420
    assert hint([]) == ""


def test_other_models_and_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'bert'"):
        make_recogniser(f"hub:{tiny_bert(tmp_path / 'bert')}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DependencyError, match=r"config\.json"):
        make_recogniser(f"hub:{tmp_path / 'empty'}")
    with pytest.raises(UsageError, match="no recogniser 'sphinx'"):
        make_recogniser("sphinx")
    with pytest.raises(UsageError, match="no recogniser 'hub:'"):
        make_recogniser("hub:")
