"""What every fusion asks of its blocks, and how their rows are made comparable before they are fused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.types import Embeddings, Mask, Vectors, normalise

ALL_ALIKE = 0.999  # unit rows whose mean is this long hardly differ


@dataclass(frozen=True, eq=False)
class Given:
    """Rows of one block, ready to fuse: ``(n, d)``, zero where ``present`` ``(n,)`` is false."""

    vectors: Vectors
    present: Mask


def check_blocks(blocks: Mapping[str, Embeddings], known: Collection[str]) -> None:
    """Refuse what no fusion can take: no block, a block that is not ``known``, blocks of different products.

    Raises
    ------
    UsageError
        Names the block, and what was expected.
    """
    unknown = [name for name in blocks if name not in known]
    if unknown:
        raise UsageError(f"fusion got the block {unknown[0]!r}; expected {', '.join(sorted(known))}.")
    if not blocks:
        raise UsageError("fusion got no block at all.", fix=f"Give some of {', '.join(known)}." if known else "")
    names = list(blocks)
    for name in names[1:]:
        if blocks[name].ids != blocks[names[0]].ids:
            raise UsageError(f"the blocks {names[0]!r} and {name!r} have different ids, or another order of them.")


def check_widths(blocks: Mapping[str, Embeddings], dims: Mapping[str, int]) -> None:
    """Refuse a block that has another number of columns than the fusion was fitted with."""
    for name, block in blocks.items():
        if block.dim != dims[name]:
            raise UsageError(
                f"the block {name!r} has {block.dim} columns; the fusion was fitted with {dims[name]}.",
                fix="Fuse vectors of the encoder that the fusion was fitted with, or fit it again.",
            )


def centre_of(block: Embeddings) -> NDArray[np.float32]:
    """Mean of the unit rows; zero where centring would leave nothing, as with one product or many equal ones."""
    rows = normalise(block.vectors[block.present])
    mean = rows.sum(axis=0, dtype=np.float64) / max(len(rows), 1)
    if np.linalg.norm(mean) > ALL_ALIKE:
        mean[:] = 0
    centre: NDArray[np.float32] = mean.astype(np.float32)
    return centre


def prepared(block: Embeddings, centre: NDArray[np.float32] | None, *, unit: bool = True) -> Given:
    """Unit rows, less ``centre``, and of unit length again if ``unit``. A row that is the centre says nothing."""
    rows = normalise(block.vectors)
    if centre is not None:
        rows = np.where(block.present[:, None], rows - centre, 0).astype(np.float32)
        rows = normalise(rows) if unit else rows
    mask = block.present & rows.any(axis=1)
    return Given(np.where(mask[:, None], rows, np.float32(0)), mask)


def slots(dims: Mapping[str, int]) -> dict[str, slice]:
    """The columns of each block when blocks lie side by side."""
    places, start = {}, 0
    for name, length in dims.items():
        places[name] = slice(start, start + length)
        start += length
    return places


def slot_terms(a: Vectors, b: Vectors, dims: Mapping[str, int]) -> dict[str, NDArray[np.float64]]:
    """What each slot adds to the inner product, row by row: block -> ``(n,)``.

    ``a`` and ``b`` are ``(n, d)``, or one of them ``(d,)`` against every row of the other.
    """
    width = sum(dims.values())
    if not dims or a.shape[-1] != width or b.shape[-1] != width:
        raise UsageError(f"fused vectors are {a.shape} and {b.shape}; expected rows of {width}.")
    left, right = np.atleast_2d(a).astype(np.float64), np.atleast_2d(b).astype(np.float64)
    return {name: (left[:, place] * right[:, place]).sum(axis=1) for name, place in slots(dims).items()}
