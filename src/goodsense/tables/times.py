"""Moments out of cells, as seconds since 1970 in UTC: the forms that logs, databases and people write.

A day and month that could be meant either way round are refused, never guessed.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

from goodsense.errors import UsageError
from goodsense.tables.values import NOTHING, BadValue, text_of

EARLIEST = 631_152_000.0  # 1990-01-01; before it no shop had a log, but a missing time is often 0
_LEEWAY_S = 86_400.0  # clocks differ, and so do days around the world
_FORM = "Write it as 2025-01-31T08:30:00+08:00 or as seconds since 1970."
_NUMBER = re.compile(r"(\d{1,20})(\.\d{0,9})?")
_COMPACT = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])?[0-5]?\d?[0-5]?\d?")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-年/.]\s*(\d{1,2})\s*[-月/.]\s*(\d{1,2})\s*[日号]?")
_YEAR_LAST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?!\d)")
_NAMED = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)??(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?[-/\s.]\s*(?P<month>[A-Za-z]{3,9})"
    r"|(?P<month2>[A-Za-z]{3,9})\.?\s+(?P<day2>\d{1,2})(?:st|nd|rd|th)?)"
    r"[-/\s.,]+(?:(?P<clock>\d\d?:\d\d(?::\d\d)?)\s+(?:(?P<name>[A-Z]{2,5})\s+)?)?(?P<year>\d{4})(?!\d)"
)
_MONTHS = {name: place for place, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_CLOCK = re.compile(
    r"(?P<before>上午|下午|凌晨|早上|中午|晚上|[AaPp]\.?[Mm]\.?)?\s*(?P<hour>\d{1,2})\s*(?:[:时点：]\s*(?P<minute>\d{1,2})?"
    r"(?:[:分：]\s*(?P<second>\d{1,2})?(?P<part>[.,:]\d{1,9})?\s*秒?)?)?\s*(?P<after>[AaPp]\.?[Mm]\.?)?"
    r"\s*(?P<zone>Z|UTC|GMT|(?:UTC|GMT)?\s*[+-]\d\d?(?::?\d\d)?)?(?:\s*\([\w\s]{1,40}\))?"
)
_AFTERNOON = ("下午", "晚上", "p")
_OFFSET = re.compile(r"([+-])(\d\d?):?(\d\d)?")


def zone_of(name: str) -> tzinfo:
    """A time zone by its name (``Asia/Shanghai``) or offset (``+08:00``).

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    plain = name.strip()
    if offset := _OFFSET.fullmatch(plain):
        try:
            return _offset(offset)
        except ValueError:
            pass
    try:
        return ZoneInfo(plain)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"unknown time zone {name!r}.", fix="Give a name such as Asia/Shanghai, or +08:00.") from error


def seconds_of(value: Any, zone: tzinfo = UTC, *, now: float | None = None) -> float | None:
    """Seconds since 1970-01-01 UTC, to the microsecond; None for an empty cell.

    Reads numbers since 1970 in seconds, milli-, micro- and nanoseconds (told by their size), ISO 8601, ``20250131``
    and ``20250131083000``, dates and clocks with slashes, dots and Chinese signs (2025年1月31日 下午3点20分), month
    names, RFC 2822 and the times of web-server logs.

    Parameters
    ----------
    value
        A cell of a text file, JSON or Parquet.
    zone
        The zone of times that name none.
    now
        What counts as the present; a day later is the future.

    Raises
    ------
    BadValue
        If it cannot be read, is ambiguous, lies in the future or before 1990.
    """
    found = _read(value, zone)
    if found is None:
        return None
    present = time.time() if now is None else now
    if not EARLIEST <= found <= present + _LEEWAY_S:
        when = "before 1990" if found < EARLIEST else "in the future"
        raise BadValue(f"the time lies {when}", f"Correct it, or leave it empty if it is not known. {_FORM}")
    return round(found, 6)


def _read(value: Any, zone: tzinfo) -> float | None:
    if value is None:
        return None
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return _number(text_of(value), zone)
    if isinstance(value, datetime):
        return _stamp(value, zone)
    if isinstance(value, date):
        return _stamp(datetime(value.year, value.month, value.day), zone)
    text = text_of(value).strip()
    if text.lower() in NOTHING:
        return None
    if len(text) > 100:
        raise BadValue("the time cannot be read", _FORM)
    if _NUMBER.fullmatch(text):
        return _number(text, zone)
    try:
        if _ISO.fullmatch(text):
            return _stamp(datetime.fromisoformat(text), zone)
        return _stamp(_written(text.removeprefix("[").removesuffix("]").strip()), zone)
    except (ValueError, OverflowError) as error:
        if isinstance(error, BadValue):
            raise
        raise BadValue("the time cannot be read", _FORM) from error


def _stamp(moment: datetime, zone: tzinfo) -> float:
    """Of a local time that exists twice the first is meant."""
    try:
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError) as error:
        raise BadValue("the time cannot be read", _FORM) from error


def _number(text: str, zone: tzinfo) -> float | None:
    if not text:
        return None  # a NaN
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise BadValue("the time lies before 1970 or is no number", _FORM)
    digits = found[1]
    if len(digits) in (8, 12, 14) and not found[2] and _COMPACT.fullmatch(digits):
        form = "%Y%m%d%H%M%S"[: 6 if len(digits) == 8 else 10 if len(digits) == 12 else 12]
        try:
            return _stamp(datetime.strptime(digits, form), zone)
        except ValueError:
            pass
    size = len(digits.lstrip("0"))
    scale = 1 if size <= 11 else 10**3 if size <= 14 else 10**6 if size <= 17 else 10**9
    return float(Decimal(text) / scale)


def _written(text: str) -> datetime:
    """Dates with separators or words, each perhaps with a clock."""
    if found := _YEAR_FIRST.match(text):
        day = (int(found[1]), int(found[2]), int(found[3]))
    elif found := _YEAR_LAST.match(text):
        day = _year_last(found)
    elif found := _NAMED.match(text):
        return _named(found, text)
    else:
        raise BadValue("the time cannot be read", _FORM)
    return _with_clock(day, text[found.end() :])


def _year_last(found: re.Match[str]) -> tuple[int, int, int]:
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    if found[2] == "." or first > 12:
        return year, second, first
    if second > 12 or first == second:
        return year, first, second
    raise BadValue("day and month could be meant either way round", "Write the year first: 2025-01-31.")


def _named(found: re.Match[str], text: str) -> datetime:
    """``25/Nov/2017:10:30:00 +0800``, ``Nov 25, 2017 10:30 AM``, ``Sat Nov 25 10:30:00 CST 2017`` and the like."""
    name = (found["month"] or found["month2"])[:3].lower()
    if name not in _MONTHS or (found["name"] or "UTC") not in ("UTC", "GMT"):
        raise BadValue("the time cannot be read", _FORM)
    day = (int(found["year"]), _MONTHS[name], int(found["day"] or found["day2"]))
    rest = text[found.end() :]
    if found["clock"]:
        rest = f"{found['clock']}{' UTC' if found['name'] else ''} {rest}"
    return _with_clock(day, rest.removeprefix(":"))


def _with_clock(day: tuple[int, int, int], text: str) -> datetime:
    rest = text.strip().removeprefix("T").removeprefix(",").strip()
    if not rest:
        return datetime(*day)
    found = _CLOCK.fullmatch(re.sub(r"^(?:星期|周|礼拜)[一二三四五六日天]\s*", "", rest))
    if found is None:
        raise BadValue("the time cannot be read", _FORM)
    hour = _hour(int(found["hour"]), (found["before"] or found["after"] or "").lower())
    part = found["part"]
    micro = round(float(f".{part[1:]}") * 10**6) if part else 0
    moment = datetime(*day, hour, int(found["minute"] or 0), int(found["second"] or 0), min(micro, 999_999))
    named = found["zone"]
    if not named:
        return moment
    offset = _OFFSET.search(named)
    return moment.replace(tzinfo=_offset(offset) if offset else UTC)


def _hour(hour: int, half: str) -> int:
    if not half or hour > 12:
        return hour
    if half.startswith(_AFTERNOON) or (half == "中午" and hour < 11):
        return hour if hour == 12 and half != "晚上" else (hour + 12) % 24
    return hour if half == "中午" else hour % 12


def _offset(found: re.Match[str]) -> timezone:
    size = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(-size if found[1] == "-" else size)
