"""Words spelt alike: what stands in for a word that was never learned."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from goodsense.encoders.vocabulary import spelling

GRAMS = (3, 5)  # character sequences by which an unknown word is compared with the known ones
GUESSES = 3  # known words that speak for an unknown one
LEAST_ALIKE = 0.45  # cosine of spellings; below it, a word is like no other
BLOCK = 256  # unknown words compared at once


class Speller:
    """Finds the known words that are spelt most like an unknown one: cosine of their character sequences."""

    def __init__(self, words: Sequence[str]) -> None:
        grams: dict[str, int] = {}
        for word in words:
            for gram in spelling(word, *GRAMS):
                grams.setdefault(gram, len(grams))
        self._grams = grams
        self._known = self._spelled(words).T.tocsr()  # (grams, words)

    def alike(self, words: Sequence[str]) -> Any:
        """Weights of known words for each unknown one, sparse ``(unknown, known)``; rows sum to 1, or are empty."""
        from scipy.sparse import vstack

        blocks = [self._block(words[start : start + BLOCK]) for start in range(0, len(words), BLOCK)]
        return vstack(blocks, format="csr")

    def _block(self, words: Sequence[str]) -> Any:
        from scipy.sparse import csr_array

        cosines = (self._spelled(words) @ self._known).tocsr()
        starts, columns, values = [0], list[int](), list[float]()
        for start, end in zip(cosines.indptr[:-1], cosines.indptr[1:], strict=True):
            own, places = cosines.data[start:end], cosines.indices[start:end]
            best = np.lexsort((places, -np.round(own, 6)))[:GUESSES]
            best = best[own[best] >= LEAST_ALIKE]
            columns += places[best].tolist()
            values += (own[best] / max(float(own[best].sum()), 1e-12)).tolist()
            starts.append(len(columns))
        parts = (np.array(values, np.float32), np.array(columns, np.int64), np.array(starts, np.int64))
        return csr_array(parts, shape=cosines.shape)

    def _spelled(self, words: Sequence[str]) -> Any:
        """Unit rows of counts ``(words, grams)``; sequences that no known word has count towards the length."""
        from scipy.sparse import csr_array

        starts, columns, values = [0], list[int](), list[float]()
        for word in words:
            own = Counter(spelling(word, *GRAMS))
            norm = math.sqrt(sum(times * times for times in own.values())) or 1.0
            for place, value in self._known_of(own, norm):
                columns.append(place)
                values.append(value)
            starts.append(len(columns))
        parts = (np.array(values, np.float32), np.array(columns, np.int64), np.array(starts, np.int64))
        return csr_array(parts, shape=(len(words), len(self._grams)))

    def _known_of(self, own: Mapping[str, int], norm: float) -> Iterator[tuple[int, float]]:
        for gram, times in own.items():
            place = self._grams.get(gram, -1)
            if place >= 0:
                yield place, times / norm
