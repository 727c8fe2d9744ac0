"""A small network that learns to stand for a teacher's vectors, and what it is taught by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.learning.backend import nn, torch
from goodsense.learning.block_rows import CONSTANT
from goodsense.learning.distillation import DIM, LinearStudent, pca_student, ridge_student
from goodsense.learning.history import History
from goodsense.learning.losses import cosines
from goodsense.learning.networks import restore, seeded, weights_of
from goodsense.learning.schedules import Schedule
from goodsense.learning.trainer import train
from goodsense.progress import Progress, silent
from goodsense.types import Vectors, normalise

AT_ONCE = 8_192  # rows that go through the network at a time
_SCHEDULE = Schedule(epochs=30, batch=256, rate=3e-3)


def cosine_distillation(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """One minus the cosine of each row ``(n, d)`` with the teacher's ``(n, d)``, on average.

    Half the squared distance of the unit rows: the hint of FitNets (Romero et al., ICLR 2015), regardless of length.
    """
    assert student.ndim == 2, f"rows are {tuple(student.shape)}; expected (n, d)"
    assert student.shape == teacher.shape, f"rows are {tuple(student.shape)} and {tuple(teacher.shape)}"
    return (1 - nn.functional.cosine_similarity(student.float(), teacher.float(), dim=1)).mean()


def similarity_preserving(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of the tables of cosines within a batch; the widths ``(n, d)`` and ``(n, D)`` may differ.

    Tung and Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, with cosines in place of the tables'
    row-wise normalisation, since cosines are what is searched by.
    """
    assert student.ndim == teacher.ndim == 2, f"rows are {tuple(student.shape)} and {tuple(teacher.shape)}"
    assert len(student) == len(teacher), f"there are {len(student)} and {len(teacher)} rows"
    return (cosines(student, student) - cosines(teacher, teacher)).square().mean()


class StudentNetwork(nn.Module):  # type: ignore[misc]
    """A linear map, and two layers that correct it; they begin at nothing, so the network begins as the map.

    Parameters
    ----------
    inputs, dim
        Columns of the inputs and of the result.
    hidden
        Width between.
    """

    def __init__(self, inputs: int, dim: int, *, hidden: int = 512) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(()))
        self.linear = nn.Linear(inputs, dim)
        self.correction = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU())
        self.out = nn.Linear(hidden, dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """``(n, inputs)`` to unit rows ``(n, dim)``."""
        assert rows.shape == (len(rows), len(self.centre)), f"rows are {tuple(rows.shape)}; not (n, {len(self.centre)})"
        own = rows - self.centre
        return nn.functional.normalize(self.linear(own) + self.out(self.correction(own / self.spread)), dim=1)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def start_from(self, linear: LinearStudent, spread: float) -> None:
        """Answer as a linear student does; inputs lie so far from its centre, in root mean square per column."""
        self.spread.fill_(spread if spread > CONSTANT else 1.0)
        self.centre.copy_(torch.from_numpy(linear.centre))
        self.linear.weight.copy_(torch.from_numpy(linear.axes.T.copy()))
        self.linear.bias.copy_(torch.from_numpy(linear.shift))


class NetworkStudent:
    """A trained :class:`StudentNetwork` as a student on arrays."""

    def __init__(self, network: StudentNetwork, history: History | None = None) -> None:
        self._network = network.eval()
        self.history = history

    @property
    def dim(self) -> int:
        return int(self._network.linear.out_features)

    def apply(self, rows: Vectors) -> Vectors:
        """``(n, p)`` to unit rows ``(n, dim)``."""
        given = torch.from_numpy(rows.astype(np.float32))
        with torch.inference_mode():
            found: Vectors = torch.cat([self._network(part) for part in given.split(AT_ONCE)]).numpy()
        return found

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return weights_of(self._network)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> NetworkStudent:
        """Come back from :meth:`to_arrays`."""
        (dim, inputs), hidden = arrays["linear.weight"].shape, arrays["out.weight"].shape[1]
        network = StudentNetwork(inputs, dim, hidden=hidden)
        restore(network, arrays)
        return cls(network)


def network_student(
    inputs: Vectors,
    teacher: Vectors,
    dim: int = DIM,
    *,
    hidden: int = 512,
    similarity: float = 1.0,
    schedule: Schedule = _SCHEDULE,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> NetworkStudent:
    """Train a network from inputs ``(n, p)`` to the teacher's leading directions, and to its similarities ``(n, D)``.

    Starts from :func:`goodsense.learning.distillation.ridge_student`.

    Parameters
    ----------
    similarity
        Weight of :func:`similarity_preserving` beside :func:`cosine_distillation`.
    """
    start = ridge_student(inputs, teacher, dim)
    wanted = torch.from_numpy(pca_student(teacher, dim).apply(teacher))
    rows, whole = torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(normalise(teacher))

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        order = torch.from_numpy(rng.permutation(len(rows)))
        for first in range(0, len(order), schedule.batch):
            picked = order[first : first + schedule.batch]
            yield rows[picked], wanted[picked], whole[picked]

    def loss(batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        given, target, table = batch
        told = network(given)
        return cosine_distillation(told, target) + similarity * similarity_preserving(told, table)

    with seeded(seed):
        network = StudentNetwork(inputs.shape[1], start.dim, hidden=hidden)
        network.start_from(start, float(np.sqrt(np.mean(np.square(inputs - start.centre)))))
        steps, stage = math.ceil(len(rows) / schedule.batch), "train student"
        history = train(
            network, batches, loss, schedule, steps=steps, seed=seed, device=device, progress=progress, stage=stage
        )
    return NetworkStudent(network.cpu(), history)
