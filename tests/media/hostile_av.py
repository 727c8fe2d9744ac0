"""Sound and clip files that mean harm: playlists, files that point elsewhere, absurd headers, bombs, damage."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from .hostile_images import zeros
from .motion import clip, moving, sound, sound_track
from .mutations import _mutated

CLIPS = ("mp4", "mov", "webm", "matroska", "avi")


def hostile_av(
    count: int, seed: int, place: str = "/etc/passwd", url: str = "http://127.0.0.1:9/", *, heavy: bool = True
) -> Iterator[tuple[str, bytes]]:
    """Names and bytes, ``count`` in all: what is made by hand, mixed, then damaged files (these alone but for seed 0).

    ``place`` and ``url`` are what those point to that point to something. Without ``heavy``, no large ones.
    """
    rng = random.Random(seed)
    made = [] if seed else [*_playlists(place, url), *_elsewhere(place, url), *_absurd(), *_boxes(), *_matroska()]
    made += _heavy() if heavy and not seed else ()
    rng.shuffle(made)
    yield from made[:count]
    for number in range(count - len(made)):
        name, data = rng.choice(bases())
        yield f"damaged {number}.{name}", _mutated(data, rng)


def pointing(place: str, url: str) -> list[tuple[str, bytes]]:
    """Only the concat scripts and QuickTime files that point to a file or an address."""
    made = [*_playlists(place, url), *_elsewhere(place, url)]
    return [(name, data) for name, data in made if name in ("0.ffconcat", "2.ffconcat") or name.startswith("alias")]


@lru_cache(1)
def bases() -> tuple[tuple[str, bytes], ...]:
    """Sound files of every format."""
    tone = (np.sin(np.arange(12_000) / 9) / 2).astype(np.float32)
    found = [(name, clip(moving(8), format_name=name, track=tone)) for name in CLIPS]
    found += [("mp4", clip(moving(5), codec="mpeg4")), ("avi", clip(moving(5), format_name="avi", codec="mjpeg"))]
    found += [("webm", clip(moving(5), format_name="webm", codec="libvpx-vp9"))]
    for name, subtype in (
        ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "MS_ADPCM"), ("WAV", "GSM610"), ("WAV", "ULAW"),
        ("RF64", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
        ("AIFF", "PCM_16"),
    ):  # fmt: skip
        found.append((name.lower(), sound(tone[:, None], 8_000 if subtype == "GSM610" else 48_000, name, subtype)))
    found += [("m4a", sound_track(tone, "ipod", "aac")), ("aac", sound_track(tone, "adts", "aac"))]
    return tuple(found)


def _base(name: str) -> bytes:
    return next(data for found, data in bases() if found == name)


def _playlists(place: str, url: str) -> Iterator[tuple[str, bytes]]:
    targets = (
        url, f"file://{place}", place, f"../../../..{place}", f"concat:{place}|{place}",
        f"subfile,,start,0,end,9,,:{place}", f"crypto+{url}", f"cache:{url}", f"async:{url}", f"tcp{url[4:]}",
        f"rtsp{url[4:]}", f"rtmp{url[4:]}", f"gopher{url[4:]}", "pipe:0", "/dev/zero", "data:text/plain;base64,AAAA",
    )  # fmt: skip
    for number, target in enumerate(targets):
        m3u = f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\n{target}\n#EXT-X-ENDLIST\n"
        yield f"{number}.m3u8", m3u.encode()
        yield (
            f"key {number}.m3u8",
            m3u.replace("#EXTINF", f'#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF').encode(),
        )
        yield f"{number}.ffconcat", f"ffconcat version 1.0\nfile '{target}'\nduration 5\n".encode()
        mpd = f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{target}</BaseURL></Period></MPD>'
        yield f"{number}.mpd", f'<?xml version="1.0"?>{mpd}'.encode()
        for head in (
            b"ID3\3\0\0\0\0\0\0",
            b"OggS\0\2",
            b"\0\0\0\x10ftypisom\0\0\0\0",
            b"RIFF\xff\xff\0\0AVI ",
            b"\x1aE\xdf\xa3\x80",
        ):
            yield f"{number} behind {head[:8].hex()}.m3u8", head + m3u.encode()
    for name, text in (
        ("a.sdp", f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=control:{url}\n"),
        ("a.pls", f"[playlist]\nFile1={url}\nNumberOfEntries=1\n"),
        ("a.asx", f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>'),
        ("a.smil", f'<smil><body><video src="{url}"/></body></smil>'),
        ("a.xspf", f"<playlist><trackList><track><location>{url}</location></track></trackList></playlist>"),
        ("a.svg", f'<svg><image href="{url}"/></svg>'),
        ("a.cue", f'FILE "{place}" WAVE\n  TRACK 01 AUDIO\n'),
        ("rtsp.txt", f"RTSPtext\nrtsp{url[4:]}\n"),
        ("redirect.mov", f"SMILtext<smil src='{url}'/>"),
        ("a.ram", url), ("a.strm", url), ("a.wpl", f'<?wpl version="1.0"?><media src="{place}"/>'),
        ("a.vob.txt", "# timestamp format v1\nassume 25\n"), ("a.ass", "[Script Info]\nScriptType: v4.00+\n"),
        ("a.ffmeta", f";FFMETADATA1\ntitle={place}\n"), ("empty.mp4", ""), ("a.html", f"<video src='{url}'>"),
    ):  # fmt: skip
        yield name, text.encode()


def _elsewhere(place: str, url: str) -> Iterator[tuple[str, bytes]]:
    """QuickTime whose media lie in another file (ISO 14496-12, 8.7.2; aliases as FFmpeg reads them)."""
    for name in ("mov", "mp4"):
        data = _base(name)
        for target in (url, f"file://{place}", place, f"../../../..{place}"):
            entry = b"url " + bytes(4) + target.encode() + b"\0"
            yield f"url {target} in {name}", _with_reference(data, entry)
            yield f"alias {target} in {name}", _with_reference(data, b"alis" + bytes(4) + _alias(target.encode(), 0))
            yield (
                f"alias up to {target} in {name}",
                _with_reference(data, b"alis" + bytes(4) + _alias(target.encode(), 2)),
            )


def _with_reference(data: bytes, entry: bytes) -> bytes:
    """Every self-contained data reference replaced; the boxes around it grow, the samples lie before them."""
    while (at := data.find(b"dref\0\0\0\0\0\0\0\1\0\0\0\x0curl \0\0\0\1")) >= 0:
        old = at + 12
        new = struct.pack(">I", len(entry) + 4) + entry
        data = data[:old] + new + data[old + 12 :]
        grown = len(new) - 12
        for kind in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
            box = data.rfind(kind, 0, at + 4) - 4
            data = data[:box] + struct.pack(">I", int.from_bytes(data[box : box + 4], "big") + grown) + data[box + 4 :]
    return data


def _alias(target: bytes, levels: int) -> bytes:
    volume, file = b"disk", target[-40:]
    head = bytes(10) + bytes([len(volume)]) + volume.ljust(27, b"\0") + bytes(12)
    head += bytes([len(file)]) + file.ljust(63, b"\0") + bytes(16) + struct.pack(">hh", levels, levels) + bytes(16)
    padded = target + bytes(len(target) % 2)
    parts = [struct.pack(">HH", kind, len(target)) + padded for kind in (2, 18, 19)]
    return head + b"".join(parts) + b"\xff\xff\0\0"


def _absurd() -> Iterator[tuple[str, bytes]]:
    wav = _base("wav")
    fields = {20: "H", 22: "H", 24: "I", 28: "I", 32: "H", 34: "H", 16: "I", 4: "I", 40: "I"}
    for at, kind in fields.items():
        for value in (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF):
            size = struct.calcsize(kind)
            packed = struct.pack("<I", value)[:size]
            yield f"wav {at} = {value}", wav[:at] + packed + wav[at + size :]
    for tag in (0x0002, 0x0011, 0x0031, 0x0050, 0x0055, 0x00FF, 0x0161, 0x0162, 0x2000, 0x674F, 0xF1AC, 0xFFFE):
        yield f"wav of format {tag:x}", wav[:20] + struct.pack("<H", tag) + wav[22:]
    avi = _base("avi")
    for name in (b"avih", b"strh", b"strf", b"hdrl", b"movi", b"idx1", b"strl"):
        at = avi.find(name)
        for value in (0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF):
            for offset in (4, 8, 24, 36):
                if at >= 0:
                    place = at + offset
                    yield (
                        f"avi {name!r} + {offset} = {value}",
                        avi[:place] + struct.pack("<I", value) + avi[place + 4 :],
                    )
    at = avi.find(b"LIST", 12 + 12)
    yield (
        "avi of many streams",
        avi[:at] + avi[at : at + 8 + int.from_bytes(avi[at + 4 : at + 8], "little")] * 2000 + avi[at:],
    )
    flac = _base("flac")
    for offset in range(4, 42, 2):
        yield f"flac {offset} set", flac[:offset] + b"\xff\xff" + flac[offset + 2 :]
    yield "flac of a large picture", flac[:4] + b"\6\xff\xff\xff" + flac[4:]
    ogg = _base("ogg")
    for offset in (5, 6, 14, 18, 22, 26, 28, 35, 39, 40, 56):
        yield f"ogg {offset} set", ogg[:offset] + b"\xff" * 4 + ogg[offset + 4 :]
    mp3 = _base("mp3")
    yield "mp3 behind a large tag", b"ID3\3\0\0\x7f\x7f\x7f\x7f" + mp3
    yield "mp3 of one frame", mp3[:417]


def _boxes() -> Iterator[tuple[str, bytes]]:
    """MP4 cut at every box, with absurd sizes and counts, and boxes in boxes in boxes."""
    for name in ("mp4", "mov"):
        data = _base(name)
        for at, kind in [(at, data[at : at + 4]) for at in range(4, len(data) - 4) if data[at : at + 4] in _KINDS]:
            yield f"{name} cut before {kind!r} at {at}", data[: at - 4]
            for size in (0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF):
                yield f"{name} {kind!r} at {at} of {size}", data[: at - 4] + struct.pack(">I", size) + data[at:]
            if kind in _COUNTED:
                place = at + _COUNTED[kind]
                for value in (0, 0x00FFFFFF, 0x7FFFFFFF, 0xFFFFFFFF):
                    yield (
                        f"{name} {kind!r} at {at} counts {value}",
                        data[:place] + struct.pack(">I", value) + data[place + 4 :],
                    )
    yield "moov in moov", b"\0\0\0\x14ftypisom\0\0\0\0isom" + b"\0\0\0\0moov" * 100_000
    yield (
        "many tracks",
        b"\0\0\0\x14ftypisom\0\0\0\0isom" + struct.pack(">I4s", 8 + 400_000, b"moov") + b"\0\0\0\x08trak" * 50_000,
    )


_KINDS = frozenset(
    b"ftyp mdat moov mvhd trak tkhd edts elst mdia mdhd hdlr minf vmhd smhd dinf dref stbl stsd avc1 avcC mp4a esds "
    b"stts stss ctts stsc stsz stco sgpd sbgp udta meta ilst".split()
)
_COUNTED = {
    b"stts": 8, b"ctts": 8, b"stsc": 8, b"stsz": 12, b"stco": 8, b"stss": 8, b"elst": 8, b"stsd": 8, b"dref": 8,
    b"mvhd": 16, b"mdhd": 16, b"avc1": 28, b"mp4a": 20, b"tkhd": 80,
}  # fmt: skip


def _heavy() -> Iterator[tuple[str, bytes]]:
    mp3 = _base("mp3")
    yield "mp3 of tags", b"ID3\3\0\0\0\0\0\0" * 200_000 + mp3
    yield "mp3 of heads", mp3[:4] * 300_000
    yield "zeros behind ftyp", b"\0\0\0\x18ftypisom" + bytes(20_000_000)
    yield "zeros behind ogg", b"OggS" + bytes(5_000_000)
    yield "ones behind ebml", b"\x1aE\xdf\xa3" + b"\xff" * 5_000_000
    bomb = zeros(400 << 20)
    for name, packed in (("bomb", bomb), ("not packed", b"x" * 50), ("cut bomb", bomb[:1000])):
        for scope in (1, 2, 3):
            yield f"{name} of scope {scope}.mkv", _packed_track(packed, scope)
    yield "depth.mkv", _element(0x1A45DFA3, b"") + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" * 50_000
    frames = b"".join(_element(0xA3, b"\x81\0\0\x80") for _ in range(300_000))
    yield "frames of nothing.mkv", _track(b"V_VP8", _element(0x1F43B675, _element(0xE7, b"\0") + frames))


def _matroska() -> Iterator[tuple[str, bytes]]:
    for width, height in ((16_383, 16_383), (65_535, 65_535), (0, 0), (1, 2**31 - 1)):
        yield f"{width}x{height}.mkv", _track(b"V_VP9", b"", width=width, height=height)
    large = _base("webm")
    for at in range(0, min(len(large), 400), 5):
        yield f"webm cut at {at}", large[:at]


def _element(id: int, body: bytes) -> bytes:
    return id.to_bytes((id.bit_length() + 7) // 8, "big") + (len(body) | 1 << 56).to_bytes(8, "big") + body


def _track(codec: bytes, rest: bytes, *, width: int = 64, height: int = 64, extra: bytes = b"") -> bytes:
    size = _element(0xB0, width.to_bytes(4, "big")) + _element(0xBA, height.to_bytes(4, "big"))
    entry = _element(0xD7, b"\1") + _element(0x73C5, b"\1") + _element(0x83, b"\1") + _element(0x86, codec)
    entry += _element(0xE0, size) + extra
    head = _element(0x1A45DFA3, _element(0x4282, b"matroska"))
    return head + _element(0x18538067, _element(0x1654AE6B, _element(0xAE, entry)) + rest)


def _packed_track(packed: bytes, scope: int) -> bytes:
    """A track whose content is deflated: frames (scope 1), codec data (2) or both."""
    encoding = _element(0x5031, b"\0") + _element(0x5032, bytes([scope])) + _element(0x5033, b"\0")
    encoding += _element(0x5034, _element(0x4254, b"\0"))
    extra = _element(0x6D80, _element(0x6240, encoding)) + _element(0x63A2, packed if scope & 2 else b"")
    block = _element(0xA3, b"\x81\0\0\x80" + packed)
    return _track(b"V_MPEG4/ISO/AVC", _element(0x1F43B675, _element(0xE7, b"\0") + block), extra=extra)
