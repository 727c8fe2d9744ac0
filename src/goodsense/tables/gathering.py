"""Rows that belong together, wherever they stand in a source, as one row; memory stays flat."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby, islice
from typing import Any

from goodsense.errors import StorageError
from goodsense.tables.mapping import GroupSpec
from goodsense.tables.paths import plain_text
from goodsense.tables.rejects import Reject, Rejects
from goodsense.tables.rows import Row

_LARGEST = 10_000  # rows of one group
_SCHEMA = """
CREATE TABLE keys (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE rows (key INTEGER NOT NULL, number INTEGER NOT NULL, doc TEXT NOT NULL);
"""


def gathered(group: GroupSpec, rows: Iterator[Row], file: str, rejects: Rejects) -> Iterator[Row]:
    """One row per value of the group's key, in the order in which they come first.

    Its list holds the gathered fields of each row in the source's order; the other fields are those of the first row
    that has them. Rows without a key are rejected.

    Raises
    ------
    StorageError
        If there is no room for the rows on the disk of temporary files.
    """
    try:
        with closing(sqlite3.connect("")) as spool:  # a temporary file of SQLite's own
            spool.executescript(_SCHEMA)
            for row in rows:
                key = plain_text(row.values.get(group.by))
                if not key:
                    reason, fix = f"{group.by} is missing, by which rows are grouped", "Correct its path."
                    rejects.add(Reject(file, row.number, group.by, None, reason, fix, row.values))
                    continue
                spool.execute("INSERT OR IGNORE INTO keys (key) VALUES (?)", (key,))
                doc = json.dumps(row.values, default=str)
                spool.execute("INSERT INTO rows SELECT id, ?, ? FROM keys WHERE key = ?", (row.number, doc, key))
            every = spool.execute("SELECT key, number, doc FROM rows ORDER BY key, rowid")
            for _, members in groupby(every, key=lambda found: found[0]):
                yield _joined(group, members, file, rejects)
    except sqlite3.Error as error:
        raise StorageError(
            f"{file}: its rows cannot be grouped on disk ({error}).", fix="Free some space for temporary files."
        ) from error


def _joined(group: GroupSpec, members: Iterator[tuple[int, int, str]], file: str, rejects: Rejects) -> Row:
    first, found, items = 0, dict[str, Any](), list[dict[str, Any]]()
    for _, number, doc in islice(members, _LARGEST):
        values = json.loads(doc)
        first = first or number
        item = {name: values.pop(name) for name in group.gather if name in values}
        if item:
            items.append(item)
        for name, value in values.items():
            found.setdefault(name, value)
    over = sum(1 for _ in members)
    if over:
        reason = f"the group {found.get(group.by)!r} has {over} rows over {_LARGEST}; they are left out"
        rejects.add(Reject(file, first, group.by, None, reason, "Group by something finer.", dict(found), "field"))
    return Row(first, found | {group.into: items})
