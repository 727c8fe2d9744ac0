from __future__ import annotations

import io
import struct
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from goodsense.errors import DataError
from goodsense.media import ImageLimits, decode_image
from goodsense.media.sniff import image_size, is_complete

from .pictures import FORMATS, drawn, encoded

EXACT = ("png", "webp", "gif")


def close(found: np.ndarray, expected: np.ndarray, tolerance: int = 6) -> bool:
    return found.shape == expected.shape and bool(np.abs(found.astype(int) - expected.astype(int)).max() <= tolerance)


@pytest.mark.parametrize("format_name", FORMATS)
def test_pictures_come_back(format_name: str) -> None:
    picture = np.kron(drawn(6, 8), np.ones((8, 8, 1))).astype(np.uint8)  # quarters on JPEG's grid of eight
    found = decode_image(encoded(picture, format_name))
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert found.flags.writeable or not np.shares_memory(found, picture)
    assert close(found, picture, 0 if format_name in EXACT else 6)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("format_name", ["jpeg", "png", "webp"])
def test_the_cameras_orientation_is_undone(format_name: str, orientation: int) -> None:
    """Files are made by turning the upright picture the other way round, as Exif's table of orientations says."""
    upright = np.kron(drawn(4, 6), np.ones((8, 8, 1))).astype(np.uint8)
    stored = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }.get(orientation, upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert close(decode_image(encoded(np.ascontiguousarray(stored), format_name, exif=exif)), upright)


def test_transparency_lies_over_white() -> None:
    rgba = np.zeros((4, 6, 4), dtype=np.uint8)
    rgba[:, :2] = (200, 0, 0, 255)
    rgba[:, 2:4] = (200, 0, 0, 0)
    rgba[:, 4:] = (0, 0, 0, 128)
    for format_name in ("png", "webp"):
        found = decode_image(encoded(Image.fromarray(rgba), format_name))
        assert found[0, 0].tolist() == [200, 0, 0]
        assert found[0, 2].tolist() == [255, 255, 255]
        assert close(found[:1, 4:5], np.full((1, 1, 3), 127, np.uint8), 1)


def test_every_mode_becomes_rgb() -> None:
    grey = Image.fromarray(np.tile(np.arange(0, 240, 10, dtype=np.uint8), (8, 1)))
    expected = np.repeat(np.asarray(grey)[:, :, None], 3, axis=2)
    assert close(decode_image(encoded(grey, "png")), expected, 0)
    assert close(decode_image(encoded(grey.convert("LA"), "png")), expected, 0)
    assert close(decode_image(encoded(grey.convert("P"), "png")), expected, 0)
    assert close(decode_image(encoded(grey, "jpeg")), expected)
    assert close(decode_image(encoded(grey.convert("RGB").convert("CMYK"), "jpeg")), expected, 8)
    assert set(np.unique(decode_image(encoded(grey.convert("1"), "png")))) <= {0, 255}


def test_sixteen_bits_keep_their_upper_byte() -> None:
    deep = (np.arange(12 * 20).reshape(12, 20) * 270).astype(np.uint16)
    found = decode_image(encoded(Image.fromarray(deep), "png"))
    assert np.array_equal(found[..., 0], deep >> 8)
    assert np.array_equal(found[..., 0], found[..., 2])


def test_palette_and_sixteen_bit_transparency() -> None:
    palette = Image.fromarray(drawn()).quantize(8)
    index = palette.getpixel((0, 0))
    found = decode_image(encoded(palette, "png", transparency=index))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert close(found[:1, -1:], drawn()[:1, -1:])
    deep = Image.fromarray(np.array([[0, 30_000]], dtype=np.uint16))
    assert decode_image(_with_chunk(encoded(deep, "png"), b"tRNS", b"\0\0"))[0, :, 0].tolist() == [255, 30_000 >> 8]


@pytest.mark.parametrize("format_name", ["png", "webp", "gif"])
def test_the_first_frame_of_an_animation(format_name: str) -> None:
    first = Image.fromarray(drawn())
    rest = [Image.new("RGB", first.size, "black")] * 3
    data = encoded(first, format_name, save_all=True, append_images=rest, duration=50)
    assert close(decode_image(data), drawn(), 0)


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_truncation_is_refused_with_a_reason(format_name: str) -> None:
    data = encoded(drawn(10, 12), format_name)
    for length in range(len(data)):
        with pytest.raises(DataError) as caught:
            decode_image(data[:length], name="kettle.jpg")
        assert caught.value.message.startswith("kettle.jpg: found ")
        assert "expected" in caught.value.message
        assert caught.value.fix


@pytest.mark.parametrize("format_name", FORMATS)
def test_bytes_after_the_end_do_no_harm(format_name: str) -> None:
    data = encoded(drawn(), format_name)
    assert np.array_equal(decode_image(data + b"\0" * 100), decode_image(data))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty file"),
        (b"hello, this is text", "no known format"),
        (b"<html><body>404</body></html>", "no known format"),
        (b"BM" + b"\0" * 60, "bmp"),
        (b"II*\0" + b"\0" * 60, "tiff"),
        (b"\0\0\0\x20ftypisom" + b"\0" * 60, "mp4"),
        (b"%PDF-1.7", "no known format"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        decode_image(data, name="a.jpg")
    assert "expected" in caught.value.message
    assert caught.value.fix


def test_a_decompression_bomb_is_refused_from_its_header() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(10**6)))
    bomb += _chunk(b"IEND", b"")
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"60000 x 60000 = 3,600,000,000 pixels; expected at most 50,000,000"):
        decode_image(bomb)
    assert time.perf_counter() - start < 0.5


def test_limits_are_kept() -> None:
    data = encoded(drawn(24, 36), "png")
    with pytest.raises(DataError, match="expected at most 100"):
        decode_image(data, limits=ImageLimits(max_bytes=100))
    with pytest.raises(DataError, match="864 pixels; expected at most 863"):
        decode_image(data, limits=ImageLimits(max_pixels=863))
    with pytest.raises(DataError, match="sides from 25"):
        decode_image(data, limits=ImageLimits(min_side=25))
    with pytest.raises(DataError, match="to 35"):
        decode_image(data, limits=ImageLimits(max_side=35))
    exact = ImageLimits(max_bytes=len(data), max_pixels=864, min_side=24, max_side=36)
    assert decode_image(data, limits=exact).shape == (24, 36, 3)


@pytest.mark.parametrize("limits", [{"max_bytes": 0}, {"max_pixels": 10**9}, {"min_side": 0}])
def test_impossible_limits_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"expected|at least"):
        ImageLimits(**limits)


@pytest.mark.parametrize("format_name", FORMATS)
def test_max_side_scales_in_proportion(format_name: str) -> None:
    data = encoded(drawn(300, 600), format_name)
    found = decode_image(data, max_side=100)
    assert found.shape == (50, 100, 3)
    assert close(found[5:20, 5:40], np.tile(np.array([[[200, 30, 30]]], np.uint8), (15, 35, 1)))
    assert decode_image(data, max_side=600).shape == (300, 600, 3)
    assert decode_image(data, max_side=5000).shape == (300, 600, 3)
    assert decode_image(encoded(drawn(2, 400), format_name), max_side=10).shape == (1, 10, 3)
    with pytest.raises(ValueError, match="max_side"):
        decode_image(data, max_side=0)


@pytest.mark.parametrize("format_name", FORMATS)
def test_headers_tell_the_size(format_name: str) -> None:
    data = encoded(drawn(23, 37), format_name)
    assert image_size(data, format_name) == (37, 23)
    assert image_size(encoded(Image.fromarray(drawn()).convert("RGBA"), "webp"), "webp") == (36, 24)
    assert image_size(encoded(drawn(23, 37), "webp", lossless=False), "webp") == (37, 23)
    assert is_complete(data, format_name)
    assert not is_complete(data[:-12], format_name)


def test_pillows_warnings_stay_inside_and_filters_come_back() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03\0\0\0\x01"  # five tags announced, one half there
    data = encoded(drawn(), "jpeg", exif=exif)
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as escaped:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        with pytest.warns(UserWarning, match="EXIF"), Image.open(io.BytesIO(data)) as opened:
            opened.getexif()
        with ThreadPoolExecutor(4) as pool:
            shapes = set(pool.map(lambda _: decode_image(data).shape, range(100)))
        assert warnings.filters == filters
    assert escaped == []
    assert shapes == {(24, 36, 3)}
    assert warnings.filters == before


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """The PNG with one more chunk before its pixels."""
    at = png.index(b"IDAT") - 4
    return png[:at] + _chunk(kind, data) + png[at:]


@pytest.mark.parametrize(("size", "mode"), [((4001, 2003), "RGB"), ((4001, 2003), "LA"), ((200, 45_001), "L")])
def test_large_pictures_are_scaled_in_bands_as_if_whole(size: tuple[int, int], mode: str) -> None:
    picture = Image.effect_noise((40, 30), 90).resize(size, Image.Resampling.BICUBIC).convert(mode)
    found = decode_image(encoded(picture, "png", compress_level=1), max_side=100)
    expected = picture.convert("RGB")
    expected.thumbnail((100, 100), Image.Resampling.LANCZOS, reducing_gap=3.0)
    assert close(found, np.asarray(expected), 1)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1)])
def test_the_smallest_and_the_longest_pictures(format_name: str, shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), (200, 30, 30), dtype=np.uint8)
    data = encoded(picture, format_name)
    assert close(decode_image(data), picture)
    assert close(decode_image(data, max_side=50), np.full((*np.minimum(shape, 50), 3), (200, 30, 30), np.uint8))
