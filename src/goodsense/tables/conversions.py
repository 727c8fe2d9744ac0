"""Conversions of single values that need no setting: numbers, yes and no, the text of HTML, ends of lists."""

from __future__ import annotations

import html
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from goodsense.tables.values import BadValue, text_of


def number_of(value: Any) -> float | int | None:
    """A number; group signs and white space are passed over, empty text is nothing."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = re.sub(r"[\s,'_\u00a0]", "", text_of(value))
    if not text:
        return None
    try:
        found = Decimal(text) if len(text) < 60 else Decimal("nan")
    except InvalidOperation as error:
        raise BadValue("this is no number", "Write digits, such as 1234.5.") from error
    return plain_number(found)


def plain_number(number: Decimal) -> float | int:
    """An int if it is a whole number of moderate size, else a float."""
    if not number.is_finite() or number.adjusted() > 300:
        raise BadValue("the number is not finite or too long", "Write digits, such as 1234.5.")
    return int(number) if number == number.to_integral_value() and number.adjusted() < 18 else float(number)


def integer_of(value: Any) -> int | None:
    """A whole number."""
    found = number_of(value)
    if found is not None and found != int(found):
        raise BadValue("this is no whole number", "Write it without a fraction.")
    return None if found is None else int(found)


_TRUE = frozenset("true yes y t 1 on x 是 有 对 真".split())
_FALSE = frozenset("false no n f 0 off 否 无 错 假".split())


def bool_of(value: Any) -> bool | None:
    """Yes or no, from the usual English and Chinese words."""
    word = text_of(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if not word:
        return None
    raise BadValue("this is neither yes nor no", "Name the words in a lookup table of the mapping file.")


_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<![^<>]*>|<\?[^<>]*>")
_BREAKING = re.compile(r"</?(?:br|p|div|li|ul|ol|tr|table|h[1-6]|section|article|blockquote)\b", re.IGNORECASE)


def text_of_html(value: Any) -> str:
    """The text of a piece of HTML: what is hidden goes, blocks become lines."""
    text = text_of(value)
    if "<" in text:
        text = _TAG.sub(lambda tag: "\n" if _BREAKING.match(tag.group()) else "", _without_hidden(text))
    if "&" in text:
        text = html.unescape(text)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _without_hidden(text: str) -> str:
    """The text without comments, scripts and styles; one that is never closed ends the text."""
    lower, kept, at = text.lower() if "<" in text else text, [], 0
    if len(lower) != len(text):  # a few letters grow when they are made small
        lower = text
    for opening in re.finditer(r"<!--|<(?:script|style)\b", lower):
        if opening.start() < at:
            continue
        closing = "-->" if opening.group() == "<!--" else f"</{opening.group()[1:]}"
        end = lower.find(closing, opening.end())
        kept.append(text[at : opening.start()])
        at = len(text) if end < 0 else end + (3 if closing == "-->" else 0)
    return "".join(kept) + text[at:]


def first(value: Any) -> Any:
    """The first item of a list."""
    return (value[0] if value else None) if isinstance(value, list) else value


def last(value: Any) -> Any:
    """The last item of a list."""
    return (value[-1] if value else None) if isinstance(value, list) else value


def unique(value: Any) -> Any:
    """A list without repetitions."""
    if not isinstance(value, list):
        return value
    found: list[Any] = []
    seen: set[str] = set()
    for item in value:
        key = repr(item)
        if key not in seen:
            seen.add(key)
            found.append(item)
    return found
