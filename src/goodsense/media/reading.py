"""How an encoder wishes its media to be decoded, and the functions that read and decode a file.

A wish is plain data, so it travels to worker processes, and it is part of what decides a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, overload

from goodsense.errors import DataError, UsageError
from goodsense.types import Clip, Image, MediaRef, Sound


@dataclass(frozen=True)
class ImageWish:
    """A picture, its longer side at most ``max_side`` pixels (None: as it is)."""

    max_side: int | None = None


@dataclass(frozen=True)
class SoundWish:
    """A sound at ``rate`` samples per second (None: as it is), of several channels the mean if ``mono``, the first
    ``max_seconds`` of it."""

    rate: int | None = 16_000
    mono: bool = True
    max_seconds: float = 60.0


@dataclass(frozen=True)
class ClipWish:
    """Frames of a clip, ``fps`` per second and ``max_frames`` at most (then spread over the whole clip), the longer
    side at most ``max_side`` pixels; with the codec's motion vectors and the sound track where they are wished for."""

    fps: float = 4.0
    max_frames: int = 64
    max_side: int | None = 256
    motion: bool = False
    sound: SoundWish | None = None


Wish: TypeAlias = ImageWish | SoundWish | ClipWish


def read_bytes(ref: MediaRef) -> bytes:
    """What a local file holds.

    Raises
    ------
    UsageError
        If the reference is a URL.
    DataError
        If the file cannot be read.
    """
    if ref.is_url:
        raise UsageError(f"{ref.uri} is a URL.", fix="Download it and name the file.")
    try:
        return Path(ref.uri).read_bytes()
    except OSError as error:
        raise DataError(f"{ref.uri} cannot be read: {error.strerror or error}.") from error


@overload
def read_medium(data: bytes, wish: ImageWish, *, name: str = "medium") -> Image: ...
@overload
def read_medium(data: bytes, wish: SoundWish, *, name: str = "medium") -> Sound: ...
@overload
def read_medium(data: bytes, wish: ClipWish, *, name: str = "medium") -> Clip: ...
@overload
def read_medium(data: bytes, wish: Wish, *, name: str = "medium") -> Image | Sound | Clip: ...
def read_medium(data: bytes, wish: Wish, *, name: str = "medium") -> Image | Sound | Clip:
    """Decode a whole file as wished. A clip's file gives its sound track to a wish for a sound.

    Raises
    ------
    DataError
        If the data is no such medium, breaks a limit, or is damaged; with the reason.
    """
    if isinstance(wish, ImageWish):
        from goodsense.media.decode import decode_image

        return decode_image(data, name=name, max_side=wish.max_side)
    if isinstance(wish, SoundWish):
        from goodsense.media.audio import decode_audio

        return decode_audio(data, name=name, rate=wish.rate, mono=wish.mono, max_seconds=wish.max_seconds)
    from goodsense.media.video import decode_video

    return decode_video(data, wish=wish, name=name)
