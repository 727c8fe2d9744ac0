"""Opening a file as bytes, unpacked on the way, with limits that a hostile file cannot pass."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from goodsense.errors import DataError, UsageError


@dataclass(frozen=True, slots=True)
class TableLimits:
    """How much of a file is believed.

    ``row_chars`` caps one row, ``unpacked_bytes`` a compressed file as a whole. Beyond ``ratio_from_bytes`` unpacked
    bytes a file may not have grown more than ``unpacked_ratio`` times.
    """

    row_chars: int = 1 << 20
    unpacked_bytes: int = 1 << 36
    unpacked_ratio: int = 300
    ratio_from_bytes: int = 1 << 26


GENEROUS = TableLimits()
_MIB = 1 << 20


class _Unpacked(io.RawIOBase):
    """The content of a gzip file; growth beyond the limits is an error, as is damage."""

    def __init__(self, packed: BinaryIO, path: Path, limits: TableLimits) -> None:
        self._packed = packed
        self._path = path
        self._limits = limits
        self._gzip = gzip.GzipFile(fileobj=packed, mode="rb")
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = self._gzip.readinto(buffer)
        except (EOFError, zlib.error, OSError) as error:
            raise DataError(
                f"{self._path}: the gzip data is damaged or cut off after {self._count} unpacked bytes ({error}).",
                fix="Export or download the file again.",
            ) from error
        self._count += count
        self._check()
        return count

    def _check(self) -> None:
        limits = self._limits
        if self._count > limits.unpacked_bytes:
            raise DataError(
                f"{self._path}: unpacks to more than {limits.unpacked_bytes // _MIB} MiB.",
                fix="Split the export into smaller files.",
            )
        if self._count > limits.ratio_from_bytes and self._count > self._packed.tell() * limits.unpacked_ratio:
            raise DataError(
                f"{self._path}: {self._packed.tell()} bytes unpack to more than {self._count // _MIB} MiB, "
                f"over {limits.unpacked_ratio} times as much; that is how a decompression bomb looks.",
                fix="Unpack it yourself and give the unpacked file if it is meant to be so.",
            )

    def close(self) -> None:
        self._gzip.close()
        super().close()


@contextmanager
def open_bytes(path: Path, *, compressed: bool, limits: TableLimits = GENEROUS) -> Iterator[IO[bytes]]:
    """Open a file for reading, unpacked if it is compressed.

    Raises
    ------
    UsageError
        If there is no such file.
    DataError
        If it cannot be read; while reading: if it is damaged or grows beyond the limits.
    """
    try:
        packed = path.open("rb")
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a folder; expected a file.", fix="Name the feed in it.") from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise UsageError(f"{path}: there is no such file.", fix="Check the path.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).", fix="Check its permissions.") from error
    with packed:
        if not compressed:
            yield packed
            return
        with io.BufferedReader(_Unpacked(packed, path, limits), 1 << 16) as unpacked:
            yield unpacked


@contextmanager
def open_text(path: Path, encoding: str, *, compressed: bool, limits: TableLimits = GENEROUS) -> Iterator[IO[str]]:
    """Open a file as text whose line ends stay as they are.

    Bytes that are not text in the encoding become lone surrogates, so that the reader can reject the one row that
    holds them (PEP 383).
    """
    errors = "surrogatepass" if encoding.startswith("utf-16") else "surrogateescape"
    with (
        open_bytes(path, compressed=compressed, limits=limits) as data,
        io.TextIOWrapper(data, encoding=encoding, errors=errors, newline="") as text,
    ):
        yield text


@contextmanager
def create_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Create a file for writing; packed with gzip if its name ends in ``.gz``.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    try:
        with path.open("wb") as plain:
            if path.suffix.lower() != ".gz":
                yield plain
                return
            # Neither name nor time goes into the header, so equal catalogs give equal files.
            with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0, compresslevel=6) as packed:
                yield packed  # type: ignore[misc]
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}).",
            fix="Write into a folder that is there and yours.",
        ) from error
