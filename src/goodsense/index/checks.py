"""What every engine checks before it works: shapes, names and numbers, both sides named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from goodsense.errors import UsageError
from goodsense.types import DISTANCES, Distance, IndexQuery, IndexRows

LEXICAL = "lexical"  # the name under which the lexical probe's rows are listed; no block may have it


def check_distance(distance: Distance) -> None:
    if distance not in DISTANCES:
        raise UsageError(f"unknown distance {distance!r}; expected one of {', '.join(DISTANCES)}.")


def check_rows(rows: IndexRows, dims: Mapping[str, int] | None = None) -> dict[str, int]:
    """Return the dimension of every block; ``dims`` are the blocks that an index has already.

    Raises
    ------
    UsageError
        If lengths disagree, a row appears twice or is negative, or a block is unknown or of another dimension.
    """
    n = len(rows.rows)
    if len(np.unique(rows.rows)) != n or (n > 0 and int(rows.rows.min()) < 0):
        raise UsageError("row numbers of an index must be unique and not negative.")
    found: dict[str, int] = {}
    for block, (vectors, present) in rows.dense.items():
        if block == LEXICAL:
            raise UsageError(f"no block may be called {LEXICAL!r}; the lexical weights go by that name.")
        if vectors.ndim != 2 or len(vectors) != n or present.shape != (n,):
            raise UsageError(
                f"block {block!r} has vectors {vectors.shape} and mask {present.shape}; expected ({n}, d) and ({n},)."
            )
        found[block] = int(vectors.shape[1])
    if rows.lexical is not None and rows.lexical.shape[0] != n:
        raise UsageError(f"lexical weights have {rows.lexical.shape[0]} rows; expected {n}.")
    for name, values in rows.fields.items():
        if len(values) != n:
            raise UsageError(f"field {name!r} has {len(values)} rows; expected {n}.")
    if dims is not None:
        for block, dim in found.items():
            check_block(block, dim, dims=dims)
    return found


def check_query(query: IndexQuery, k: int, *, dims: Mapping[str, int]) -> None:
    """Raise UsageError for a ``k`` below 1, an unknown block, another dimension or a number that is not finite."""
    if k <= 0:
        raise UsageError(f"k is {k}; expected at least 1.")
    for block, probe in query.dense.items():
        if probe.ndim != 1:
            raise UsageError(f"the probe of block {block!r} has shape {probe.shape}; expected one vector (d,).")
        check_block(block, len(probe), dims=dims)
        _check_finite(block, probe)
    _check_finite(LEXICAL, np.fromiter(query.lexical.values(), dtype=np.float64, count=len(query.lexical)))


def check_block(block: str, dim: int, *, dims: Mapping[str, int]) -> None:
    """Raise UsageError unless the block is known with this dimension."""
    if block not in dims:
        raise UsageError(f"unknown block {block!r}; this index has {_listed(dims)}.")
    if dim != dims[block]:
        raise UsageError(f"block {block!r} takes {dims[block]} dimensions; found {dim}.")


def _check_finite(name: str, values: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> None:
    if not np.isfinite(values).all():
        raise UsageError(f"the {name!r} probe holds a number that is not finite.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no blocks"
