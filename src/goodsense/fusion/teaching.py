"""What a trained fusion learns from: batches of products with random subsets of their modalities, and the loss.

Two disjoint subsets of a product's modalities must find each other (that is modality dropout), a subset must find the
whole product, each single modality every other one, and products that belong together one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.options import check_choice
from goodsense.fusion.hard_batches import side_by_side
from goodsense.fusion.network import FusionNetwork
from goodsense.learning.backend import nn, torch
from goodsense.learning.heads import UNKNOWN, Heads, label_loss
from goodsense.learning.lesson import Lesson
from goodsense.learning.losses import info_nce, nt_xent, siglip
from goodsense.learning.matryoshka import matryoshka
from goodsense.learning.temperature import LEAST, START, Temperature, TemperatureAndBias
from goodsense.learning.triplets import triplet
from goodsense.types import Vectors

Masks = NDArray[np.bool_]  # (n, B)
LEAST_BATCH = 2  # rows; one alone has nothing to be told from


# ---- subsets of modalities


def two_subsets(present: Masks, rng: np.random.Generator) -> tuple[Masks, Masks]:
    """Two random subsets of what each row has, neither empty, and disjoint where it has two: ``(n, B)`` each."""
    order = np.argsort(np.where(present, rng.random(present.shape), 2.0), axis=1)
    places = np.argsort(order, axis=1)  # of each block in its row's order, absent ones last
    counts = present.sum(axis=1)
    first = rng.integers(1, np.maximum(counts, 2))
    last = first + rng.integers(1, np.maximum(counts - first, 1) + 1)
    left = present & (places < first[:, None])
    right = present & (places >= first[:, None]) & (places < last[:, None])
    return left, np.where(right.any(axis=1, keepdims=True), right, left)


def one_subset(present: Masks, rng: np.random.Generator) -> Masks:
    """A random subset of what each row has, not empty where it has anything."""
    keys = np.where(present, rng.random(present.shape), 2.0)
    sure = np.arange(present.shape[1]) == keys.argmin(axis=1)[:, None]
    chosen: Masks = present & (sure | (rng.random(present.shape) < 0.5))
    return chosen


# ---- batches


class Side(NamedTuple):
    """Products of a batch: rows of each block ``(b, d)``, and which of them count ``(b, B)``."""

    rows: list[torch.Tensor]
    present: torch.Tensor


class Partners(NamedTuple):
    """Products that belong together, row by row, and which others do as well: ``related (m, m)`` bool."""

    left: Side
    right: Side
    related: torch.Tensor


class Batch(NamedTuple):
    """Products with two subsets of their modalities ``(b, B)``, their groups and their labels ``(b,)``."""

    whole: Side
    left: torch.Tensor
    right: torch.Tensor
    groups: torch.Tensor
    labels: dict[str, torch.Tensor]
    partners: Partners | None


@dataclass(frozen=True, eq=False)
class Examples:
    """Products to learn from.

    Parameters
    ----------
    rows
        For each of ``B`` blocks ``(n, d)``: prepared rows, zero where they are absent.
    present
        ``(n, B)``.
    lesson
        What is known of all ``n``.
    chosen
        Products of which batches are made.
    allowed
        ``(n,)`` products that pairs may name.
    batch
        Products of a batch.
    hard
        Of each product ``(n, k)`` others that are hard to tell from it, -1 for none: batches then hold products beside
        such others. None: batches are drawn at random.
    """

    rows: Sequence[Vectors]
    present: Masks
    lesson: Lesson
    chosen: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    batch: int
    hard: NDArray[np.int64] | None = None

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        count, rest = divmod(len(self.chosen), self.batch)
        return count + (rest >= LEAST_BATCH)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[Batch]:
        """One epoch: every chosen product once, in random order, in random subsets."""
        order, pairs = rng.permutation(self.chosen), self._pairs()
        if self.hard is not None:
            order = side_by_side(order, self.hard, rng)
        for start in range(0, self.steps * self.batch, self.batch):
            yield self._batch(order[start : start + self.batch], pairs, rng)

    def _batch(self, rows: NDArray[np.int64], pairs: NDArray[np.int64], rng: np.random.Generator) -> Batch:
        left, right = two_subsets(self.present[rows], rng)
        return Batch(
            whole=self.side(rows, self.present[rows]),
            left=torch.from_numpy(left),
            right=torch.from_numpy(right),
            groups=torch.from_numpy(self.lesson.groups[rows]),
            labels={name: torch.from_numpy(classes[rows]) for name, classes in self.lesson.labels.items()},
            partners=self._partners(pairs, rng),
        )

    def side(self, rows: NDArray[np.int64], present: Masks) -> Side:
        """Products as tensors."""
        return Side([torch.from_numpy(block[rows]) for block in self.rows], torch.from_numpy(present))

    def _pairs(self) -> NDArray[np.int64]:
        """Places of the pairs whose products may both be learned from, and that count for something."""
        if not len(self.lesson.pairs):
            return np.zeros(0, dtype=np.int64)
        there = (self.allowed & self.present.any(axis=1))[self.lesson.pairs].all(axis=1)
        return np.flatnonzero(there & (self.lesson.weights > 0))

    def _partners(self, pairs: NDArray[np.int64], rng: np.random.Generator) -> Partners | None:
        """Some of the pairs, drawn by their weights; None where there are too few."""
        size = min(self.batch, len(pairs))
        if size < LEAST_BATCH:
            return None
        weights = self.lesson.weights[pairs].astype(np.float64)
        drawn = self.lesson.pairs[rng.choice(pairs, size, replace=False, p=weights / weights.sum())]
        groups = torch.from_numpy(self.lesson.groups[drawn])  # (m, 2)
        related = (groups[:, None] == groups[None, :]).any(dim=2)
        sides = [self.side(own, one_subset(self.present[own], rng)) for own in drawn.T]
        return Partners(sides[0], sides[1], related)


def coded(labels: Mapping[str, NDArray[np.int64]], known: NDArray[np.bool_]) -> dict[str, NDArray[np.int64]]:
    """Classes counted from 0 without gaps, by the products that are ``known`` ``(n,)``; -1 for all others.

    Fields of which these show fewer than two classes are left out: there is nothing to tell apart.
    """
    found = {}
    for name in sorted(labels):
        classes = np.unique(labels[name][known & (labels[name] >= 0)])
        if len(classes) >= 2:
            places = np.searchsorted(classes, labels[name]).clip(max=len(classes) - 1)
            found[name] = np.where(classes[places] == labels[name], places, UNKNOWN).astype(np.int64)
    return found


# ---- the loss


def _temperature(coldest: float) -> Temperature:
    return Temperature(max(START, coldest), least=coldest)


def _temperature_and_bias(coldest: float) -> TemperatureAndBias:
    return TemperatureAndBias(max(0.1, coldest), least=coldest)


OBJECTIVES: Mapping[str, tuple[Callable[[float], Any], Callable[..., Any]]] = {
    "info-nce": (_temperature, lambda t, a, b, groups: info_nce(a, b, groups, temperature=t)),
    "nt-xent": (_temperature, lambda t, a, b, groups: nt_xent(a, b, groups, temperature=t)),
    "siglip": (_temperature_and_bias, lambda t, a, b, groups: siglip(a, b, groups, temperature=t[0], bias=t[1])),
    "triplet": (_temperature, lambda t, a, b, groups: triplet(a, b, groups)),
    "triplet-soft": (_temperature, lambda t, a, b, groups: triplet(a, b, groups, negatives="soft")),
}


class Student(nn.Module):  # type: ignore[misc]
    """A fusion with what it learns by: a temperature, heads for labels. Only the fusion is kept afterwards.

    Parameters
    ----------
    fusion
        The network.
    objective
        A name in ``OBJECTIVES``.
    sizes
        Field of labels -> classes.
    nested
        Numbers of first columns that are to be vectors themselves (Matryoshka); none for whole vectors only.
    label_weight, pair_weight
        Of the loss on labels and on pairs of products, where the lesson has any.
    coldest
        The temperature learns, but never below this.
    """

    def __init__(
        self,
        fusion: FusionNetwork,
        *,
        objective: str,
        sizes: Mapping[str, int],
        nested: Sequence[int],
        label_weight: float,
        pair_weight: float,
        coldest: float = LEAST,
    ) -> None:
        super().__init__()
        check_choice(OBJECTIVES, objective=objective)
        make, self.objective = OBJECTIVES[objective]
        self.fusion, self.temperature = fusion, make(coldest)
        self.heads = Heads(fusion.width, sizes) if sizes else None
        self.nested = tuple(nested)
        self.label_weight, self.pair_weight = label_weight, pair_weight

    def loss(self, batch: Batch) -> torch.Tensor:
        """A batch to a scalar."""
        there = batch.whole.present  # (b, B)
        singles = [there & one for one in torch.eye(there.shape[1], dtype=torch.bool, device=there.device)]
        left, right, whole, *alone = self._joined(batch.whole.rows, [batch.left, batch.right, there, *singles])
        total = self.contrast(left, right, batch.groups) + self.contrast(right, whole, batch.groups)
        total = total + self._across(alone, there, batch.groups)
        if self.heads is not None:
            both = self.heads(torch.cat([left, whole]) * self.fusion.width**0.5)
            codes = {name: classes.repeat(2) for name, classes in batch.labels.items()}
            total = total + self.label_weight * label_loss(both, codes)
        if batch.partners is not None:
            sides = (self.fusion(*batch.partners.left), self.fusion(*batch.partners.right))
            total = total + self.pair_weight * self.contrast(*sides, batch.partners.related)
        return total

    def contrast(self, a: torch.Tensor, b: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
        """How badly rows ``(n, d)`` of both sides find each other; the mean over nested lengths."""
        temperature = self.temperature()
        return matryoshka(
            lambda left, right: self.objective(temperature, left, right, groups),
            (a, b),
            dims=self.nested or (a.shape[1],),
        )

    def _joined(self, rows: list[torch.Tensor], masks: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The batch under each of several masks ``(b, B)``, in one pass of the combining network: ``(b, D)`` each."""
        return list(self.fusion.views(self.fusion.tokens(rows), masks))

    def _across(self, alone: Sequence[torch.Tensor], present: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
        """The mean over pairs of modalities of how badly products find themselves from one to the other."""
        terms = []
        for here, there in combinations(range(len(alone)), 2):
            both = present[:, here] & present[:, there]
            if int(both.sum()) >= LEAST_BATCH:
                terms.append(self.contrast(alone[here][both], alone[there][both], groups[both]))
        return torch.stack(terms).mean() if terms else alone[0].sum() * 0
