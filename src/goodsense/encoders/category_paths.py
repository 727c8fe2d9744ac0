"""Where a product stands in the category tree, as a few numbers.

Every prefix of a path ("Toys", "Toys > Cars", ...) is a node. A node is described twice: by its ancestors and itself,
one column each, so that squared distances are the steps from node to node in the tree; and by how much more or less
often than everywhere its products have each value of the other attributes (the residuals of correspondence analysis;
Greenacre, 1984), drawn towards its parent's the fewer products it has. Singular vectors of both together give the
numbers. So siblings are near, categories of alike goods are nearer than others, and a path with an unknown leaf falls
back to what is known of its ancestors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.decomposition import truncated_svd

__all__ = ["FIELD", "CategoryPaths", "path_of"]

Path: TypeAlias = tuple[str, ...]

FIELD = "category"
LIMIT = 2_000  # nodes, the most frequent first
PRIOR = 4.0  # products that a node's parent counts as in the node's description
_SEPARATORS = (">", "›", "»")


def path_of(value: Mapping[str, Any]) -> Path:
    """The category path of a product, from the root down: levels as they are, or one text cut at ``>``; or ``()``."""
    found = value.get(FIELD, ())
    if isinstance(found, str):
        separator = next((sign for sign in _SEPARATORS if sign in found), None)
        found = found.split(separator) if separator else (found,)
    if not isinstance(found, tuple | list):
        return ()
    return tuple(level for one in found if (level := str(one).strip()))


@dataclass(frozen=True, eq=False)
class CategoryPaths:
    """Nodes of a category tree and their ``vectors`` ``(nodes, dim)`` float32, centred and scaled over the products of
    the fit: on average a squared length of ``dim``, as so many z-scored columns have."""

    nodes: tuple[Path, ...]
    vectors: NDArray[np.float32]

    @classmethod
    def fit(cls, paths: Sequence[Path], beside: NDArray[np.float32], *, dim: int, seed: int) -> CategoryPaths:
        """Learn from products: their paths, and ``beside`` ``(n, f)``, their other attributes as z-scores."""
        from scipy.sparse import csr_matrix

        counts = Counter(path[:depth] for path in paths for depth in range(1, len(path) + 1))
        nodes = tuple(sorted(counts, key=lambda node: (-counts[node], len(node), node))[:LIMIT])
        if not nodes:
            return cls((), np.zeros((0, dim), dtype=np.float32))
        rows = _rows({node: row for row, node in enumerate(nodes)}, paths)
        own = np.bincount(rows[rows >= 0], minlength=len(nodes)) / max((rows >= 0).sum(), 1)  # (nodes,), sum 1
        features = np.hstack([_equal(part, own) for part in (_ancestry(nodes), _profiles(nodes, paths, beside))])
        centred = features - own @ features
        axes = truncated_svd(csr_matrix(centred * np.sqrt(own)[:, None]), dim, seed=seed)
        vectors = centred @ axes
        energy = float(own @ (vectors**2).sum(axis=1))
        scale = np.sqrt(dim / energy) if energy > 1e-12 else 0.0
        return cls(nodes, (vectors * scale).astype(np.float32))

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def encode(self, paths: Sequence[Path]) -> NDArray[np.float32]:
        """``(n, dim)``: the vector of the longest known prefix; zeros, the average product, where none is known."""
        rows = _rows({node: row for row, node in enumerate(self.nodes)}, paths)
        padded = np.vstack((self.vectors, np.zeros((1, self.dim), dtype=np.float32)))
        found: NDArray[np.float32] = padded[rows]  # -1 is the last
        return found


def _rows(places: Mapping[Path, int], paths: Sequence[Path]) -> NDArray[np.intp]:
    """The row of each path's longest known prefix; -1 if there is none."""
    known = (
        next((places[path[:depth]] for depth in range(len(path), 0, -1) if path[:depth] in places), -1)
        for path in paths
    )
    return np.fromiter(known, dtype=np.intp, count=len(paths))


def _ancestry(nodes: Sequence[Path]) -> NDArray[np.float64]:
    """``(nodes, nodes)``: 1 for the node itself and each of its ancestors."""
    places = {node: row for row, node in enumerate(nodes)}
    found = np.zeros((len(nodes), len(nodes)))
    for row, node in enumerate(nodes):
        found[row, [places[node[:depth]] for depth in range(1, len(node) + 1)]] = 1.0
    return found


def _profiles(nodes: Sequence[Path], paths: Sequence[Path], beside: NDArray[np.float32]) -> NDArray[np.float64]:
    """``(nodes, f)``: the mean of the products below each node; its parent's counts as :data:`PRIOR` products."""
    places = {node: row for row, node in enumerate(nodes)}
    sums, counts = np.zeros((len(nodes), beside.shape[1])), np.zeros(len(nodes))
    for path, row in zip(paths, beside, strict=True):
        above = [places[path[:depth]] for depth in range(1, len(path) + 1) if path[:depth] in places]
        sums[above] += row
        counts[above] += 1
    found = np.zeros_like(sums)
    for node in sorted(nodes, key=len):  # parents first; above the roots lies the average product, 0
        row = places[node]
        above_it = found[places[node[:-1]]] if len(node) > 1 else 0.0
        found[row] = (sums[row] + PRIOR * above_it) / (counts[row] + PRIOR)
    return found


def _equal(part: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part scaled to a variance of 1 over all products, so that neither drowns the other."""
    energy = float(own @ ((part - own @ part) ** 2).sum(axis=1))
    return part / np.sqrt(energy) if energy > 1e-12 else np.zeros_like(part)
