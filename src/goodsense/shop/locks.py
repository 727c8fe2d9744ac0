"""Locks between processes: who holds one is written inside it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goodsense.errors import StorageError

WRITE_WAIT_S = 5.0


class FileLock:
    """An advisory lock on a file (``flock``); the kernel lets go of it when its holder dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, wait_s: float = 0.0) -> bool:
        """Take the lock within ``wait_s`` seconds; False if somebody else keeps it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + wait_s
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return False
            time.sleep(0.02)
        self._descriptor = descriptor
        self._sign(descriptor)
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def holder(self) -> str:
        """Who wrote its name into the lock last."""
        try:
            note = json.loads(self.path.read_text("utf-8"))
            return f"process {note['pid']} ({note['command']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    def _sign(self, descriptor: int) -> None:
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]])[:100]
        note = json.dumps({"pid": os.getpid(), "command": command}).encode()
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, note, 0)
        except OSError as error:  # a full disk must not keep a reader from its lock: the name is a courtesy
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def writing(directory: Path, *, wait_s: float = WRITE_WAIT_S) -> Iterator[None]:
    """Hold the shop's write lock for one batch.

    Raises
    ------
    StorageError
        If another writer keeps it for longer than ``wait_s`` seconds; names the holder.
    """
    lock = FileLock(directory / "write.lock")
    if not lock.acquire(wait_s=wait_s):
        raise StorageError(
            f"{directory} is being written by {lock.holder()}; waited {wait_s:g} s.",
            fix="Wait until it is done, or stop it, and run this again.",
        )
    try:
        yield
    finally:
        lock.release()
