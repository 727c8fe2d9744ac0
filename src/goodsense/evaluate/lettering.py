"""Text in pictures: Chinese labels in an installed font, or spelt out where no font has the character."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

_CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Noto Sans CJK JP",
    "Droid Sans Fallback",
    "Arial Unicode MS",
)


@dataclass(frozen=True)
class Lettering:
    """Font families in the order they are tried, and the characters that one of them has."""

    families: tuple[str, ...]
    characters: frozenset[int]

    def legible(self, text: str, *, width: int = 24) -> str:
        """One line of at most ``width`` columns; a character that no font has is written as ``\\uXXXX``.

        A Chinese character takes two columns.
        """
        plain = "".join(char if char.isprintable() else " " for char in unicodedata.normalize("NFC", text))
        pieces = [self._piece(char) for char in " ".join(plain.split())]
        ends = list(accumulate(map(columns, pieces)))  # columns up to and with each piece
        if not ends or ends[-1] <= width:
            return "".join(pieces)
        return "".join(pieces[: bisect_right(ends, width - 1)]).rstrip() + "…"

    def _piece(self, char: str) -> str:
        if ord(char) in self.characters:
            return char
        return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def columns(text: str) -> int:
    """Width of a text in columns; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


@lru_cache(maxsize=1)
def installed_lettering() -> Lettering:
    """What this machine can write: DejaVu Sans, which comes with matplotlib, and the first CJK font found."""
    from matplotlib.font_manager import fontManager, get_font

    if not any(entry.name in _CJK_FONTS for entry in fontManager.ttflist):
        _find_new_fonts()
    files = {entry.name: entry.fname for entry in reversed(fontManager.ttflist)}
    families = ["DejaVu Sans", *[name for name in _CJK_FONTS if name in files][:1]]
    characters: set[int] = set()
    for name in families:
        characters |= set(get_font(files[name]).get_charmap())
    return Lettering(tuple(families), frozenset(characters))


def _find_new_fonts() -> None:
    """Take in fonts that were installed after matplotlib wrote down its list, which it never looks at again."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    for path in sorted({*findSystemFonts()} - {entry.fname for entry in fontManager.ttflist}):
        with suppress(RuntimeError, OSError, ValueError):  # a font that cannot be read
            fontManager.addfont(path)
