"""Damaged picture files, from a seed: each must decode to an array or be refused with a reason, soon.

Run by itself for the large counts: ``python tests/media/mutations.py 10000``.
"""

from __future__ import annotations

import io
import json
import random
import sys
import time
import warnings
import zlib
from typing import Any

import numpy as np
from PIL import Image

from goodsense.errors import DataError
from goodsense.media import decode_image

SLOWEST = 5.0  # seconds that one file may take


def run_mutations(format_name: str, count: int, seed: int) -> dict[str, Any]:
    """Decode ``count`` damaged files of a format and say what came of them.

    Returns
    -------
    dict
        ``decoded`` and ``refused`` count the two outcomes that are allowed; ``failures`` lists every other one
        (what was raised or returned, and the number of the mutation); ``slowest`` is in seconds.
    """
    rng = random.Random(f"{format_name}-{seed}")
    bases = _bases(format_name)
    result: dict[str, Any] = {"format": format_name, "count": count, "decoded": 0, "refused": 0, "failures": []}
    slowest = 0.0
    for number in range(count):
        data = _mutated(rng.choice(bases), rng)
        max_side = rng.choice((None, None, 16, 64))
        start = time.perf_counter()
        outcome = _outcome(data, max_side)
        slowest = max(slowest, time.perf_counter() - start)
        if outcome in ("decoded", "refused"):
            result[outcome] += 1
        else:
            result["failures"].append(f"{number}: {outcome}")
    if slowest >= SLOWEST:
        result["failures"].append(f"slowest took {slowest:.1f} s")
    return result | {"slowest": round(slowest, 3)}


def _outcome(data: bytes, max_side: int | None) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = decode_image(data, name="mutated", max_side=max_side)
    except DataError as error:
        said = error.message
        return "refused" if said.startswith("mutated: found ") and "expected" in said and error.fix else f"says {said}"
    except BaseException as error:  # whatever it is, it must not get out
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return f"raised {type(error).__name__}: {error}"
    sound = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size > 0
    return "decoded" if sound else f"returned {image.dtype} {image.shape}"


def _mutated(data: bytes, rng: random.Random) -> bytes:
    """One to four kinds of damage, most of them near the headers, where they do the most."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not damaged:
            break
        rng.choice(_DAMAGES)(damaged, rng)
    if rng.random() < 0.5:
        _mend_checksums(damaged)
    return bytes(damaged)


def _mend_checksums(damaged: bytearray) -> None:
    """Make the chunks of a PNG agree with their checksums again, so that the damage gets past them."""
    at = 8
    while damaged[:4] == b"\x89PNG" and at + 12 <= len(damaged):
        end = at + 8 + int.from_bytes(damaged[at : at + 4], "big")
        if end + 4 > len(damaged):
            return
        damaged[end : end + 4] = zlib.crc32(damaged[at + 4 : end]).to_bytes(4, "big")
        at = end + 4


def _place(damaged: bytearray, rng: random.Random) -> int:
    reach = len(damaged) if rng.random() < 0.5 else min(len(damaged), 96)
    return rng.randrange(reach) if reach else 0


def _flip_bits(damaged: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 32))):
        damaged[_place(damaged, rng)] ^= 1 << rng.randrange(8)


def _set_bytes(damaged: bytearray, rng: random.Random) -> None:
    value = rng.choice((0x00, 0xFF, 0x7F, 0x80, rng.randrange(256)))
    start = _place(damaged, rng)
    end = min(len(damaged), start + rng.choice((1, 2, 4, 16)))
    damaged[start:end] = bytes([value]) * (end - start)


def _truncate(damaged: bytearray, rng: random.Random) -> None:
    del damaged[rng.randrange(len(damaged)) :]


def _truncate_but_end(damaged: bytearray, rng: random.Random) -> None:
    """Lose the middle and keep the last bytes, so that the end looks sound."""
    end = bytes(damaged[-12:])
    _truncate(damaged, rng)
    damaged += end


def _delete(damaged: bytearray, rng: random.Random) -> None:
    start = _place(damaged, rng)
    del damaged[start : start + rng.choice((1, 2, 7, 64))]


def _insert(damaged: bytearray, rng: random.Random) -> None:
    start = _place(damaged, rng)
    damaged[start:start] = rng.randbytes(rng.choice((1, 2, 7, 64)))


def _repeat(damaged: bytearray, rng: random.Random) -> None:
    start = _place(damaged, rng)
    piece = bytes(damaged[start : start + rng.choice((4, 32, 200))])
    damaged[start:start] = piece * rng.choice((1, 2, 20))


def _swap(damaged: bytearray, rng: random.Random) -> None:
    first, second = sorted((_place(damaged, rng), _place(damaged, rng)))
    damaged[first:] = damaged[second:] + damaged[first:second]


def _append(damaged: bytearray, rng: random.Random) -> None:
    damaged += rng.randbytes(rng.choice((1, 100, 5000)))


_DAMAGES = (
    _flip_bits,
    _flip_bits,
    _set_bytes,
    _set_bytes,
    _truncate,
    _truncate_but_end,
    _delete,
    _insert,
    _repeat,
    _swap,
    _append,
)


def _bases(format_name: str) -> list[bytes]:
    """Sound files in several modes, with metadata and animation where the format has them."""
    noise = np.random.default_rng(7).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    rgb = Image.fromarray(noise).resize((70, 50))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a kettle"
    rgba = rgb.convert("RGBA")
    rgba.putalpha(rgb.convert("L"))
    frames = [rgb.rotate(90 * turn) for turn in range(1, 3)]
    deep = Image.fromarray((np.arange(50 * 70).reshape(50, 70) * 18).astype(np.uint16))
    kinds: dict[str, list[tuple[Image.Image, dict[str, Any]]]] = {
        "jpeg": [
            (rgb, {"exif": exif, "quality": 80}),
            (rgb.convert("L"), {"progressive": True}),
            (rgb.convert("CMYK"), {"comment": b"ink"}),
        ],
        "png": [
            (rgb, {"exif": exif}),
            (rgba, {"compress_level": 1}),
            (rgb.quantize(16), {"transparency": 3}),
            (deep, {}),
            (rgb, {"save_all": True, "append_images": frames}),
        ],
        "webp": [
            (rgb, {"quality": 60, "exif": exif}),
            (rgba, {"lossless": True}),
            (rgb, {"save_all": True, "append_images": frames, "duration": 100}),
        ],
        "gif": [
            (rgb.quantize(64), {}),
            (rgb.quantize(16), {"transparency": 2, "interlace": 1}),
            (rgb, {"save_all": True, "append_images": frames, "duration": 100, "comment": b"turning"}),
        ],
    }
    return [_saved(picture, format_name, options) for picture, options in kinds[format_name]]


def _saved(picture: Image.Image, format_name: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    picture.save(file, format_name.upper(), **options)
    return file.getvalue()


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    results = [run_mutations(name, wanted, seed=0) for name in ("jpeg", "png", "webp", "gif")]
    for found in results:
        sys.stdout.write(json.dumps(found) + "\n")
    sys.exit(any(found["failures"] for found in results))
