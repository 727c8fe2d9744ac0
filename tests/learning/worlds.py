"""Small worlds of products in which the right answer is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Embeddings


def block(vectors: NDArray[np.floating], present: NDArray[np.bool_] | None = None) -> Embeddings:
    """Products ``p0, p1, ...``; rows that are not present are zero."""
    rows = np.asarray(vectors, dtype=np.float32)
    mask = np.ones(len(rows), dtype=np.bool_) if present is None else present
    return Embeddings.of_products([f"p{i}" for i in range(len(rows))], rows * mask[:, None], mask)


def two_views(n: int, *, noise: float = 0.6, seed: int = 0) -> tuple[dict[str, Embeddings], NDArray[np.int64]]:
    """Two classes; given the class, the views are independent, and either tells it nearly by itself."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2
    sides = 2.0 * truth[:, None] - 1
    views = {name: block(sides * shape + noise * rng.normal(size=(n, 4))) for name, shape in _SHAPES.items()}
    return views, truth.astype(np.int64)


def linear_world(n: int, *, seed: int = 0) -> dict[str, Embeddings]:
    """Three blocks that are three linear pictures of the same few hidden numbers: any one tells the others."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 3))
    maps = np.random.default_rng(99)
    return {name: block(hidden @ maps.normal(size=(3, dim)) + 2.0) for name, dim in (("a", 6), ("b", 4), ("c", 5))}


def few(truth: NDArray[np.int64], rows: list[int]) -> NDArray[np.int64]:
    """The labels of some products; the others have none."""
    labels = np.full(len(truth), -1, dtype=np.int64)
    labels[rows] = truth[rows]
    return labels


def without(blocks: Mapping[str, Embeddings], name: str, rows: NDArray[np.int64]) -> dict[str, Embeddings]:
    """The blocks, less one block of some products."""
    kept = blocks[name].present.copy()
    kept[rows] = False
    return {**blocks, name: block(blocks[name].vectors, kept)}


def take(blocks: Mapping[str, Embeddings], rows: NDArray[np.integer]) -> dict[str, Embeddings]:
    """Some of the products."""
    return {name: own.take(rows) for name, own in blocks.items()}


_SHAPES = {"text": np.array([1.0, -1.0, 0.5, 0.0]), "image": np.array([0.5, 1.0, 0.0, -1.0])}
