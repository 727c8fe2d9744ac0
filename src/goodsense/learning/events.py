"""Event files that TensorBoard reads, written by hand: TFRecord frames around protobuf messages with scalars."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

VERSION = "brain.Event:2"
_MASK = 0xA282EAD8  # of checksums, so that a checksum of data with checksums in it stays a good one


@dataclass(frozen=True)
class Scalar:
    """One point of a curve: its name, step, value, and when it was measured (seconds since 1970)."""

    tag: str
    step: int
    value: float
    time: float


def write_events(scalars: Iterable[Scalar], directory: Path) -> Path:
    """Write an event file of its own into ``directory``, which is made; returns its path.

    Follows tensorflow's ``event.proto``, ``summary.proto`` and ``record_writer.cc``.
    """
    points = list(scalars)
    started = min((point.time for point in points), default=time.time())
    directory.mkdir(parents=True, exist_ok=True)
    number = 0
    while True:
        path = directory / f"events.out.tfevents.{int(started):010d}.goodsense.{number}"
        try:
            with path.open("xb") as file:
                file.write(framed(_double(1, started) + _bytes(3, VERSION.encode())))
                file.writelines(framed(encoded(point)) for point in points)
        except FileExistsError:
            number += 1
        else:
            return path


def encoded(point: Scalar) -> bytes:
    """The message ``Event {wall_time = 1, step = 2, summary = 5 {value = 1 {tag = 1, simple_value = 2}}}``."""
    value = _bytes(1, point.tag.encode()) + _key(2, 5) + struct.pack("<f", point.value)
    return _double(1, point.time) + _key(2, 0) + _varint(point.step) + _bytes(5, _bytes(1, value))


def framed(data: bytes) -> bytes:
    """A TFRecord: length, its masked checksum, data, its masked checksum; all little-endian."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(crc32c(length))) + data + struct.pack("<I", masked(crc32c(data)))


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) as iSCSI has it (RFC 3720, appendix B.4)."""
    table, found = _table(), 0xFFFFFFFF
    for byte in data:
        found = table[(found ^ byte) & 0xFF] ^ (found >> 8)
    return found ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """Rotated right by 15 bits, plus a constant."""
    return ((checksum >> 15 | checksum << 17) + _MASK) & 0xFFFFFFFF


@lru_cache(maxsize=1)
def _table() -> tuple[int, ...]:
    def entry(byte: int) -> int:
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        return byte

    return tuple(entry(byte) for byte in range(256))


def _varint(number: int) -> bytes:
    assert number >= 0, f"a step is not negative; found {number}"
    return bytes(_sevens(number))


def _sevens(number: int) -> Iterator[int]:
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _double(field: int, value: float) -> bytes:
    return _key(field, 1) + struct.pack("<d", value)


def _bytes(field: int, data: bytes) -> bytes:
    return _key(field, 2) + _varint(len(data)) + data
