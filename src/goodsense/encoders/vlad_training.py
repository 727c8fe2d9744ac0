"""Training the centres of NetVLAD on a shop's own clips. torch is imported on use."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.cnn_network import contrast
from goodsense.encoders.frame_pooling import Vlad
from goodsense.learning import networks
from goodsense.learning.trainer import Schedule, train
from goodsense.progress import Progress, silent
from goodsense.types import Vectors

NEEDED_FOR = "trained centres of the video encoder 'frames'"
EPOCHS, BATCH, RATE = 20, 32, 1e-2


def train_vlad(
    vlad: Vlad,
    clips: Sequence[Vectors],
    groups: NDArray[np.int64],
    *,
    seed: int,
    epochs: int = EPOCHS,
    progress: Progress = silent,
) -> Vlad:
    """Weights, biases and centres by which two halves of a clip, and clips of one product, come to lie together.

    The three learn apart from each other, as in the paper (Arandjelovic & others, 2016, equation 4); the loss is the
    supervised contrast between pooled halves rather than the paper's triplets, which need places on a map.

    Parameters
    ----------
    vlad
        Where to begin.
    clips
        The frames or cells ``(t, d)`` of each clip.
    groups
        The product of each clip ``(n,)``.
    """
    torch = networks.need_torch(NEEDED_FOR)
    module = torch.nn.Module()
    for name, value in vars(vlad).items():
        module.register_parameter(name, torch.nn.Parameter(torch.from_numpy(value.copy())))
    size = max(1, min(len(clip) for clip in clips) // 2)

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Any]:
        del epoch
        for rows in np.array_split(rng.permutation(len(clips)), steps):
            views = [half for row in rows for half in _halves(clips[row], size, rng)]
            yield torch.from_numpy(np.stack(views)), torch.from_numpy(np.repeat(groups[rows], 2))

    def loss(batch: Any) -> Any:
        views, products = batch
        return contrast(_pooled(torch, module, views), products)

    steps = math.ceil(len(clips) / BATCH)
    schedule = Schedule(epochs, BATCH, RATE)
    with networks.seeded(seed):
        train(module, batches, loss, schedule, steps=steps, seed=seed, progress=progress, stage="train vlad")
    found = networks.weights_of(module)
    return Vlad(found["weights"], found["biases"], found["centres"])


def _halves(rows: Vectors, size: int, rng: np.random.Generator) -> tuple[Vectors, Vectors]:
    """Two parts of a clip without a row in common, unless it has one only: ``(size, d)`` each."""
    order = rng.permutation(len(rows))
    return rows[order[:size]], rows[order[-size:]]


def _pooled(torch: Any, module: Any, views: Any) -> Any:
    """As :meth:`Vlad.pool`, of many at once: ``(n, t, d)`` to ``(n, k * d)``."""
    shares = torch.softmax(views @ module.weights.T + module.biases, dim=2)  # (n, t, k)
    left = shares.transpose(1, 2) @ views - shares.sum(dim=1)[..., None] * module.centres  # (n, k, d)
    return torch.nn.functional.normalize(left, dim=2).flatten(1)
