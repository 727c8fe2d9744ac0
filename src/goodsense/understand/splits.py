"""Stratified samples and folds over class codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


def stratified_sample(codes: Codes, size: int, *, seed: int) -> NDArray[np.int64]:
    """At most ``size`` rows, ascending, with every class in its share; each class keeps a row while ``size`` lasts."""
    if len(codes) <= size:
        return np.arange(len(codes))
    rank, count = _rank_within_class(codes, seed)
    # A class's first row sorts before any second one; after that rows come evenly along every class.
    return np.sort(np.argsort(np.where(rank == 0, 0.0, (rank + 0.5) / count), kind="stable")[:size])


def stratified_folds(codes: Codes, folds: int, *, seed: int) -> NDArray[np.int64]:
    """The fold ``0 .. folds-1`` that each row is held out in, ``(n,)``; -1 for the only row of a class: always fitted.

    Two rows of one class never share a fold while another fold has none, so a held-out class is always fitted too.
    """
    rank, count = _rank_within_class(codes, seed)
    start = np.random.default_rng([seed, 1]).integers(0, folds, int(codes.max()) + 1)  # spreads small classes
    return np.where(count == 1, -1, (start[codes] + rank) % folds)


def _rank_within_class(codes: Codes, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A random rank ``0, 1, ...`` of each row within its class, and the class's size, both ``(n,)``."""
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]  # by class, random within
    counts = np.bincount(codes)
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(codes), dtype=np.int64)
    rank[order] = np.arange(len(codes)) - starts[codes[order]]
    return rank, counts[codes]
