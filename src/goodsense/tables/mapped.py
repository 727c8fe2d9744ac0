"""Rows out of records, by a mapping file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from goodsense.errors import DataError
from goodsense.tables.mapping import ChildSpec, Condition, FieldSpec, RecordMapping
from goodsense.tables.paths import PathError, Walk, compile_path, items_of, plain_text
from goodsense.tables.patterns import PatternError, SlowPattern
from goodsense.tables.record_sources import records_of
from goodsense.tables.rejects import Reject, Rejects, shorten
from goodsense.tables.rows import Row
from goodsense.tables.values import BadValue, text_of

Get: TypeAlias = Callable[[Any, Any], Any]
Complain: TypeAlias = Callable[[str, BadValue], None]
_CHILDREN = 10_000  # of one record
_EMPTY: tuple[Any, ...] = ("", [], {})
_NAMED = 20


def mapped_rows(
    mapping: RecordMapping, source: Path, rejects: Rejects, *, notes: list[str] | None = None
) -> Iterator[Row]:
    """Stream the rows of a source: their keys are fields of the mapping's target, their values what the file says.

    A value that does not fit is rejected and the row goes on without it; the reject's record is the row, so that a
    mended file of rejects is read without a mapping file.

    Parameters
    ----------
    notes
        Where it is said which fields were found in no record, once all are read.

    Raises
    ------
    UsageError
        If there is no such source, or the mapping file does not say what is needed to read it.
    DataError
        If the source as a whole cannot be read; rows before the damage have been given out by then.
    """
    rows = map_records(mapping, records_of(mapping, source, rejects), str(source), rejects, notes=notes)
    if mapping.group is None:
        return rows
    from goodsense.tables.gathering import gathered

    return gathered(mapping.group, rows, str(source), rejects)


def map_records(
    mapping: RecordMapping, records: Iterator[Row], file: str, rejects: Rejects, *, notes: list[str] | None = None
) -> Iterator[Row]:
    """The rows of records that were read already; ``file`` is named by rejects."""
    mapper = _Mapper(mapping, file, rejects)
    for record in records:
        yield from mapper.rows(record)
    if notes is not None:
        notes += mapper.notes()


def compile_field(spec: FieldSpec) -> Get:
    """The function ``(value at hand, whole record) -> value of the field``; None where there is nothing.

    It raises :class:`BadValue` where a value does not fit a step.
    """
    read = _reading(spec)
    steps, default = spec.steps, spec.default
    if not steps and default is None:
        return read

    def get(here: Any, record: Any) -> Any:
        value = read(here, record)
        for step in steps:
            if value is None or value in _EMPTY:
                break
            value = step(value)
        return default if value is None or value in _EMPTY else value

    return get


def _reading(spec: FieldSpec) -> Get:
    if spec.template:
        return _templating([part if isinstance(part, str) else compile_path(part) for part in spec.template])
    if not spec.paths:
        value = spec.value
        return lambda here, record: value
    walks = [compile_path(path) for path in spec.paths]
    if len(walks) == 1:
        return walks[0]

    def first(here: Any, record: Any) -> Any:
        for walk in walks:
            value = walk(here, record)
            if value is not None and value not in _EMPTY:
                return value
        return None

    return first


def _templating(parts: list[str | Walk]) -> Get:
    """Text with values in it; nothing if all of them are empty. One space stands where an empty value leaves more."""

    def fill(here: Any, record: Any) -> str | None:
        found = [part if isinstance(part, str) else _spoken(part(here, record)) for part in parts]
        if not any(text for text, part in zip(found, parts, strict=True) if not isinstance(part, str)):
            return None
        text = "".join(found)
        return " ".join(text.split()) if "  " in text or text != text.strip() else text

    return fill


def _spoken(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(text for item in value if (text := _spoken(item)))
    return "" if value is None else text_of(value)


@dataclass(frozen=True, slots=True)
class _Children:
    """A list of objects in a record, ready to be read."""

    each: Walk
    fields: tuple[tuple[str, Get], ...]


class _Mapper:
    """Maps the records of one source and counts which fields they have."""

    def __init__(self, mapping: RecordMapping, file: str, rejects: Rejects) -> None:
        self._mapping = mapping
        self._file = file
        self._rejects = rejects
        self._each = compile_path(mapping.source.each, whole=True) if mapping.source.each else None
        self._fields = tuple((name, compile_field(spec)) for name, spec in mapping.fields.items())
        self._children = {name: _children(spec) for name, spec in mapping.children.items()}
        self._tests = [_test(condition) for condition in mapping.where]
        self._missing = {name for name, spec in mapping.fields.items() if spec.value is None}
        self._names: tuple[str, ...] = ()
        self._count = 0

    def rows(self, record: Row) -> Iterator[Row]:
        """The row of a record, or those of its parts; none if it is not wanted."""
        if not self._names:
            self._names = tuple(islice(record.values, _NAMED))
        for here in self._parts(record):
            try:
                row = self._row(record, here)
            except SlowPattern as slow:
                place = f"{self._mapping.file}, on row {record.number} of {self._file}"
                raise DataError(f"{place}: {slow.message}", fix=slow.fix) from slow
            if row is not None:
                yield row

    def _parts(self, record: Row) -> Sequence[Any]:
        """What becomes a row each: the record, or what ``each`` finds in it."""
        if self._each is None:
            return (record.values,)
        try:
            return items_of(self._each(record.values, record.values))
        except PathError as error:
            self._refuse(record, "", BadValue(str(error), "Give a path to fewer values."), {}, "row")
            return ()

    def _row(self, record: Row, here: Any) -> Row | None:
        self._count += 1
        whole = record.values
        try:
            if self._tests and not all(test(here, whole) for test in self._tests):
                return None
        except (PatternError, PathError) as error:
            self._refuse(record, "", BadValue(str(error), "Correct [[where]] in the mapping file."), {}, "row")
            return None
        found: dict[str, Any] = {}
        problems: list[tuple[str, BadValue]] = []
        for name, get in self._fields:
            try:
                value = get(here, whole)
            except (BadValue, PathError) as error:
                problems.append((name, _bad(error)))
                continue
            if value is not None and value not in _EMPTY:
                found[name] = value
                if self._missing:
                    self._missing.discard(name)
        for name, children in self._children.items():
            items = _listed(children, here, whole, name, lambda place, bad: problems.append((place, bad)))
            if items:
                found[name] = items
        for place, problem in problems:
            self._refuse(record, place, problem, found, "field", value=self._given(place, here, whole))
        if not found:
            fix = "Correct the paths in [fields], or leave it out by [[where]]."
            self._refuse(record, "", BadValue("none of the mapped fields is in it", fix), whole, "row")
            return None
        return Row(record.number, found)

    def _given(self, name: str, here: Any, whole: Any) -> Any:
        """What a field was made of, for its reject."""
        spec = self._mapping.fields.get(name)
        if spec is None or spec.template:
            return None
        try:
            return _reading(spec)(here, whole)
        except PathError:
            return None

    def _refuse(
        self, record: Row, place: str, bad: BadValue, kept: Mapping[str, Any], scope: Any, *, value: Any = None
    ) -> None:
        shown = None if value is None else shorten(value)
        self._rejects.add(Reject(self._file, record.number, place, shown, bad.reason, bad.fix, dict(kept), scope))

    def notes(self) -> list[str]:
        """Which fields no record had."""
        if not self._count:
            return []
        said = []
        for name in sorted(self._missing):
            paths = ", ".join(path.text for path in self._mapping.fields[name].paths)
            has = ", ".join(shorten(key, 40) for key in self._names)
            said.append(
                f"{self._mapping.file.name}: {name} ({shorten(paths, 100)}) was found in none of {self._count:,} "
                f"records; the first one has: {has}."
            )
        return said


def _bad(error: BadValue | PathError) -> BadValue:
    return error if isinstance(error, BadValue) else BadValue(str(error), "Give a path to fewer values.")


def _children(spec: ChildSpec) -> _Children:
    fields = tuple((name, compile_field(field)) for name, field in spec.fields.items())
    return _Children(compile_path(spec.each, whole=True), fields)


def _listed(children: _Children, here: Any, record: Any, name: str, complain: Complain) -> list[dict[str, Any]]:
    """The objects of a list; ``option.color`` of one becomes its ``options``."""
    try:
        items = items_of(children.each(here, record))
    except PathError as error:
        complain(name, _bad(error))
        return []
    if len(items) > _CHILDREN:
        complain(name, BadValue(f"over {_CHILDREN} items; the rest is left out", "Give smaller lists."))
    listed = []
    for place, item in enumerate(items[:_CHILDREN]):
        found: dict[str, Any] = {}
        for field, get in children.fields:
            try:
                value = get(item, record)
            except (BadValue, PathError) as error:
                complain(f"{name}[{place}].{field}", _bad(error))
                continue
            if value is None or value in _EMPTY:
                continue
            if field.startswith("option."):
                found.setdefault("options", {})[field.removeprefix("option.")] = value
            else:
                found[field] = value
        if found:
            listed.append(found)
    return listed


def _test(condition: Condition) -> Callable[[Any, Any], bool]:
    walk = compile_path(condition.path)
    equals, matches, exists = condition.equals, condition.matches, condition.exists

    def holds(here: Any, record: Any) -> bool:
        texts = [plain_text(item) for item in items_of(walk(here, record))]
        if equals is not None:
            found = any(text in equals for text in texts)
        elif matches is not None:
            found = any(matches.search(text) is not None for text in texts)
        else:
            found = any(texts) is exists
        return found is not condition.negated

    return holds
