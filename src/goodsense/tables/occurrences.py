"""How often the same was met before in one source, counted on disk so that memory stays flat."""

from __future__ import annotations

import json
import sqlite3
from types import TracebackType
from typing import Self

from goodsense.errors import StorageError

_CACHE_KIB = 32_768  # all that the counts take of memory, however many there are


class Occurrences:
    """How often each hash was seen, in a temporary database that goes when it is closed."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._db.execute("CREATE TABLE seen (hash TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID")

    def count(self, hashes: list[str]) -> dict[str, int]:
        """Note these hashes; gives how often those of them had been noted before that had been."""
        as_json = json.dumps(hashes)
        try:
            before = self._db.execute(
                "SELECT hash, times FROM seen WHERE hash IN (SELECT value FROM json_each(?))", (as_json,)
            ).fetchall()
            self._db.execute("BEGIN")
            self._db.execute(
                "INSERT INTO seen SELECT value, count(*) FROM json_each(?) WHERE true GROUP BY value "
                "ON CONFLICT (hash) DO UPDATE SET times = times + excluded.times",
                (as_json,),
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StorageError(
                f"the counts of repeated rows cannot be kept ({error}).",
                fix="Free some space for temporary files, or name another place for them: TMPDIR.",
            ) from error
        return dict(before)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
