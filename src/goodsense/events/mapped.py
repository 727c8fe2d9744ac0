"""Events of any logs and records, by a mapping file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from goodsense.errors import UsageError
from goodsense.events.event import Event
from goodsense.events.reader import PLAINLY, EventFeed, Reading, events_of
from goodsense.tables import Reject, Rejects, Row
from goodsense.tables.mapping import RecordMapping, load_mapping


def read_mapped_events(source: Path, mapping_file: Path, *, rejects: Rejects, reading: Reading = PLAINLY) -> EventFeed:
    """Stream the events of a source that a mapping file describes: web-server logs, JSON logs, XML and the like.

    Raises
    ------
    UsageError
        If there is no such file, or the mapping file is wrong or maps something else.
    DataError
        If the source as a whole cannot be read.
    """
    mapping = load_mapping(mapping_file)
    if mapping.target != "events":
        raise UsageError(
            f"{mapping_file}: maps {mapping.target}, not events.", fix='Write target = "events" at its beginning.'
        )
    if not source.exists():
        raise UsageError(f"{source}: there is no such file.", fix="Check the path.")

    def events() -> Iterator[tuple[int, Event]]:
        rows = _whole_rows(mapping, source, rejects)
        header = tuple(mapping.fields)
        return events_of(rows, file=source, header=header, rejects=rejects, reading=reading)

    return EventFeed("mapped", source, events, (f"The rows are read by {mapping_file.name}.",))


def _whole_rows(mapping: RecordMapping, source: Path, rejects: Rejects) -> Iterator[Row]:
    """The rows of which no value was rejected: an event goes in whole or not at all."""
    from goodsense.tables.mapped import mapped_rows

    strict = _RowRejects(rejects)
    for row in mapped_rows(mapping, source, strict):
        if row.number not in strict.spoilt:
            yield row
        strict.spoilt.clear()


class _RowRejects(Rejects):
    """Hands rejects on, those of single values as those of their rows."""

    def __init__(self, target: Rejects) -> None:
        super().__init__(None, keep=0)
        self._target = target
        self.spoilt: set[int] = set()

    def add(self, reject: Reject) -> None:
        if reject.scope != "field" or reject.row is None:
            self._target.add(reject)
            return
        if reject.row not in self.spoilt:
            self._target.add(replace(reject, scope="row"))
        self.spoilt.add(reject.row)
