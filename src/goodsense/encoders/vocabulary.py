"""Words, word sequences and spellings of a corpus: the feature space under :mod:`goodsense.encoders.lsa`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Document = Mapping[str, Sequence[str]]  # field -> tokens, in reading order
CJK_LONGEST = 3  # longest character sequence of a Chinese, Japanese or Korean word; most words have two characters


def spelling(word: str, shortest: int, longest: int) -> list[str]:
    """Character n-grams of one word, its edges marked ``<`` and ``>``.

    Words of Chinese, Japanese or Korean characters give every sequence of 1 to 3 characters instead: there a single
    character already means something, and shared ones tie compounds to their parts.
    """
    if any("\u2e80" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3" for letter in word):
        return [word[i : i + n] for n in range(1, CJK_LONGEST + 1) for i in range(len(word) - n + 1)]
    marked = f"<{word}>"
    return [marked[i : i + n] for n in range(shortest, longest + 1) for i in range(len(marked) - n + 1)]


def sequences(tokens: Sequence[str], longest: int) -> list[str]:
    """Runs of 2 to ``longest`` adjacent words, joined by a blank (no token holds one)."""
    return [" ".join(tokens[i : i + n]) for n in range(2, longest + 1) for i in range(len(tokens) - n + 1)]


@dataclass(frozen=True, eq=False)
class Terms:
    """The kept terms of one kind, most frequent first, and their inverse document frequencies.

    ``idf[i]`` belongs to ``names[i]``; ``unseen`` is the idf of a term that no document had.
    """

    names: tuple[str, ...]
    idf: NDArray[np.float32]  # (terms,)
    unseen: float

    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words, word sequences and spellings of a corpus."""

    words: Terms
    runs: Terms
    spellings: Terms

    def to_json(self) -> dict[str, Any]:
        """The names and the idf of unseen terms; :meth:`arrays` holds the rest."""
        return {kind: {"names": list(terms.names), "unseen": terms.unseen} for kind, terms in self._kinds().items()}

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        return {f"{kind}.idf": terms.idf for kind, terms in self._kinds().items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Vocabulary:
        kinds = ("words", "runs", "spellings")
        return cls(*(Terms(tuple(data[k]["names"]), arrays[f"{k}.idf"], data[k]["unseen"]) for k in kinds))

    def _kinds(self) -> dict[str, Terms]:
        return {"words": self.words, "runs": self.runs, "spellings": self.spellings}


def inverse_frequency(found: NDArray[np.floating[Any]], documents: int) -> NDArray[np.float32]:
    """Smoothed idf, ``log((1 + n) / (1 + df)) + 1``."""
    idf: NDArray[np.float32] = (np.log((1 + documents) / (1 + found)) + 1).astype(np.float32)
    return idf


def smallest_count(documents: int) -> int:
    """In how many documents a term must stand to be kept: large corpora can afford to forget rare ones."""
    return 1 if documents < 2_000 else 2 if documents < 50_000 else 3


def count(
    documents: Iterable[Document], *, char_ngrams: Sequence[int], word_ngrams: int, limits: tuple[int, int, int]
) -> Vocabulary:
    """Count a corpus; keep the most frequent words, word sequences and spellings, at most ``limits`` of each."""
    words: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    total = 0
    for document in documents:
        total += 1
        words.update({token for tokens in document.values() for token in tokens})
        if word_ngrams > 1:
            runs.update({run for tokens in document.values() for run in sequences(tokens, word_ngrams)})
    spellings: Counter[str] = Counter()
    for word, found in words.items():
        for gram in set(spelling(word, char_ngrams[0], char_ngrams[1])):
            spellings[gram] += found
    least = smallest_count(total)
    return Vocabulary(
        _kept(words, least, limits[0], total),
        _kept(runs, max(2, least) if total > 1 else 1, limits[1], total),
        _kept(spellings, least, limits[2], total),
    )


def _kept(counts: Counter[str], least: int, limit: int, documents: int) -> Terms:
    ranked = sorted((name for name, found in counts.items() if found >= least), key=lambda name: (-counts[name], name))
    names = tuple(ranked[:limit])
    found = np.array([min(counts[name], documents) for name in names], dtype=np.float64)
    return Terms(names, inverse_frequency(found, documents), math.log(1 + documents) + 1)
