"""Texts by pretrained transformers: ``hub:`` for text, and the machinery that ``minilm`` shares.

Encoders (BERT and its kin), decoders (the last token) and the reading half of translators (T5), pooled as the model's
folder says, with what its queries and passages begin with.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from goodsense.encoders import artefacts
from goodsense.encoders.hub.loading import ModelFolder, find_model, load_network
from goodsense.encoders.hub.quantise import RECIPE, int8_tower
from goodsense.encoders.hub.sentence import POOLINGS, Layout, read_layout
from goodsense.encoders.hub.tokens import TOKENIZER_FILE, Tokens, padded
from goodsense.encoders.hub.towers import OnnxTower, TorchTower, Tower, text_network
from goodsense.encoders.options import check_choice, check_whole, checked_field_weights
from goodsense.errors import DependencyError
from goodsense.types import Modality, TextFields, Vectors, normalise

KIND = "hub-text"
VERSION = 1
BATCH = 32  # texts per pass through the model
INT8_FILE = "int8.onnx"
DEFAULT_WEIGHTS: Mapping[str, float] = {"title": 1.0, "*": 0.5}
# Both languages of the shops, short and long: for comparing 8 bits with 32.
SAMPLE = (
    "red cotton shirt with short sleeves",
    "Stainless steel water bottle, 750 ml, keeps drinks cold for 24 hours",
    "手工编织羊毛围巾",
    "儿童木制积木玩具 一百件装 适合三岁以上",
    "wireless noise cancelling headphones",
    "A sturdy oak table for six. The top is oiled, the legs can be unscrewed; it comes in two parts.",
    "不锈钢保温杯 500毫升",
    "gift",
    "Running shoes for women, size 38, breathable mesh, 跑步鞋",
    "防水蓝牙音箱，户外便携，续航十二小时。",
    "LED desk lamp",
    "Organic green tea from the mountains of Fujian, loose leaves, 100 g",
)


class TextModel:
    """Texts to unit vectors by the model of a folder.

    Parameters
    ----------
    folder
        The model.
    layout
        How a vector is made of its states.
    max_tokens
        Tokens read of each text; never more than the model can.
    int8
        Run in 8 bits by onnxruntime.
    saved
        Folder of a saved encoder, which has the tower in 8 bits; None makes it.
    """

    def __init__(
        self, folder: ModelFolder, layout: Layout, *, max_tokens: int, int8: bool = False, saved: Path | None = None
    ) -> None:
        self._folder = folder
        self._layout = layout
        self._limit = min(max_tokens, capacity(folder, layout))
        self._int8 = saved if saved is not None and (saved / INT8_FILE).is_file() else None
        self._tokens = self._tokenizer(int8)
        self._tower: Tower = self._quantised() if int8 else self._original()
        self.dim = int(self._run(["."]).shape[1])

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """``n`` texts to ``(n, dim)`` unit rows; a zero row for an empty one."""
        found = np.zeros((len(texts), self.dim), dtype=np.float32)
        filled = [i for i, text in enumerate(texts) if text]
        numbers = self._numbers([texts[i] for i in filled])
        order = sorted(range(len(filled)), key=lambda i: (len(numbers[i]), i))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            ids, mask = padded([numbers[i] for i in rows], self._tokens.padding)
            found[[filled[i] for i in rows]] = normalise(self._tower({"ids": ids, "mask": mask}))
        return found

    def cut(self, text: str, *, limit: int) -> str:
        """The beginning of a text, at most ``limit`` tokens."""
        return self._tokens.cut(text, limit=limit)

    def save(self, directory: Path) -> None:
        """Put what runs in 8 bits into the saved encoder."""
        if isinstance(self._tower, OnnxTower):
            shutil.copyfile(self._tower.path, directory / INT8_FILE)
            self._tokens.write(directory / TOKENIZER_FILE)

    def _numbers(self, texts: Sequence[str]) -> list[list[int]]:
        lowered = [text.lower() for text in texts] if self._layout.lower else texts
        # A text of nothing that the tokenizer knows still has one token to pool.
        return [row or [self._tokens.padding] for row in self._tokens.numbers(lowered, limit=self._limit)]

    def _run(self, texts: Sequence[str]) -> Vectors:
        ids, mask = padded(self._numbers(texts), self._tokens.padding)
        return self._tower({"ids": ids, "mask": mask})

    def _tokenizer(self, int8: bool) -> Tokens:
        if int8 and self._int8 is not None and (self._int8 / TOKENIZER_FILE).is_file():
            return Tokens.read(self._int8 / TOKENIZER_FILE)
        return Tokens.of(self._folder)

    def _original(self) -> TorchTower:
        model = load_network(self._folder)
        if hasattr(model.config, "use_cache"):
            model.config.use_cache = False
        return TorchTower(text_network(model, self._layout.poolings, self._layout.dense), ("ids", "mask"))

    def _quantised(self) -> OnnxTower:
        if self._int8 is not None:
            return OnnxTower(self._int8 / INT8_FILE)
        ids, mask = padded(self._numbers(SAMPLE), self._tokens.padding)
        axes = ("rows", "tokens")
        key = f"text-{self._folder.hash}-{'-'.join(self._layout.poolings)}"
        path = int8_tower(key, self._original, {"ids": ids, "mask": mask}, {"ids": axes, "mask": axes})
        return OnnxTower(path)


class HubTextEncoder:
    """Text to the vectors of a pretrained model; a zero row for empty text.

    Parameters
    ----------
    source
        The model: a local folder, or a repository of the hub.
    field_weights
        Field -> weight; ``"*"`` stands for every field not named and fields of weight 0 are not read. The model reads
        one text, so weights give the order of the fields: the weightiest comes first and is cut last.
    field_tokens
        Tokens kept of each field.
    separator
        Stands between fields.
    max_tokens
        Tokens the model reads of each text.
    pooling
        ``auto``: as the model's folder says. Else one of ``cls``, ``mean``, ``max``, ``lasttoken``, ``weightedmean``,
        ``mean_sqrt_len_tokens``.
    query_prefix, passage_prefix
        What queries and products begin with; None: as the model's folder says, or as its family is known to want.
    int8
        Run in 8 bits by onnxruntime: faster, and a little less exact.

    Raises
    ------
    DependencyError
        If torch, transformers or the model is not here; says what is missing.
    UsageError
        If the model is none for text.
    """

    pretrained = True  # so that tuning starts from more weight

    def __init__(
        self,
        *,
        source: str,
        field_weights: Mapping[str, float] = DEFAULT_WEIGHTS,
        field_tokens: int = 96,
        separator: str = ". ",
        max_tokens: int = 256,
        pooling: str = "auto",
        query_prefix: str | None = None,
        passage_prefix: str | None = None,
        int8: bool = False,
    ) -> None:
        check_whole(field_tokens=field_tokens, max_tokens=max_tokens)
        check_choice(("auto", *POOLINGS), pooling=pooling)
        self._settings: dict[str, Any] = {
            "source": source,
            "field_weights": checked_field_weights(field_weights),
            "field_tokens": field_tokens,
            "separator": str(separator),
            "max_tokens": max_tokens,
            "pooling": pooling,
            "query_prefix": query_prefix,
            "passage_prefix": passage_prefix,
            "int8": bool(int8),
        }
        self._folder = find_model(source, "text")
        layout = read_layout(self._folder)
        if pooling != "auto":
            layout = Layout((pooling,), (), layout.query, layout.passage, layout.max_tokens, layout.lower)
        self._query = layout.query if query_prefix is None else query_prefix
        self._passage = layout.passage if passage_prefix is None else passage_prefix
        self._layout = layout
        self._saved: Path | None = None

    @cached_property
    def _model(self) -> TextModel:
        settings = self._settings
        return TextModel(
            self._folder, self._layout, max_tokens=settings["max_tokens"], int8=settings["int8"], saved=self._saved
        )

    @property
    def dim(self) -> int:
        return self._model.dim

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
        """``n`` products (field -> text) or texts to ``(n, dim)`` unit rows, as passages."""
        return self._encoded(values, self._passage)

    def encode_query(self, values: Sequence[TextFields | str]) -> Vectors:
        """The same space from the side of queries, which may begin otherwise."""
        return self._encoded(values, self._query)

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
            If the model is another one now than that which was saved.
        """
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        settings = {name: value for name, value in found.settings.items() if name not in ("model", "recipe")}
        encoder = cls(**settings)
        check_same(encoder._folder, str(found.settings["model"]), directory)
        encoder._saved = directory
        return encoder

    def _encoded(self, values: Sequence[TextFields | str], prefix: str) -> Vectors:
        texts = [self._text(value) for value in values]
        return self._model.vectors([prefix + text if text else "" for text in texts])

    def _text(self, value: TextFields | str) -> str:
        if isinstance(value, str):
            return " ".join(value.split())
        limit = self._settings["field_tokens"]
        texts = ranked_fields(value, self._settings["field_weights"])
        return str(self._settings["separator"]).join(self._model.cut(text, limit=limit).rstrip() for text in texts)

    def _artefact(self) -> artefacts.Artefact:
        return artefacts.Artefact(KIND, VERSION, {**self._settings, **identity(self._folder)}, {})


def ranked_fields(value: TextFields, weights: Mapping[str, float]) -> list[str]:
    """The texts of a product's fields, the weightiest first, white space tidied, empty ones and those of 0 left out."""
    rest = weights.get("*", 0.0)
    own = {field: weights.get(field, rest) for field in value}
    ranked = sorted((field for field in value if own[field] > 0), key=lambda field: (-own[field], field))
    return [text for text in (" ".join(value[field].split()) for field in ranked) if text]


def identity(folder: ModelFolder) -> dict[str, Any]:
    """What of a model decides vectors, for a fingerprint."""
    return {"model": folder.hash, "recipe": [folder.family.version, RECIPE]}


def check_same(folder: ModelFolder, expected: str, directory: Path) -> None:
    """Refuse a model that is not the one whose hash was saved."""
    if folder.hash != expected:
        raise DependencyError(
            f"the model in {folder.path} is not the one that made the vectors of {directory}.",
            fix="Put back the model of that time, or build again with --refit.",
        )


def capacity(folder: ModelFolder, layout: Layout) -> int:
    """Tokens that the model can read."""
    positions = folder.config.get("max_position_embeddings") or folder.config.get("n_positions")
    relative = folder.model_type in ("t5", "mt5", "umt5")  # without a table of positions
    most = math.inf if relative or not isinstance(positions, int) else positions - folder.family.positions_lost
    return int(max(1, min(most, layout.max_tokens or math.inf, 8192)))
