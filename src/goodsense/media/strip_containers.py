"""Metadata of sounds and clips, overwritten in place: nothing moves, so no index in the file needs to follow."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Span = tuple[int, int]  # where something begins and ends

# ---- RIFF: WAV and AVI; IFF: AIFF

_KEPT: dict[bytes, frozenset[bytes]] = {  # chunks that decoders need, by the form of the file
    b"WAVE": frozenset({b"fmt ", b"data", b"fact", b"ds64", b"PEAK", b"wavl", b"slnt", b"JUNK", b"FLLR"}),
    b"AVI ": frozenset({b"hdrl", b"movi", b"idx1", b"JUNK", b"AVIX"}),
    b"AVIX": frozenset({b"movi", b"idx1", b"JUNK"}),  # how long clips go on (OpenDML)
    b"hdrl": frozenset({b"avih", b"strl", b"odml", b"vprp", b"JUNK"}),
    b"strl": frozenset({b"strh", b"strf", b"indx", b"vprp", b"JUNK"}),
    b"AIFF": frozenset({b"COMM", b"SSND", b"FVER", b"JUNK"}),
    b"AIFC": frozenset({b"COMM", b"SSND", b"FVER", b"JUNK"}),
}
_EMPTIED = frozenset({b"JUNK", b"FLLR"})  # fillers, in which cameras leave notes


def strip_riff(data: bytes) -> bytes | None:
    """WAV and AVI: every chunk that no decoder needs becomes filling."""
    return _strip_chunks(data, "little")


def strip_aiff(data: bytes) -> bytes | None:
    """The same of AIFF, whose numbers are written the other way round."""
    return _strip_chunks(data, "big")


def _strip_chunks(data: bytes, order: Literal["little", "big"]) -> bytes:
    stripped = bytearray(data)
    for begin, end in _told_chunks(data, 12, len(data), data[8:12], order):
        stripped[begin : begin + 4] = b"JUNK"
        stripped[begin + 8 : end] = bytes(end - begin - 8)
    return bytes(stripped)


def _told_chunks(data: bytes, at: int, stop: int, form: bytes, order: Literal["little", "big"]) -> Iterator[Span]:
    while at + 8 <= stop:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], order)
        end = at + 8 + size
        unfinished = kind in (b"data", b"movi") and not size  # its length was never written: the rest is the sound
        if end > stop or unfinished or not kind.isascii() or not kind.decode().isprintable():
            return
        nested = kind in (b"LIST", b"RIFF")
        name = data[at + 8 : at + 12] if nested else kind
        if name not in _KEPT[form] or name in _EMPTIED:
            yield at, end
        elif nested and name in _KEPT:
            yield from _told_chunks(data, at + 12, end, name, order)
        at = end + size % 2


# ---- FLAC

_PADDING = 1
_SPOKEN = frozenset({_PADDING, 2, 4, 5, 6})  # application, comments, cue sheet, picture


def strip_flac(data: bytes) -> bytes | None:
    """Comments, pictures and data of applications become padding (RFC 9639, 8)."""
    stripped, at, last = bytearray(data), 4, False
    while not last and at + 4 <= len(data):
        last, kind, end = bool(data[at] & 0x80), data[at] & 0x7F, at + 4 + int.from_bytes(data[at + 1 : at + 4], "big")
        if end > len(data):
            return None
        if kind in _SPOKEN:
            stripped[at] = _PADDING | (0x80 if last else 0)
            stripped[at + 4 : end] = bytes(end - at - 4)
        at = end
    return bytes(stripped) if last else None


# ---- Ogg

_BEFORE_COMMENTS = {  # how a stream begins -> bytes before the comments in its second packet
    b"\x01vorbis": 7,
    b"OpusHead": 8,
    b"\x80theora": 7,
    b"\x7fFLAC": 4,
    b"Speex   ": 0,
}
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass
class _Stream:
    """Where a logical stream is: how many packets it has ended, and where the pieces of its second one stand."""

    before: int | None  # bytes before the comments; None: there are none
    number: int = 0
    places: list[Span] = field(default_factory=list)


def strip_ogg(data: bytes) -> bytes | None:
    """Every comment becomes blank, with the checksums of its pages made anew (RFC 3533, 6; Vorbis I, 5)."""
    stripped = bytearray(data)
    pages = [*_pages(data)]
    for before, places in _comments(data, pages):
        packet = b"".join(data[begin:end] for begin, end in places)
        blank, at = _blank_comments(packet, before), 0
        if blank is None:
            return None
        for begin, end in places:
            stripped[begin:end] = blank[at : at + end - begin]
            at += end - begin
    for begin, _, end in pages:
        if stripped[begin:end] != data[begin:end]:
            stripped[begin + 22 : begin + 26] = bytes(4)
            stripped[begin + 22 : begin + 26] = _checksum(bytes(stripped[begin:end])).to_bytes(4, "little")
    return bytes(stripped)


def _pages(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Where pages begin, where their bodies do, and where they end."""
    at = 0
    while data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        body = at + 27 + data[at + 26]
        end = body + sum(data[at + 27 : body])
        if end > len(data):
            return
        yield at, body, end
        at = end


def _comments(data: bytes, pages: list[tuple[int, int, int]]) -> Iterator[tuple[int, list[Span]]]:
    """Where the pieces of every stream's second packet stand, and how many of its bytes come before the comments."""
    streams: dict[bytes, _Stream] = {}
    for begin, body, _ in pages:
        name, at = data[begin + 14 : begin + 18], body
        if name not in streams:
            known = (length for magic, length in _BEFORE_COMMENTS.items() if data.startswith(magic, body))
            streams[name] = _Stream(next(known, None))
        stream = streams[name]
        for lace in data[begin + 27 : body]:
            if stream.number == 1:
                stream.places.append((at, at + lace))
            at += lace
            stream.number += lace < 255
            if stream.number == 2 and stream.before is not None and stream.places:
                yield stream.before, stream.places
                stream.places = []


def _blank_comments(packet: bytes, at: int) -> bytes | None:
    """The same with a blank in place of the vendor and an empty field in place of every comment; None if damaged."""
    blank = bytearray(packet)
    length = int.from_bytes(packet[at : at + 4], "little")
    if at + 8 + length > len(packet):
        return None
    blank[at + 4 : at + 4 + length] = b" " * length
    at += 4 + length
    count, at = int.from_bytes(packet[at : at + 4], "little"), at + 4
    for _ in range(count):
        length = int.from_bytes(packet[at : at + 4], "little")
        if at + 4 + length > len(packet):
            return None
        blank[at + 4 : at + 4 + length] = b"_=".ljust(length)[:length]
        at += 4 + length
    if packet.startswith(b"OpusTags"):  # may hold anything after its comments; the others need what follows
        blank[at:] = bytes(len(packet) - at)
    return bytes(blank)


def _checksum(page: bytes) -> int:
    """CRC-32 as Ogg has it: the usual polynomial from the other end, begun and ended with 0."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


# ---- Matroska and WebM

_SEGMENT, _INFO, _CLUSTER = 0x18538067, 0x1549A966, 0x1F43B675
_TAGS, _ATTACHMENTS, _CHAPTERS = 0x1254C367, 0x1941A469, 0x1043A770
_TITLE, _DATE, _SEGMENT_NAME, _CHECKSUM = 0x7BA9, 0x4461, 0x7384, 0xBF
_MUXER, _WRITER = 0x4D80, 0x5741  # must be there
_TRACKS, _TRACK, _TRACK_NAME = 0x1654AE6B, 0xAE, 0x536E
_INSIDE = {
    0: frozenset({_SEGMENT}),
    _SEGMENT: frozenset({_INFO, _TRACKS}),
    _TRACKS: frozenset({_TRACK}),
}
_VOIDED = frozenset({_TAGS, _ATTACHMENTS, _CHAPTERS, _TITLE, _DATE, _SEGMENT_NAME, _TRACK_NAME})
_BLANKED = frozenset({_MUXER, _WRITER})
_VOID = 0xEC


def strip_matroska(data: bytes) -> bytes | None:
    """Tags, attachments, chapters, titles and dates become void elements (RFC 9559; RFC 8794, 11.3.2)."""
    stripped = bytearray(data)
    for kind, begin, body, end in _told_elements(data, 0, len(data), 0):
        stripped[begin:end] = data[begin:body] + bytes(end - body) if kind in _BLANKED else _void(end - begin)
    return bytes(stripped)


def _told_elements(data: bytes, at: int, stop: int, parent: int) -> Iterator[tuple[int, int, int, int]]:
    """Elements to overwrite, each with its id; and the checksums of those that hold such."""
    told, checksums = [], []
    while at < stop:
        begin, kind, at = at, *_read_id(data, at)
        size, at = _read_size(data, at)
        if not kind or (size is None and kind not in (_SEGMENT, _CLUSTER)):
            break
        end = stop if size is None and kind == _SEGMENT else at + (size or 0)
        if end > stop:
            break
        if kind in _VOIDED or kind in _BLANKED:
            told.append((kind, begin, at, end))
        elif kind == _CHECKSUM:
            checksums.append((kind, begin, at, end))
        elif kind in _INSIDE.get(parent, ()):
            told += _told_elements(data, at, end, kind)
        at = end
    yield from (*told, *checksums) if told else ()


def _read_id(data: bytes, at: int) -> tuple[int, int]:
    """An element's id and where it ends; 0 for none."""
    length = 9 - data[at].bit_length() if at < len(data) else 9
    return (int.from_bytes(data[at : at + length], "big"), at + length) if length <= 4 else (0, at)


def _read_size(data: bytes, at: int) -> tuple[int | None, int]:
    """How many bytes an element has and where they begin; None for as many as come."""
    length = 9 - data[at].bit_length() if at < len(data) else 9
    if length > 8 or at + length > len(data):
        return None, at
    size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return (None if size == (1 << 7 * length) - 1 else size), at + length


def _void(length: int) -> bytes:
    """An element of so many bytes in all that says nothing."""
    wide = 8 if length >= 9 else 1
    size = length - 1 - wide | 1 << 7 * wide
    return bytes([_VOID]) + size.to_bytes(wide, "big") + bytes(length - 1 - wide)
