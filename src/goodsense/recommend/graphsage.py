"""GraphSAGE over shoppers, items and attributes: an item is what it is, who took it, and what shares its attributes.

Hamilton, Ying and Leskovec, "Inductive Representation Learning on Large Graphs" (NeurIPS 2017), mean aggregator, two
hops, sampled neighbours, vectors of unit length. Shoppers and attributes have no inputs of their own: each is the mean
of its items' inputs. An item's input is a map of its content plus a row of a table that is hidden now and then, so an
item that nobody took has its vector from content and attributes. A shopper is the mean of the vectors of the history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.factors.sampler import sample_neighbours
from goodsense.learning.backend import nn, torch
from goodsense.recommend.content import Content
from goodsense.recommend.drawing import Rows, Taken
from goodsense.recommend.facts import tag_rows
from goodsense.recommend.item_table import ItemTable, content_columns
from goodsense.recommend.lessons import Lesson, lesson
from goodsense.recommend.model import Scores
from goodsense.recommend.network_model import Batches, NetworkModel, in_batches, steps_of
from goodsense.recommend.signals import signals
from goodsense.recommend.towers import HistoryPool, Product, sampled_softmax
from goodsense.types import Vectors


class GraphSage(NetworkModel):
    """Item vectors by two hops of the graph, trained to be near to the mean of what their shoppers took besides.

    What a batch learns from is no way for its messages: the edge between a shopper and the item that is asked for is
    left out, in both directions.

    Parameters
    ----------
    neighbours
        How many are drawn of each node and kind of edge, in training; answers use all.
    longest
        Items of a history that are read in training.
    hide
        Share of items whose row of the table is hidden, and of items whose shoppers are, in training.
    negatives
        Items drawn for each batch, all alike, beside its own.
    temperature
        Cosines are divided by it.
    dim, epochs, batch, rate, decay, patience, device
        As in :class:`~goodsense.recommend.network_model.NetworkModel`.
    """

    kind: ClassVar[str] = "graphsage"

    def __init__(
        self,
        *,
        neighbours: int = 10,
        longest: int = 20,
        hide: float = 0.3,
        negatives: int = 512,
        temperature: float = 0.1,
        dim: int = 64,
        epochs: int = 15,
        batch: int = 1_024,
        rate: float = 0.01,
        decay: float = 1.0,
        patience: int | None = 4,
        device: str = "cpu",
    ) -> None:
        super().__init__(dim=dim, epochs=epochs, batch=batch, rate=rate, decay=decay, patience=patience, device=device)
        if neighbours < 1 or longest < 1 or not 0 <= hide < 1 or negatives < 0 or not temperature > 0:
            raise UsageError(
                f"neighbours {neighbours}, longest {longest}, hide {hide}, negatives {negatives} and temperature "
                f"{temperature} make no sense.",
                fix="Give neighbours and longest from 1, hide from 0 to below 1, negatives from 0 up and a positive "
                "temperature.",
            )
        self.neighbours, self.longest, self.hide = neighbours, longest, hide
        self.negatives, self.temperature = negatives, temperature

    # ---- what the base of all networks asks for

    def _forget(self) -> None:
        super()._forget()
        self._graph: ItemGraph | None = None
        self._touched: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._columns: Vectors = np.empty((0, 0), np.float32)

    def _prepare(self, interactions: Interactions, content: Content) -> None:
        self._graph = ItemGraph.of(interactions, content)
        self._touched = np.diff(self._graph.takers.indptr) > 0
        self._columns = content_columns(content)

    def _built(self, *, whole: bool) -> nn.Module:
        if not whole:
            return nn.Module()
        table = ItemTable(self._touched, self._columns, inputs="both", dim=self.dim, hide=self.hide)
        return SageNetwork(table, dim=self.dim, temperature=self.temperature)

    def _batches(self, interactions: Interactions) -> Batches:
        taken, graph = Taken.of(interactions), self._graph
        examples = taken.examples()
        assert graph is not None

        def batches(epoch: int, rng: np.random.Generator) -> Iterator[tuple[Lesson, Hops]]:
            for picked in in_batches(len(examples), self.batch, rng):
                own = examples[picked]
                found = lesson(taken, own, longest=self.longest, drawn=self.negatives, rng=rng)
                asked = taken.codes_of(taken.users[own], taken.items[own])
                rows = found.items.numpy()
                yield found, graph.drawn(rows, self.neighbours, told=asked, hide=self.hide, rng=rng)

        return Batches(steps_of(len(examples), self.batch), batches, lambda batch: self._network(*batch))

    def _settle(self, interactions: Interactions) -> None:
        assert self._graph is not None
        known = self._touched | (np.diff(self._graph.tags.indptr) > 0) | self._columns.any(axis=1)
        vectors = self._network.vectors(torch.arange(len(self.items), device=self._place), self._graph.full())
        self.kept["vectors"] = vectors.cpu().numpy() * known[:, None]
        self.kept["blind"] = ~known

    def vectors(self, histories: Interactions) -> Vectors:
        """Shoppers by what they took, ``(b, d)``; ``histories`` are over :attr:`items`."""
        weights = signals(histories, "weights")
        totals = np.maximum(np.asarray(weights.sum(axis=1)), 1e-12).reshape(-1, 1)
        found: Vectors = (weights @ self.kept["vectors"] / totals).astype(np.float32)
        return found

    def _scores(self, histories: Interactions) -> Scores:
        scores = self.vectors(histories) @ self.kept["vectors"].T
        scores[:, self.kept["blind"]] = scores.min(axis=1, keepdims=True)
        return scores

    def _alike(self, rows: NDArray[np.int64]) -> Scores:
        """By the cosine of the items' vectors."""
        scores = self.kept["vectors"][rows] @ self.kept["vectors"].T
        scores[:, self.kept["blind"]] = scores.min(axis=1, keepdims=True)
        return scores


# ---- the graph


@dataclass(frozen=True, eq=False)
class Hops:
    """How items hear of others: each from its shoppers and its attributes, which are means of their own items.

    Parameters
    ----------
    shoppers, attributes
        ``(items, nodes)``: means over the nodes of each item.
    of_shoppers, of_attributes
        ``(nodes, v)``: means over the items of each node.
    needed
        ``(v,)`` which items those are.
    """

    shoppers: Product
    attributes: Product
    of_shoppers: Product
    of_attributes: Product
    needed: torch.Tensor

    @classmethod
    def of(cls, edges: Sequence[Any], needed: Rows) -> Self:
        """By matrices of edges, CSR, in the order of the fields."""
        first, second, third, fourth = (Product(_means(matrix)) for matrix in edges)
        return cls(first, second, third, fourth, torch.from_numpy(needed))


@dataclass(frozen=True, eq=False)
class ItemGraph:
    """Who took what, and which item has which attribute, each seen from both ends: CSR matrices of weights above 0.

    Parameters
    ----------
    takers, taken
        ``(n, u)`` and ``(u, n)``.
    tags, tagged
        ``(n, t)`` and ``(t, n)``.
    """

    takers: Any
    taken: Any
    tags: Any
    tagged: Any

    @classmethod
    def of(cls, interactions: Interactions, content: Content) -> Self:
        """Weights are all one. Tags that most items have tell nothing, and are left out."""
        taken, tags = signals(interactions), tag_rows(content).sign()
        return cls(taken.T.tocsr(), taken, tags, tags.T.tocsr())

    def full(self) -> Hops:
        """All neighbours of all items."""
        return Hops.of([self.takers, self.tags, self.taken, self.tagged], np.arange(self.taken.shape[1]))

    def drawn(self, items: Rows, size: int, *, told: Rows, hide: float, rng: np.random.Generator) -> Hops:
        """At most ``size`` neighbours of each node.

        Parameters
        ----------
        items
            ``(u,)`` different places.
        told
            ``(b,)`` codes ``shopper * n + item`` of edges that are left out.
        hide
            Share of the items whose shoppers are left out.
        """
        count, seen = self.taken.shape[1], rng.random(len(items)) >= hide
        near = _sampled(self.takers, items, size, rng)
        near = near[:, seen[near[0]] & ~np.isin(near[1] * count + items[near[0]], told)]
        shoppers = np.unique(near[1])
        far = _sampled(self.taken, shoppers, size, rng)
        far = far[:, ~np.isin(shoppers[far[0]] * count + far[1], told)]
        having = _sampled(self.tags, items, size, rng)
        attributes = np.unique(having[1])
        had = _sampled(self.tagged, attributes, size, rng)
        needed = np.union1d(far[1], had[1])
        ways = (near, items, shoppers), (having, items, attributes), (far, shoppers, needed), (had, attributes, needed)
        return Hops.of([_matrix(*way) for way in ways], needed)


def _sampled(graph: Any, nodes: Rows, size: int, rng: np.random.Generator) -> Rows:
    """Edges ``(2, e)``: a place in ``nodes``, and one of its neighbours."""
    found = sample_neighbours(graph, nodes, size, rng=rng)
    return np.stack([np.repeat(np.arange(len(nodes)), np.diff(found.starts)), found.targets])


def _matrix(edges: Rows, nodes: Rows, reached: Rows) -> Any:
    """Edges as CSR ``(nodes, reached)`` of ones; ``reached`` ascends."""
    entries = np.ones(edges.shape[1], dtype=np.float32), (edges[0], np.searchsorted(reached, edges[1]))
    return sparse.csr_matrix(entries, shape=(len(nodes), len(reached)))


def _means(matrix: Any) -> Any:
    """Rows that sum to 1; those without any entry stay zero."""
    shares = 1.0 / np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1e-12)
    return sparse.csr_matrix(sparse.diags_array(shares) @ matrix, dtype=np.float32)


# ---- the network


class SageNetwork(nn.Module):  # type: ignore[misc]
    """Inputs of items to their vectors, along drawn or all edges; the mean over a history asks for what comes next."""

    def __init__(self, table: ItemTable, *, dim: int, temperature: float) -> None:
        super().__init__()
        self.table, self.temperature = table, temperature
        self.nodes = nn.ModuleList([nn.Linear(dim, dim) for _ in range(2)])  # shoppers, attributes
        self.own, self.heard = nn.Linear(dim, dim), nn.ModuleList([nn.Linear(dim, dim, bias=False) for _ in range(2)])
        self.pool = HistoryPool(dim, recency=False, attention=False)
        nn.init.eye_(self.own.weight)
        for heard in self.heard:  # what others say comes in as far as it helps
            nn.init.zeros_(heard.weight)

    def vectors(self, items: torch.Tensor, hops: Hops) -> torch.Tensor:
        """Items ``(u,)`` to vectors ``(u, d)`` of unit length."""
        inputs = self.table(hops.needed.to(items.device))  # (v, d)
        found = self.own(self.table(items))
        ways = ((hops.of_shoppers, hops.shoppers), (hops.of_attributes, hops.attributes))
        for (first, second), node, heard in zip(ways, self.nodes, self.heard, strict=True):
            found = found + heard(second(node(first(inputs)).relu()))
        unit: torch.Tensor = nn.functional.normalize(found)
        return unit

    def forward(self, own: Lesson, hops: Hops) -> torch.Tensor:
        """Sampled softmax of what was taken besides."""
        items = self.vectors(own.items, hops)
        asking = self.pool(items[own.history], own.there, own.strengths)
        return sampled_softmax(
            nn.functional.normalize(asking) / self.temperature,
            items[own.candidates],
            own.wanted,
            chances=own.chances,
            barred=own.barred,
        )
