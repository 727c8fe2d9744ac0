"""One course of training for a fusion: which products teach, which are held out to examine it, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.fusion.blocks import Given
from goodsense.fusion.crossing import Crossing, Outcome, crossing
from goodsense.fusion.hard_batches import mined
from goodsense.fusion.network import FusionNetwork
from goodsense.fusion.teaching import Examples, Student, coded
from goodsense.learning.backend import torch
from goodsense.learning.history import History
from goodsense.learning.lesson import Lesson
from goodsense.learning.trainer import Schedule, train
from goodsense.progress import Progress
from goodsense.types import Mask, Vectors

HELD_OUT = 0.1  # share of the groups
MOST_HELD_OUT = 200  # groups or so; more would cost lessons and tell little more
LEAST_HELD_OUT = 10  # groups; with fewer, nothing is held out and training products are examined
EXAMINED = 2_000  # products at most
VIEWS = 400_000  # products that a training sees, counting every time: a few minutes on two cores
EPOCHS, MOST_EPOCHS = 20, 100  # where no number is asked for
STEPS = 200  # that a training takes at least, if that takes no more epochs
FEWEST = 64  # products of a batch in a small shop
STAGE = "train fusion"


@dataclass(frozen=True, eq=False)
class Course:
    """What a fusion learns from, and on what it is examined.

    Parameters
    ----------
    names, rows
        ``B`` blocks that some product to learn from has beside another: prepared rows ``(n, d)`` each.
    present
        ``(n, B)``.
    lesson
        Of all ``n``; classes of labels counted from 0.
    chosen
        Products to learn from: not held out, with two blocks or more.
    allowed
        ``(n,)`` products that may teach in pairs.
    examined
        Products on which the network is examined; ``held_out`` says whether they are kept from teaching.
    """

    names: tuple[str, ...]
    rows: tuple[Vectors, ...]
    present: NDArray[np.bool_]
    lesson: Lesson
    chosen: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    examined: NDArray[np.int64]
    held_out: bool

    @classmethod
    def of(cls, given: Mapping[str, Given], lesson: Lesson, *, seed: int) -> Course:
        """Hold out a tenth of the groups by hash, fewer of many, if that leaves enough to teach and to examine."""
        present = np.stack([rows.present for rows in given.values()], axis=1)
        several = present.sum(axis=1) >= 2
        share = min(HELD_OUT, MOST_HELD_OUT / max(len(np.unique(lesson.groups[several])), 1))
        kept_back = drawn(lesson.groups, share, seed)
        enough = len(np.unique(lesson.groups[several & kept_back])) >= LEAST_HELD_OUT
        if not enough or (several & ~kept_back).sum() < LEAST_HELD_OUT:
            kept_back = np.zeros(len(several), dtype=np.bool_)
        chosen = np.flatnonzero(several & ~kept_back)
        examined = np.flatnonzero(several & kept_back) if kept_back.any() else chosen
        taught: Mask = np.any(present[chosen], axis=0)  # (B,)
        names = [name for name, is_taught in zip(given, taught, strict=True) if is_taught]
        return cls(
            names=tuple(names),
            rows=tuple(given[name].vectors for name in names),
            present=present[:, taught],
            lesson=Lesson(lesson.groups, coded(lesson.labels, ~kept_back), lesson.pairs, lesson.weights),
            chosen=chosen,
            allowed=~kept_back,
            examined=_some(examined, EXAMINED, seed),
            held_out=bool(kept_back.any()),
        )

    def teach(
        self,
        network: FusionNetwork,
        *,
        goal: Mapping[str, Any],
        pace: Mapping[str, Any],
        device: str,
        seed: int,
        progress: Progress,
    ) -> tuple[History, Outcome]:
        """Train the network in place, and examine it before and after; it ends on the processor."""
        sizes = {name: int(classes.max()) + 1 for name, classes in self.lesson.labels.items()}
        student = Student(network, sizes=sizes, **goal)
        batch = min(int(pace["batch"]), max(FEWEST, len(self.chosen) // 8))
        hard = self._hard(int(pace.get("hard_negatives", 0)), seed)
        examples = Examples(self.rows, self.present, self.lesson, self.chosen, self.allowed, batch, hard)
        schedule = self._schedule(pace, examples.steps)
        before = self.examine(network)
        history = train(
            student,
            examples.batches,
            student.loss,
            schedule,
            steps=examples.steps,
            seed=seed,
            validate=None if schedule.patience is None else lambda: self.examine(network).mrr,
            device=device,
            progress=progress,
            stage=STAGE,
        )
        network.to("cpu")
        after = self.examine(network)
        return history, Outcome.of(before, after, products=len(self.examined), held_out=self.held_out)

    def _schedule(self, pace: Mapping[str, Any], steps: int) -> Schedule:
        """Enough epochs for a small shop, few where products are very many; patience only where some are held out."""
        fitting = min(max(EPOCHS, -(-STEPS // max(1, steps))), MOST_EPOCHS)
        epochs = min(pace["epochs"] or fitting, max(1, VIEWS // max(1, len(self.chosen))))
        known = {name: pace[name] for name in ("batch", "rate", "decay")}
        return Schedule(epochs=epochs, patience=pace["patience"] if self.held_out else None, **known)

    def _hard(self, count: int, seed: int) -> NDArray[np.int64] | None:
        """So many mined negatives of each product; None where none are wanted."""
        return mined(self.rows, self.lesson.groups, self.chosen, seed=seed, count=count) if count else None

    def examine(self, network: FusionNetwork) -> Crossing:
        """How well the examined products find themselves across single modalities."""
        network.eval()
        place = next(network.parameters()).device
        present = self.present[self.examined]
        with torch.inference_mode():
            tokens = network.tokens([torch.from_numpy(rows[self.examined]).to(place) for rows in self.rows])
            there = torch.from_numpy(present).to(place)
            alone = torch.eye(present.shape[1], dtype=torch.bool, device=place)
            singles = [network.join(tokens, there & one).float().cpu().numpy() for one in alone]
        return crossing(singles, present, self.lesson.groups[self.examined])


def drawn(groups: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """A share of the groups by the hash of their number and the seed: ``(n,)``, equal within a group.

    SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): the same for a group whatever other groups there are.
    """
    with np.errstate(over="ignore"):
        mixed = groups.astype(np.uint64) + np.uint64(seed % 2**32 + 1) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    found: NDArray[np.bool_] = mixed.astype(np.float64) / 2.0**64 < share
    return found


def _some(rows: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
