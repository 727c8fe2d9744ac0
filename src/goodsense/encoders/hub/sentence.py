"""What a model's folder says about how it makes one vector of a text, in the layout of sentence-transformers.

``modules.json`` lists the steps: the transformer, pooling, dense layers, normalisation; ``1_Pooling/config.json`` says
what is pooled, ``config_sentence_transformers.json`` what queries and passages begin with (Reimers & Gurevych,
"Sentence-BERT", 2019).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.loading import ModelFolder
from goodsense.errors import DataError, UsageError

POOLINGS = ("cls", "mean", "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens")
_SWITCHES = {  # of older files: one switch per kind
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS = {"Identity": "", "Tanh": "tanh", "ReLU": "relu", "GELU": "gelu", "Sigmoid": "sigmoid", "SiLU": "silu"}
_WEB_SEARCH = "Given a web search query, retrieve relevant passages that answer the query"
_BGE = "Represent this sentence for searching relevant passages: "
_BGE_ZH = "为这个句子生成表示以用于检索相关文章："
# What models begin queries and passages with where their folder does not say: name -> (query, passage); first wins.
PREFIXES: tuple[tuple[str, str, str], ...] = (
    (r"e5-mistral|e5-.*instruct", f"Instruct: {_WEB_SEARCH}\nQuery: ", ""),
    (r"(^|[-_])e5-", "query: ", "passage: "),
    (r"bge-m3", "", ""),
    (r"bge-.*zh", _BGE_ZH, ""),
    (r"bge-.*en|mxbai-embed", _BGE, ""),
    (r"stella-.*zh|dmeta-embedding", "", ""),
    (r"nomic-embed", "search_query: ", "search_document: "),
    (r"arctic-embed-.*-v2", "query: ", ""),
    (r"arctic-embed", _BGE, ""),
    (r"qwen3-embedding", f"Instruct: {_WEB_SEARCH}\nQuery:", ""),
    (r"embeddinggemma", "task: search result | query: ", "title: none | text: "),
)


@dataclass(frozen=True, eq=False)
class Dense:
    """A linear layer after pooling: ``weight`` ``(out, in)``, ``bias`` ``(out,)`` or None, and what follows it."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    activation: str


@dataclass(frozen=True, eq=False)
class Layout:
    """How one vector is made of a text.

    Parameters
    ----------
    poolings
        Their results are put one after the other.
    dense
        Layers after pooling.
    query, passage
        What queries and passages begin with.
    max_tokens
        Tokens that the model was trained to read; None if nothing says.
    lower
        Texts are lower-cased.
    """

    poolings: tuple[str, ...]
    dense: tuple[Dense, ...] = ()
    query: str = ""
    passage: str = ""
    max_tokens: int | None = None
    lower: bool = False


def read_layout(folder: ModelFolder) -> Layout:
    """The layout that a model's folder states; what it does not state comes from the table of families.

    Raises
    ------
    UsageError
        If a step is none of those that are known.
    DataError
        If a file cannot be read.
    """
    poolings: tuple[str, ...] = (folder.family.pooling,)
    dense: list[Dense] = []
    modules = folder.path / "modules.json"
    for module in json.loads(modules.read_text("utf-8")) if modules.is_file() else []:
        kind = str(module.get("type", "")).rpartition(".")[2]
        place = folder.path / str(module.get("path") or "")
        if kind == "Pooling":
            poolings = _poolings(_settings(place / "config.json"))
        elif kind == "Dense":
            dense.append(_dense(place))
        elif kind not in ("Transformer", "Normalize", "Dropout"):
            raise UsageError(
                f"the model {folder.name!r} has a step {kind!r}, which is not supported.",
                fix="Choose a model of a transformer, pooling, dense layers and normalisation.",
            )
    words = folder.settings("sentence_bert_config.json")
    query, passage = _prefixes(folder)
    return Layout(
        poolings, tuple(dense), query, passage, words.get("max_seq_length"), bool(words.get("do_lower_case", False))
    )


def _poolings(settings: Mapping[str, Any]) -> tuple[str, ...]:
    named = settings.get("pooling_mode")
    if named:
        found = tuple([named] if isinstance(named, str) else named)
    else:
        found = tuple(kind for switch, kind in _SWITCHES.items() if settings.get(switch))
    unknown = [kind for kind in found if kind not in POOLINGS]
    if unknown or not found:
        raise UsageError(
            f"the model pools by {', '.join(unknown) or 'nothing'}; known are {', '.join(POOLINGS)}.",
            fix="Say which one with the option pooling.",
        )
    if settings.get("include_prompt", True) is False:
        raise UsageError(
            "the model leaves what a text begins with out of its pooling, which is not supported.",
            fix="Choose another model.",
        )
    return found


def _dense(place: Path) -> Dense:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    settings = _settings(place / "config.json")
    weights = place / "model.safetensors"
    try:
        arrays = load(weights.read_bytes())
        weight = np.asarray(arrays["linear.weight"], dtype=np.float32)
    except (OSError, SafetensorError, KeyError) as error:
        raise DataError(
            f"the dense layer {weights} cannot be read: {error}.",
            fix="Take a revision of the model that has this layer as safetensors.",
        ) from error
    bias = arrays.get("linear.bias")
    activation = str(settings.get("activation_function", "torch.nn.modules.linear.Identity")).rpartition(".")[2]
    if activation not in _ACTIVATIONS:
        raise UsageError(f"the dense layer {place} ends in {activation!r}; known are {', '.join(_ACTIVATIONS)}.")
    return Dense(weight, None if bias is None else np.asarray(bias, dtype=np.float32), _ACTIVATIONS[activation])


def _prefixes(folder: ModelFolder) -> tuple[str, str]:
    settings = folder.settings("config_sentence_transformers.json")
    prompts = settings.get("prompts") or {}
    default = prompts.get(settings.get("default_prompt_name") or "", "")
    query = next((prompts[name] for name in ("query", "search_query", "web_search_query") if prompts.get(name)), None)
    passage = next((prompts[name] for name in ("passage", "document", "search_document") if prompts.get(name)), None)
    if query is not None or passage is not None or default:
        return str(query if query is not None else default), str(passage if passage is not None else default)
    names = [Path(name).name for name in (folder.name, str(folder.config.get("_name_or_path") or ""))]
    for pattern, query, passage in PREFIXES:
        if any(re.search(pattern, name, re.IGNORECASE) for name in names):
            return query, passage
    return "", ""


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.", fix="Copy it from the model's repository.") from error
    return dict(found)
