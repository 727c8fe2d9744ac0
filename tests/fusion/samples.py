"""Small shops whose blocks have something in common: two products of one group are alike in every block."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from goodsense.learning.lesson import Lesson
from goodsense.types import Embeddings

DIMS = {"attributes": 5, "image": 8, "text": 6}
LATENT = 4
COUNT = 40


def latents(count: int = COUNT, *, seed: int = 0) -> np.ndarray:
    """What products are, two of each group nearly the same: ``(n, LATENT)``."""
    random = np.random.default_rng([7, seed])
    groups = random.normal(size=((count + 1) // 2, LATENT))
    return np.repeat(groups, 2, axis=0)[:count] + 0.1 * random.normal(size=(count, LATENT))


def shop(count: int = COUNT, *, seed: int = 0, noise: float = 0.0, share: float = 0.8) -> dict[str, Embeddings]:
    """Blocks of ``count`` products; absent rows hold ``noise`` times random numbers. Product 0 has every block,
    product 1 has none, each of the rest has a block with probability ``share``."""
    hidden, ids, found = latents(count, seed=seed), [f"s{seed}-{i}" for i in range(count)], {}
    random = np.random.default_rng([8, seed])
    for place, (name, dim) in enumerate(DIMS.items()):
        mixing = np.random.default_rng([9, place]).normal(size=(LATENT, dim))
        rows = hidden @ mixing + 0.2 * random.normal(size=(count, dim)) + 0.5
        present = random.random(count) < share
        present[:2] = (True, False)[:count]
        rows[~present] = noise * random.normal(size=(int((~present).sum()), dim))
        found[name] = Embeddings.of_products(ids, rows.astype(np.float32), present)
    return found


def lesson(count: int = COUNT) -> Lesson:
    """Neighbours are a group, every fourth group is of a kind, and products three places apart are bought together."""
    rows = np.arange(count)
    near = rows[: max(count - 3, 0)]
    return Lesson(
        groups=(rows // 2).astype(np.int64),
        labels={"kind": np.where(rows % 5 == 0, -1, rows // 2 % 4).astype(np.int64)},
        pairs=np.stack([near, near + 3], axis=1).astype(np.int64),
        weights=(1.0 + near % 2).astype(np.float32),
    )


def only(blocks: Mapping[str, Embeddings], *names: str) -> dict[str, Embeddings]:
    """The named blocks alone."""
    return {name: blocks[name] for name in names}


def without(blocks: Mapping[str, Embeddings], *names: str) -> dict[str, Embeddings]:
    """All blocks, the named ones with no product that has them."""
    return {
        name: Embeddings.of_products(block.ids, np.zeros_like(block.vectors), np.zeros(len(block), np.bool_))
        if name in names
        else block
        for name, block in blocks.items()
    }


def taken(blocks: Mapping[str, Embeddings], rows: list[int]) -> dict[str, Embeddings]:
    """The given products."""
    return {name: block.take(np.array(rows)) for name, block in blocks.items()}


def alike(count: int) -> dict[str, Embeddings]:
    """Products that do not differ in anything but their ids."""
    one = taken(shop(), [0])
    ids = [f"a{i}" for i in range(count)]
    return {name: Embeddings.of_products(ids, np.repeat(block.vectors, count, axis=0)) for name, block in one.items()}
