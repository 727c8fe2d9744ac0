"""Exact search: every row is compared. The oracle of the other engines, and enough for a small shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.index.checks import LEXICAL, check_distance, check_query, check_rows
from goodsense.index.masks import FieldColumn, filter_mask
from goodsense.types import Candidates, Distance, Filter, IndexQuery, IndexRows, Mask, Rows, Scalar, Vectors

_GATHER_BELOW = 0.25  # copying the allowed rows together beats comparing all of them up to about this share
Scored = tuple[NDArray[np.floating[Any]], Rows]  # (m,) scores, larger is nearer, and the (m,) rows they belong to


@dataclass(frozen=True, eq=False)
class _Source:
    """Rows that were added together, with what is derived from them on first use and stays valid after that."""

    data: IndexRows
    columns: dict[str, FieldColumn] = field(default_factory=dict)
    squares: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @cached_property
    def by_token(self) -> Any:
        """The lexical weights by column, without stored zeros: sharing a token means sharing its weight."""
        by_token = self.data.lexical.tocsc(copy=True)
        by_token.eliminate_zeros()
        return by_token

    def column(self, name: str) -> FieldColumn | None:
        if name not in self.data.fields:
            return None
        if name not in self.columns:
            self.columns[name] = FieldColumn.of(name, self.data.fields[name])
        return self.columns[name]

    def square(self, block: str) -> NDArray[np.float32]:
        """The squared length of every vector of a block. ``(n,)``."""
        if block not in self.squares:
            vectors = np.asarray(self.data.dense[block][0])
            self.squares[block] = np.einsum("nd,nd->n", vectors, vectors)
        return self.squares[block]


@dataclass(frozen=True, eq=False)
class _Part:
    """A source and which of its rows are still there."""

    source: _Source
    alive: Mask

    @classmethod
    def of(cls, data: IndexRows) -> _Part:
        return cls(_Source(data), np.ones(len(data.rows), dtype=np.bool_))

    @property
    def data(self) -> IndexRows:
        return self.source.data

    @cached_property
    def all_alive(self) -> bool:
        return bool(self.alive.all())

    def without(self, rows: Rows) -> _Part:
        """The same rows, these ones gone."""
        return _Part(self.source, self.alive & ~np.isin(self.data.rows, rows))


class ExactIndex:
    """Compares a query with every row, by matrix product; the base arrays are referenced, never copied.

    Upserted rows live in memory beside them. Equal scores are ordered by row number. A search sees one state of the
    index, whatever other threads change meanwhile.
    """

    name = "exact"

    def __init__(self, parts: tuple[_Part, ...], *, dims: Mapping[str, int], distance: Distance) -> None:
        self._parts = parts
        self._dims = dict(dims)
        self._distance = distance

    @classmethod
    def over(cls, rows: IndexRows, *, distance: Distance = "cosine") -> Self:
        """Search these rows; the blocks they name are the blocks that the index has.

        Raises
        ------
        UsageError
            If lengths disagree, a row appears twice or the distance is unknown.
        """
        check_distance(distance)
        dims = check_rows(rows)
        return cls((_Part.of(rows),), dims=dims, distance=distance)

    @property
    def distance(self) -> Distance:
        return self._distance

    @property
    def dims(self) -> Mapping[str, int]:
        """The dimension of every block."""
        return dict(self._dims)

    def __len__(self) -> int:
        return sum(int(np.count_nonzero(part.alive)) for part in self._parts)

    def candidates(self, query: IndexQuery, k: int) -> Candidates:
        """The ``k`` best rows of every probe; fewer where fewer qualify.

        Raises
        ------
        UsageError
            If ``k`` is below 1, a probe's block is unknown or of another dimension, or a filter orders text.
        """
        check_query(query, k, dims=self._dims)
        masked = [(part, _allowed(part, query.where)) for part in self._open_parts()]
        sources: dict[str, Rows] = {}
        for block, probe in query.dense.items():
            vector = np.ascontiguousarray(probe, dtype=np.float32)
            found = [self._near(part, block, probe=vector, allowed=mask) for part, mask in masked]
            sources[block] = _merge(found, k)
        if query.lexical:
            found = [_sharing(part, query.lexical, allowed=mask) for part, mask in masked]
            sources[LEXICAL] = _merge(found, k)
        return candidates_of(sources)

    def upsert(self, rows: IndexRows) -> None:
        """Add rows, or put them in the place of those with the same number; visible at once."""
        check_rows(rows, self._dims)
        base, *tail = self._open_parts()
        added = rows
        if tail:
            kept = tail[0].alive & ~np.isin(tail[0].data.rows, rows.rows)
            added = _stack(_take(tail[0].data, np.flatnonzero(kept)), rows, dims=self._dims)
        self._parts = (base.without(rows.rows), _Part.of(added))

    def delete(self, rows: Rows) -> None:
        """Take rows out; rows that are not there are no error."""
        self._parts = tuple(part.without(rows) for part in self._open_parts())

    def close(self) -> None:
        """Let go of the arrays; a closed index cannot be searched."""
        self._parts = ()

    def _open_parts(self) -> tuple[_Part, ...]:
        if not self._parts:
            raise UsageError("this index is closed.")
        return self._parts

    def _near(self, part: _Part, block: str, *, probe: NDArray[np.float32], allowed: Mask | None) -> Scored:
        """Every allowed row that has the block, with its score."""
        if block not in part.data.dense:
            return np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64)
        stored, present = part.data.dense[block]
        vectors = np.asarray(stored)
        positions = np.flatnonzero(present if allowed is None else allowed & present)
        if len(positions) < _GATHER_BELOW * len(vectors):
            scores = np.matmul(vectors[positions], probe)  # (m, d) @ (d,) -> (m,)
        elif len(positions) < len(vectors):
            scores = np.matmul(vectors, probe)[positions]
        else:
            scores = np.matmul(vectors, probe)
        if self._distance == "euclidean":  # the order of the negative squared distance, less the probe's own square
            scores = 2 * scores - part.source.square(block)[positions]
        return scores, part.data.rows[positions]


def candidates_of(sources: Mapping[str, Rows]) -> Candidates:
    """Unite what the probes proposed: rows ascending, each once."""
    every = np.concatenate(list(sources.values())) if sources else np.zeros(0, dtype=np.int64)
    return Candidates(np.unique(every), dict(sources))


def _allowed(part: _Part, where: Filter | None) -> Mask | None:
    """Rows that are there and pass the filter; None for all of them."""
    if where is None:
        return None if part.all_alive else part.alive
    return part.alive & filter_mask(where, part.source.column, n=len(part.alive))


def _sharing(part: _Part, weights: Mapping[int, float], *, allowed: Mask | None) -> Scored:
    """Every allowed row that shares a token with the query, scored by the sum of the products of the weights."""
    if part.data.lexical is None:
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    matrix = part.source.by_token
    n, width = matrix.shape
    spans = [
        (int(matrix.indptr[token]), int(matrix.indptr[token + 1]), weight)
        for token, weight in sorted(weights.items())
        if 0 <= token < width and weight != 0
    ]
    if not spans:
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    docs = np.concatenate([matrix.indices[start:end] for start, end, _ in spans])
    products = np.concatenate([matrix.data[start:end] * float(weight) for start, end, weight in spans])
    shared = np.zeros(n, dtype=np.bool_)
    shared[docs] = True
    if allowed is not None:
        shared &= allowed
    positions = np.flatnonzero(shared)
    sums = np.bincount(docs, weights=products, minlength=n).astype(np.float64, copy=False)
    return sums[positions], part.data.rows[positions]


def _merge(found: Sequence[Scored], k: int) -> Rows:
    """The best ``k`` rows of all parts, best first; equal scores by row number."""
    if len(found) == 1:
        scores, rows = found[0]
    else:
        scores = np.concatenate([part for part, _ in found])
        rows = np.concatenate([part for _, part in found])
    if len(scores) > k:
        cut = np.partition(scores, len(scores) - k)[len(scores) - k]
        keep = np.flatnonzero(scores >= cut)  # more than k only where scores tie at the cut
        scores, rows = scores[keep], rows[keep]
    best: Rows = rows[np.lexsort((rows, -scores))[:k]].astype(np.int64, copy=False)
    return best


def _take(data: IndexRows, positions: NDArray[np.int64]) -> IndexRows:
    return IndexRows(
        data.rows[positions],
        {block: (vectors[positions], present[positions]) for block, (vectors, present) in data.dense.items()},
        None if data.lexical is None else data.lexical[positions],
        {name: [values[p] for p in positions.tolist()] for name, values in data.fields.items()},
    )


def _stack(first: IndexRows, second: IndexRows, *, dims: Mapping[str, int]) -> IndexRows:
    """One after the other; what one of them lacks is missing there."""
    both = (first, second)
    dense: dict[str, tuple[Vectors, Mask]] = {}
    for block, dim in dims.items():
        if any(block in data.dense for data in both):
            blocks = [_block(data, block, dim=dim) for data in both]
            dense[block] = (np.concatenate([v for v, _ in blocks]), np.concatenate([p for _, p in blocks]))
    names = dict.fromkeys([*first.fields, *second.fields])
    fields: dict[str, list[tuple[Scalar, ...]]] = {
        name: [value for data in both for value in data.fields.get(name, [()] * len(data.rows))] for name in names
    }
    return IndexRows(np.concatenate([data.rows for data in both]), dense, _stack_lexical(both), fields)


def _block(data: IndexRows, block: str, *, dim: int) -> tuple[Vectors, Mask]:
    n = len(data.rows)
    if block in data.dense:
        return data.dense[block]
    return np.zeros((n, dim), dtype=np.float32), np.zeros(n, dtype=np.bool_)


def _stack_lexical(both: Sequence[IndexRows]) -> Any:
    if all(data.lexical is None for data in both):
        return None
    from scipy import sparse

    width = max(data.lexical.shape[1] for data in both if data.lexical is not None)
    stacked = []
    for data in both:
        matrix = sparse.csr_matrix((len(data.rows), width)) if data.lexical is None else data.lexical.copy()
        matrix.resize((len(data.rows), width))
        stacked.append(matrix)
    return sparse.vstack(stacked, format="csr")
