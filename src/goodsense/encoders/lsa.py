"""Latent semantic analysis: the built-in text encoder, fitted on the shop's own catalog.

Deerwester et al., "Indexing by Latent Semantic Analysis" (1990), over words, word sequences and the spelling of every
word. A word is itself plus its spelling, so a typing error or an unseen compound still lands near what it resembles.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.decomposition import truncated_svd
from goodsense.encoders.options import checked_field_weights, checked_lengths, number, whole_number
from goodsense.encoders.vocabulary import Document, Vocabulary, count, sequences, spelling
from goodsense.errors import UsageError
from goodsense.types import Modality, TextFields, Vectors, normalise

KIND = "lsa"
VERSION = 1
DEFAULT_WEIGHTS: Mapping[str, float] = {"title": 1.0, "*": 0.5}
LIMITS = (50_000, 30_000, 50_000)  # words, word sequences, spellings
RUN_WEIGHT = 0.5  # a word sequence beside its words
TABLES = ("words", "runs", "spellings")
QUERY_FIELD = ""  # a query has no fields; a product's field always has a name
FIT_LIMIT = 50_000  # products read by a fit; the vectors of more differ little and the fit takes long


@runtime_checkable
class SupportsTokens(Protocol):
    """What the encoder needs of a tokenizer."""

    @property
    def fingerprint(self) -> str: ...
    def tokens(self, text: str) -> list[str]: ...
    def to_json(self) -> Any: ...


class LsaEncoder:
    """Text to a dense vector by TF-IDF and a truncated SVD; unit rows, a zero row for text of unknown content.

    Parameters
    ----------
    tokenizer
        Cuts text into tokens; None takes the default tokenizer.
    dim
        Length of the vectors; when the corpus has less to tell, the last columns are zero.
    char_ngrams
        Shortest and longest character sequence of the spellings.
    word_ngrams
        Longest word sequence: 1 for words alone, 2 for pairs as well.
    field_weights
        Field -> weight; ``"*"`` stands for every field not named and fields of weight 0 are not read. Each field is
        scaled to unit length first, so a long description does not drown the title.
    char_weight
        How much the spelling of a word counts beside the word itself.
    whiten
        Power of the singular values that is divided out: 0 keeps plain LSA, 1 weighs all directions alike.
    """

    def __init__(
        self,
        *,
        tokenizer: SupportsTokens | None = None,
        dim: int = 256,
        char_ngrams: Sequence[int] = (3, 5),
        word_ngrams: int = 2,
        field_weights: Mapping[str, float] = DEFAULT_WEIGHTS,
        char_weight: float = 0.6,
        whiten: float = 0.3,
    ) -> None:
        self._settings: dict[str, Any] = {
            "dim": whole_number("dim", dim),
            "char_ngrams": checked_lengths(char_ngrams),
            "word_ngrams": whole_number("word_ngrams", word_ngrams),
            "field_weights": checked_field_weights(field_weights),
            "char_weight": number("char_weight", char_weight, least=0),
            "whiten": number("whiten", whiten, least=0, most=1),
        }
        self._tokenizer = _default_tokenizer() if tokenizer is None else tokenizer
        self._tables: dict[str, NDArray[np.float32]] = {}
        self._vocabulary: Vocabulary | None = None
        self._idf: list[float] = []
        self._words: dict[str, int] = {}
        self._runs: dict[str, int] = {}
        self._spellings: dict[str, int] = {}
        self._fingerprint = ""

    @property
    def dim(self) -> int:
        return int(self._settings["dim"])

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"text"})

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint:
            self._fingerprint = artefacts.fingerprint(self._artefact())
        return self._fingerprint

    def fit(self, values: Sequence[TextFields], *, seed: int) -> Self:
        """Learn vocabulary, weights and directions from products; of a large catalog, from a seeded sample."""
        if len(values) > FIT_LIMIT:
            picked = np.sort(np.random.default_rng(seed).choice(len(values), FIT_LIMIT, replace=False))
            values = [values[i] for i in picked.tolist()]
        settings = self._settings
        documents = [self._document(value) for value in values]
        found = count(
            documents, char_ngrams=settings["char_ngrams"], word_ngrams=settings["word_ngrams"], limits=LIMITS
        )
        self._learn(found)
        words, runs = len(found.words.names), len(found.runs.names)
        spelled = self._spelled(found.words.names)  # (words, spellings)
        features = self._features(documents, spelled)
        directions = truncated_svd(features, self.dim, seed=seed, whiten=settings["whiten"])  # (features, dim)
        spellings = directions[words + runs :]
        own = directions[:words] + settings["char_weight"] * (spelled @ spellings)
        self._tables = {
            "words": (found.words.idf[:, None] * own).astype(np.float32),
            "runs": (found.runs.idf[:, None] * directions[words : words + runs]).astype(np.float32),
            "spellings": np.ascontiguousarray(spellings, dtype=np.float32),
        }
        return self

    def encode(self, values: Sequence[TextFields | str]) -> Vectors:
        """``n`` products (field -> text) to ``(n, dim)`` unit rows."""
        if self._vocabulary is None:
            raise UsageError("this text encoder was not fitted yet.", fix="Call fit(products, seed=...) first.")
        if not len(values):
            return np.zeros((0, self.dim), dtype=np.float32)
        unseen: dict[str, int] = {}
        counts = self._counts([self._document(value) for value in values], unseen)
        table = np.concatenate([self._tables["words"], self._tables["runs"], self._new_words(list(unseen))])
        return normalise(np.asarray(counts @ table, dtype=np.float32))

    def encode_query(self, values: Sequence[TextFields | str]) -> Vectors:
        """``n`` shoppers' texts to ``(n, dim)`` in the products' space; the words of every field are known here."""
        return self.encode(values)

    def save(self, directory: Path) -> None:
        """Write vocabulary, tables, settings and tokenizer into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`, tokenizer included."""
        from goodsense.text import Tokenizer

        found = artefacts.read(directory, kind=KIND, version=VERSION)
        settings = dict(found.settings)
        tokenizer = Tokenizer.from_json(settings.pop("tokenizer"))
        settings.pop("tokenizer_fingerprint")
        terms = settings.pop("vocabulary")
        encoder = cls(tokenizer=tokenizer, **settings)
        if terms is not None:
            encoder._learn(Vocabulary.from_json(terms, found.arrays))
            encoder._tables = {name: found.arrays[name] for name in TABLES}
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings = self._settings | {
            "tokenizer": self._tokenizer.to_json(),
            "tokenizer_fingerprint": self._tokenizer.fingerprint,
            "vocabulary": self._vocabulary.to_json() if self._vocabulary else None,
        }
        arrays = {**self._tables, **(self._vocabulary.arrays() if self._vocabulary else {})}
        return artefacts.Artefact(KIND, VERSION, settings, arrays)

    def _learn(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._idf = vocabulary.words.idf.tolist()
        self._words = vocabulary.words.index()
        self._runs = vocabulary.runs.index()
        self._spellings = vocabulary.spellings.index()
        self._fingerprint = ""

    def _weight(self, field: str) -> float:
        weights: dict[str, float] = self._settings["field_weights"]
        return weights.get(field, weights.get("*", 0.0))

    def _document(self, value: TextFields | str) -> Document:
        if isinstance(value, str):
            return {QUERY_FIELD: self._tokenizer.tokens(value)}
        return {field: self._tokenizer.tokens(text) for field, text in value.items() if self._weight(field) > 0}

    def _counts(self, documents: Sequence[Document], unseen: dict[str, int]) -> Any:
        """Weights of words, runs and unseen words as a sparse matrix ``(n, words + runs + unseen)``, without idf.

        Unseen words are entered into ``unseen`` and take the columns behind the known ones.
        """
        from scipy.sparse import csr_array

        starts, columns, weights = [0], [], []
        for document in documents:
            for field, tokens in document.items():
                weight = 1.0 if field == QUERY_FIELD else self._weight(field)
                found, values = self._weighted(tokens, weight, unseen)
                columns += found
                weights += values
            starts.append(len(columns))
        width = len(self._words) + len(self._runs) + len(unseen)
        parts = (np.array(weights, np.float32), np.array(columns, np.int64), np.array(starts, np.int64))
        return csr_array(parts, shape=(len(documents), width))

    def _weighted(self, tokens: Sequence[str], weight: float, unseen: dict[str, int]) -> tuple[list[int], list[float]]:
        """Columns and weights of one field: 1 + log(tf), over the field's length in TF-IDF space."""
        assert self._vocabulary is not None
        known = len(self._words) + len(self._runs)
        columns, values, energy = [], [], 0.0
        for word, times in Counter(tokens).items():
            column = self._words.get(word, -1)
            value = 1.0 if times == 1 else 1.0 + math.log(times)
            energy += (value * (self._idf[column] if column >= 0 else self._vocabulary.words.unseen)) ** 2
            columns.append(column if column >= 0 else known + unseen.setdefault(word, len(unseen)))
            values.append(value)
        for run, times in Counter(sequences(tokens, self._settings["word_ngrams"])).items():
            column = self._runs.get(run, -1)
            if column >= 0:
                columns.append(len(self._words) + column)
                values.append(RUN_WEIGHT * (1.0 if times == 1 else 1.0 + math.log(times)))
        scale = weight / math.sqrt(energy) if energy > 0 else 0.0
        return columns, [scale * value for value in values]

    def _features(self, documents: Sequence[Document], spelled: Any) -> Any:
        """The unit TF-IDF rows that the SVD sees: ``(n, words + runs + spellings)``."""
        from scipy.sparse import diags_array, hstack

        assert self._vocabulary is not None
        words, runs = len(self._words), len(self._runs)
        counts = self._counts(documents, {})
        idf = np.concatenate([self._vocabulary.words.idf, self._vocabulary.runs.idf])
        own = counts[:, : words + runs] @ diags_array(idf, dtype=np.float32)
        letters = self._settings["char_weight"] * (own[:, :words] @ spelled)
        features = hstack([own, letters], format="csr", dtype=np.float32)
        norms = np.sqrt(np.asarray(features.multiply(features).sum(axis=1))).ravel()
        return diags_array(1 / np.maximum(norms, 1e-12), dtype=np.float32) @ features

    def _spelled(self, words: Sequence[str]) -> Any:
        """The spelling of each word as a unit row of TF-IDF weights: ``(words, spellings)``, sparse.

        Sequences that the corpus never had count towards the length, so a half-known word is half as loud.
        """
        from scipy.sparse import csr_array

        assert self._vocabulary is not None
        terms = self._vocabulary.spellings
        starts, columns, values = [0], [], []
        for word in words:
            grams = spelling(word, *self._settings["char_ngrams"])
            found = [self._spellings.get(gram, -1) for gram in grams]
            weights = [float(terms.idf[i]) if i >= 0 else terms.unseen for i in found]
            norm = math.sqrt(sum(weight * weight for weight in weights)) or 1.0
            columns += [i for i in found if i >= 0]
            values += [weight / norm for i, weight in zip(found, weights, strict=True) if i >= 0]
            starts.append(len(columns))
        parts = (np.array(values, np.float32), np.array(columns, np.int64), np.array(starts, np.int64))
        return csr_array(parts, shape=(len(words), len(terms.names)))

    def _new_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of words that the corpus never had, from their spelling alone: ``(words, dim)``."""
        assert self._vocabulary is not None
        if not words:
            return np.zeros((0, self.dim), dtype=np.float32)
        scale = self._settings["char_weight"] * self._vocabulary.words.unseen
        vectors: NDArray[np.float32] = (scale * (self._spelled(words) @ self._tables["spellings"])).astype(np.float32)
        return vectors


def _default_tokenizer() -> SupportsTokens:
    from goodsense.text import Tokenizer

    return Tokenizer()
