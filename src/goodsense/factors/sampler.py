"""Neighbours of nodes in a sparse graph, drawn for batches of nodes at once.

Hamilton, Ying and Leskovec, "Inductive Representation Learning on Large Graphs" (2017); weighted draws without
replacement after Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Drawn neighbours: those of ``nodes[i]`` are ``targets[starts[i]:starts[i + 1]]``.

    Parameters
    ----------
    nodes
        ``(n,)`` int64: whose neighbours they are, as asked.
    starts
        ``(n + 1,)`` int64.
    targets
        ``(edges,)`` int64: the neighbours, ascending within a node.
    weights
        ``(edges,)`` float64: what stands on the edges.
    """

    nodes: NDArray[np.int64]
    starts: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float64]


def sample_neighbours(
    graph: Any, nodes: NDArray[np.int64], size: int, *, rng: np.random.Generator, weighted: bool = False
) -> Neighbours:
    """Draw at most ``size`` different neighbours of each node, without replacement; all, where there are no more.

    Parameters
    ----------
    graph
        Sparse CSR ``(n, m)``; row ``i`` holds the neighbours of node ``i``.
    nodes
        ``(b,)`` rows of it, in any order, repeated or not.
    size
        How many of each.
    rng
        Where the draws come from.
    weighted
        Edges are drawn in proportion to their weights, which must be positive; else all alike.

    Raises
    ------
    ValueError
        If a node is not in the graph, or an edge to be weighed is not positive.
    """
    nodes = np.asarray(nodes, dtype=np.int64)
    if len(nodes) and (nodes.min() < 0 or nodes.max() >= graph.shape[0]):
        raise ValueError(f"nodes go from {nodes.min()} to {nodes.max()}; expected 0 to {graph.shape[0] - 1}")
    counts = np.diff(graph.indptr)[nodes].astype(np.int64)
    owners = np.repeat(np.arange(len(nodes)), counts)
    begins = np.cumsum(counts) - counts
    edges = np.arange(len(owners)) - begins[owners] + graph.indptr[nodes][owners]
    weights = np.asarray(graph.data[edges], dtype=np.float64)
    keys = rng.random(len(edges))
    if weighted:
        if len(weights) and weights.min() <= 0:
            raise ValueError(f"an edge weighs {weights.min()}; expected positive weights")
        keys = -np.log1p(-keys) / weights  # exponential: the smallest first is a draw in proportion
    order = np.lexsort((keys, owners))
    chosen = np.sort(order[np.arange(len(order)) - begins[owners] < size])  # owners ascend, so places do
    starts = np.concatenate(([0], np.cumsum(np.minimum(counts, size))))
    return Neighbours(nodes, starts, graph.indices[edges[chosen]].astype(np.int64), weights[chosen])


def sample_hops(
    graph: Any,
    nodes: NDArray[np.int64],
    sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    weighted: bool = False,
) -> list[Neighbours]:
    """Neighbours, then those of the neighbours, and so on: one entry per number in ``sizes``.

    Every hop but the first starts from the different nodes reached by then, ascending, those of earlier hops included.
    The graph must be square.
    """
    if graph.shape[0] != graph.shape[1]:
        raise ValueError(f"the graph is {graph.shape[0]} by {graph.shape[1]}; expected a square one")
    found: list[Neighbours] = []
    front = np.asarray(nodes, dtype=np.int64)
    for size in sizes:
        found.append(sample_neighbours(graph, front, size, rng=rng, weighted=weighted))
        front = np.union1d(front, found[-1].targets)
    return found
