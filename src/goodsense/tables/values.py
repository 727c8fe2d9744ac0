"""Values out of cells of any type: texts, ids, times, lists, languages, splits, media addresses."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from goodsense.tables.json_rows import parse_json

Cell: TypeAlias = Any  # str from text files; also numbers, bools, lists and dicts from JSON and Parquet
Split: TypeAlias = Literal["", "train", "val", "test"]

NOTHING = frozenset({"", "nan", "null", "none", "n/a", "#n/a", "-", "--", "nat"})
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
_CHINESE_DATE = re.compile(r"(\d{4})[年/.](\d{1,2})[月/.](\d{1,2})日?")


class BadValue(ValueError):
    """A value of a field cannot be taken; becomes a reject that names row and column."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


def text_of(value: Cell) -> str:
    """Text as it is; numbers as one would write them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{int(value)}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (int, Decimal)):
        return decimal_of(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    raise BadValue(f"expected text, found {kind_of(value)}", "Write it as text.")


def decimal_of(value: int | Decimal) -> str:
    """A number as text.

    Raises
    ------
    BadValue
        If it has thousands of digits.
    """
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
    return "" if found in NOTHING else found


def split_of(value: Cell) -> Split:
    """One of the three splits, from the usual English and Chinese names and numbers; empty for none."""
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


def time_of(value: Cell) -> datetime | None:
    """A time with its zone: ISO 8601, RFC 2822, Chinese and slashed dates, Unix seconds; UTC if no zone is given."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = text_of(value).strip()
    if text.lower() in NOTHING:
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


def strings_in(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON list of strings; None if the text is not one."""
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
    if text[:1] == "[" and (listed := strings_in(text)) is not None:
        return listed
    parts = re.split(r"\r?\n|\|", text)
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
    if text[:1] == "[" and (listed := strings_in(text)) is not None:
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


def kind_of(value: Any) -> str:
    """What a value is, in words."""
    names = {dict: "an object", list: "a list", bytes: "binary data", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)
