"""Sounds as pretrained models want them: one channel at the model's rate, cut into windows that it can read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.loading import PROCESSORS, ModelFolder, need_transformers, quiet
from goodsense.encoders.hub.towers import Inputs
from goodsense.errors import DataError
from goodsense.types import Sound

SILENT = 16  # of 32,767: no sample of a silent sound is louder
LEAST_SECONDS = 0.25  # what is shorter is filled up with silence
_EXTRACTORS = {
    "audio-spectrogram-transformer": "ASTFeatureExtractor",
    "whisper": "WhisperFeatureExtractor",
    "clap": "ClapFeatureExtractor",
}


@dataclass(frozen=True)
class SoundSteps:
    """A sound to one channel of ``(n,)`` int16 at ``rate``, its first ``max_seconds``; silence becomes ``(0,)``."""

    rate: int
    max_seconds: float

    def __call__(self, sound: Sound) -> NDArray[np.int16]:
        samples = np.asarray(sound.samples, dtype=np.float32)
        if samples.ndim != 2 or sound.rate < 1:
            raise DataError(f"a sound is {samples.shape} at {sound.rate}; expected (n, channels) and a rate from 1.")
        mono = samples[: math.ceil(self.max_seconds * sound.rate)].mean(axis=1, keepdims=True)
        if mono.size and sound.rate != self.rate:
            from goodsense.media.audio import resample

            mono = resample(mono, sound.rate, self.rate)
        whole: NDArray[np.int16] = np.clip(np.rint(mono[:, 0] * 32_767), -32_768, 32_767).astype(np.int16)
        if not whole.size or int(np.abs(whole.astype(np.int32)).max()) <= SILENT:
            return np.zeros(0, dtype=np.int16)
        return whole


@dataclass(frozen=True, eq=False)
class Features:
    """Windows of sound to what a family of networks reads.

    Parameters
    ----------
    kind
        ``model_type``.
    rate
        Samples per second.
    window
        Seconds that the network reads at once.
    extractor
        The family's own feature extractor; None for networks that read the samples themselves.
    unit
        Networks that read samples: whether each window is brought to mean 0 and deviation 1.
    """

    kind: str
    rate: int
    window: float
    extractor: Any = None
    unit: bool = True

    def windows(self, samples: NDArray[np.int16]) -> list[NDArray[np.float32]]:
        """Windows of equal length, one after the other, together as good as the whole sound."""
        wave = samples.astype(np.float32) / np.float32(32_768)
        least = math.ceil(LEAST_SECONDS * self.rate)
        if len(wave) < least:
            wave = np.concatenate([wave, np.zeros(least - len(wave), dtype=np.float32)])
        count = math.ceil(len(wave) / (self.window * self.rate))
        length = len(wave) // count
        return [wave[i * length : (i + 1) * length] for i in range(count)]

    def inputs(self, windows: Sequence[NDArray[np.float32]]) -> Inputs:
        """Windows of one length as arrays with one row each."""
        if self.extractor is None:
            waves = np.stack(windows)
            if self.unit:
                spread = np.sqrt(waves.var(axis=1, keepdims=True) + 1e-7)
                waves = ((waves - waves.mean(axis=1, keepdims=True)) / spread).astype(np.float32)
            return {"input_values": waves}
        with quiet():
            found = self.extractor(list(windows), sampling_rate=self.rate, return_tensors="np")
        if self.kind == "clap":
            # The extractor draws lots for which window counts as a long one; none does.
            longer = np.zeros((len(windows), 1), dtype=np.bool_)
            return {"input_features": _float(found["input_features"]), "is_longer": longer}
        if self.kind == "whisper":
            frames = min(math.ceil(len(windows[0]) / self.rate * 50), 1_500)  # 50 states per second
            return {
                "input_features": _float(found["input_features"]),
                "frames": np.full((len(windows), 1), frames, dtype=np.int64),
            }
        return {"input_values": _float(found["input_values"])}


def read_features(folder: ModelFolder) -> Features:
    """What a model's folder says about sounds.

    Raises
    ------
    DataError
        If it says nothing of use.
    """
    settings: Mapping[str, Any] = folder.settings(*PROCESSORS)
    if isinstance(settings.get("feature_extractor"), Mapping):  # newer files hold several processors
        settings = settings["feature_extractor"]
    rate = settings.get("sampling_rate")
    if not isinstance(rate, int) or rate < 1:
        raise DataError(
            f"{folder.path / PROCESSORS[0]} does not say how sounds are prepared: its sampling_rate is {rate!r}.",
            fix="Copy the file from the model's repository.",
        )
    kind = folder.model_type
    window = folder.family.window
    if kind not in _EXTRACTORS:
        return Features(kind, rate, window, unit=bool(settings.get("do_normalize", True)))
    transformers = need_transformers(f"sounds for {folder.name!r}")
    with quiet():
        extractor = getattr(transformers, _EXTRACTORS[kind])(
            **{
                name: value
                for name, value in settings.items()
                if not name.endswith("_type") and name != "_processor_class"
            }
        )
    window = float(settings.get("max_length_s") or settings.get("chunk_length") or window)
    return Features(kind, rate, window, extractor)


def _float(values: Any) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.asarray(values, dtype=np.float32)
    return found
