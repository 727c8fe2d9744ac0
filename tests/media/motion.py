"""Clips and sounds made by code, and their files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODECS = {"mp4": "libx264", "mov": "libx264", "webm": "libvpx", "matroska": "libx264", "avi": "mpeg4"}
_QUICK = {
    "libx264": {"preset": "ultrafast", "crf": "12"},
    "libvpx": {"cpu-used": "8", "deadline": "realtime", "b": "2M"},
    "libvpx-vp9": {"cpu-used": "8", "deadline": "realtime", "b": "2M"},
    "mpeg4": {"qscale": "2", "b": "4M"},
}


def moving(count: int, height: int = 64, width: int = 96) -> NDArray[np.uint8]:
    """``(count, h, w, 3)``: the number of the frame is its brightness, 8 + 4 n; the upper left quarter is red."""
    frames = np.zeros((count, height, width, 3), dtype=np.uint8)
    frames[:] = (8 + 4 * np.arange(count))[:, None, None, None]
    frames[:, : height // 2, : width // 2] = (220, 20, 20)
    return frames


def number_of(frame: NDArray[np.uint8]) -> int:
    """Which of :func:`moving` it is, by its lower right quarter (which stays there unless the clip is turned)."""
    height, width = frame.shape[:2]
    return round((float(frame[height // 2 + 2 :, width // 2 + 2 :].mean()) - 8) / 4)


def clip(
    frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    *,
    format_name: str = "mp4",
    codec: str = "",
    rate: int = 25,
    milliseconds: Sequence[int] | None = None,
    rotation: int = 0,
    aspect: Fraction | None = None,
    track: NDArray[np.float32] | None = None,
    metadata: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> bytes:
    """A clip of the frames, at a rate or at the times given; ``track`` is a mono sound at 48 kHz."""
    import av

    codec = codec or CODECS[format_name]
    file = io.BytesIO()
    with av.open(file, "w", format=format_name) as container:
        container.metadata.update(metadata or {})
        stream: Any = container.add_stream(codec, rate=rate, options={**_QUICK.get(codec, {}), **(options or {})})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        unit = Fraction(1, 1000) if milliseconds is not None else Fraction(1, rate)
        stream.codec_context.time_base = unit
        sounding: Any = (
            container.add_stream(_sound_codec(format_name), rate=48_000, layout="mono") if track is not None else None
        )
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = (milliseconds[number] if milliseconds is not None else number), unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sounding is not None and track is not None:
            _mux_sound(container, sounding, track)
    return file.getvalue()


def _sound_codec(format_name: str) -> str:
    return "libopus" if format_name == "webm" else "mp3" if format_name == "avi" else "aac"


def _mux_sound(container: Any, stream: Any, track: NDArray[np.float32], rate: int = 48_000) -> None:
    import av

    context = stream.codec_context
    context.open(strict=False)
    resampler = av.AudioResampler(context.format, context.layout, rate, frame_size=context.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(track.astype(np.float32)[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    for part in (*resampler.resample(frame), *resampler.resample(None)):
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))


def sound_track(
    track: NDArray[np.float32],
    format_name: str,
    codec: str,
    rate: int = 48_000,
    *,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A mono sound in a container that only FFmpeg writes."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=format_name) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=rate, layout="mono")
        _mux_sound(container, stream, track, rate)
    return file.getvalue()


def sound(samples: NDArray[Any], rate: int, format_name: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """A sound ``(n, channels)`` as a file of libsndfile's."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format_name, subtype=subtype)
    return file.getvalue()
