"""What bytes are, from the bytes themselves: format, size in pixels and whether the end is there.

Nothing here decodes or allocates by what a header claims, so it is safe before any decoder has seen the data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal, TypeAlias

ImageFormat: TypeAlias = Literal["jpeg", "png", "webp", "gif"]

# Start-of-frame markers of JPEG (ISO 10918-1, table B.1), without DHT, JPG and DAC that share the range.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length


def sniff_media(head: bytes) -> str | None:
    """Name the format from the first bytes (64 are enough); None when it is none of those known.

    Images: ``jpeg png webp gif bmp tiff avif heic``; video: ``mp4 webm avi`` (QuickTime counts as mp4, Matroska as
    webm); audio: ``wav flac ogg mp3 m4a aac aiff``.
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])
    if head[:4] == b"RF64" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "mp4")
    if head[4:8] in _QUICKTIME:
        return "mp4"
    if len(head) > 1 and head[0] == 0xFF:
        if head[1] & 0xE6 == 0xE2:  # MPEG audio, layer III
            return "mp3"
        if head[1] & 0xF6 == 0xF0:  # ADTS frames (ISO 13818-7)
            return "aac"
    return None


_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"\x1aE\xdf\xa3", "webm"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
)
_QUICKTIME = (b"moov", b"mdat", b"wide")  # how files begin that are older than ``ftyp``
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"mif1", b"msf1"), "heic"),
    **dict.fromkeys((b"M4A ", b"M4B "), "m4a"),
}


def image_size(data: bytes, format_name: str) -> tuple[int, int] | None:
    """Return (width, height) as the header states them, before rotation; None when the header is damaged.

    Raises
    ------
    KeyError
        If the format is not ``jpeg``, ``png``, ``webp`` or ``gif``.
    """
    read = {"jpeg": _jpeg_size, "png": _png_size, "webp": _webp_size, "gif": _gif_size}[format_name]
    try:
        return read(data)
    except (struct.error, IndexError):
        return None


def is_complete(data: bytes, format_name: str) -> bool:
    """Whether the file's end is there: JPEG's EOI, PNG's IEND, WebP's stated length, GIF's trailer.

    Decoders fill a missing end with grey or with nothing; only the container tells. Bytes after the end are ignored.
    """
    if format_name == "jpeg":
        return data.rfind(b"\xff\xd9") > 0
    if format_name == "png":
        return any(kind == b"IEND" for kind, _ in _png_chunks(data))
    if format_name == "webp":
        return len(data) >= 12 and int.from_bytes(data[4:8], "little") + 8 <= len(data)
    return _gif_has_trailer(data)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at < len(data) - 1:
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)  # decoders skip stray bytes between segments
            if at < 0:
                return None
            continue
        marker = data[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        if marker in (0xD9, 0xDA):  # the end, or pixels, before any frame header
            return None
        if marker == 0xFF:
            at += 1
        elif marker == 0x00 or marker in _ALONE:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    """(kind, length) of each chunk that lies wholly within the data."""
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            return
        yield data[at + 4 : at + 8], length
        at += 12 + length


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _gif_size(data: bytes) -> tuple[int, int] | None:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _gif_has_trailer(data: bytes) -> bool:
    """Walk the blocks of a GIF (89a, section 6) to its trailer."""
    if len(data) < 13:
        return False
    at = 13 + _colours(data[10])
    while at < len(data):
        kind = data[at]
        if kind == 0x3B:
            return True
        if kind == 0x21:
            at = _after_sub_blocks(data, at + 2)
        elif kind == 0x2C and at + 9 < len(data):
            at = _after_sub_blocks(data, at + 11 + _colours(data[at + 9]))
        else:
            return False
    return False


def _colours(flags: int) -> int:
    """Bytes of the colour table that a GIF's flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
