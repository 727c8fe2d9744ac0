"""The graph of a shop: products that are alike, share a brand or go together, and the users and attributes beside them.

Every relation is one sparse CSR matrix and its reverse; nodes without any edge are normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from goodsense.errors import UsageError
from goodsense.fusion.neighbours import COMPARE_ALL, nearest, nearest_in_cells
from goodsense.types import Embeddings

Link: TypeAlias = Literal["either", "mutual"]
LINKS: tuple[Link, ...] = get_args(Link)
PRODUCT, USER, ATTRIBUTE = "product", "user", "attribute"
SIMILAR, BUYS, HAS = "similar", "buys", "has"
LINKED = "linked"  # all that joins products, in one
REVERSE = "_reverse"


@dataclass(frozen=True, eq=False)
class Relation:
    """Edges of one kind: row ``i`` of ``matrix`` holds which nodes of the kind ``tail`` the ``head`` node ``i`` has.

    Parameters
    ----------
    head, name, tail
        As a sentence: ``user``, ``buys``, ``product``.
    matrix
        Sparse ``(heads, tails)`` of positive weights; stored as CSR with ascending columns.
    """

    head: str
    name: str
    tail: str
    matrix: Any

    def __post_init__(self) -> None:
        matrix = sparse.csr_array(self.matrix, dtype=np.float64)
        matrix.sum_duplicates()
        if matrix.nnz and not (np.isfinite(matrix.data).all() and matrix.data.min() > 0):
            raise UsageError(f"the relation {self.name!r} has weights that are no positive numbers.")
        object.__setattr__(self, "matrix", matrix)

    @cached_property
    def reverse(self) -> Relation:
        """The same edges seen from their other end."""
        return Relation(self.tail, self.name + REVERSE, self.head, self.matrix.T)

    @cached_property
    def symmetric(self) -> bool:
        """Whether the reverse says nothing new."""
        return self.head == self.tail and (self.matrix != self.reverse.matrix).nnz == 0


@dataclass(frozen=True, eq=False)
class ProductGraph:
    """Nodes of one or several kinds, and typed edges between them.

    Parameters
    ----------
    counts
        Kind of node -> how many there are.
    relations
        Between these kinds, each name once.

    Raises
    ------
    UsageError
        If a relation joins unknown kinds, has another shape than their nodes, or a name that is taken.
    """

    counts: Mapping[str, int]
    relations: tuple[Relation, ...]

    def __post_init__(self) -> None:
        for relation in self.relations:
            for kind in (relation.head, relation.tail):
                if kind not in self.counts:
                    raise UsageError(f"{relation.name!r} joins {kind!r} nodes; expected {', '.join(self.counts)}.")
            expected = (self.counts[relation.head], self.counts[relation.tail])
            if relation.matrix.shape != expected:
                raise UsageError(f"{relation.name!r} is {relation.matrix.shape}; its nodes are {expected}.")
        names = [relation.name for relation in self.relations]
        if len(set(names)) < len(names):
            raise UsageError(f"a graph names a relation twice: {', '.join(names)}.")

    @classmethod
    def of_products(cls, count: int, edges: Mapping[str, Any]) -> ProductGraph:
        """Products alone, with edges ``(count, count)`` by name."""
        return cls({PRODUCT: count}, tuple(Relation(PRODUCT, name, PRODUCT, edges[name]) for name in edges))

    @classmethod
    def heterogeneous(
        cls, count: int, *, similar: Any = None, buys: Any = None, has: Any = None, **others: Any
    ) -> ProductGraph:
        """Products with their users and attributes; what is None is left out.

        Parameters
        ----------
        similar, others
            Sparse ``(count, count)``: which products are alike, or go together in other ways.
        buys
            Sparse ``(users, count)``: who bought what.
        has
            Sparse ``(count, attributes)``: which values a product has.
        """
        joined = {**({} if similar is None else {SIMILAR: similar}), **others}
        graph = cls.of_products(count, joined)
        if buys is not None:
            graph = graph.joined(Relation(USER, BUYS, PRODUCT, buys))
        return graph if has is None else graph.joined(Relation(PRODUCT, HAS, ATTRIBUTE, has))

    def joined(self, relation: Relation) -> ProductGraph:
        """The graph with one relation more, and its nodes where they are new."""
        heads, tails = relation.matrix.shape
        counts = {relation.head: heads, relation.tail: tails, **self.counts}
        return ProductGraph(counts, (*self.relations, relation))

    @property
    def links(self) -> tuple[Relation, ...]:
        """Every way in which a node gathers from others: each relation, and its reverse unless that is the same."""
        both = [(relation,) if relation.symmetric else (relation, relation.reverse) for relation in self.relations]
        return tuple(link for pair in both for link in pair)

    def merged(self) -> ProductGraph:
        """All that joins products with products as one symmetric relation, ``linked``; weights are added."""
        total = sparse.csr_array((self.counts[PRODUCT],) * 2, dtype=np.float64)
        for relation in self.relations:
            if relation.head == relation.tail == PRODUCT:
                total = total + (relation.matrix if relation.symmetric else relation.matrix + relation.matrix.T)
        return ProductGraph.of_products(self.counts[PRODUCT], {LINKED: total})

    def normalised(self) -> ProductGraph:
        """Every relation as :func:`normalised` leaves it, with loops where it joins nodes of one kind."""
        changed = (replace(r, matrix=normalised(r.matrix, loops=r.head == r.tail)) for r in self.relations)
        return replace(self, relations=tuple(changed))


def normalised(matrix: Any, *, loops: bool = True) -> Any:
    """``D^-1/2 (A + I) D^-1/2`` with ``D`` the degrees of ``A + I`` (Kipf and Welling, ICLR 2017).

    Without ``loops``, as between nodes of two kinds: ``D_rows^-1/2 A D_columns^-1/2``.
    """
    entries = sparse.csr_array(matrix + sparse.eye_array(matrix.shape[0]) if loops else matrix).tocoo()
    rows, columns = entries.coords
    left = _roots(np.bincount(rows, entries.data, minlength=matrix.shape[0]))
    right = _roots(np.bincount(columns, entries.data, minlength=matrix.shape[1]))
    weights = entries.data * (left[rows] * right[columns])  # in this order the result is as symmetric as the matrix
    return sparse.csr_array((weights, (rows, columns)), shape=matrix.shape)


def _roots(degrees: NDArray[Any]) -> NDArray[np.float64]:
    """One over the square root; zero for nodes without edges."""
    roots: NDArray[np.float64] = np.sqrt(degrees.astype(np.float64))
    return np.divide(1.0, roots, out=np.zeros_like(roots), where=roots > 0)


# ---- edges


def content_edges(block: Embeddings, k: int, *, link: Link = "either") -> Any:
    """Each product and the ``k`` most alike by cosine, as a symmetric CSR ``(n, n)`` of cosines above zero.

    Of more than :data:`COMPARE_ALL` products, each is compared with those of the nearest cells
    (:func:`goodsense.fusion.neighbours.nearest_in_cells`), so that 100,000 take a minute; nearly all are found.

    Parameters
    ----------
    block
        One modality's vectors, or fused ones; products that are not present have no edges.
    k
        Neighbours that each product names.
    link
        ``either``: joined where one names the other; ``mutual``: where both do.

    Raises
    ------
    UsageError
        If ``k`` is below 1, or ``link`` is unknown.
    """
    if link not in LINKS:
        raise UsageError(f"link is {link!r}; expected one of {', '.join(LINKS)}.")
    rows = np.where(block.present[:, None], block.vectors, np.float32(0))
    find = nearest if len(rows) <= COMPARE_ALL else nearest_in_cells
    named = named_edges(*find(rows, rows, k, skip=np.arange(len(rows))), count=len(rows))
    return named.maximum(named.T).tocsr() if link == "either" else named.minimum(named.T).tocsr()


def named_edges(found: NDArray[np.int64], near: NDArray[np.float64], *, count: int) -> Any:
    """What :func:`goodsense.fusion.neighbours.nearest` found, as a CSR ``(m, count)``."""
    real = found >= 0
    starts = np.concatenate(([0], np.cumsum(real.sum(axis=1))))
    matrix = sparse.csr_array((near[real], found[real], starts), shape=(len(found), count))
    matrix.sort_indices()
    return matrix


def shared_edges(codes: NDArray[np.int64], *, most: int = 16, seed: int = 0) -> Any:
    """Products that share a brand, a category or a title: symmetric CSR ``(n, n)`` of ones.

    Parameters
    ----------
    codes
        ``(n,)`` which value a product has; -1 for none, which is shared with nobody.
    most
        Neighbours per product. All pairs of a smaller group are joined; a larger one is put in a random ring, and each
        product is joined with the ``most // 2`` on either side.
    seed
        Decides the rings.
    """
    if most < 2:
        raise UsageError(f"most is {most}; expected at least 2 neighbours.")
    n = len(codes)
    order = np.lexsort((np.random.default_rng(seed).random(n), codes))
    order = order[codes[order] >= 0]
    first, sizes = np.unique(codes[order], return_index=True, return_counts=True)[1:]
    starts, size = np.repeat(first, sizes), np.repeat(sizes, sizes)
    within = np.arange(len(order)) - starts
    pairs = []
    for offset in range(1, most // 2 + 1):
        joined = size >= 2 * offset  # half the way round reaches everybody
        partners = order[(starts + (within + offset) % size)[joined]]
        pairs.append(np.stack([order[joined], partners], axis=1))
    matrix = _paired(np.concatenate([np.zeros((0, 2), dtype=np.int64), *pairs]), n)
    matrix.data[:] = 1.0
    return matrix


def behaviour_edges(pairs: NDArray[np.int64], weights: NDArray[np.floating[Any]], count: int) -> Any:
    """What goes together by what shoppers did: symmetric CSR ``(count, count)``, whose mean weight is 1.

    Parameters
    ----------
    pairs, weights
        ``(m, 2)`` products and ``(m,)`` how strongly; repeated pairs add up, a product with itself is no pair.

    Raises
    ------
    UsageError
        If a weight is negative or not finite.
    """
    if weights.size and not (np.isfinite(weights).all() and weights.min() >= 0):
        raise UsageError("pairs of products have weights that are negative or not finite.")
    kept = (pairs[:, 0] != pairs[:, 1]) & (weights > 0)
    matrix = _paired(pairs[kept], count, weights[kept].astype(np.float64))
    matrix.data /= matrix.data.mean() if matrix.nnz else 1.0
    return matrix


def _paired(pairs: NDArray[np.int64], count: int, weights: NDArray[np.float64] | None = None) -> Any:
    """Both directions of every pair, added up."""
    values = np.ones(len(pairs)) if weights is None else weights
    one_way = sparse.coo_array((values, (pairs[:, 0], pairs[:, 1])), shape=(count, count)).tocsr()
    return (one_way + one_way.T).tocsr()
