"""Events written out as tables that read back to equal events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from goodsense.errors import UsageError
from goodsense.events.event import Event, context_text
from goodsense.tables import write_lines, write_table

WRITTEN = ("csv", "tsv", "jsonl", "parquet")
COLUMNS = tuple(
    "event_id user item type weight rating quantity query duration timestamp session ranking position value context "
    "split history_order".split()
)


def format_of(path: Path) -> str:
    """The format that a file's name asks for; ``.gz`` after it means packed.

    Raises
    ------
    UsageError
        If its ending is no format of events.
    """
    ending = Path(path.name.lower().removesuffix(".gz")).suffix.removeprefix(".")
    if ending not in WRITTEN:
        known = ", ".join(f".{name}" for name in WRITTEN)
        raise UsageError(
            f"{path}: events cannot be written as {ending or 'a file without ending'!r}.", fix=f"Use {known}."
        )
    return ending


def write_events(
    events: Iterable[Event], path: Path, *, format: str | None = None, columns: Sequence[str] = COLUMNS
) -> int:
    """Write events, keys included; return how many.

    Parameters
    ----------
    events
        Read once, as a stream.
    path
        The file; names that end in ``.gz`` are packed.
    format
        One of :data:`WRITTEN`; by the file's name if it is not given.
    columns
        Those of :data:`COLUMNS` that a table gets.

    Raises
    ------
    UsageError
        If there is no such format.
    DataError
        If the file cannot be written.
    """
    wanted = format_of(path) if format is None else format
    if wanted == "jsonl":
        return write_lines(path, (json.dumps(event.to_json(), ensure_ascii=False) for event in events))
    if wanted == "parquet":
        from goodsense.tables.parquet import write_parquet

        return write_parquet(path, columns, _cells(events))
    if wanted not in WRITTEN:
        raise UsageError(f"unknown format of events {wanted!r}.", fix=f"Known formats: {', '.join(WRITTEN)}.")
    return write_table(path, columns, _cells(events), delimiter="\t" if wanted == "tsv" else ",")


def _cells(events: Iterable[Event]) -> Iterator[dict[str, str]]:
    for event in events:
        yield {name: _cell(value) for name, value in event.to_json().items()}


def _cell(value: str | float | Mapping[str, str]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return context_text(value)
    return f"{int(value)}" if float(value).is_integer() and abs(value) < 1e15 else repr(value)
