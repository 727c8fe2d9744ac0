"""Keys of events that bring none: what happened, and how often the same had happened before in its source."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from types import TracebackType
from typing import Self

from goodsense.errors import StorageError
from goodsense.events.event import Event, content_key

_BATCH = 2_000


def numbered(events: Iterable[tuple[int, Event]]) -> Iterator[tuple[int, Event]]:
    """Give events of one source that have no key one of their own.

    It is the hash of what happened; the second equal event gets ``-1`` after it, the third ``-2``. So the same source
    read again gives the same keys, in whatever format, also when it has grown at its end, and true repeats stay apart.
    The counts are kept in a file, so that memory stays flat.
    """
    with Occurrences() as occurrences:
        left = iter(events)
        while batch := list(islice(left, _BATCH)):
            hashes = ["" if event.key else content_key(event) for _, event in batch]
            before = occurrences.count([key for key in hashes if key])
            for (number, event), key in zip(batch, hashes, strict=True):
                if not key:
                    yield number, event
                    continue
                times = before.get(key, 0)
                before[key] = times + 1
                yield number, replace(event, key=f"{key}-{times}" if times else key)


class Occurrences:
    """How often each hash was seen, in a temporary database that goes when it is closed."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = OFF")
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
                f"the counts of repeated events cannot be kept ({error}).",
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
