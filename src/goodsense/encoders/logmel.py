"""Log-mel pictures of a fixed geometry, which the ``logmel-cnn`` encoder looks at, and what training does to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.sound_options import one_channel
from goodsense.learning.networks import need_torch
from goodsense.media.augment_sound import MaskSpectrum
from goodsense.media.sound_spectra import decibels, framed, from_mel, mel_bank, power_spectra, to_mel
from goodsense.types import Sound

if TYPE_CHECKING:
    import torch

LOWEST = 50.0  # hertz
SILENT = -80.0  # decibels of full scale: the loudest band of a silence lies below
SHORTEST_WINDOW = 0.025  # seconds
MOST_CROPS = 4  # of a sound longer than the picture

Pictures = NDArray[np.float16]  # (crops, bands, frames) from 0 (silent) to 1 (the loudest point)


@dataclass(frozen=True)
class LogMel:
    """A sound as pictures ``(crops, bands, frames)`` of ``seconds`` each.

    A shorter sound stands in the middle of one picture, with silence around it; a longer one gives up to four,
    spread evenly from its beginning to its end. What lies ``depth`` decibels under the loudest point is silent, and
    silence gives one picture of zeros.
    """

    rate: int
    seconds: float
    bands: int
    frames: int
    depth: float = 80.0

    def __call__(self, sound: Sound) -> Pictures:
        samples = one_channel(sound, self.rate)
        hop = max(1, round(self.seconds * self.rate / self.frames))
        length = 2 * max(hop, round(SHORTEST_WINDOW * self.rate / 2))
        power = power_spectra(framed(np.pad(samples, length // 2), length, hop))
        mel = decibels(power @ mel_bank(self.rate, length, self.bands, low=LOWEST)).T  # (bands, t)
        if mel.max() < SILENT:
            return np.zeros((1, self.bands, self.frames), np.float16)
        scaled = np.maximum((mel - mel.max()) / np.float32(self.depth) + 1, 0)
        return self._cut(scaled).astype(np.float16)

    def _cut(self, whole: NDArray[np.float32]) -> NDArray[np.float32]:
        spare = whole.shape[1] - self.frames
        if spare <= 0:
            return np.pad(whole, ((0, 0), (-spare // 2, -spare - -spare // 2)))[None]
        crops = min(MOST_CROPS, math.ceil(whole.shape[1] / self.frames - 0.1))  # a tenth may be left out
        starts = np.round(np.linspace(0, spare, crops) if crops > 1 else [spare / 2]).astype(int)
        return np.stack([whole[:, start : start + self.frames] for start in starts])


@dataclass(frozen=True)
class Perturbation:
    """How far training changes a picture.

    Parameters
    ----------
    speed
        Time runs faster or slower by at most this share.
    tract
        Frequencies are raised or lowered by at most this share, as by a shorter or longer vocal tract (Jaitly and
        Hinton, VTLP, ICML workshop 2013) or a smaller or larger body.
    shift
        Moved in time by at most this share of the picture.
    wrap
        Whether what leaves at one end comes back at the other.
    level
        Softened by at most this share of the range: what was just heard vanishes.
    tilt
        Treble against bass, and the middle against both, louder or softer by at most this share of the range: another
        microphone, another room.
    masks
        SpecAugment.
    mix
        Chance that a batch is mixed (mixup: Zhang et al., ICLR 2018).
    """

    speed: float
    tract: float
    shift: float
    wrap: bool
    level: float
    tilt: float
    masks: MaskSpectrum
    mix: float


PERTURBATIONS: Mapping[str, Perturbation] = {
    "sounds": Perturbation(0.2, 0.1, 0.5, True, 0.1, 0.05, MaskSpectrum(0.15, 0.2, 2, 0.0), 0.6),
    "voices": Perturbation(0.4, 0.22, 0.1, False, 0.1, 0.02, MaskSpectrum(0.15, 0.15, 1, 0.0), 0.3),
}


def perturbed(pictures: NDArray[np.float16], how: Perturbation, rng: np.random.Generator, *, rate: int) -> torch.Tensor:
    """Changed copies of a batch: ``(n, bands, frames)`` to ``(n, 1, bands, frames)`` float32."""
    torch = need_torch("the audio encoder 'logmel-cnn'")
    count, bands, frames = pictures.shape
    values = pictures.astype(np.float32)
    if how.wrap:
        by = rng.integers(0, max(1, round(2 * how.shift * frames)), count)
        values = np.stack([np.roll(row, step, axis=1) for row, step in zip(values, by.tolist(), strict=True)])
    grid = torch.from_numpy(_grid(count, bands, frames, how, rng, rate))
    moved = torch.nn.functional.grid_sample(torch.from_numpy(values)[:, None], grid, align_corners=True)
    heights = np.linspace(-1, 1, bands)
    curves = rng.uniform(-1, 1, (count, 1)) * heights + rng.uniform(-1, 1, (count, 1)) * np.cos(np.pi * heights)
    softer = rng.uniform(0, how.level, (count, 1)) + how.tilt * curves  # (n, bands)
    less = torch.from_numpy(softer.astype(np.float32)[:, None, :, None])
    found = torch.where(moved > 0, moved - less, moved).clamp_(min=0).numpy()
    return torch.from_numpy(np.stack([how.masks(row, rng) for row in found]))


def _grid(
    count: int, bands: int, frames: int, how: Perturbation, rng: np.random.Generator, rate: int
) -> NDArray[np.float32]:
    """Where every point of the result comes from, -1 to 1: ``(n, bands, frames, 2)``, times first."""
    speed = np.exp(rng.uniform(-1, 1, count) * math.log1p(how.speed))
    shift = np.zeros(count) if how.wrap else rng.uniform(-2, 2, count) * how.shift
    times = np.linspace(-1, 1, frames) * speed[:, None] + shift[:, None]  # (n, frames)
    factors = np.exp(rng.uniform(-1, 1, count) * math.log1p(how.tract))
    found = np.empty((count, bands, frames, 2), np.float32)
    found[..., 0] = times[:, None, :]
    found[..., 1] = _heights(factors, bands, rate)[:, :, None]
    return found


def _heights(factors: NDArray[np.float64], bands: int, rate: int) -> NDArray[np.float32]:
    """Where the bands lie once frequencies are multiplied by ``factors`` ``(n,)``: -1 to 1, ``(n, bands)``."""
    low, high = to_mel(np.array([LOWEST, 0.49 * rate]))
    hertz = from_mel(np.linspace(low, high, bands + 2)[1:-1])
    centres = (to_mel(hertz * factors[:, None]) - low) / (high - low) * (bands + 1) - 1  # in bands
    found: NDArray[np.float32] = np.clip(centres / max(1, bands - 1) * 2 - 1, -1, 1).astype(np.float32)
    return found


def mixed(
    batch: torch.Tensor, how: Perturbation, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures mixed by pairs, or left alone: the batch, each one's own share ``(n,)``, and its partner ``(n,)``."""
    torch = need_torch("the audio encoder 'logmel-cnn'")
    count = len(batch)
    if count < 2 or rng.random() >= how.mix:
        return batch, torch.ones(count), torch.arange(count)
    partner = torch.from_numpy(rng.permutation(count))
    share = torch.from_numpy(rng.beta(0.4, 0.4, count).astype(np.float32))
    weights = share[:, None, None, None]
    return batch * weights + batch[partner] * (1 - weights), share, partner


def sound_network(width: int, sizes: Mapping[str, int], *, sketch: int = 128) -> torch.nn.Module:
    """A small residual network on log-mel pictures: ``(n, 1, bands, frames)`` to features ``(n, 8 * width)``.

    It sees every point, the point against its band's mean over time (which takes the microphone out) in units of the
    sound's own spread, and how high the band is. Features are means over the bands, then the mean and the maximum over
    time, added (Kong et al., PANNs, IEEE/ACM TASLP 2020). Padding counts for nothing. ``heads`` tell the classes of
    each field apart, ``sketch`` is what the contrast compares.
    """
    torch = need_torch("the audio encoder 'logmel-cnn'")
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(before, after, 3, 2, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
                nn.Conv2d(after, after, 3, 1, 1, bias=False),
                nn.BatchNorm2d(after),
            )
            pool = nn.AvgPool2d(2, ceil_mode=True)
            self.way_round = nn.Sequential(pool, nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))

        def forward(self, x: Any) -> Any:
            return torch.relu(self.body(x) + self.way_round(x))

    class Network(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.trunk = nn.Sequential(
                nn.Conv2d(3, width, 5, (2, 1), 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                *[Block(width * 2**stage, width * 2 ** (stage + 1)) for stage in range(3)],
            )
            self.dropout = nn.Dropout(0.3)
            self.heads = nn.ModuleList([nn.Linear(8 * width, sizes[name]) for name in sorted(sizes)])
            self.sketch = nn.Sequential(nn.Linear(8 * width, 8 * width), nn.ReLU(), nn.Linear(8 * width, sketch))

        def forward(self, x: Any) -> Any:
            height = torch.linspace(-1, 1, x.shape[2]).view(1, 1, -1, 1).expand_as(x)
            heard = (x.amax(dim=2, keepdim=True) > 0).float()  # (n, 1, 1, frames): 0 where the picture was padded
            count = heard.sum(dim=3, keepdim=True).clamp_min(1)
            change = (x - (x * heard).sum(dim=3, keepdim=True) / count) * heard
            spread = (change.square().sum(dim=(2, 3), keepdim=True) / (count * x.shape[2])).sqrt()
            seen = torch.cat([2 * x - 1, change / (spread + 0.02), height], dim=1)
            rows = self.trunk(seen.contiguous(memory_format=torch.channels_last)).mean(dim=2)  # (n, d, frames')
            weight = nn.functional.adaptive_avg_pool1d(heard[:, 0], rows.shape[2]) + 1e-3  # (n, 1, frames')
            return (rows * weight).sum(dim=2) / weight.sum(dim=2) + rows.amax(dim=2)

    return Network().to(memory_format=torch.channels_last)
