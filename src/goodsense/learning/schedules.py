"""How long and how fast a network learns. torch is imported on use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from goodsense.errors import UsageError
from goodsense.learning.networks import need_torch

if TYPE_CHECKING:
    import torch

Shape = Literal["one-cycle", "cosine"]


@dataclass(frozen=True)
class Schedule:
    """AdamW (Loshchilov & Hutter, ICLR 2019) with a learning rate that rises first and falls then.

    Parameters
    ----------
    epochs, batch
        How long; rows of a batch, for those who make the batches.
    rate, decay
        The highest learning rate, and the weight decay.
    warm_up
        Share of the steps in which the rate rises.
    shape
        ``one-cycle``: one cycle of rate and momentum (Smith & Topin, 2018). ``cosine``: a linear rise, then half a
        cosine down to nearly 0 (Loshchilov & Hutter, ICLR 2017, without restarts).
    clip
        The longest gradient; a longer one is shortened to it. ``math.inf`` never shortens.
    patience
        End after so many epochs in which the validation figure was no better than before; None: after all epochs.
    """

    epochs: int
    batch: int
    rate: float
    decay: float = 1e-4
    warm_up: float = 0.25
    shape: Shape = "one-cycle"
    clip: float = 5.0
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.shape not in get_args(Shape):
            raise UsageError(f"the schedule's shape is {self.shape!r}; expected {' or '.join(get_args(Shape))}.")
        if self.patience is not None and self.patience < 1:
            raise UsageError(f"patience is {self.patience}; expected at least 1 epoch, or None for all epochs.")


def optimiser_of(network: torch.nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW over the network's parameters."""
    adam = need_torch("training").optim.AdamW
    found: torch.optim.Optimizer = adam(network.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    return found


def rates_of(optimiser: torch.optim.Optimizer, schedule: Schedule, steps: int) -> Any:
    """torch's scheduler of the learning rate over ``steps`` steps in all."""
    schedulers = need_torch("training").optim.lr_scheduler
    if schedule.shape == "cosine":
        return schedulers.LambdaLR(optimiser, lambda step: cosine(step, steps, schedule.warm_up))
    total = max(1, steps) + 1
    rising = min(max(schedule.warm_up, 1.5 / total), 1 - 0.5 / total)  # neither phase may be empty
    return schedulers.OneCycleLR(optimiser, max_lr=schedule.rate, total_steps=total, pct_start=rising)


def cosine(step: int, steps: int, warm_up: float) -> float:
    """Share of the highest rate at ``step`` of ``steps``, counted from 0: never 0 while there are steps to do."""
    rising = min(round(warm_up * steps), steps - 1)
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / max(1, steps - rising)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
