"""Decompressing piece by piece: no more comes out at once than was asked for, however little went in."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

_CHUNK = 1 << 16
_XZ_MEMORY = 256 << 20  # bytes that the dictionary of an xz file may take

DAMAGED = (zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
"""What reading an :class:`Inflated` raises where the packed bytes are damaged or cut off."""


class Decompressor(Protocol):
    """What the decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Inflate:
    """zlib's decompressor with the interface of those for bz2 and xz.

    Parameters
    ----------
    wbits
        As in :func:`zlib.decompressobj`: 31 for gzip, 15 for zlib, -15 for raw deflate.
    """

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        """Whether the packed data has ended."""
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        """Whether nothing more can come out before something goes in."""
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """What came after the end."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """At most ``max_length`` bytes more."""
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _gunzip() -> Decompressor:
    return Inflate(31)


def _bunzip() -> Decompressor:
    return bz2.BZ2Decompressor()


def _unxz() -> Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


_MAGIC: tuple[tuple[bytes, Callable[[], Decompressor]], ...] = (
    (b"\x1f\x8b", _gunzip),
    (b"BZh", _bunzip),
    (b"\xfd7zXZ\x00", _unxz),
)


class Inflated(io.RawIOBase):
    """The content of gzip, bzip2 or xz data, several packed pieces in a row read as one."""

    def __init__(self, packed: BinaryIO, make: Callable[[], Decompressor]) -> None:
        self._packed = packed
        self._make = make
        self._inner = make()

    def readable(self) -> bool:
        """True; it can be read and nothing else."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill what can be filled; 0 at the end."""
        while True:
            if self._inner.eof:
                data = (self._inner.unused_data or self._packed.read(_CHUNK)).lstrip(b"\0")  # padding is allowed
                if not data:
                    return 0
                self._inner = self._make()
            elif self._inner.needs_input:
                data = self._packed.read(_CHUNK)
                if not data:
                    raise EOFError("the packed data is cut off")
            else:
                data = b""
            out = self._inner.decompress(data, len(buffer))
            if out:
                buffer[: len(out)] = out
                return len(out)


def inflated(packed: BinaryIO) -> BinaryIO:
    """The content of a file that is packed with gzip, bzip2 or xz, by its first bytes; the file itself if it is not."""
    head = packed.read(6)
    packed.seek(0)
    for magic, make in _MAGIC:
        if head.startswith(magic):
            return io.BufferedReader(Inflated(packed, make), _CHUNK)
    return packed
