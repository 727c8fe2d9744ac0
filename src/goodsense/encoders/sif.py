"""Texts from word vectors: the smooth inverse frequency of Arora et al., "A Simple but Tough-to-Beat Baseline for
Sentence Embeddings" (2017).

A text is the mean of its words' vectors, each weighed ``a / (a + p)`` with ``p`` how often the word is used; then the
direction that all texts share, their first principal component, is taken out. What learns the word vectors is a class
of its own: ``word2vec``, ``glove``.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.lsa import SupportsTokens
from goodsense.encoders.options import checked_field_weights, whole_number
from goodsense.encoders.speller import Speller
from goodsense.encoders.text_options import (
    default_tokenizer,
    field_weight,
    read_fields,
    sampled,
)
from goodsense.encoders.vocabulary import Document, smallest_count
from goodsense.errors import UsageError
from goodsense.types import Modality, TextFields, Vectors, normalise

WORD_LIMIT = 50_000  # words that have a vector of their own
_LATIN = re.compile(r"[a-z]{3,}")


# ---- the method, as plain functions


def smooth_weights(share: NDArray[np.floating[Any]], smoothing: float) -> NDArray[np.float64]:
    """``a / (a + p)``: nearly 1 for rare words, nearly 0 for those on every page. ``(words,) -> (words,)``."""
    weights: NDArray[np.float64] = smoothing / (smoothing + np.asarray(share, dtype=np.float64))
    return weights


def common_directions(vectors: NDArray[np.floating[Any]], count: int) -> NDArray[np.float32]:
    """The first right singular vectors of the rows, not centred: ``(n, d) -> (count, d)``; signs are fixed."""
    rows = np.asarray(vectors, dtype=np.float64)
    count = min(count, *rows.shape)
    energies, directions = np.linalg.eigh(rows.T @ rows)
    leading = directions[:, np.argsort(-energies, kind="stable")[:count]].T  # (count, d)
    signs = np.sign(leading[np.arange(count), np.abs(leading).argmax(axis=1)])
    return np.asarray(leading * signs[:, None], dtype=np.float32)


def without_directions(vectors: NDArray[np.float32], directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows less their parts along orthonormal ``directions``. ``(n, d), (k, d) -> (n, d)``."""
    return np.asarray(vectors - (vectors @ directions.T) @ directions, dtype=np.float32)


# ---- the encoder


class PooledWords(ABC):
    """A text encoder on word vectors that a subclass learns; unit rows, a zero row for text of unknown content.

    Subclasses name their ``KIND``, ``VERSION`` and own settings, and turn sentences into vectors by ``_word_vectors``.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int]

    def __init__(
        self,
        *,
        tokenizer: SupportsTokens | None,
        dim: int,
        field_weights: Mapping[str, float],
        smoothing: float,
        **settings: Any,
    ) -> None:
        self._settings: dict[str, Any] = {
            "dim": whole_number("dim", dim),
            "field_weights": checked_field_weights(field_weights),
            "smoothing": float(smoothing),
            **settings,
        }
        if not 0 < self._settings["smoothing"] < math.inf:
            raise UsageError(f"smoothing is {smoothing}; expected a number above 0, such as 0.001.")
        self._tokenizer = default_tokenizer() if tokenizer is None else tokenizer
        self._arrays: dict[str, NDArray[Any]] = {}  # vectors (words, dim), weights (words,), common (1, dim)
        self._words: dict[str, int] = {}
        self._spoken: list[str] = []  # as people write the words
        self._speller: Speller | None = None
        self._fitted = False
        self._fingerprint = ""

    @abstractmethod
    def _word_vectors(self, sentences: Sequence[Sequence[int]], counts: NDArray[np.int64], seed: int) -> Vectors:
        """Vectors ``(words, dim)`` of the words 0, 1, ..., most frequent first, from the sentences they stand in."""

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
        """Learn the words' vectors and the common direction from products; of a large catalog, from a seeded sample."""
        values = sampled(values, seed=seed)
        documents = [self._document(value) for value in values]
        counts = Counter(token for document in documents for tokens in document.values() for token in tokens)
        least = smallest_count(len(documents))
        names = sorted((word for word, found in counts.items() if found >= least), key=lambda w: (-counts[w], w))
        names = names[:WORD_LIMIT]
        found = np.array([counts[name] for name in names], dtype=np.int64)
        vectors = np.zeros((0, self.dim), dtype=np.float32)
        words = {name: i for i, name in enumerate(names)}
        if names:
            sentences = [[words[t] for t in tokens if t in words] for d in documents for tokens in d.values()]
            vectors = np.ascontiguousarray(self._word_vectors(sentences, found, seed), dtype=np.float32)
            assert vectors.shape == (len(names), self.dim), vectors.shape
        weights = smooth_weights(found / max(1, sum(counts.values())), self._settings["smoothing"])
        arrays = {"vectors": vectors, "weights": weights.astype(np.float32)}
        self._take(names, self._written(names, values), arrays)
        pooled = self._pooled(documents)
        self._arrays["common"] = common_directions(pooled, 1) if len(names) > 1 else np.zeros((0, self.dim), np.float32)
        return self

    def encode(self, values: Sequence[TextFields | str]) -> Vectors:
        """``n`` products (field -> text) to ``(n, dim)`` unit rows."""
        self._need_fit()
        if not len(values):
            return np.zeros((0, self.dim), dtype=np.float32)
        pooled = self._pooled([self._document(value) for value in values])
        return normalise(without_directions(pooled, self._arrays["common"]))

    def encode_query(self, values: Sequence[TextFields | str]) -> Vectors:
        """``n`` shoppers' texts to ``(n, dim)`` in the products' space."""
        return self.encode(values)

    def nearest(self, word: str, k: int) -> list[tuple[str, float]]:
        """The ``k`` words used most like this one, best first, with the cosine of their vectors.

        Words come as the catalog writes them most often. A word that was never learned has none.
        """
        self._need_fit()
        own = [self._words[token] for token in self._tokenizer.tokens(word) if token in self._words]
        if not own or k < 1:
            return []
        unit = self._unit_words()
        cosines = unit @ unit[own[0]]
        cosines[own] = -np.inf
        order = np.argsort(-cosines, kind="stable")[:k]
        return [(self._spoken[i], float(cosines[i])) for i in order.tolist() if np.isfinite(cosines[i])]

    def unknown_share(self, values: Sequence[TextFields]) -> float:
        """Which share of the words in ``values`` was not there at the fit."""
        tokens = [token for value in values for words in self._document(value).values() for token in words]
        return sum(token not in self._words for token in tokens) / max(1, len(tokens))

    def save(self, directory: Path) -> None:
        """Write words, vectors, settings and tokenizer into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`, tokenizer included."""
        from goodsense.text import Tokenizer

        found = artefacts.read(directory, kind=cls.KIND, version=cls.VERSION)
        settings = dict(found.settings)
        tokenizer = Tokenizer.from_json(settings.pop("tokenizer"))
        settings.pop("tokenizer_fingerprint")
        words = settings.pop("words")
        encoder = cls(tokenizer=tokenizer, **settings)
        if words is not None:
            encoder._take(words["names"], words["spoken"], dict(found.arrays))
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings = self._settings | {
            "tokenizer": self._tokenizer.to_json(),
            "tokenizer_fingerprint": self._tokenizer.fingerprint,
            "words": {"names": list(self._words), "spoken": self._spoken} if self._fitted else None,
        }
        return artefacts.Artefact(self.KIND, self.VERSION, settings, self._arrays)

    def _take(self, names: Sequence[str], spoken: Sequence[str], arrays: dict[str, NDArray[Any]]) -> None:
        self._words = {name: i for i, name in enumerate(names)}
        self._spoken = list(spoken)
        self._arrays = arrays
        self._speller = None
        self._fitted = True
        self._fingerprint = ""

    def _need_fit(self) -> None:
        if not self._fitted:
            raise UsageError("this text encoder was not fitted yet.", fix="Call fit(products, seed=...) first.")

    def _unit_words(self) -> Vectors:
        return normalise(without_directions(self._arrays["vectors"], self._arrays["common"]))

    def _document(self, value: TextFields | str) -> Document:
        fields = read_fields(self._settings["field_weights"], value)
        return {field: self._tokenizer.tokens(text) for field, text in fields.items()}

    def _written(self, names: Sequence[str], values: Sequence[TextFields]) -> list[str]:
        """For each word the commonest of its spellings: ``shoes`` where ``shoe`` is the stem of it."""
        seen = Counter(
            word
            for value in values
            for text in read_fields(self._settings["field_weights"], value).values()
            for word in _LATIN.findall(text.lower())
        )
        best: dict[str, str] = {}
        for word in sorted(seen, key=lambda word: (-seen[word], word)):
            tokens = self._tokenizer.tokens(word)
            if len(tokens) == 1:
                best.setdefault(tokens[0], word)
        return [best.get(name, name) for name in names]

    def _pooled(self, documents: Sequence[Document]) -> NDArray[np.float32]:
        """Weighted means of the words' vectors, field by field: ``(n, dim)``, the common direction still in them."""
        from scipy.sparse import csr_array

        unseen: dict[str, int] = {}
        starts, columns, values = [0], list[int](), list[float]()
        for document in documents:
            for field, tokens in document.items():
                found, weights = self._weighted(tokens, unseen)
                scale = field_weight(self._settings["field_weights"], field) / max(sum(weights), 1e-12)
                columns += found
                values += [scale * weight for weight in weights]
            starts.append(len(columns))
        table = np.concatenate([self._arrays["vectors"], self._guessed(list(unseen))])
        parts = (np.array(values, np.float32), np.array(columns, np.int64), np.array(starts, np.int64))
        return np.asarray(csr_array(parts, shape=(len(documents), len(table))) @ table, dtype=np.float32)

    def _weighted(self, tokens: Sequence[str], unseen: dict[str, int]) -> tuple[list[int], list[float]]:
        """Columns and weights of one field's words; unknown ones are entered into ``unseen``, behind the known."""
        columns, weights = [], []
        known = self._arrays["weights"]
        for word, times in Counter(tokens).items():
            place = self._words.get(word, -1)
            columns.append(place if place >= 0 else len(known) + unseen.setdefault(word, len(unseen)))
            weights.append(times * (float(known[place]) if place >= 0 else 1.0))
        return columns, weights

    def _guessed(self, words: Sequence[str]) -> Vectors:
        """Vectors of words that were never learned, from those spelt most like them: ``(words, dim)``."""
        if not words or not self._words:
            return np.zeros((len(words), self.dim), dtype=np.float32)
        if self._speller is None:
            self._speller = Speller(list(self._words))
        return np.asarray(self._speller.alike(words) @ self._arrays["vectors"], dtype=np.float32)
