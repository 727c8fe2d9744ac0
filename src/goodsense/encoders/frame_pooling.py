"""Many vectors to one: mean, maximum, and what is left over around learned centres (VLAD)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Vectors, normalise

POOLS = ("mean", "max", "vlad", "action-vlad")
SPARSE = 100.0  # the nearest centre weighs so many times the second, in the mean
ROUNDS = 25  # of k-means


def mean_pool(rows: Vectors) -> NDArray[np.float32]:
    """The mean of ``(t, d)``: what all frames share."""
    pooled: NDArray[np.float32] = rows.mean(axis=0)
    return pooled


def max_pool(rows: Vectors) -> NDArray[np.float32]:
    """The largest value of every column of ``(t, d)``: what any frame shows."""
    pooled: NDArray[np.float32] = rows.max(axis=0)
    return pooled


@dataclass(frozen=True, eq=False)
class Vlad:
    """NetVLAD (Arandjelovic & others, 2016): softly assigned differences from centres, summed up.

    Parameters
    ----------
    weights, biases
        ``(k, d)`` and ``(k,)``: a row ``x`` belongs to centre ``k`` by the softmax of ``weights @ x + biases``. They
        need not agree with the centres, once these were trained.
    centres
        ``(k, d)``.
    """

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    centres: NDArray[np.float32]

    @classmethod
    def around(cls, centres: NDArray[np.float32], alpha: float) -> Vlad:
        """Assignment by distance: the softmax of ``-alpha |x - c|^2``."""
        squares = (centres.astype(np.float64) ** 2).sum(axis=1)
        return cls(
            (2 * alpha * centres).astype(np.float32), (-alpha * squares).astype(np.float32), centres.astype(np.float32)
        )

    @property
    def dim(self) -> int:
        return self.centres.size

    def assign(self, rows: Vectors) -> NDArray[np.float32]:
        """How much of each row ``(n, d)`` belongs to each centre: ``(n, k)``, each row sums to 1."""
        scores = rows @ self.weights.T + self.biases
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        shares /= shares.sum(axis=1, keepdims=True)
        return np.asarray(shares, np.float32)

    def pool(self, rows: Vectors) -> NDArray[np.float32]:
        """``(n, d)`` to ``(k * d,)``: per centre of unit length (intra-normalisation), and so as a whole."""
        shares = self.assign(rows)
        left = shares.T @ rows - shares.sum(axis=0)[:, None] * self.centres  # (k, d)
        flat: NDArray[np.float32] = normalise(normalise(left).reshape(1, -1))[0]
        return flat


def fit_vlad(rows: Vectors, clusters: int, *, seed: int) -> Vlad:
    """Centres by k-means, assigned as sharply as the paper begins: the nearest weighs 100 times the second.

    Of fewer different rows than ``clusters`` centres repeat, and share what belongs to them.

    Raises
    ------
    ValueError
        If there are no rows.
    """
    if len(rows) == 0:
        raise ValueError("there are no rows to find centres of")
    found = k_means(rows, clusters, seed=seed)
    return Vlad.around(found[np.arange(clusters) % len(found)], sharpness(rows, found))


def k_means(rows: Vectors, clusters: int, *, seed: int) -> NDArray[np.float32]:
    """At most ``clusters`` centres of ``(n, d)``: k-means++ (Arthur & Vassilvitskii, 2007), then Lloyd's steps.

    In one thread, so that the sums, and with them the centres, are the same every time.
    """
    random = np.random.default_rng(seed)
    centres: NDArray[np.float32] = rows[random.integers(len(rows))][None]
    nearest = _squares(rows, centres)[:, 0]
    while len(centres) < clusters and nearest.max() > 1e-9:
        picked = rows[random.choice(len(rows), p=nearest / nearest.sum())][None]
        centres = np.concatenate([centres, picked])
        nearest = np.minimum(nearest, _squares(rows, picked)[:, 0])
    for _ in range(ROUNDS):
        member = np.zeros((len(rows), len(centres)), dtype=np.float32)
        member[np.arange(len(rows)), _squares(rows, centres).argmin(axis=1)] = 1
        count = member.sum(axis=0)[:, None]
        centres = np.where(count > 0, (member.T @ rows) / np.maximum(count, 1), centres)
    return centres


def sharpness(rows: Vectors, centres: NDArray[np.float32]) -> float:
    """The ``alpha`` at which the nearest centre's share is, in the geometric mean, 100 times the second's."""
    if len(centres) < 2:
        return 1.0
    nearest = np.partition(_squares(rows, centres), 1, axis=1)[:, :2]
    return math.log(SPARSE) / max(float((nearest[:, 1] - nearest[:, 0]).mean()), 1e-6)


def _squares(rows: Vectors, centres: Vectors) -> NDArray[np.float64]:
    """Squared distances ``(n, k)``, never below 0."""
    squares = (rows**2).sum(axis=1)[:, None] - 2 * rows @ centres.T + (centres**2).sum(axis=1)
    found: NDArray[np.float64] = np.maximum(squares.astype(np.float64), 0.0)
    return found
