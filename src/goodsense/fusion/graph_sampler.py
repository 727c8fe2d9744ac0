"""Minibatches of a graph: which nodes a few target nodes gather from, hop by hop, as small bipartite blocks.

Hamilton, Ying and Leskovec, "Inductive Representation Learning on Large Graphs" (NeurIPS 2017). Typed edges are drawn
link by link; a graph of one kind of node and one relation is the ordinary case.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from goodsense.errors import UsageError
from goodsense.factors.sampler import sample_neighbours
from goodsense.fusion.product_graph import ProductGraph

Nodes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Edges:
    """From senders to receivers, by their places in a block.

    Parameters
    ----------
    rows, columns
        ``(e,)`` int64: receiver and sender of each edge; rows ascend.
    weights
        ``(e,)`` float32.
    shape
        Receivers and senders in all.
    """

    rows: Nodes
    columns: Nodes
    weights: NDArray[np.float32]
    shape: tuple[int, int]

    @classmethod
    def of(cls, matrix: Any) -> Edges:
        """Of a sparse matrix ``(receivers, senders)``."""
        rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
        shape = (int(matrix.shape[0]), int(matrix.shape[1]))
        return cls(rows, matrix.indices.astype(np.int64), matrix.data.astype(np.float32), shape)

    @classmethod
    def none(cls, receivers: int, senders: int) -> Edges:
        return cls.of(sparse.csr_array((receivers, senders)))

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, keep: NDArray[np.bool_]) -> Edges:
        """Some of the edges, ``(e,)``."""
        return replace(self, rows=self.rows[keep], columns=self.columns[keep], weights=self.weights[keep])

    def averaged(self) -> Edges:
        """The weights of every receiver add up to 1."""
        totals = np.bincount(self.rows, self.weights, minlength=self.shape[0])
        return replace(self, weights=(self.weights / totals[self.rows]).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Block:
    """One hop: the ``targets`` of every kind gather from the ``sources``, of which they are the first.

    Parameters
    ----------
    targets, sources
        Kind -> rows of the graph, ``(t,)`` and ``(s,)``; ``sources[kind][:t]`` are the targets.
    edges
        Link -> edges by place: receivers among the targets of its head, senders among the sources of its tail.
    """

    targets: Mapping[str, Nodes]
    sources: Mapping[str, Nodes]
    edges: Mapping[str, Edges]

    def without(self, pairs: NDArray[np.int64], kind: str, links: Collection[str]) -> Block:
        """Without the edges of some links between these nodes of one kind, ``(m, 2)``, in either direction.

        What is to be foretold must not be told: a link that a batch learns from is no way for messages.
        """
        count = int(max(self.sources[kind].max(initial=0), pairs.max(initial=0))) + 1
        named = np.concatenate([pairs, pairs[:, ::-1]])
        hidden = named[:, 0] * count + named[:, 1]
        kept = dict(self.edges)
        for name in links:
            edges = self.edges[name]
            ends = self.targets[kind][edges.rows] * count + self.sources[kind][edges.columns]
            kept[name] = edges.where(~np.isin(ends, hidden))
        return replace(self, edges=kept)


class NeighbourSampler:
    """Draws blocks from a graph, layer by layer.

    Parameters
    ----------
    graph
        Loops (what stands on a diagonal) are always kept, beside the neighbours that are drawn.
    sizes
        Neighbours per link and hop, the hop nearest to the targets first; None draws all.

    Notes
    -----
    Where only some neighbours are drawn, their weights grow by ``degree / drawn``, so that sums over them are right on
    average; means and maxima do not notice.
    """

    def __init__(self, graph: ProductGraph, sizes: Sequence[int | None]) -> None:
        if not sizes or any(size is not None and size < 1 for size in sizes):
            raise UsageError(f"neighbours per hop are {list(sizes)}; expected at least one number from 1 up.")
        self._graph = graph
        self._sizes = tuple(sizes)
        self._loops = {link.name: _loops(link.matrix, link.head == link.tail) for link in graph.links}
        self._others = {link.name: _without(link.matrix, self._loops[link.name]) for link in graph.links}

    @property
    def links(self) -> dict[str, tuple[str, str]]:
        """Link -> kinds of its receivers and senders."""
        return {link.name: (link.head, link.tail) for link in self._graph.links}

    def full(self) -> Block:
        """Every node with all its neighbours: one block that serves every hop."""
        nodes = {kind: np.arange(count, dtype=np.int64) for kind, count in self._graph.counts.items()}
        return Block(nodes, nodes, {link.name: Edges.of(link.matrix) for link in self._graph.links})

    def sample(self, targets: Mapping[str, Nodes], *, rng: np.random.Generator) -> list[Block]:
        """One block per hop, the one farthest from the targets first, as a network computes them.

        Parameters
        ----------
        targets
            Kind -> different rows of the graph; kinds that are left out have none.
        rng
            Where the draws come from.

        Raises
        ------
        UsageError
            If a kind is unknown or a row is asked for twice.
        """
        front = {kind: np.asarray(targets.get(kind, ()), dtype=np.int64) for kind in self._graph.counts}
        unknown = [kind for kind in targets if kind not in front]
        if unknown:
            raise UsageError(f"neighbours of {unknown[0]!r} nodes were asked for; expected {', '.join(front)}.")
        if any(len(np.unique(rows)) < len(rows) for rows in front.values()):
            raise UsageError("neighbours of one node were asked for twice.", fix="Ask for different nodes.")
        blocks: list[Block] = []
        for size in self._sizes:
            blocks.insert(0, self._hop(front, size, rng))
            front = dict(blocks[0].sources)
        return blocks

    def _hop(self, targets: Mapping[str, Nodes], size: int | None, rng: np.random.Generator) -> Block:
        drawn = {link.name: self._drawn(link.name, targets[link.head], size, rng) for link in self._graph.links}
        sources = {}
        for kind, own in targets.items():
            reached = [drawn[link.name][1] for link in self._graph.links if link.tail == kind]
            others = np.setdiff1d(np.concatenate([own[:0], *reached]), own)
            sources[kind] = np.concatenate([own, others])
        edges = {}
        for link in self._graph.links:
            rows, columns, weights = drawn[link.name]
            shape = (len(targets[link.head]), len(sources[link.tail]))
            edges[link.name] = Edges(rows, _places(sources[link.tail], columns), weights.astype(np.float32), shape)
        return Block(targets, sources, edges)

    def _drawn(
        self, name: str, nodes: Nodes, size: int | None, rng: np.random.Generator
    ) -> tuple[Nodes, Nodes, NDArray[np.float64]]:
        """Edges of some nodes: place of the receiver, row of the sender, weight; loops among them."""
        graph, loops = self._others[name], self._loops[name]
        degrees = np.diff(graph.indptr)[nodes]
        found = sample_neighbours(graph, nodes, int(degrees.max(initial=1)) if size is None else size, rng=rng)
        counts = np.diff(found.starts)
        rows = np.repeat(np.arange(len(nodes), dtype=np.int64), counts)
        weights = found.weights * (degrees / np.maximum(counts, 1))[rows]
        looped = np.flatnonzero(loops[nodes]) if len(loops) else nodes[:0]
        rows, columns = np.concatenate([rows, looped]), np.concatenate([found.targets, nodes[looped]])
        weights = np.concatenate([weights, loops[nodes[looped]]])
        order = np.lexsort((columns, rows))
        return rows[order], columns[order], weights[order]


def _loops(matrix: Any, one_kind: bool) -> NDArray[np.float64]:
    """The diagonal of a relation of a kind with itself; empty for others."""
    return np.asarray(matrix.diagonal(), dtype=np.float64) if one_kind else np.zeros(0)


def _without(matrix: Any, loops: NDArray[np.float64]) -> Any:
    if not loops.any():
        return matrix
    entries = matrix.tocoo()
    rows, columns = entries.coords
    other = rows != columns
    return sparse.csr_array((entries.data[other], (rows[other], columns[other])), shape=matrix.shape)


def _places(nodes: Nodes, wanted: Nodes) -> Nodes:
    """Where each of ``wanted`` stands in ``nodes``, which are different and hold them all."""
    order = np.argsort(nodes)
    places: Nodes = order[np.searchsorted(nodes, wanted, sorter=order)]
    return places
