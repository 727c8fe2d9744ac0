"""Measures and sizes in one way of writing: ``0.5L``, ``500毫升`` and ``五百 ml`` are ``500 ml``; 加大码 is ``XL``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from goodsense.text.clean import clean
from goodsense.text.numbers import arabic_numbers
from goodsense.text.words import MEASURE, NUMBER, UNITS, plain_number

# Unit -> the unit it is told in, and how many of these it is.
_METRIC: dict[str, tuple[str, float]] = {
    "mm": ("cm", 0.1),
    "cm": ("cm", 1),
    "m": ("cm", 100),
    "inch": ("cm", 2.54),
    "ft": ("cm", 30.48),
    "yd": ("cm", 91.44),
    "ml": ("ml", 1),
    "cl": ("ml", 10),
    "l": ("ml", 1_000),
    "floz": ("ml", 29.5735),
    "qt": ("ml", 946.353),
    "gal": ("ml", 3_785.41),
    "mg": ("g", 0.001),
    "g": ("g", 1),
    "kg": ("g", 1_000),
    "jin": ("g", 500),
    "lb": ("g", 453.592),
    "oz": ("g", 28.3495),
    "w": ("w", 1),
    "kw": ("w", 1_000),
    "v": ("v", 1),
    "mah": ("mah", 1),
    "hz": ("hz", 1),
    "khz": ("hz", 1e3),
    "mhz": ("ghz", 1e-3),
    "ghz": ("ghz", 1),
    "mb": ("gb", 1e-3),
    "gb": ("gb", 1),
    "tb": ("gb", 1e3),
    "mp": ("mp", 1),
    "pack": ("pack", 1),
    "pcs": ("pcs", 1),
    "count": ("count", 1),
}
_UNIT_OF = {spelling: unit for unit, spellings in UNITS.items() for spelling in spellings.split()} | {"in": "inch"}
_SPELLINGS = sorted(_UNIT_OF, key=len, reverse=True)
_FLUID_OUNCE = r"\s?-?(?:fl(?:uid)?\.?\s?(?:oz|ounces?)(?![a-z])|液量?盎司)"
_MEASURE = re.compile(rf"(?<![a-z0-9_.])(?:{NUMBER}(?P<fluid>{_FLUID_OUNCE})|{MEASURE})", re.IGNORECASE)
_PART = re.compile(rf"({NUMBER})\s?-?({'|'.join(map(re.escape, _SPELLINGS))})?", re.IGNORECASE)
_HOLDS_LIQUID = re.compile(
    r"\b(?:ml|litres?|liters?|[0-9.]+l|cups?|mugs?|bottles?|tumblers?|flasks?|glass(?:es)?|jugs?|pitchers?)\b|杯|壶|瓶|罐|毫升|升",
    re.IGNORECASE,
)
_NETWORK = re.compile(r"[2-6]G")  # a generation of telephones, no weight; written so
_DIGITS = 4  # that a converted measure keeps


@dataclass(frozen=True)
class Measure:
    """A measure in a text: ``values`` in ``unit`` (several for ``10 x 20 cm`` or a range), from ``start`` to ``end``.

    ``joined`` is what stands between the values: ``"x"``, ``"-"``, or nothing for a single one.
    """

    values: tuple[float, ...]
    unit: str
    start: int
    end: int
    joined: str = ""

    def __str__(self) -> str:
        between = " x " if self.joined == "x" else self.joined
        return f"{between.join(map(_rounded, self.values))} {self.unit}"


def find_measures(text: str) -> list[Measure]:
    """Measures in a cleaned text, in order, in metric units: cm, ml, g, w, gb, ghz ...; pack, pcs and count stay.

    Ounces are a volume where the text speaks of vessels or of litres. A number without a unit is no measure.
    """
    return list(_found(text, liquid=bool(_HOLDS_LIQUID.search(text))))


def normalise_measures(text: str) -> str:
    """The text, cleaned, with Chinese numerals as digits and every measure as metric number and unit.

    >>> normalise_measures("0.5L 保温杯 / 16 oz")
    '500 ml 保温杯 / 473.2 ml'
    >>> normalise_measures('两斤装, 8" x 10" tray, 5-10kg')
    '1000 g装, 20.32 x 25.4 cm tray, 5000-10000 g'
    """
    text = arabic_numbers(clean(text))
    parts, start = [], 0
    for measure in find_measures(text):
        parts += [text[start : measure.start], str(measure)]
        start = measure.end
    return "".join([*parts, text[start:]])


def _found(text: str, *, liquid: bool) -> Iterator[Measure]:
    for match in _MEASURE.finditer(text):
        written = match.group()
        if _NETWORK.fullmatch(written):
            continue
        parts = [(number, _UNIT_OF.get(unit.lower(), "")) for number, unit in _PART.findall(written)]
        last = "floz" if match["fluid"] else parts[-1][1]
        if not last:
            continue
        told = _told(last, liquid=liquid)[0]
        converted = [(_value(number), *_told(unit or last, liquid=liquid)) for number, unit in parts]
        if any(unit != told for _, unit, _ in converted):
            continue
        joined = "" if len(parts) == 1 else "-" if re.search(rf"[0-9]-{NUMBER}", written) else "x"
        end = match.end() + _abbreviating_stop(text, match.end())
        yield Measure(tuple(value * factor for value, _, factor in converted), told, match.start(), end, joined)


def _told(unit: str, *, liquid: bool) -> tuple[str, float]:
    return _METRIC["floz" if unit == "oz" and liquid else unit]


def _abbreviating_stop(text: str, end: int) -> int:
    """1 if a full stop follows that belongs to the unit (``12 oz. mug``) and ends no sentence."""
    after = text[end + 1 :].lstrip()[:1]
    return int(text[end : end + 1] == "." and text[end - 1 : end].isascii() and (after.islower() or after == ","))


def _value(number: str) -> float:
    if "/" in number:
        above, below = number.split("/")
        return float(above) / float(below) if float(below) else float(above)
    return float(plain_number(number))


def _rounded(value: float) -> str:
    """Four digits, more for whole numbers: 473.2, 20.32, 12500."""
    if value == round(value):
        return str(round(value))
    short = float(f"{value:.{_DIGITS}g}")
    return str(round(short)) if short == round(short) else f"{short:.10g}"


# ---- sizes

_CHINESE_SIZES = {
    "均码": "one size",
    "均号": "one size",
    "加小": "XS",
    "特小": "XS",
    "小": "S",
    "中": "M",
    "大": "L",
    "加大": "XL",
    "特大": "XL",
    "加加大": "2XL",
    "超大": "2XL",
    "加加加大": "3XL",
}
_ENGLISH_SIZES = {"small": "S", "medium": "M", "large": "L"}
_SIZE = re.compile(
    r"(?P<one>\bone[ -]size(?:[ -]fits[ -](?:all|most))?\b|均码|均号)"
    r"|(?:尺码|尺寸|\bsize)?[:：]?\s*(?P<zh>加加加大|加加大|加大|特大|超大|加小|特小|大|中|小)(?:码|号)(?!杯|盘|电池|字)"
    r"|(?:尺码|尺寸|\bsizes?)[:：]?\s*(?P<asked>(?:[2-9]?x{0,4}[sl]|m))(?:码|号)?(?![a-z0-9'])"
    r"|(?<![\w.'-])(?P<many>[2-9]x|x{1,4})[- ]?(?P<base>large|small|l|s)(?:码|号)?(?![a-z0-9'-])"
    r"|(?<![\w.'-])(?P<code>[sml])(?:码|号)"
    r"|(?<![\w.'-])(?P<extra>(?:extra[ -]){1,3})(?P<word>large|small)\b"
    r"|\bsize[:：]?\s*(?P<named>small|medium|large)\b|\b(?P<before>small|medium|large)[ -]sized?\b"
    r"|(?<![a-z])(?P<system>eur?|us|uk)[ -]?(?:size\s*)?(?P<number>[0-9]{1,2}(?:\.5)?)(?![0-9.]*[0-9a-z])"
    r"|(?P<zh_system>欧|美|英)码\s*(?P<zh_number>[0-9]{1,2}(?:\.5)?)"
    r"|(?<![0-9.])(?P<plain>3[0-9]|4[0-9])(?P<half>\.5)?码(?P<and_half>半)?",
    re.IGNORECASE,
)
_SYSTEMS = {"e": "EU", "u": "US", "欧": "EU", "美": "US", "英": "UK"}


def find_sizes(text: str) -> list[str]:
    """Sizes of clothes and shoes in a cleaned text, each written in one way: ``XL``, ``2XL``, ``one size``, ``EU 42``.

    >>> find_sizes("加大码 / XXL, EU 42, 均码")
    ['XL', '2XL', 'EU 42', 'one size']
    """
    return [_size(match) for match in _SIZE.finditer(text)]


def normalise_sizes(text: str) -> str:
    """The text, cleaned, with every size written in one way.

    A lone ``large`` or 大 stays, for it may speak of anything; with ``size``, 码 or 号 beside it, it is a size.
    Chinese shoe sizes are European ones.

    >>> normalise_sizes("羊毛衫 加大码, extra-large, 42码")
    '羊毛衫 XL, XL, EU 42'
    """
    return _SIZE.sub(lambda match: _spaced(match, _size(match)), clean(text))


def _spaced(match: re.Match[str], size: str) -> str:
    leading = len(match.group()) - len(match.group().lstrip())
    return match.group()[:leading] + size


def _size(match: re.Match[str]) -> str:
    found = {name: value for name, value in match.groupdict().items() if value}
    if "one" in found:
        return "one size"
    if "zh" in found:
        return _CHINESE_SIZES[found["zh"]]
    if "asked" in found:
        letters = found["asked"].upper()
        return _many(letters[:-1], letters[-1])
    if "many" in found:
        return _many(found["many"].upper(), found["base"][0].upper())
    if "code" in found:
        return found["code"].upper()
    if "extra" in found:
        return _many("X" * len(re.findall("extra", found["extra"], re.IGNORECASE)), found["word"][0].upper())
    if word := found.get("named") or found.get("before"):
        return _ENGLISH_SIZES[word.lower()]
    if "number" in found:
        system = "UK" if found["system"].lower() == "uk" else _SYSTEMS[found["system"][0].lower()]
        return f"{system} {found['number']}"
    if "zh_number" in found:
        return f"{_SYSTEMS[found['zh_system']]} {found['zh_number']}"
    return f"EU {found['plain']}{'.5' if 'half' in found or 'and_half' in found else ''}"


def _many(xs: str, letter: str) -> str:
    """``XX`` and ``L`` as ``2XL``, ``X`` as ``XL``, ``3X`` as ``3XL``."""
    if xs[:1].isdigit():
        return f"{xs[0]}X{letter}"
    return letter if not xs else f"X{letter}" if len(xs) == 1 else f"{len(xs)}X{letter}"
