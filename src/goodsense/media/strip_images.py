"""Pictures without what cameras and editors wrote into them: where, when, by whom and with what.

What decides how a picture looks stays: pixels, colour profiles, transparency, animation, and the orientation, which
alone is kept of the Exif data. Each function gives None for a file that it does not understand.
"""

from __future__ import annotations

import re
import struct
import zlib

_ORIENTATION = 0x0112  # Exif 2.32
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_TOLD = frozenset({b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"})
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # within coded data of JPEG: no stuffing, restart or fill
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def strip_jpeg(data: bytes) -> bytes | None:
    """Without APP segments but JFIF, ICC profile and Adobe's, without comments, without anything after the end."""
    head, parts, at, orientation = data[:2], list[bytes](), 2, 1
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF or marker in _JPEG_ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            return None
        if marker == 0xDA:
            stop = _jpeg_end(data, at)
            if stop is None:
                return None
            exif = b"Exif\0\0" + _orientation_only(orientation)
            told = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif if orientation != 1 else b""
            first = 1 if parts and parts[0].startswith(b"\xff\xe0") else 0
            return head + b"".join((*parts[:first], told, *parts[first:], data[at:stop]))
        segment = data[at:end]
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0" and orientation == 1:
            orientation = _orientation_of(segment[10:])
        if _jpeg_stays(marker, segment[4:]):
            parts.append(segment)
        at = end
    return None


def _jpeg_stays(marker: int, body: bytes) -> bool:
    if marker == 0xE2:
        return body.startswith(b"ICC_PROFILE\0")
    if marker == 0xE0:
        return body.startswith(b"JFIF\0")
    return marker == 0xEE or not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _jpeg_end(data: bytes, at: int) -> int | None:
    """Where the picture ends, whose first scan begins at ``at``."""
    while True:
        if at + 4 > len(data):
            return None
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found = _MARKER.search(data, at)
        if found is None:
            return None
        at = found.start()
        if data[at + 1] == 0xD9:
            return at + 2


def strip_png(data: bytes) -> bytes | None:
    """Without text, time and Exif chunks, without anything after the end."""
    parts, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if end > len(data):
            return None
        if kind not in _PNG_TOLD:
            parts.append(data[at:end])
        elif kind == b"eXIf" and (turned := _orientation_of(data[at + 8 : end - 4])) != 1:
            body = b"eXIf" + _orientation_only(turned)
            parts.append(struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)))
        at = end
        if kind == b"IEND":
            return b"".join(parts)
    return None


def strip_webp(data: bytes) -> bytes | None:
    """Without Exif and XMP chunks, without anything after the end."""
    stop = int.from_bytes(data[4:8], "little") + 8
    if stop > len(data):
        return None
    parts, at, exif = list[bytes](), 12, b""
    while at + 8 <= stop:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        kind, body = data[at : at + 4], data[at + 8 : at + 8 + size]
        if len(body) != size:
            return None
        if kind == b"EXIF":
            orientation = _orientation_of(body.removeprefix(b"Exif\0\0"))
            exif = _orientation_only(orientation) if orientation != 1 and not exif else exif
        elif kind != b"XMP ":
            parts.append(data[at : at + 8 + size].ljust(end - at, b"\0"))
        at = end
    if parts and parts[0].startswith(b"VP8X"):
        flags = parts[0][8] & ~0x0C | (0x08 if exif else 0)
        parts[0] = parts[0][:8] + bytes([flags]) + parts[0][9:]
        if exif:
            parts.append(b"EXIF" + struct.pack("<I", len(exif)) + exif)
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def strip_gif(data: bytes) -> bytes | None:
    """Without comments and XMP, without anything after the end."""
    at = 13 + _gif_colours(data[10]) if len(data) > 13 else len(data)
    parts = [data[:at]]
    while at < len(data):
        kind, begin = data[at], at
        if kind == 0x3B:
            return b"".join((*parts, b"\x3b"))
        if kind == 0x21:
            at = _gif_after(data, at + 2)
            if data[begin + 1 : begin + 2] == b"\xfe" or data[begin + 1 : begin + 14] == b"\xff\x0bXMP DataXMP":
                continue
        elif kind == 0x2C and at + 9 < len(data):
            at = _gif_after(data, at + 11 + _gif_colours(data[at + 9]))
        else:
            return None
        parts.append(data[begin:at])
    return None


def _gif_colours(flags: int) -> int:
    """Bytes of the colour table that a GIF's flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_after(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def _orientation_of(tiff: bytes) -> int:
    """The orientation in the first directory of Exif data; 1, upright, where there is none that counts."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, at)
        for number in range(count):
            tag, kind, values, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * number)
            if tag == _ORIENTATION and kind == 3 and values == 1:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _orientation_only(orientation: int) -> bytes:
    """Exif data that holds nothing else."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)
