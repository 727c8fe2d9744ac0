"""Batches of histories with what was taken next, and the items that it is told from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from goodsense.learning.backend import torch
from goodsense.recommend.drawing import Rows, Taken


class Lesson(NamedTuple):
    """A batch of ``b`` shoppers with what each took next, and ``c`` items that it is told from.

    Parameters
    ----------
    items
        ``(u,)`` all items that are needed.
    history, there, strengths
        ``(b, h)``: places in ``items``, the newest first, where there is one, and how much it says.
    candidates, chances
        ``(c,)``: places in ``items``, and the logarithm of how likely each was drawn.
    wanted
        ``(b,)`` places in ``candidates``.
    barred
        ``(b, c)`` bool: candidates that the shopper took as well.
    """

    items: torch.Tensor
    history: torch.Tensor
    there: torch.Tensor
    strengths: torch.Tensor
    candidates: torch.Tensor
    chances: torch.Tensor
    wanted: torch.Tensor
    barred: torch.Tensor


def lesson(
    taken: Taken,
    examples: Rows,
    *,
    longest: int,
    drawn: int,
    rng: np.random.Generator,
) -> Lesson:
    """A batch: its own items and ``drawn`` others are candidates, each with the chance to be among them."""
    users, targets = taken.users[examples], taken.items[examples]
    pairs, there = taken.histories(examples, longest)
    rows = taken.items[pairs]
    candidates = np.union1d(targets, rng.integers(taken.count, size=drawn))
    items = np.union1d(candidates, rows)
    missed = (1 - taken.shares[candidates]) ** len(targets) * (1 - 1 / taken.count) ** drawn
    found = (
        items,
        np.searchsorted(items, rows),
        there,
        taken.strengths[pairs],
        np.searchsorted(items, candidates),
        np.log(np.maximum(1 - missed, 1e-12)).astype(np.float32),
        np.searchsorted(candidates, targets),
        taken.among(users, candidates),
    )
    return Lesson(*map(torch.from_numpy, found))
