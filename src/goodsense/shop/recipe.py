"""The recipe: what a shop is built with. An unknown key is an error; a missing one has its default."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from goodsense.encoders import parts_of
from goodsense.errors import UsageError
from goodsense.types import MODALITIES, Distance, Modality

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Whole = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Encoders(_Table):
    """Which encoder makes which block; ``""`` leaves a modality out."""

    text: str = "lsa"
    image: str = "descriptors"
    audio: str = "spectral"
    video: str = "frames"
    attributes: str = "columns"
    reviews: str = "opinions"
    behaviour: str = "ppmi"


class LexicalTable(_Table):
    """BM25F: saturation ``k1``, length normalisation ``b`` (one, or one per field with ``"*"`` for the others), what a
    word counts in each field, and what adjacent words of the query count when they stand so in the title."""

    k1: Positive = 0.6
    b: Share | dict[str, Share] = {"title": 0.2, "*": 0.75}
    pairs: NonNegative = 0.2
    fields: dict[str, NonNegative] = {
        "title": 1.0,
        "brand": 0.6,
        "category": 0.4,
        "attributes": 0.4,
        "bullets": 0.3,
        "description": 0.2,
    }


class TextTable(_Table):
    """How words are made: the shop's own dictionary, stemming and stop words."""

    dictionary: tuple[str, ...] = ()
    stem: bool = True
    stop_words: bool = True
    fields: dict[str, NonNegative] = {
        "title": 1.0,
        "brand": 0.5,
        "category": 0.5,
        "attributes": 0.5,
        "bullets": 0.5,
        "description": 0.5,
    }


class IndexTable(_Table):
    """The engine that proposes candidates. ``auto`` is exact for small shops and Qdrant Edge for larger ones."""

    engine: Literal["auto", "exact", "qdrant-edge"] = "auto"
    distance: Distance = "cosine"
    candidates: Annotated[int, Field(ge=10, le=10_000)] = 100


class FusionTable(_Table):
    """Block weights: ``tuned`` on validation queries, or given per block (``weights = {text = 0.5}``).

    ``joint`` names the fusion of texts, pictures, sounds and clips in one space: ``auto`` is the one of ``ensemble``
    (``quick``, 256 columns) and ``cca`` by which validation products search best, ``off`` is none. ``options`` are its
    own; those of ``auto`` are for the ensemble.
    """

    weights: Literal["tuned"] | dict[str, NonNegative] = "tuned"
    gate: bool = True
    joint: str = "auto"
    options: dict[str, Any] = {}


class SpeechTable(_Table):
    """Who listens to spoken queries: ``pocketsphinx`` (English, an extra), ``hub:MODEL`` (Whisper or Qwen3-ASR), or
    nobody (``""``)."""

    recogniser: str = "pocketsphinx"


class PurchaseTable(_Table):
    """Whether a shopper buys a product, foretold from what was bought before (``goodsense evaluate purchase``).

    ``types`` are the events that count as buying, ``modalities`` the blocks that are fused (all but behaviour, if none
    is named), ``fusion`` and ``options`` how. ``networks`` read the fused vectors of up to ``history`` products and of
    a candidate; recurrent ones have ``recurrent_layers``. Asked are the last ``targets`` products of every shopper and,
    beside each, ``negatives`` that the shopper never saw, ``popular`` of them drawn by popularity and the others from
    all alike. ``linked`` of the training shoppers make the graph and the popularity, the others the questions to learn
    from, about all that they bought (at most ``history`` each). Thresholds are chosen for ``threshold``.
    """

    types: tuple[str, ...] = ("purchase",)
    modalities: tuple[str, ...] = ()
    fusion: str = "graph"
    options: dict[str, Any] = {}
    networks: tuple[Literal["transformer", "gru", "lstm"], ...] = ("transformer", "gru")
    layers: Whole = 2
    recurrent_layers: Whole = 1
    width: Whole = 64
    heads: Whole = 4
    dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    history: Whole = 20
    targets: Whole = 4
    negatives: Whole = 1
    popular: Share = 0.5
    linked: Annotated[float, Field(gt=0, lt=1)] = 0.5
    epochs: Whole = 15
    batch: Annotated[int, Field(ge=2)] = 128
    rate: Positive = 1e-3
    patience: Whole = 3
    threshold: Literal["accuracy", "f1"] = "accuracy"


class BoostRule(_Table):
    """What passes the filter ``where`` scores ``factor`` times as much and ``amount`` more; the best candidate's score
    is 1. ``name`` is what its term is called."""

    where: str
    factor: NonNegative = 1.0
    amount: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    name: str = ""


class RulesTable(_Table):
    """What the shop wants of its lists: products pinned to places (from 1), products or filters whose products stand
    behind all others, boosts, the most of one category in a list, and bounds of prices (0: none)."""

    pin: dict[str, Whole] = {}
    bury: tuple[str, ...] = ()
    boost: tuple[BoostRule, ...] = ()
    per_category: Annotated[int, Field(ge=0)] = 0
    min_price: NonNegative = 0.0
    max_price: NonNegative = 0.0

    @model_validator(mode="after")
    def _sound(self) -> RulesTable:
        if len(set(self.pin.values())) < len(self.pin):
            raise ValueError("two products are pinned to one place")
        if 0 < self.max_price < self.min_price:
            raise ValueError("max_price is below min_price")
        if len({name for rule in self.boost if (name := rule.name)}) < sum(bool(rule.name) for rule in self.boost):
            raise ValueError("two boosts have one name")
        return self


class RecommendTable(_Table):
    """What ``goodsense recommend`` draws from.

    ``model`` names a recommender, ``auto`` is the one (with its ``options``) that finds best what shoppers did last,
    ``off`` makes none. ``weights`` are what events of a type count in place of their defaults, faded by half every
    ``half_life_days`` (0: never). Who did one of ``exclude`` with a product is not recommended it again; of what else a
    shopper knows already there is at most a share of ``known`` in a list. Queries that fewer than ``min_shoppers``
    searched for are recommended to nobody. ``diversity`` (0 to 1) holds where nobody asks for another; with the
    probability ``explore`` a further product stands at places 4 and 8, and its propensity is told. ``sponsored`` is a
    table in the shop's directory with the columns ``id`` and ``bid``, for the ``sponsored_places`` of lists; what is
    not ``sponsored_floor`` times as relevant as the others is not shown.
    """

    model: str = "auto"
    options: dict[str, Any] = {}
    weights: dict[str, NonNegative] = {}
    half_life_days: NonNegative = 0.0
    exclude: tuple[str, ...] = ("purchase",)
    known: Share = 0.3
    min_shoppers: Whole = 3
    diversity: Share = 0.0
    explore: Share = 0.0
    sponsored: str = ""
    sponsored_floor: NonNegative = 0.5
    sponsored_places: tuple[Whole, ...] = (4,)
    rules: RulesTable = RulesTable()


class Recipe(_Table):
    """Everything that decides what a build looks like."""

    currency: Annotated[str, Field(pattern=r"^([A-Z]{3})?$")] = ""
    seed: Annotated[int, Field(ge=0)] = 0
    encoders: Encoders = Encoders()
    options: dict[Modality, dict[str, Any]] = {}
    text: TextTable = TextTable()
    lexical: LexicalTable = LexicalTable()
    index: IndexTable = IndexTable()
    fusion: FusionTable = FusionTable()
    speech: SpeechTable = SpeechTable()
    purchase: PurchaseTable = PurchaseTable()
    recommend: RecommendTable = RecommendTable()

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a TOML file.

        Raises
        ------
        UsageError
            If the file is missing, no TOML, or has an unknown key or a value out of range; names the key.
        """
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError as error:
            raise UsageError(f"there is no recipe {path}.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is no readable TOML: {error}.") from error
        return cls.parse(text, path)

    @classmethod
    def parse(cls, text: str, path: Path) -> Recipe:
        """Read the text of a TOML file; ``path`` is for errors.

        Raises
        ------
        UsageError
            If it is no TOML, or has an unknown key or a value out of range; names the key.
        """
        try:
            return cls.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path} is no readable TOML: {error}.") from error
        except ValidationError as error:
            raise UsageError(f"{path}: {_first_problem(error)}") from error

    def to_toml(self) -> str:
        """The recipe with every default written out."""
        return "\n".join(_toml_lines(self.model_dump(mode="json"), ())).lstrip() + "\n"

    def with_int8(self) -> Recipe:
        """The same with every pretrained model as int8 ONNX.

        Raises
        ------
        UsageError
            If it names no pretrained model.
        """
        options = dict(self.options)
        for modality in MODALITIES:
            name = getattr(self.encoders, modality)
            parts = parts_of(modality, name)
            if _is_pretrained(name) and not parts:
                options[modality] = {**options.get(modality, {}), "int8": True}
            for part in filter(_is_pretrained, parts):
                own = options.get(modality, {})
                options[modality] = {**own, part: {**own.get(part, {}), "int8": True}}
        if options == self.options:
            raise UsageError(
                "int8 is for pretrained models, and the recipe names none.",
                fix='Name one in the recipe, such as [encoders] text = "hub:intfloat/multilingual-e5-small".',
            )
        return self.model_copy(update={"options": options})

    def with_purchase(self, **changed: Any) -> Recipe:
        """The same with other settings of the table ``purchase``.

        Raises
        ------
        UsageError
            For a setting that does not exist, or a value out of range; names it.
        """
        try:
            table = PurchaseTable.model_validate({**self.purchase.model_dump(), **changed})
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(str(part) for part in problem["loc"][:1])
            raise UsageError(f"purchase.{key} is {problem.get('input')!r}; {problem['msg'].lower()}.") from error
        return self.model_copy(update={"purchase": table})

    def options_of(self, modality: str) -> dict[str, Any]:
        return dict(self.options.get(modality, {}))  # type: ignore[call-overload]


def _is_pretrained(encoder: str) -> bool:
    return encoder == "minilm" or encoder.startswith("hub:")


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *parents, _ = problem["loc"]
        known = ", ".join(sorted(_keys_at(parents)))
        return f"the key {key!r} is unknown; known here: {known}."
    return f"the key {key!r} is {problem.get('input')!r}; {problem['msg'].lower()}."


def _keys_at(parents: list[Any]) -> list[str]:
    table: Any = Recipe()
    for name in parents:
        if isinstance(name, int):
            return list(BoostRule.model_fields)  # the only list of tables
        table = getattr(table, str(name))
    return list(type(table).model_fields)


def _toml_lines(table: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = ["", f"[{'.'.join(path)}]"] if path and (plain or not table) else []
    lines += [f"{toml_key(key)} = {toml_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += _toml_lines(value, (*path, toml_key(key)))
    return lines


def toml_key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else toml_value(key)


def toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if ord(c) >= 32 and ord(c) != 127 else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(key)} = {toml_value(own)}" for key, own in value.items()) + " }"
    return repr(value)
