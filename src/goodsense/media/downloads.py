"""Downloads on disk: bytes by their SHA-256, and a small index of which URL brought which.

A broken download leaves its beginning and the validator of what it began, so that the next try asks for the rest only
and gets the whole anew if the file has changed meanwhile (RFC 9110, 13.1.5 and 14).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from goodsense.errors import StorageError
from goodsense.journal import write_ahead
from goodsense.media.store import MediaStore

PATIENCE_S = 10.0  # to wait for others who use the index

_CHUNK = 1 << 20
_TABLES = """
CREATE TABLE IF NOT EXISTS downloads (
    url TEXT PRIMARY KEY,
    final_url TEXT NOT NULL DEFAULT '',
    etag TEXT NOT NULL DEFAULT '',
    last_modified TEXT NOT NULL DEFAULT '',
    sha256 TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL DEFAULT 0,
    content_type TEXT NOT NULL DEFAULT '',
    status INTEGER NOT NULL DEFAULT 0,
    time REAL NOT NULL DEFAULT 0,
    failure TEXT NOT NULL DEFAULT '',
    partial_validator TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Record:
    """What the index knows of a URL; ``failure`` is why the last try failed, empty if it did not."""

    url: str
    final_url: str = ""
    etag: str = ""
    last_modified: str = ""
    sha256: str = ""
    size: int = 0
    content_type: str = ""
    status: int = 0
    time: float = 0.0
    failure: str = ""
    partial_validator: str = ""


class DownloadStore:
    """A directory of downloads with its index; safe between threads and between processes.

    Parameters
    ----------
    root
        The directory; made when needed. Bytes lie as in a :class:`~goodsense.media.store.MediaStore`.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.media = MediaStore(self.root)
        self._lock = threading.Lock()
        with _storage_errors(self.root):
            (self.root / "partial").mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.root / "index.sqlite", isolation_level=None, timeout=PATIENCE_S, check_same_thread=False
            )
            write_ahead(self._db, patience_s=PATIENCE_S)
            self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            self._db.close()

    def find(self, url: str) -> Record | None:
        """What is known of a URL."""
        with self._lock, _storage_errors(self.root):
            row = self._db.execute("SELECT * FROM downloads WHERE url = ?", (url,)).fetchone()
        return Record(*row) if row else None

    def note(self, url: str, **values: str | int | float) -> None:
        """Write down what is new about a URL."""
        values = {"time": time.time(), **values}
        unknown = set(values) - set(Record.__dataclass_fields__)
        assert not unknown, unknown
        names = ", ".join(values)
        changes = ", ".join(f"{name} = excluded.{name}" for name in values)
        marks = ", ".join("?" * (len(values) + 1))
        sql = f"INSERT INTO downloads (url, {names}) VALUES ({marks}) ON CONFLICT (url) DO UPDATE SET {changes}"  # noqa: S608 - names of columns, checked above
        with self._lock, _storage_errors(self.root):
            self._db.execute(sql, (url, *values.values()))

    def drop(self, name: str) -> None:
        """Delete bytes that no URL stands for any more."""
        with self._lock, _storage_errors(self.root):
            if self._db.execute("SELECT 1 FROM downloads WHERE sha256 = ? LIMIT 1", (name,)).fetchone() is None:
                self.media.path(name).unlink(missing_ok=True)

    def holds(self, record: Record | None) -> bool:
        """Whether the bytes of a record are here, all of them."""
        if record is None or not record.sha256:
            return False
        path = self.media.path(record.sha256)
        return path.is_file() and path.stat().st_size == record.size

    @contextmanager
    def partial(self, url: str) -> Iterator[Partial]:
        """The file that a download is written into; whoever comes second gets one that cannot be resumed."""
        path = self.root / "partial" / sha256(url.encode()).hexdigest()
        with _storage_errors(self.root):
            file, resumable = _locked(path)
        with file:
            part = Partial(file, Path(file.name), self.media)
            if not resumable:
                part.restart()
            try:
                yield part
            finally:
                if not resumable:
                    part.path.unlink(missing_ok=True)


def _locked(path: Path) -> tuple[IO[bytes], bool]:
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return path.with_name(f"{path.name}-{os.getpid()}-{threading.get_ident()}").open("a+b"), False
    if _same(file, path):
        return file, True
    file.close()  # finished and renamed by another between opening and locking
    return _locked(path)


def _same(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


class Partial:
    """A download on its way to disk."""

    def __init__(self, file: IO[bytes], path: Path, media: MediaStore) -> None:
        self.path = path
        self._file = file
        self._media = media
        self.size = file.seek(0, os.SEEK_END)

    def restart(self) -> None:
        """Forget what is there."""
        with _storage_errors(self.path):
            self._file.truncate(0)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append."""
        with _storage_errors(self.path):
            self._file.write(data)
        self.size += len(data)

    def flush(self) -> None:
        """Bring what was written to the file, so that a later try finds it."""
        with _storage_errors(self.path):
            self._file.flush()

    def head(self) -> bytes:
        """The first bytes."""
        self.flush()
        with self.path.open("rb") as file:
            return file.read(512)

    def finish(self) -> str:
        """Move it to its place in the store; returns the SHA-256."""
        with _storage_errors(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            digest = sha256()
            with self.path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            name = digest.hexdigest()
            target = self._media.path(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.path, target)
        return name


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(
            f"{path}: cannot be written ({reason}).", fix="Free space or mend the permissions."
        ) from error
