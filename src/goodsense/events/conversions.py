"""Values of events out of cells: ids, numbers, durations, contexts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from goodsense.events.event import CONTEXT, type_of
from goodsense.tables.json_rows import parse_json
from goodsense.tables.times import EARLIEST
from goodsense.tables.values import NOTHING, BadValue, id_of, kind_of, split_of, text_of

Convert: TypeAlias = Callable[[Any], Any]
_TEXT_LIMIT = 10_000
_NAME_LIMIT = 500
_CONTEXT_LIMIT = 20
_CONTEXT_FIX = 'Write it as {"device": "phone", "weather": "rain"}, or leave it empty.'
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{0,18})?(?:[eE][+-]?\d{1,3})?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d{1,18})?")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,6})?)")
_STARS = ("星", "分", "颗星", "stars", "star")


def _id(value: Any) -> str | None:
    """A user, a product or an event; what means "nothing" is missing."""
    return None if text_of(value).strip().lower() in NOTHING else id_of(value)


def _name(value: Any) -> str | None:
    found = text_of(value).strip()
    if len(found) > _NAME_LIMIT:
        raise BadValue(f"it has {len(found)} characters, over {_NAME_LIMIT}", "Shorten it; check the columns.")
    return None if found.lower() in NOTHING else found


def _type(value: Any) -> str | None:
    found = _name(value)
    return None if found is None else type_of(found)


def _text(value: Any) -> str | None:
    found = text_of(value).strip()
    if len(found) > _TEXT_LIMIT:
        raise BadValue(f"the text has {len(found)} characters, over {_TEXT_LIMIT}", "Shorten it; check the columns.")
    return found or None


def _number(value: Any) -> float | None:
    """A finite number; groups of thousands are understood."""
    text = text_of(value).strip()
    if text.lower() in NOTHING:
        return None
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if isinstance(value, bool) or _NUMBER.fullmatch(text) is None:
        found = "true or false" if isinstance(value, bool) else "text" if isinstance(value, str) else kind_of(value)
        raise BadValue(f"expected a number, found {found}", "Write digits such as 4.5, or leave it empty.")
    number = float(text)
    if not math.isfinite(number):
        raise BadValue("the number is too large", "Correct it, or leave it empty.")
    return number


def _rating(value: Any) -> float | None:
    if isinstance(value, str):
        plain = value.strip().lower()
        for word in _STARS:
            if plain.endswith(word):
                return _number(plain.removesuffix(word))
    return _number(value)


def duration_of(value: Any) -> float | None:
    """Seconds, also from ``1:30`` and ``00:01:30``, and with ``s`` or 秒 behind."""
    if isinstance(value, str):
        plain = value.strip().lower()
        if clock := _CLOCK.fullmatch(plain):
            return float(clock[1] or 0) * 3600 + float(clock[2]) * 60 + float(clock[3])
        if plain.endswith(("ms", "毫秒")):
            found = duration_of(plain.removesuffix("ms").removesuffix("毫秒"))
            return None if found is None else found / 1000
        value = plain.removesuffix("s").removesuffix("秒")
    found = _number(value)
    if found is not None and found < 0:
        raise BadValue("a duration cannot be negative", "Write seconds, or leave it empty.")
    return found


def milliseconds_of(value: Any) -> float | None:
    """Seconds, from a number of milliseconds or a text that names its unit."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return duration_of(value)
    found = duration_of(value)
    return None if found is None else found / 1000


def _quantity(value: Any) -> float | None:
    """Not negative: what came back is a ``remove``, not less than nothing of a purchase."""
    found = _number(value)
    if found is not None and found < 0:
        raise BadValue("a quantity cannot be negative", "Write what came back as type remove, or leave it empty.")
    return found


def _position(value: Any) -> int | None:
    found = _number(value)
    if found is None:
        return None
    if found < 0 or not found.is_integer():
        raise BadValue("a position is a whole number from 0 on", "Correct it, or leave it empty.")
    return int(found)


def _context(value: Any) -> dict[str, str] | None:
    """A small object of texts, or one written as JSON."""
    found = value
    if isinstance(value, str):
        try:
            found = parse_json(value)
        except ValueError as error:
            raise BadValue(f"the context is no JSON object ({error})", _CONTEXT_FIX) from error
    if not isinstance(found, dict) or len(found) > _CONTEXT_LIMIT:
        raise BadValue(f"the context is no object of at most {_CONTEXT_LIMIT} texts", _CONTEXT_FIX)
    read = {_name(name): _name(told) for name, told in found.items()}
    return {name: told for name, told in read.items() if name and told} or None


def _order(value: Any) -> float | None:
    """A place in a user's history stands in for the time, where there is none."""
    found = _number(value)
    if found is not None and not 0 <= found < EARLIEST:
        raise BadValue("a place in a history is a number from 0 on", "Map a time as timestamp instead.")
    return found


CONVERTS: Mapping[str, Convert] = {
    "user": _id,
    "item": _id,
    "type": _type,
    "weight": _number,
    "rating": _rating,
    "quantity": _quantity,
    "query": _text,
    "session": _name,
    "split": split_of,
    "event_id": _id,
    "history_order": _order,
    "ranking": _name,
    "position": _position,
    "value": _number,
    "context": _context,
    **dict.fromkeys(CONTEXT, _name),
}
