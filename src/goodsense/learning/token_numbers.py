"""Tokens as numbers: special tokens first, sentinels then, the words of a catalog last, most frequent first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError

Numbers: TypeAlias = NDArray[np.int64]  # (t,)

PADDING, UNKNOWN_WORD, CLASS, SEPARATOR, MASK, END = range(6)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[END]")


@dataclass(frozen=True)
class TokenNumbers:
    """A vocabulary of words, and ``sentinels`` tokens that stand for spans (as T5 has them).

    Number 0 fills up; the words are numbers from :attr:`first_word` to ``len(numbers)``.
    """

    words: tuple[str, ...]
    sentinels: int = 32

    @classmethod
    def of(
        cls, texts: Iterable[Sequence[str]], *, most: int = 8_000, least: int = 1, sentinels: int = 32
    ) -> TokenNumbers:
        """The ``most`` frequent words that come at least ``least`` times; equally frequent ones by the alphabet."""
        if most < 1 or least < 1 or sentinels < 2:
            raise UsageError(
                f"most, least and sentinels are {most}, {least} and {sentinels}; expected from 1, 1 and 2 up."
            )
        counts = Counter(token for tokens in texts for token in tokens)
        ranked = sorted(
            (word for word, found in counts.items() if found >= least), key=lambda word: (-counts[word], word)
        )
        return cls(tuple(ranked[:most]), sentinels)

    def __len__(self) -> int:
        return self.first_word + len(self.words)

    @property
    def first_sentinel(self) -> int:
        """The number of the first sentinel."""
        return len(SPECIAL)

    @property
    def first_word(self) -> int:
        """The number of the first word."""
        return len(SPECIAL) + self.sentinels

    def numbers(self, tokens: Sequence[str]) -> Numbers:
        """Tokens ``t`` to numbers ``(t,)``; what is not in the vocabulary is the unknown word."""
        place = self._place
        return np.array([place.get(token, UNKNOWN_WORD) for token in tokens], dtype=np.int64)

    def tokens(self, numbers: Iterable[int]) -> list[str]:
        """Numbers as words, special tokens in brackets, sentinels as ``<0>``, ``<1>`` and so on."""
        names = (*SPECIAL, *(f"<{place}>" for place in range(self.sentinels)), *self.words)
        return [names[number] for number in numbers]

    @cached_property
    def _place(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words, start=self.first_word)}


def filled_up(rows: Sequence[Numbers]) -> tuple[Numbers, NDArray[np.bool_]]:
    """Rows of numbers as ``(n, t)``, filled up on the right, and where they are tokens, ``(n, t)`` bool; ``t >= 1``."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    there = np.arange(max(1, int(lengths.max(initial=0)))) < lengths[:, None]
    found = np.full(there.shape, PADDING, dtype=np.int64)
    if len(rows):
        found[there] = np.concatenate(rows)
    return found, there
