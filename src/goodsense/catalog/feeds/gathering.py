"""Things and what is said of them, brought together on disk in whatever order a file has them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Self

from goodsense.errors import StorageError

MAX_SAID = 1000
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE things (place INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, number INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE TABLE said (place INTEGER PRIMARY KEY, key TEXT NOT NULL, number INTEGER, kind TEXT NOT NULL, text TEXT);
BEGIN;
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said: in which row, of what kind, and the text."""

    number: int
    kind: str
    text: str


class Gathering:
    """Keeps things by key in a temporary database, so that memory stays flat however long the file is."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a file of its own, gone when it is closed
        self._db.executescript(_TABLES)

    def add(self, key: str, number: int, doc: Any) -> bool:
        """Note a thing; False if its key is there already, and then nothing changes."""
        found = self._db.execute(
            "INSERT OR IGNORE INTO things (key, number, doc) VALUES (?, ?, ?)",
            (key, number, json.dumps(doc, ensure_ascii=False)),
        )
        return found.rowcount == 1

    def say(self, key: str, number: int, kind: str, text: str) -> None:
        """Note what is said of a thing that may come later."""
        self._db.execute("INSERT INTO said (key, number, kind, text) VALUES (?, ?, ?, ?)", (key, number, kind, text))

    def things(self) -> Iterator[tuple[int, Any, list[Said]]]:
        """Each thing in the order of its coming: its row, what it is, and the first :data:`MAX_SAID` said of it."""
        self._index()
        rows = self._db.execute(
            "SELECT t.place, t.number, t.doc, s.number, s.kind, s.text FROM things t LEFT JOIN said s ON s.key = t.key "
            "ORDER BY t.place, s.place"
        )
        for (_, number, doc), group in groupby(rows, key=lambda row: row[:3]):
            yield number, json.loads(doc), [Said(*row[3:]) for row in islice(group, MAX_SAID) if row[4] is not None]

    def strays(self) -> Iterator[tuple[str, Said]]:
        """What is said of things that never came, by their key."""
        self._index()
        rows = self._db.execute(
            "SELECT key, number, kind, text FROM said WHERE key NOT IN (SELECT key FROM things) ORDER BY place"
        )
        for key, *said in rows:
            yield key, Said(*said)

    def _index(self) -> None:
        self._db.execute("CREATE INDEX IF NOT EXISTS said_by_key ON said (key, place)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._db.close()
        if isinstance(error, sqlite3.Error):
            raise StorageError(
                f"the feed cannot be sorted on disk ({error}).", fix="Free some space for temporary files."
            ) from error
