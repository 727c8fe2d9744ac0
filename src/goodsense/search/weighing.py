"""What words weigh in documents: the counting under :mod:`goodsense.search.lexical`, as arrays throughout."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.catalog.product import TEXT_FIELDS
from goodsense.errors import UsageError
from goodsense.search.storage import Array, ranges
from goodsense.types import Rows

Document: TypeAlias = Mapping[str, Sequence[str]]  # field -> its tokens
OTHERS = "*"  # in `b`: every field that is not named
PAIRS = "pairs"  # the field of adjacent words
PAIRED_FIELD = "title"  # where they are taken from
_CHUNK = 20_000  # documents weighed at once; bounds the memory of a build
_FEW = 32  # query tokens up to which comparing one by one is faster than a search


@dataclass(frozen=True)
class LexicalSettings:
    """What a word counts.

    Parameters
    ----------
    k1
        How late repeated words saturate; above 0.
    b
        How much long fields are held down, 0 to 1; one for all fields, or one per field and one
        under ``*`` for those not named.
    field_weights
        What a word counts in each field; fields that weigh 0 are not indexed.
    pairs
        What adjacent words of the query count, side by side in the title, beside the words themselves; 0 leaves
        them out.

    Raises
    ------
    UsageError
        If a number is out of range, no field weighs anything, ``b`` names an unknown field, or a field is
        called ``pairs``.
    """

    k1: float = 0.6
    b: float | Mapping[str, float] = field(default_factory=lambda: {"title": 0.2, OTHERS: 0.75})
    field_weights: Mapping[str, float] = field(default_factory=lambda: {"title": 1.0, "description": 0.2})
    pairs: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.k1 < np.inf:
            raise UsageError(f"lexical k1 is {self.k1}; expected a number above 0.")
        if not 0 <= self.pairs < np.inf:
            raise UsageError(f"lexical pairs weigh {self.pairs}; expected 0 or more.")
        if PAIRS in self.field_weights:
            raise UsageError(f"no lexical field may be called {PAIRS!r}; adjacent words go by that name.")
        for name, weight in self.field_weights.items():
            if not 0 <= weight < np.inf:
                raise UsageError(f"the lexical weight of {name!r} is {weight}; expected 0 or more.")
        if not self.fields:
            raise UsageError("no lexical field weighs anything; expected at least one weight above 0.")
        known = {OTHERS, *TEXT_FIELDS, *self.field_weights}
        for name, b in self.b.items() if isinstance(self.b, Mapping) else [(OTHERS, self.b)]:
            if name not in known:
                raise UsageError(
                    f"lexical b names the unknown field {name!r}; expected one of {', '.join(sorted(known))}."
                )
            if not 0 <= b <= 1:
                raise UsageError(f"lexical b of {name} is {b}; expected 0 to 1.")

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that contribute to a score; ``pairs`` stands last."""
        named = tuple(name for name, weight in self.field_weights.items() if weight > 0)
        return (*named, PAIRS) if self.pairs > 0 and PAIRED_FIELD in named else named

    def weight_of(self, name: str) -> float:
        return 1.0 if name == PAIRS else self.field_weights[name]

    def b_of(self, name: str) -> float:
        of = PAIRED_FIELD if name == PAIRS else name
        return self.b.get(of, self.b.get(OTHERS, 0.75)) if isinstance(self.b, Mapping) else self.b


@dataclass(frozen=True, eq=False)
class DocumentRows:
    """Weights of documents: the entries of each document, grouped by token, one per field.

    ``tokens``, ``fields`` and ``shares`` are ``(e,)``; document ``i`` has the entries from ``starts[i]`` to
    ``starts[i + 1]``. The shares of one token sum to its saturated weight.
    """

    starts: NDArray[np.int64]  # (n + 1,)
    tokens: NDArray[np.int32]
    fields: NDArray[np.uint8]
    shares: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def arrays(self) -> dict[str, Array]:
        return {"starts": self.starts, "tokens": self.tokens, "fields": self.fields, "shares": self.shares}

    @classmethod
    def joined(cls, parts: Sequence[DocumentRows]) -> DocumentRows:
        """The documents of all parts, one after another."""
        held = np.cumsum([0, *(len(part.tokens) for part in parts)])
        starts = [part.starts[1:] + before for part, before in zip(parts, held[:-1].tolist(), strict=True)]
        return cls(
            np.concatenate([np.zeros(1, dtype=np.int64), *starts]),
            np.concatenate([np.zeros(0, dtype=np.int32), *(part.tokens for part in parts)]),
            np.concatenate([np.zeros(0, dtype=np.uint8), *(part.fields for part in parts)]),
            np.concatenate([np.zeros(0, dtype=np.float32), *(part.shares for part in parts)]),
        )

    def take(self, rows: Rows) -> DocumentRows:
        """These documents, in this order."""
        begins = self.starts[rows]
        lengths = self.starts[rows + 1] - begins
        places = ranges(begins, lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return DocumentRows(starts, self.tokens[places], self.fields[places], self.shares[places])

    def sums(self, query: Mapping[int, float], rows: Rows, n_fields: int) -> NDArray[np.float64]:
        """Weighted shares by field, ``(r,) -> (r, f)``."""
        starts = self.starts[rows]
        lengths = self.starts[rows + 1] - starts
        places = ranges(starts, lengths)
        found, weights = _matches(self.tokens[places], query)
        owners = np.searchsorted(np.cumsum(lengths), found, side="right")
        places = places[found]
        cells = owners * n_fields + self.fields[places]
        totals = np.bincount(cells, weights=weights * self.shares[places], minlength=len(rows) * n_fields)
        return totals.astype(np.float64, copy=False).reshape(len(rows), n_fields)  # counts when there is nothing

    def matrix(self, width: int) -> Any:
        """Whole weights, fields added, as scipy CSR ``(n, width)`` float32."""
        from scipy.sparse import csr_matrix

        found = csr_matrix((self.shares, self.tokens, self.starts), shape=(len(self), width), copy=True)
        found.sum_duplicates()
        return found


def adjacent_pairs(tokens: Sequence[str]) -> list[str]:
    """Tokens that stand side by side, joined by a blank; a repeated token makes no pair with itself."""
    return [f"{first} {second}" for first, second in pairwise(tokens) if first != second]


def field_tokens(document: Document, name: str) -> Sequence[str]:
    return adjacent_pairs(document.get(PAIRED_FIELD, ())) if name == PAIRS else document.get(name, ())


def numbered(
    documents: Iterable[Document], settings: LexicalSettings, number: Callable[[str], int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """All tokens by number, document by document and field by field, and how many each field has: ``(n, f)``."""
    fields, known = settings.fields, set(settings.field_weights)
    flat, lengths = array("i"), array("i")
    for document in documents:
        if not known.issuperset(document):
            strange = sorted(set(document) - known)[0]
            raise UsageError(
                f"a document has the field {strange!r}, which no lexical weight names.",
                fix=f"Give it a weight (0 leaves it out); the fields are {', '.join(sorted(known))}.",
            )
        for name in fields:
            tokens = field_tokens(document, name)
            lengths.append(len(tokens))
            flat.extend(map(number, tokens))
    return (
        np.frombuffer(flat, dtype=np.int32) if flat else np.zeros(0, dtype=np.int32),
        np.array(lengths, dtype=np.int32).reshape(-1, len(fields)),
    )


def average_lengths(lengths: NDArray[np.int32]) -> NDArray[np.float64]:
    """Mean tokens per field over the documents that have the field; 1 where none has. ``(n, f) -> (f,)``."""
    having = (lengths > 0).sum(axis=0)
    totals = lengths.sum(axis=0, dtype=np.int64)
    averages: NDArray[np.float64] = np.divide(totals, having, out=np.ones(lengths.shape[1]), where=having > 0)
    return averages


def weigh(
    flat: NDArray[np.int32], lengths: NDArray[np.int32], averages: NDArray[np.float64], settings: LexicalSettings
) -> DocumentRows:
    ends = np.concatenate([[0], np.cumsum(lengths.sum(axis=1, dtype=np.int64))])
    parts = []
    for first in range(0, len(lengths), _CHUNK):
        last = min(first + _CHUNK, len(lengths))
        parts.append(_weigh_chunk(flat[ends[first] : ends[last]], lengths[first:last], averages, settings))
    return DocumentRows.joined(parts)


def _weigh_chunk(
    flat: NDArray[np.int32], lengths: NDArray[np.int32], averages: NDArray[np.float64], settings: LexicalSettings
) -> DocumentRows:
    n, n_fields = lengths.shape
    width = int(flat.max()) + 1 if len(flat) else 1
    cells = np.repeat(np.arange(n * n_fields), lengths.ravel())  # document * f + field of every token
    keys, counts = np.unique(((cells // n_fields) * width + flat) * n_fields + cells % n_fields, return_counts=True)
    fields = keys % n_fields
    pairs = keys // n_fields  # document * width + token
    documents = pairs // width
    weights = np.array([settings.weight_of(name) for name in settings.fields])[fields]
    b = np.array([settings.b_of(name) for name in settings.fields])[fields]
    parts = weights * counts / (1 - b + b * lengths[documents, fields] / averages[fields])
    groups = np.flatnonzero(np.diff(pairs, prepend=-1))
    sums = np.add.reduceat(parts, groups) if len(parts) else parts
    wholes = np.repeat(sums, np.diff(groups, append=len(pairs)))
    shares = (settings.k1 + 1) * parts / (settings.k1 + wholes)
    starts = np.searchsorted(documents, np.arange(n + 1)).astype(np.int64)
    return DocumentRows(starts, (pairs % width).astype(np.int32), fields.astype(np.uint8), shares.astype(np.float32))


def _matches(tokens: NDArray[np.int32], query: Mapping[int, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which entries are tokens of the query, and what these weigh there."""
    wanted = np.array(sorted(query), dtype=np.int32)
    weights = np.array([query[token] for token in wanted.tolist()])
    if len(wanted) <= _FEW:
        hit = np.zeros(len(tokens), dtype=np.bool_)
        for token in wanted:
            hit |= tokens == token
    else:
        nearest = np.minimum(np.searchsorted(wanted, tokens), len(wanted) - 1)
        hit = wanted[nearest] == tokens
    found = np.flatnonzero(hit)
    return found, weights[np.searchsorted(wanted, tokens[found])] if len(wanted) else np.zeros(0)
