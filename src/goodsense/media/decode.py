"""Bytes from anywhere to sRGB arrays, safely: an array comes back, or a ``DataError`` that says why not."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from goodsense.errors import DataError
from goodsense.media.sniff import image_size, is_complete, sniff_media
from goodsense.types import Image

if TYPE_CHECKING:
    from PIL import Image as pil

FORMATS = ("jpeg", "png", "webp", "gif")
_PILLOW_LIMIT = 89_478_485  # pixels; above it Pillow warns by itself
_LARGE = 8_000_000  # pixels from which a picture is scaled down band by band
_GAP = 3.0  # times the wished size, down to which whole pixels are averaged; Lanczos does the rest
_BAND = 2_000_000  # pixels of a band
_ORIENTATION = 0x0112  # the tag's number in Exif 2.32


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is accepted, checked before anything is decoded.

    Parameters
    ----------
    max_bytes
        Length of the file.
    max_pixels
        Width times height as the header states them; at most 89,478,485.
    min_side, max_side
        Pixels of the shorter and of the longer side.

    Raises
    ------
    ValueError
        If a limit is not positive, or ``max_pixels`` is above what the decoder allows.
    """

    max_bytes: int = 20 * 2**20
    max_pixels: int = 50_000_000
    min_side: int = 1
    max_side: int = 65_535

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.max_pixels, self.min_side, self.max_side) < 1:
            raise ValueError(f"{self}: every limit must be at least 1")
        if self.max_pixels > _PILLOW_LIMIT:
            raise ValueError(f"max_pixels is {self.max_pixels:,}; expected at most {_PILLOW_LIMIT:,}")


def decode_image(
    data: bytes, *, limits: ImageLimits = ImageLimits(), name: str = "image", max_side: int | None = None
) -> Image:
    """Decode a JPEG, PNG, WebP or GIF to an ``(h, w, 3)`` uint8 array in sRGB.

    Of an animation the first frame is taken. The Exif orientation is applied. Transparency is laid over white, as a
    shop's page shows it. CMYK, grey, palette and 16-bit images are converted; embedded ICC profiles are ignored, so
    the numbers are taken for sRGB and do not depend on how well a profile could be read.

    Parameters
    ----------
    data
        The whole file.
    limits
        What is accepted.
    name
        How messages call the file.
    max_side
        The longer side of what is returned, in pixels; larger pictures are scaled down in proportion (a large JPEG is
        decoded at a fraction of its size to begin with, which is many times faster). None keeps the size.

    Raises
    ------
    DataError
        If the data is no such picture, breaks a limit, or is truncated or damaged; with the reason. Nothing else is
        raised for any bytes.
    ValueError
        If ``max_side`` is below 1.
    """
    if max_side is not None and max_side < 1:
        raise ValueError(f"max_side is {max_side}; expected at least 1")
    found = _check(data, limits, name)
    try:
        with _quiet_pillow():
            return _decode(data, found, max_side)
    except Exception as error:
        # Pillow's decoders raise whatever the damage leads to: OSError, SyntaxError, struct.error, ValueError ...
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise DataError(
            f"{name}: found a damaged {found} ({reason}); expected one that can be decoded.",
            fix="Replace the file with an intact copy.",
        ) from error


def _check(data: bytes, limits: ImageLimits, name: str) -> str:
    """Return the format, or say what is wrong; reads headers only."""
    if not data:
        raise DataError(f"{name}: found an empty file; expected a picture.", fix="Fetch or export the picture again.")
    if len(data) > limits.max_bytes:
        raise DataError(
            f"{name}: found {len(data):,} bytes; expected at most {limits.max_bytes:,}.",
            fix="Save the picture smaller, or raise ImageLimits.max_bytes.",
        )
    found = sniff_media(data[:64])
    if found not in FORMATS:
        raise DataError(
            f"{name}: found {found or 'no known format'} (begins {data[:8].hex(' ')}); expected JPEG, PNG, WebP, GIF.",
            fix="Convert the picture, or remove it from the product.",
        )
    size = image_size(data, found)
    if size is None or 0 in size:
        raise DataError(
            f"{name}: found a {found} without a readable size in its header; expected width and height.",
            fix="Replace the file with an intact copy.",
        )
    _check_size(size, limits, name)
    if not is_complete(data, found):
        raise DataError(
            f"{name}: found a truncated {found} of {len(data):,} bytes; expected the end of the file.",
            fix="Fetch or copy the file again.",
        )
    return found


def _check_size(size: tuple[int, int], limits: ImageLimits, name: str) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise DataError(
            f"{name}: found {width} x {height} = {width * height:,} pixels; expected at most {limits.max_pixels:,}.",
            fix="Save the picture smaller, or raise ImageLimits.max_pixels.",
        )
    if min(size) < limits.min_side or max(size) > limits.max_side:
        raise DataError(
            f"{name}: found {width} x {height} pixels; expected sides from {limits.min_side} to {limits.max_side}.",
            fix="Replace the picture, or change ImageLimits.min_side and max_side.",
        )


def _decode(data: bytes, format_name: str, max_side: int | None) -> Image:
    from PIL import Image as pil

    with pil.open(io.BytesIO(data), formats=[format_name.upper()]) as opened:
        if max_side is not None and max(opened.size) > max_side:
            opened.draft("RGB", (max_side, max_side))
        opened.load()
        orientation = opened.getexif().get(_ORIENTATION, 1) if "exif" in opened.info else 1
        picture = _to_rgb(opened) if max_side is None else _fitted_rgb(opened, max_side)
    pixels = np.asarray(picture, dtype=np.uint8)
    return np.ascontiguousarray(_upright(pixels, orientation))


def _fitted_rgb(picture: pil.Image, max_side: int) -> pil.Image:
    """sRGB, the longer side at most ``max_side``.

    A large picture is brought to an integer fraction of its size first, band by band: converting tens of millions of
    pixels at once would take several times their memory.
    """
    from PIL import Image as pil

    width, height = picture.size
    scale = max_side / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    across, along = (max(1, int(side / wished / _GAP)) for side, wished in zip(picture.size, size, strict=True))
    if max(across, along) < 2 or width * height < _LARGE:
        fitted = _to_rgb(picture)
        fitted.thumbnail((max_side, max_side), pil.Resampling.LANCZOS, reducing_gap=_GAP)
        return fitted
    coarse = pil.new("RGB", (-(-width // across), -(-height // along)))
    rows = along * max(1, _BAND // (width * along))
    for top in range(0, height, rows):
        band = _to_rgb(picture.crop((0, top, width, min(height, top + rows))))
        coarse.paste(band.reduce((across, along)), (0, top // along))
    return coarse.resize(size, pil.Resampling.LANCZOS, box=(0, 0, width / across, height / along))


def _to_rgb(picture: pil.Image) -> pil.Image:
    """sRGB without alpha, whatever the mode."""
    from PIL import Image as pil

    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _eight_bits(picture)
    if picture.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return pil.alpha_composite(pil.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _eight_bits(picture: pil.Image) -> pil.Image:
    """The upper byte of 16-bit grey; Pillow's own conversion would clip at 255."""
    from PIL import Image as pil

    values = np.asarray(picture)
    grey = pil.fromarray((np.clip(values, 0, 65_535).astype(np.uint16) >> 8).astype(np.uint8))
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        opaque = pil.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
        return pil.merge("LA", (grey, opaque))
    return grey


def _upright(pixels: Image, orientation: object) -> Image:
    """Undo the camera's orientation (Exif 2.32, tag 274); unknown values mean upright."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


# --- warnings -------------------------------------------------------------------------------------------------------

_QUIET_LOCK = Lock()
_quiet_depth = 0
_quiet_filters: warnings.catch_warnings[None] | None = None


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Mute Pillow's own warnings while any thread decodes; the filters of the process come back after the last.

    ``catch_warnings`` alone is not safe between threads: the one that leaves last would restore another's filters.
    """
    global _quiet_depth, _quiet_filters
    with _QUIET_LOCK:
        if _quiet_depth == 0:
            _quiet_filters = warnings.catch_warnings(action=None)
            _quiet_filters.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\b")
        _quiet_depth += 1
    try:
        yield
    finally:
        with _QUIET_LOCK:
            _quiet_depth -= 1
            if _quiet_depth == 0 and _quiet_filters is not None:
                _quiet_filters.__exit__(None, None, None)
                _quiet_filters = None
