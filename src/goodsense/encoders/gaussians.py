"""A mixture of Gaussians with diagonal covariances, and what pictures look like to it: Fisher vectors and VLAD.

Everything is matrix products in float32, so a picture's thousand patches take about a millisecond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LEAST_VARIANCE = 0.01  # of a column's overall variance
HARD_ROUNDS = 8  # of k-means, to begin with
BLOCK = 20_000  # rows at once


@dataclass(frozen=True, eq=False)
class Mixture:
    """``weights`` ``(k,)`` that sum to 1, ``means`` and ``variances`` ``(k, d)``."""

    weights: Floats
    means: Floats
    variances: Floats

    @classmethod
    def fitted(cls, rows: Floats, components: int, *, seed: int, rounds: int = 15) -> Mixture:
        """By k-means from a seeded sample, then expectation and maximisation (Dempster, Laird & Rubin, 1977).

        Fewer components than asked for are made of fewer rows.
        """
        components = max(1, min(components, len(rows) // 2))
        overall = rows.var(axis=0) + np.float32(1e-8)
        picked = np.random.default_rng(seed).permutation(len(rows))[:components]
        even = np.full(components, 1 / components, dtype=np.float32)
        found = cls(even, rows[picked].copy(), np.tile(overall, (components, 1)))
        for number in range(HARD_ROUNDS + rounds):
            found = found._improved(rows, overall, hard=number < HARD_ROUNDS)
        return found

    def shares(self, rows: Floats) -> Floats:
        """How likely each component made each row: ``(n, d) -> (n, k)``, rows sum to 1."""
        scores = self._scores(rows)
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        return scores

    def nearest(self, rows: Floats) -> NDArray[np.int64]:
        """The component whose mean is nearest: ``(n, d) -> (n,)``."""
        distances = (self.means**2).sum(axis=1) - 2 * (rows @ self.means.T)
        found: NDArray[np.int64] = distances.argmin(axis=1)
        return found

    def fisher_vector(self, rows: Floats) -> Floats:
        """How the mixture would have to change for these rows: ``(n, d) -> (2 k d,)`` (Perronnin et al., ECCV 2010).

        By means and deviations, divided by the Fisher information and the number of rows; not normalised.
        """
        if not len(rows):
            return np.zeros(2 * self.means.size, dtype=np.float32)
        shares = self.shares(rows)
        mass = shares.sum(axis=0)[:, None]  # (k, 1)
        first, second = shares.T @ rows, shares.T @ (rows * rows)  # (k, d)
        by_mean = (first - mass * self.means) / np.sqrt(self.variances)
        centred = second - 2 * self.means * first + mass * self.means**2
        by_deviation = (centred / self.variances - mass) / math.sqrt(2)
        root = np.sqrt(self.weights)[:, None] * len(rows)
        return np.concatenate([(by_mean / root).ravel(), (by_deviation / root).ravel()]).astype(np.float32)

    def vlad(self, rows: Floats) -> Floats:
        """What rows differ by from their nearest mean, summed: ``(n, d) -> (k d,)`` (Jégou et al., CVPR 2010).

        In units of each column's deviation, every component brought to unit length (Arandjelovic & Zisserman, 2013).
        """
        sums = np.zeros_like(self.means)
        if len(rows):
            owners = self.nearest(rows)
            hard = (owners[:, None] == np.arange(len(self.means))).astype(np.float32)  # (n, k)
            sums = (hard.T @ rows - hard.sum(axis=0)[:, None] * self.means) / np.sqrt(self.variances.mean(axis=0))
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        found: Floats = (sums / np.maximum(lengths, 1e-12)).astype(np.float32).ravel()
        return found

    def _scores(self, rows: Floats) -> Floats:
        """Logarithm of weight times density, up to what all components share."""
        precision = 1 / self.variances
        offset = np.log(self.weights + 1e-12) - 0.5 * (np.log(self.variances) + self.means**2 * precision).sum(axis=1)
        found: Floats = (rows * rows) @ (-0.5 * precision.T) + rows @ (self.means * precision).T + offset
        return found

    def _improved(self, rows: Floats, overall: Floats, *, hard: bool) -> Mixture:
        components, columns = self.means.shape
        mass = np.zeros(components, dtype=np.float64)
        first, second = np.zeros((components, columns)), np.zeros((components, columns))
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            if hard:
                shares = (self._nearest_scaled(block, overall)[:, None] == np.arange(components)).astype(np.float32)
            else:
                shares = self.shares(block)
            mass += shares.sum(axis=0, dtype=np.float64)
            first += shares.T @ block
            second += shares.T @ (block * block)
        return self._from_sums(mass, first, second, overall, len(rows))

    def _from_sums(
        self,
        mass: NDArray[np.float64],
        first: NDArray[np.float64],
        second: NDArray[np.float64],
        overall: Floats,
        n: int,
    ) -> Mixture:
        """Components that nothing belongs to stay where they are, with next to no weight."""
        some = mass[:, None] > 1e-3
        safe = np.maximum(mass, 1e-3)[:, None]
        means = np.where(some, first / safe, self.means)
        spread = np.where(some, second / safe - means**2, self.variances)
        weights = np.maximum(mass / n, 1e-5)
        return Mixture(
            (weights / weights.sum()).astype(np.float32),
            means.astype(np.float32),
            np.maximum(spread, LEAST_VARIANCE * overall).astype(np.float32),
        )

    def _nearest_scaled(self, rows: Floats, overall: Floats) -> NDArray[np.int64]:
        """Nearest mean with every column brought to unit variance."""
        scaled = self.means / overall
        distances = (self.means * scaled).sum(axis=1) - 2 * (rows @ scaled.T)
        found: NDArray[np.int64] = distances.argmin(axis=1)
        return found
