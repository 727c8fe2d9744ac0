"""Augmentation of texts, letter by letter: slips of fingers on a keyboard, and Chinese characters that sound alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goodsense.text.augment_words import check_share, is_word, pieces
from goodsense.text.pinyin import homophones, to_pinyin
from goodsense.text.script import HAN

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORTEST = 4  # letters of a word that is worth a slip
_SLIPS = ("neighbour", "swap", "drop", "double")
# Pairs of beginnings and ends that many speakers do not tell apart.
_ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"), ("l", "n"))


def _neighbours() -> dict[str, str]:
    beside: dict[str, set[str]] = {}
    for y, row in enumerate(_ROWS):
        for x, key in enumerate(row):
            around = [(y, x - 1), (y, x + 1), (y - 1, x), (y - 1, x + 1), (y + 1, x - 1), (y + 1, x)]
            near = {_ROWS[b][a] for b, a in around if 0 <= b < len(_ROWS) and 0 <= a < len(_ROWS[b])}
            beside[key] = near
    return {key: "".join(sorted(near)) for key, near in beside.items()}


NEIGHBOURS = _neighbours()
"""Key -> the keys around it on a QWERTY keyboard."""


@dataclass(frozen=True)
class KeyboardTypos:
    """One slip in some words of Latin letters: a neighbouring key, two letters exchanged, one left out or doubled.

    ``share`` is the chance of each word of four letters and more. The first letter stays, as it mostly does.
    """

    share: float = 0.15

    def __post_init__(self) -> None:
        check_share(self.share)

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        done = []
        for piece in pieces(text):
            latin = len(piece) >= _SHORTEST and piece.isascii() and piece.isalpha()
            done.append(_slipped(piece, rng) if latin and rng.random() < self.share else piece)
        return "".join(done)


def _slipped(word: str, rng: np.random.Generator) -> str:
    kind = _SLIPS[int(rng.integers(len(_SLIPS)))]
    at = int(rng.integers(1, len(word) - (kind == "swap")))
    before, char, after = word[:at], word[at], word[at + 1 :]
    if kind == "swap":
        return before + after[0] + char + after[1:]
    if kind == "drop":
        return before + after
    if kind == "double":
        return before + char + char + after
    keys = NEIGHBOURS[char.lower()]
    key = keys[int(rng.integers(len(keys)))]
    return before + (key.upper() if char.isupper() else key) + after


@dataclass(frozen=True)
class PinyinTypos:
    """Mistakes of typing Chinese by sound.

    Parameters
    ----------
    share
        Chance of each Chinese word.
    letters
        Share of the mistakes in which the word stays in letters (红色 becomes ``hongse``); in the others, one of its
        characters becomes another that is read alike.
    blurred
        Share of the words in letters whose sounds are blurred as many speakers do (``zh`` and ``z``, ``ing`` and
        ``in``).
    """

    share: float = 0.1
    letters: float = 0.25
    blurred: float = 0.25

    def __post_init__(self) -> None:
        for share in (self.share, self.letters, self.blurred):
            check_share(share)

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        done = []
        for piece in pieces(text):
            if is_word(piece) and HAN.match(piece) and rng.random() < self.share:
                piece = self._mistaken(piece, rng)
            done.append(piece)
        return "".join(done)

    def _mistaken(self, word: str, rng: np.random.Generator) -> str:
        if rng.random() < self.letters:
            typed = to_pinyin(word, separator="")
            return _blurred(typed, rng) if rng.random() < self.blurred else typed
        at = int(rng.integers(len(word)))
        others = homophones().get(word[at], "")[:10]  # the commonest: what an input method offers first
        if not others:
            return word
        return word[:at] + others[int(rng.integers(len(others)))] + word[at + 1 :]


def _blurred(typed: str, rng: np.random.Generator) -> str:
    found = [(a, b) for a, b in _ALIKE if a in typed] + [(b, a) for a, b in _ALIKE if b in typed and a not in typed]
    if not found:
        return typed
    sound, other = found[int(rng.integers(len(found)))]
    return typed.replace(sound, other, 1)
