"""Rows of a table as they stream by; what is no row becomes a reject and the rest goes on."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from goodsense.errors import DataError
from goodsense.tables.cells import restore
from goodsense.tables.opening import GENEROUS, TableLimits, open_text
from goodsense.tables.rejects import Reject, Rejects, shorten
from goodsense.tables.sniff import BEFORE_HEADER, Sniffed

_COLUMNS = 10_000
_KEPT = 1000  # characters of an unreadable line that stand in its reject
_LINE_COST = 32  # characters that take as long as the handling of one line
_REPEATS = 8
_FREE_REPEATS = 1 << 21
_HEADER_ROWS = 1000  # JSON rows that are looked at for names
_CONVERT = "Convert the file to UTF-8, or mend this row."
_REQUOTE = 'Double the quotes inside a quoted cell ("5"" screen") and close every quote.'


class Row(NamedTuple):
    """One row: ``number`` finds it in the file (line of text, row of Parquet), ``values`` maps column to value."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Header:
    """The column names of a table, each once, and notes on what was strange about them."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_header(path: Path, sniffed: Sniffed, *, limits: TableLimits = GENEROUS) -> Header:
    """The names of the columns; for JSON those of the first 1,000 rows.

    Raises
    ------
    DataError
        If the header is missing or cannot be read.
    """
    if sniffed.format in ("csv", "tsv"):
        with open_text(path, sniffed.encoding, compressed=sniffed.compressed, limits=limits) as text:
            return _csv_header(_Lines(text, limits.row_chars), path, sniffed)
    if sniffed.format == "parquet":
        from goodsense.tables.parquet import parquet_names

        return Header(parquet_names(path, sniffed, limits=limits))
    names: dict[str, None] = {}
    try:
        for row in islice(read_rows(path, sniffed, Rejects.to_memory(keep=0), limits=limits), _HEADER_ROWS):
            names.update(dict.fromkeys(row.values))
    except DataError:
        if not names:  # what comes before the damage is still worth reading
            raise
    return Header(tuple(names), () if names else ("The file holds no readable row.",))


def read_rows(path: Path, sniffed: Sniffed, rejects: Rejects, *, limits: TableLimits = GENEROUS) -> Iterator[Row]:
    """Stream the rows of a sniffed table.

    A record of CSV that does not parse costs its first line only: reading resumes on the next line, so that an
    unclosed quote cannot swallow the file. Empty lines are skipped.

    Raises
    ------
    DataError
        If the file as a whole is damaged; rows before the damage have been given out by then.
    """
    if sniffed.format in ("csv", "tsv"):
        return _csv_rows(path, sniffed, rejects, limits)
    if sniffed.format == "jsonl":
        from goodsense.tables.json_rows import jsonl_rows

        return jsonl_rows(path, sniffed, rejects, limits=limits)
    if sniffed.format == "json":
        from goodsense.tables.json_rows import json_rows

        return json_rows(path, sniffed, rejects, limits=limits)
    if sniffed.format == "parquet":
        from goodsense.tables.parquet import parquet_rows

        return parquet_rows(path, sniffed, rejects, limits=limits)
    raise DataError(f"{path}: {sniffed.format} is not a table.", fix="Give CSV, TSV, JSON Lines, JSON or Parquet.")


class TooLong(Exception):
    """A row is longer than the limit."""


class CutOff(Exception):
    """The file ends within a character."""


class _Lines:
    """Physical lines for the CSV parser; those of a record that failed can be read again.

    ``number`` is that of the last line given out, ``record`` the lines since :meth:`begin`.
    """

    def __init__(self, text: IO[str], limit: int) -> None:
        self._readline: Callable[[int], str] = text.readline
        self._limit = limit
        self._again: deque[str] = deque()
        self.record: list[str] = []
        self.number = 0
        self._size = 0
        self._fresh = 0  # what was read from the file, in characters and lines of _LINE_COST
        self._repeated = 0  # what was given out again

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._again:
            line = self._again.popleft()
        else:
            line = self._read()
            self._fresh += len(line) + _LINE_COST
        if not line:
            raise StopIteration
        self.number += 1
        self._size += len(line)
        self.record.append(line)
        if self._size > self._limit:
            self._skip_rest(line)
            raise TooLong
        return line

    def _read(self) -> str:
        try:
            return self._readline(self._limit + 1)
        except UnicodeDecodeError as error:
            raise CutOff from error

    def _skip_rest(self, line: str) -> None:
        while line and line[-1] not in "\r\n":
            line = self._read()

    def begin(self) -> None:
        self.record.clear()
        self._size = 0

    def rewind(self) -> bool:
        """Give out all but the first line of the record again; False if too much was given out again already.

        A file full of stray quotes would else be read once per quote.
        """
        self._repeated += self._size + _LINE_COST * len(self.record)
        if self._repeated > _REPEATS * self._fresh + _FREE_REPEATS:
            return False
        self._again.extendleft(reversed(self.record[1:]))
        self.number -= len(self.record) - 1
        del self.record[1:]
        return True


def parser(lines: Iterator[str], sniffed: Sniffed, limit: int) -> Iterator[list[str]]:
    """The csv module's parser, strict about quotes."""
    if csv.field_size_limit() < limit:
        csv.field_size_limit(limit)  # the module knows only one limit for all; it is never lowered here
    return csv.reader(lines, delimiter=sniffed.delimiter, strict=True)


def _csv_header(lines: _Lines, path: Path, sniffed: Sniffed) -> Header:
    """Read the header, if there is one; empty lines and a ``sep=`` or ``version`` line before it are skipped."""
    if sniffed.names:
        return Header(sniffed.names)
    reader = parser(lines, sniffed, 1 << 20)
    try:
        for cells in reader:
            if lines.number == 1 and BEFORE_HEADER.fullmatch(lines.record[0]):
                continue
            if any(cell.strip() for cell in cells):
                break
        else:
            raise DataError(f"{path}: the file has no header.", fix="Name the columns in the first row.")
    except (csv.Error, TooLong, CutOff) as error:
        raise DataError(f"{path}: the header cannot be read ({error or 'it is too long'}).", fix=_REQUOTE) from error
    problem = damage("".join(lines.record), sniffed.encoding)
    if problem:
        raise DataError(f"{path}: the header cannot be read: {problem}.", fix=_CONVERT)
    if len(cells) > _COLUMNS:
        raise DataError(
            f"{path}: the first row has {len(cells):,} cells; expected at most {_COLUMNS:,} columns.",
            fix="Is it the header? Name the columns in the first row.",
        )
    return _names([restore(cell) for cell in cells])


def _names(cells: Sequence[str]) -> Header:
    """Name every column once; a nameless one is called after its place, a repeated one gets a number."""
    while len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    names: dict[str, None] = {}
    copies: Counter[str] = Counter()
    notes = []
    for place, cell in enumerate(cells, 1):
        name = cell if cell.startswith(("attribute.", "extra.", "option.")) else cell.strip()
        if not name.strip():
            name = f"column_{place}"
            notes.append(f"Column {place} has no name and is called {name!r}.")
        if name in names:
            while (copy := f"{name} ({copies[name] + 2})") in names:
                copies[name] += 1
            notes.append(f"Column {shorten(name, 60)!r} stands there more than once; one of them is called {copy!r}.")
            name = copy
        names[name] = None
    return Header(tuple(names), tuple(notes))


def damage(text: str, encoding: str) -> str:
    """What makes a row unreadable: bytes that are not text, or NUL; empty if nothing does."""
    if "\0" in text:
        return "it holds a NUL character"
    if text.isascii():
        return ""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        name = encoding.upper().removesuffix("-SIG")
        if 0xDC80 <= code <= 0xDCFF:
            return f"byte 0x{code - 0xDC00:02x} after {error.start} characters is not {name} text"
        return f"half a surrogate pair (U+{code:04X}) after {error.start} characters is not {name} text"
    return ""


def _csv_rows(path: Path, sniffed: Sniffed, rejects: Rejects, limits: TableLimits) -> Iterator[Row]:
    with open_text(path, sniffed.encoding, compressed=sniffed.compressed, limits=limits) as text:
        lines = _Lines(text, limits.row_chars)
        header = _csv_header(lines, path, sniffed)
        table = _CsvTable(str(path), sniffed, header.names, rejects)
        reader = parser(lines, sniffed, limits.row_chars)
        while True:
            lines.begin()
            start = lines.number + 1
            try:
                cells: list[str] | None = next(reader)
            except StopIteration:
                return
            except CutOff:
                table.reject(start, "", "the file ends in the middle of a character", "Export the file again.")
                return
            except TooLong:
                cells = None
                problem = f"the row is longer than {limits.row_chars} characters; a quote may never be closed"
            except csv.Error as error:
                cells, problem = None, f"the row cannot be parsed ({error})"
            if cells is None or (len(lines.record) > 1 and not table.fits(cells)):
                if cells is not None:
                    found, wanted = len(cells), len(header.names)
                    problem = f"a quoted cell runs over several lines and the row has {found} cells, not {wanted}"
                cells = table.mend(start, lines, problem)
                reader = parser(lines, sniffed, limits.row_chars)
                if cells is None:
                    continue
            row = table.row(start, cells, lines.record)
            if row is not None:
                yield row


class _CsvTable:
    """Turns cells into rows of one CSV file, or into rejects."""

    def __init__(self, file: str, sniffed: Sniffed, names: tuple[str, ...], rejects: Rejects) -> None:
        self._file = file
        self._sniffed = sniffed
        self._names = names
        self._rejects = rejects

    def fits(self, cells: list[str]) -> bool:
        width = len(self._names)
        return len(cells) == width or (len(cells) > width and not any(cells[width:]))

    def mend(self, number: int, lines: _Lines, problem: str) -> list[str] | None:
        """Give up the first line of a record that failed, or all of it; the cells if plain quotes explain it."""
        many = len(lines.record)
        again = lines.rewind()
        if many == 1 or again:
            cells = self._unquoted(lines.record[0])
            if cells is not None:
                return cells
        if many > 1:
            problem += ", read on from the next line" if again else f", given up with the {many - 1} lines after it"
        self.reject(number, "".join(lines.record), problem, _REQUOTE)
        return None

    def _unquoted(self, line: str) -> list[str] | None:
        """The cells of a line of a TSV file whose quotes are plain characters; None unless that fits the header."""
        if self._sniffed.delimiter != "\t":
            return None
        cells = line.rstrip("\r\n").split("\t")
        return cells if len(cells) == len(self._names) else None

    def row(self, number: int, cells: list[str], record: list[str]) -> Row | None:
        width = len(self._names)
        if len(cells) != width:
            if not any(cells):
                return None
            if not self.fits(cells):
                reason = f"the row has {len(cells)} cells, the header {width}"
                fix = "Quote cells that hold the delimiter, a quote or a line break, and give every row all its cells."
                self.reject(number, cells, reason, fix)
                return None
        quoted = False
        for line in record:
            if "\0" in line or not line.isascii():
                problem = damage(line, self._sniffed.encoding)
                if problem:
                    self.reject(number, dict(zip(self._names, cells, strict=False)), problem, _CONVERT)
                    return None
            quoted = quoted or "'" in line
        if quoted:
            cells = [restore(cell) for cell in cells]
        values = dict(zip(self._names, cells, strict=False))
        return Row(number, values) if any(cells) else None

    def reject(self, number: int, record: Any, reason: str, fix: str) -> None:
        kept = record[:_KEPT] if isinstance(record, str) else record
        self._rejects.add(Reject(self._file, number, "", None, reason, fix, kept))
