"""Objects in pictures by pretrained detectors: boxes of the kind YOLOS and DETR give, and OWL-ViT's, found by words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.loading import ModelFolder, find_model, load_network
from goodsense.encoders.hub.pictures import channels_first, read_steps
from goodsense.encoders.hub.tokens import Tokens, padded
from goodsense.errors import DependencyError, UsageError
from goodsense.types import Box, Image

BATCH = 4  # pictures of one size per pass
_WORDS = 16  # tokens of what OWL-ViT looks for


def detect_objects(
    image: Image, model: str, *, words: Sequence[str] = (), threshold: float = 0.5, limit: int = 20
) -> tuple[Box, ...]:
    """Find objects in a picture; the surest first, in pixels of the picture.

    Parameters
    ----------
    image
        ``(h, w, 3)`` uint8.
    model
        A folder or a repository of the hub, with or without ``hub:``; it stays in memory for the next picture.
    words
        What to look for, by a model that finds by words.
    threshold
        The least score of a box.
    limit
        Boxes at most.

    Raises
    ------
    DependencyError
        If torch, transformers or the model is not here; says what is missing.
    UsageError
        If the model is none for objects, or wants words and gets none, or the other way round.
    """
    return detector(model.removeprefix("hub:")).detect([image], words=words, threshold=threshold, limit=limit)[0]


@lru_cache(maxsize=2)
def detector(source: str) -> Detector:
    """The detector of a model; the last two stay in memory."""
    return Detector(source)


class Detector:
    """A pretrained detector.

    Parameters
    ----------
    source
        A local folder, or a repository of the hub.
    """

    def __init__(self, source: str) -> None:
        self._folder = find_model(source, "objects")
        _check_backbone(self._folder)
        self._steps, self._scaling = read_steps(self._folder)
        names = self._folder.config.get("id2label") or {}
        self._labels = {int(number): str(name) for number, name in names.items()}

    @property
    def by_words(self) -> bool:
        """Whether it looks for what words say."""
        return self._folder.model_type.startswith("owl")

    def detect(
        self, images: Sequence[Image], *, words: Sequence[str] = (), threshold: float = 0.5, limit: int = 20
    ) -> list[tuple[Box, ...]]:
        """Objects of each picture, the surest first."""
        if bool(words) != self.by_words:
            raise UsageError(
                f"a model of type {self._folder.model_type!r} "
                + ("looks for what words say, and there are none." if self.by_words else "takes no words."),
                fix="Give words=('shoe', 'bag')." if self.by_words else "Leave words out, or take an OWL-ViT model.",
            )
        ready = [self._steps(image) for image in images]
        order = sorted(range(len(ready)), key=lambda i: (ready[i].shape, i))
        found: dict[int, tuple[Box, ...]] = {}
        while order:
            batch = [i for i in order[:BATCH] if ready[i].shape == ready[order[0]].shape]
            order = order[len(batch) :]
            scores, boxes = self._passed(np.stack([ready[i] for i in batch]), words)
            for i, own_scores, own_boxes in zip(batch, scores, boxes, strict=True):
                labels = dict(enumerate(words)) if self.by_words else self._labels
                height, width = np.asarray(images[i]).shape[:2]
                side = (max(height, width),) * 2 if self._steps.square else (height, width)
                found[i] = _boxes(own_scores, own_boxes, side, (height, width), labels, threshold)[:limit]
        return [found[i] for i in range(len(images))]

    @cached_property
    def _network(self) -> Any:
        return load_network(self._folder)

    @cached_property
    def _tokens(self) -> Tokens:
        return Tokens.of(self._folder)

    def _passed(
        self, pictures: NDArray[np.uint8], words: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scores ``(n, q, classes)`` and boxes ``(n, q, 4)`` as shares of the picture: centre, width, height."""
        import torch

        values = torch.from_numpy(channels_first(self._scaling(pictures)))
        with torch.inference_mode():
            if self.by_words:
                ids, mask = padded(self._tokens.numbers(list(words), limit=_WORDS), self._tokens.padding)
                given = {"input_ids": ids, "attention_mask": mask}
                repeated = {name: torch.from_numpy(np.tile(array, (len(pictures), 1))) for name, array in given.items()}
                out = self._network(pixel_values=values, **repeated)
            else:
                out = self._network(pixel_values=values)
            if self._folder.family.scores == "softmax":
                scores = out.logits.softmax(-1)[..., :-1]  # the last class is nothing
            else:
                scores = out.logits.sigmoid()
        return scores.float().numpy(), out.pred_boxes.float().numpy()


def _boxes(
    scores: NDArray[np.float32],
    shares: NDArray[np.float32],
    side: tuple[int, int],
    size: tuple[int, int],
    labels: Mapping[int, str],
    threshold: float,
) -> tuple[Box, ...]:
    """Boxes in pixels, within the picture. ``side`` is what ``shares`` are shares of."""
    found = []
    best = scores.argmax(axis=1)
    for place in np.argsort(-scores.max(axis=1), kind="stable"):
        kind = int(best[place])
        score = float(scores[place, kind])
        if not score >= threshold:
            break
        x, y, width, height = (float(value) for value in shares[place])
        left, right = (min(max(0.0, value * side[1]), size[1]) for value in (x - width / 2, x + width / 2))
        top, bottom = (min(max(0.0, value * side[0]), size[0]) for value in (y - height / 2, y + height / 2))
        if right > left and bottom > top:
            found.append(Box(left, top, right - left, bottom - top, score, labels.get(kind, str(kind))))
    return tuple(found)


def _check_backbone(folder: ModelFolder) -> None:
    """Refuse detectors whose lower half is kept by another library, or elsewhere."""
    config = folder.config
    backbone = config.get("backbone_config") or {}
    elsewhere = not backbone and bool(config.get("backbone"))
    if elsewhere or backbone.get("model_type") == "timm_backbone":
        raise DependencyError(
            f"the lower half of {folder.name!r} is of the library timm, which is not used here.",
            fix="Take a revision without it, such as hub:facebook/detr-resnet-50@no_timm, or a YOLOS model.",
        )
