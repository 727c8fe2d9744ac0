"""What is known of items besides what shoppers did with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Embeddings


@dataclass(frozen=True, eq=False)
class Content:
    """Vectors, categories, attributes and prices of items, one row per id.

    Parameters
    ----------
    ids
        The items, ``(n,)``, each once.
    blocks
        Modality -> one row per id, in the order of ``ids``; an item without a picture is not present in that block.
    categories
        One per id, "" for none; an empty tuple where nothing is known of any.
    tags
        Attributes as ``name=value``, some per id; an empty tuple where nothing is known of any.
    prices
        ``(n,)`` float64 in one currency, NaN for none; None where nothing is known of any.

    Raises
    ------
    ValueError
        If something has another length, or a block other ids.
    """

    ids: tuple[str, ...]
    blocks: Mapping[str, Embeddings] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    prices: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        n = len(self.ids)
        for name, block in self.blocks.items():
            if block.ids is not self.ids and block.ids != self.ids:
                raise ValueError(
                    f"the block {name!r} has {len(block)} rows of other ids; expected those of all {n} items"
                )
        if (self.categories and len(self.categories) != n) or (self.tags and len(self.tags) != n):
            raise ValueError(f"{len(self.categories)} categories and {len(self.tags)} tags; expected 0 or {n}")
        if self.prices is not None and self.prices.shape != (n,):
            raise ValueError(f"prices of shape {self.prices.shape}; expected ({n},)")

    def __len__(self) -> int:
        return len(self.ids)

    def aligned(self, ids: Sequence[str]) -> Content:
        """The same for these items in this order; of an id that is not here, nothing is known."""
        wanted = tuple(ids)
        if wanted == self.ids:
            return self
        places = {id: row for row, id in enumerate(self.ids)}
        rows = np.array([places.get(id, -1) for id in wanted], dtype=np.int64)
        return Content(
            wanted,
            {name: _taken(block, wanted, rows) for name, block in self.blocks.items()},
            tuple(self.categories[row] if row >= 0 else "" for row in rows.tolist()) if self.categories else (),
            tuple(self.tags[row] if row >= 0 else () for row in rows.tolist()) if self.tags else (),
            None if self.prices is None else np.where(rows >= 0, self.prices[rows], np.nan),
        )

    def tag_matrix(self) -> tuple[Any, tuple[str, ...]]:
        """Which item has which tag, as a sparse CSR matrix of ones ``(n, t)``, and the tags, sorted."""
        from scipy.sparse import csr_matrix

        names = tuple(sorted({tag for own in self.tags for tag in own}))
        places = {name: column for column, name in enumerate(names)}
        columns = [sorted({places[tag] for tag in own}) for own in self.tags or ((),) * len(self)]
        starts = np.concatenate(([0], np.cumsum([len(own) for own in columns]))).astype(np.int64)
        flat = np.array([column for own in columns for column in own], dtype=np.int64)
        return csr_matrix((np.ones(len(flat), np.float32), flat, starts), shape=(len(self), len(names))), names


def _taken(block: Embeddings, ids: tuple[str, ...], rows: NDArray[np.int64]) -> Embeddings:
    known = rows >= 0
    vectors = np.zeros((len(ids), block.dim), dtype=np.float32)
    vectors[known] = block.vectors[rows[known]]
    present = np.zeros(len(ids), dtype=np.bool_)
    present[known] = block.present[rows[known]]
    return Embeddings(ids, ids, vectors, present)
