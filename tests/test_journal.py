"""A file that others open and close at that moment is waited for; one that stays locked is told of."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from goodsense.journal import write_ahead


def opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=0.0, check_same_thread=False)


def test_a_file_that_is_locked_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    other = opened(path)
    other.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.05, other.execute, ["COMMIT"]).start()
    connection = opened(path)
    started = time.monotonic()
    write_ahead(connection, patience_s=10.0)
    assert time.monotonic() - started >= 0.04
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_stays_locked_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    other = opened(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        write_ahead(opened(path), patience_s=0.02)


def test_a_folder_that_cannot_be_written_is_no_reason_to_wait(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    opened(path).execute("CREATE TABLE a (b)").close()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    started = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        write_ahead(connection, patience_s=10.0)
    assert time.monotonic() - started < 5.0
