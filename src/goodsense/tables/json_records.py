"""Records anywhere inside JSON, streamed: the path to them is followed token by token, the rest is passed over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from goodsense.tables.json_rows import MAX_DEPTH, JsonWindow, check_sound
from goodsense.tables.opening import GENEROUS, TableLimits, open_text
from goodsense.tables.paths import Every, Name, Place, Step
from goodsense.tables.rejects import Reject, Rejects
from goodsense.tables.rows import Row, damage
from goodsense.tables.sniff import Sniffed

_FIX = "Mend it, or export it again."
_KEPT = 1000


def json_records(
    path: Path, sniffed: Sniffed, rejects: Rejects, steps: Sequence[Step], *, limits: TableLimits = GENEROUS
) -> Iterator[Row]:
    """The records at a path of names, places and ``[*]``; ``number`` counts them from 1.

    A list at the end of the path gives its items. A file of several JSON values one after the other is read value by
    value. Records of ``.*`` that are objects get their key as ``@key``.

    Raises
    ------
    DataError
        At the first thing that is not JSON: nothing after it can be trusted.
    """
    with open_text(path, sniffed.encoding, compressed=sniffed.compressed, limits=limits) as text:
        window = JsonWindow(text, path, limits.row_chars, fix=_FIX)
        walker = _Walker(window, path, sniffed.encoding, rejects)
        while not window.ended():
            yield from walker.walk(steps, "")


class _Walker:
    """Follows the path through the window; what is no record becomes a reject."""

    def __init__(self, window: JsonWindow, path: Path, encoding: str, rejects: Rejects) -> None:
        self._window = window
        self._path = path
        self._encoding = encoding
        self._rejects = rejects
        self._number = 0

    def walk(self, steps: Sequence[Step], key: str) -> Iterator[Row]:
        opening = self._window.peek()
        if not steps:
            yield from self._each((), False) if opening == "[" else self._record(key)
            return
        step, rest = steps[0], steps[1:]
        if opening == "[":
            if isinstance(step, Every):
                yield from self._each(rest, False)
            else:
                yield from self._one(step.place if isinstance(step, Place) else 0, step, rest)
        elif opening == "{" and isinstance(step, Name):
            yield from self._members(step.name, rest)
        elif opening == "{" and isinstance(step, Every) and step.values:
            yield from self._each(rest, True)
        elif isinstance(step, Every) or (isinstance(step, Place) and step.place == 0):
            yield from self.walk(rest, key)
        else:
            self._window.skip()

    def _each(self, rest: Sequence[Step], members: bool) -> Iterator[Row]:
        """Every item of the list, or value of the object, that begins here."""
        window, end = self._window, "}" if members else "]"
        window.take()
        while window.peek() != end:
            yield from self._item(rest, self._name() if members else "")
            window.go_on(end, None)
        window.take()

    def _item(self, rest: Sequence[Step], key: str) -> Iterator[Row]:
        if not rest and self._window.peek() == "{":  # the common case, without a generator of its own
            row = self._taken(key)
            if row is not None:
                yield row
        elif not rest:
            yield from self._record(key)
        else:
            yield from self.walk(rest, key)

    def _one(self, place: int, step: Step, rest: Sequence[Step]) -> Iterator[Row]:
        """One item of the list that begins here; a name goes into the first one."""
        self._window.take()
        at = 0
        while self._window.peek() != "]":
            if at == place:
                yield from self.walk(rest if isinstance(step, Place) else (step, *rest), "")
            else:
                self._window.skip()
            at += 1
            self._window.go_on("]", None)
        self._window.take()

    def _members(self, name: str, rest: Sequence[Step]) -> Iterator[Row]:
        self._window.take()
        while self._window.peek() != "}":
            if self._name() == name:
                yield from self.walk(rest, name)
            else:
                self._window.skip()
            self._window.go_on("}", None)
        self._window.take()

    def _name(self) -> str:
        """The name of the member that begins here; afterwards the window stands before its value."""
        if self._window.peek() != '"':
            self._window.fail(None, f"found {self._window.peek()!r} where the name of a member was expected")
        _, name = self._window.value(None)
        if self._window.peek() != ":":
            self._window.fail(None, f"found {self._window.peek()!r} where ':' was expected")
        self._window.take()
        return str(name)

    def _record(self, key: str) -> Iterator[Row]:
        row = self._taken(key)
        if row is not None:
            yield row

    def _taken(self, key: str) -> Row | None:
        self._number += 1
        source, value = self._window.value(self._number)
        try:
            problem = damage(source, self._encoding)
            check_sound(source, value)
        except ValueError as error:
            problem = str(error)
        except RecursionError:
            problem = f"it nests deeper than {MAX_DEPTH} levels"
        if problem:
            self._rejects.add(Reject(str(self._path), self._number, "", None, problem, _FIX, source[:_KEPT]))
            return None
        if isinstance(value, dict):
            if key and "@key" not in value:
                value["@key"] = key
            return Row(self._number, value)
        return None if value is None else Row(self._number, wrapped(value))


def wrapped(value: Any) -> dict[str, Any]:
    """A record that is no object, as one: its value stands under ``value``."""
    return {"value": value}
