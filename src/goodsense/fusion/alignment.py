"""Blocks mapped into one space in closed form, so that a vector of one modality compares with those of another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.options import number, whole_number
from goodsense.errors import DataError, UsageError
from goodsense.fusion.base import Arrays, BlockFusion, Parts, unit_sum
from goodsense.fusion.blocks import Given, slots
from goodsense.fusion.widths import Matrix, leading, signed
from goodsense.types import Embeddings

Pair = tuple[str, str]


class CcaFusion(BlockFusion):
    """Canonical correlation analysis: directions of the blocks that vary together over products, and their mean.

    Two blocks are canonical correlation analysis (Hotelling, 1936) with a ridge (Vinod, 1976); more are its MAXVAR
    generalisation (Kettenring, 1971): the leading eigenvectors of the whitened cross-covariances of all blocks. The
    cross-covariance of two blocks is that of the products that have both, so products that lack a block still teach the
    rest. The fused vector is the mean of a product's blocks in that space, each of unit length.

    Parameters
    ----------
    dim
        Number of directions at most; there are fewer if the blocks have fewer in common.
    ridge
        Share of a block's mean variance that is added in every direction before whitening, above 0. Larger for fewer
        products: what few of them have in common by chance is held down.
    power
        Each direction is scaled by its correlation to this power; at 1/2 an inner product weighs it by the correlation.
    components
        A wider block is brought to so many principal components first.
    """

    kind: ClassVar[str] = "cca"

    def __init__(self, *, dim: int = 256, ridge: float = 0.5, power: float = 1.0, components: int = 512) -> None:
        super().__init__(
            dim=whole_number("dim", dim),
            ridge=number("ridge", ridge, least=0, above=True),
            power=number("power", power, least=0),
            components=whole_number("components", components),
        )

    @property
    def correlations(self) -> NDArray[np.float64]:
        """Mean correlation of the blocks in each direction, largest first: ``(dim,)``; of two blocks the canonical.

        As blocks vary over other products than those that pairs share, an estimate may exceed 1; it is cut there.
        """
        return np.array(self._arrays.get("correlations", {}).get("all", ()), dtype=np.float64)

    @property
    def shared(self) -> Mapping[Pair, int]:
        """Two blocks -> how many products had both at the fit."""
        return _shared(self._arrays)

    def project(self, name: str, block: Embeddings) -> Embeddings:
        """Rows of one block, products' or queries', in the common space, where they compare with fused vectors."""
        return self.fuse({name: block})

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        counts = counts_of(given, self.kind)
        whiteners = {
            name: _whitener(rows, self._options["ridge"], self._options["components"], seed)
            for name, rows in given.items()
        }
        places = slots({name: matrix.shape[1] for name, matrix in whiteners.items()})
        values, vectors = _leading_pairs(_whitened_crossings(given, whiteners, places), self._options["dim"])
        correlations = np.minimum(values / (len(given) - 1), 1.0)
        if not len(values):
            raise DataError(
                "the blocks have nothing in common that varies over the products they share.",
                fix="Align more products, or fuse without alignment (additive).",
            )
        scaled = vectors * (math.sqrt(len(given)) * correlations ** self._options["power"])
        maps = {name: (whiteners[name] @ scaled[place]).astype(np.float32) for name, place in places.items()}
        return {"map": maps, "correlations": {"all": correlations}, "shared": counts}

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        return unit_sum({name: rows.vectors for name, rows in given.items()})


class RidgeFusion(BlockFusion):
    """Ridge regression of one block, the anchor, on each of the others; the fused vector is the mean in its space.

    A block learns from the products that have it and the anchor too. To find products by a modality, make that the
    anchor: predicting the query's space suffers less from hubs, items that are near everything, than predicting the
    items' space (Shigeto and others, 2015).

    Parameters
    ----------
    anchor
        The block whose space is the common one; None for the block that shares the most products with the others.
    dim
        Principal components of the anchor that make the space; None for its columns as they are.
    ridge
        Penalty, as a share of the block's mean variance times the number of products learned from; above 0.
    """

    kind: ClassVar[str] = "ridge"

    def __init__(self, *, anchor: str | None = None, dim: int | None = None, ridge: float = 0.3) -> None:
        if dim is not None:
            whole_number("dim", dim)
        super().__init__(anchor=anchor, dim=dim, ridge=number("ridge", ridge, least=0, above=True))

    @property
    def anchor(self) -> str:
        """The block whose space is the common one; empty before the fit."""
        return next(iter(self._arrays.get("anchor", {})), "")

    @property
    def shared(self) -> Mapping[Pair, int]:
        """Two blocks -> how many products had both at the fit."""
        return _shared(self._arrays)

    def project(self, name: str, block: Embeddings) -> Embeddings:
        """Rows of one block, products' or queries', in the common space, where they compare with fused vectors."""
        return self.fuse({name: block})

    def _learn(self, given: Mapping[str, Given], seed: int) -> Arrays:
        counts = counts_of(given, self.kind)
        anchor = self._options["anchor"] or most_shared(pairs_of(counts))
        if anchor not in given:
            raise UsageError(f"the anchor is {anchor!r}; expected one of the blocks {', '.join(given)}.")
        target = given[anchor]
        width = target.vectors.shape[1]
        axes: Matrix = np.eye(width)
        if self._options["dim"] is not None:
            axes = leading(target.vectors[target.present], min(self._options["dim"], width), seed=seed)
        maps = {
            name: (axes if name == anchor else _regression(rows, target, self._options["ridge"]) @ axes)
            for name, rows in given.items()
        }
        found = {name: matrix.astype(np.float32) for name, matrix in maps.items()}
        return {"map": found, "shared": counts, "anchor": {anchor: np.ones(1, dtype=np.int64)}}

    def _joined(self, given: Mapping[str, Given]) -> Parts:
        return unit_sum({name: rows.vectors for name, rows in given.items()})


def counts_of(given: Mapping[str, Given], kind: str) -> dict[str, NDArray[Any]]:
    """How many products two blocks share, under both names and for all pairs that share any.

    Raises
    ------
    UsageError
        If there is one block only.
    DataError
        If no two blocks share a product.
    """
    if len(given) < 2:
        raise UsageError(
            f"the fusion {kind!r} aligns blocks with each other; found only {', '.join(given)}.",
            fix="Give at least two blocks, or use another fusion.",
        )
    present = np.stack([rows.present for rows in given.values()]).astype(np.int64)  # (B, n)
    both = present @ present.T
    if not np.triu(both, 1).any():
        raise DataError(
            f"no product has two of the blocks {', '.join(given)}, so none can be aligned with another.",
            fix="Fit on products that have several modalities, or fuse without alignment (additive).",
        )
    return {name: both[place] for place, name in enumerate(given)}


def pairs_of(counts: Mapping[str, NDArray[Any]]) -> dict[Pair, int]:
    names = sorted(counts)
    return {(a, b): int(counts[a][names.index(b)]) for a in names for b in names if a < b}


def _shared(arrays: Arrays) -> Mapping[Pair, int]:
    return pairs_of(arrays.get("shared", {}))


def most_shared(pairs: Mapping[Pair, int]) -> str:
    """The block with the most products shared with others; of equals the first by name."""
    totals: dict[str, int] = {}
    for pair, count in pairs.items():
        for name in pair:
            totals[name] = totals.get(name, 0) + count
    return max(sorted(totals), key=lambda name: totals[name])


def _whitener(rows: Given, ridge: float, components: int, seed: int) -> Matrix:
    """``(d, c)``: leading components, divided by the root of their variance and of the ridge.

    A block that no product has gives zeros, so that it has no say here, nor later.
    """
    known = rows.vectors[rows.present].astype(np.float64)
    width = known.shape[1]
    if not len(known):
        return np.zeros((width, min(width, components)))
    axes = leading(known, min(width, components), seed=seed)
    reduced = known @ axes
    covariance = reduced.T @ reduced / len(known)
    values, vectors = np.linalg.eigh(covariance)
    spread = np.sqrt(np.maximum(values, 0) + ridge * max(float(values.mean()), 1e-12))
    return np.asarray(axes @ (vectors / spread) @ vectors.T)


def _whitened_crossings(
    given: Mapping[str, Given], whiteners: Mapping[str, Matrix], places: Mapping[str, slice]
) -> Matrix:
    """Symmetric ``(sum c, sum c)``: cross-covariances of whitened blocks, each over the products that have both.

    The blocks on the diagonal are zero: whitened they are all alike, and would only add 1 to every eigenvalue.
    """
    size = max(place.stop for place in places.values())
    found = np.zeros((size, size))
    names = list(given)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            both = given[a].present & given[b].present
            left, right = (given[name].vectors[both] @ whiteners[name] for name in (a, b))
            found[places[a], places[b]] = left.T @ right / max(int(both.sum()), 1)
            found[places[b], places[a]] = found[places[a], places[b]].T
    return found


def _leading_pairs(matrix: Matrix, count: int) -> tuple[NDArray[np.float64], Matrix]:
    """Largest positive eigenvalues, at most ``count``, and their vectors as columns."""
    from scipy.linalg import eigh

    size = len(matrix)
    values, vectors = eigh(matrix, subset_by_index=(max(size - count, 0), size - 1))
    keep = np.flatnonzero(values > 1e-6)[::-1]
    return values[keep], signed(vectors[:, keep])


def _regression(rows: Given, target: Given, ridge: float) -> Matrix:
    """Ridge regression (Hoerl and Kennard, 1970) of the target on the rows, over products with both: ``(d, t)``."""
    both = rows.present & target.present
    source, wanted = (found.vectors[both].astype(np.float64) for found in (rows, target))
    gram = source.T @ source
    penalty = ridge * max(float(np.trace(gram)) / len(gram), 1e-12)
    return np.asarray(np.linalg.solve(gram + penalty * np.eye(len(gram)), source.T @ wanted))
