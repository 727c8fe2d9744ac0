"""The seams. Anything that has these methods fits, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from goodsense.progress import Progress, silent
from goodsense.types.filters import Filter
from goodsense.types.media import Modality
from goodsense.types.values import Labels
from goodsense.types.vectors import Embeddings, Mask, Rows, Vectors


@runtime_checkable
class Encoder(Protocol):
    """Arrays to vectors.

    Text values are ``TextFields`` for products and ``str`` for queries; pictures are ``Image``, sounds ``Sound``, clips
    ``Clip``, attributes a mapping, reviews a tuple of ``Opinion``, behaviour a ``Profile``. An encoder may accept more
    kinds of query than its own modality: one with a text tower accepts ``text`` and takes ``str`` in ``encode_query``.

    ``fingerprint`` covers code version, settings, preprocessing and every fitted array: with the content hash of a
    value it is the cache key, and vectors of two fingerprints never meet in one index. An encoder that learned from
    more texts than a shop has may say so by a true ``pretrained``; tuning then starts from more weight.
    """

    @property
    def dim(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def accepts(self) -> frozenset[Modality]: ...
    def encode(self, values: Sequence[Any]) -> Vectors:
        """``n`` values to ``(n, dim)`` finite float32; ``[]`` gives ``(0, dim)``. A zero row means nothing known."""
        ...

    def encode_query(self, values: Sequence[Any]) -> Vectors:
        """The same space, seen from the query's side."""
        ...


@runtime_checkable
class FittedEncoder(Encoder, Protocol):
    """An encoder that learns from the shop's own catalog first, and is frozen after that."""

    def fit(self, values: Sequence[Any], *, seed: int) -> Self: ...
    def save(self, directory: Path) -> None: ...
    @classmethod
    def load(cls, directory: Path) -> Self: ...


@runtime_checkable
class MediaEncoder(FittedEncoder, Protocol):
    """An encoder of pictures, sounds or clips, in two halves.

    ``describe`` is what worker processes do with one decoded value: a picklable function, at the top level of a module
    or an instance of a small frozen dataclass, that gives one array. Before the fit it gives what the fit reads; it may
    carry fitted arrays after it. ``project`` is done per batch by one process. So ``encode(values)`` equals
    ``project([describe(value) for value in values])``, and ``fit`` equals ``fit_described`` on the same; what was
    described before a fit becomes by ``redescribed`` what ``describe`` gives after it.

    ``wish`` says how media should be decoded for it (:mod:`goodsense.media.reading`). ``learns_labels`` is true if the
    fit looks at ``labels``, one mapping per value: fields of the product that it may learn to tell apart, and under
    ``"id"`` the product, for which two photos of one product are a pair.
    """

    learns_labels: bool

    @property
    def wish(self) -> Any: ...
    @property
    def describe(self) -> Callable[[Any], NDArray[Any]]: ...
    def fit_described(
        self,
        raw: Sequence[NDArray[Any]],
        *,
        labels: Sequence[Labels] = (),
        seed: int,
        progress: Progress = silent,
    ) -> Self: ...
    def redescribed(self, raw: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]: ...
    def project(self, raw: Sequence[NDArray[Any]]) -> Vectors: ...


@runtime_checkable
class Fusion(Protocol):
    """Blocks to one vector per product; inductive, so unseen products and any non-empty set of modalities work."""

    def fuse(self, blocks: Mapping[str, Embeddings]) -> Embeddings: ...


@dataclass(frozen=True, eq=False)
class IndexRows:
    """Rows for an index: dense blocks, lexical weights and filterable fields, all in the order of ``rows``.

    ``dense`` maps a block to ``(n, d)`` vectors (prepared for the index's distance) and their ``(n,)`` present mask.
    ``lexical`` is a scipy CSR matrix ``(n, vocabulary)`` of document weights, or None. ``fields`` maps a field to one
    tuple of values per row (empty = missing; several = multi-valued); strings are already folded.
    """

    rows: Rows
    dense: Mapping[str, tuple[Vectors, Mask]]
    lexical: Any = None
    fields: Mapping[str, Sequence[tuple[str | float | bool, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class IndexQuery:
    """What an engine looks for: one probe per block, sparse lexical weights (token id -> weight), a filter."""

    dense: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    lexical: Mapping[int, float] = field(default_factory=dict)
    where: Filter | None = None


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows worth scoring exactly: ascending, unique; ``sources`` keeps what each probe proposed, best first."""

    rows: Rows
    sources: Mapping[str, Rows]


@runtime_checkable
class Index(Protocol):
    """Proposes candidates only; the build's own arrays give the scores.

    ``k`` counts per probe. A probe proposes fewer rows when fewer qualify: rows without the block, deleted rows,
    rows that fail the filter, and rows that share no token with a lexical probe are never proposed.
    """

    @property
    def name(self) -> str: ...
    def candidates(self, query: IndexQuery, k: int) -> Candidates: ...
    def upsert(self, rows: IndexRows) -> None: ...
    def delete(self, rows: Rows) -> None: ...
    def close(self) -> None: ...
    def __len__(self) -> int: ...
