"""What a graph network learns from: products find those that they are linked to, and the link itself is hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goodsense.factors.sampler import sample_neighbours
from goodsense.fusion.graph_network import GraphNetwork, Links
from goodsense.fusion.graph_sampler import Block, NeighbourSampler, Nodes
from goodsense.fusion.product_graph import PRODUCT, SIMILAR
from goodsense.fusion.teaching import LEAST_BATCH, Masks, coded, one_subset, two_subsets
from goodsense.learning.backend import nn, torch
from goodsense.learning.heads import Heads, label_loss
from goodsense.learning.history import History
from goodsense.learning.lesson import Lesson
from goodsense.learning.losses import info_nce
from goodsense.learning.temperature import Temperature
from goodsense.learning.trainer import Schedule, train
from goodsense.progress import Progress
from goodsense.types import Vectors

ITSELF = 0.5  # share of the pairs that are two sights of one product
STAGE = "train graph fusion"


class View(NamedTuple):
    """Products of one side of a batch: what they reach, and where each is among the different ones ``(b,)``."""

    rows: list[Any]
    present: Any
    blocks: list[Block]
    places: Any


class GraphBatch(NamedTuple):
    """Pairs of products that belong together, which others do too ``(b, b)``, and the labels of the left ones."""

    left: View
    right: View
    related: Any
    labels: dict[str, Any]


@dataclass(frozen=True, eq=False)
class GraphExamples:
    """Products in their graph.

    Parameters
    ----------
    rows
        For each of ``B`` blocks ``(n, d)``.
    present
        ``(n, B)``.
    sampler
        Draws what products reach.
    positives
        CSR ``(n, n)``: how strongly products belong together.
    groups, labels
        Of all ``n``; as in a lesson.
    batch
        Pairs of a batch.
    hide
        How often a side of a pair shows only some of its modalities.
    """

    rows: Sequence[Vectors]
    present: Masks
    sampler: NeighbourSampler
    positives: Any
    groups: NDArray[np.int64]
    labels: Mapping[str, NDArray[np.int64]]
    batch: int
    hide: float

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        count, rest = divmod(int(self.present.any(axis=1).sum()), self.batch)
        return count + (rest >= LEAST_BATCH)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[GraphBatch]:
        """One epoch: every product that has anything once, in random order, with one that belongs to it."""
        order = rng.permutation(np.flatnonzero(self.present.any(axis=1)))
        for start in range(0, self.steps * self.batch, self.batch):
            yield self._batch(order[start : start + self.batch], rng)

    def _batch(self, anchors: Nodes, rng: np.random.Generator) -> GraphBatch:
        partners = self._partners(anchors, rng)
        other = partners != anchors
        pairs = np.stack([anchors, partners], axis=1)[other]
        left, right = two_subsets(self.present[anchors], rng)
        left[other], right[other] = (self._sight(rows[other], rng) for rows in (anchors, partners))
        related = (self.groups[anchors][:, None] == self.groups[partners]) | (
            self.positives[anchors][:, partners].toarray() > 0
        )
        return GraphBatch(
            left=self._view(anchors, left, pairs, rng),
            right=self._view(partners, right, pairs, rng),
            related=torch.from_numpy(related),
            labels={name: torch.from_numpy(classes[anchors]) for name, classes in self.labels.items()},
        )

    def _partners(self, anchors: Nodes, rng: np.random.Generator) -> Nodes:
        """One product that belongs to each, by weight; or the product itself, as where there is none."""
        drawn = sample_neighbours(self.positives, anchors, 1, rng=rng, weighted=True)
        partners = anchors.copy()
        partners[np.flatnonzero(np.diff(drawn.starts))] = drawn.targets
        several = self.present[anchors].sum(axis=1) > 1  # one modality cannot be told from itself
        return np.where(several & (rng.random(len(anchors)) < ITSELF), anchors, partners)

    def _sight(self, products: Nodes, rng: np.random.Generator) -> Masks:
        """What is seen of products: all, or some of their modalities."""
        whole = self.present[products]
        return np.where(rng.random((len(products), 1)) < self.hide, one_subset(whole, rng), whole)

    def _view(self, products: Nodes, sight: Masks, pairs: NDArray[np.int64], rng: np.random.Generator) -> View:
        targets, first, places = np.unique(products, return_index=True, return_inverse=True)
        blocks = self.sampler.sample({PRODUCT: targets}, rng=rng)
        fresh = rng.random(len(targets)) < 0.5  # as a new product, of which only its content is known
        between = [name for name, ends in self.sampler.links.items() if ends == (PRODUCT, PRODUCT)]
        blocks = [as_new(block.without(pairs, PRODUCT, between), fresh, self.sampler.links) for block in blocks]
        reached = blocks[0].sources[PRODUCT]
        present = self.present[reached]
        present[: len(targets)] = sight[first]
        rows = [torch.from_numpy(block[reached]) for block in self.rows]
        return View(rows, torch.from_numpy(present), blocks, torch.from_numpy(places.astype(np.int64)))


def as_new(block: Block, fresh: NDArray[np.bool_], links: Links) -> Block:
    """Without what a new product lacks, for those of the first products that are ``fresh`` ``(t,)``.

    Links by content stay, and loops.
    """
    alone = np.zeros(len(block.targets[PRODUCT]), dtype=np.bool_)
    alone[: len(fresh)] = fresh
    kept = dict(block.edges)
    for name, (head, tail) in links.items():
        if head == PRODUCT and name != SIMILAR:
            edges = kept[name]
            loops = (edges.rows == edges.columns) & (tail == PRODUCT)
            kept[name] = edges.where(~alone[edges.rows] | loops)
    return replace(block, edges=kept)


class GraphStudent(nn.Module):  # type: ignore[misc]
    """A graph network with what it learns by: a temperature, heads for labels. Only the network is kept afterwards.

    Parameters
    ----------
    network
        Learns to foretell links: the two products of a pair find each other among all of the batch, which are its
        sampled negatives, but for those that belong to them as well (InfoNCE).
    sizes
        Field of labels -> classes.
    label_weight
        Of the loss on labels.
    """

    def __init__(self, network: GraphNetwork, sizes: Mapping[str, int], *, label_weight: float) -> None:
        super().__init__()
        self.network, self.temperature = network, Temperature()
        self.heads = Heads(network.features.width, sizes) if sizes and label_weight > 0 else None
        self.label_weight = label_weight

    def loss(self, batch: GraphBatch) -> Any:
        """A batch to a scalar."""
        left, right = (self.network(*side[:3])[side.places] for side in (batch.left, batch.right))
        total = info_nce(left, right, batch.related, temperature=self.temperature(), same="ignored")
        if self.heads is not None:
            logits = self.heads(left * self.network.features.width**0.5)
            total = total + self.label_weight * label_loss(logits, batch.labels)
        return total


def taught(
    network: GraphNetwork,
    rows: Sequence[Vectors],
    present: Masks,
    sampler: NeighbourSampler,
    belonging: Any,
    lesson: Lesson,
    *,
    hide: float,
    label_weight: float,
    pace: Mapping[str, Any],
    device: str,
    seed: int,
    progress: Progress,
) -> History:
    """Train a network in place, on ``device``; it ends on the processor.

    The parameters are those of :class:`GraphExamples`, :class:`GraphStudent` and, in ``pace``, of the schedule.
    """
    labels = coded(lesson.labels, np.asarray(present.any(axis=1)))
    examples = GraphExamples(rows, present, sampler, belonging, lesson.groups, labels, int(pace["batch"]), hide)
    sizes = {name: int(classes.max()) + 1 for name, classes in labels.items()}
    student = GraphStudent(network, sizes, label_weight=label_weight)
    history = train(
        student,
        examples.batches,
        student.loss,
        Schedule(**pace),
        steps=examples.steps,
        seed=seed,
        device=device,
        progress=progress,
        stage=STAGE,
    )
    network.to("cpu")
    return history
