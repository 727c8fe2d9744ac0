"""Pretrained models, one per interface."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from goodsense.types import Clip, Modality, Sound
from tests.encoders import samples
from tests.encoders.case import Case
from tests.encoders.hub import models


def sounds() -> list[Sound]:
    """Tones of several lengths, and one in stereo at another rate."""
    found = []
    for seconds, rate, channels, pitch in (
        (0.5, 4_000, 1, 220),
        (0.8, 4_000, 1, 440),
        (0.1, 4_000, 1, 330),
        (0.6, 8_000, 2, 550),
    ):
        times = np.arange(int(seconds * rate))[:, None] / rate
        noise = np.random.default_rng(pitch).normal(0, 0.05, (len(times), channels))
        found.append(Sound((0.4 * np.sin(2 * np.pi * pitch * times) + noise).astype(np.float32), rate))
    return found


def clips() -> list[Clip]:
    pictures = samples.pictures(copies=1)
    return [
        Clip(np.stack(pictures[start : start + count]), np.arange(count) / 4, count / 4)
        for start, count in ((0, 3), (3, 7), (11, 1))
    ]


SILENCE = Sound(np.zeros((4_000, 1), dtype=np.float32), 4_000)
NO_FRAMES = Clip(np.zeros((0, 8, 8, 3), dtype=np.uint8), np.zeros(0), 0.0)


def _case(kind: str, modality: Modality, values: Sequence[Any], empty: Any, changes: dict[str, Any]) -> Case:
    name, prepare = f"hub:{models.place(kind)}", partial(models.ready, kind)
    return Case(modality, name, values, empty, changes, fits=False, prepare=prepare)


_TEXT = {
    "field_weights": {"title": 1.0},
    "field_tokens": 2,
    "separator": " | ",
    "max_tokens": 5,
    "pooling": "max",
    "query_prefix": "query: ",
    "passage_prefix": "passage: ",
    "int8": True,
}
_WORDS = {"template": "photo of {}"}

CASES = [
    _case("bert", "text", samples.texts()[:9], {"title": " "}, _TEXT),
    _case("vit", "image", samples.pictures()[:6], None, {"pooling": "mean", "int8": True}),
    _case("siglip", "image", samples.pictures()[:6], None, {**_WORDS, "int8": True}),
    _case("wav2vec2", "audio", sounds(), SILENCE, {"max_seconds": 0.2, "layer": 1, "int8": True}),
    _case("clap", "audio", sounds(), SILENCE, {"max_seconds": 0.2, **_WORDS}),
    _case("videomae", "video", clips(), NO_FRAMES, {"pooling": "cls", "int8": True}),
    _case("xclip", "video", clips(), NO_FRAMES, _WORDS),
]
