"""Sounds by pretrained networks: wav2vec 2.0, HuBERT, WavLM, AST, the listening half of Whisper; and CLAP with words.

A sound that is longer than what a network reads at once is read in windows of equal length, whose vectors are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.media import HubMediaEncoder, WithWords
from goodsense.encoders.hub.sounds import Features, SoundSteps, read_features
from goodsense.encoders.hub.text_side import checked_template
from goodsense.encoders.hub.towers import (
    Inputs,
    OnnxTower,
    TorchTower,
    Tower,
    feature_network,
    heard_network,
    state_network,
)
from goodsense.errors import UsageError
from goodsense.media.reading import SoundWish
from goodsense.types import Sound, Vectors, normalise

WINDOWS = 8  # per pass through the model


class _Sounds(HubMediaEncoder):
    """What both encoders do with sounds."""

    def __init__(self, source: str, settings: dict[str, Any]) -> None:
        seconds = settings["max_seconds"]
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds <= 3_600:
            raise UsageError(f"max_seconds is {seconds!r}; expected a number from above 0 to 3600.")
        super().__init__(source, {**settings, "max_seconds": float(seconds)})

    @cached_property
    def _features(self) -> Features:
        return read_features(self._folder)

    @property
    def wish(self) -> SoundWish:
        return SoundWish(rate=self._features.rate, mono=True, max_seconds=self._settings["max_seconds"])

    @property
    def describe(self) -> SoundSteps:
        """One channel of 16-bit samples at the model's rate."""
        return SoundSteps(self._features.rate, self._settings["max_seconds"])

    def _probe(self) -> Sound:
        rate = self._features.rate
        return Sound(np.random.default_rng(0).normal(0, 0.1, (rate, 1)).astype(np.float32), rate)

    def _vectors(self, raw: Sequence[NDArray[Any]]) -> Vectors:
        windows = [(i, window) for i, value in enumerate(raw) for window in self._features.windows(value)]
        order = sorted(range(len(windows)), key=lambda k: (len(windows[k][1]), k))
        parts: dict[int, Vectors] = {}
        while order:
            length = len(windows[order[0]][1])
            # Windows of one length only: nothing is padded, so no sound hears its neighbours.
            batch = [k for k in order[:WINDOWS] if len(windows[k][1]) == length]
            order = order[len(batch) :]
            found = normalise(self._sound_tower(self._features.inputs([windows[k][1] for k in batch])))
            parts.update(zip(batch, found, strict=True))
        sums = np.zeros((len(raw), len(next(iter(parts.values())))), dtype=np.float32)
        for k, (i, _) in enumerate(windows):
            sums[i] += parts[k]
        return sums

    @cached_property
    def _sound_tower(self) -> Tower:
        sample = self._sample()
        by_samples = self._features.extractor is None  # of any length; spectrograms have one
        axes = {name: ("rows", *(["samples" if by_samples else ""] * (a.ndim - 1))) for name, a in sample.items()}
        return self._tower("audio", self._original, lambda: sample, axes)

    def _sample(self) -> Inputs:
        """Noise of several colours, always the same: for comparing 8 bits with 32."""
        rng = np.random.default_rng(3)
        length = int(min(self._features.window, 2.0) * self._features.rate)
        noise = [rng.normal(0, 3_000, length).cumsum() if i % 2 else rng.normal(0, 3_000, length) for i in range(4)]
        waves = [(4_000 * wave / np.abs(wave).max()).astype(np.int16) for wave in noise]
        return self._features.inputs([self._features.windows(wave)[0] for wave in waves])

    def _quantised(self) -> dict[str, OnnxTower]:
        return {"audio": self._sound_tower} if isinstance(self._sound_tower, OnnxTower) else {}


class HubAudioEncoder(_Sounds):
    """Sounds to the vectors of a pretrained network; a zero row for silence.

    Parameters
    ----------
    source
        The model: a local folder, or a repository of the hub.
    max_seconds
        How much of a sound is read.
    layer
        The states after so many layers are averaged over time; None: the last ones, or as the family does. What tells
        sounds apart is often strongest in the middle.
    int8
        Run in 8 bits by onnxruntime: faster, and a little less exact.

    Raises
    ------
    DependencyError
        If torch, transformers or the model is not here; says what is missing.
    UsageError
        If the model is none for sounds, or has not so many layers.
    """

    kind = "hub-audio"
    interface = "audio"
    takes = frozenset({"audio"})

    def __init__(self, *, source: str, max_seconds: float = 30.0, layer: int | None = None, int8: bool = False) -> None:
        super().__init__(source, {"max_seconds": max_seconds, "layer": layer, "int8": bool(int8)})
        count = self._folder.config.get("encoder_layers") or self._folder.config.get("num_hidden_layers")
        if layer is not None and (not isinstance(layer, int) or not 0 <= layer <= int(count or 0)):
            raise UsageError(f"layer is {layer!r}; the model has {count}, so expected a whole number from 0 to that.")

    def _original(self) -> TorchTower:
        layer = self._settings["layer"]
        if self._folder.model_type == "whisper":
            return TorchTower(heard_network(self._network.get_encoder(), layer=layer), ("input_features", "frames"))
        pooling = self._folder.family.pooling
        return TorchTower(state_network(self._network, pooling, "input_values", layer=layer), ("input_values",))


class HubAudioTextEncoder(_Sounds, WithWords):
    """Sounds to the vectors of a network trained on sounds with their descriptions; queries may be texts.

    Parameters
    ----------
    source
        The model: a local folder, or a repository of the hub.
    max_seconds
        How much of a sound is read.
    template
        What a query of words is put into, with ``{}`` in their place.

    Raises
    ------
    DependencyError
        If torch, transformers or the model is not here; says what is missing.
    UsageError
        If the model is none for sounds and texts.
    """

    kind = "hub-audio-text"
    interface = "audio+text"
    takes = frozenset({"audio", "text"})

    def __init__(self, *, source: str, max_seconds: float = 30.0, template: str = "{}") -> None:
        super().__init__(source, {"max_seconds": max_seconds, "template": checked_template(template)})

    def _original(self) -> TorchTower:
        names = ("input_features", "is_longer")
        return TorchTower(feature_network(self._network, "get_audio_features", names), names)
