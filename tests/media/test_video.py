"""Clips of every usual form, and of unusual ones, give the right frames at the right times, or a clear reason."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.media import VideoLimits, decode_video
from goodsense.media.frame_plan import Timeline, planned
from goodsense.media.reading import ClipWish, SoundWish

from .motion import clip, moving, number_of
from .pictures import encoded

ALL = ClipWish(fps=25, max_frames=1000, max_side=None)


def numbers(frames: NDArray[np.uint8]) -> list[int]:
    return [number_of(frame) for frame in frames]


@pytest.mark.parametrize(
    ("format_name", "codec"),
    [("mp4", "libx264"), ("mov", "libx264"), ("mp4", "mpeg4"), ("webm", "libvpx"), ("webm", "libvpx-vp9"),
     ("matroska", "libx264"), ("avi", "mpeg4"), ("avi", "mjpeg")],
)  # fmt: skip
def test_every_frame_of_every_container(format_name: str, codec: str) -> None:
    frames = moving(30)
    found = decode_video(clip(frames, format_name=format_name, codec=codec), wish=ALL)
    assert numbers(found.frames) == list(range(30))
    assert found.times == pytest.approx(np.arange(30) / 25, abs=0.002)
    assert found.seconds == pytest.approx(1.2, abs=0.002)
    assert np.abs(found.frames[:, 4:28, 4:44].astype(int) - (220, 20, 20)).max() < 25
    assert found.sound is None
    assert found.motion is None


def test_frames_are_spread_by_their_times() -> None:
    data = clip(moving(50), options={"g": "12", "bf": "2"})
    four = decode_video(data, wish=ClipWish(fps=4, max_frames=64))
    assert numbers(four.frames) == pytest.approx([3, 9, 15, 21, 28, 34, 40, 46], abs=2)  # the middles of 1/4 s
    assert four.times == pytest.approx(np.arange(8) / 4 + 0.12, abs=0.08)
    few = decode_video(data, wish=ClipWish(fps=4, max_frames=3))
    assert numbers(few.frames) == pytest.approx([8, 25, 41], abs=2)
    dense = decode_video(data, wish=ClipWish(fps=10, max_frames=64))
    assert numbers(dense.frames) == [int(25 * (n + 0.5) / 10) for n in range(20)]
    assert len(decode_video(data, wish=ClipWish(fps=1000, max_frames=9999)).frames) == 50
    assert len(decode_video(data, wish=ClipWish(fps=0.01)).frames) == 1


def test_a_variable_rate_is_followed_by_time() -> None:
    """Ten frames in the first second, then two that stay for one each."""
    times = [*range(0, 1000, 100), 1000, 2000, 3000]
    for format_name in ("mp4", "matroska", "webm"):
        data = clip(moving(13), format_name=format_name, milliseconds=times)
        found = decode_video(data, wish=ClipWish(fps=2, max_frames=64))
        assert numbers(found.frames)[:4] == [2, 7, 10, 11]
        assert found.times[:4] == pytest.approx([0.2, 0.7, 1.0, 2.0], abs=0.01)
        assert found.seconds == pytest.approx(3.1, abs=0.3)


@pytest.mark.parametrize("format_name", ["mp4", "webm", "avi", "matroska"])
def test_one_frame_is_a_clip(format_name: str) -> None:
    found = decode_video(clip(moving(1), format_name=format_name), wish=ClipWish(motion=True))
    assert found.frames.shape == (1, 64, 96, 3)
    assert found.times.tolist() == [0.0]
    assert 0 < found.seconds < 0.2
    assert found.motion is None


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)])
def test_portrait_clips_stand_upright(matrix: tuple[int, int, int, int], turns: int) -> None:
    """The matrix of ISO 14496-12, 6.2.2, maps (x, y) to (a x + c y, b x + d y): (0, 1, -1, 0) turns clockwise."""
    data = _with_matrix(clip(moving(20)), matrix)
    found = decode_video(data, wish=ALL)
    expected = np.rot90(decode_video(clip(moving(20)), wish=ALL).frames, turns, axes=(1, 2))
    assert np.array_equal(found.frames, expected)
    assert found.frames.flags.c_contiguous


def _with_matrix(data: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    values = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return data[:at] + values + data[at + 36 :]


def test_motion_is_told_as_the_codec_found_it() -> None:
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 256, (20, 30, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    scene = cv2.GaussianBlur(scene, (0, 0), 3)
    frames = [np.roll(scene, (-2 * n, 4 * n), (0, 1))[:96, :160] for n in range(20)]
    data = clip(frames, codec="mpeg4", options={"g": "100"})
    for wish in (ClipWish(fps=25, motion=True), ClipWish(fps=5, motion=True)):
        found = decode_video(data, wish=wish)
        assert found.motion is not None
        assert found.motion.shape == (len(found.frames), 6, 10, 2)
        expected = np.array([4 * 25 / 160, -2 * 25 / 96])
        assert np.median(found.motion[1:], axis=(0, 1, 2)) == pytest.approx(expected, rel=0.05)
    turned = decode_video(_with_matrix(data, (0, 1, -1, 0)), wish=ClipWish(fps=25, motion=True)).motion
    assert turned is not None
    assert turned.shape[1:] == (10, 6, 2)
    assert np.median(turned[1:], axis=(0, 1, 2)) == pytest.approx([2 * 25 / 96, 4 * 25 / 160], rel=0.05)
    assert decode_video(clip(moving(5), format_name="webm"), wish=ClipWish(motion=True)).motion is None


def test_the_sound_track_comes_when_wished() -> None:
    track = np.sin(np.arange(24_000) / 10).astype(np.float32) / 2
    data = clip(moving(12), track=track)
    found = decode_video(data, wish=ClipWish(sound=SoundWish(rate=8_000)))
    assert found.sound is not None
    assert found.sound.rate == 8_000
    assert found.sound.seconds == pytest.approx(0.5, abs=0.08)
    assert decode_video(data).sound is None
    assert decode_video(clip(moving(2)), wish=ClipWish(sound=SoundWish())).sound is None


def test_size_and_shape_of_pixels() -> None:
    wide = moving(3, 64, 128)
    assert decode_video(clip(wide), wish=ClipWish(max_side=32)).frames.shape[1:] == (16, 32, 3)
    assert decode_video(clip(wide), wish=ClipWish(max_side=500)).frames.shape[1:] == (64, 128, 3)
    stretched = decode_video(clip(wide, aspect=Fraction(3, 2)), wish=ClipWish(max_side=None))
    assert stretched.frames.shape[1:] == (64, 192, 3)
    tiny = decode_video(clip(moving(2, 2, 2)), wish=ClipWish(max_side=1))
    assert tiny.frames.shape[1:] == (1, 1, 3)


def test_an_animated_gif_is_a_clip() -> None:
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in moving(6)]
    data = encoded(pictures[0], "gif", save_all=True, append_images=pictures[1:], duration=200, loop=0)
    found = decode_video(data, wish=ClipWish(fps=5))
    assert numbers(found.frames) == [0, 1, 2, 3, 4, 5]
    assert found.times == pytest.approx(np.arange(6) / 5, abs=0.01)


def test_a_clip_that_ends_early_gives_what_is_there() -> None:
    for format_name in ("matroska", "webm", "avi"):
        frames = np.random.default_rng(0).integers(0, 256, (30, 64, 96, 3), dtype=np.uint8)
        data = clip(frames, format_name=format_name)
        found = decode_video(data[: len(data) // 2], wish=ALL)
        assert 5 < len(found.frames) < 25
    with pytest.raises(DataError, match=r"damaged mp4"):
        decode_video(clip(moving(30))[:-400])  # the index at its end is cut


def test_limits_are_kept() -> None:
    data = clip(moving(30))
    for limits, said in (
        (VideoLimits(max_bytes=100), "expected at most 100"),
        (VideoLimits(max_pixels=6000), "frames of 96 x 64 = 6,144 pixels; expected at most 6,000"),
        (VideoLimits(max_side=90), "and 90 a side"),
        (VideoLimits(max_seconds=1.0), "a clip of 1 s; expected at most 1"),
        (VideoLimits(max_frames=20), "more than 20 frames"),
        (VideoLimits(max_returned=90_000), "5 frames of 96 x 64 take 92,160 bytes"),
    ):
        with pytest.raises(DataError, match=said) as caught:
            decode_video(data, limits=limits, name="kite.mp4")
        assert caught.value.message.startswith("kite.mp4: ")
        assert caught.value.fix
    assert len(decode_video(data, limits=VideoLimits(max_returned=92_160)).frames) == 5
    with pytest.raises(ValueError, match="positive"):
        VideoLimits(max_seconds=0)
    for wish in (ClipWish(fps=0), ClipWish(max_frames=0), ClipWish(max_side=0)):
        with pytest.raises(ValueError, match="positive"):
            decode_video(data, wish=wish)


def test_a_long_clip_is_decoded_near_its_key_frames_only() -> None:
    """Each group has 20 frames; three may be decoded of each, so none further on is taken."""
    data = clip(moving(60), options={"g": "20", "keyint_min": "20", "sc_threshold": "0"})
    limits = VideoLimits(max_decoded=9 * 64 * 96)
    found = decode_video(data, wish=ClipWish(fps=8, max_frames=3), limits=limits)
    assert [number % 20 for number in numbers(found.frames)] == [2, 2, 2]
    assert [number // 20 for number in numbers(found.frames)] == [0, 1, 2]


def test_plans_decode_what_is_needed() -> None:
    timeline = Timeline(0.1)
    for pts in (0, 2, 1, 3, 4, 6, 5, 7):  # two groups of four, of which the third comes before the second
        timeline.add(pts, None, 1, is_key=pts % 4 == 0, is_shown=True)
    timeline.close()
    assert timeline.seconds == pytest.approx(0.8)
    plan = planned(timeline, ClipWish(fps=2.5), most=100)
    assert plan.targets == pytest.approx([0.2, 0.6])
    assert plan.runs == [(0, 1), (4, 5)]
    assert planned(timeline, ClipWish(fps=2.5), most=2).runs == [(0, 0), (4, 4)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty file"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n", "no known format"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "no known format"),
        (b"<?xml version='1.0'?><MPD></MPD>", "no known format"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "png"),
        (b"RIFF\0\0\0\0WAVE" + bytes(60), "wav"),
        (b"\0\0\0\x18ftypisom" + bytes(100), "damaged mp4"),
        (b"\x1aE\xdf\xa3" + bytes(100), "webm"),
        (b"RIFF\xff\xff\xff\xffAVI " + bytes(100), "avi"),
    ],
)
def test_what_is_no_clip_is_named(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        decode_video(data, name="a.mp4")
    assert "expected" in caught.value.message
    assert caught.value.fix


def test_a_sound_is_no_clip() -> None:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DataError, match="found mp4 without pictures"):
        decode_video(file.getvalue())
