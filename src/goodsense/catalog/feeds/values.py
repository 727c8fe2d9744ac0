"""Values of product fields out of cells of any type, and cells out of values."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from goodsense.catalog.product import AttributeValue, Availability
from goodsense.tables.values import (
    BadValue,
    Cell,
    decimal_of,
    dump,
    folded,
    id_of,
    json_of,
    kind_of,
    language_of,
    list_of,
    split_of,
    strings_in,
    text_of,
    time_of,
    uris_of,
)

__all__ = [
    "SHORT",
    "Cell",
    "attribute_of",
    "availability_of",
    "category_of",
    "dump",
    "folded",
    "gtin_of",
    "id_of",
    "is_plain",
    "json_of",
    "language_of",
    "list_of",
    "split_of",
    "stock_of",
    "text_of",
    "time_of",
    "typed_attribute",
    "uris_of",
]

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,8})(?:\.\d{1,6})?")
_NOT_TEXT = frozenset("-0123456789tTfF[")
_AVAILABILITY: dict[str, Availability] = {}
for _state, _names in {
    "in_stock": "in_stock instock available limited_availability limitedavailability onlineonly yes true 1 y "
    "有货 现货 有 在售 上架 是 出售中 销售中 已上架 在架",
    "out_of_stock": "out_of_stock outofstock unavailable sold_out soldout discontinued no false 0 n "
    "无货 缺货 售罄 断货 无 下架 否 已下架 仓库中 未上架",
    "preorder": "preorder pre_order presale 预售 预订 预定",
    "backorder": "backorder back_order available_for_order 可订货 补货中 缺货登记",
}.items():
    _AVAILABILITY.update(dict.fromkeys(_names.split(), _state))  # type: ignore[arg-type]
SHORT = 256  # characters; longer values of unknown columns are no attribute


def availability_of(value: Cell) -> Availability:
    """One of the four states, from the usual English, Chinese and schema.org names."""
    name = folded(value)
    if not name:
        return ""
    key = re.sub(r"[\s-]+", "_", name.rsplit("/", 1)[-1] if "schema.org" in name else name)
    if key not in _AVAILABILITY:
        raise BadValue("unknown availability", "Write in_stock, out_of_stock, preorder or backorder.")
    return _AVAILABILITY[key]


def stock_of(value: Cell) -> int | None:
    """Pieces in stock."""
    text = folded(value).replace(",", "")
    if not text:
        return None
    if not re.fullmatch(r"-?\d{1,15}(?:\.0+)?", text):
        raise BadValue("the stock is no whole number", "Write the number of pieces, such as 12.")
    return int(text.partition(".")[0])


def gtin_of(value: Cell) -> str:
    """A GTIN-8, -12, -13 or -14 or an ISBN-10 with a right check digit (GS1 General Specifications 7.9)."""
    text = folded(value).upper()
    if not text:
        return ""
    if re.fullmatch(r"\d\.\d+E\+?\d+", text):
        raise BadValue("a spreadsheet has rounded the GTIN", "Format the column as text before you export it.")
    digits = re.sub(r"[\s-]", "", text.removesuffix(".0"))
    if re.fullmatch(r"\d{9}[\dX]", digits):
        total = sum((10 - place) * (10 if digit == "X" else int(digit)) for place, digit in enumerate(digits))
        good = total % 11 == 0
    elif re.fullmatch(r"\d{8}|\d{12,14}", digits):
        total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
        good = total % 10 == 0
    else:
        raise BadValue("a GTIN has 8, 12, 13 or 14 digits", "Check whether a leading zero was lost.")
    if not good:
        raise BadValue("the check digit of the GTIN is wrong", "Correct the number or leave it empty.")
    return digits


def is_plain(value: str) -> bool:
    """Whether a short text can be nothing but itself; quick, for the bulk of all cells."""
    return value[0] not in _NOT_TEXT and "|" not in value and len(value) <= SHORT


def attribute_of(value: Cell) -> AttributeValue | None:
    """What a cell of a table says about one attribute; None for nothing.

    ``true`` and ``false`` are bools, plain numbers of up to nine digits are numbers (007 and long codes stay text),
    ``a|b`` and JSON lists of strings are several values.
    """
    if isinstance(value, str):
        if "|" not in value and value[:1] not in _NOT_TEXT:
            return value
        return _attribute_of_text(value)
    return typed_attribute(value)


def _attribute_of_text(text: str) -> AttributeValue:
    if _NUMBER.fullmatch(text):
        return float(text)
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text in ("true", "True", "TRUE")
    if text[:1] == "[":
        listed = strings_in(text)
        return text if listed is None else listed
    if "|" in text:
        parts = tuple(part.strip() for part in text.split("|"))
        return parts if all(parts) else text
    return text


def typed_attribute(value: Cell) -> AttributeValue | None:
    """An attribute out of a typed value of JSON or Parquet."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float, Decimal)):
        if isinstance(value, int) and abs(value) > 2**53:
            return decimal_of(value)
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, list) and all(isinstance(item, (str, int, float, bool)) for item in value):
        return tuple(text_of(item) for item in value)
    raise BadValue(f"an attribute cannot be {kind_of(value)}", "Write text, a number, true, false or a list of texts.")


def category_of(value: Cell) -> tuple[str, ...]:
    """A path from the root down: a JSON list, or parted by ``>``, ``»`` or a ``/`` with spaces around or in front."""
    if isinstance(value, list):
        return tuple(text_of(item) for item in value if item is not None)
    return _path(text_of(value))


@lru_cache(maxsize=4096)
def _path(text: str) -> tuple[str, ...]:
    if text[:1] == "[" and (listed := strings_in(text)) is not None:
        return listed
    if ">" in text or "»" in text:
        parts = re.split(r"[>»]+", text)
    elif text.startswith("/"):
        parts = text.split("/")
    else:
        parts = re.split(r"\s+/\s+|\s*\|\s*", text)
    return tuple(part.strip() for part in parts if part.strip())
