"""What a shop keeps of media: without where they were taken, when, by whom and with what.

Phones write the place of a photo or a clip into the file, to a few metres. Shoppers' pictures come with it, and a
product's own pictures may show where the seller lives. Nothing is decoded or encoded again for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from goodsense.media.sniff import sniff_media
from goodsense.media.strip_containers import strip_aiff, strip_flac, strip_matroska, strip_ogg, strip_riff
from goodsense.media.strip_images import strip_gif, strip_jpeg, strip_png, strip_webp

_PARENTS = frozenset({b"moov", b"trak", b"moof", b"traf", b"mdia"})
_TOLD = frozenset({b"udta", b"meta"})
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_DEEPEST = 8


def strip_metadata(data: bytes) -> bytes:
    """The same medium without metadata; the same object if there is none.

    - JPEG, PNG, WebP, GIF: Exif (but for the orientation), XMP, IPTC, comments, texts, times, and what is hung on after
      the end (such as the clip of a "live" photo);
    - MP4, QuickTime, M4A: ``udta`` and ``meta`` of film and tracks and XMP boxes are overwritten in place, so that
      nothing moves; the way a clip is turned stands elsewhere and stays;
    - MP3: ID3 tags;
    - WAV, AVI, AIFF, FLAC, Ogg, Matroska, WebM: chunks, comments, tags, titles, dates and attachments, in place too.

    Other formats, and files that are damaged, come back as they are: decoding refuses them, or they hold sounds alone.
    """
    strip = _STRIPS.get(sniff_media(data[:64]) or "")
    found = strip(data) if strip is not None else None
    return data if found is None or found == data else found


def _strip_mp4(data: bytes) -> bytes | None:
    cut = [*_told_boxes(data, 0, len(data), _DEEPEST)]
    if not cut:
        return None
    stripped = bytearray(data)
    for begin, body, end in cut:
        stripped[begin + 4 : begin + 8] = b"free"
        stripped[body:end] = bytes(end - body)
    return bytes(stripped)


def _told_boxes(data: bytes, at: int, stop: int, deepest: int) -> Iterator[tuple[int, int, int]]:
    """Where boxes with metadata begin, where their content does, and where they end (ISO 14496-12, 4.2)."""
    top = at == 0
    while at + 8 <= stop:
        size, kind, body = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = at + size if size else stop
        if end < body or end > stop:
            return
        if (kind in _TOLD and not top) or (kind == b"uuid" and data[body : body + 16] == _XMP):
            yield at, body, end
        elif kind in _PARENTS and deepest:
            yield from _told_boxes(data, body, end, deepest - 1)
        at = end


def _strip_mp3(data: bytes) -> bytes | None:
    """Without ID3 tags, version 2 before and version 1 after the sound."""
    begin, end = 0, len(data)
    while data[begin : begin + 3] == b"ID3" and begin + 10 <= end:
        size = 0
        for byte in data[begin + 6 : begin + 10]:
            size = size << 7 | byte & 0x7F
        begin += 10 + size + (10 if data[begin + 5] & 0x10 else 0)
    if data[max(begin, end - 128) : max(begin, end - 128) + 3] == b"TAG":
        end -= 128
    while begin < end and not data[begin]:  # padding
        begin += 1
    found = data[begin:end]
    return found if sniff_media(found[:64]) == "mp3" and not found.startswith(b"ID3") else None


_STRIPS = {
    "jpeg": strip_jpeg,
    "png": strip_png,
    "webp": strip_webp,
    "gif": strip_gif,
    "mp4": _strip_mp4,
    "m4a": _strip_mp4,
    "mp3": _strip_mp3,
    "wav": strip_riff,
    "avi": strip_riff,
    "aiff": strip_aiff,
    "flac": strip_flac,
    "ogg": strip_ogg,
    "webm": strip_matroska,
}
