"""Boxes come out where the network says, in pixels of the picture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from goodsense.encoders.hub.detect import Detector, _boxes, detect_objects
from goodsense.errors import DependencyError, UsageError
from goodsense.types import Box
from tests.encoders import samples
from tests.encoders.hub import models


def test_shares_become_pixels_within_the_picture() -> None:
    scores = np.array([[0.2, 0.6], [0.9, 0.1], [0.3, 0.2], [0.1, 0.7]], dtype=np.float32)
    shares = np.array([[0.5, 0.5, 0.2, 0.4], [0.9, 0.5, 0.4, 1.0], [0.5] * 4, [2, 2, 0.1, 0.1]], dtype=np.float32)
    found = _boxes(scores, shares, (100, 200), (100, 200), {0: "shoe", 1: "bag"}, 0.5)
    assert [box.label for box in found] == ["shoe", "bag"]  # the one outside is none
    np.testing.assert_allclose(_numbers(found[0]), (140, 0, 60, 100, 0.9), atol=1e-4)
    np.testing.assert_allclose(_numbers(found[1]), (80, 30, 40, 40, 0.6), atol=1e-4)
    # Of a picture filled up to a square, shares are shares of the square.
    (square,) = _boxes(scores[:1], shares[:1], (200, 200), (100, 200), {}, 0.5)
    np.testing.assert_allclose(_numbers(square), (80, 60, 40, 40, 0.6), atol=1e-4)
    assert square.label == "1"


def test_boxes_are_those_of_transformers() -> None:
    import torch
    import transformers

    folder, picture = models.ready("yolos"), samples.pictures()[4]
    processor = transformers.YolosImageProcessorPil(**models.processor_of("yolos"))
    network = transformers.AutoModelForObjectDetection.from_pretrained(folder).eval()
    with torch.inference_mode():
        out = network(pixel_values=torch.from_numpy(processor(picture, return_tensors="np")["pixel_values"]))
    (expected,) = processor.post_process_object_detection(out, threshold=0.3, target_sizes=[picture.shape[:2]])
    found = detect_objects(picture, f"hub:{folder}", threshold=0.3)
    assert len(found) == len(expected["scores"]) > 0
    np.testing.assert_allclose(
        [box.score for box in found], sorted(expected["scores"].tolist(), reverse=True), atol=1e-5
    )
    corners = expected["boxes"][expected["scores"].argmax()].clamp(min=0).numpy()
    left, top, right, bottom = corners.tolist()
    np.testing.assert_allclose(_numbers(found[0])[:2], (left, top), atol=1e-3)
    np.testing.assert_allclose(found[0].left + found[0].width, min(right, picture.shape[1]), atol=1e-3)
    np.testing.assert_allclose(found[0].top + found[0].height, min(bottom, picture.shape[0]), atol=1e-3)
    assert detect_objects(picture, str(folder), threshold=0.3, limit=1) == found[:1]


def test_words_are_for_those_who_read() -> None:
    picture = samples.pictures()[0]
    with pytest.raises(UsageError, match="'yolos' takes no words"):
        detect_objects(picture, str(models.ready("yolos")), words=("shoe",))
    with pytest.raises(UsageError, match="'owlv2' looks for what words say"):
        detect_objects(picture, str(models.ready("owlv2")))
    with pytest.raises(UsageError, match="'bert', which is for text; expected one for objects"):
        detect_objects(picture, str(models.ready("bert")))


def test_a_detector_that_lies_in_another_library_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models.ready("yolos"), tmp_path / "model"))
    config = {"model_type": "detr", "backbone": "resnet50", "use_timm_backbone": True}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(DependencyError, match="library timm") as raised:
        Detector(str(folder))
    assert "no_timm" in raised.value.fix


def _numbers(box: Box) -> tuple[float, ...]:
    return box.left, box.top, box.width, box.height, box.score
