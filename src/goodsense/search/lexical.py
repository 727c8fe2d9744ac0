"""Words: field-weighted BM25 whose terms add up field by field and token by token.

BM25F after Robertson, Zaragoza and Taylor (Simple BM25 extension to multiple weighted fields, CIKM 2004): a token's
frequencies are first normalised by each field's length and weighted, then added, then saturated::

    w_f(t, d) = weight_f * tf_f(t, d) / (1 - b_f + b_f * length_f(d) / average_length_f)
    sat(t, d) = (k1 + 1) * sum_f w_f(t, d) / (k1 + sum_f w_f(t, d))
    score     = sum_t count_t * idf_t * sat(t, d) / sum_t count_t * idf_t
    idf_t     = ln(1 + (N - df_t + .5) / (df_t + .5))

Dividing by the query's own idf mass makes scores of different queries comparable; a token that no product has weighs
as much as the rarest one. A field's share of ``sat`` is its share of ``sum_f w_f``, so the terms of the fields sum to
the score exactly. Vocabulary, idf and average lengths are frozen with the build; products that come later are weighed
by them and may bring new tokens at the highest idf.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.search.storage import (
    Array,
    StringColumn,
    Vocabulary,
    load_arrays,
    load_json,
    ranges,
    save_arrays,
    save_json,
)
from goodsense.types import Rows

LEXICAL_FORMAT = 1

Document: TypeAlias = Mapping[str, Sequence[str]]  # field -> its tokens
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
        How much long fields are held down, 0 to 1; one for all fields or one per field.
    field_weights
        What a word counts in each field; fields that weigh 0 are not indexed.

    Raises
    ------
    UsageError
        If a number is out of range, no field weighs anything, or ``b`` names a field without a weight.
    """

    k1: float = 1.2
    b: float | Mapping[str, float] = 0.75
    field_weights: Mapping[str, float] = field(default_factory=lambda: {"title": 1.0, "description": 0.2})

    def __post_init__(self) -> None:
        if not 0 < self.k1 < np.inf:
            raise UsageError(f"lexical k1 is {self.k1}; expected a number above 0.")
        for name, weight in self.field_weights.items():
            if not 0 <= weight < np.inf:
                raise UsageError(f"the lexical weight of {name!r} is {weight}; expected 0 or more.")
        if not self.fields:
            raise UsageError("no lexical field weighs anything; expected at least one weight above 0.")
        for name, b in self.b.items() if isinstance(self.b, Mapping) else [("all fields", self.b)]:
            if isinstance(self.b, Mapping) and name not in self.field_weights:
                known = ", ".join(self.field_weights)
                raise UsageError(f"lexical b names the unknown field {name!r}; the fields are {known}.")
            if not 0 <= b <= 1:
                raise UsageError(f"lexical b of {name} is {b}; expected 0 to 1.")

    @property
    def fields(self) -> tuple[str, ...]:
        """The indexed fields."""
        return tuple(name for name, weight in self.field_weights.items() if weight > 0)

    def b_of(self, name: str) -> float:
        return self.b.get(name, 0.75) if isinstance(self.b, Mapping) else self.b


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


@dataclass(frozen=True, eq=False)
class Lexical:
    """The words of a build: frozen statistics, the build's documents, and documents that came later.

    Rows of later documents follow those of the build.
    """

    settings: LexicalSettings
    vocabulary: Vocabulary
    idf: NDArray[np.float64]  # (v,) of the build's own tokens
    average_lengths: NDArray[np.float64]  # (f,)
    documents: DocumentRows
    posting_starts: NDArray[np.int64]  # (v + 1,) where each token's rows begin
    posting_rows: NDArray[np.int32]
    posting_weights: NDArray[np.float32]
    later: DocumentRows

    # ---- building

    @classmethod
    def build(cls, documents: Iterable[Document], settings: LexicalSettings = LexicalSettings()) -> Lexical:
        """Count the words of documents and freeze their statistics.

        Raises
        ------
        UsageError
            If a document has a field that the settings do not weigh.
        """
        numbers: defaultdict[str, int] = defaultdict()
        numbers.default_factory = numbers.__len__
        flat, lengths = _numbered(documents, settings, numbers.__getitem__)
        words = sorted(numbers)
        place = np.zeros(len(words), dtype=np.int32)
        place[[numbers[word] for word in words]] = np.arange(len(words), dtype=np.int32)
        averages = _average_lengths(lengths)
        rows = _weigh(place[flat], lengths, averages, settings)
        postings = _postings(rows, len(words))
        return cls(
            settings,
            Vocabulary(StringColumn.of(words)),
            _idf(np.diff(postings[0]), len(rows)),
            averages,
            rows,
            *postings,
            DocumentRows.joined([]),
        )

    def extended(self, documents: Iterable[Document]) -> Lexical:
        """The same build with later documents after its rows, weighed by its own statistics."""
        vocabulary, rows = self.document_rows(documents)
        return replace(self, vocabulary=vocabulary, later=DocumentRows.joined([self.later, rows]))

    def document_rows(self, documents: Iterable[Document]) -> tuple[Vocabulary, DocumentRows]:
        """Weigh documents by the frozen statistics; the vocabulary grows by the tokens that it did not have."""
        kept = [*documents]
        words = (token for document in kept for name in self.fields for token in document.get(name, ()))
        vocabulary = self.vocabulary.extended(words)
        known: dict[str, int] = {}

        def number(token: str) -> int:
            if token not in known:
                known[token] = vocabulary.find(token)
            return known[token]

        flat, lengths = _numbered(kept, self.settings, number)
        return vocabulary, _weigh(flat, lengths, self.average_lengths, self.settings)

    def __len__(self) -> int:
        return len(self.documents) + len(self.later)

    @property
    def fields(self) -> tuple[str, ...]:
        return self.settings.fields

    @property
    def unseen_idf(self) -> float:
        """The idf of a token that one product has: the most that any token weighs."""
        return float(_idf(np.ones(1, dtype=np.int64), len(self.documents))[0])

    # ---- scoring

    def encode_query(self, tokens: Sequence[str]) -> dict[int, float]:
        """What each known token of a query weighs; tokens that repeat weigh more, unknown ones take their share."""
        counts = Counter(tokens)
        numbers = {token: self.vocabulary.find(token) for token in counts}
        masses = {token: count * self._idf_of(numbers[token]) for token, count in counts.items()}
        whole = sum(masses.values())
        return {numbers[token]: mass / whole for token, mass in masses.items() if numbers[token] >= 0}

    def terms(self, query: Mapping[int, float], rows: Rows) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """The fields and what each contributes to the score of each row, ``(r,) -> (r, f)``."""
        base = len(self.documents)
        late = rows >= base
        if not late.any():
            return self.fields, self.documents.sums(query, rows, len(self.fields))
        values = np.zeros((len(rows), len(self.fields)))
        values[~late] = self.documents.sums(query, rows[~late], len(self.fields))
        values[late] = self.later.sums(query, rows[late] - base, len(self.fields))
        return self.fields, values

    def score_all(self, query: Mapping[int, float]) -> NDArray[np.float64]:
        """The score of every row, ``(n,)``."""
        base = len(self.documents)
        scores = np.zeros(len(self))
        for token, weight in query.items():
            if token < len(self.idf):
                held = slice(int(self.posting_starts[token]), int(self.posting_starts[token + 1]))
                scores[self.posting_rows[held]] += weight * self.posting_weights[held].astype(np.float64)
        if len(self.later):
            rows = np.arange(len(self.later), dtype=np.int64)
            scores[base:] = self.later.sums(query, rows, len(self.fields)).sum(axis=1)
        return scores

    def explain(self, tokens: Sequence[str], row: int) -> list[tuple[str, str, float]]:
        """``(field, token, contribution)`` of every token found in a row, largest first."""
        at = np.array([row], dtype=np.int64)
        found = []
        for number, weight in self.encode_query(tokens).items():
            names, values = self.terms({number: weight}, at)
            token = self.vocabulary[number]
            found += [(name, token, float(v)) for name, v in zip(names, values[0], strict=True) if v != 0]
        return sorted(found, key=lambda entry: (-entry[2], entry[0], entry[1]))

    def weights(self, rows: Rows | None = None) -> Any:
        """Document weights of these rows (the build's own when None) as scipy CSR ``(r, vocabulary)`` float32."""
        base, width = len(self.documents), len(self.vocabulary)
        if rows is None:
            return self.documents.matrix(width)
        late = rows >= base
        picked = DocumentRows.joined([self.documents.take(rows[~late]), self.later.take(rows[late] - base)])
        places = np.argsort(np.argsort(late, kind="stable"), kind="stable")  # where each row went
        return picked.take(places.astype(np.int64)).matrix(width)

    def _idf_of(self, number: int) -> float:
        return float(self.idf[number]) if 0 <= number < len(self.idf) else self.unseen_idf

    # ---- on disk

    def save(self, directory: Path) -> None:
        """Write the build's own words; later documents belong to the shop's truth, not to the build."""
        directory.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Array] = {
            "idf": self.idf,
            "average_lengths": self.average_lengths,
            "posting_starts": self.posting_starts,
            "posting_rows": self.posting_rows,
            "posting_weights": self.posting_weights,
        }
        arrays |= self.documents.arrays() | self.vocabulary.sorted.arrays("words")
        save_arrays(directory / "lexical.safetensors", arrays)
        b = dict(self.settings.b) if isinstance(self.settings.b, Mapping) else self.settings.b
        described = {"k1": self.settings.k1, "b": b, "field_weights": dict(self.settings.field_weights)}
        save_json(directory / "lexical.json", {"format": LEXICAL_FORMAT, "settings": described})

    @classmethod
    def load(cls, directory: Path) -> Lexical:
        """Map what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the files are missing, damaged, or of another format.
        """
        described = load_json(directory / "lexical.json")
        if described.get("format") != LEXICAL_FORMAT:
            raise DataError(
                f"{directory} holds words of format {described.get('format')}; expected {LEXICAL_FORMAT}.",
                fix="Build again.",
            )
        arrays = load_arrays(directory / "lexical.safetensors")
        return cls(
            LexicalSettings(**described["settings"]),
            Vocabulary(StringColumn.from_arrays(arrays, "words")),
            arrays["idf"],
            arrays["average_lengths"],
            DocumentRows(*(arrays[name] for name in ("starts", "tokens", "fields", "shares"))),
            arrays["posting_starts"],
            arrays["posting_rows"],
            arrays["posting_weights"],
            DocumentRows.joined([]),
        )


def _numbered(
    documents: Iterable[Document], settings: LexicalSettings, number: Any
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
            tokens = document.get(name, ())
            lengths.append(len(tokens))
            flat.extend(map(number, tokens))
    return (
        np.frombuffer(flat, dtype=np.int32) if flat else np.zeros(0, dtype=np.int32),
        np.array(lengths, dtype=np.int32).reshape(-1, len(fields)),
    )


def _average_lengths(lengths: NDArray[np.int32]) -> NDArray[np.float64]:
    """Mean tokens per field over the documents that have the field; 1 where none has. ``(n, f) -> (f,)``."""
    having = (lengths > 0).sum(axis=0)
    totals = lengths.sum(axis=0, dtype=np.int64)
    averages: NDArray[np.float64] = np.divide(totals, having, out=np.ones(lengths.shape[1]), where=having > 0)
    return averages


def _weigh(
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
    weights = np.array([settings.field_weights[name] for name in settings.fields])[fields]
    b = np.array([settings.b_of(name) for name in settings.fields])[fields]
    parts = weights * counts / (1 - b + b * lengths[documents, fields] / averages[fields])
    groups = np.flatnonzero(np.diff(pairs, prepend=-1))
    sums = np.add.reduceat(parts, groups) if len(parts) else parts
    wholes = np.repeat(sums, np.diff(groups, append=len(pairs)))
    shares = (settings.k1 + 1) * parts / (settings.k1 + wholes)
    starts = np.searchsorted(documents, np.arange(n + 1)).astype(np.int64)
    return DocumentRows(starts, (pairs % width).astype(np.int32), fields.astype(np.uint8), shares.astype(np.float32))


def _postings(rows: DocumentRows, n_tokens: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """The rows and whole weights of every token: the transpose of the documents."""
    by_token = rows.matrix(n_tokens).tocsc()
    return (
        by_token.indptr.astype(np.int64),
        by_token.indices.astype(np.int32, copy=False),
        by_token.data.astype(np.float32, copy=False),
    )


def _idf(document_counts: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    held = np.asarray(document_counts, dtype=np.float64)
    whole = np.maximum(n, held)
    found: NDArray[np.float64] = np.log1p((whole - held + 0.5) / (held + 0.5))
    return found


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
