"""Events out of tables of any kind, and out of rows that somebody else has read."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, TypeAlias

from goodsense.errors import DataError, UsageError
from goodsense.events.columns import EventColumns, event_columns, without_header
from goodsense.events.event import PLAIN, Event, type_of
from goodsense.events.keys import numbered
from goodsense.tables import Reject, Rejects, Row, Sniffed, read_header, read_rows, sniff
from goodsense.tables.times import EARLIEST, seconds_of
from goodsense.tables.values import NOTHING, BadValue, id_of, kind_of, split_of, text_of

FORMATS = ("auto", "csv", "tsv", "jsonl", "json", "parquet")
Convert: TypeAlias = Callable[[Any], Any]
_TEXT_LIMIT = 10_000
_NAME_LIMIT = 500
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{0,18})?(?:[eE][+-]?\d{1,3})?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d{1,18})?")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,6})?)")
_STARS = ("星", "分", "颗星", "stars", "star")


@dataclass(frozen=True)
class Reading:
    """How cells are taken.

    Parameters
    ----------
    zone
        The time zone of times that name none.
    default_type
        The type of events that name none; without it ``rate`` if they have a rating, else ``interaction``.
    rename
        Gives a user another name before anything is made of it, keys included.
    """

    zone: tzinfo = UTC
    default_type: str = ""
    rename: Callable[[str], str] | None = None


PLAINLY = Reading()


@dataclass(frozen=True, eq=False)
class EventFeed:
    """Events of one source, to be streamed.

    Iterating reads the source from its beginning and gives ``(row number, event)``, every event with its key;
    ``notes`` say what was sniffed and which column became which field.
    """

    format: str
    source: Path
    open: Callable[[], Iterator[tuple[int, Event]]] = field(repr=False)
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        return self.open()


def read_events(
    source: Path,
    *,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    rejects: Rejects,
    reading: Reading = PLAINLY,
) -> EventFeed:
    """Recognise a table of events and stream it.

    Parameters
    ----------
    source
        CSV, TSV, JSON Lines, a JSON array or Parquet; gzip is seen by content.
    format
        The name of a format, or "auto" to tell by content.
    mapping
        Field to column, over the built-in names; a column may also be given by its place, from 1, also where the file
        has no header.
    rejects
        Where rows go that cannot be taken, whole.
    reading
        Time zone, type of events that name none, pseudonyms.

    Raises
    ------
    UsageError
        If there is no such file, format, field or column, or the file is of another format.
    DataError
        If the file as a whole cannot be read, or has no user or item.
    """
    source = Path(source)
    if rejects.path is not None and rejects.path.exists() and source.exists() and rejects.path.samefile(source):
        raise UsageError(
            f"{source}: this is the file that rejects are written to.", fix="Rename it, then feed it in again."
        )
    sniffed = _checked(source, sniff(source), format)
    header = read_header(source, sniffed)
    if sniffed.format in ("csv", "tsv") and (names := without_header(header.names, mapping)):
        sniffed = replace(sniffed, names=names, notes=(*sniffed.notes, "The file has no header."))
        header = read_header(source, sniffed)
    columns = event_columns(source, header.names, mapping)

    def events() -> Iterator[tuple[int, Event]]:
        rows = read_rows(source, sniffed, rejects)
        return _events(rows, str(source), columns, rejects, reading)

    return EventFeed(sniffed.format, source, events, (*sniffed.notes, *header.notes, *columns.notes))


def events_of(
    rows: Iterable[Row],
    *,
    file: Path | str,
    header: Sequence[str],
    rejects: Rejects,
    reading: Reading = PLAINLY,
) -> Iterator[tuple[int, Event]]:
    """Events of rows that somebody else has read, named by ``header`` (any of the known names of columns)."""
    columns = event_columns(file, header, None)
    return _events(rows, str(file), columns, rejects, reading)


def _checked(source: Path, sniffed: Sniffed, format: str) -> Sniffed:
    if format not in FORMATS:
        raise UsageError(f"unknown format of events {format!r}.", fix=f"Known formats: {', '.join(FORMATS)}.")
    if sniffed.format not in FORMATS:
        reason = "a folder" if sniffed.format == "folder" else f"{sniffed.format}"
        raise DataError(
            f"{source}: this is {reason}, not a table of events.",
            fix="Give CSV, TSV, JSON Lines, JSON or Parquet files, or describe other ones in a mapping file: --mapping",
        )
    if format == "auto" or format == sniffed.format:
        return sniffed
    if {format, sniffed.format} == {"csv", "tsv"}:
        return replace(sniffed, delimiter="\t") if format == "tsv" else sniffed
    raise UsageError(
        f"{source}: looks like {sniffed.format}, not like {format}.", fix="Leave the format out to tell by content."
    )


def _events(
    rows: Iterable[Row], file: str, columns: EventColumns, rejects: Rejects, reading: Reading
) -> Iterator[tuple[int, Event]]:
    reader = _RowReader(file, columns, rejects, reading)
    return numbered((row.number, event) for row in rows if (event := reader.event(row)) is not None)


class _RowReader:
    """Reads rows of one source; a row goes in whole or not at all, because its content is its key."""

    def __init__(self, file: str, columns: EventColumns, rejects: Rejects, reading: Reading) -> None:
        self._file = file
        self._rejects = rejects
        self._default = type_of(reading.default_type.strip())
        self._rename = reading.rename
        zone, now = reading.zone, time.time()
        converts: dict[str, Convert] = {
            **_CONVERTS,
            "timestamp": lambda value: seconds_of(value, zone, now=now),
            "duration": _milliseconds if columns.fields.get("duration", "").lower().endswith("ms") else _duration,
        }
        names = {"timestamp": "time", "event_id": "key"}
        self._plan = tuple((column, names.get(name, name), converts[name]) for name, column in columns.fields.items())
        self._columns = columns.fields

    def event(self, row: Row) -> Event | None:
        """The event that a row tells; None if it was rejected."""
        values = row.values
        found: dict[str, Any] = {}
        for column, name, convert in self._plan:
            value = values.get(column)
            if value is None or value == "":
                continue
            try:
                read = convert(value)
            except BadValue as bad:
                self._reject(row, column, value, bad)
                return None
            if read is not None:
                found[name] = read
        for name in ("user", "item"):
            if name not in found:
                reason = f"the {name} is missing"
                self._reject(row, self._columns[name], None, BadValue(reason, f"Give every event its {name}."))
                return None
        if self._rename is not None:
            found["user"] = self._rename(found["user"])
        order = found.pop("history_order", None)
        if order is not None:
            found.setdefault("time", order)
        if "type" not in found:
            found["type"] = self._default or ("rate" if "rating" in found else PLAIN)
        return Event(**found)

    def _reject(self, row: Row, column: str, value: Any, bad: BadValue) -> None:
        self._rejects.add(Reject(self._file, row.number, column, value, bad.reason, bad.fix, row.values))


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


def _duration(value: Any) -> float | None:
    """Seconds, also from ``1:30`` and ``00:01:30``, and with ``s`` or 秒 behind."""
    if isinstance(value, str):
        plain = value.strip().lower()
        if clock := _CLOCK.fullmatch(plain):
            return float(clock[1] or 0) * 3600 + float(clock[2]) * 60 + float(clock[3])
        if plain.endswith(("ms", "毫秒")):
            found = _duration(plain.removesuffix("ms").removesuffix("毫秒"))
            return None if found is None else found / 1000
        value = plain.removesuffix("s").removesuffix("秒")
    found = _number(value)
    if found is not None and found < 0:
        raise BadValue("a duration cannot be negative", "Write seconds, or leave it empty.")
    return found


def _milliseconds(value: Any) -> float | None:
    """Seconds, from a number of milliseconds or a text that names its unit."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return _duration(value)
    found = _duration(value)
    return None if found is None else found / 1000


def _order(value: Any) -> float | None:
    """A place in a user's history stands in for the time, where there is none."""
    found = _number(value)
    if found is not None and not 0 <= found < EARLIEST:
        raise BadValue("a place in a history is a number from 0 on", "Map a time as timestamp instead.")
    return found


_CONVERTS: Mapping[str, Convert] = {
    "user": _id,
    "item": _id,
    "type": _type,
    "weight": _number,
    "rating": _rating,
    "quantity": _number,
    "query": _text,
    "session": _name,
    "split": split_of,
    "event_id": _id,
    "history_order": _order,
}
