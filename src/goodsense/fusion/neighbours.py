"""The nearest rows by cosine: exactly, by comparing all, or in cells, where there are too many for that."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.types import Vectors, normalise

COMPARE_ALL = 20_000  # rows; of more, only those in the nearest cells are compared
PROBES = 16  # cells that a row looks into
_ROUNDS, _SAMPLE = 5, 64  # of finding the cells' middles, and rows per cell that they are found from
_GRID = 10**9  # similarities are told apart by their first nine digits, so equal rows tie on every machine
_QUERIES, _KEYS = 512, 16_384  # rows compared at once

Rows = NDArray[np.int64]


def nearest(queries: Vectors, keys: Vectors, k: int, *, skip: Rows | None = None) -> tuple[Rows, NDArray[np.float64]]:
    """The ``k`` rows of ``keys`` with the highest cosine above zero, best first, ties by row; exact, in blocks of rows.

    Parameters
    ----------
    queries, keys
        ``(m, d)`` and ``(n, d)``; need not be of unit length. Zero rows have no neighbours.
    k
        How many of each; fewer where there are fewer.
    skip
        ``(m,)`` the row of ``keys`` that a query must not find (itself), or -1.

    Returns
    -------
    tuple
        Rows ``(m, k)``, -1 where there are no more, and cosines ``(m, k)``, 0 there.
    """
    best, forbidden = _begun(queries, k, skip)
    for some in _blocks(np.arange(len(queries)), _QUERIES):
        best[some] = _improved(best[some], queries[some], keys, np.arange(len(keys)), forbidden[some])
    return _told(best, len(keys))


def nearest_in_cells(
    queries: Vectors,
    keys: Vectors,
    k: int,
    *,
    skip: Rows | None = None,
    cells: int | None = None,
    probes: int = PROBES,
    seed: int = 0,
) -> tuple[Rows, NDArray[np.float64]]:
    """As :func:`nearest`, among the rows of the cells nearest to each query: quick, and not quite all are found.

    The inverted file of Jégou, Douze and Schmid ("Product Quantization for Nearest Neighbor Search", PAMI 2011)
    without the quantisation: what is found has its exact cosine, and with all cells probed the answer is that of
    :func:`nearest`.

    Parameters
    ----------
    queries, keys, k, skip
        As there.
    cells
        In how many the keys are put; None for the root of their number.
    probes
        Cells that each query looks into.
    seed
        Decides from which rows the middles of the cells are found.
    """
    best, forbidden = _begun(queries, k, skip)
    if not len(keys) or not len(queries):
        return _told(best, len(keys))
    middles = _middles(keys, min(len(keys), cells or math.isqrt(len(keys))), seed)
    members = _by_cell(_cells_of(keys, middles, 1), len(middles))
    askers = _by_cell(_cells_of(queries, middles, min(probes, len(middles))), len(middles))
    for rows, who in zip(members, askers, strict=True):
        for some in _blocks(who, _QUERIES):
            best[some] = _improved(best[some], queries[some], keys, rows, forbidden[some])
    return _told(best, len(keys))


def _begun(queries: Vectors, k: int, skip: Rows | None) -> tuple[Rows, Rows]:
    """Nothing found yet, ``(m, k)`` zeros, and what must not be."""
    if k < 1:
        raise UsageError(f"{k} neighbours were asked for; expected at least 1.")
    forbidden = np.full(len(queries), -1) if skip is None else skip
    return np.zeros((len(queries), k), dtype=np.int64), forbidden


def _improved(best: Rows, queries: Vectors, keys: Vectors, rows: Rows, skip: Rows) -> Rows:
    """The best so far and these rows of the keys, as whole numbers ``cosine * n + (n - 1 - row)``; 0 for none."""
    n, k = len(keys), best.shape[1]
    unit = _unit(queries)
    for some in _blocks(rows, _KEYS):
        near = np.rint(unit @ _unit(keys[some]).T * _GRID).astype(np.int64)  # (m, some)
        usable = (near > 0) & (some != skip[:, None])
        places = np.concatenate([best, np.where(usable, near * n + (n - 1 - some), 0)], axis=1)
        best = np.partition(places, places.shape[1] - k, axis=1)[:, -k:]
    return best


def _told(best: Rows, count: int) -> tuple[Rows, NDArray[np.float64]]:
    """Whole numbers to rows and cosines, best first."""
    places = -np.sort(-best, axis=1)
    near, column = np.divmod(places, max(count, 1))
    real = places > 0
    return np.where(real, count - 1 - column, -1), np.where(real, near / _GRID, 0.0)


# ---- cells


def _middles(keys: Vectors, count: int, seed: int) -> NDArray[np.float32]:
    """Unit middles ``(c, d)`` of cells by spherical k-means on a sample of the keys (Dhillon & Modha, 2001)."""
    rng = np.random.default_rng(seed)
    sample = normalise(keys[np.sort(rng.choice(len(keys), min(len(keys), count * _SAMPLE), replace=False))])
    middles: NDArray[np.float32] = sample[np.sort(rng.choice(len(sample), count, replace=False))]
    for _ in range(_ROUNDS):
        sums = np.zeros_like(middles)
        np.add.at(sums, _cells_of(sample, middles, 1)[:, 0], sample)
        moved = normalise(sums)
        middles = np.where(moved.any(axis=1, keepdims=True), moved, middles)
    return middles


def _cells_of(rows: Vectors, middles: NDArray[np.float32], count: int) -> Rows:
    """The cells with the nearest middles, ``(n, count)`` in no order."""
    found = np.zeros((len(rows), count), dtype=np.int64)
    for some in _blocks(np.arange(len(rows)), _KEYS // 4):
        near = normalise(rows[some]) @ middles.T  # (b, c)
        found[some] = np.argpartition(-near, count - 1, axis=1)[:, :count]
    return found


def _by_cell(cells: Rows, count: int) -> list[Rows]:
    """Cells of rows ``(n, p)`` to the rows of every cell, ascending."""
    order = np.argsort(cells.ravel(), kind="stable")
    starts = np.searchsorted(cells.ravel()[order], np.arange(1, count))
    return np.split(order // cells.shape[1], starts)


def _blocks(rows: Rows, size: int) -> Iterator[Rows]:
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]


def _unit(rows: Vectors) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 1e-12)
    return unit
