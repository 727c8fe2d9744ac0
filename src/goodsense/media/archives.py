"""Unpacking archives that others made: zip, tar, tar.gz, tar.bz2 and tar.xz.

An archive is refused as a whole or unpacked as a whole. Nothing is written outside the target, nothing but plain files
and folders is made, and what grows beyond the limits is stopped while it grows, whatever its headers claim.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from goodsense.errors import DataError, StorageError, UsageError
from goodsense.media.entries import Entry, is_tar, tar_entries, zip_entries

_CHUNK = 1 << 16
_DRIVE = re.compile(r"[A-Za-z]:")
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much of an archive is believed.

    Parameters
    ----------
    entries
        Files and folders.
    total_bytes, single_bytes
        Unpacked bytes of all files together and of one file.
    ratio, ratio_from_bytes
        Beyond ``ratio_from_bytes`` unpacked bytes the whole may not have grown more than ``ratio`` times.
    depth
        Folders within folders.
    name_bytes
        Length of one step of a path.
    """

    entries: int = 100_000
    total_bytes: int = 16 << 30
    single_bytes: int = 8 << 30
    ratio: int = 300
    ratio_from_bytes: int = 64 << 20
    depth: int = 32
    name_bytes: int = 255


ARCHIVE_LIMITS = ArchiveLimits()


def is_archive(path: Path) -> bool:
    """Whether the file is a zip or a (compressed) tar, judged by its bytes; a gzipped table is none."""
    try:
        with Path(path).open("rb") as file:
            return file.read(4) in _ZIP_STARTS or is_tar(file)
    except OSError:
        return False


def unpack(archive: Path, target: Path, *, limits: ArchiveLimits = ARCHIVE_LIMITS) -> list[Path]:
    """Unpack an archive into a new or empty folder; returns its files by name.

    Archives within it stay packed. Names that are not UTF-8 are read as GB18030, as Chinese Windows writes them.

    Raises
    ------
    UsageError
        If there is no such file, or the target is a file, a link or holds something.
    DataError
        If it is no archive, is damaged or encrypted, holds links, devices, names that lead outside or collide, or
        passes a limit. The target is then as it was.
    StorageError
        If the target cannot be written.
    """
    archive, target = Path(archive), Path(target)
    _check_target(target)
    try:
        opened = archive.open("rb")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{archive}: cannot be opened ({reason}).", fix="Check the path.") from error
    with opened, _storage_errors_of(target):
        beside = next(parent for parent in target.absolute().parents if parent.is_dir())
        half = Path(tempfile.mkdtemp(dir=beside, prefix=".unpacking-"))
        try:
            names = _Unpacking(archive, half, limits).run(opened)
            half.chmod(0o755)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(half, target)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
    return sorted(target.joinpath(*name) for name in names)


def _check_target(target: Path) -> None:
    fresh = not os.path.lexists(target)
    if not fresh and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there and is not an empty folder.", fix="Name a new folder to unpack into.")


@contextmanager
def _storage_errors_of(target: Path) -> Iterator[None]:
    """The system's complaints about the target in words that say what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{target}: cannot be written ({error.strerror or error}).",
            fix="Free space, mend the permissions, or name another folder.",
        ) from error


@dataclass
class _Unpacking:
    """One archive on its way to disk."""

    archive: Path
    root: Path
    limits: ArchiveLimits
    taken: dict[str, tuple[str, bool]] = field(default_factory=dict)  # folded path -> as spelled, is it a file
    total: int = 0
    count: int = 0

    def run(self, opened: BinaryIO) -> list[tuple[str, ...]]:
        names = []
        for entry in self._entries(opened):
            self.count += 1
            if self.count > self.limits.entries:
                raise self.refused(f"has more than {self.limits.entries:,} entries")
            if entry.problem:
                raise self.refused(f"{entry.shown} {entry.problem}", fix=entry.fix)
            steps = self._steps(entry.name)
            self._claim(entry, steps)
            path = self.root.joinpath(*steps)
            if entry.is_folder:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(entry, path, opened)
            names.append(steps)
        return names

    def _entries(self, opened: BinaryIO) -> Iterator[Entry]:
        head = opened.read(4)
        opened.seek(0)
        if head in _ZIP_STARTS:
            return zip_entries(opened, self.archive, max_entries=self.limits.entries)
        if is_tar(opened):
            return tar_entries(opened, self.archive)
        raise self.refused("is no zip and no tar", fix="Give a .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz file.")

    def refused(self, why: str, *, fix: str = "") -> DataError:
        return DataError(
            f"{self.archive}: {why}; nothing was unpacked.",
            fix=fix or "Make the archive anew from plain files, or unpack it yourself and give the folder.",
        )

    def _steps(self, name: str) -> tuple[str, ...]:
        shown = repr(name[:120])
        slashed = name.replace("\\", "/")
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
            raise self.refused(f"the name {shown} holds control characters")
        if slashed.startswith("/") or _DRIVE.match(slashed):
            raise self.refused(f"the name {shown} is absolute")
        steps = tuple(step for step in slashed.split("/") if step not in ("", "."))
        if ".." in steps:
            raise self.refused(f"the name {shown} climbs with '..'")
        if len(steps) > self.limits.depth:
            raise self.refused(f"the name {shown} is more than {self.limits.depth} folders deep")
        if any(len(step.encode(errors="replace")) > self.limits.name_bytes for step in steps):
            raise self.refused(f"the name {shown} has a part longer than {self.limits.name_bytes} bytes")
        if any("\ud800" <= sign <= "\udfff" for sign in name):
            raise self.refused(f"the name {shown} is no text")
        return steps

    def _claim(self, entry: Entry, steps: tuple[str, ...]) -> None:
        """Take a path, and the folders it lies in; two entries must never mean one file on any file system."""
        if not steps:
            if not entry.is_folder:
                raise self.refused(f"an entry has the name {entry.name!r}, which names no file")
            return
        for depth in range(1, len(steps) + 1):
            path = "/".join(steps[:depth])
            key = unicodedata.normalize("NFC", path).casefold()
            is_file = depth == len(steps) and not entry.is_folder
            spelled, was_file = self.taken.get(key, (path, False))
            if spelled != path or was_file or (is_file and key in self.taken):
                raise self.refused(f"{spelled!r} and {path!r} would be the same file")
            self.taken[key] = (path, is_file)

    def _write(self, entry: Entry, path: Path, packed: BinaryIO) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        size = 0
        with os.fdopen(descriptor, "wb") as file, entry.open() as data:
            while chunk := data.read(_CHUNK):
                size += len(chunk)
                self.total += len(chunk)
                self._check_growth(entry, size, packed)
                file.write(chunk)
        if size != entry.size:
            raise self.refused(f"{entry.shown} has {size:,} bytes, but its header says {entry.size:,}")

    def _check_growth(self, entry: Entry, size: int, packed: IO[bytes]) -> None:
        limits = self.limits
        if size > limits.single_bytes:
            raise self.refused(f"{entry.shown} is larger than {limits.single_bytes:,} bytes")
        if self.total > limits.total_bytes:
            raise self.refused(f"unpacks to more than {limits.total_bytes:,} bytes")
        if self.total > limits.ratio_from_bytes and self.total > max(1, packed.tell()) * limits.ratio:
            raise self.refused(
                f"grows more than {limits.ratio} times while it is unpacked; that is how a decompression bomb looks"
            )
