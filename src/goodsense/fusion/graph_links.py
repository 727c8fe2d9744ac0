"""Which products of a shop are linked: by content, by what shoppers did, by labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from scipy import sparse

from goodsense.errors import UsageError
from goodsense.fusion.product_graph import (
    PRODUCT,
    SIMILAR,
    Link,
    ProductGraph,
    Relation,
    behaviour_edges,
    content_edges,
    shared_edges,
)
from goodsense.learning.lesson import Lesson
from goodsense.types import Embeddings, Mask

TOGETHER, SAME = "together", "same "  # pairs of the lesson; products that share a label
BELONGING = {SIMILAR: 0.25, TOGETHER: 1.0}  # how strongly linked products belong together
OTHERS, GROUPS = 0.5, 1.0  # the same, of other links and of one group


def linked(
    content: Embeddings,
    lesson: Lesson,
    further: ProductGraph | None = None,
    *,
    neighbours: int,
    link: Link,
    shared: Collection[str] = (),
    seed: int = 0,
) -> ProductGraph:
    """The graph of these products; those without content have no edges.

    Parameters
    ----------
    content
        What products are compared by.
    lesson
        Its pairs are links, and its labels named in ``shared``.
    further
        Relations from elsewhere, of the same products.
    neighbours, link
        As :func:`goodsense.fusion.product_graph.content_edges`.

    Raises
    ------
    UsageError
        If content, lesson and graph are not of as many products, or a shared field is not among the labels.
    """
    count = len(content)
    if len(lesson.groups) != count:
        raise UsageError(f"the lesson is of {len(lesson.groups)} products; the blocks are of {count}.")
    if further is not None and further.counts.get(PRODUCT) != count:
        raise UsageError(f"the graph is of {further.counts.get(PRODUCT, 0)} products; the blocks are of {count}.")
    edges = {SIMILAR: content_edges(content, neighbours, link=link)}
    if len(lesson.pairs):
        edges[TOGETHER] = behaviour_edges(lesson.pairs, lesson.weights, count)
    for name in shared:
        if name not in lesson.labels:
            raise UsageError(f"products cannot share {name!r}; the lesson has labels of {sorted(lesson.labels)}.")
        edges[SAME + name] = shared_edges(lesson.labels[name], seed=seed)
    own = ProductGraph.of_products(count, edges)
    relations = own.relations if further is None else (*own.relations, *further.relations)
    counts = own.counts if further is None else {**further.counts, **own.counts}
    return ProductGraph(counts, tuple(_between(relation, content.present) for relation in relations))


def completed(graph: ProductGraph, links: Mapping[str, tuple[str, str]]) -> ProductGraph:
    """The graph with relations without any edge where ``links`` are known between products that it lacks."""
    found = {link.name for link in graph.links}
    empty = sparse.csr_array((graph.counts[PRODUCT],) * 2)
    lacking = [name for name, ends in links.items() if name not in found and ends == (PRODUCT, PRODUCT)]
    whole = graph
    for name in lacking:
        whole = whole.joined(Relation(PRODUCT, name, PRODUCT, empty))
    if {link.name: (link.head, link.tail) for link in whole.links} != dict(links):
        raise UsageError(
            f"the graph has the links {', '.join(sorted(found))}; the fusion has learned {', '.join(sorted(links))}.",
            fix="Give the relations that the fusion was fitted with.",
        )
    return whole


def positives(graph: ProductGraph, lesson: Lesson, present: Mask) -> Any:
    """How strongly products belong together, CSR ``(n, n)``: links between them and groups.

    What each says of a product sums to its strength, however many others it names.
    """
    total = OTHERS * sparse.csr_array((len(present),) * 2)
    for relation in graph.relations:
        if relation.head == relation.tail == PRODUCT:
            total = total + BELONGING.get(relation.name, OTHERS) * _by_row(relation.matrix)
    grouped = Relation(PRODUCT, "group", PRODUCT, shared_edges(lesson.groups))
    total = sparse.csr_array(total + GROUPS * _by_row(_between(grouped, present).matrix))
    total.sort_indices()
    return total


def _by_row(matrix: Any) -> Any:
    """Rows that sum to 1, or are empty."""
    sums = np.asarray(matrix.sum(axis=1))
    return sparse.diags_array(np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)) @ matrix


def _between(relation: Relation, present: Mask) -> Relation:
    """Without the edges of products that have nothing to say."""
    entries = relation.matrix.tocoo()
    rows, columns = entries.coords
    kept = np.ones(len(rows), dtype=np.bool_)
    if relation.head == PRODUCT:
        kept &= present[rows]
    if relation.tail == PRODUCT:
        kept &= present[columns]
    matrix = sparse.csr_array((entries.data[kept], (rows[kept], columns[kept])), shape=relation.matrix.shape)
    return Relation(relation.head, relation.name, relation.tail, matrix)
