"""Words: field-weighted BM25 whose terms add up field by field and token by token.

BM25F after Robertson, Zaragoza and Taylor (Simple BM25 extension to multiple weighted fields, CIKM 2004): a token's
frequencies are first normalised by each field's length and weighted, then added, then saturated::

    w_f(t, d) = weight_f * tf_f(t, d) / (1 - b_f + b_f * length_f(d) / average_length_f)
    sat(t, d) = (k1 + 1) * sum_f w_f(t, d) / (k1 + sum_f w_f(t, d))
    score     = sum_t count_t * idf_t * sat(t, d) / sum_t count_t * idf_t
    idf_t     = ln(1 + (N - df_t + .5) / (df_t + .5))

Dividing by the query's own idf mass makes scores of different queries comparable; a token that no product has weighs
as much as the rarest one. A field's share of ``sat`` is its share of ``sum_f w_f``, so the terms of the fields sum to
the score exactly.

Words that stand side by side in the query and in the title count once more, as sequential dependence (Metzler and
Croft, SIGIR 2005) has it: pairs are tokens of a field of their own, scored by the same formulas and normalised by
the idf mass of the query's own pairs, times ``pairs``.

Vocabulary, idf and average lengths are frozen with the build; products that come later are weighed by them and may
bring new tokens at the highest idf.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.search.storage import (
    Array,
    StringColumn,
    Vocabulary,
    load_arrays,
    load_json,
    save_arrays,
    save_json,
)
from goodsense.search.weighing import (
    PAIRS,
    Document,
    DocumentRows,
    LexicalSettings,
    adjacent_pairs,
    average_lengths,
    field_tokens,
    numbered,
    weigh,
)
from goodsense.types import Rows

__all__ = ["Document", "Lexical", "LexicalSettings"]

LEXICAL_FORMAT = 1


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
    def build(cls, documents: Iterable[Document], settings: LexicalSettings | None = None) -> Lexical:
        """Count the words of documents and freeze their statistics.

        Raises
        ------
        UsageError
            If a document has a field that the settings do not weigh.
        """
        settings = LexicalSettings() if settings is None else settings
        numbers: defaultdict[str, int] = defaultdict()
        numbers.default_factory = numbers.__len__
        flat, lengths = numbered(documents, settings, numbers.__getitem__)
        words = sorted(numbers)
        place = np.zeros(len(words), dtype=np.int32)
        place[[numbers[word] for word in words]] = np.arange(len(words), dtype=np.int32)
        averages = average_lengths(lengths)
        rows = weigh(place[flat], lengths, averages, settings)
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
        fields = (field_tokens(document, name) for document in kept for name in self.fields)
        vocabulary, numbers = self.vocabulary.extended(chain.from_iterable(fields))
        flat, lengths = numbered(kept, self.settings, numbers.__getitem__)
        return vocabulary, weigh(flat, lengths, self.average_lengths, self.settings)

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
        """What each known token of a query weighs, and each known pair of adjacent ones.

        Tokens that repeat weigh more, unknown ones take their share.
        """
        found = self._weighed(tokens, 1.0)
        if PAIRS in self.fields:
            found |= self._weighed(adjacent_pairs(tokens), self.settings.pairs)
        return found

    def _weighed(self, tokens: Sequence[str], scale: float) -> dict[int, float]:
        counts = Counter(tokens)
        numbers = {token: self.vocabulary.find(token) for token in counts}
        masses = {token: count * self._idf_of(numbers[token]) for token, count in counts.items()}
        whole = sum(masses.values())
        return {numbers[token]: scale * mass / whole for token, mass in masses.items() if numbers[token] >= 0}

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
        weights = dict(self.settings.field_weights)
        described = {"k1": self.settings.k1, "b": b, "field_weights": weights, "pairs": self.settings.pairs}
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
