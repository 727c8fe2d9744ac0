"""Pictures and texts in one space: CLIP, SigLIP, SigLIP 2, Chinese-CLIP, AltCLIP, ALIGN. Words find pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.media import WithWords, sample_pictures
from goodsense.encoders.hub.pictures import PictureSteps, channels_first, into_patches, read_steps
from goodsense.encoders.hub.text_side import checked_template
from goodsense.encoders.hub.towers import Inputs, OnnxTower, TorchTower, Tower, feature_network
from goodsense.media.reading import ImageWish
from goodsense.types import Image, Vectors


class HubImageTextEncoder(WithWords):
    """Pictures to the vectors of a network that was trained on pictures with their texts; queries may be texts.

    Parameters
    ----------
    source
        The model: a local folder, or a repository of the hub.
    template
        What a query of words is put into, with ``{}`` in their place.
    int8
        Run both towers in 8 bits by onnxruntime: faster, and a little less exact.

    Raises
    ------
    DependencyError
        If torch, transformers or the model is not here; says what is missing.
    UsageError
        If the model is none for pictures and texts.
    """

    kind = "hub-image-text"
    interface = "image+text"
    takes = frozenset({"image", "text"})

    def __init__(self, *, source: str, template: str = "{}", int8: bool = False) -> None:
        super().__init__(source, {"template": checked_template(template), "int8": bool(int8)})
        self._steps, self._scaling = read_steps(self._folder)

    @property
    def wish(self) -> ImageWish:
        return ImageWish(max_side=self._steps.max_side)

    @property
    def describe(self) -> PictureSteps:
        """Resize and crop, ``(h, w, 3)`` uint8."""
        return self._steps

    def _probe(self) -> Image:
        return sample_pictures(1)[0]

    def _vectors(self, raw: Sequence[NDArray[Any]]) -> Vectors:
        return self._image_tower(self._inputs(raw))

    def _inputs(self, raw: Sequence[NDArray[Any]]) -> Inputs:
        if not self._steps.patches:
            return {"pixel_values": channels_first(self._scaling(np.stack(raw)))}
        patch, most = self._steps.patch, self._steps.patches
        values = np.zeros((len(raw), most, patch * patch * 3), dtype=np.float32)
        mask = np.zeros((len(raw), most), dtype=np.int64)
        for i, picture in enumerate(raw):
            cut = into_patches(self._scaling(picture), patch)
            values[i, : len(cut)], mask[i, : len(cut)] = cut, 1
        shapes = np.array([[picture.shape[0] // patch, picture.shape[1] // patch] for picture in raw], dtype=np.int64)
        return {"pixel_values": values, "pixel_attention_mask": mask, "spatial_shapes": shapes}

    @cached_property
    def _image_tower(self) -> Tower:
        return self._tower("image", self._original, self._sample, {"pixel_values": ("rows", "", "", "")})

    def _original(self) -> TorchTower:
        names = tuple(self._sample())
        return TorchTower(feature_network(self._network, "get_image_features", names), names)

    def _sample(self) -> Inputs:
        return self._inputs([self._steps(picture) for picture in sample_pictures()])

    def _quantised(self) -> dict[str, OnnxTower]:
        towers = {"image": self._image_tower, "text": self._text_tower}
        return {name: tower for name, tower in towers.items() if isinstance(tower, OnnxTower)}
