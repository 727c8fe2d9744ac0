"""Small random logs and content, and their dense matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Interactions
from goodsense.recommend import Content, histories_of
from goodsense.types import Embeddings


def log(users: int = 30, items: int = 12, *, share: float = 0.25, seed: int = 0) -> Interactions:
    """Every pair with a chance of ``share``, times one second apart; every item has somebody."""
    rng = np.random.default_rng(seed)
    taken = rng.random((users, items)) < share
    taken[rng.integers(0, users, items), np.arange(items)] = True
    lists = [[f"i{row:03d}" for row in rng.permutation(np.flatnonzero(own)).tolist()] for own in taken]
    return histories_of(lists, users=[f"u{row:03d}" for row in range(users)])


def dense(interactions: Interactions) -> NDArray[np.float64]:
    """Users by items, ``(u, n)``."""
    found: NDArray[np.float64] = interactions.matrix.toarray()
    return found


def content(items: int = 12, *, dim: int = 5, seed: int = 1) -> Content:
    """A picture for all but the second item, and tags."""
    rng = np.random.default_rng(seed)
    ids = tuple(f"i{row:03d}" for row in range(items))
    vectors = rng.normal(0, 1, (items, dim)).astype(np.float32)
    present = np.ones(items, dtype=np.bool_)
    vectors[1], present[1] = 0, False
    tags = tuple((f"colour={row % 3}", f"size={row % 4}") for row in range(items))
    return Content(ids, {"image": Embeddings.of_products(ids, vectors, present)}, (), tags)


def all_scores(model: object, histories: Interactions) -> NDArray[np.float64]:
    """What a model scores all its items, ``(b, n)``."""
    found: NDArray[np.float64] = model.score(histories, model.items)  # type: ignore[attr-defined]
    return found
