"""Containers of sound and pictures in motion, opened so that nothing but their own bytes can be read.

The demuxer is named from the file's first bytes, never chosen by the library, so no playlist, no concat script and no
device is ever tried; a container that points elsewhere (``dref`` of QuickTime) finds every protocol closed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from goodsense.errors import DataError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

DEMUXERS = {
    "mp4": "mp4",
    "m4a": "mp4",
    "webm": "matroska",
    "avi": "avi",
    "gif": "gif",
    "wav": "wav",
    "flac": "flac",
    "ogg": "ogg",
    "mp3": "mp3",
    "aac": "aac",
    "aiff": "aiff",
}
"""The format that :func:`~goodsense.media.sniff.sniff_media` names -> the demuxer that reads it."""

VIDEO_CODECS = (
    "h264 hevc vp8 libvpx vp9 libvpx-vp9 av1 libdav1d libaom-av1 mpeg4 msmpeg4v2 msmpeg4 h263 mjpeg mpeg1video "
    "mpeg2video theora prores gif rawvideo png"
).split()
AUDIO_CODECS = (
    "aac mp3float mp3 opus libopus vorbis libvorbis flac alac ac3 eac3 wmav2 adpcm_ms adpcm_ima_wav adpcm_ima_qt "
    "pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le "
    "pcm_f64be pcm_mulaw pcm_alaw gsm_ms"
).split()
_MOST_STREAMS = 32
_BUFFER = 1 << 18  # bytes that are read at a time


@contextmanager
def opened(data: bytes, kind: str, *, name: str, max_pixels: int = 1 << 24) -> Iterator[InputContainer]:
    """The container in ``data``, of a format that was found by its first bytes.

    Raises
    ------
    DataError
        If it cannot be opened, or whatever is done with it meets damage.
    """
    import av

    options = {
        "protocol_whitelist": "none",
        "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,wav,flac,ogg,mp3,aac,aiff",
        "codec_whitelist": ",".join((*VIDEO_CODECS, *AUDIO_CODECS)),
        "max_streams": str(_MOST_STREAMS),
        "max_pixels": str(max_pixels),
        "threads": "1",
    }
    try:
        with av.open(
            io.BytesIO(data), format=DEMUXERS[kind], options=options, io_open=_refuse, buffer_size=_BUFFER
        ) as container:
            yield container
    except DataError:
        raise
    except Exception as error:  # the library turns damage into errors of many kinds
        raise damaged(kind, error, name) from error


def codec_of(stream: Stream, allowed: list[str], *, name: str) -> Any:
    """The stream's decoder, for one thread.

    Raises
    ------
    DataError
        If there is none for it, or none that is allowed.
    """
    codec = stream.codec_context
    found = codec.codec.name if codec is not None else ""
    if codec is None or found not in allowed:
        raise DataError(
            f"{name}: found {stream.type} of the codec {found or 'unknown'}; expected {', '.join(allowed[:5])} or the "
            "like.",
            fix="Convert the file, for example to H.264 and AAC in MP4.",
        )
    codec.thread_count = 1
    return codec


def damaged(kind: str, error: BaseException | str, name: str) -> DataError:
    """What to say of a file that cannot be decoded."""
    said = getattr(error, "strerror", None) or str(error)
    reason = said if isinstance(error, str) else f"{type(error).__name__}: {said}".rstrip(": ")
    return DataError(
        f"{name}: found a damaged {kind} ({reason:.200}); expected one that can be decoded.",
        fix="Replace the file with an intact copy.",
    )


def _refuse(url: str, flags: int, options: dict[str, str]) -> Any:
    raise PermissionError(f"the file points to {url[:80]!r}, which is never opened")
