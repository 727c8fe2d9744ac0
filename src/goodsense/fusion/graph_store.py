"""The products that a graph is made of, and how new ones look up their neighbours among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from goodsense.fusion.blocks import centre_of, check_blocks, check_widths, prepared, slots
from goodsense.fusion.graph_sampler import Block, Edges
from goodsense.fusion.neighbours import nearest
from goodsense.fusion.product_graph import PRODUCT, SIMILAR, named_edges
from goodsense.types import Embeddings, Mask, Vectors, normalise


@dataclass(frozen=True, eq=False)
class Content:
    """Blocks side by side, each centred and of unit length: what products are compared by, and what towers are given.

    Parameters
    ----------
    centres
        Block -> ``(d,)``, in sorted order.
    """

    centres: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, blocks: Mapping[str, Embeddings]) -> Content:
        """Learn the centres of these blocks."""
        check_blocks(blocks, list(blocks))
        return cls({name: centre_of(blocks[name]) for name in sorted(blocks)})

    @property
    def dims(self) -> dict[str, int]:
        """Block -> columns."""
        return {name: len(centre) for name, centre in self.centres.items()}

    def beside(self, blocks: Mapping[str, Embeddings]) -> Embeddings:
        """Unit rows ``(n, c)``, to which all blocks that a product has contribute alike; zeros in place of the others.

        Raises
        ------
        UsageError
            If a block is unknown, has other ids than the rest, or another width than it had.
        """
        check_blocks(blocks, self.centres)
        check_widths(blocks, self.dims)
        first = next(iter(blocks.values()))
        rows = np.zeros((len(first), sum(self.dims.values())), dtype=np.float32)
        for name, place in slots(self.dims).items():
            if name in blocks:
                rows[:, place] = prepared(blocks[name], self.centres[name]).vectors
        unit = normalise(rows)
        return Embeddings(first.ids, first.owners, unit, np.asarray(unit.any(axis=1)))

    def rows(self, beside: Vectors) -> tuple[list[Vectors], NDArray[np.bool_]]:
        """Each block's own unit rows again ``(n, d)``, and which products have it ``(n, B)``."""
        rows = [normalise(np.ascontiguousarray(beside[:, place])) for place in slots(self.dims).values()]
        return rows, np.stack([own.any(axis=1) for own in rows], axis=1)


@dataclass(frozen=True, eq=False)
class Stored:
    """The products that the graph is made of; they never change until the next fit.

    Parameters
    ----------
    ids
        Of ``n`` products.
    content
        ``(n, c)``: their blocks side by side, by which they are looked up.
    states
        ``(hops, n, dim)``: what they say before each hop.
    vectors
        ``(n, dim)``: what became of them.
    degrees
        ``(n,)``: the sum of their links by content, and 1.
    """

    ids: tuple[str, ...]
    content: Vectors
    states: NDArray[np.float32]
    vectors: Vectors
    degrees: NDArray[np.float32]

    def places(self, content: Embeddings) -> tuple[NDArray[np.int64], Mask]:
        """The row of each product, or -1, and whether its content is still what is stored. ``(m,)`` both."""
        place = {id: row for row, id in enumerate(self.ids)}
        rows = np.array([place.get(id, -1) for id in content.ids], dtype=np.int64).reshape(len(content))
        known = np.flatnonzero(rows >= 0)
        same = np.zeros(len(rows), dtype=np.bool_)
        same[known] = np.isclose(self.content[rows[known]], content.vectors[known], rtol=0, atol=1e-6).all(axis=1)
        return rows, same

    def around(
        self,
        vectors: Vectors,
        own: NDArray[np.int64],
        links: Mapping[str, tuple[str, str]],
        k: int,
        *,
        normalised: bool,
    ) -> tuple[Block, NDArray[np.int64]]:
        """One block in which new products hear their ``k`` nearest stored ones, and which stored ones these are.

        Parameters
        ----------
        vectors
            ``(m, c)``: content of the new products. They are the first sources, and the only targets.
        own
            ``(m,)``: the stored row that a product had before it changed, which it does not hear; or -1.
        links
            Link -> kinds of its receivers and senders. All but those by content are without edges.
        normalised
            Whether edges carry the normalised adjacency, with loops; stored degrees stay as they are.
        """
        named = named_edges(*nearest(vectors, self.content, k, skip=own), count=len(self.ids))
        known = np.unique(named.indices).astype(np.int64)
        heard, loops = named[:, known], np.ones(len(vectors))
        if normalised:
            degrees = 1 + np.asarray(named.sum(axis=1))
            left, right = (sparse.diags_array(1 / np.sqrt(own)) for own in (degrees, self.degrees[known]))
            heard, loops = left @ heard @ right, 1 / degrees
        none = np.zeros(0, dtype=np.int64)
        kinds = {kind: none for ends in links.values() for kind in ends} | {PRODUCT: np.arange(len(vectors))}
        sources = kinds | {PRODUCT: np.arange(len(vectors) + len(known))}
        edges = {name: Edges.none(len(kinds[head]), len(sources[tail])) for name, (head, tail) in links.items()}
        if normalised:
            between = [name for name, ends in links.items() if ends == (PRODUCT, PRODUCT)]
            edges |= {name: _beside(sparse.eye_array(len(vectors)), sparse.csr_array(heard.shape)) for name in between}
        first = sparse.diags_array(loops) if normalised else sparse.csr_array((len(vectors),) * 2)
        return Block(kinds, sources, edges | {SIMILAR: _beside(first, heard)}), known


def _beside(new: Any, stored: Any) -> Edges:
    """Edges from new products ``(m, m)`` and from stored ones ``(m, u)``."""
    return Edges.of(sparse.csr_array(sparse.hstack([new, stored])))
