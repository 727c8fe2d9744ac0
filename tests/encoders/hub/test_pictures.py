"""Pictures are prepared as transformers prepares them, without torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.encoders.hub.families import FAMILIES
from goodsense.encoders.hub.loading import ModelFolder
from goodsense.encoders.hub.pictures import PictureSteps, channels_first, into_patches, read_steps
from goodsense.errors import DataError

USUAL = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], "resample": 3}
CROPPED = {"crop_size": {"height": 32, "width": 32}, "do_center_crop": True}
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("vit", "ViT", {"size": {"height": 32, "width": 24}}),
    ("clip", "CLIP", {"size": {"shortest_edge": 36}, **CROPPED}),
    ("siglip", "Siglip", {"size": {"height": 32, "width": 32}, "resample": 2}),
    ("resnet", "ConvNext", {"size": {"shortest_edge": 28}, "crop_pct": 0.875}),
    ("convnext", "ConvNext", {"size": {"shortest_edge": 384}, "crop_pct": 0.875}),
    (
        "efficientnet",
        "EfficientNet",
        {"size": {"height": 32, "width": 32}, "include_top": True, "rescale_offset": True, "rescale_factor": 1 / 127.5},
    ),
    ("deit", "DeiT", {"size": {"height": 40, "width": 40}, **CROPPED}),
    ("detr", "Detr", {"size": {"shortest_edge": 30, "longest_edge": 44}, "do_pad": False}),
    ("yolos", "Yolos", {"size": {"shortest_edge": 50, "longest_edge": 90}, "do_pad": False}),
    ("rt_detr", "RTDetr", {"size": {"height": 32, "width": 32}, "do_normalize": False, "do_pad": False}),
]


def picture(height: int, width: int) -> Any:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Folder(ModelFolder):
    """A folder that need not be there."""

    stated: dict[str, Any]

    def settings(self, *names: str) -> dict[str, Any]:
        return self.stated


def folder(kind: str, stated: dict[str, Any], config: dict[str, Any] | None = None) -> ModelFolder:
    assert kind in FAMILIES
    made = Folder("model", Path("model"), Path("model"), config or {}, kind, ())
    object.__setattr__(made, "stated", stated)
    return made


@pytest.mark.parametrize(("kind", "oracle", "settings"), CASES, ids=[f"{kind}" for kind, _, _ in CASES])
def test_pictures_are_prepared_as_by_transformers(kind: str, oracle: str, settings: dict[str, Any]) -> None:
    import transformers

    stated = {**USUAL, **settings}
    steps, scaling = read_steps(folder(kind, stated))
    reference = getattr(transformers, f"{oracle}ImageProcessorPil")(**stated)
    for shape in ((60, 40), (40, 61), (33, 47)):
        given = picture(*shape)
        found = channels_first(scaling(steps(given)[None]))[0]
        expected = np.asarray(reference(given, return_tensors="np", input_data_format="channels_last")["pixel_values"])[
            0
        ]
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_patches_are_cut_as_by_transformers() -> None:
    import transformers

    stated = {**USUAL, "patch_size": 8, "max_num_patches": 20}
    steps, scaling = read_steps(folder("siglip2", stated))
    reference = transformers.Siglip2ImageProcessorPil(**stated)
    for shape in ((60, 40), (40, 90)):
        given = picture(*shape)
        expected = reference(given, return_tensors="np", input_data_format="channels_last")
        prepared = steps(given)
        assert [side // 8 for side in prepared.shape[:2]] == expected["spatial_shapes"][0].tolist()
        cut = into_patches(scaling(prepared), 8)
        np.testing.assert_allclose(cut, expected["pixel_values"][0][: len(cut)], atol=1e-5)
        assert not expected["pixel_attention_mask"][0][len(cut) :].any()


def test_very_long_pictures_cost_no_memory() -> None:
    steps = PictureSteps(shortest=256, crop=(224, 224))
    long = np.zeros((1, 5_000, 3), dtype=np.uint8)
    long[:, 2_500] = 255
    assert steps(long).shape == (224, 224, 3)
    assert steps(long)[:, 112:].any()  # the middle
    assert PictureSteps(shortest=800, longest=1_333, multiple=16)(long).shape == (16, 1_328, 3)
    assert steps(np.zeros((1, 1, 3), dtype=np.uint8)).shape == (224, 224, 3)


def test_squares_are_filled_below_and_to_the_right() -> None:
    made = PictureSteps(8, 8, square=True)(np.zeros((4, 8, 3), dtype=np.uint8))
    assert made[:4].max() == 0
    assert made[5:].min() == 128


def test_models_of_other_collections_state_their_training() -> None:
    facts = {
        "input_size": [3, 32, 32],
        "crop_pct": 0.8,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "interpolation": "bicubic",
    }
    steps, scaling = read_steps(folder("vgg", {}, {"pretrained_cfg": facts}))
    assert (steps.shortest, steps.crop, steps.resample) == (40, (32, 32), 3)
    np.testing.assert_allclose(scaling(np.full((1, 1, 1, 3), 255, dtype=np.uint8)), 2.0, atol=1e-6)


def test_newer_files_hold_several_processors() -> None:
    inner = {**USUAL, "size": {"height": 16, "width": 16}}
    assert read_steps(folder("clip", {"image_processor": inner, "feature_extractor": {}}))[0].height == 16


def test_what_is_no_picture_is_refused() -> None:
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(DataError, match="expected uint8"):
            PictureSteps(8, 8)(wrong)  # type: ignore[arg-type]
