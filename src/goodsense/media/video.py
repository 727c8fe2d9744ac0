"""Clips in files to arrays, safely: frames come back, or a ``DataError`` that says why not.

A first pass over the container counts the frames and learns their times without decoding one. From these the frames
that are wished for are chosen, and only what they depend on is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.media.containers import VIDEO_CODECS, codec_of, damaged, opened
from goodsense.media.frame_plan import Plan, Timeline, planned
from goodsense.media.motion_vectors import MotionField
from goodsense.media.reading import ClipWish, SoundWish
from goodsense.media.sniff import sniff_media
from goodsense.types import Clip, Sound

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

CLIPS = ("mp4", "webm", "avi", "gif")
_UNSPECIFIED = 2  # the colour space of a stream that names none (ITU-T H.273)
_EXPORT_VECTORS = 1 << 28  # AV_CODEC_FLAG2_EXPORT_MVS
_HD = 720  # lines from which such a stream means ITU-R BT.709


_USUAL = ClipWish()


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What is accepted, checked before a frame is decoded.

    Parameters
    ----------
    max_bytes
        Length of the file.
    max_pixels, max_side
        Width times height of a frame, and the longer of the two.
    max_seconds, max_frames
        Length of the clip, by the times of its frames, whatever its header says.
    max_decoded
        Pixels of all frames that may be decoded on the way to those wished for. Where it is not enough, frames soon
        after key frames stand in for those further on.
    max_returned
        Bytes of the frames that are returned.

    Raises
    ------
    ValueError
        If a limit is not positive.
    """

    max_bytes: int = 200 * 2**20
    max_pixels: int = 4096 * 2304
    max_side: int = 8192
    max_seconds: float = 3600.0
    max_frames: int = 200_000
    max_decoded: int = 600_000_000
    max_returned: int = 128 * 2**20

    def __post_init__(self) -> None:
        sizes = (self.max_bytes, self.max_pixels, self.max_side, self.max_frames, self.max_decoded, self.max_returned)
        if min(sizes) < 1 or not self.max_seconds > 0:
            raise ValueError(f"{self}: every limit must be positive")


def decode_video(
    data: bytes, *, wish: ClipWish = _USUAL, limits: VideoLimits = VideoLimits(), name: str = "clip"
) -> Clip:
    """Decode frames of an MP4, QuickTime, WebM, Matroska, AVI or animated GIF.

    The clip is divided into ``wish.fps`` equal spans per second, ``wish.max_frames`` at most over the whole of it, and
    of each the frame is taken that is shown in its middle; a frame that is shown through several spans comes once. So
    frames of a variable rate are taken by their times. Where the source has at least three times as many frames,
    those that no other frame depends on are not decoded, and the frame before such a one is taken.

    Frames are upright (the display matrix of ISO 14496-12 is undone) and have square pixels. Streams that name no
    colour space are taken for BT.709 from 720 lines, for BT.601 below. A file that ends early gives what is there.

    Parameters
    ----------
    data
        The whole file.
    wish
        Which frames, their size, and what comes with them.
    limits
        What is accepted.
    name
        How messages call the file.

    Raises
    ------
    DataError
        If the data is no such clip, breaks a limit, has no frame that can be decoded, or is damaged; with the reason.
        Nothing else is raised for any bytes.
    ValueError
        If the wish is not positive.
    """
    if not wish.fps > 0 or wish.max_frames < 1 or (wish.max_side is not None and wish.max_side < 1):
        raise ValueError(f"{wish}: expected a positive number of frames and pixels")
    kind = _kind_of(data, limits, name)
    with opened(data, kind, name=name, max_pixels=limits.max_pixels) as container:
        clip = _decoded(container, kind, wish, limits, name)
    if wish.sound is None:
        return clip
    return replace(clip, sound=_sound_track(data, kind, wish.sound, name))


def _kind_of(data: bytes, limits: VideoLimits, name: str) -> str:
    if not data:
        raise DataError(f"{name}: found an empty file; expected a clip.", fix="Fetch or export the clip again.")
    if len(data) > limits.max_bytes:
        raise DataError(
            f"{name}: found {len(data):,} bytes; expected at most {limits.max_bytes:,}.",
            fix="Save the clip smaller, or raise VideoLimits.max_bytes.",
        )
    kind = sniff_media(data[:64])
    if kind not in CLIPS:
        raise DataError(
            f"{name}: found {kind or 'no known format'} (begins {data[:8].hex(' ')}); expected MP4, QuickTime, WebM, "
            "Matroska, AVI or GIF.",
            fix="Convert the clip, or remove it from the product.",
        )
    return str(kind)


def _decoded(container: InputContainer, kind: str, wish: ClipWish, limits: VideoLimits, name: str) -> Clip:
    stream = _stream_of(container, kind, limits, name)
    timeline = _timeline(container, stream, kind, limits, name)
    codec = stream.codec_context
    plan = planned(timeline, wish, most=max(1, limits.max_decoded // (codec.width * codec.height)))
    codec.options = {"max_pixels": str(limits.max_pixels)}
    if wish.motion:
        codec.flags2 |= _EXPORT_VECTORS
    if timeline.rate >= 3 * wish.fps:
        codec.skip_frame = "NONREF"
    taken = _Taken(plan, wish, limits, name, timeline)
    for frame in _frames(container, stream, plan):
        taken.see(frame)
    return taken.clip(timeline.seconds, kind)


def _stream_of(container: InputContainer, kind: str, limits: VideoLimits, name: str) -> Any:
    import av

    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        raise DataError(
            f"{name}: found {kind} without pictures; expected a clip.", fix="Give it as a sound, or use another file."
        )
    stream = streams[0]
    codec = codec_of(stream, VIDEO_CODECS, name=name)
    width, height = codec.width, codec.height
    if min(width, height) < 1:
        raise damaged(kind, "the size of its frames is unknown", name)
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise DataError(
            f"{name}: found frames of {width} x {height} = {width * height:,} pixels; expected at most "
            f"{limits.max_pixels:,} and {limits.max_side:,} a side.",
            fix="Save the clip smaller, or raise VideoLimits.max_pixels.",
        )
    return stream


def _timeline(container: InputContainer, stream: Any, kind: str, limits: VideoLimits, name: str) -> Timeline:
    """Times of all frames, from a pass over the packets."""
    timeline = Timeline(
        float(stream.time_base or 0) or 1 / 90_000,
        rate=float(stream.average_rate or 0),
        aspect=float(stream.sample_aspect_ratio or 1),
    )
    for packet in _packets(container, stream):
        timeline.add(packet.pts, packet.dts, packet.duration, is_key=packet.is_keyframe, is_shown=not packet.is_discard)
        if len(timeline) > limits.max_frames:
            raise DataError(
                f"{name}: found more than {limits.max_frames:,} frames; expected at most so many.",
                fix="Cut the clip, or raise VideoLimits.max_frames.",
            )
    timeline.close()
    if not len(timeline):
        raise damaged(kind, "it holds no frame", name)
    if timeline.seconds > limits.max_seconds:
        raise DataError(
            f"{name}: found a clip of {timeline.seconds:,.0f} s; expected at most {limits.max_seconds:,.0f}.",
            fix="Cut the clip, or raise VideoLimits.max_seconds.",
        )
    return timeline


def _packets(container: InputContainer, stream: Any) -> Iterator[Any]:
    """Packets of the stream, up to the end or the first damage of the container."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        if packet.size:
            yield packet


def _frames(container: InputContainer, stream: Any, plan: Plan) -> Iterator[VideoFrame]:
    """Frames of the planned runs of packets, by their times within each run."""
    import av

    codec = stream.codec_context
    container.seek(plan.first, stream=stream)
    runs = iter(plan.runs)
    start, end = next(runs)
    for number, packet in enumerate(_packets(container, stream)):
        if number < start:
            continue
        yield from _decoding(codec, packet)
        if number < end:
            continue
        yield from _decoding(codec, None)
        codec.flush_buffers()
        try:
            start, end = next(runs)
        except StopIteration:
            return
    try:  # the file ended before its index
        yield from _decoding(codec, None)
    except av.error.FFmpegError:
        return


def _decoding(codec: Any, packet: Any) -> Sequence[VideoFrame]:
    """Frames that a packet brings forth; of a damaged one none, as players do."""
    import av

    try:
        frames: list[VideoFrame] = codec.decode(packet)
    except (av.error.InvalidDataError, av.error.EOFError):
        return ()
    return frames


class _Taken:
    """Takes the planned frames out of those that are decoded."""

    def __init__(self, plan: Plan, wish: ClipWish, limits: VideoLimits, name: str, timeline: Timeline) -> None:
        from av.video.reformatter import VideoReformatter

        self._targets = plan.targets
        self._wish = wish
        self._limits = limits
        self._name = name
        self._timeline = timeline
        self._scale = VideoReformatter().reformat
        self._size = (0, 0)
        self._turns = 0
        self._next = 0  # the target that is waited for
        self._before: tuple[float, VideoFrame] | None = None
        self._frames: list[NDArray[np.uint8]] = []
        self._times: list[float] = []
        self._field = MotionField() if wish.motion else None
        self._motion: list[NDArray[np.float32]] = []

    def see(self, frame: VideoFrame) -> None:
        """Look at the next frame; what was shown until now is taken where a target lies before this one."""
        time = self._timeline.time_of(frame.pts)
        if not self._turns and not self._size[0]:
            self._measure(frame)
        if self._before is not None:
            time = max(time, self._before[0])
            self._take_until(time)
        self._before = (time, frame)
        if self._field is not None:
            self._field.see(frame, time)

    def clip(self, seconds: float, kind: str) -> Clip:
        self._take_until(float("inf"))
        if not self._frames:
            raise damaged(kind, "none of its frames can be decoded", self._name)
        frames = np.stack(self._frames)
        motion = None
        if self._field is not None and self._field.found:
            motion = self._field.turned(np.stack(self._motion), self._turns)
        return Clip(frames, np.asarray(self._times, dtype=np.float64), seconds, motion=motion)

    def _take_until(self, time: float) -> None:
        if self._before is None:
            return
        due = False
        while self._next < len(self._targets) and self._targets[self._next] < time:
            self._next += 1
            due = True
        if due:
            self._take(*self._before)

    def _take(self, time: float, frame: VideoFrame) -> None:
        if self._times and time <= self._times[-1]:
            return
        self._times.append(time)
        self._frames.append(self._pixels(frame))
        if self._field is not None:
            self._motion.append(self._field.mean())

    def _measure(self, frame: VideoFrame) -> None:
        """Size and turning of the result, from the first frame."""
        width, height = frame.width * self._timeline.aspect, float(frame.height)
        wished = self._wish.max_side
        scale = 1.0 if wished is None else min(1.0, wished / max(width, height))
        self._size = (max(1, round(width * scale)), max(1, round(height * scale)))
        self._turns = round(frame.rotation / 90) % 4
        returned = 3 * self._size[0] * self._size[1] * len(self._targets)
        if returned > self._limits.max_returned:
            raise DataError(
                f"{self._name}: {len(self._targets)} frames of {self._size[0]} x {self._size[1]} take {returned:,} "
                f"bytes; expected at most {self._limits.max_returned:,}.",
                fix="Wish for smaller or fewer frames, or raise VideoLimits.max_returned.",
            )

    def _pixels(self, frame: VideoFrame) -> NDArray[np.uint8]:
        width, height = self._size
        from av.video.reformatter import Colorspace

        space = Colorspace.ITU709 if frame.colorspace == _UNSPECIFIED and frame.height >= _HD else None
        scaled = self._scale(
            frame, width=width, height=height, format="rgb24", src_colorspace=space, interpolation="AREA", threads=1
        )
        return np.ascontiguousarray(np.rot90(scaled.to_ndarray(), self._turns))


def _sound_track(data: bytes, kind: str, wish: SoundWish, name: str) -> Sound | None:
    """The clip's sound; None where there is none, or none that can be heard."""
    from goodsense.media.audio import decode_audio

    if kind == "gif":
        return None
    try:
        return decode_audio(data, name=name, rate=wish.rate, mono=wish.mono, max_seconds=wish.max_seconds)
    except DataError:
        return None
