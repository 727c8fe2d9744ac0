"""Quantities of one attribute in several units, and two ways to write decimals."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TypeAlias

from goodsense.quality.census import Census, Column
from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding
from goodsense.quality.units import UNITS, convert, parse_quantity

_FEW = 5  # quantities of a category; with fewer the whole catalog says what is usual
_USUAL = 0.6  # of the peers use one unit: then it is the usual one
_COMMA = re.compile(r"\s*[+-]?\d{1,9},\d{1,2}(?!\d)\s*[^\d\s]{0,10}\s*")
_POINT = re.compile(r"\s*[+-]?\d{1,9}\.\d{1,6}(?!\d)\s*[^\d\s]{0,10}\s*")

_Quantity: TypeAlias = tuple[int, str, float, str]  # row, as written, number, unit


def mixed_units(evidence: Evidence) -> list[Finding]:
    """Quantities in another unit than most of the category use: inches among centimetres, grams among kilograms."""
    census = evidence.census
    cases = [
        case for name, column in census.attributes.items() for case in _unusual(census, f"attribute.{name}", column)
    ]
    return finding("mixed_units", cases, {"by field": dict(Counter(case.field for case in cases).most_common(20))})


def _unusual(census: Census, field: str, column: Column) -> Iterator[Case]:
    by_dimension: defaultdict[str, list[_Quantity]] = defaultdict(list)
    for row, value in column:
        found = parse_quantity(value) if isinstance(value, str) and len(value) < 40 else None
        if found is not None and isinstance(value, str):
            by_dimension[UNITS[found[1]][0]].append((row, value, *found))
    for quantities in by_dimension.values():
        units = Counter(_size(unit) for _, _, _, unit in quantities)
        if len(units) > 1:
            yield from _minority(census, field, quantities)


def _minority(census: Census, field: str, quantities: list[_Quantity]) -> Iterator[Case]:
    overall = Counter(unit for _, _, _, unit in quantities)
    local: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for row, _, _, unit in quantities:
        local[census.categories[row]][unit] += 1
    everywhere = _usual_unit(overall)
    usual = {path: (_usual_unit(own) if own.total() >= _FEW else "") or everywhere for path, own in local.items()}
    for row, written, number, unit in quantities:
        to = usual[census.categories[row]]
        if to and _size(unit) != _size(to):
            converted = convert(number, unit, to)
            yield Case(census.ids[row], field, written, f"{converted:.6g} {to}", group=to)


def _usual_unit(counts: Counter[str]) -> str:
    """The unit that most use, in its most frequent wording; empty if no unit prevails."""
    sizes: Counter[float] = Counter()
    for unit, count in counts.items():
        sizes[_size(unit)] += count
    size, most = sizes.most_common(1)[0]
    if most < _USUAL * counts.total() or most < 2:
        return ""
    return max((unit for unit in counts if _size(unit) == size), key=lambda unit: counts[unit])


def _size(unit: str) -> float:
    """Units of equal size are one unit: ``cm`` and ``厘米``."""
    return UNITS[unit][1]


def decimal_commas(evidence: Evidence) -> list[Finding]:
    """Numbers with a decimal comma among numbers with a point, or the other way round."""
    census = evidence.census
    cases: list[Case] = []
    for name, column in census.attributes.items():
        commas = [(row, v) for row, v in column if isinstance(v, str) and len(v) < 40 and _COMMA.fullmatch(v)]
        if not commas:
            continue
        points = [(row, v) for row, v in column if isinstance(v, str) and len(v) < 40 and _POINT.fullmatch(v)]
        numbers = sum(isinstance(value, float) and not value.is_integer() for _, value in column)
        field = f"attribute.{name}"
        if 0 < len(commas) < len(points) + numbers:
            cases += [Case(census.ids[row], field, v, v.replace(",", ".").strip()) for row, v in commas]
        elif len(commas) > len(points) > 0:
            cases += [Case(census.ids[row], field, v, v.replace(".", ",").strip()) for row, v in points]
    return finding("decimal_comma", cases)
