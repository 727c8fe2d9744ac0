"""Events out of tables of any kind, and out of rows that somebody else has read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from goodsense.errors import DataError, UsageError
from goodsense.events.columns import EventColumns, event_columns, without_header
from goodsense.events.conversions import CONVERTS, Convert, duration_of, milliseconds_of
from goodsense.events.event import CONTEXT, PLAIN, STOCK, Event, missing_in, type_of
from goodsense.events.formats import NAMED, RECORD_FORMATS, RecordFormat, Unfolding, recbole, recognised
from goodsense.events.keys import numbered
from goodsense.tables import Reject, Rejects, Row, Sniffed, read_header, read_rows, sniff
from goodsense.tables.times import seconds_of
from goodsense.tables.values import BadValue

TABLES = ("csv", "tsv", "jsonl", "json", "parquet")
FORMATS = ("auto", *TABLES, *NAMED)
_TELL = "Leave the format out to tell by content."


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
    ``notes`` say what was sniffed and which column became which field. ``passed`` counts, by kind and as it is read,
    the records that tell of no action with a product.
    """

    format: str
    source: Path
    open: Callable[[], Iterator[tuple[int, Event]]] = field(repr=False)
    notes: tuple[str, ...] = ()
    passed: Counter[str] = field(default_factory=Counter, repr=False)

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
    """Recognise a table or log of events and stream it.

    Parameters
    ----------
    source
        CSV, TSV, JSON Lines, a JSON array or Parquet; gzip is seen by content. Of JSON also the formats of
        :mod:`goodsense.events.formats`.
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
    own = RECORD_FORMATS.get(format) or (recognised(source, sniffed) if format == "auto" and not mapping else None)
    if own is not None:
        return _read_records(source, own, sniffed, mapping, rejects, reading)
    return _read_table(source, format, sniffed, mapping, rejects, reading)


def _read_records(
    source: Path,
    form: RecordFormat,
    sniffed: Sniffed,
    mapping: Mapping[str, str] | None,
    rejects: Rejects,
    reading: Reading,
) -> EventFeed:
    if mapping:
        raise UsageError(f"{form.title} need no mapping of columns.", fix="Leave out --map, or --format.")
    unfolding = Unfolding(form, str(source), rejects)
    columns = EventColumns({name: name for name in form.columns})

    def events() -> Iterator[tuple[int, Event]]:
        return _events(unfolding.rows(read_rows(source, sniffed, rejects)), str(source), columns, rejects, reading)

    return EventFeed(form.name, source, events, (*sniffed.notes, f"Read as {form.title}."), unfolding.passed)


def _read_table(
    source: Path,
    format: str,
    sniffed: Sniffed,
    mapping: Mapping[str, str] | None,
    rejects: Rejects,
    reading: Reading,
) -> EventFeed:
    header = read_header(source, sniffed)
    if sniffed.format in ("csv", "tsv") and (names := without_header(header.names, mapping)):
        sniffed = replace(sniffed, names=names, notes=(*sniffed.notes, "The file has no header."))
        header = read_header(source, sniffed)
    atomic = recbole.is_own(header.names)
    if format == recbole.NAME and not atomic:
        raise UsageError(
            f"{source}: the columns name no types of RecBole, such as user_id:token.",
            fix=_TELL,
        )
    columns = event_columns(source, header.names, mapping, type=type_of(reading.default_type.strip()))

    def events() -> Iterator[tuple[int, Event]]:
        rows = read_rows(source, sniffed, rejects)
        return _events(rows, str(source), columns, rejects, reading)

    name = recbole.NAME if atomic else sniffed.format
    return EventFeed(name, source, events, (*sniffed.notes, *header.notes, *columns.notes))


def events_of(
    rows: Iterable[Row],
    *,
    file: Path | str,
    header: Sequence[str],
    rejects: Rejects,
    reading: Reading = PLAINLY,
) -> Iterator[tuple[int, Event]]:
    """Events of rows that somebody else has read, named by ``header`` (any of the known names of columns)."""
    columns = event_columns(file, header, None, type=type_of(reading.default_type.strip()))
    return _events(rows, str(file), columns, rejects, reading)


def _checked(source: Path, sniffed: Sniffed, format: str) -> Sniffed:
    if format not in FORMATS:
        raise UsageError(f"unknown format of events {format!r}.", fix=f"Known formats: {', '.join(FORMATS)}.")
    if sniffed.format not in TABLES:
        reason = "a folder" if sniffed.format == "folder" else f"{sniffed.format}"
        raise DataError(
            f"{source}: this is {reason}, not a table of events.",
            fix="Give CSV, TSV, JSON Lines, JSON or Parquet files, or describe other ones in a mapping file: --mapping",
        )
    if format in ("auto", sniffed.format):
        return sniffed
    if format in RECORD_FORMATS:
        if sniffed.format in ("jsonl", "json"):
            return sniffed
        raise UsageError(f"{source}: {RECORD_FORMATS[format].title} are JSON, this is {sniffed.format}.", fix=_TELL)
    if format == recbole.NAME and sniffed.format in ("csv", "tsv"):
        return sniffed
    if {format, sniffed.format} == {"csv", "tsv"}:
        return replace(sniffed, delimiter="\t") if format == "tsv" else sniffed
    raise UsageError(f"{source}: looks like {sniffed.format}, not like {format}.", fix=_TELL)


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
        self._default = columns.type
        self._rename = reading.rename
        zone, now = reading.zone, time.time()
        converts: dict[str, Convert] = {
            **CONVERTS,
            "timestamp": lambda value: seconds_of(value, zone, now=now),
            "duration": milliseconds_of if columns.fields.get("duration", "").lower().endswith("ms") else duration_of,
        }
        names = {"timestamp": "time", "event_id": "key"}
        self._plan = tuple((column, names.get(name, name), converts[name]) for name, column in columns.fields.items())
        self._columns = columns.fields
        self._tells_context = any(name in columns.fields for name in CONTEXT)

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
        order = found.pop("history_order", None)
        if order is not None:
            found.setdefault("time", order)
        if "type" not in found:
            found["type"] = self._default or ("rate" if "rating" in found else PLAIN)
        plain = "user" in found and "item" in found and found["type"] != STOCK
        if not plain and (missing := _missing(found)):
            lack = BadValue(f"the {missing} is missing", f"Give every event its {missing}.")
            self._reject(row, self._columns.get(missing, missing), None, lack)
            return None
        if self._rename is not None and found["user"]:
            found["user"] = self._rename(found["user"])
        if self._tells_context:
            told = {name: value for name in CONTEXT if (value := found.pop(name, None)) is not None}
            found["context"] = {**found.get("context", {}), **told}
        return Event(**found)

    def _reject(self, row: Row, column: str, value: Any, bad: BadValue) -> None:
        self._rejects.add(Reject(self._file, row.number, column, value, bad.reason, bad.fix, row.values))


def _missing(found: dict[str, Any]) -> str:
    """What a row lacks to be an event; users and items that it may lack are made empty."""
    user, item = found.setdefault("user", ""), found.setdefault("item", "")
    missing = missing_in(found["type"], user=user, item=item, query=found.get("query", ""))
    if not missing and found["type"] == STOCK:
        return "time" if "time" not in found else "quantity" if "quantity" not in found else ""
    return missing
