"""The loop that trains every network: seeded, watched, resumable, stopped when nothing gets better.

Training is reproducible on one machine: a seed decides initial weights, order and augmentation. torch is imported on
use.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from goodsense.errors import GoodsenseError
from goodsense.learning.checkpoints import Checkpoint, Course, Moving
from goodsense.learning.history import History, Stopped, best_epoch, loss_fell
from goodsense.learning.networks import checked_device, need_torch, seeded
from goodsense.learning.schedules import Schedule
from goodsense.learning.stepping import Precision, Stepper, Watch, chosen_precision
from goodsense.progress import Progress, silent

if TYPE_CHECKING:
    import torch

__all__ = ["Precision", "Schedule", "train"]


def train(
    network: torch.nn.Module,
    batches: Callable[[int, np.random.Generator], Iterable[Any]],
    loss: Callable[[Any], torch.Tensor],
    schedule: Schedule,
    *,
    steps: int,
    seed: int,
    validate: Callable[[], float] | None = None,
    precision: Precision | None = None,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
    stage: str = "train",
) -> History:
    """Train in place; returns how it went. Leaves the network on ``device``, in evaluation mode.

    Every epoch depends on its number, the seed and the network alone, so that a training can go on from a checkpoint
    (:func:`goodsense.learning.checkpoints.kept_in`): ``batches`` and ``loss`` keep nothing from one epoch to the next.

    Parameters
    ----------
    network
        Its parameters learn.
    batches
        Gives the batches of an epoch: called with its number and a generator that is the same for the same seed. Their
        tensors, also those in tuples, lists and mappings, go to ``device``.
    loss
        A batch to a scalar; called in training mode.
    schedule
        How long and how fast, and how patient.
    steps
        Batches per epoch.
    validate
        Says how good the network is now, higher is better; called before the first epoch and after each, in evaluation
        mode, in float32 and without gradients. The network ends with the weights of the best epoch: those it came with
        if every epoch was worse.
    precision
        Of the forward pass; without a wish float32 on the CPU, bf16 on a GPU. In fp16 the loss is scaled.
    device
        Where to train.

    Raises
    ------
    GoodsenseError
        If the loss, the gradient or the validation figure is not finite: says where, and what to do.
    UsageError
        If there is no such device or precision.
    """
    place = checked_device(device)
    network.to(place)
    chosen = chosen_precision(precision, place)
    stepper = Stepper.of(network, loss, schedule, steps=steps * schedule.epochs, precision=chosen, device=place)
    facts = {"schedule": schedule, "steps": steps, "seed": seed, "stage": stage, "validated": validate is not None}
    checkpoint = Checkpoint.of(network, **facts, precision=chosen, device=place.type)
    course = checkpoint.restore(stepper.moving) if checkpoint is not None else Course()
    if validate is not None and not course.validation:
        _validate(validate, stepper.moving, course, seed, stage)
    network.train()
    while (stopped := _stopped(course, schedule)) is None:
        started = time.perf_counter()
        _epoch(stepper, batches, schedule, course, steps=steps, seed=seed, progress=progress, stage=stage)
        if validate is not None:
            _validate(validate, stepper.moving, course, seed, stage)
        course.seconds.append(time.perf_counter() - started)
        if checkpoint is not None:
            checkpoint.keep(stepper.moving, course, last=_stopped(course, schedule) is not None)
    if stepper.moving.best:
        network.load_state_dict(stepper.moving.best)
    network.eval()
    history = _history(course, stopped)
    if total := schedule.epochs * steps:
        progress(stage, total, total, note=history.note)
    return history


def _epoch(
    stepper: Stepper,
    batches: Callable[[int, np.random.Generator], Iterable[Any]],
    schedule: Schedule,
    course: Course,
    *,
    steps: int,
    seed: int,
    progress: Progress,
    stage: str,
) -> None:
    """One more epoch; its losses and its last learning rate are added to the course."""
    epoch, total, rate = len(course.losses), schedule.epochs * steps, stepper.rate
    where = f"{stage}: epoch {epoch + 1} of {schedule.epochs}"
    watch = Watch(where, steps, stepper.read_every, course.last[-1] if course.last else math.nan)
    rng = np.random.default_rng([seed, epoch])
    with seeded(_drawn(seed, epoch)):
        for number, batch in enumerate(batches(epoch, rng)):
            step = stepper.step(batch, onwards=number < steps)
            watch.saw(step)
            rate = step.rate
            done = epoch * steps + min(number + 1, steps)
            if done < total:  # the end is told when the training has ended
                progress(stage, done, total, note=_note(watch.mean, course))
    watch.read()
    course.losses.append(float(np.mean(watch.losses)) if watch.losses else math.nan)
    course.rates.append(rate)
    course.last = watch.losses
    if epoch == 0:
        course.first = watch.losses


def _validate(validate: Callable[[], float], moving: Moving, course: Course, seed: int, stage: str) -> None:
    """One more validation figure, and the weights if it is the best."""
    moving.network.eval()
    with seeded(_drawn(seed, len(course.losses), 1)), need_torch("training").no_grad():
        figure = float(validate())
    moving.network.train()
    if not math.isfinite(figure):
        raise GoodsenseError(
            f"{stage}: the validation figure after {len(course.losses)} epochs is {figure}; expected a finite number.",
            fix="Give the validation at least one row to judge, and vectors without NaN.",
        )
    course.validation.append(figure)
    if best_epoch(course.validation) == len(course.losses):
        moving.best.update({name: value.detach().cpu().clone() for name, value in moving.network.state_dict().items()})


def _stopped(course: Course, schedule: Schedule) -> Stopped | None:
    """Why the training is over; None while it is not."""
    done = len(course.losses)
    if done >= schedule.epochs:
        return "epochs"
    if schedule.patience is not None and done and course.validation:
        best = 1 + int(np.argmax(course.validation[1:]))  # what the network came with does not try patience
        return "patience" if done - best >= schedule.patience else None
    return None


def _history(course: Course, stopped: Stopped) -> History:
    best = best_epoch(course.validation) if course.validation else len(course.losses)
    better = bool(course.validation) and course.validation[best] > course.validation[0]
    return History(
        losses=tuple(course.losses),
        rates=tuple(course.rates),
        validation=tuple(course.validation[1:]),
        untrained=course.validation[0] if course.validation else None,
        best_epoch=best,
        stopped=stopped,
        learned=best > 0 and (better or loss_fell(course.first, course.last, epochs=len(course.losses))),
        epoch_seconds=tuple(course.seconds),
    )


def _note(loss: float, course: Course) -> str:
    found = [f"loss {loss if math.isfinite(loss) else course.losses[-1]:.4g}"] if course.losses or loss == loss else []
    return ", ".join(found + [f"validation {figure:.4g}" for figure in course.validation[-1:]])


def _drawn(*numbers: int) -> int:
    """A seed for torch that follows from several numbers."""
    return int(np.random.SeedSequence(list(numbers)).generate_state(1)[0])
