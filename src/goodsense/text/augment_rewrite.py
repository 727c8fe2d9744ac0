"""Augmentation of texts by a language model in a folder on this machine. Nothing is ever downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from goodsense.errors import DependencyError, missing_extra

EXTRA = "hub"
FILES = ("config.json", "model.safetensors (or model.safetensors.index.json)", "tokenizer.json")
_SEED_LIMIT = 2**31


@dataclass(frozen=True)
class Rewrite:
    """Let a language model say a text in other words.

    Parameters
    ----------
    model_directory
        A folder with a model that generates text (GPT-type, Llama- or Qwen-type, T5-type), as transformers saves it:
        weights in safetensors, configuration, tokenizer.
    prompt
        What the model is given; ``{text}`` stands for the text.
    tokens
        Tokens that it writes at most.
    temperature
        How freely it writes; from 0 (always the likeliest word) up.

    Raises
    ------
    DependencyError
        When it is first used, if torch or transformers is not installed or the folder holds no such model; says what
        is missing.
    ValueError
        If the prompt has no place for the text.
    """

    model_directory: str
    prompt: str = "{text}\nIn other words: "
    tokens: int = 48
    temperature: float = 0.8

    def __post_init__(self) -> None:
        if "{text}" not in self.prompt:
            raise ValueError(f"prompt is {self.prompt!r}; expected {{text}} in it")
        if self.tokens < 1 or self.temperature < 0:
            raise ValueError(f"tokens is {self.tokens}, temperature {self.temperature}; expected from 1 and from 0 up")

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        """The text in the model's words; the first line of them, and the text itself where there is none."""
        seed = int(rng.integers(_SEED_LIMIT))
        if not text.strip():
            return text
        written = _generated(self, text, seed).strip()
        return written.splitlines()[0].strip() if written else text


def _generated(step: Rewrite, text: str, seed: int) -> str:
    import torch

    tokenizer, model = loaded(step.model_directory)
    given = tokenizer(step.prompt.replace("{text}", text), return_tensors="pt", truncation=True)
    given = {name: given[name] for name in ("input_ids", "attention_mask")}
    settings: dict[str, Any] = {"max_new_tokens": step.tokens, "do_sample": step.temperature > 0}
    if step.temperature > 0:
        settings |= {"temperature": step.temperature, "top_p": 0.95, "top_k": 0}
    if tokenizer.pad_token_id is None:
        settings["pad_token_id"] = model.config.eos_token_id or 0
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(seed)
        found = model.generate(**given, **settings)[0]
    new = found if model.config.is_encoder_decoder else found[given["input_ids"].shape[1] :]
    return str(tokenizer.decode(new, skip_special_tokens=True))


@lru_cache(maxsize=2)
def loaded(directory: str) -> tuple[Any, Any]:
    """Tokenizer and model of a folder, ready to generate.

    Raises
    ------
    DependencyError
        See :class:`Rewrite`.
    """
    try:
        import torch  # noqa: F401
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
    except ImportError as error:
        raise missing_extra("transformers", EXTRA, needed_for="Rewriting texts by a language model") from error
    _need_files(Path(directory))
    try:
        safe = {"local_files_only": True, "trust_remote_code": False}
        config = AutoConfig.from_pretrained(directory, **safe)
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        tokenizer = AutoTokenizer.from_pretrained(directory, **safe)
        model = kind.from_pretrained(directory, use_safetensors=True, **safe)
    except (OSError, ValueError, KeyError) as error:
        raise DependencyError(
            f"{directory} holds no language model that can be used here: {error}",
            fix="Give a folder that transformers saved: a model that generates text, and its tokenizer.",
        ) from error
    return tokenizer, model.eval()


def _need_files(directory: Path) -> None:
    there = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    missing = [name for name in FILES if not there & set(name.replace("(or ", "").replace(")", "").split())]
    if "tokenizer_config.json" in there:
        missing = [name for name in missing if name != "tokenizer.json"]  # some tokenizers have files of other names
    if missing:
        raise DependencyError(
            f"{directory} is no folder of a language model: {', '.join(missing)} missing.",
            fix="Download the model into this folder first, weights in safetensors, or leave out the step Rewrite.",
        )
