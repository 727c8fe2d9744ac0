"""Augmentation of texts, word by word: synonyms, words used alike, words left out or exchanged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from goodsense.text.chinese import Segmenter
from goodsense.text.script import HAN
from goodsense.text.stopwords import EVERY_STOP_WORD
from goodsense.text.synonyms import GROUPS

_PIECE = re.compile(r"[\u4e00-\u9fff]+|[^\W\d_\u4e00-\u9fff]+(?:['-][^\W\d_\u4e00-\u9fff]+)*|[\W\d_]+")
_GAP = re.compile(r"([^\S\n]) +| +(?=[.,;:!?])")


class KnowsNeighbours(Protocol):
    """What :class:`ReplaceByNeighbours` needs: the word vectors of ``word2vec`` and ``glove`` encoders have it."""

    def nearest(self, word: str, k: int) -> Sequence[tuple[str, float]]: ...


def pieces(text: str) -> list[str]:
    """Cut a text into words and what stands between them; joined they are the text again.

    Chinese is cut by the dictionary, other scripts at everything that is no letter. Numbers stand between words.
    """
    found: list[str] = []
    for piece in _PIECE.findall(text):
        found += _segmenter().words(piece) if HAN.match(piece) else [piece]
    return found


def is_word(piece: str) -> bool:
    return piece[:1].isalpha()


@dataclass(frozen=True)
class ReplaceSynonyms:
    """Put another word of the same meaning in the place of some.

    Parameters
    ----------
    share
        Chance of each word that has a synonym.
    extra
        The shop's own groups of words that mean the same; they win over the built-in ones.
    across
        Whether a word may become one of the other language.
    builtin
        Whether the built-in table of shop words counts.
    """

    share: float = 0.3
    extra: tuple[tuple[str, ...], ...] = ()
    across: bool = False
    builtin: bool = True

    def __post_init__(self) -> None:
        check_share(self.share)

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        table = _synonyms(self.extra, self.builtin)
        done = []
        for piece in pieces(text):
            others = table.get(piece.lower(), ()) if is_word(piece) else ()
            if not self.across:
                others = tuple(other for other in others if bool(HAN.search(other)) == bool(HAN.search(piece)))
            if others and rng.random() < self.share:
                piece = like(piece, others[int(rng.integers(len(others)))])
            done.append(piece)
        return "".join(done)


@dataclass(frozen=True)
class ReplaceByNeighbours:
    """Put a word that the shop uses alike in the place of some, by the shop's own word vectors.

    Parameters
    ----------
    words
        A fitted ``word2vec`` or ``glove`` encoder, or anything with ``nearest(word, k)``.
    share
        Chance of each word that has neighbours.
    k
        How many neighbours to choose from.
    least
        Cosine from which on a neighbour is near enough.
    """

    words: KnowsNeighbours
    share: float = 0.2
    k: int = 5
    least: float = 0.6

    def __post_init__(self) -> None:
        check_share(self.share)

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        done = []
        for piece in pieces(text):
            if is_word(piece) and piece.lower() not in EVERY_STOP_WORD and rng.random() < self.share:
                near = [word for word, cosine in self.words.nearest(piece, self.k) if cosine >= self.least]
                piece = like(piece, near[int(rng.integers(len(near)))]) if near else piece
            done.append(piece)
        return "".join(done)


@dataclass(frozen=True)
class DropWords:
    """Leave words out, each with chance ``share``; at least one stays."""

    share: float = 0.15

    def __post_init__(self) -> None:
        check_share(self.share)

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        cut = pieces(text)
        words = [at for at, piece in enumerate(cut) if is_word(piece)]
        if len(words) < 2:
            return text
        gone = {at for at, chance in zip(words, rng.random(len(words)), strict=True) if chance < self.share}
        if len(gone) == len(words):
            gone.discard(words[int(rng.integers(len(words)))])
        kept = "".join(piece for at, piece in enumerate(cut) if at not in gone)
        return _GAP.sub(lambda found: found.group(1) or "", kept).strip() if gone else text


@dataclass(frozen=True)
class SwapWords:
    """Exchange words side by side, each pair with chance ``share``; none moves across a punctuation mark."""

    share: float = 0.1

    def __post_init__(self) -> None:
        check_share(self.share)

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        cut = pieces(text)
        words = [at for at, piece in enumerate(cut) if is_word(piece)]
        at = 0
        while at + 1 < len(words):
            first, second = words[at], words[at + 1]
            side_by_side = not "".join(cut[first + 1 : second]).strip()
            if side_by_side and rng.random() < self.share:
                cut[first], cut[second] = cut[second], cut[first]
                at += 1  # what has moved stays
            at += 1
        return "".join(cut)


def check_share(share: float) -> None:
    """Raise ``ValueError`` unless the chance lies within 0 to 1."""
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; expected a chance from 0 to 1")


def like(original: str, word: str) -> str:
    """The word with the original's capitals."""
    if original.isupper() and len(original) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if original[:1].isupper() else word


@lru_cache(maxsize=16)
def _synonyms(extra: tuple[tuple[str, ...], ...], builtin: bool) -> Mapping[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for group in (GROUPS if builtin else ()) + extra:
        for word in group:
            table[word.lower()] = tuple(other for other in group if other != word)
    return table


@lru_cache(maxsize=1)
def _segmenter() -> Segmenter:
    return Segmenter()
