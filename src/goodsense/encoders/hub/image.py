"""Pictures by pretrained networks: ResNet, VGG, ConvNeXt, EfficientNet, ViT, Swin, DINO and their kin."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.media import HubMediaEncoder, sample_pictures
from goodsense.encoders.hub.pictures import PictureSteps, channels_first, read_steps
from goodsense.encoders.hub.towers import Inputs, OnnxTower, TorchTower, Tower, state_network
from goodsense.encoders.options import check_choice
from goodsense.media.reading import ImageWish
from goodsense.types import Image, Vectors

POOLINGS = ("auto", "pooler", "cls", "mean")


class HubImageEncoder(HubMediaEncoder):
    """Pictures to the vectors of a pretrained network.

    Parameters
    ----------
    source
        The model: a local folder, or a repository of the hub.
    pooling
        ``auto``: as its family does. ``pooler``: what the network itself pools; ``cls``: its first state; ``mean``: the
        mean of its states.
    int8
        Run in 8 bits by onnxruntime: faster, and a little less exact.

    Raises
    ------
    DependencyError
        If torch, transformers or the model is not here; says what is missing.
    UsageError
        If the model is none for pictures, or int8 is of no use to it.
    """

    kind = "hub-image"
    interface = "image"
    takes = frozenset({"image"})

    def __init__(self, *, source: str, pooling: str = "auto", int8: bool = False) -> None:
        check_choice(POOLINGS, pooling=pooling)
        super().__init__(source, {"pooling": pooling, "int8": bool(int8)})
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
        return {"pixel_values": channels_first(self._scaling(np.stack(raw)))}

    @cached_property
    def _image_tower(self) -> Tower:
        return self._tower("image", self._original, self._sample, {"pixel_values": ("rows", "", "", "")})

    def _original(self) -> TorchTower:
        if self._folder.model_type == "vgg":
            from goodsense.encoders.hub.vgg import load_vgg

            return TorchTower(load_vgg(self._folder.weights), ("pixel_values",))
        wished = self._settings["pooling"]
        pooling = self._folder.family.pooling if wished == "auto" else str(wished)
        return TorchTower(state_network(self._network, pooling, "pixel_values"), ("pixel_values",))

    def _sample(self) -> Inputs:
        return self._inputs([self._steps(picture) for picture in sample_pictures()])

    def _quantised(self) -> dict[str, OnnxTower]:
        return {"image": self._image_tower} if isinstance(self._image_tower, OnnxTower) else {}
