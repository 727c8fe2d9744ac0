"""A classifier that must answer alike however a product is disturbed: Pi-model and mean teacher, on blocks."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch
from goodsense.learning.block_networks import BlockEncoder, encoded, hide_blocks, noisy, take, tensors
from goodsense.learning.block_rows import BlockRows, BlockScales, check_blocks
from goodsense.learning.heads import cross_entropy
from goodsense.learning.history import History
from goodsense.learning.learners import Codes, Shares, check_labels, coded
from goodsense.learning.networks import seeded
from goodsense.learning.schedules import Schedule
from goodsense.learning.trainer import train
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings

Rule: TypeAlias = Literal["pi", "mean-teacher"]

_PURPOSE = "consistency"
_SCHEDULE = Schedule(epochs=30, batch=256, rate=3e-3)


def consistency_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of two answers' probabilities; the teacher's are taken as given.

    Both are logits ``(n, C)``. Laine and Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR 2017.
    """
    assert student.ndim == 2, f"answers are {tuple(student.shape)}; expected (n, C)"
    assert student.shape == teacher.shape, f"answers are {tuple(student.shape)} and {tuple(teacher.shape)}"
    return (student.softmax(dim=1) - teacher.detach().softmax(dim=1)).square().mean()


def ramp_up(epoch: int, epochs: int) -> float:
    """Weight of the consistency: ``exp(-5 (1 - t)^2)`` over the first third of the epochs, then 1 (Laine and Aila)."""
    rise = max(1.0, epochs / 3)
    return math.exp(-5 * (1 - min(1.0, epoch / rise)) ** 2)


class StudentAndTeacher(nn.Module):  # type: ignore[misc]
    """A network that learns, and one that follows: ``teacher = keep * teacher + (1 - keep) * student``.

    Tarvainen and Valpola, "Mean Teachers Are Better Role Models", NIPS 2017. ``keep=0`` is the Pi-model, in which the
    student is its own teacher. Both are parts of one module, so that a checkpoint holds both.
    """

    def __init__(self, student: torch.nn.Module, *, keep: float) -> None:
        super().__init__()
        self.student, self.keep = student, keep
        self.teacher = copy.deepcopy(student)
        for parameter in self.teacher.parameters():
            parameter.requires_grad_(requires_grad=False)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def follow(self) -> None:
        """Let the teacher move on to the student as it is now."""
        for own, its in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            own.mul_(self.keep).add_(its, alpha=1 - self.keep)


class Consistency:
    """Few labels, and the wish that noise and missing blocks change no answer.

    Parameters
    ----------
    rule
        ``pi``: two answers of one network. ``mean-teacher``: against the running mean of its weights, which also gives
        the answers in the end.
    weight
        Of the consistency beside the cross entropy, when it is fully there.
    noise
        Deviation of the noise, in deviations of the block.
    hide
        Share of the blocks that are hidden; one is always seen.
    keep
        How slowly the teacher follows.
    dim, hidden
        Widths of the network.
    schedule
        How long and how fast.
    """

    def __init__(
        self,
        rule: Rule = "mean-teacher",
        *,
        weight: float = 10.0,
        noise: float = 0.3,
        hide: float = 0.3,
        keep: float = 0.95,
        dim: int = 64,
        hidden: int = 128,
        schedule: Schedule = _SCHEDULE,
    ) -> None:
        if rule not in ("pi", "mean-teacher"):
            raise UsageError(f"rule is {rule!r}; expected 'pi' or 'mean-teacher'.")
        if not (0 <= weight < math.inf and 0 <= noise < math.inf and 0 <= hide < 1 and 0 <= keep < 1):
            raise UsageError(
                f"weight, noise, hide and keep are {weight}, {noise}, {hide} and {keep}; "
                "expected finite numbers from 0 up, the last two below 1."
            )
        self._keep = keep if rule == "mean-teacher" else 0.0
        self._weight, self._noise, self._hide = weight, noise, hide
        self._dim, self._hidden, self._schedule = dim, hidden, schedule
        self._classes: Codes = np.zeros(0, dtype=np.int64)
        self._shares: Shares = np.zeros(0)
        self._scales: BlockScales | None = None
        self._network: Any = None
        self._history: History | None = None

    @property
    def history(self) -> History | None:
        """How the training went; None before :meth:`fit`."""
        return self._history

    @property
    def privileged(self) -> tuple[str, ...]:
        return ()

    @property
    def classes(self) -> Codes:
        return self._classes

    def fit(
        self,
        blocks: Mapping[str, Embeddings],
        labels: Codes,
        *,
        seed: int = 0,
        device: str = "cpu",
        progress: Progress = silent,
    ) -> Self:
        """Learn from the labels, and from all products how not to be disturbed; ``device`` is where to train.

        Raises
        ------
        UsageError
            If the labelled products that have vectors are of fewer than two classes.
        """
        check_labels(labels, check_blocks(blocks, purpose=_PURPOSE), purpose=_PURPOSE)
        self._scales = BlockScales.fit(blocks, purpose=_PURPOSE)
        rows = self._scales.rows(blocks, purpose=_PURPOSE)
        codes, self._classes, self._shares = coded(labels, rows.known, purpose=_PURPOSE)
        with seeded(seed):
            encoder = BlockEncoder(list(self._scales.dims.values()), hidden=self._hidden, dim=self._dim)
            student = nn.ModuleList([encoder, nn.Linear(self._dim, len(self._classes))])
            self._network = StudentAndTeacher(student, keep=self._keep)
            self._history = self._trained(rows, codes, seed, device, progress)
        self._network.cpu()
        return self

    def predict_proba(self, blocks: Mapping[str, Embeddings]) -> Shares:
        """``(n, C)``, told by the teacher."""
        if self._scales is None:
            raise UsageError("this learner was not fitted yet.", fix="Call fit(blocks, labels) first.")
        rows = self._scales.rows(blocks, purpose=_PURPOSE)
        encoder, head = self._network.teacher
        with torch.inference_mode():
            found = head(torch.from_numpy(encoded(encoder, rows))).softmax(dim=1).double().numpy()
        return np.where(rows.known[:, None], found, self._shares)

    def _trained(
        self, rows: BlockRows, codes: NDArray[np.int64], seed: int, device: str, progress: Progress
    ) -> History:
        """Half of every batch has labels, drawn with replacement; an epoch sees every product once."""
        blocks, present = tensors(rows)
        truth, labelled = torch.from_numpy(codes), np.flatnonzero(codes >= 0)
        usable, half = np.flatnonzero(rows.known), max(1, self._schedule.batch // 2)

        def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
            order, weight = rng.permutation(usable), self._weight * ramp_up(epoch, self._schedule.epochs)
            for start in range(0, len(order), half):
                taught = rng.choice(labelled, size=min(half, len(order)))
                picked = torch.from_numpy(np.concatenate([taught, order[start : start + half]]))
                yield *take(blocks, present, picked), truth[picked], weight

        history = train(
            self._network,
            batches,
            lambda batch: self._loss(*batch),
            self._schedule,
            steps=math.ceil(len(usable) / half),
            seed=seed,
            device=device,
            progress=progress,
            stage="train mean teacher" if self._keep else "train pi-model",
        )
        self._network.follow()
        return history

    def _loss(
        self, rows: list[torch.Tensor], present: torch.Tensor, answers: torch.Tensor, weight: float
    ) -> torch.Tensor:
        self._network.follow()
        told = self._disturbed(self._network.student, rows, present)
        with torch.no_grad():
            taught = self._disturbed(self._network.teacher, rows, present)
        return cross_entropy(told, answers, smoothing=0.0) + weight * consistency_loss(told, taught)

    def _disturbed(self, network: Any, rows: list[torch.Tensor], present: torch.Tensor) -> torch.Tensor:
        """Logits ``(n, C)`` of products with noise, and with some of their blocks hidden."""
        encoder, head = network
        return head(encoder(noisy(rows, noise=self._noise), hide_blocks(present, self._hide)))
