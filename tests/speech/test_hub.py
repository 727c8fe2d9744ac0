"""Whisper on disk, tiny and random: what it says means nothing, how it is asked does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goodsense.errors import DependencyError, UsageError
from goodsense.speech import Recogniser, make_recogniser
from goodsense.speech.hub import hint
from goodsense.types import Sound
from tests.encoders.samples import tiny_bert

HUM = Sound(np.sin(np.arange(24_000) / 20).astype(np.float32)[:, None], 24_000)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper(tmp_path_factory.mktemp("whisper"))


def test_a_model_on_disk_writes_something_down(whisper: Path) -> None:
    recogniser = make_recogniser(f"hub:{whisper}", phrases=["red train", "red train", "blue wooden car"])
    assert isinstance(recogniser, Recogniser)
    first, again = recogniser.transcribe(HUM), recogniser.transcribe(HUM)
    assert first == again
    assert first.text
    assert first.language in ("en", "zh")
    assert 0 < first.confidence <= 1
    assert "".join(word.text for word in first.words) == first.text.replace(" ", "")


def test_silence_says_nothing(whisper: Path) -> None:
    recogniser = make_recogniser(f"hub:{whisper}")
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


def tiny_whisper(directory: Path) -> Path:
    """A randomly initialised Whisper of 16 numbers that spells with single bytes."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )

    from goodsense.encoders.hub.loading import quiet

    end = "<|endoftext|>"
    letters = {letter: place for place, letter in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = WhisperTokenizer(vocab={**letters, end: len(letters)}, merges=[])
    names = "startoftranscript en zh translate transcribe startoflm startofprev nospeech notimestamps".split()
    marks = [f"<|{name}|>" for name in names] + [f"<|{place * 0.02:.2f}|>" for place in range(1_501)]
    tokenizer.add_tokens(marks, special_tokens=True)
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in (*names, "endoftext")}
    torch.manual_seed(0)
    sizes = {
        name: size
        for side in ("encoder", "decoder")
        for name, size in ((f"{side}_layers", 1), (f"{side}_attention_heads", 2), (f"{side}_ffn_dim", 32))
    }
    ends = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), ids["endoftext"])
    network = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokenizer),
            d_model=16,
            decoder_start_token_id=ids["startoftranscript"],
            begin_suppress_tokens=None,
            **sizes,
            **ends,
        )
    )
    network.generation_config = GenerationConfig(
        decoder_start_token_id=ids["startoftranscript"],
        eos_token_id=ids["endoftext"],
        pad_token_id=ids["endoftext"],
        is_multilingual=True,
        lang_to_id={"<|en|>": ids["en"], "<|zh|>": ids["zh"]},
        task_to_id={name: ids[name] for name in ("transcribe", "translate")},
        no_timestamps_token_id=ids["notimestamps"],
        prev_sot_token_id=ids["startofprev"],
        max_initial_timestamp_index=50,
        suppress_tokens=[place for letter, place in tokenizer.get_vocab().items() if letter not in "abcdefgh"],
    )
    with quiet():
        network.save_pretrained(directory)
        WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(directory)
    return directory
