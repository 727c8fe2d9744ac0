"""Speech to text by pretrained models of the hub: Whisper and Qwen3-ASR, English, Chinese and many more.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022). The catalog's most frequent names
go along as the prompt, which both kinds read as a hint of what may be said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from goodsense.encoders.hub.loading import find_model, load_network, need_transformers, quiet
from goodsense.errors import DataError, UsageError
from goodsense.speech.sphinx import RATE, SHORTEST, prepared
from goodsense.speech.transcript import SpokenWord, Transcript
from goodsense.types import Sound

TYPES = {"whisper": "WhisperForConditionalGeneration", "qwen3_asr": "Qwen3ASRForConditionalGeneration"}
LONGEST = 30.0  # seconds that are heard
NEW_TOKENS = 96
HINTS = 40  # phrases in the prompt
HINT_LETTERS = 400
_NAMES = {"english": "en", "chinese": "zh", "cantonese": "yue"}


class HubRecogniser:
    """Words from a sound, by a pretrained model; the first half minute of it.

    Parameters
    ----------
    model
        A local folder or a repository's id, without ``hub:``.
    phrases
        What the shop has; the shortest and most frequent go along as a hint.
    language
        ``en``, ``zh`` and so on, where it is known; None lets the model find out.

    Raises
    ------
    DependencyError
        If transformers or the model is not there.
    UsageError
        If the model is of another type than Whisper and Qwen3-ASR.
    """

    def __init__(self, model: str, phrases: Iterable[str] = (), *, language: str | None = None) -> None:
        transformers = need_transformers("speech to text by a model of the hub")
        folder = find_model(model, types=tuple(TYPES))
        if folder.model_type not in TYPES:
            raise UsageError(
                f"the model {model!r} is of type {folder.model_type!r}, which knows no words.",
                fix=f"Speech to text is for {', '.join(TYPES)}.",
            )
        self._type = folder.model_type
        self._network = load_network(folder, model=TYPES[folder.model_type])
        try:
            with quiet():
                self._processor = transformers.AutoProcessor.from_pretrained(folder.core, local_files_only=True)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"the model folder {folder.path} has no readable processor: {error}.",
                fix="Copy preprocessor_config.json and the tokenizer's files from the model's repository.",
            ) from error
        self._hint = hint(phrases)
        self._language = language

    def transcribe(self, sound: Sound) -> Transcript:
        """What is said in a sound; nothing, if it is too short or silent."""
        import torch

        samples = prepared(sound).astype(np.float32) / 32_768
        if len(samples) < SHORTEST * RATE:
            return Transcript("", language=self._language or "")
        samples = samples[: round(LONGEST * RATE)]
        with torch.inference_mode():
            tokens, sureness = self._whisper(samples) if self._type == "whisper" else self._qwen(samples)
        text, language = self._read(tokens)
        words = tuple(SpokenWord(word, confidence=sureness) for word in text.split())
        return Transcript(text, words, sureness if text else 0.0, language or self._language or "")

    def _whisper(self, samples: Any) -> tuple[Any, float]:
        given = self._processor(samples, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True)
        asked: dict[str, Any] = {"attention_mask": given.attention_mask}
        if self._hint:
            asked["prompt_ids"] = self._processor.get_prompt_ids(self._hint, return_tensors="pt")
        if getattr(self._network.generation_config, "is_multilingual", False):
            asked |= {"task": "transcribe", "language": self._language}
        return self._generated(given.input_features, asked)

    def _qwen(self, samples: Any) -> tuple[Any, float]:
        given = self._processor.apply_transcription_request(
            audio=[samples], language=self._language, prompt=self._hint or None
        )
        begin = int(given["input_ids"].shape[1])
        tokens, sureness = self._generated(None, dict(given))
        return tokens[begin:], sureness

    def _generated(self, features: Any, asked: dict[str, Any]) -> tuple[Any, float]:
        """Tokens of the likeliest text, and the geometric mean of their probabilities."""
        import torch

        inputs = {} if features is None else {"input_features": features}
        with quiet():
            found = self._network.generate(
                **inputs,
                **asked,
                max_new_tokens=NEW_TOKENS,
                do_sample=False,
                return_dict_in_generate=True,
                output_scores=True,
            )
        scores = torch.stack([step[0] for step in found.scores]) if found.scores else torch.zeros((0, 1))
        tokens = found.sequences[0]
        chosen = tokens[len(tokens) - len(scores) :]
        logs = torch.log_softmax(scores, dim=-1)[torch.arange(len(scores)), chosen] if len(scores) else scores
        return tokens, float(logs.mean().exp()) if len(logs) else 0.0

    def _read(self, tokens: Any) -> tuple[str, str]:
        tokenizer = self._processor.tokenizer
        if self._type == "whisper":
            spoken = tokenizer.decode(tokens, skip_special_tokens=True)
            marks = tokenizer.convert_ids_to_tokens(tokens.tolist())
            codes = [mark[2:-2] for mark in marks if mark and mark.startswith("<|") and 2 <= len(mark) - 4 <= 3]
            return " ".join(spoken.split()), next((code for code in codes if code.isalpha()), "")
        parsed = self._processor.decode(tokens, return_format="parsed", skip_special_tokens=True)
        found = parsed[0] if isinstance(parsed, list) else parsed
        language = str(found.get("language") or "").lower()
        return str(found.get("transcription") or "").strip(), _NAMES.get(language, language[:2])


def hint(phrases: Iterable[str]) -> str:
    """The most frequent phrases, shorter ones first among equals, as one line of at most a few hundred letters."""
    counts = Counter(" ".join(phrase.split()) for phrase in phrases if phrase.strip())
    ranked: Sequence[str] = sorted(counts, key=lambda phrase: (-counts[phrase], len(phrase), phrase))
    taken: list[str] = []
    for phrase in ranked[:HINTS]:
        if sum(map(len, taken)) + 2 * len(taken) + len(phrase) > HINT_LETTERS:
            break
        taken.append(phrase)
    return ", ".join(taken)
