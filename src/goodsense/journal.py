"""SQLite's write-ahead log, taken up however many others open the same file at that moment."""

from __future__ import annotations

import sqlite3
import time

PAUSE_S = 0.005


def write_ahead(connection: sqlite3.Connection, *, patience_s: float) -> None:
    """Let readers and one writer work side by side from now on (https://www.sqlite.org/wal.html).

    The change wants the file alone for an instant, and SQLite does not wait for that by itself: while another opens or
    closes the file, it fails at once, whatever the connection's timeout.

    Raises
    ------
    sqlite3.OperationalError
        If the file stays locked for ``patience_s`` seconds, or cannot be written.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(PAUSE_S)
        else:
            return
