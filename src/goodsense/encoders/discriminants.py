"""Directions in which the vectors of one thing stay together and those of different things lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.decomposition import principal
from goodsense.types import Vectors, normalise

APART_SHRINKAGE = 0.1  # towards the same spread in every direction, for what tells the classes of the fit apart
STEADY_SHRINKAGE = 0.5  # the same, for what stays within any class


@dataclass(frozen=True, eq=False)
class Discriminant:
    """Two linear maps side by side, each brought to unit length, with the same share in the cosine.

    The first is linear discriminant analysis (Rao, 1948), which knows best the classes that it has seen. The second
    only divides by how much each direction varies within a class (Hatch & others, 2006), which serves new classes
    better.
    """

    centre: NDArray[np.float32]  # (f,)
    apart: NDArray[np.float32]  # (f, a)
    steady_centre: NDArray[np.float32]  # (f,)
    steady: NDArray[np.float32]  # (f, dim - a)

    def apply(self, rows: NDArray[np.float32]) -> Vectors:
        """``(n, f)`` to ``(n, dim)``, rows of unit length."""
        first = normalise(np.matmul(rows - self.centre, self.apart))
        second = normalise(np.matmul(rows - self.steady_centre, self.steady))
        return normalise(np.concatenate([first, second], axis=1))


def discriminant(
    rows: NDArray[np.float32], classes: NDArray[np.int64], dim: int, *, seed: int, steady_only: bool = False
) -> Discriminant:
    """Learn from ``rows`` ``(n, f)`` and the class of each ``(n,)``; every class weighs alike.

    At most half of the ``dim`` columns, and one fewer than there are classes, tell these classes apart; none do if
    ``steady_only``.

    Raises
    ------
    ValueError
        If there are no rows, or another number of classes than of rows.
    """
    if len(rows) == 0 or len(rows) != len(classes):
        raise ValueError(f"there are {len(rows)} rows and {len(classes)} classes; expected one class for each row")
    _, places, counts = np.unique(classes, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), rows.shape[1]))
    np.add.at(means, places, rows.astype(np.float64))
    means /= counts[:, None]
    off = (rows - means[places]) / np.sqrt(counts[places])[:, None]
    within = off.T @ off / len(counts)  # (f, f)
    between = means - means.mean(axis=0)
    whitener = _inverse_root(within, APART_SHRINKAGE)
    rank = 0 if steady_only else min(dim // 2, len(counts) - 1, rows.shape[1])
    apart = whitener @ _leading_directions(between @ whitener, rank)
    steady = _inverse_root(within, STEADY_SHRINKAGE)
    reduced = principal((rows @ steady).astype(np.float32), dim - rank, seed=seed)
    centre = means.mean(axis=0)
    return Discriminant(
        centre.astype(np.float32),
        apart.astype(np.float32),
        np.linalg.solve(steady, reduced.centre.astype(np.float64)).astype(np.float32),
        (steady @ reduced.matrix).astype(np.float32),
    )


def _inverse_root(within: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
    """The symmetric inverse square root of a shrunken scatter; of none at all, the identity."""
    size = len(within)
    mean = np.trace(within) / size
    if mean <= 1e-12:
        return np.eye(size)
    values, vectors = np.linalg.eigh((1 - shrinkage) * within / mean + shrinkage * np.eye(size))
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T)


def _leading_directions(between: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """Main directions of whitened class means ``(c, f)`` as orthonormal columns ``(f, rank)``."""
    _, _, right = np.linalg.svd(between, full_matrices=False)
    return np.asarray(right[:rank].T)
