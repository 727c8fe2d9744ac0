"""One step of a training, in the precision that the device likes, and the watch over its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from goodsense.errors import GoodsenseError, UsageError
from goodsense.learning.checkpoints import Moving
from goodsense.learning.networks import moved, need_torch
from goodsense.learning.schedules import Schedule, optimiser_of, rates_of

if TYPE_CHECKING:
    import torch

Precision = Literal["float32", "bf16", "fp16"]
READ_EVERY = 32  # steps, on an accelerator: reading a number waits for all steps before it
LEAST_SCALE = 1.0  # of a loss in fp16; gradients that overflow even so are not finite


def chosen_precision(precision: Precision | None, device: torch.device) -> Precision:
    """The precision asked for; without a wish bf16 on a GPU that has it, else float32.

    Raises
    ------
    UsageError
        If there is no such precision.
    """
    if precision is None:
        cuda = need_torch("training").cuda
        return "bf16" if device.type == "cuda" and cuda.is_bf16_supported() else "float32"
    if precision not in get_args(Precision):
        raise UsageError(f"the precision is {precision!r}; expected one of {', '.join(get_args(Precision))}.")
    return precision


@dataclass(frozen=True, eq=False)
class Stepper:
    """Forward in mixed precision, backward with the loss scaled where need be, clipping, one step of the optimiser.

    Mixed precision and loss scaling follow Micikevicius & others (ICLR 2018): weights stay float32, and in fp16 a step
    whose gradients overflow is left out and the scale halved.
    """

    moving: Moving
    loss: Callable[[Any], torch.Tensor]
    precision: Precision
    device: torch.device
    clip: float

    @classmethod
    def of(
        cls,
        network: torch.nn.Module,
        loss: Callable[[Any], torch.Tensor],
        schedule: Schedule,
        *,
        steps: int,
        precision: Precision,
        device: torch.device,
    ) -> Stepper:
        """For ``steps`` steps in all. The network is on ``device`` already."""
        optimiser = optimiser_of(network, schedule)
        scaler = need_torch("training").amp.GradScaler(device.type, enabled=precision == "fp16")
        moving = Moving(network, optimiser, rates_of(optimiser, schedule, steps), scaler)
        return cls(moving, loss, precision, device, schedule.clip)

    def step(self, batch: Any, *, onwards: bool) -> Step:
        """Learn from one batch; ``onwards`` says whether the learning rate goes on, too."""
        torch, moving = need_torch("training"), self.moving
        with self._mixed():
            value = self.loss(batch if self.device.type == "cpu" else moved(batch, self.device))
        assert value.ndim == 0, f"a loss must be a scalar; found {tuple(value.shape)}"
        rate, scale = self.rate, moving.scaler.get_scale()
        moving.optimiser.zero_grad(set_to_none=True)
        moving.scaler.scale(value).backward()
        moving.scaler.unscale_(moving.optimiser)
        norm = torch.nn.utils.clip_grad_norm_(moving.network.parameters(), self.clip)
        moving.scaler.step(moving.optimiser)  # the optimiser's own step where nothing is scaled
        moving.scaler.update()
        left_out = moving.scaler.get_scale() < scale
        if onwards and not left_out:
            moving.rates.step()
        return Step(value.detach(), norm, rate, left_out and moving.scaler.get_scale() >= LEAST_SCALE)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.moving.optimiser.param_groups[0]["lr"])

    @property
    def read_every(self) -> int:
        """Steps after which their numbers are looked at."""
        return 1 if self.device.type == "cpu" or self.precision == "fp16" else READ_EVERY

    def _mixed(self) -> AbstractContextManager[Any]:
        if self.precision == "float32":
            return nullcontext()
        torch = need_torch("training")
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float16
        found: AbstractContextManager[Any] = torch.autocast(self.device.type, dtype=dtype)
        return found


@dataclass(frozen=True, eq=False)
class Step:
    """The loss and the length of the gradient, both scalars, and whether an overflow was dealt with already."""

    loss: torch.Tensor
    norm: torch.Tensor
    rate: float
    excused: bool


@dataclass(eq=False)
class Watch:
    """The losses of an epoch, looked at a few at a time; one that is not finite ends the training.

    Parameters
    ----------
    where
        The stage and the epoch, in words.
    steps
        Of the epoch, as far as is known.
    every
        Steps that are looked at together.
    before
        The last loss of the epoch before.
    """

    where: str
    steps: int
    every: int
    before: float = math.nan
    losses: list[float] = field(default_factory=list)
    _total: float = 0.0
    _waiting: list[Step] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """Of the losses so far."""
        return self._total / len(self.losses) if self.losses else math.nan

    def saw(self, step: Step) -> None:
        """Take note of a step.

        Raises
        ------
        GoodsenseError
            If the loss or the gradient of this step, or of one that waited to be read, is not finite.
        """
        self._waiting.append(step)
        if len(self._waiting) >= self.every:
            self.read()

    def read(self) -> None:
        """Look at all that waits."""
        if not self._waiting:
            return
        losses = _numbers([step.loss for step in self._waiting])
        norms = _numbers([step.norm for step in self._waiting])
        for step, loss, norm in zip(self._waiting, losses, norms, strict=True):
            if not math.isfinite(loss):
                raise self._lost("loss", loss, step.rate)
            if not math.isfinite(norm) and not step.excused:
                raise self._lost("gradient", norm, step.rate)
            self.losses.append(loss)
            self._total += loss
        self._waiting.clear()

    def _lost(self, what: str, value: float, rate: float) -> GoodsenseError:
        last = self.losses[-1] if self.losses else self.before
        known = f"the last finite loss was {last:.6g}" if math.isfinite(last) else "no loss before was finite"
        inputs = "Look for values that are NaN, infinite or huge in what is learned from"
        if math.isfinite(last):
            fix = f"Lower the learning rate (to {rate / 10:.2g}, say). {inputs}, too"
        else:
            fix = f"{inputs}; if there are none, lower the learning rate"
        return GoodsenseError(
            f"{self.where}, step {len(self.losses) + 1} of {self.steps}, learning rate {rate:.3g}: "
            f"the {what} is {value}; {known}.",
            fix=f"{fix}; with mixed precision, try float32.",
        )


def _numbers(scalars: list[torch.Tensor]) -> list[float]:
    """Read one by one where that is quick, at once where each reading would wait for the device."""
    if len(scalars) == 1 or scalars[0].device.type == "cpu":
        return [float(scalar) for scalar in scalars]
    found: list[float] = need_torch("training").stack(scalars).tolist()
    return found
