"""Words as rows of one table: each is itself plus its character sequences, all found by hashing, as in Bojanowski et
al., "Enriching Word Vectors with Subword Information" (2017). A typing error shares most of its rows with the word."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.vocabulary import inverse_frequency, smallest_count, spelling

LEAST_USES = 2  # texts that a word or a spelling needs to get a row, in all but the smallest catalogs
HALF_KNOWN = 0.45
_CACHE_SIZE = 200_000


class HashedWords:
    """Which rows of a table stand for a word, with which weights, and how much the word tells.

    Parameters
    ----------
    buckets
        How many places words are hashed to, and again as many for character sequences. Only those in use get a row.
    char_ngrams
        Shortest and longest character sequence.
    char_weight
        What all sequences of a word weigh together beside the word itself.
    """

    def __init__(self, *, buckets: int, char_ngrams: Sequence[int], char_weight: float) -> None:
        self._buckets = buckets
        self._lengths = (int(char_ngrams[0]), int(char_ngrams[1]))
        self._char_weight = char_weight
        self.used: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # places in use, ascending
        self.idf: NDArray[np.float32] = np.zeros(0, dtype=np.float32)  # (used,)
        self.unseen = 0.0  # idf of a word without a row
        self._row: dict[int, int] = {}
        self._cache: dict[str, tuple[list[int], list[float], float]] = {}

    def __len__(self) -> int:
        return len(self.used)

    def fit(self, texts: Iterable[Iterable[str]]) -> None:
        """Count in how many texts, given as tokens, each place is used."""
        found: Counter[int] = Counter()
        total = 0
        for tokens in texts:
            total += 1
            found.update({place for token in set(tokens) for place in self._places(token)})
        least = LEAST_USES if smallest_count(total) > 1 else 1
        used = sorted(place for place, uses in found.items() if uses >= least)
        uses = np.array([found[place] for place in used], dtype=np.float64)
        self.take(np.array(used, dtype=np.int64), inverse_frequency(uses, total), math.log(1 + total) + 1)

    def take(self, used: NDArray[np.int64], idf: NDArray[np.float32], unseen: float) -> None:
        """Come back from what :meth:`fit` found."""
        self.used, self.idf, self.unseen = used, idf, unseen
        self._row = {place: row for row, place in enumerate(used.tolist())}
        self._cache = {}

    def word(self, word: str) -> tuple[list[int], list[float], float]:
        """Rows of a word, their weights, and the word's inverse document frequency."""
        found = self._cache.get(word)
        if found is None:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache = {}
            found = self._cache[word] = self._looked_up(word)
        return found

    def knows(self, word: str) -> bool:
        """Whether the word itself was learned, or nearly half of its character sequences were."""
        own, *grams = self._places(word)
        return own in self._row or sum(gram in self._row for gram in grams) > HALF_KNOWN * len(grams)

    def matrix(self, words: Sequence[str]) -> Any:
        """The words as weights of rows, sparse ``(words, rows)``; a word of unknown spelling is an empty row."""
        from scipy.sparse import csr_array

        starts, rows, weights = [0], list[int](), list[float]()
        for word in words:
            own_rows, own_weights, _ = self.word(word)
            rows += own_rows
            weights += own_weights
            starts.append(len(rows))
        parts = (np.array(weights, np.float32), np.array(rows, np.int64), np.array(starts, np.int64))
        return csr_array(parts, shape=(len(words), len(self)))

    def _places(self, word: str) -> list[int]:
        grams = spelling(word, *self._lengths)
        own = [zlib.crc32(word.encode()) % self._buckets]
        return own + [self._buckets + zlib.crc32(gram.encode()) % self._buckets for gram in grams]

    def _looked_up(self, word: str) -> tuple[list[int], list[float], float]:
        own, *grams = self._places(word)
        row = self._row.get(own, -1)
        rows, weights = ([row], [1.0]) if row >= 0 else ([], [])
        share = self._char_weight / max(1, len(grams))
        known: Counter[int] = Counter(self._row[gram] for gram in grams if gram in self._row)
        rows += known.keys()
        weights += [share * times for times in known.values()]
        return rows, weights, float(self.idf[row]) if row >= 0 else self.unseen
