"""Clips by pretrained networks: VideoMAE, TimeSformer, ViViT; and X-CLIP with words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.media import HubMediaEncoder, WithWords, sample_pictures
from goodsense.encoders.hub.pictures import PictureSteps, channels_first, read_steps
from goodsense.encoders.hub.text_side import checked_template
from goodsense.encoders.hub.towers import Inputs, OnnxTower, TorchTower, Tower, feature_network, state_network
from goodsense.encoders.options import check_choice
from goodsense.errors import DataError
from goodsense.media.reading import ClipWish
from goodsense.types import Clip, Vectors

POOLINGS = ("auto", "mean", "cls")
CLIPS = 2  # per pass through the model
_FRAMES = {"videomae": 16, "vivit": 32}  # where the model's file does not say
_FRAMES_PER_SECOND = 8.0  # of short clips; of longer ones frames are spread over the whole


@dataclass(frozen=True)
class ClipSteps:
    """A clip to ``(frames, h, w, 3)`` uint8, frames from the middles of as many equal shares of the clip.

    Frames of a clip that has fewer are repeated; a clip without any becomes ``(0,)``.
    """

    picture: PictureSteps
    frames: int

    def __call__(self, clip: Clip) -> NDArray[np.uint8]:
        pictures = np.asarray(clip.frames)
        if pictures.ndim != 4:
            raise DataError(f"frames are {pictures.dtype} {pictures.shape}; expected uint8 (t, height, width, 3).")
        if not len(pictures):
            return np.zeros(0, dtype=np.uint8)
        places = ((np.arange(self.frames) + 0.5) * len(pictures) / self.frames).astype(np.int64)
        made = {place: self.picture(pictures[place]) for place in dict.fromkeys(places.tolist())}
        return np.stack([made[place] for place in places.tolist()])


class _Clips(HubMediaEncoder):
    """What both encoders do with clips."""

    def __init__(self, source: str, settings: dict[str, Any]) -> None:
        super().__init__(source, settings)
        self._steps, self._scaling = read_steps(self._folder)
        seen = self._folder.config.get("vision_config") or self._folder.config
        self._frames = int(seen.get("num_frames") or _FRAMES.get(self._folder.model_type, 8))

    @property
    def wish(self) -> ClipWish:
        return ClipWish(fps=_FRAMES_PER_SECOND, max_frames=self._frames, max_side=self._steps.max_side)

    @property
    def describe(self) -> ClipSteps:
        """Choose frames, resize and crop them."""
        return ClipSteps(self._steps, self._frames)

    def _probe(self) -> Clip:
        return Clip(np.stack(sample_pictures(2)), np.arange(2.0), 2.0)

    def _vectors(self, raw: Sequence[NDArray[Any]]) -> Vectors:
        parts = [raw[start : start + CLIPS] for start in range(0, len(raw), CLIPS)]
        made = [self._clip_tower({"pixel_values": channels_first(self._scaling(np.stack(part)))}) for part in parts]
        return np.concatenate(made)

    @cached_property
    def _clip_tower(self) -> Tower:
        return self._tower("video", self._original, self._sample, {"pixel_values": ("rows", "", "", "", "")})

    def _sample(self) -> Inputs:
        """Shapes that move, always the same: for comparing 8 bits with 32."""
        steps = self.describe
        pictures = sample_pictures(6)
        moving = [np.stack([np.roll(picture, 5 * k, axis=1) for k in range(4)]) for picture in pictures]
        made = [steps(Clip(frames, np.arange(4.0), 4.0)) for frames in moving]
        return {"pixel_values": channels_first(self._scaling(np.stack(made)))}

    def _quantised(self) -> dict[str, OnnxTower]:
        return {"video": self._clip_tower} if isinstance(self._clip_tower, OnnxTower) else {}


class HubVideoEncoder(_Clips):
    """Clips to the vectors of a pretrained network; a zero row for a clip without frames.

    Parameters
    ----------
    source
        The model: a local folder, or a repository of the hub.
    pooling
        ``auto``: as its family does. ``mean`` of its states over space and time, or ``cls``, the first one.
    int8
        Run in 8 bits by onnxruntime: faster, and a little less exact.

    Raises
    ------
    DependencyError
        If torch, transformers or the model is not here; says what is missing.
    UsageError
        If the model is none for clips.
    """

    kind = "hub-video"
    interface = "video"
    takes = frozenset({"video"})

    def __init__(self, *, source: str, pooling: str = "auto", int8: bool = False) -> None:
        check_choice(POOLINGS, pooling=pooling)
        super().__init__(source, {"pooling": pooling, "int8": bool(int8)})

    def _original(self) -> TorchTower:
        wished = self._settings["pooling"]
        pooling = self._folder.family.pooling if wished == "auto" else str(wished)
        return TorchTower(state_network(self._network, pooling, "pixel_values"), ("pixel_values",))


class HubVideoTextEncoder(_Clips, WithWords):
    """Clips to the vectors of a network trained on clips with their descriptions; queries may be texts.

    Parameters
    ----------
    source
        The model: a local folder, or a repository of the hub.
    template
        What a query of words is put into, with ``{}`` in their place.

    Raises
    ------
    DependencyError
        If torch, transformers or the model is not here; says what is missing.
    UsageError
        If the model is none for clips and texts.
    """

    kind = "hub-video-text"
    interface = "video+text"
    takes = frozenset({"video", "text"})

    def __init__(self, *, source: str, template: str = "{}") -> None:
        super().__init__(source, {"template": checked_template(template)})

    def _original(self) -> TorchTower:
        return TorchTower(feature_network(self._network, "get_video_features", ("pixel_values",)), ("pixel_values",))
