"""What is kept of media says nothing of where, when and by whom; what it shows stays the same."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from PIL import Image, PngImagePlugin

from goodsense.media import decode_audio, decode_image, decode_video
from goodsense.media.strip import strip_metadata

from .motion import clip, moving, sound, sound_track
from .pictures import FORMATS, drawn, encoded

SECRET = b"47.3769 N 8.5417 E"


def told(format_name: str, orientation: int = 1) -> bytes:
    """A picture with a place in everything that can hold one."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif[0x0112] = orientation
    exif.get_ifd(0x8825)[2] = (47.0, 22.0, 36.0)
    options: dict[str, object] = {} if format_name == "gif" else {"exif": exif}
    if format_name in ("jpeg", "webp"):
        options["xmp"] = b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
    if format_name in ("jpeg", "gif"):
        options["comment"] = SECRET
    if format_name == "png":
        text = PngImagePlugin.PngInfo()
        text.add_text("Place", SECRET.decode())
        text.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        text.add_text("Packed", SECRET.decode() * 9, zip=True)
        options["pnginfo"] = text
    return encoded(drawn(), format_name, **options)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_places_go_and_the_picture_stays(format_name: str, orientation: int) -> None:
    data = told(format_name, orientation)
    assert SECRET in data
    stripped = strip_metadata(data + b"trailing " + SECRET if format_name != "webp" else data)
    assert SECRET not in stripped
    assert np.array_equal(decode_image(stripped), decode_image(data))
    assert strip_metadata(stripped) is stripped
    with Image.open(io.BytesIO(stripped)) as opened:
        assert set(dict(opened.getexif())) <= {0x0112}
        assert not {"comment", "xmp", "Place", "Packed", "XML:com.adobe.xmp"} & set(opened.info)


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_has_nothing_comes_back_itself(format_name: str) -> None:
    data = encoded(drawn(), format_name)
    assert strip_metadata(data) is data


def test_profiles_animation_and_density_stay() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for format_name in ("jpeg", "png", "webp"):
        picture = encoded(drawn(), format_name, icc_profile=profile, dpi=(72, 72), comment=b"x")
        with Image.open(io.BytesIO(strip_metadata(picture))) as opened:
            assert opened.info["icc_profile"] == profile
            assert opened.info.get("dpi", (72, 72)) == pytest.approx((72, 72), abs=0.1)
    frames = [Image.new("RGB", (36, 24), colour) for colour in ("black", "white")]
    for format_name in ("png", "webp", "gif"):
        data = encoded(
            Image.fromarray(drawn()), format_name, save_all=True, append_images=frames, duration=70, comment=b"x"
        )
        with Image.open(io.BytesIO(strip_metadata(data))) as opened:
            assert getattr(opened, "n_frames", 1) == 3
            assert opened.info.get("loop", 0) == 0


def test_progressive_and_cmyk_jpegs_stay_exact() -> None:
    for picture in (Image.fromarray(drawn(200, 300)), Image.fromarray(drawn(200, 300)).convert("CMYK")):
        data = encoded(picture, "jpeg", progressive=True, comment=SECRET, restart_marker_blocks=4)
        stripped = strip_metadata(data)
        assert SECRET not in stripped
        assert np.array_equal(decode_image(stripped), decode_image(data))


@pytest.mark.parametrize("format_name", FORMATS)
def test_damaged_files_are_left_alone(format_name: str) -> None:
    data = told(format_name)
    for length in range(0, len(data), 7):
        cut = data[:length]
        assert strip_metadata(cut) is cut


@pytest.mark.parametrize("format_name", ["mp4", "mov"])
def test_clips_forget_their_place_and_nothing_moves(format_name: str) -> None:
    place = "+47.3769+008.5417/"
    data = clip(moving(12), format_name=format_name, metadata={"location": place, "comment": SECRET.decode()})
    kept = b"loci" if format_name == "mp4" else place.encode()
    assert kept in data
    stripped = strip_metadata(data)
    assert kept not in stripped
    assert SECRET not in stripped
    assert len(stripped) == len(data)
    assert np.array_equal(decode_video(stripped).frames, decode_video(data).frames)
    assert strip_metadata(stripped) is stripped


def test_turned_clips_stay_turned() -> None:
    data = clip(moving(6), rotation=90, metadata={"comment": SECRET.decode()})
    stripped = strip_metadata(data)
    assert SECRET not in stripped
    assert decode_video(stripped).frames.shape == decode_video(data).frames.shape == (1, 96, 64, 3)


def test_absurd_boxes_are_left_alone() -> None:
    head = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
    for boxes in (b"\0\0\0\1moov" + b"\xff" * 8, b"\0\0\0\4moov", b"\xff\xff\xff\xffmoov", b"\0\0\0\0moov" * 50):
        assert strip_metadata(head + boxes) == head + boxes


def test_id3_tags_go() -> None:
    plain = sound(np.sin(np.arange(22_050) / 9)[:, None] / 2, 22_050, "MP3", "MPEG_LAYER_III")
    body = b"TIT2" + struct.pack(">IH", len(SECRET) + 1, 0) + b"\0" + SECRET
    size = bytes((len(body) >> shift & 0x7F) for shift in (21, 14, 7, 0))
    tagged = b"ID3\4\0\0" + size + body + plain + b"TAG" + SECRET.ljust(125, b"\0")
    assert strip_metadata(tagged) == plain
    assert strip_metadata(plain) is plain
    assert np.array_equal(decode_audio(tagged).samples, decode_audio(plain).samples)
    for length in range(0, 200, 3):
        assert isinstance(strip_metadata(tagged[:length]), bytes)


def _forgotten(data: bytes) -> bytes:
    """The file without what was told, as long as before."""
    assert SECRET in data
    stripped = strip_metadata(data)
    assert SECRET not in stripped
    assert len(stripped) == len(data)
    assert strip_metadata(stripped) is stripped
    return stripped


def _told_sound(format_name: str, codec: str) -> bytes:
    track = np.sin(np.arange(48_000) / 9).astype(np.float32) / 2
    tags = {"title": SECRET.decode(), "comment": SECRET.decode() * 40, "location": SECRET.decode()}
    if codec == "libvorbis":  # which PyAV comes without
        file = io.BytesIO()
        with soundfile.SoundFile(file, "w", 48_000, 1, "VORBIS", format="OGG") as opened:
            opened.title, opened.comment = tags["title"], tags["comment"]
            opened.write(track)
        return file.getvalue()
    return sound_track(track, format_name, codec, metadata=tags)


@pytest.mark.parametrize(
    ("format_name", "codec"),
    [
        ("wav", "pcm_s16le"),
        ("aiff", "pcm_s16be"),
        ("flac", "flac"),
        ("ogg", "libvorbis"),
        ("ogg", "libopus"),
        ("ogg", "flac"),
        ("webm", "libopus"),
        ("matroska", "pcm_s16le"),
    ],
)
def test_sounds_forget_their_tags_and_nothing_moves(format_name: str, codec: str) -> None:
    data = _told_sound(format_name, codec)
    stripped = _forgotten(data)
    assert np.array_equal(decode_audio(stripped).samples, decode_audio(data).samples)


@pytest.mark.parametrize("format_name", ["avi", "matroska", "webm"])
def test_clips_forget_their_tags_and_nothing_moves(format_name: str) -> None:
    data = clip(moving(12), format_name=format_name, metadata={"title": SECRET.decode(), "comment": SECRET.decode()})
    stripped = _forgotten(data)
    assert np.array_equal(decode_video(stripped).frames, decode_video(data).frames)


def test_pages_of_ogg_have_right_checksums() -> None:
    stripped = _forgotten(_told_sound("ogg", "libvorbis"))  # libogg refuses a page with a wrong one
    samples, _ = soundfile.read(io.BytesIO(stripped))
    assert len(samples) == pytest.approx(48_000, abs=2_048)


def test_notes_of_cameras_and_recorders_go() -> None:
    plain = sound(np.sin(np.arange(8_000) / 9)[:, None] / 2, 8_000)
    for kind, body in ((b"bext", SECRET), (b"iXML", SECRET), (b"JUNK", SECRET), (b"LIST", b"INFOICMT" + SECRET)):
        told = plain + kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
        assert np.array_equal(decode_audio(_forgotten(told)).samples, decode_audio(plain).samples)


def test_sounds_whose_length_was_never_written_stay_whole() -> None:
    plain = sound(np.sin(np.arange(8_000) / 9)[:, None] / 2, 8_000)
    at = plain.index(b"data") + 4
    for length in (0, 0xFFFFFFFF):
        data = plain[:at] + struct.pack("<I", length) + b"LIST\4\0\0\0odd " + plain[at + 4 :]
        assert strip_metadata(data) is data


@pytest.mark.parametrize(
    ("format_name", "codec"), [("wav", "pcm_s16le"), ("flac", "flac"), ("ogg", "libvorbis"), ("webm", "libopus")]
)
def test_damaged_containers_are_read_without_harm(format_name: str, codec: str) -> None:
    data = _told_sound(format_name, codec)
    rng = np.random.default_rng(4)
    for length in range(0, 4_000, 61):
        assert len(strip_metadata(data[:length])) == length
    for _ in range(200):
        damaged = bytearray(data)
        for place in rng.integers(0, 600, 4).tolist():
            damaged[place] = int(rng.integers(0, 256))
        assert isinstance(strip_metadata(bytes(damaged)), bytes)
