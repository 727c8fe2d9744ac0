"""How well vectors of new products, which only look up their neighbours, foretell those of a rebuild."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.fusion.graph import GraphFusion
from goodsense.fusion.neighbours import nearest
from goodsense.fusion.product_graph import ProductGraph
from goodsense.learning.lesson import Lesson
from goodsense.types import Embeddings


@dataclass(frozen=True, eq=False)
class Overlap:
    """What is among the nearest of new products both before and after a rebuild.

    Parameters
    ----------
    ids
        The ``m`` new products that have anything.
    k
        How many nearest were compared.
    shares
        ``(m,)`` of them that agree, from 0 to 1.
    """

    ids: tuple[str, ...]
    k: int
    shares: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Over all new products; NaN where there are none."""
        return float(self.shares.mean()) if len(self.shares) else float("nan")


def overlap_with_rebuild(
    fusion: GraphFusion,
    blocks_before: Mapping[str, Embeddings],
    blocks_new: Mapping[str, Embeddings],
    k: int,
    *,
    refit: bool = False,
    lesson: Lesson | None = None,
    graph: ProductGraph | None = None,
) -> Overlap:
    """Compare the ``k`` nearest of each new product, among stored and new ones, with those after a rebuild.

    Parameters
    ----------
    fusion
        Fitted on ``blocks_before``.
    blocks_before, blocks_new
        Different products.
    k
        How many nearest.
    refit
        Train anew on all products, with the same options and seed; else the same network passes its messages anew.
    lesson, graph
        What a rebuild knows of all products, those before first; as the fit knew of those before.

    Raises
    ------
    UsageError
        If a product is both stored and new.
    """
    blocks = joined(blocks_before, blocks_new)
    looked_up = fusion.fuse(blocks)
    if refit:
        rebuilt = GraphFusion(**fusion.options).fit(blocks, lesson=lesson, seed=fusion.seed, graph=graph)
    else:
        rebuilt = fusion.propagated(blocks, lesson=lesson, graph=graph)
    before = len(next(iter(blocks_before.values())))
    new = before + np.flatnonzero(looked_up.present[before:])
    first, second = (_nearest(fused, new, k) for fused in (looked_up, rebuilt.fuse(blocks)))
    shares = [len(a & b) / max(len(a), len(b), 1) for a, b in zip(first, second, strict=True)]
    return Overlap(tuple(looked_up.ids[row] for row in new), k, np.array(shares, dtype=np.float64))


def joined(before: Mapping[str, Embeddings], new: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
    """The blocks of both, one after the other; a block that one lacks is absent there."""
    ids = [next(iter(blocks.values())).ids for blocks in (before, new)]
    twice = sorted(set(ids[0]) & set(ids[1]))
    if twice:
        raise UsageError(f"the product {twice[0]!r} is both stored and new.", fix="Give different products.")
    found = {}
    for name in sorted({*before, *new}):
        width = (before[name] if name in before else new[name]).dim
        parts = [
            blocks.get(name)
            or Embeddings.of_products(own, np.zeros((len(own), width), np.float32), np.zeros(len(own), np.bool_))
            for own, blocks in zip(ids, (before, new), strict=True)
        ]
        vectors, present = (np.concatenate([getattr(part, of) for part in parts]) for of in ("vectors", "present"))
        found[name] = Embeddings.of_products((*ids[0], *ids[1]), vectors, present)
    return found


def _nearest(fused: Embeddings, rows: NDArray[np.int64], k: int) -> list[set[int]]:
    """The ``k`` nearest of some rows, without themselves."""
    found = nearest(fused.vectors[rows], fused.vectors, k, skip=rows)[0]
    return [set(own[own >= 0].tolist()) for own in found]
