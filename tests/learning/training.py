"""A little training that tests of the trainer, of checkpoints and of histories share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from goodsense.learning.history import History
from goodsense.learning.networks import seeded, weights_of
from goodsense.learning.trainer import Schedule, train

ROWS = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
TRUTH = (ROWS @ np.arange(1, 7, dtype=np.float32) > 0).astype(np.int64)
SCHEDULE = Schedule(epochs=7, batch=10, rate=0.02, decay=0.01)


class Killed(Exception):
    """Stands for the end of the process."""


def made() -> Any:
    with seeded(3):
        nn = torch.nn
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))


def trained(
    network: Any,
    *,
    epochs: int = 99,
    seed: int = 0,
    schedule: Schedule = SCHEDULE,
    dies_at: int | None = None,
    altered: Callable[[Any], Any] = lambda value: value,
    **options: Any,
) -> History:
    """Trains, and is killed at the beginning of epoch ``epochs``, or at the step ``dies_at`` of this process."""
    seen = 0

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Any]:
        if epoch == epochs:
            raise Killed
        order = rng.permutation(len(ROWS))
        return (torch.from_numpy(order[start : start + 10]) for start in range(0, len(ROWS), 10))

    def loss(rows: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == dies_at:
            raise Killed
        logits = network(torch.from_numpy(ROWS)[rows])
        return altered(torch.nn.functional.cross_entropy(logits, torch.from_numpy(TRUTH)[rows]))

    return train(network, batches, loss, schedule, steps=4, seed=seed, **options)


def accuracy(network: Any) -> Callable[[], float]:
    """A validation figure."""
    return lambda: float((network(torch.from_numpy(ROWS)).argmax(1).numpy() == TRUTH).mean())


def same(one: Any, other: Any) -> bool:
    left, right = weights_of(one), weights_of(other)
    return all(left[name].tobytes() == right[name].tobytes() for name in left)
