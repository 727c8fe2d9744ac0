"""Towers in 8 bits stay close to the original, or are refused; saved encoders carry them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.encoders import encoder_options, load_encoder, make_encoder
from goodsense.encoders.hub.families import FAMILIES, MODALITIES
from goodsense.encoders.hub.quantise import int8_tower, mean_cosine
from goodsense.encoders.hub.towers import OnnxTower, TorchTower
from goodsense.errors import UsageError
from tests.encoders import samples
from tests.encoders.hub import models
from tests.encoders.hub.test_families import VALUES


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "goodsense" / "int8"


def test_texts_in_8_bits(tmp_path: Path, own_cache: Path) -> None:
    name = f"hub:{models.ready('bert')}"
    values = samples.texts()
    exact = make_encoder("text", name).encode(values)
    encoder = make_encoder("text", name, {"int8": True})
    found = encoder.encode(values)
    assert 0.98 < mean_cosine(exact, found) < 1 - 1e-7  # near, and not the same
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert len(list(own_cache.glob("*.onnx"))) == 1
    encoder.save(tmp_path / "saved")
    for path in own_cache.iterdir():
        path.unlink()
    loaded = load_encoder("text", name, tmp_path / "saved")
    np.testing.assert_array_equal(loaded.encode(values), found)
    assert not list(own_cache.iterdir())  # what was saved is what runs


@pytest.mark.torture
@pytest.mark.parametrize(
    "kind", [name for name, family in FAMILIES.items() if family.int8 and family.interface in MODALITIES]
)
def test_every_family_in_8_bits(kind: str, tmp_path: Path) -> None:
    modality = MODALITIES[FAMILIES[kind].interface]
    name, values = f"hub:{models.ready(kind)}", VALUES[modality]
    exact = make_encoder(modality, name)
    if "int8" not in encoder_options(modality, name):
        assert FAMILIES[kind].interface in ("audio+text", "video+text")
        return
    encoder = make_encoder(modality, name, {"int8": True})
    found = encoder.encode(values)
    assert mean_cosine(exact.encode(values), found) > 0.98
    encoder.save(tmp_path / "saved")
    loaded = load_encoder(modality, name, tmp_path / "saved")
    np.testing.assert_array_equal(loaded.encode(values), found)
    if modality != "text" and "text" in encoder.accepts:
        assert mean_cosine(exact.encode_query(["red shoe"]), loaded.encode_query(["red shoe"])) > 0.98


def test_convolutions_are_left_alone() -> None:
    with pytest.raises(UsageError, match="'resnet' do not run in 8 bits"):
        make_encoder("image", f"hub:{models.ready('resnet')}", {"int8": True})


def test_a_tower_that_8_bits_spoil_is_refused(own_cache: Path) -> None:
    import torch

    class Spoilt(torch.nn.Module):  # type: ignore[misc]
        """One huge number leaves the small ones, which alone matter, no room within 8 bits."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(8, 4, bias=False)
            self.layer.weight.data[:, 0] = 0

        def forward(self, values: Any) -> Any:
            return self.layer(values)

    sample = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
    sample[:, 0] = 1e4
    with pytest.raises(UsageError, match=r"mean cosine of -?0\.\d+ with the original ones; expected at least 0\.98"):
        int8_tower("spoilt", lambda: TorchTower(Spoilt(), ("values",)), {"values": sample}, {"values": ("rows", "")})
    assert not list(own_cache.glob("*.onnx"))
    sample[:, 0] = 1
    path = int8_tower("fine", lambda: TorchTower(Spoilt(), ("values",)), {"values": sample}, {"values": ("rows", "")})
    assert OnnxTower(path)({"values": sample[:3]}).shape == (3, 4)
