"""How a word that no dictionary has is pronounced: letter by letter, as in the known words that look most like it.

After Dedina and Nusbaum, "PRONOUNCE: a program for pronunciation by analogy" (1991) and van den Bosch and Daelemans,
"Data-oriented methods for grapheme-to-phoneme conversion" (1993). The words of the dictionary are aligned with their
sounds only when they are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Sounds: TypeAlias = tuple[str, ...]
Text: TypeAlias = NDArray[np.uint8]

WIDEST = 4  # letters that are looked at on either side
SHORTEST = 3  # letters of a known word that is looked at: shorter ones are often spelled out
EXAMPLES = 24  # known words that are asked about one letter

# The sounds that a letter likes, alone or as a pair; ``_`` is silence. What is not named here is possible, but dear.
_LIKES: Mapping[str, tuple[str, ...]] = {
    letter: tuple(sounds.split("/"))
    for letter, sounds in {
        "a": "AE/EY/AA/AH/AO/EH/_",
        "b": "B/_",
        "c": "K/S/CH/SH/_",
        "d": "D/JH/T/_",
        "e": "EH/IY/AH/IH/EY/ER/_",
        "f": "F/V",
        "g": "G/JH/F/ZH/_",
        "h": "HH/_",
        "i": "IH/AY/IY/AH/Y/ER/_",
        "j": "JH/Y/ZH/HH",
        "k": "K/_",
        "l": "L/_",
        "m": "M",
        "n": "N/NG/_",
        "o": "AA/OW/AO/AH/UW/UH/W AH/AW/OY/_",
        "p": "P/F/_",
        "q": "K",
        "r": "R/ER/_",
        "s": "S/Z/SH/ZH/_",
        "t": "T/TH/DH/SH/CH/D/_",
        "u": "AH/UW/UH/Y UW/W/ER/IH/Y/Y ER/Y AH/_",
        "v": "V/F",
        "w": "W/V/_",
        "x": "K S/G Z/Z/K SH/K",
        "y": "IY/AY/IH/Y/_",
        "z": "Z/S/T S/ZH/_",
    }.items()
}
_SILENT, _STRANGE, _PAIR = 0.7, 3.0, 1.5  # what it costs to be silent, unliked, or two unliked sounds at once
_STEP = 0.02  # later likes are a little dearer


class Analogist:
    """Pronounces unknown words after a dictionary, word -> sounds."""

    def __init__(self, known: Mapping[str, Sounds]) -> None:
        self._known = known

    @lru_cache(maxsize=4_096)  # noqa: B019 - an analogist lives as long as its recogniser
    def pronounce(self, word: str) -> Sounds:
        """The likeliest sounds of a word of the letters a to z; some sound in any case.

        Raises
        ------
        ValueError
            If there is another letter in it, or none.
        """
        if not word or not all("a" <= letter <= "z" for letter in word):
            raise ValueError(f"{word!r} cannot be pronounced; expected letters from a to z")
        marked = "#" * WIDEST + word + "#" * WIDEST
        windows = np.frombuffer(marked.encode("ascii"), np.uint8)
        voted = [self._letter(windows[place : place + 2 * WIDEST + 1], word[place]) for place in range(len(word))]
        sounds = " ".join(voted).replace("_", " ").split()
        merged = [sound for place, sound in enumerate(sounds) if place == 0 or sounds[place - 1] != sound]
        return tuple(merged) or tuple(_LIKES[word[0]][0].split())

    def _letter(self, window: Text, letter: str) -> str:
        """The sounds of the letter in the middle, by vote of the examples that share most of what stands around it."""
        text, order, codes = self._index
        wanted = _codes(window[WIDEST - 1 : WIDEST + 2])[0]
        begin, end = np.searchsorted(codes, [wanted, wanted + 1]).tolist()
        places = order[begin:end] if end > begin else np.flatnonzero(text == window[WIDEST])
        alike = text[places[:, None] + np.arange(-WIDEST, WIDEST + 1)] == window  # (n, 9)
        shared = _run(alike[:, :WIDEST][:, ::-1]) + _run(alike[:, WIDEST + 1 :])
        votes: Counter[str] = Counter()
        for place in places[np.argsort(-shared, kind="stable")][
            : int((shared == shared.max(initial=0)).sum())
        ].tolist():
            votes.update(self._example(place))
            if votes.total() >= EXAMPLES:
                break
        return max(votes, key=lambda sounds: (votes[sounds], sounds)) if votes else _LIKES[letter][0]

    @lru_cache(maxsize=65_536)  # noqa: B019
    def _example(self, place: int) -> tuple[str, ...]:
        """What the letter at a place of the joined words sounds like; nothing if its word cannot be aligned."""
        begin = self._joined.rfind("#", 0, place) + 1
        word = self._joined[begin : self._joined.find("#", place)]
        aligned = align(word, self._known[word])
        return (aligned[place - begin],) if aligned else ()

    @cached_property
    def _joined(self) -> str:
        edge = "#" * WIDEST
        fit = (word for word in self._known if word.isascii() and word.isalpha() and len(word) >= SHORTEST)
        return edge + edge.join(fit) + edge

    @cached_property
    def _index(self) -> tuple[Text, NDArray[np.int64], NDArray[np.int64]]:
        """The joined words, the places of their letters by what stands left, there and right, and these three."""
        text = np.frombuffer(self._joined.encode("ascii"), np.uint8)
        places = np.flatnonzero(text != ord("#"))
        codes = _codes(text[places[:, None] + np.arange(-1, 2)])
        order = np.argsort(codes, kind="stable")
        return text, places[order], codes[order]


def _codes(threes: Text) -> NDArray[np.int64]:
    """Three letters as one number, ``(n, 3) -> (n,)``."""
    letters = np.atleast_2d(threes).astype(np.int64)
    found: NDArray[np.int64] = (letters[:, 0] << 16) | (letters[:, 1] << 8) | letters[:, 2]
    return found


def _run(alike: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many are true from the left on, ``(n, k) -> (n,)``."""
    found: NDArray[np.int64] = np.cumprod(alike, axis=1).sum(axis=1)
    return found


@lru_cache(maxsize=65_536)
def align(word: str, sounds: Sounds) -> tuple[str, ...]:
    """The sounds of every letter of a known word: none (``_``), one or two; empty if there are too many to share out.

    The cheapest way from the left to the right, by what letters like to sound like.
    """
    infinity = float("inf")
    best = [[infinity] * (len(sounds) + 1) for _ in range(len(word) + 1)]
    taken = [[0] * (len(sounds) + 1) for _ in range(len(word) + 1)]
    best[0][0] = 0.0
    for i, letter in enumerate(word):
        for j in range(len(sounds) + 1):
            if best[i][j] == infinity:
                continue
            for count in range(min(2, len(sounds) - j) + 1):
                cost = best[i][j] + _cost(letter, sounds[j : j + count])
                if cost < best[i + 1][j + count]:
                    best[i + 1][j + count], taken[i + 1][j + count] = cost, count
    if best[-1][-1] == infinity:
        return ()
    found = []
    j = len(sounds)
    for i in range(len(word), 0, -1):
        count = taken[i][j]
        found.append(" ".join(sounds[j - count : j]) or "_")
        j -= count
    return tuple(reversed(found))


def _cost(letter: str, sounds: Sequence[str]) -> float:
    likes = _LIKES.get(letter, ())
    wanted = " ".join(sounds) or "_"
    if wanted in likes:
        return (_SILENT if wanted == "_" else 0.0) + _STEP * likes.index(wanted)
    if not sounds:
        return _STRANGE
    return _STRANGE if len(sounds) == 1 else _STRANGE + _PAIR - (sounds[0] in likes) - (sounds[1] in likes)
