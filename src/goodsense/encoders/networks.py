"""What the small networks that learn from a shop's own data have in common: seeds, targets, the training loop, and
weights as plain arrays. torch is imported on use.

Training is reproducible on one machine: a seed decides initial weights, order and augmentation.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.checkpoints import Checkpoint
from goodsense.errors import missing_extra
from goodsense.progress import Progress, silent
from goodsense.types import Labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

EXTRA = "torch"
LEAST_PER_CLASS = 2  # values that a class needs to be learned
MOST_CLASSES = 2_000  # of one field; one with more is no label but a name


def need_torch(needed_for: str) -> Any:
    """The module torch.

    Raises
    ------
    DependencyError
        If it is not installed; names the extra.
    """
    try:
        import torch
    except ImportError as error:
        raise missing_extra("torch", EXTRA, needed_for=needed_for) from error
    return torch


_SEEDED = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers of torch follow from ``seed`` inside, and go on outside as if nothing had happened.

    They belong to the whole process, so trainings in several threads wait for one another.
    """
    torch = need_torch("training")
    with _SEEDED, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


# ---- targets


@dataclass(frozen=True, eq=False)
class Targets:
    """Labels as class numbers: ``codes[field]`` ``(n,)`` int64, -1 where a value has none; ``sizes[field]`` classes."""

    codes: Mapping[str, NDArray[np.int64]]
    sizes: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.codes)

    @classmethod
    def of(cls, labels: Sequence[Labels], *, fields: Sequence[str] | None = None) -> Targets:
        """The fields worth learning: at least two classes with at least two values each; ``id`` is never one.

        With ``fields``, these alone. A field in which nearly every value is a class of its own is a name, no label.
        """
        names = sorted({name for label in labels for name in label if name != "id"})
        codes, sizes = {}, {}
        for name in names if fields is None else [name for name in fields if name in names]:
            counts = Counter(label[name] for label in labels if label.get(name))
            classes = sorted(value for value, count in counts.items() if count >= LEAST_PER_CLASS)
            told_apart = sum(counts[value] for value in classes)
            if 2 <= len(classes) <= MOST_CLASSES and len(classes) <= told_apart / 3:
                place = {value: i for i, value in enumerate(classes)}
                codes[name] = np.array([place.get(label.get(name, ""), -1) for label in labels], dtype=np.int64)
                sizes[name] = len(classes)
        return cls(codes, sizes)


@dataclass(frozen=True, eq=False)
class Products:
    """Which values are of one product: ``numbers`` ``(n,)``, and the rows of every product that has several."""

    numbers: NDArray[np.int64]
    several: Mapping[int, NDArray[np.int64]]

    @classmethod
    def of(cls, labels: Sequence[Labels], count: int) -> Products:
        """By the ``id`` of ``count`` labels; a value without one is a product of its own."""
        names = [label.get("id") or f"\0{row}" for row, label in enumerate(labels or [{}] * count)]
        numbers = np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
        order = np.argsort(numbers, kind="stable")
        runs = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1) if len(order) else []
        return cls(numbers, {int(numbers[run[0]]): run for run in runs if len(run) > 1})

    def partners(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Another value of the same product, where there is one, else the same, to be altered in its own way."""
        found: NDArray[np.int64] = rows.copy()
        for place, row in enumerate(rows.tolist()):
            others = self.several.get(int(self.numbers[row]))
            if others is not None:
                found[place] = rng.choice(others[others != row])
        return found


# ---- training


def has_bf16() -> bool:
    """Whether the processor multiplies in bfloat16 itself; elsewhere it would only cost time and precision."""
    found: dict[str, Any] = getattr(need_torch("training").cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network learns: AdamW with one cycle (Smith & Topin, 2018)."""

    epochs: int
    batch: int
    rate: float
    decay: float = 1e-4
    warm_up: float = 0.25  # share of the steps in which the rate rises


def train(
    network: torch.nn.Module,
    batches: Callable[[int, np.random.Generator], Iterable[Any]],
    loss: Callable[[Any], torch.Tensor],
    schedule: Schedule,
    *,
    steps: int,
    seed: int,
    progress: Progress = silent,
    stage: str = "train",
) -> list[float]:
    """Train in place; returns the mean loss of every epoch. Leaves the network in evaluation mode.

    Every epoch depends on its number, the seed and the network alone, so that a training can go on from a checkpoint
    (:func:`goodsense.encoders.checkpoints.kept_in`): ``batches`` and ``loss`` keep nothing from one epoch to the next.

    Parameters
    ----------
    network
        Its parameters learn.
    batches
        Gives the batches of an epoch: called with its number and a generator that is the same for the same seed.
    loss
        A batch to a scalar; called in training mode.
    schedule
        How long and how fast.
    steps
        Batches per epoch.
    """
    torch = need_torch("training")
    optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    total = max(1, steps * schedule.epochs) + 1
    rising = min(max(schedule.warm_up, 1.5 / total), 1 - 0.5 / total)  # neither phase may be empty
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=schedule.rate, total_steps=total, pct_start=rising)
    facts = {"schedule": schedule, "steps": steps, "seed": seed, "stage": stage}
    checkpoint = Checkpoint.of(network, **facts)
    history = checkpoint.restore(network, optimiser, cycle) if checkpoint is not None else []
    network.train()
    for epoch in range(len(history), schedule.epochs):
        rng, losses = np.random.default_rng([seed, epoch]), []
        with seeded(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])):
            for number, batch in enumerate(batches(epoch, rng)):
                value = loss(batch)
                assert value.ndim == 0, f"a loss must be a scalar; found {tuple(value.shape)}"
                optimiser.zero_grad(set_to_none=True)
                value.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimiser.step()
                if number < steps:
                    cycle.step()
                losses.append(float(value.detach()))
                progress(stage, epoch * steps + min(number + 1, steps), schedule.epochs * steps)
        history.append(float(np.mean(losses)) if losses else math.nan)
        if checkpoint is not None:
            checkpoint.keep(network, optimiser, cycle, history, last=epoch + 1 == schedule.epochs)
    network.eval()
    return history


def weights_of(network: torch.nn.Module, prefix: str = "") -> dict[str, NDArray[Any]]:
    """Parameters and buffers by name, as arrays."""
    return {f"{prefix}{name}": value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}


def restore(network: torch.nn.Module, arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> None:
    """Put back what :func:`weights_of` took, and switch to evaluation mode."""
    torch = need_torch("a trained encoder")
    own = {name.removeprefix(prefix): torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    network.load_state_dict(own, strict=True)
    network.eval()
