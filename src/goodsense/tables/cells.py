"""CSV cells that a spreadsheet cannot take for formulas, and their way back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from goodsense.errors import DataError
from goodsense.tables.opening import create_bytes

_DANGEROUS = frozenset("=+-@\t\r'")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r"'+[=+\-@\t\r]")


def neutralise(cell: str, *, raw: bool = False) -> str:
    """Put a ``'`` before a cell that a spreadsheet would run as a formula; numbers such as -3.5 stay.

    A cell that already looks so protected gets one more quote, also when ``raw``, so :func:`restore` is exact.
    """
    if not cell or cell[0] not in _DANGEROUS:
        return cell
    pattern = _QUOTED if raw else _FORMULA
    if pattern.match(cell) is None or _NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}"


def restore(cell: str) -> str:
    """Take away the ``'`` that :func:`neutralise` put before a formula; every other quote stays."""
    if cell[:1] == "'" and _QUOTED.match(cell):
        return cell[1:]
    return cell


def write_table(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]], *, delimiter: str = ",", raw: bool = False
) -> int:
    """Write rows as CSV (RFC 4180) in UTF-8, packed if the name ends in ``.gz``; return how many.

    Raises
    ------
    DataError
        If a value holds what no text file carries (NUL, a lone surrogate), or the file cannot be written.
    """
    count = 0
    with _text_writer(path) as text:
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
        writer.writerow([neutralise(name, raw=raw) for name in columns])
        for row in rows:
            cells = [neutralise(row.get(name, ""), raw=raw) for name in columns]
            if any("\0" in cell for cell in cells):
                raise DataError(f"{path}: row {count + 1} holds a NUL character, which no CSV reader accepts.")
            writer.writerow(cells)
            count += 1
    return count


@contextmanager
def _text_writer(path: Path) -> Iterator[io.TextIOWrapper]:
    with create_bytes(path) as data:
        text = io.TextIOWrapper(data, encoding="utf-8", newline="")
        try:
            yield text
            text.flush()
        except UnicodeEncodeError as error:
            raise DataError(f"{path}: a value is not valid Unicode text ({error.reason}).") from error
        finally:
            text.detach()


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write lines in UTF-8, packed if the name ends in ``.gz``; return how many."""
    count = 0
    with _text_writer(path) as text:
        for line in lines:
            text.write(line + "\n")
            count += 1
    return count
