"""Rows that name their parent row, wherever in the file it stands; kept on disk until all of them are known."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, Self

from goodsense.catalog.feeds.assemble import MAX_VARIANTS
from goodsense.errors import StorageError

MAX_MEMBERS = 2 * MAX_VARIANTS  # rows of one family; pictures count too


class Member(NamedTuple):
    """A row of a family: its number in the file, the number of its parent's row (None for the root), its values."""

    number: int
    parent: int | None
    record: dict[str, Any]


class Families:
    """A temporary database of rows, which gives back every root with its children and theirs.

    SQLite keeps it in a file that vanishes with it, so memory stays flat whatever the order of the rows.
    """

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None)  # a file of its own, gone when it is closed
        self._base.executescript(
            """
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;
            CREATE TABLE row (number INTEGER PRIMARY KEY, parent TEXT, record TEXT, up INTEGER, root INTEGER);
            CREATE TABLE name (name TEXT, number INTEGER);
            BEGIN;
            """
        )
        self.lost = 0  # rows whose parent is there, but hangs on no root

    def add(
        self, number: int, record: dict[str, Any], *, names: tuple[str, ...] = (), parent: str | None = None
    ) -> None:
        """Keep a row; ``names`` are those by which children may call it, ``parent`` is what it calls its own."""
        body = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        self._base.execute("INSERT INTO row (number, parent, record) VALUES (?, ?, ?)", (number, parent, body))
        self._base.executemany("INSERT INTO name VALUES (?, ?)", ((name, number) for name in names))

    def close_input(self) -> None:
        """Find every parent; to be called once, when all rows are in."""
        self._base.executescript(
            """
            CREATE INDEX by_name ON name (name, number);
            UPDATE row SET up = (SELECT min(name.number) FROM name WHERE name.name = row.parent)
                WHERE parent IS NOT NULL;
            UPDATE row SET root = coalesce(
                (SELECT coalesce(above.up, above.number) FROM row AS above WHERE above.number = row.up), number);
            CREATE INDEX by_root ON row (root, number);
            """
        )

    def orphans(self) -> Iterator[tuple[Member, str]]:
        """The rows whose parent is nowhere, each with what they call it."""
        found = self._base.execute(
            "SELECT number, record, parent FROM row WHERE parent IS NOT NULL AND up IS NULL ORDER BY number"
        )
        for number, record, parent in found:
            yield Member(number, None, json.loads(record)), parent

    def families(self, refuse: Callable[[Member], None]) -> Iterator[list[Member]]:
        """Every root with its family after it, in the order of the roots; members beyond the limit are refused."""
        rows = self._base.execute(
            "SELECT root, number, up, record FROM row WHERE parent IS NULL OR up IS NOT NULL ORDER BY root, number"
        )
        for root, group in groupby(rows, key=itemgetter(0)):
            held: list[Member] = []
            for _, number, up, record in group:
                member = Member(number, up, json.loads(record))
                if len(held) > MAX_MEMBERS:
                    refuse(member)
                elif number == root and up is None:
                    held.insert(0, member)
                else:
                    held.append(member)
            if held[0].number == root and held[0].parent is None:
                yield held
            else:
                self.lost += len(held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._base.close()
        if isinstance(error, sqlite3.Error):
            raise StorageError(
                f"the feed cannot be sorted on disk ({error}).", fix="Free some space for temporary files."
            ) from error
