"""Layers of graph networks: GCN, GraphSAGE, attention-weighted edges, typed edges, and modalities as nodes.

A layer maps what receivers have, ``(t, d)``, and what senders have, ``(s, d)``, along :class:`Edges` to ``(t, d_out)``.
Where both are of one kind, the receivers are the first of the senders. A receiver without edges keeps what its own
vector says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from goodsense.errors import UsageError
from goodsense.fusion.combining import Combining, masked_mean, masked_softmax
from goodsense.fusion.graph_sampler import Edges
from goodsense.learning.backend import nn, torch

_SLOPE = 0.2  # of the leaky ReLU in attention


def summed(edges: Edges, senders: Any) -> Any:
    """Weighted sum of what each receiver is sent: ``(t, s) @ (s, d) -> (t, d)``, as a sparse product."""
    assert len(senders) == edges.shape[1], f"{len(senders)} senders; edges expect {edges.shape[1]}"
    places = torch.from_numpy(np.stack([edges.rows, edges.columns])).to(senders.device)
    weights = torch.from_numpy(edges.weights).to(senders.device, senders.dtype)
    matrix = torch.sparse_coo_tensor(places, weights, edges.shape, check_invariants=False)
    return torch.sparse.mm(matrix, senders)


def _ends(edges: Edges, device: Any) -> tuple[Any, Any]:
    return torch.from_numpy(edges.rows).to(device), torch.from_numpy(edges.columns).to(device)


class GCNLayer(nn.Module):  # type: ignore[misc]
    """Graph convolution: ``A x W`` (Kipf and Welling, "Semi-Supervised Classification with Graph Convolutional
    Networks", ICLR 2017).

    Edges carry the normalised adjacency with its loops: :meth:`ProductGraph.normalised`.
    """

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_in, d_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, receivers: Any, senders: Any, edges: Edges) -> Any:
        return summed(edges, self.linear(senders)) + self.bias


class SageLayer(nn.Module):  # type: ignore[misc]
    """GraphSAGE: ``W [x, aggregate of the neighbours]`` (Hamilton, Ying and Leskovec, "Inductive Representation
    Learning on Large Graphs", NeurIPS 2017).

    Parameters
    ----------
    pool
        ``mean``: weighted mean of the neighbours. ``max``: largest of ``relu(P x + b)`` over them, entry by entry.
    """

    def __init__(self, d_in: int, d_out: int, *, pool: str = "mean") -> None:
        super().__init__()
        if pool not in ("mean", "max"):
            raise UsageError(f"GraphSAGE pools by {pool!r}; expected mean or max.")
        self.own = nn.Linear(d_in, d_out)
        self.neighbours = nn.Linear(d_in, d_out, bias=False)
        self.pool: Any = nn.Linear(d_in, d_in) if pool == "max" else None

    def forward(self, receivers: Any, senders: Any, edges: Edges) -> Any:
        found = summed(edges.averaged(), senders) if self.pool is None else self._largest(senders, edges)
        return self.own(receivers) + self.neighbours(found)

    def _largest(self, senders: Any, edges: Edges) -> Any:
        """``(t, d)``; zero where there are no neighbours, and nothing is smaller after a ReLU."""
        rows, columns = _ends(edges, senders.device)
        sent = torch.relu(self.pool(senders))[columns]  # (e, d)
        none = sent.new_zeros((edges.shape[0], sent.shape[1]))
        return none.scatter_reduce(0, rows[:, None].expand_as(sent), sent, "amax", include_self=True)


class AttentionLayer(nn.Module):  # type: ignore[misc]
    """Neighbours weighted by attention, heads joined (Veličković et al., "Graph Attention Networks", ICLR 2018).

    The weight of an edge multiplies its attention before the softmax, and every receiver attends to itself too.
    """

    def __init__(self, d_in: int, d_out: int, *, heads: int = 1) -> None:
        super().__init__()
        if d_out % heads:
            raise UsageError(f"{heads} heads do not divide the width {d_out}.")
        self.heads = heads
        self.linear = nn.Linear(d_in, d_out, bias=False)
        self.asks = nn.Parameter(torch.randn(heads, d_out // heads) / (d_out // heads) ** 0.5)
        self.offers = nn.Parameter(torch.randn(heads, d_out // heads) / (d_out // heads) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, receivers: Any, senders: Any, edges: Edges) -> Any:
        own, sent = (self.linear(x).unflatten(1, (self.heads, -1)) for x in (receivers, senders))  # (., h, d / h)
        rows, columns = _ends(edges, senders.device)
        itself = torch.arange(len(own), device=own.device)
        rows, columns = torch.cat([rows, itself]), torch.cat([columns, itself + len(sent)])
        sent = torch.cat([sent, own])  # a receiver's own vector is sent last
        share = self.attention(own, sent, rows, columns, edges)  # (e + t, h)
        mixed = torch.zeros_like(own).index_add(0, rows, share[:, :, None] * sent[columns])
        return mixed.flatten(1) + self.bias

    def attention(self, own: Any, sent: Any, rows: Any, columns: Any, edges: Edges) -> Any:
        """Softmax over the edges of each receiver, head by head."""
        asked, offered = (own * self.asks).sum(2), (sent * self.offers).sum(2)  # (t, h), (s + t, h)
        scores = nn.functional.leaky_relu(asked[rows] + offered[columns], _SLOPE)
        weights = torch.from_numpy(edges.weights).to(scores.device, scores.dtype)
        scores = scores + torch.cat([weights.log(), weights.new_zeros(len(own))])[:, None]
        return softmax_by_row(scores, rows, len(own))


def softmax_by_row(scores: Any, rows: Any, count: int) -> Any:
    """Softmax over the entries of each row: ``(e, h)`` and ``(e,) -> (e, h)``."""
    assert scores.ndim == 2, f"scores are {tuple(scores.shape)}; expected (e, h)"
    assert rows.shape == scores.shape[:1], f"rows are {tuple(rows.shape)}; expected ({len(scores)},)"
    lowest = scores.new_full((count, scores.shape[1]), -torch.inf)
    highest = lowest.scatter_reduce(0, rows[:, None].expand_as(scores), scores.detach(), "amax")
    raised = torch.exp(scores - highest[rows])
    totals = torch.zeros_like(highest).index_add(0, rows, raised)
    return raised / totals[rows]


class RelationalLayer(nn.Module):  # type: ignore[misc]
    """A layer of its own for every link, and the mean of what they give each kind of node.

    Schlichtkrull et al., "Modeling Relational Data with Graph Convolutional Networks" (ESWC 2018), with any layer in
    the place of theirs; with one link it is that layer.

    Parameters
    ----------
    links
        Link -> kinds of its receivers and senders.
    make
        Makes the layer of one link.
    """

    def __init__(self, links: Mapping[str, tuple[str, str]], make: Callable[[], Any]) -> None:
        super().__init__()
        self.links = {name: links[name] for name in sorted(links)}
        self.layers = nn.ModuleList(make() for _ in self.links)

    def forward(self, senders: Mapping[str, Any], edges: Mapping[str, Edges]) -> dict[str, Any]:
        """Kind -> ``(s, d)`` to kind -> ``(t, d_out)``; kinds that receive nothing by any link are left out."""
        found: dict[str, list[Any]] = {}
        for (name, (head, tail)), layer in zip(self.links.items(), self.layers, strict=True):
            receivers = senders[head][: edges[name].shape[0]]
            found.setdefault(head, []).append(layer(receivers, senders[tail], edges[name]))
        return {kind: torch.stack(parts).mean(dim=0) for kind, parts in found.items()}


class ModalityGraph(Combining):
    """The modalities of a product as a small complete graph: they exchange messages, and their mean stands for it.

    Parameters
    ----------
    blocks, width
        As every combining network.
    edges
        ``(B, B)`` how much of column ``j`` row ``i`` takes, from 0 up; None learns it by attention.
    rounds
        Messages, one after the other.
    """

    def __init__(self, blocks: int, width: int, *, edges: Sequence[Sequence[float]] | None = None, rounds: int = 1):
        super().__init__(blocks, width)
        given = None if edges is None else torch.tensor(np.array(edges, dtype=np.float32))
        if given is not None and (given.shape != (blocks, blocks) or not (given.isfinite() & (given >= 0)).all()):
            raise UsageError(f"edges between {blocks} modalities are {edges}; expected a square of numbers from 0 up.")
        self.register_buffer("edges", given)
        attending = rounds if given is None else 0
        self.messages = nn.ModuleList(nn.Linear(width, width) for _ in range(rounds))
        self.asks = nn.ModuleList(nn.Linear(width, width) for _ in range(attending))
        self.offers = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(attending))

    def combine(self, tokens: Any, present: Any) -> Any:
        states = tokens
        for place, message in enumerate(self.messages):
            sent = torch.relu(self.taken(states, present, place) @ message(states))  # (n, B, D)
            states = torch.where(present[:, :, None], states + sent, 0)
        return masked_mean(states, present)

    def taken(self, states: Any, present: Any, place: int = 0) -> Any:
        """How much each modality takes of each other: ``(n, B, B)``; rows sum to 1, or to 0 where there is no other."""
        others = ~torch.eye(self.blocks, dtype=torch.bool, device=present.device)
        both = present[:, :, None] & present[:, None, :] & others
        if self.edges is None:
            alike = self.asks[place](states) @ self.offers[place](states).mT / self.width**0.5
            return masked_softmax(alike, both, dim=2)
        weights = self.edges * both
        return weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-12)
