"""Rows of JSON Lines files, of JSON arrays, and of files of rejects fed in again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Never

from goodsense.errors import DataError
from goodsense.tables.opening import GENEROUS, TableLimits, open_text
from goodsense.tables.rejects import Reject, Rejects, is_reject_line, rejected_record, shorten
from goodsense.tables.rows import CutOff, Row, damage
from goodsense.tables.sniff import Sniffed

_KEPT = 1000
MAX_DEPTH = 50
_SUSPICIOUS = re.compile(r"[eE]\+?\d{3}|\\u")
_SCALAR = re.compile(r"[^\s,\]}]*")
_BETWEEN = re.compile(r"[^\"\[\]{}]*")
_IN_STRING = re.compile(r"[^\"\\]*")
_LOOKED_AT = 5  # lines of a beginning, since the first may be damaged
_FIX = "Write one JSON object per line."
_AGAIN = "Mend it, or export it again."


def _refuse(name: str) -> Never:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def parse_json(text: str) -> Any:
    """Parse one JSON value that is safe to keep: finite, of bounded depth, made of valid text without NUL.

    Raises
    ------
    ValueError
        With the reason, if it is not.
    """
    try:
        value = _DECODER.decode(text)
        check_sound(text, value)
    except RecursionError as error:
        raise ValueError(f"it nests deeper than {MAX_DEPTH} levels") from error
    return value


def check_sound(text: str, value: Any) -> None:
    """Raise ``ValueError`` unless a parsed value is safe to keep; ``text`` tells cheaply whether to look closely."""
    if text.count("[") + text.count("{") > MAX_DEPTH or _SUSPICIOUS.search(text):
        _walk(value, 0)


def _walk(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"it nests deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        problem = damage(value, "UTF-8")
        if problem:
            raise ValueError(problem)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number is too large")
    elif isinstance(value, dict):
        for name, item in value.items():
            _walk(name, depth + 1)
            _walk(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _walk(item, depth + 1)


def jsonl_rows(path: Path, sniffed: Sniffed, rejects: Rejects, *, limits: TableLimits = GENEROUS) -> Iterator[Row]:
    """One JSON object per line; the ``record`` of a line that a reject wrote is taken in its place."""
    with open_text(path, sniffed.encoding, compressed=sniffed.compressed, limits=limits) as text:
        number = 0
        for line in text_lines(text, limits.row_chars):
            number += 1
            if line is None:
                _reject(rejects, path, number, f"the line is longer than {limits.row_chars} characters", "")
                continue
            if isinstance(line, CutOff):
                _reject(rejects, path, number, "the file ends in the middle of a character", "")
                return
            if line.isspace():
                continue
            try:
                problem = damage(line, sniffed.encoding)
                value = None if problem else parse_json(line)
            except ValueError as error:
                problem = f"the line is not valid JSON: {error}"
            row = None if problem else _row(path, number, value, rejects)
            if problem:
                _reject(rejects, path, number, problem, line)
            if row is not None:
                yield row


def first_object(head: str) -> Mapping[str, Any] | None:
    """The first readable object in the beginning of a file of JSON Lines or of an array."""
    text = head.lstrip()
    if text.startswith("["):
        try:
            value, _ = json.JSONDecoder().raw_decode(text, len(text) - len(text[1:].lstrip()))
        except (ValueError, RecursionError):
            return None
        return rejected_record(value) if isinstance(value, dict) else None
    for line in text.split("\n", _LOOKED_AT)[:_LOOKED_AT]:
        try:
            value = parse_json(line)
        except ValueError:
            continue
        record = rejected_record(value) if isinstance(value, dict) else None
        if isinstance(record, dict):
            return record
    return None


def rejected_names(head: str) -> tuple[str, ...]:
    """The columns of the first row in the beginning of a file of rejects; none in any other file."""
    return tuple(first_object(head) or ()) if is_reject_line(head.split("\n", 1)[0]) else ()


def text_lines(text: IO[str], limit: int) -> Iterator[str | CutOff | None]:
    """The lines; None for one that is too long."""
    try:
        while line := text.readline(limit + 1):
            if len(line) <= limit:
                yield line
                continue
            while line and line[-1] not in "\r\n":
                line = text.readline(limit)
            yield None
    except UnicodeDecodeError:
        yield CutOff()


def _row(path: Path, number: int, value: Any, rejects: Rejects) -> Row | None:
    record = rejected_record(value) if isinstance(value, dict) else value
    if isinstance(record, dict):
        return Row(number, record) if record else None
    if record is None and value is not None:
        return None  # the reject of a medium: its row was taken
    reason = f"the row is {_kind(record)}, not an object of column names and values"
    rejects.add(Reject(str(path), number, "", None, reason, _FIX, record))
    return None


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _reject(rejects: Rejects, path: Path, number: int, reason: str, line: str) -> None:
    rejects.add(Reject(str(path), number, "", None, reason, _FIX, line[:_KEPT]))


def json_rows(path: Path, sniffed: Sniffed, rejects: Rejects, *, limits: TableLimits = GENEROUS) -> Iterator[Row]:
    """The objects of one JSON array, streamed; ``number`` counts them from 1. A single object is one row.

    Raises
    ------
    DataError
        At the first element that is not JSON: nothing after it can be trusted.
    """
    with open_text(path, sniffed.encoding, compressed=sniffed.compressed, limits=limits) as text:
        window = JsonWindow(text, path, limits.row_chars)
        if window.peek() != "[":
            raise DataError(f"{path}: expected a JSON array.", fix=_FIX)
        yield from _items(window, path, sniffed, rejects)


def member_rows(
    path: Path, sniffed: Sniffed, rejects: Rejects, wanted: Collection[str], *, limits: TableLimits = GENEROUS
) -> Iterator[tuple[str, Row]]:
    """The objects in arrays that are members of one JSON object, streamed as (member, row) in the file's order.

    ``number`` counts from 1 in each array. Members that are not wanted are passed over.

    Raises
    ------
    DataError
        At the first thing that is not JSON: nothing after it can be trusted.
    """
    with open_text(path, sniffed.encoding, compressed=sniffed.compressed, limits=limits) as text:
        window = JsonWindow(text, path, limits.row_chars, fix=_AGAIN)
        if window.peek() != "{":
            raise DataError(f"{path}: expected one JSON object.", fix=_AGAIN)
        window.take()
        while window.peek() != "}":
            _, name = window.value(None)
            if not isinstance(name, str) or window.peek() != ":":
                window.fail(None, f"found {shorten(name, 60)!r} where a member was expected")
            window.take()
            if window.peek() == "[":
                known = name in wanted
                for row in _items(window, path, sniffed, rejects if known else Rejects.to_memory(keep=0)):
                    if known:
                        yield name, row
            else:
                window.value(None)
            window.go_on("}", None)


def _items(window: JsonWindow, path: Path, sniffed: Sniffed, rejects: Rejects) -> Iterator[Row]:
    """The objects of the array that begins here; afterwards the window stands behind it."""
    window.take()
    number = 0
    while window.peek() != "]":
        number += 1
        source, value = window.value(number)
        try:
            problem = damage(source, sniffed.encoding)
            check_sound(source, value)
        except ValueError as error:
            problem = str(error)
        if problem:
            _reject(rejects, path, number, problem, source)
        else:
            row = _row(path, number, value, rejects)
            if row is not None:
                yield row
        window.go_on("]", number)
    window.take()


class JsonWindow:
    """The part of a JSON text that is being read."""

    def __init__(self, text: IO[str], path: Path, limit: int, *, fix: str = f"Mend it. {_FIX}") -> None:
        self._read: Callable[[int], str] = text.read
        self._path = path
        self._limit = limit
        self._fix = fix
        self._text = ""
        self._at = 0

    def _more(self, size: int = 1 << 16) -> bool:
        try:
            found = self._read(size)
        except UnicodeDecodeError:
            found = ""
        self._text = self._text[self._at :] + found
        self._at = 0
        return bool(found)

    def peek(self) -> str:
        """The next character that is not white.

        Raises
        ------
        DataError
            If there is none.
        """
        if self.ended():
            self.fail(None, "the file ends before it does")
        return self._text[self._at]

    def ended(self) -> bool:
        """Whether nothing but white space is left."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n\ufeff":
                self._at += 1
            if self._at < len(self._text):
                return False
            if not self._more():
                return True

    def take(self) -> None:
        self._at += 1

    def go_on(self, end: str, number: int | None) -> None:
        """Step over the comma between two values; the end of all may stand there instead."""
        if self.peek() == ",":
            self.take()
        elif self.peek() != end:
            self.fail(number, f"found {self.peek()!r} where ',' or {end!r} was expected")

    def value(self, number: int | None) -> tuple[str, Any]:
        """The next value and its text."""
        size = 1 << 16
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                self.fail(number, f"it nests deeper than {MAX_DEPTH} levels")
            except ValueError as error:
                if len(self._text) - self._at > self._limit:
                    self.fail(number, f"{error}, or it is longer than {self._limit} characters")
                if not self._more(size):
                    self.fail(number, str(error))
                size *= 2
                continue
            if end == len(self._text) and self._more():
                continue
            source = self._text[self._at : end]
            self._at = end
            return source, value

    def skip(self) -> None:
        """Pass over the next value, however long it is."""
        if self.peek() == '"':
            return self._skip_string()
        if self.peek() not in "[{":
            if self.peek() not in "-0123456789tfn":
                self.fail(None, f"found {self.peek()!r} where a value was expected")
            return self._run(_SCALAR)
        depth = 0
        while True:
            self._run(_BETWEEN)
            sign = self.peek()
            if sign == '"':
                self._skip_string()
                continue
            self.take()
            depth += 1 if sign in "[{" else -1
            if depth == 0:
                return None

    def _skip_string(self) -> None:
        self.take()
        while True:
            self._run(_IN_STRING)
            if self._at == len(self._text) and not self._more():
                self.fail(None, "the file ends within a text")
            sign = self._text[self._at]
            self.take()
            if sign == '"':
                return
            if self._at < len(self._text) or self._more():
                self.take()

    def _run(self, pattern: re.Pattern[str]) -> None:
        """Pass over all signs that a pattern takes."""
        while True:
            found = pattern.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or not self._more():
                return

    def fail(self, number: int | None, reason: str) -> Never:
        place = f"item {number}" if number is not None else "the JSON text"
        raise DataError(f"{self._path}: {place} cannot be read: {reason}.", fix=self._fix)
