"""Augmentation of whole batches of pictures for the ``cnn`` encoder: geometry, colours, erasing and mixing.

The steps for one picture at a time are in :mod:`goodsense.media`; here one grid moves a whole batch, because a network
sees every picture dozens of times. All numbers come from the generator that is given, so a seed repeats them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.learning.networks import need_torch

if TYPE_CHECKING:
    import torch

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class Strength:
    """How far a batch may be changed.

    Parameters
    ----------
    least_area
        The smallest share of the picture that a crop keeps.
    aspect
        The crop's sides change by at most this factor.
    turn
        Degrees to either side.
    light, colour
        By how much brightness and contrast, and saturation and the balance of the channels, change at most.
    erase, mix
        The chance that a rectangle is erased, and that a batch is mixed: by mixup (Zhang et al., ICLR 2018) or CutMix
        (Yun et al., ICCV 2019), each half the time.
    flip
        Whether pictures may be seen in a mirror.
    """

    least_area: float
    aspect: float
    turn: float
    light: float
    colour: float
    erase: float
    mix: float
    flip: bool = True


STRENGTHS: Mapping[str, Strength] = {
    "mild": Strength(0.70, 1.15, 6, 0.15, 0.10, 0.25, 0.5),  # a shop's own pictures: centred, upright, well lit
    "strong": Strength(0.30, 1.33, 20, 0.40, 0.30, 0.25, 0.7),  # photos of shoppers
}


def augmented(pictures: NDArray[np.uint8], strength: Strength, rng: np.random.Generator, *, side: int) -> torch.Tensor:
    """Changed copies of a batch: ``(n, h, w, 3)`` uint8 to ``(n, 3, side, side)`` float32 from 0 to 1."""
    torch = need_torch("the image encoder 'cnn'")
    batch = to_batch(pictures)
    grid = torch.nn.functional.affine_grid(
        torch.from_numpy(_geometry(len(batch), strength, rng)), [len(batch), 3, side, side], align_corners=False
    )
    moved = torch.nn.functional.grid_sample(batch, grid, padding_mode="reflection", align_corners=False)
    moved = _recoloured(moved, strength, rng).clamp_(0, 1)
    return _erased(moved, strength, rng).contiguous(memory_format=torch.channels_last)


def to_batch(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """``(n, h, w, 3)`` uint8 to ``(n, 3, h, w)`` float32 from 0 to 1, channels last in memory."""
    torch = need_torch("the image encoder 'cnn'")
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)


def _geometry(count: int, strength: Strength, rng: np.random.Generator) -> NDArray[np.float32]:
    """Where each pixel of the result comes from: affine matrices ``(n, 2, 3)`` in coordinates from -1 to 1."""
    area = rng.uniform(strength.least_area, 1.0, count)
    aspect = np.exp(rng.uniform(-1, 1, count) * np.log(strength.aspect) / 2)
    wide, high = np.minimum(np.sqrt(area) * aspect, 1), np.minimum(np.sqrt(area) / aspect, 1)
    angle = np.deg2rad(rng.uniform(-strength.turn, strength.turn, count))
    mirror = np.where(rng.random(count) < 0.5, -1.0, 1.0) if strength.flip else np.ones(count)
    right, down = rng.uniform(-1, 1, count) * (1 - wide), rng.uniform(-1, 1, count) * (1 - high)
    matrix = np.empty((count, 2, 3), dtype=np.float32)
    matrix[:, 0] = np.stack([mirror * wide * np.cos(angle), -high * np.sin(angle), right], axis=1)
    matrix[:, 1] = np.stack([mirror * wide * np.sin(angle), high * np.cos(angle), down], axis=1)
    return matrix


def _recoloured(batch: torch.Tensor, strength: Strength, rng: np.random.Generator) -> torch.Tensor:
    """Brightness, contrast, saturation and the balance of the channels."""
    torch = need_torch("the image encoder 'cnn'")

    def around(one: float, spread: float, *shape: int) -> Any:
        return torch.from_numpy(rng.uniform(one - spread, one + spread, shape).astype(np.float32))

    count = len(batch)
    grey = (batch * torch.tensor(GREY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    middle = grey.mean(dim=(2, 3), keepdim=True)
    found = grey + (batch - grey) * around(1, strength.colour, count, 1, 1, 1)
    found = found * around(1, strength.colour / 3, count, 3, 1, 1)
    found = middle + (found - middle) * around(1, strength.light, count, 1, 1, 1)
    return found * around(1, strength.light, count, 1, 1, 1)


def _erased(batch: torch.Tensor, strength: Strength, rng: np.random.Generator) -> torch.Tensor:
    """A rectangle of noise over some pictures (Zhong et al., AAAI 2020)."""
    torch = need_torch("the image encoder 'cnn'")
    for row in np.flatnonzero(rng.random(len(batch)) < strength.erase).tolist():
        top, left, height, width = _rectangle(batch.shape[2], rng, rng.uniform(0.05, 0.25))
        noise = rng.random((3, height, width)).astype(np.float32)
        batch[row, :, top : top + height, left : left + width] = torch.from_numpy(noise)
    return batch


def mixed(
    batch: torch.Tensor, strength: Strength, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures mixed by pairs, or left alone: the batch, each one's own share ``(n,)``, and its partner ``(n,)``."""
    torch = need_torch("the image encoder 'cnn'")
    count = len(batch)
    if count < 2 or rng.random() >= strength.mix:
        return batch, torch.ones(count), torch.arange(count)
    partner = torch.from_numpy(rng.permutation(count))
    if rng.random() < 0.5:
        share = float(rng.beta(0.4, 0.4))
        return batch * share + batch[partner] * (1 - share), torch.full((count,), share), partner
    top, left, height, width = _rectangle(batch.shape[2], rng, 1 - float(rng.beta(1.0, 1.0)))
    window = (slice(None), slice(None), slice(top, top + height), slice(left, left + width))
    found = batch.clone()
    found[window] = batch[partner][window]
    share = 1 - height * width / batch.shape[2] ** 2
    return found, torch.full((count,), share), partner


def _rectangle(side: int, rng: np.random.Generator, area: float) -> tuple[int, int, int, int]:
    """Top, left, height and width of a rectangle with about this share of the area, not too long."""
    aspect = np.exp(rng.uniform(-0.5, 0.5))
    height = int(np.clip(round(side * np.sqrt(area) * aspect), 1, side))
    width = int(np.clip(round(side * np.sqrt(area) / aspect), 1, side))
    return int(rng.integers(0, side - height + 1)), int(rng.integers(0, side - width + 1)), height, width
