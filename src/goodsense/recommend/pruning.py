"""Sparse matrices of which every row keeps its strongest entries only, and their products in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.progress import Progress, silent

Sparse: TypeAlias = Any  # a scipy CSR matrix
Change: TypeAlias = Callable[[Sparse, NDArray[np.int64]], Sparse]

CELLS = 8_000_000  # entries of a product that are held at once


def strongest(matrix: Sparse, k: int, *, by_size: bool = False) -> Sparse:
    """The ``k`` largest entries (one or more) of every row of a CSR matrix ``(m, n)``; of equal ones the first.

    With ``by_size`` the largest without regard to their sign.
    """
    from scipy.sparse import csr_matrix

    lengths = np.diff(matrix.indptr)
    kept = np.ones(matrix.nnz, dtype=np.bool_)
    values = np.abs(matrix.data) if by_size else matrix.data
    for row in np.flatnonzero(lengths > k).tolist():
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        kept[part] = _largest(values[part], matrix.indices[part], k)
    starts = np.concatenate(([0], np.cumsum(np.minimum(lengths, k))))
    found = csr_matrix((matrix.data[kept], matrix.indices[kept], starts), shape=matrix.shape)
    found.sort_indices()
    return found


def _largest(values: NDArray[Any], columns: NDArray[Any], k: int) -> NDArray[np.bool_]:
    """Which of more than ``k`` values are the ``k`` largest, ``(n,)``; of equal ones those in the first columns."""
    least = np.partition(values, len(values) - k)[len(values) - k]
    chosen: NDArray[np.bool_] = values > least
    equal, room = np.flatnonzero(values == least), k - np.count_nonzero(chosen)
    if len(equal) > room:
        equal = equal[np.argpartition(columns[equal], room - 1)[:room]]
    chosen[equal] = True
    return chosen


def pruned_product(
    left: Sparse,
    right: Sparse,
    k: int,
    *,
    change: Change | None = None,
    by_size: bool = False,
    progress: Progress = silent,
    stage: str = "neighbours",
) -> Sparse:
    """The ``k`` strongest entries of every row of ``left @ right``, ``(m, p) @ (p, n)``, as float32.

    Rows are computed in blocks, so that never more than :data:`CELLS` entries (and one row) are held.

    Parameters
    ----------
    left, right
        CSR matrices.
    k
        Entries per row.
    change
        Called with a block of the product and its rows ``(b,)``, before it is pruned; gives the block to prune.
    by_size
        Keep the largest without regard to their sign.
    progress, stage
        Told of rows done.
    """
    from scipy.sparse import csr_matrix, vstack

    left, right = left.astype(np.float32, copy=False), right.astype(np.float32, copy=False)
    parts = [csr_matrix((0, right.shape[1]), dtype=np.float32)]
    for rows in row_blocks(left, right):
        block = left[rows[0] : rows[-1] + 1] @ right
        block = strongest(change(block, rows) if change else block, k, by_size=by_size)
        block.eliminate_zeros()
        parts.append(block)
        progress(stage, int(rows[-1]) + 1, left.shape[0])
    return vstack(parts, format="csr", dtype=np.float32)


def row_blocks(left: Sparse, right: Sparse) -> Iterator[NDArray[np.int64]]:
    """Rows of ``left`` in their order, so many at once that their product with ``right`` stays small."""
    lengths = np.diff(right.indptr).astype(np.float64)
    pattern = type(left)((np.ones(left.nnz), left.indices, left.indptr), shape=left.shape)
    entries = np.minimum(pattern @ lengths, right.shape[1])  # of every row of the product, at most
    filled = np.concatenate(([0.0], np.cumsum(entries)))
    begin = 0
    while begin < left.shape[0]:
        end = max(begin + 1, int(np.searchsorted(filled, filled[begin] + CELLS, side="right")) - 1)
        yield np.arange(begin, end)
        begin = end


def without_diagonal(block: Sparse, rows: NDArray[np.int64]) -> Sparse:
    """A block of rows of a square matrix with zeros where a row meets itself; for ``change``."""
    block.data[block.indices == np.repeat(rows.astype(block.indices.dtype), np.diff(block.indptr))] = 0.0
    return block
