"""Rejected rows, values and media: kept whole, with the reason and the way to mend them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self, TypeAlias

from goodsense.errors import DataError, StorageError

Scope: TypeAlias = Literal["row", "field", "medium"]
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Reject:
    """One thing that could not be taken.

    ``row`` is the line (text) or row (Parquet, XML items) in the file, from 1; ``column`` is empty when the whole row
    is meant. ``scope`` says what is missing now: the row, one field of it, or a medium. ``record`` is the original
    row: a mapping if it could be taken apart, else its cells or its text.
    """

    file: str
    row: int | None
    column: str
    value: Any
    reason: str
    fix: str
    record: Any = None
    scope: Scope = "row"

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "value": self.value,
            "reason": self.reason,
            "fix": self.fix,
            "scope": self.scope,
            "record": self.record,
        }

    def __str__(self) -> str:
        place = f"{self.file}, row {self.row}" if self.row is not None else self.file
        column = f", column {self.column!r}" if self.column else ""
        return f"{place}{column}: {self.reason}"


class Rejects:
    """Collects rejects: appended to a JSON Lines file as they come, counted, the first few kept.

    The file is created with the first reject. It can be mended and read again as a feed: the table reader takes the
    ``record`` of every line.

    Parameters
    ----------
    path
        Where to append; None keeps them in memory only.
    strict
        Raise :class:`DataError` at the first reject instead of collecting it.
    keep
        How many are kept in memory.
    """

    def __init__(self, path: Path | None, *, strict: bool = False, keep: int = 20) -> None:
        self.path = path
        self.strict = strict
        self._keep = keep
        self._first: list[Reject] = []
        self._scopes: Counter[str] = Counter()
        self._file: IO[str] | None = None

    @classmethod
    def to_memory(cls, *, strict: bool = False, keep: int = 10_000) -> Self:
        """Collect in memory only, up to ``keep`` of them; the counts go on."""
        return cls(None, strict=strict, keep=keep)

    def add(self, reject: Reject) -> None:
        """Take one in.

        Raises
        ------
        DataError
            If strict.
        StorageError
            If the file cannot be written.
        """
        if self.strict:
            raise DataError(str(reject), fix=reject.fix)
        self._scopes[reject.scope] += 1
        if len(self._first) < self._keep:
            self._first.append(reject)
        if self.path is not None:
            self._append(reject)

    def _append(self, reject: Reject) -> None:
        try:
            if self._file is None:
                assert self.path is not None
                self._file = self.path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
            self._file.write(json.dumps(reject.to_json(), ensure_ascii=False, default=str) + "\n")
        except OSError as error:
            raise StorageError(
                f"{self.path}: rejects cannot be written ({error.strerror or error}).",
                fix="Free some space or name another place for them.",
            ) from error

    @property
    def first(self) -> tuple[Reject, ...]:
        """The first few, in order."""
        return tuple(self._first)

    @property
    def rows(self) -> int:
        """How many rows were rejected as a whole."""
        return self._scopes["row"]

    @property
    def fields(self) -> int:
        """How many values were left out of rows that were taken."""
        return self._scopes["field"]

    @property
    def media(self) -> int:
        """How many media could not be taken."""
        return self._scopes["medium"]

    def __len__(self) -> int:
        return self._scopes.total()

    def __bool__(self) -> bool:
        return True  # an empty collector is still one

    def flush(self) -> None:
        """Bring what was collected to the file."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_REJECT_KEYS = frozenset({"file", "row", "column", "value", "reason", "fix", "record"})


def rejected_record(data: Mapping[str, Any]) -> Any:
    """The original row inside a line of a rejects file; the line itself if it is none."""
    return data["record"] if "record" in data and data.keys() >= _REJECT_KEYS else data


def is_reject_line(line: str) -> bool:
    """Whether a line of text is one that a reject wrote."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.keys() >= _REJECT_KEYS


def shorten(value: Any, limit: int = _SHOWN) -> str:
    """A value as text of bounded length, safe to print."""
    text = value if isinstance(value, str) else repr(value)
    cut = text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
    return cut.encode("utf-8", "backslashreplace").decode("utf-8")
