"""What is in a zip or a tar, entry by entry; nothing here writes, and no header is believed about memory."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from goodsense.errors import DataError
from goodsense.media.inflate import DAMAGED, inflated

_BLOCK = 512
_MAX_HEADER = 1 << 20  # bytes of one pax header or long name
_MAX_HEADERS = 64 << 20  # bytes of all of them
_MODE_MASK = 0o170000


@dataclass(frozen=True)
class Entry:
    """One file or folder of an archive.

    ``problem`` says why it cannot be taken; ``open`` gives its bytes and is called at most once, before the next entry
    is asked for.
    """

    name: str
    size: int = 0
    is_folder: bool = False
    open: Callable[[], IO[bytes]] = io.BytesIO
    problem: str = ""
    fix: str = ""

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return repr(self.name[:120])


def damaged(path: Path, why: object) -> DataError:
    """The error for an archive that cannot be read to its end."""
    return DataError(
        f"{path}: the archive is damaged or cut off ({why}); nothing was unpacked.",
        fix="Export or download the file again.",
    )


def _decoded(raw: bytes) -> str:
    """A name as UTF-8, else as GB18030, as Chinese Windows writes it."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


# ---- zip


def zip_entries(file: BinaryIO, path: Path, *, max_entries: int) -> Iterator[Entry]:
    """The entries of a zip in the order of their data.

    Raises
    ------
    DataError
        If it is damaged, has more entries than allowed, or entries that share bytes.
    """
    try:
        _count_zip_entries(file, path, max_entries)
        with zipfile.ZipFile(file) as opened:
            infos = sorted(opened.infolist(), key=lambda info: info.header_offset)
            _check_apart(file, path, infos, opened.start_dir)
            for info in infos:
                yield _zip_entry(opened, info, path)
    except (zipfile.BadZipFile, struct.error, UnicodeError, OverflowError, NotImplementedError, *DAMAGED) as error:
        raise damaged(path, error) from error


def _count_zip_entries(file: BinaryIO, path: Path, most: int) -> None:
    """Walk the central directory before the library makes an object of each of its records."""
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - 22 - 0xFFFF))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06", 0, len(tail) - 18)
    if at < 0:
        raise damaged(path, "no end of the central directory")
    size = struct.unpack_from("<I", tail, at + 12)[0]
    end = length - len(tail) + at
    if at >= 76 and tail[at - 20 : at - 16] == b"PK\x06\x07" and tail[at - 76 : at - 72] == b"PK\x06\x06":
        size = struct.unpack_from("<Q", tail, at - 36)[0]
        end -= 76
    if size > end:
        raise damaged(path, "the central directory is larger than the file")
    file.seek(end - size)
    count, walked = 0, 0
    while walked + 46 <= size:
        record = file.read(46)
        if record[:4] != b"PK\x01\x02":
            break
        lengths = sum(struct.unpack_from("<HHH", record, 28))
        file.seek(lengths, os.SEEK_CUR)
        walked += 46 + lengths
        count += 1
        if count > most:
            raise DataError(f"{path}: has more than {most:,} entries; nothing was unpacked.", fix="Split the archive.")


def _check_apart(file: BinaryIO, path: Path, infos: list[zipfile.ZipInfo], end: int) -> None:
    """Entries that share bytes make a small file unpack to a huge one, whatever each of them says."""
    ends = [info.header_offset for info in infos[1:]] + [end]
    for info, stop in zip(infos, ends, strict=True):
        file.seek(info.header_offset)
        local = file.read(30)
        if local[:4] != b"PK\x03\x04":
            raise damaged(path, f"no local header of {info.filename[:120]!r}")
        lengths = sum(struct.unpack_from("<HH", local, 26))
        if info.header_offset + 30 + lengths + info.compress_size > stop:
            raise DataError(
                f"{path}: entries overlap at {info.filename[:120]!r}, as in a decompression bomb; "
                "nothing was unpacked.",
                fix="Make the archive anew from plain files.",
            )


def _zip_entry(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Entry:
    raw = info.orig_filename
    name = raw if info.flag_bits & 0x800 else _decoded(raw.encode("cp437"))
    kind = info.external_attr >> 16 & _MODE_MASK
    is_folder = name.endswith(("/", "\\"))
    problem = fix = ""
    if info.flag_bits & 0x41:
        problem, fix = "is encrypted", "Unpack it with its password and give the folder."
    elif kind == stat.S_IFLNK:
        problem = "is a link"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        problem = "is a device, a pipe or a socket"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        problem = f"is packed by method {info.compress_type}; expected stored (0) or deflated (8)"
    elif is_folder and info.file_size:
        problem = "is a folder with content"
    return Entry(name, info.file_size, is_folder, lambda: io.BufferedReader(_ZipPart(opened, info, path)), problem, fix)


class _ZipPart(io.RawIOBase):
    """The bytes of one entry, opened at the first read; complaints about damage are a ``DataError``."""

    def __init__(self, opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
        self._opened = opened
        self._info = info
        self._path = path
        self._inner: IO[bytes] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            if self._inner is None:
                self._inner = self._opened.open(self._info)
            data = self._inner.read(len(buffer))
        except (zipfile.BadZipFile, RuntimeError, struct.error, *DAMAGED) as error:
            raise damaged(self._path, error) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()
        super().close()


# ---- tar


def is_tar(file: BinaryIO) -> bool:
    """Whether the file begins like a tar, packed or not; leaves it at its beginning."""
    file.seek(0)
    try:
        block = inflated(file).read(_BLOCK)
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, *DAMAGED):
        return False
    finally:
        file.seek(0)
    return True


def tar_entries(file: BinaryIO, path: Path) -> Iterator[Entry]:
    """The entries of a tar (ustar, pax or GNU), read once from front to back.

    Raises
    ------
    DataError
        If it is damaged or its headers are out of proportion.
    """
    file.seek(0)
    try:
        yield from _TarReader(inflated(file), path).entries()
    except (tarfile.HeaderError, struct.error, UnicodeError, *DAMAGED) as error:
        raise damaged(path, error) from error


class _TarReader:
    """Reads headers by itself: the library's reader takes headers of any size into memory."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._headers = 0

    def entries(self) -> Iterator[Entry]:
        ahead: dict[str, str] = {}
        while (info := self._header()) is not None:
            if info.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE):
                found = _pax_records(self._long(info))
                ahead |= found if info.type != tarfile.XGLTYPE else {}
            elif info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                value = _decoded(self._long(info).rstrip(b"\0"))
                ahead |= {"path": value} if info.type == tarfile.GNUTYPE_LONGNAME else {}
            else:
                yield from self._entry(info, ahead)
                ahead = {}

    def _header(self) -> tarfile.TarInfo | None:
        block = self._stream.read(_BLOCK)
        if not block or block.count(0) == _BLOCK:
            return None
        if len(block) < _BLOCK:
            raise EOFError("the last header is cut off")
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")

    def _long(self, info: tarfile.TarInfo) -> bytes:
        self._headers += info.size + _BLOCK
        if not 0 <= info.size <= _MAX_HEADER or self._headers > _MAX_HEADERS:
            raise DataError(
                f"{self._path}: a header claims {info.size:,} bytes; expected at most {_MAX_HEADER:,}; "
                "nothing was unpacked.",
                fix="Make the archive anew from plain files.",
            )
        return self._exactly(info.size + -info.size % _BLOCK)[: info.size]

    def _exactly(self, count: int) -> bytes:
        data = self._stream.read(count)
        if len(data) < count:
            raise EOFError(f"{count:,} bytes expected, {len(data):,} found")
        return data

    def _entry(self, info: tarfile.TarInfo, ahead: dict[str, str]) -> Iterator[Entry]:
        size = int(ahead.get("size", info.size))
        name = ahead.get("path") or _decoded(info.name.encode("utf-8", "surrogateescape"))
        problem = ""
        if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            problem = "is a link"
        elif info.type in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            problem = "is a device or a pipe"
        elif info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.CONTTYPE):
            problem = f"is of the unknown or sparse kind {info.type!r}"
        elif any(key.startswith("GNU.sparse") for key in ahead):
            problem = "is a sparse file"
        elif size < 0:
            problem = "has a negative size"
        if info.isdir():
            yield Entry(name, is_folder=True, problem=problem or ("is a folder with content" if size else ""))
            return
        body = _Part(self._stream, size, self._path)
        yield Entry(name, size, open=lambda: io.BufferedReader(body), problem=problem)
        self._exactly(-size % _BLOCK)


class _Part(io.RawIOBase):
    """The next so many bytes of a stream."""

    def __init__(self, stream: BinaryIO, size: int, path: Path) -> None:
        self._stream = stream
        self._left = size
        self._path = path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._left)
        if not wanted:
            return 0
        try:
            data = self._stream.read(wanted)
        except DAMAGED as error:
            raise damaged(self._path, error) from error
        if not data:
            raise damaged(self._path, f"{self._left:,} bytes are missing")
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def _pax_records(data: bytes) -> dict[str, str]:
    """The records of a pax header (POSIX.1-2001): ``length key=value`` and a line end, each."""
    found, at = {}, 0
    while at < len(data) and data[at] != 0:
        gap = data.index(b" ", at, at + 20)
        length = int(data[at:gap])
        if length <= gap - at + 1 or at + length > len(data):
            raise ValueError("a pax record lies about its length")
        key, _, value = data[gap + 1 : at + length - 1].partition(b"=")
        found[_decoded(key)] = _decoded(value)
        at += length
    return found
