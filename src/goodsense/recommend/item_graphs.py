"""Graphs over items that a filter walks: who is taken together, who is alike, who shares a taste.

Every graph is a CSR matrix ``(n, n)`` of float32 with few entries per row and no diagonal, scaled so that a row that
has any entry sums to 1 on average. So weights of different graphs compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.decomposition import SMALL, truncated_svd
from goodsense.fusion.neighbours import COMPARE_ALL, PROBES, nearest, nearest_in_cells
from goodsense.progress import Progress, silent
from goodsense.recommend.content import Content
from goodsense.recommend.pruning import pruned_product, without_diagonal
from goodsense.types import Embeddings

Graph: TypeAlias = Any  # a scipy CSR matrix (n, n)
Taken: TypeAlias = Any  # users by items, a scipy CSR matrix (u, n)

TAGS = "tags"
_PAIRS = 100_000_000  # pairs of items that are compared: those sharing a tag, or a taste with the most popular
_TOLERANCE = 1e-3  # of singular values
_MANY = 200_000  # items of which fewer cells are looked into


def even(graph: Graph) -> Graph:
    """The same graph with rows that sum to 1 on average."""
    filled = np.count_nonzero(np.diff(graph.indptr))
    total = float(graph.data.sum(dtype=np.float64))
    return (graph * np.float32(filled / total)).tocsr() if total > 0 else graph


def scaled_by(matrix: Any, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Any:
    """``diag(rows) M diag(columns)`` as float32 CSR."""
    from scipy.sparse import csr_matrix, diags_array

    return csr_matrix(diags_array(rows) @ matrix @ diags_array(columns), dtype=np.float32)


def powers(degrees: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Powers of the positive degrees, 0 of the others."""
    return np.where(degrees > 0, np.maximum(degrees, 1e-12) ** exponent, 0.0)


def degrees(matrix: Any, axis: int) -> NDArray[np.float64]:
    """Sums along an axis."""
    return np.asarray(matrix.sum(axis=axis), dtype=np.float64).ravel()


# ---- behaviour


def together(taken: Taken, *, users: float, seen: float, found: float, keep: int, progress: Progress = silent) -> Graph:
    """Items that the same shoppers took: ``D_i^-seen R' D_u^-users R D_i^-found``, the strongest of every row.

    A shopper with many items counts less by ``users``, a popular item of the history by ``seen``, a popular candidate
    by ``found`` (below 0 it counts more). With ``seen = found`` this is the normalised co-occurrence of GF-CF (Shen et
    al., CIKM 2021); that the candidate's exponent should be small is what Paudel et al. found for RP3beta (TiiS 2017).
    """
    half = scaled_by(taken, powers(degrees(taken, 1), -users / 2), np.ones(taken.shape[1]))
    own = degrees(taken, 0)
    left = scaled_by(half.T.tocsr(), powers(own, -seen), np.ones(taken.shape[0]))
    right = scaled_by(half, np.ones(taken.shape[0]), powers(own, -found))
    return even(pruned_product(left, right, keep, change=without_diagonal, progress=progress, stage="bought together"))


def taste(taken: Taken, *, users: float, dim: int, keep: int, seed: int) -> Graph:
    """Items along the same few directions: the ideal low-pass filter ``D_i^-1/2 V V' D_i^1/2`` of GF-CF, its strongest.

    ``V`` are the leading right singular vectors of ``D_u^-users/2 R D_i^-1/2``. Where there are too many items to
    compare all with all, only the most popular are found.
    """
    from scipy.sparse import vstack

    n, own = taken.shape[1], degrees(taken, 0)
    weighed = scaled_by(taken, powers(degrees(taken, 1), -users / 2), powers(own, -0.5))
    basis = _directions(weighed, dim, seed)  # (n, dim)
    down = (powers(own, -0.5)[:, None] * basis).astype(np.float32)
    up = (powers(own, 0.5)[:, None] * basis).astype(np.float32)
    columns = np.sort(np.argsort(-own, kind="stable")[: max(1_000, _PAIRS // max(n, 1))])
    keep, parts = min(keep, len(columns)), []
    for begin in range(0, n, 1_024):
        near = down[begin : begin + 1_024] @ up[columns].T  # (b, columns)
        near[columns[None, :] == np.arange(begin, begin + len(near))[:, None]] = 0
        parts.append(_largest(near, columns, keep, n))
    return even(vstack(parts, format="csr"))


def _directions(matrix: Any, dim: int, seed: int) -> NDArray[np.float64]:
    """The leading right singular vectors ``(n, dim)``, by Lanczos steps where there are many.

    The spectrum of such a graph is flat: a randomised decomposition of few steps misses the directions that matter.
    """
    from scipy.sparse.linalg import svds

    least = min(matrix.shape)
    if dim == 0:
        return np.zeros((matrix.shape[1], 0))
    if least <= max(SMALL, 2 * dim):
        return truncated_svd(matrix, min(dim, least), seed=seed).astype(np.float64)
    begin = np.random.default_rng(seed).normal(size=least)
    _, _, right = svds(matrix.astype(np.float64), dim, v0=begin, tol=_TOLERANCE)
    return np.ascontiguousarray(right.T)


def _largest(near: NDArray[np.float32], columns: NDArray[np.int64], keep: int, n: int) -> Any:
    """The ``keep`` largest positive of every row of ``(b, c)``, as CSR ``(b, n)``."""
    from scipy.sparse import csr_matrix

    chosen = np.sort(np.argpartition(-near, keep - 1, axis=1)[:, :keep], axis=1)
    values = np.maximum(np.take_along_axis(near, chosen, axis=1), 0)
    starts = np.arange(len(near) + 1) * keep
    found = csr_matrix((values.ravel(), columns[chosen].ravel(), starts), shape=(len(near), n))
    found.eliminate_zeros()
    return found


# ---- content


def alike(content: Content, *, neighbours: int, progress: Progress = silent) -> dict[str, Graph]:
    """One graph per block of vectors, and one of tags and categories: each item with its nearest, either way."""
    found = {}
    if content.tags or content.categories:
        found[TAGS] = balanced(by_tags(content, neighbours, progress))
    for name, block in sorted(content.blocks.items()):
        progress(f"alike by {name}", 0, 1)
        found[name] = balanced(by_vectors(block, neighbours))
    return {name: graph for name, graph in found.items() if graph.nnz}


def by_tags(content: Content, neighbours: int, progress: Progress = silent) -> Graph:
    """Cosines of tf-idf weights of tags and categories, the nearest of every item.

    A tag that one item has, or so many that comparing all of them would take too long, tells nothing.
    """
    from scipy.sparse import diags_array

    marks = _marks(content)
    counts = np.bincount(marks.indices, minlength=marks.shape[1]).astype(np.float64)
    order = np.argsort(counts, kind="stable")
    told = np.zeros(len(counts), dtype=np.bool_)
    told[order[np.cumsum(counts[order] ** 2) <= _PAIRS]] = True
    rarity = np.log((1 + len(content)) / (1 + counts)) * (told & (counts > 1))
    weighed = (marks @ diags_array(rarity)).tocsr().astype(np.float32)
    weighed.eliminate_zeros()
    length = np.sqrt(degrees(weighed.multiply(weighed), 1))
    unit = scaled_by(weighed, powers(length, -1), np.ones(marks.shape[1]))
    return pruned_product(
        unit, unit.T.tocsr(), neighbours, change=without_diagonal, progress=progress, stage="alike by tags"
    )


def _marks(content: Content) -> Any:
    """Which item has which tag or is in which category: a CSR matrix of ones ``(n, t)``."""
    tags = content.tags or ((),) * len(content)
    categories = content.categories or ("",) * len(content)
    own = tuple(
        (*each, f"category={name}") if name else tuple(each) for each, name in zip(tags, categories, strict=True)
    )
    return Content(content.ids, tags=own).tag_matrix()[0]


def by_vectors(block: Embeddings, neighbours: int) -> Graph:
    """Cosines of centred vectors, the nearest of every item that has one."""
    from scipy.sparse import csr_matrix

    n, rows = len(block), np.flatnonzero(block.present)
    if len(rows) < 2:
        return csr_matrix((n, n), dtype=np.float32)
    own = block.vectors[rows] - block.vectors[rows].mean(axis=0)
    itself, k = np.arange(len(rows)), min(neighbours, len(rows) - 1)
    if len(rows) <= COMPARE_ALL:
        near, cosines = nearest(own, own, k, skip=itself)
    else:
        probes = PROBES if len(rows) <= _MANY else PROBES // 4
        near, cosines = nearest_in_cells(own, own, k, skip=itself, probes=probes)
    real = near >= 0
    left = np.repeat(rows, real.sum(axis=1))
    return csr_matrix((cosines[real].astype(np.float32), (left, rows[near[real]])), shape=(n, n))


def balanced(near: Graph) -> Graph:
    """Nearest either way, ``max(K, K')``, and both degrees evened out: ``D^-1/2 K D^-1/2``."""
    both = near.maximum(near.T).tocsr()
    own = powers(degrees(both, 1), -0.5)
    return even(scaled_by(both, own, own))


def shares(graphs: Mapping[str, Graph], mix: Mapping[str, float] | None) -> dict[str, float]:
    """The share of each graph, with a sum of 1; all the same where ``mix`` gives none of them any."""
    own = {name: 1.0 if mix is None else mix.get(name, 0.0) for name in graphs}
    total = sum(own.values())
    return {name: share / total if total > 0 else 1 / len(own) for name, share in own.items()}


def mean_of(graphs: Mapping[str, Graph], mix: Mapping[str, float] | None, n: int) -> Graph:
    """The mean of graphs by their :func:`shares`; of none, one without entries."""
    from scipy.sparse import csr_matrix

    found = csr_matrix((n, n), dtype=np.float32)
    for name, share in shares(graphs, mix).items():
        found = found + np.float32(share) * graphs[name]
    return found.tocsr()


__all__ = [
    "TAGS",
    "Graph",
    "Taken",
    "alike",
    "balanced",
    "by_tags",
    "by_vectors",
    "even",
    "mean_of",
    "shares",
    "taste",
    "together",
]
