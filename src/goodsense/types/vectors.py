"""Vectors that never travel without their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]  # (n, d)
Mask: TypeAlias = NDArray[np.bool_]  # (n,)
Rows: TypeAlias = NDArray[np.int64]  # (n,) dense row numbers inside one build
Distance: TypeAlias = Literal["cosine", "dot", "euclidean"]
DISTANCES: tuple[Distance, ...] = get_args(Distance)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """A block of vectors with the ids of its rows.

    Parameters
    ----------
    ids
        One per row, unique: a product id, or the id of one input (a photo, a sentence).
    owners
        The product each row belongs to; equal to ``ids`` for product blocks.
    vectors
        ``(n, d)`` float32, finite. Rows that are not present are zero.
    present
        ``(n,)`` bool; False means that the product has no such modality, which is normal.

    Raises
    ------
    ValueError
        If the lengths differ or a vector is not finite.
    """

    ids: tuple[str, ...]
    owners: tuple[str, ...]
    vectors: Vectors
    present: Mask

    def __post_init__(self) -> None:
        n = len(self.ids)
        if self.vectors.ndim != 2 or not (len(self.owners) == len(self.vectors) == len(self.present) == n):
            raise ValueError(
                f"embeddings disagree: {n} ids, {len(self.owners)} owners, vectors {self.vectors.shape}, "
                f"present {self.present.shape}; expected (n, d) vectors and n of everything else"
            )
        if not np.isfinite(self.vectors).all():
            raise ValueError("embeddings must be finite; found NaN or infinity")

    @classmethod
    def of_products(cls, ids: Sequence[str], vectors: Vectors, present: Mask | None = None) -> Embeddings:
        """One row per product; all present unless a mask says otherwise."""
        mask = np.ones(len(ids), dtype=np.bool_) if present is None else present
        return cls(tuple(ids), tuple(ids), vectors, mask)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.integer]) -> Embeddings:
        """The given rows, in the given order, ids and all."""
        picked = rows.tolist()
        return Embeddings(
            tuple(self.ids[r] for r in picked),
            tuple(self.owners[r] for r in picked),
            self.vectors[rows],
            self.present[rows],
        )


def normalise(vectors: Vectors) -> Vectors:
    """Scale every row to unit L2 norm; zero rows stay zero. ``(n, d) -> (n, d)``."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors, dtype=np.float32), where=norms > 1e-12)
    return unit


def prepare(vectors: Vectors, distance: Distance) -> Vectors:
    """What is stored for a distance: unit rows for cosine, the vectors as they are otherwise."""
    return normalise(vectors) if distance == "cosine" else vectors.astype(np.float32, copy=False)


def similarity(query: NDArray[np.float32], vectors: Vectors, distance: Distance) -> NDArray[np.float32]:
    """Larger is nearer. Both sides are :func:`prepare`-d. ``(d,), (n, d) -> (n,)``.

    Cosine and dot are inner products; Euclidean is the negative squared distance.
    """
    if distance == "euclidean":
        difference = vectors - query
        far: NDArray[np.float32] = np.einsum("nd,nd->n", difference, difference)
        return -far
    near: NDArray[np.float32] = vectors @ query
    return near
