"""What a format of event logs is: how its records are known, and what rows one record comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from goodsense.tables import Reject, Rejects, Row
from goodsense.tables.values import BadValue

Record: TypeAlias = Mapping[str, Any]
Cells: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class RecordFormat:
    """A log of JSON records, one per line or in one array.

    Parameters
    ----------
    name
        As ``--format`` takes it.
    title
        What a note calls it.
    is_own
        Whether a record is of this format.
    rows
        The rows that one record comes to, with the canonical names of columns; none if it tells of no action, which it
        counts by a word. Raises ``BadValue`` if the record cannot be read.
    columns
        The names that rows may have.
    """

    name: str
    title: str
    is_own: Callable[[Record], bool]
    rows: Callable[[Record, Counter[str]], Iterable[Cells]]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Unfolding:
    """Records of one source unfolded into rows; ``passed`` counts by kind those that tell of no action."""

    format: RecordFormat
    file: str
    rejects: Rejects
    passed: Counter[str] = field(default_factory=Counter)

    def rows(self, records: Iterable[Row]) -> Iterator[Row]:
        """The rows of all records, each with the number of its record; bad records are rejected whole."""
        self.passed.clear()
        for number, record in records:
            try:
                found = list(self.format.rows(record, self.passed))
            except BadValue as bad:
                self.rejects.add(Reject(self.file, number, "", None, bad.reason, bad.fix, record))
                continue
            for cells in found:
                yield Row(number, cells)


def object_of(value: Any) -> Record:
    """An object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def objects_of(value: Any, name: str) -> list[Record]:
    """A list of objects; empty where there is none.

    Raises
    ------
    BadValue
        If it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadValue(f"{name} is no list of objects", "Export the log again, or mend this record.")
    return value


def told(cells: Mapping[str, Any]) -> Cells:
    """The cells that say something."""
    return {name: value for name, value in cells.items() if value not in (None, "", {}, "(not set)", "(none)")}
