"""Values of product fields out of cells of any type, and cells out of values."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.product import AttributeValue, Availability, Split
from goodsense.tables.json_rows import parse_json

Cell: TypeAlias = Any  # str from text files; also numbers, bools, lists and dicts from JSON and Parquet

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,8})(?:\.\d{1,6})?")
_NOT_TEXT = frozenset("-0123456789tTfF[")
_NOTHING = frozenset({"", "nan", "null", "none", "n/a", "#n/a", "-", "--", "nat"})
_AVAILABILITY: dict[str, Availability] = {}
for _state, _names in {
    "in_stock": "in_stock instock available limited_availability limitedavailability onlineonly yes true 1 y "
    "有货 现货 有 在售 上架 是",
    "out_of_stock": "out_of_stock outofstock unavailable sold_out soldout discontinued no false 0 n "
    "无货 缺货 售罄 断货 无 下架 否 已下架",
    "preorder": "preorder pre_order presale 预售 预订 预定",
    "backorder": "backorder back_order available_for_order 可订货 补货中 缺货登记",
}.items():
    _AVAILABILITY.update(dict.fromkeys(_names.split(), _state))  # type: ignore[arg-type]
_SPLITS: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "0", "训练", "训练集"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "1", "验证", "验证集"), "val"),
    **dict.fromkeys(("test", "testing", "2", "测试", "测试集"), "test"),
}
_LANGUAGES = {
    "chinese": "zh",
    "中文": "zh",
    "简体中文": "zh-Hans",
    "繁体中文": "zh-Hant",
    "english": "en",
    "英文": "en",
    "英语": "en",
}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_ID_LIMIT = 500
SHORT = 256  # characters; longer values of unknown columns are no attribute
_CHINESE_DATE = re.compile(r"(\d{4})[年/.](\d{1,2})[月/.](\d{1,2})日?")


def text_of(value: Cell) -> str:
    """Text as it is; numbers as one would write them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{int(value)}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (int, Decimal)):
        return _decimal(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    raise BadValue(f"expected text, found {_kind(value)}", "Write it as text.")


def _decimal(value: int | Decimal) -> str:
    try:
        return str(value)
    except ValueError as error:  # Python prints no integer of over 4,300 digits
        raise BadValue("the number has too many digits", "Write it as text.") from error


def id_of(value: Cell) -> str:
    """An id, without white space around it.

    Raises
    ------
    BadValue
        If it is empty, too long, or holds control characters.
    """
    found = text_of(value).strip()
    if not found:
        raise BadValue("the id is empty", "Give every product its own id.")
    if len(found) > _ID_LIMIT:
        raise BadValue(f"the id has {len(found)} characters, over {_ID_LIMIT}", "Give a shorter id; check the columns.")
    if not found.isprintable() and any(char < " " or "\x7f" <= char <= "\x9f" for char in found):
        raise BadValue("the id holds control characters", "Take line breaks and tabs out of it.")
    return found


def folded(value: Cell) -> str:
    """A word of a closed list: trimmed and lower case; empty for what means "nothing"."""
    found = text_of(value).strip().lower()
    return "" if found in _NOTHING else found


def availability_of(value: Cell) -> Availability:
    """One of the four states, from the usual English, Chinese and schema.org names."""
    name = folded(value)
    if not name:
        return ""
    key = re.sub(r"[\s-]+", "_", name.rsplit("/", 1)[-1] if "schema.org" in name else name)
    if key not in _AVAILABILITY:
        raise BadValue("unknown availability", "Write in_stock, out_of_stock, preorder or backorder.")
    return _AVAILABILITY[key]


def split_of(value: Cell) -> Split:
    name = folded(value)
    if not name:
        return ""
    if name not in _SPLITS:
        raise BadValue("unknown split", "Write train, val or test (or 0, 1, 2).")
    return _SPLITS[name]


def language_of(value: Cell) -> str:
    """A BCP 47 code; a few names of languages are understood too."""
    found = text_of(value).strip()
    if found.lower() in _LANGUAGES:
        return _LANGUAGES[found.lower()]
    code = found.replace("_", "-")
    if code and not _LANGUAGE.fullmatch(code):
        raise BadValue("unknown language", "Write a code such as zh, en or en-GB.")
    return code


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


def time_of(value: Cell) -> datetime | None:
    """A time with its zone: ISO 8601, RFC 2822, Chinese and slashed dates, Unix seconds; UTC if no zone is given."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = text_of(value).strip()
    if text.lower() in _NOTHING:
        return None
    try:
        found = _parse_time(text[:80])
    except (ValueError, TypeError, OverflowError, OSError, IndexError) as error:
        raise BadValue("the time cannot be read", "Write it as 2025-01-31T08:30:00+08:00.") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _parse_time(text: str) -> datetime:
    if re.fullmatch(r"\d{10}(?:\d{3})?", text):
        return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), UTC)
    if "," in text or (" " in text and text[:1].isalpha()):
        from email.utils import parsedate_to_datetime  # brings half the network library with it

        return parsedate_to_datetime(text)
    return datetime.fromisoformat(
        _CHINESE_DATE.sub(lambda found: f"{found[1]}-{found[2].zfill(2)}-{found[3].zfill(2)}", text)
    )


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
        listed = _strings(text)
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
            return _decimal(value)
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, list) and all(isinstance(item, (str, int, float, bool)) for item in value):
        return tuple(text_of(item) for item in value)
    raise BadValue(f"an attribute cannot be {_kind(value)}", "Write text, a number, true, false or a list of texts.")


def _strings(text: str) -> tuple[str, ...] | None:
    """A JSON list of strings; None if the text is not one."""
    try:
        found = parse_json(text)
    except ValueError:
        return None
    return tuple(found) if isinstance(found, list) and all(isinstance(item, str) for item in found) else None


def list_of(value: Cell) -> tuple[str, ...]:
    """Several texts: a JSON list, one per line, or parted by ``|``."""
    if isinstance(value, list):
        return tuple(text_of(item) for item in value if item is not None)
    text = text_of(value)
    if text[:1] == "[" and (listed := _strings(text)) is not None:
        return listed
    parts = re.split(r"\r?\n|\|", text)
    return tuple(part.strip() for part in parts if part.strip())


def category_of(value: Cell) -> tuple[str, ...]:
    """A path from the root down: a JSON list, or parted by ``>``, ``»`` or a ``/`` with spaces around or in front."""
    if isinstance(value, list):
        return tuple(text_of(item) for item in value if item is not None)
    return _path(text_of(value))


@lru_cache(maxsize=4096)
def _path(text: str) -> tuple[str, ...]:
    if text[:1] == "[" and (listed := _strings(text)) is not None:
        return listed
    if ">" in text or "»" in text:
        parts = re.split(r"[>»]+", text)
    elif text.startswith("/"):
        parts = text.split("/")
    else:
        parts = re.split(r"\s+/\s+|\s*\|\s*", text)
    return tuple(part.strip() for part in parts if part.strip())


_PART_START = re.compile(r"\s*[;,]\s*(?=https?://|//)", re.IGNORECASE)
_LOOKS_LIKE_FILE = re.compile(r"[^;,]+\.[A-Za-z0-9]{2,5}")


def uris_of(value: Cell) -> tuple[str, ...]:
    """Paths or URLs: a JSON list, or parted by ``|``, or by ``;`` or ``,`` where that cannot break a URL."""
    if isinstance(value, list):
        return tuple(uri for item in value if item is not None for uri in _uri_of_item(item))
    if isinstance(value, dict):
        return _uri_of_item(value)
    text = text_of(value)
    if text[:1] == "[" and (listed := _strings(text)) is not None:
        return listed
    parts = text.split("|")
    if len(parts) == 1 and (";" in text or "," in text):
        parts = _PART_START.split(text)
        pieces = re.split(r"[;,]", text)
        if len(parts) == 1 and "://" not in text and all(_LOOKS_LIKE_FILE.fullmatch(piece.strip()) for piece in pieces):
            parts = pieces
    return tuple(part.strip() for part in parts if part.strip())


def _uri_of_item(item: Any) -> tuple[str, ...]:
    if isinstance(item, dict):
        for name in ("uri", "url", "src", "path", "link", "large", "hi_res"):
            if isinstance(item.get(name), str) and item[name]:
                return (item[name],)
        raise BadValue("a medium without url or path", "Give it a url or a path.")
    text = text_of(item)
    return (text,) if text else ()


def json_of(value: Cell) -> Any:
    """The value of a JSON cell."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError as error:
        raise BadValue(f"this is not JSON: {error}", "Write valid JSON or leave the cell empty.") from error


def dump(value: Any) -> str:
    """Compact JSON for a cell.

    Raises
    ------
    ValueError
        If it holds NaN, infinity or what JSON cannot carry.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", bytes: "binary data", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)
