"""Every row of the table, as a tiny model on disk: it loads, a value equals its batch, words find what they may."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.encoders import make_encoder
from goodsense.encoders.hub.detect import detector
from goodsense.encoders.hub.families import FAMILIES, MODALITIES, interfaces_of, names_of
from goodsense.types import Modality
from tests.encoders import samples
from tests.encoders.cases.hub import clips, sounds
from tests.encoders.hub import models

# One of every kind of code; those that the contract has are not repeated. All others are done by `make torture`.
USUAL = "qwen3 t5 resnet vgg swin siglip2 chinese_clip whisper audio-spectrogram-transformer vivit".split()
USUAL_DETECTORS = "yolos rt_detr owlv2".split()
VECTORS = [name for name in FAMILIES if FAMILIES[name].interface != "objects"]
NARROW = np.random.default_rng(0).integers(0, 256, (1, 300, 3), dtype=np.uint8)
VALUES: dict[Modality, list[Any]] = {
    "text": [*samples.texts()[:5], {"title": "红色鞋子"}],
    "image": [*samples.pictures()[:5], NARROW],
    "audio": sounds(),
    "video": clips(),
}


def _rows(names: list[str], usual: list[str]) -> list[Any]:
    return [name if name in usual else pytest.param(name, marks=pytest.mark.torture) for name in names]


@pytest.mark.parametrize("kind", _rows(VECTORS, USUAL))
def test_a_family_makes_vectors(kind: str) -> None:
    modality = MODALITIES[FAMILIES[kind].interface]
    values = VALUES[modality]
    encoder = make_encoder(modality, f"hub:{models.ready(kind)}")
    batch = encoder.encode(values)
    assert batch.shape == (len(values), encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([encoder.encode([value]) for value in values]), batch, atol=2e-6)
    assert np.abs(batch[0] - batch[-1]).max() > 1e-4  # it sees a difference
    assert ("text" in encoder.accepts) == ("text" in FAMILIES[kind].interface)
    if modality != "text" and "text" in encoder.accepts:
        words = encoder.encode_query(["red shoe", values[0], "", "the blue watch of steel"])
        np.testing.assert_allclose(np.linalg.norm(words, axis=1), [1, 1, 0, 1], atol=1e-5)
        np.testing.assert_allclose(words[:1], encoder.encode_query(["red shoe"]), atol=2e-6)
        np.testing.assert_allclose(words[1], batch[0], atol=2e-6)


@pytest.mark.parametrize("kind", _rows(list(names_of("objects")), USUAL_DETECTORS))
def test_a_detector_gives_boxes_within_the_picture(kind: str) -> None:
    pictures = [*samples.pictures()[:2], samples.pictures()[2][:50]]
    words = ("red shoe", "watch") if kind.startswith("owl") else ()
    found = detector(str(models.ready(kind)))
    together = found.detect(pictures, words=words, threshold=0.01)
    alone = [found.detect([picture], words=words, threshold=0.01)[0] for picture in pictures]
    for picture, boxes, same in zip(pictures, together, alone, strict=True):
        assert boxes
        assert [box.score for box in boxes] == sorted((box.score for box in boxes), reverse=True)
        height, width = picture.shape[:2]
        assert all(0 <= box.left < box.left + box.width <= width + 1e-6 for box in boxes)
        assert all(0 <= box.top < box.top + box.height <= height + 1e-6 for box in boxes)
        np.testing.assert_allclose([box.score for box in boxes], [box.score for box in same], atol=1e-5)
        assert {box.label for box in boxes} <= ({*words} or {"LABEL_0", "LABEL_1", "LABEL_2"})


def test_every_family_has_a_place() -> None:
    assert set(MODALITIES) | {"objects"} == {family.interface for family in FAMILIES.values()}
    assert interfaces_of("image") == ("image", "image+text")
    assert interfaces_of("reviews") == ()
    assert {"bert", "qwen3", "t5"} <= set(names_of("text"))
