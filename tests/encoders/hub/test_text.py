"""Texts are pooled as the model's folder says, against the same done by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.encoders import load_encoder, make_encoder
from goodsense.encoders.hub.loading import find_model
from goodsense.encoders.hub.sentence import POOLINGS, read_layout
from goodsense.encoders.hub.tokens import Tokens, padded
from goodsense.errors import DataError, DependencyError, UsageError
from goodsense.types import Vectors, normalise
from tests.encoders import samples
from tests.encoders.hub import models

TEXTS = ["red shoe", "a steel watch by acme. cotton shirt", "红色 leather"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(models.ready("bert"), tmp_path / "model"))


def states(folder: Path, text: str) -> Vectors:
    """The last states of one text ``(t, d)``, by transformers itself."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with samples.quiet(), torch.inference_mode():
        found: Vectors = AutoModel.from_pretrained(folder).eval()(**tokens).last_hidden_state[0].numpy()
    return found


def pooled_by_hand(rows: Vectors, kind: str) -> Any:
    weights = np.arange(1, len(rows) + 1)[:, None]
    return {
        "cls": rows[0],
        "lasttoken": rows[-1],
        "mean": rows.mean(0),
        "max": rows.max(0),
        "weightedmean": (rows * weights).sum(0) / weights.sum(),
        "mean_sqrt_len_tokens": rows.sum(0) / len(rows) ** 0.5,
    }[kind]


@pytest.mark.parametrize("kind", POOLINGS)
def test_states_are_pooled(kind: str) -> None:
    folder = models.ready("bert")
    expected = np.stack([pooled_by_hand(states(folder, text), kind) for text in TEXTS])
    found = make_encoder("text", f"hub:{folder}", {"pooling": kind}).encode(TEXTS)
    np.testing.assert_allclose(found, normalise(expected.astype(np.float32)), atol=2e-6)


def test_decoders_take_the_last_token() -> None:
    folder = models.ready("qwen3")
    expected = np.stack([states(folder, text)[-1] for text in TEXTS])
    np.testing.assert_allclose(make_encoder("text", f"hub:{folder}").encode(TEXTS), normalise(expected), atol=2e-6)


def test_the_layout_of_sentence_transformers_is_followed(folder: Path) -> None:
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(5, 64)).astype(np.float32), rng.normal(size=5).astype(np.float32)
    module = "sentence_transformers.models"
    names = ("Transformer", "Pooling", "Dense", "Normalize")
    steps = [{"path": "" if i == 0 else f"{i}_{name}", "type": f"{module}.{name}"} for i, name in enumerate(names)]
    write(folder / "modules.json", steps)
    write(folder / "1_Pooling" / "config.json", {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True})
    write(folder / "2_Dense" / "config.json", {"activation_function": "torch.nn.modules.activation.Tanh"})
    save_file({"linear.weight": weight, "linear.bias": bias}, folder / "2_Dense" / "model.safetensors")
    write(folder / "sentence_bert_config.json", {"max_seq_length": 6, "do_lower_case": True})

    encoder = make_encoder("text", f"hub:{folder}")
    assert encoder.dim == 5
    rows = states(folder, "red shoe")
    expected = np.tanh(weight @ np.concatenate([rows[0], rows.max(0)]) + bias)
    np.testing.assert_allclose(encoder.encode(["RED shoe"])[0], expected / np.linalg.norm(expected), atol=2e-6)
    # [CLS] and [SEP] count among the six.
    long = encoder.encode(["red shoe by acme leather watch", "red shoe by acme"])
    np.testing.assert_allclose(long[0], long[1], atol=2e-6)

    write(folder / "modules.json", [*steps, {"path": "4_CNN", "type": f"{module}.CNN"}])
    with pytest.raises(UsageError, match="a step 'CNN', which is not supported"):
        make_encoder("text", f"hub:{folder}")
    write(folder / "modules.json", steps)
    (folder / "2_Dense" / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"dense layer .* cannot be read"):
        make_encoder("text", f"hub:{folder}")
    write(folder / "1_Pooling" / "config.json", {"pooling_mode": "attention"})
    with pytest.raises(UsageError, match="pools by attention; known are cls, mean"):
        make_encoder("text", f"hub:{folder}")


def test_old_models_keep_the_transformer_one_folder_deeper(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "old"
    shutil.copytree(folder, home / "0_Transformer")
    write(home / "modules.json", [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}])
    found = make_encoder("text", f"hub:{home}").encode(TEXTS)
    np.testing.assert_array_equal(found, make_encoder("text", f"hub:{folder}").encode(TEXTS))


@pytest.mark.parametrize(
    ("name", "query", "passage"),
    [
        ("multilingual-e5-small", "query: ", "passage: "),
        ("e5-mistral-7b-instruct", "Instruct: Given", ""),
        ("bge-small-en-v1.5", "Represent this sentence", ""),
        ("bge-base-zh-v1.5", "为这个句子", ""),
        ("bge-m3", "", ""),
        ("nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("core5-model", "", ""),
    ],
)
def test_families_are_known_by_what_their_texts_begin_with(tmp_path: Path, name: str, query: str, passage: str) -> None:
    folder = Path(shutil.copytree(models.ready("bert"), tmp_path / name))
    layout = read_layout(find_model(str(folder)))
    assert layout.query.startswith(query)
    assert bool(layout.query) == bool(query)
    assert layout.passage == passage


def test_prefixes_come_from_the_folder_and_can_be_set(folder: Path) -> None:
    settings = {"prompts": {"query": "query: ", "document": "passage: "}, "default_prompt_name": None}
    write(folder / "config_sentence_transformers.json", settings)
    bare = make_encoder("text", f"hub:{folder}", {"query_prefix": "", "passage_prefix": ""})
    stated = make_encoder("text", f"hub:{folder}")
    np.testing.assert_allclose(stated.encode(["red shoe"]), bare.encode(["passage: red shoe"]), atol=2e-6)
    np.testing.assert_allclose(stated.encode_query(["red shoe"]), bare.encode(["query: red shoe"]), atol=2e-6)
    assert not stated.encode_query(["  "]).any()
    own = make_encoder("text", f"hub:{folder}", {"query_prefix": "photo of "})
    np.testing.assert_allclose(own.encode_query(["red shoe"]), bare.encode(["photo of red shoe"]), atol=2e-6)


def test_fields_are_joined_in_the_order_of_their_weights_and_cut_by_tokens() -> None:
    name = f"hub:{models.ready('bert')}"
    encoder = make_encoder("text", name, {"field_tokens": 2, "separator": " : ", "field_weights": {"title": 2, "*": 1}})
    value = {"brand": "", "description": "steel wrist watch", "title": "red shoe leather"}
    np.testing.assert_allclose(encoder.encode([value]), encoder.encode(["red shoe : steel wrist"]), atol=2e-6)
    only = make_encoder("text", name, {"field_weights": {"description": 1}})
    np.testing.assert_allclose(only.encode([value]), only.encode(["steel wrist watch"]), atol=2e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "average"},
        {"field_tokens": 0},
        {"max_tokens": True},
        {"field_weights": {"title": -1}},
        {"field_weights": {"title": float("nan")}},
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_encoder("text", f"hub:{models.ready('bert')}", options)


def test_another_model_in_the_folder_is_noticed(folder: Path, tmp_path: Path) -> None:
    make_encoder("text", f"hub:{folder}").save(tmp_path / "saved")
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(DependencyError, match="not the one that made the vectors"):
        load_encoder("text", f"hub:{folder}", tmp_path / "saved")


def test_a_tokenizer_comes_back_from_one_file(tmp_path: Path) -> None:
    tokens = Tokens.of(find_model(str(models.ready("bert"))))
    assert tokens.write(tmp_path / "tokenizer.json")
    again = Tokens.read(tmp_path / "tokenizer.json")
    assert again.padding == tokens.padding
    assert again.numbers(TEXTS, limit=5) == tokens.numbers(TEXTS, limit=5)
    assert [len(row) for row in again.numbers(TEXTS, limit=5)] == [4, 5, 5]
    ids, mask = padded([[1, 2, 3], [4]], 9)
    assert ids.tolist() == [[1, 2, 3], [4, 9, 9]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
