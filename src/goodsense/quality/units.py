"""Units of measure as listings write them, and quantities such as ``5,5 in``."""

from __future__ import annotations

import re

_DIMENSIONS: dict[str, str] = {
    "length": "mm=.001 毫米=.001 cm=.01 厘米=.01 公分=.01 m=1 米=1 km=1000 in=.0254 inch=.0254 inches=.0254 英寸=.0254 "
    '寸=.0254 "=.0254 ″=.0254 ft=.3048 feet=.3048 英尺=.3048 yd=.9144',
    "mass": "mg=.001 毫克=.001 g=1 克=1 kg=1000 公斤=1000 千克=1000 斤=500 t=1000000 oz=28.349523125 "
    "盎司=28.349523125 lb=453.59237 lbs=453.59237 磅=453.59237",
    "volume": "ml=.001 毫升=.001 cl=.01 dl=.1 l=1 升=1 gal=3.785411784 加仑=3.785411784",
    "power": "mw=.001 w=1 瓦=1 kw=1000 千瓦=1000",
    "storage": "kb=.000001 mb=.001 gb=1 tb=1000",
    "duration": "s=1 秒=1 min=60 分钟=60 h=3600 小时=3600 天=86400",
    "voltage": "mv=.001 v=1 伏=1 kv=1000",
    "charge": "mah=.001 毫安时=.001 ah=1",
}
_ENTRY = re.compile(r"(\S+)=(\S+)")
UNITS: dict[str, tuple[str, float]] = {
    name: (dimension, float(factor))
    for dimension, entries in _DIMENSIONS.items()
    for name, factor in _ENTRY.findall(entries)
}
"""Unit (lower case) to its dimension and the factor to the dimension's base unit."""

_QUANTITY = re.compile(r"\s*([+-]?\d{1,12}(?:[.,]\d{1,9})?)\s*([^\W\d]{1,8}|\"|″)\.?\s*")


def parse_quantity(text: str) -> tuple[float, str] | None:
    """A number and its unit (lower case); None if the text is anything else.

    >>> parse_quantity("5,5 in")
    (5.5, 'in')
    """
    match = _QUANTITY.fullmatch(text)
    if match is None or match.group(2).casefold() not in UNITS:
        return None
    return float(match.group(1).replace(",", ".")), match.group(2).casefold()


def convert(number: float, unit: str, to: str) -> float | None:
    """A quantity in another unit; None if the two measure different things."""
    (dimension, factor), (wanted, other) = UNITS[unit.casefold()], UNITS[to.casefold()]
    if dimension != wanted:
        return None
    return number if unit.casefold() == to.casefold() else number * factor / other
