"""Rules for words, numbers, units and codes written in letters that are set apart by spaces.

Each rule exists so that spellings of one thing meet in at least one token, in a product and in a query alike:

===========================================  =================================================
written                                      tokens
===========================================  =================================================
``t-shirt``, ``tshirt``, ``t shirt``         ``tshirt shirt``
``water-proof``                              ``waterproof water proof``
``WH-1000XM4``, ``WH/1000XM4``               ``wh1000xm4 wh 1000xm4``
``iPhone12``                                 ``iphone12 iphone 12``
``8 inch``, ``8"``, ``8in``, ``8英寸``        ``8 8inch``
``500ml``, ``500 ML``, ``500毫升``            ``500 500ml``
``10 x 20cm``                                ``10x20 10 10cm 20 20cm``
``1,000.50``                                 ``1000.5``
``XXL``, ``2XL``                             ``2xl``
``Levi's``, ``levis``                        ``levi``
``H&M``, ``H & M``                           ``h&m h m``
===========================================  =================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from threading import Lock
from typing import Any

UNITS: dict[str, str] = {
    "inch": "inch inches \" '' 英寸 英吋 寸 吋",
    "ft": "ft feet foot 英尺",
    "yd": "yd yds yard yards",
    "mm": "mm millimeter millimeters millimetre millimetres 毫米",
    "cm": "cm centimeter centimeters centimetre centimetres 厘米 公分",
    "m": "m meter meters metre metres mtr 米",
    "ml": "ml milliliter milliliters millilitre millilitres 毫升",
    "cl": "cl",
    "l": "l liter liters litre litres ltr 升",
    "gal": "gal gallon gallons",
    "qt": "qt quart quarts",
    "floz": "floz",
    "mg": "mg 毫克",
    "g": "g gram grams gm 克",
    "kg": "kg kgs kilo kilos kilogram kilograms 千克 公斤",
    "jin": "斤",
    "lb": "lb lbs pound pounds 磅",
    "oz": "oz ounce ounces 盎司",
    "w": "w watt watts 瓦",
    "kw": "kw 千瓦",
    "v": "v volt volts 伏",
    "mah": "mah 毫安时 毫安",
    "hz": "hz 赫兹",
    "khz": "khz",
    "mhz": "mhz",
    "ghz": "ghz",
    "mb": "mb",
    "gb": "gb gigabyte gigabytes",
    "tb": "tb terabyte terabytes",
    "mp": "mp megapixel megapixels",
    "pack": "pack packs pk",
    "pcs": "pcs pc piece pieces",
    "count": "count ct",
}
"""Canonical unit -> its spellings, case-folded."""

_ATTACHED_ONLY = {"in": "inch"}  # "8in" is a length, "size 8 in black" is not
_UNIT_OF = {spelling: unit for unit, spellings in UNITS.items() for spelling in spellings.split()} | _ATTACHED_ONLY
_NOT_UNITS = {"米": "(?!其林|色|白|老鼠)", "克": "(?!拉|隆|罗)", "升": "(?!级|降|温)", "寸": "", "瓦": "(?!楞|罐)"}


def _spelt(word: str) -> str:
    if word.isascii() and word.isalpha():
        return word
    return re.escape(word) + _NOT_UNITS.get(word, "")


_WORDY = "|".join(_spelt(word) for word in sorted(_UNIT_OF.keys() - _ATTACHED_ONLY.keys(), key=len, reverse=True))
_END = r"(?![a-z0-9]|[-_.][a-z0-9])"  # "8-in-1" and "5g-router" are no lengths and weights

# Possessive digits and bounded repeats keep every match linear in the length of the text.
THOUSANDS = r"[0-9]{1,3}(?:,[0-9]{3})++(?![0-9])(?:\.[0-9]++)?"
NUMBER = rf"(?:{THOUSANDS}|[0-9]++(?:[./][0-9]++)?|\.[0-9]++)"
_TIMES = rf"(?:\s?(?:\"|''|inch(?:es)?|in|ft|cm|mm|m))?\s?[x×*]\s?{NUMBER}"
MEASURE = (
    rf"{NUMBER}(?:(?:(?:{_TIMES}|-{NUMBER}){{0,4}}(?:[\s-]?(?:{_WORDY}){_END}|-?in{_END}))|(?:{_TIMES}){{1,4}}{_END})"
)
COMPOUND = (
    r"(?<![a-z0-9])(?:t[ -]?shirts?|v[ -]?necks?|x[ -]?rays?|e[ -]?(?:reader|book|bike|scooter|cigarette)s?"
    r"|u[ -]?locks?|[od][ -]?rings?|c[ -]?clamps?|g[ -]?strings?|a[ -]?line)(?:'s)?(?![a-z0-9])"
)
AMPERSAND = r"(?<![a-z0-9])(?:[a-z]{1,2}&[a-z]{1,2}|[a-z] & [a-z])(?![a-z0-9])"

_MEASURE = re.compile(MEASURE)
_COMPOUND = re.compile(COMPOUND)
_AMPERSAND = re.compile(AMPERSAND)
_NUMBER = re.compile(NUMBER)
_DECIMAL = re.compile(rf"{THOUSANDS}|[0-9]+\.[0-9]+")
_TAIL_UNIT = re.compile(rf"({_WORDY}|in)$")
_POSSESSIVE = re.compile(r"'s?(?![^\W_])")
_ACRONYM = re.compile(r"[a-z](?:\.[a-z])+")
_SEPARATORS = re.compile(r"[-./_&+]+")
_GLUED = re.compile(r"([a-z]{3,})([0-9]+)|([0-9]+)([a-z]{3,})")
_LARGE = re.compile(r"(x{2,})l")
_ODD_WORD = re.compile(f"{COMPOUND}|{_LARGE.pattern}")
_LONGEST = 64  # characters; nothing longer is a word that anyone would look for


def word_tokens(piece: str, *, stop: frozenset[str], stem: bool) -> list[str]:
    """The tokens of one piece of folded text, each once: the whole first, its parts after it.

    Parameters
    ----------
    piece
        One match of the tokenizer's pattern: case-folded, without accents.
    stop
        Words that are left out.
    stem
        Whether letters-only English words are reduced by the Snowball stemmer.
    """
    if piece.isascii() and piece.isalpha() and not _ODD_WORD.fullmatch(piece):  # most words, ten times as fast
        if len(piece) > _LONGEST or piece in stop:
            return []
        return [stem_english(piece) if stem else piece]
    found = dict.fromkeys(_raw_tokens(piece))
    kept = [word for word in found if word and len(word) <= _LONGEST and word not in stop]
    return list(dict.fromkeys(stem_english(word) for word in kept)) if stem else kept


def _raw_tokens(piece: str) -> Iterator[str]:
    if _COMPOUND.fullmatch(piece):
        letter, rest = piece[0], _POSSESSIVE.sub("", piece)[1:].lstrip(" -")
        yield letter + rest
        yield rest
    elif _MEASURE.fullmatch(piece) or _DECIMAL.fullmatch(piece):
        yield from _measure_tokens(piece)
    elif _AMPERSAND.fullmatch(piece):
        yield piece.replace(" ", "")
        yield from piece.replace(" ", "").split("&")
    else:
        yield from _word_tokens(piece)


def _measure_tokens(piece: str) -> Iterator[str]:
    unit = ""
    if tail := _TAIL_UNIT.search(piece):
        unit = _UNIT_OF[tail.group(1)]
        piece = piece[: tail.start()]
    numbers = [plain_number(number) for number in _NUMBER.findall(piece)]
    if len(numbers) > 1:
        yield ("-" if "-" in piece.strip("- ") else "x").join(numbers)
    for number in numbers:
        yield number
        if unit:
            yield number + unit


def _word_tokens(piece: str) -> Iterator[str]:
    word = _POSSESSIVE.sub("", piece).replace("'", "")
    if _ACRONYM.fullmatch(word):
        yield word.replace(".", "")
        return
    parts = [part for part in _SEPARATORS.split(word) if part]
    if len(parts) < 2:
        if parts:
            yield from _simple(parts[0])
        return
    if _is_one_thing(word, parts):
        yield "".join(parts)
    elif word.replace("/", "").isdigit():
        yield word
    for part in parts:
        if _MEASURE.fullmatch(part):
            yield from _measure_tokens(part)
        else:
            yield from _simple(part)


def _is_one_thing(word: str, parts: list[str]) -> bool:
    """Whether the parts are also one word: a code, or a short hyphenated compound; not ``black/white``."""
    letters = any(not part.isdigit() for part in parts)
    digits = any(char.isdigit() for char in word)
    if letters and digits:
        return True
    if letters:
        return len(parts) <= 3 and not set(word) & set("/.&+")
    return "/" not in word


def _simple(word: str) -> Iterator[str]:
    """A word without separators, and its two halves when letters and digits are glued together."""
    if large := _LARGE.fullmatch(word):
        yield f"{len(large.group(1))}xl"
    elif word.isascii() and word.isdigit():
        yield word
    else:
        yield word
        if glued := _GLUED.fullmatch(word):
            yield from (part for part in glued.groups() if part)


def plain_number(written: str) -> str:
    """``1,000.50`` as ``1000.5``, ``.5`` as ``0.5``, ``8.0`` as ``8``; digits in front stay (``007``)."""
    number = written.replace(",", "")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return "0" + number if number.startswith(".") else number or "0"


_STEMMER_LOCK = Lock()  # the stemmer keeps its word in itself


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    # Not snowballstemmer.stemmer(): that takes another library where it happens to be installed.
    from snowballstemmer.english_stemmer import EnglishStemmer

    return EnglishStemmer()


@lru_cache(maxsize=100_000)
def stem_english(word: str) -> str:
    """Snowball's English stem of a letters-only ASCII word of three or more; anything else as it is."""
    if len(word) < 3 or not (word.isascii() and word.isalpha()):
        return word
    with _STEMMER_LOCK:
        return str(_stemmer().stemWord(word))
