"""A pronouncing dictionary for the words of a catalog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from pathlib import Path

from goodsense.speech.analogy import Analogist, Sounds
from goodsense.speech.words import pieces, said_number

_EXTRA: Mapping[str, str] = {"tshirt": "t-shirt", "tee": "tea", "colour": "color", "jewellery": "jewelry"}
_VOWELS = frozenset("aeiouy")
_HISSING = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})
_VOICELESS = frozenset({"P", "T", "K", "F", "TH"})
_SHORTEST, _COMPOUND = 3, 7  # letters of a compound's parts and of the compound
_WAYS = 4  # pronunciations kept of one word


class Dictionary:
    """Words to their pronunciations: those known, and by rule and analogy all others.

    Parameters
    ----------
    known
        Word -> its pronunciations, likeliest first, as sounds of the CMU dictionary without stress.
    """

    def __init__(self, known: Mapping[str, tuple[Sounds, ...]]) -> None:
        self._known = known
        self._analogist = Analogist({word: ways[0] for word, ways in known.items()})

    def __contains__(self, word: str) -> bool:
        return word in self._known

    @classmethod
    def from_file(cls, path: Path) -> Dictionary:
        """Read a dictionary in the form of CMU Sphinx: a word and its sounds per line, ``word(2)`` for another way."""
        return cls(_read(path))

    def ways(self, word: str) -> tuple[Sounds, ...]:
        """The pronunciations of a written word, at most a few; known ones first, the parts of compounds one by one.

        A word of letters only that is not known is read as a plural, a compound of two known words, letter by letter
        if it has no vowel, or by analogy. Numbers are said in every usual way.
        """
        if word in self._known:
            return self._known[word]
        parts = [self._piece(piece) for piece in pieces(word)]
        found = [tuple(sound for way in ways for sound in way) for ways in product(*parts)]
        return tuple(dict.fromkeys(found))[:_WAYS]

    def _piece(self, piece: str) -> tuple[Sounds, ...]:
        if piece.isdigit():
            return tuple(
                tuple(sound for name in names for sound in self._known[name][0]) for names in said_number(piece)
            )
        if piece in self._known:
            return self._known[piece]
        return (self._unknown(piece),)

    def _unknown(self, piece: str) -> Sounds:
        if piece in _EXTRA and _EXTRA[piece] in self._known:
            return self._known[_EXTRA[piece]][0]
        if piece.endswith("s") and (piece[:-1] in self._known or piece[:-1] in _EXTRA):
            return plural(self._piece(piece[:-1])[0])
        if not _VOWELS & set(piece) or len(piece) == 1:
            return tuple(sound for letter in piece for sound in self._known[letter][0])
        for cut in range(len(piece) - _SHORTEST, _SHORTEST - 1, -1) if len(piece) >= _COMPOUND else ():
            if piece[:cut] in self._known and piece[cut:] in self._known:
                return self._known[piece[:cut]][0] + self._known[piece[cut:]][0]
        return self._analogist.pronounce(piece)


def plural(sounds: Sounds) -> Sounds:
    """The sounds of a word with its plural ending."""
    if sounds[-1] in _HISSING:
        return (*sounds, "IH", "Z")
    return (*sounds, "S" if sounds[-1] in _VOICELESS else "Z")


def write_dictionary(entries: Mapping[str, Iterable[Sounds]], path: Path) -> None:
    """Write pronunciations in the form of CMU Sphinx."""
    lines = []
    for word in sorted(entries):
        for place, way in enumerate(entries[word], start=1):
            lines.append(f"{word}{f'({place})' if place > 1 else ''} {' '.join(way)}\n")
    path.write_text("".join(lines), "ascii")


@lru_cache(maxsize=2)
def _read(path: Path) -> dict[str, tuple[Sounds, ...]]:
    found: dict[str, tuple[Sounds, ...]] = {}
    for line in path.read_text("utf-8").splitlines():
        name, *sounds = line.split()
        word = name.partition("(")[0] if not name.startswith("(") else name
        found[word] = (*found.get(word, ()), tuple(sounds))
    return found
