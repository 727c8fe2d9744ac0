"""Sounds in files to arrays, safely: an array comes back, or a ``DataError`` that says why not."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, NoSoundError
from goodsense.media.containers import AUDIO_CODECS, codec_of, damaged, opened
from goodsense.media.sniff import sniff_media
from goodsense.types import Sound

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

SOUNDS = ("wav", "flac", "ogg", "mp3", "m4a", "aac", "aiff")
CLIPS = ("mp4", "webm", "avi")  # their sound tracks
_BY_SNDFILE = {
    "wav": ("WAV", "WAVEX", "RF64"),
    "flac": ("FLAC",),
    "ogg": ("OGG",),
    "mp3": ("MP3", "MPEG"),
    "aiff": ("AIFF",),
}
_BLOCK = 1 << 17  # values that are decoded at a time


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """What is accepted.

    Parameters
    ----------
    max_bytes
        Length of the file.
    min_rate, max_rate
        Samples per second, as the file states them.
    max_channels
        Channels of the file.
    max_values
        Samples times channels of what is returned.

    Raises
    ------
    ValueError
        If a limit is below 1.
    """

    max_bytes: int = 200 * 2**20
    min_rate: int = 1_000
    max_rate: int = 768_000
    max_channels: int = 64
    max_values: int = 32_000_000

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.min_rate, self.max_rate, self.max_channels, self.max_values) < 1:
            raise ValueError(f"{self}: every limit must be at least 1")


def decode_audio(
    data: bytes,
    *,
    limits: AudioLimits = AudioLimits(),
    name: str = "sound",
    rate: int | None = None,
    mono: bool = True,
    max_seconds: float = 600.0,
) -> Sound:
    """Decode WAV, FLAC, Ogg (Vorbis, Opus), MP3, AIFF, M4A, AAC, or the sound track of an MP4, WebM or AVI.

    Integer samples are divided by their full scale. Where samples lie beyond 1, as floating point files may have
    them, the whole sound is divided by its peak. A file that ends early gives what is there.

    Parameters
    ----------
    data
        The whole file.
    limits
        What is accepted.
    name
        How messages call the file.
    rate
        Samples per second of what is returned, resampled without aliasing (about 100 dB down) and without delay; None
        keeps the file's own.
    mono
        The mean of all channels, ``(n, 1)``.
    max_seconds
        How much of the beginning is taken.

    Raises
    ------
    NoSoundError
        If a clip has no sound track.
    DataError
        If the data is no such sound, breaks a limit, holds no sample, or is damaged; with the reason. Nothing else is
        raised for any bytes.
    ValueError
        If ``rate`` is below 1, or ``max_seconds`` is not above 0.
    """
    if (rate is not None and rate < 1) or not max_seconds > 0:
        raise ValueError(f"rate is {rate}, max_seconds {max_seconds}; expected at least 1 and above 0")
    kind = _kind_of(data, limits, name)
    sink = _Sink(rate, mono, max_seconds, limits, name)
    try:
        for block in _blocks(data, kind, name):
            sink.take(block)
            if sink.full:
                break
        return sink.sound()
    except DataError:
        raise
    except Exception as error:
        raise damaged(kind, error, name) from error


def _kind_of(data: bytes, limits: AudioLimits, name: str) -> str:
    if not data:
        raise DataError(f"{name}: found an empty file; expected a sound.", fix="Fetch or export the sound again.")
    if len(data) > limits.max_bytes:
        raise DataError(
            f"{name}: found {len(data):,} bytes; expected at most {limits.max_bytes:,}.",
            fix="Save the sound smaller, or raise AudioLimits.max_bytes.",
        )
    kind = sniff_media(data[:64])
    if kind not in SOUNDS and kind not in CLIPS:
        raise DataError(
            f"{name}: found {kind or 'no known format'} (begins {data[:8].hex(' ')}); expected WAV, FLAC, Ogg, MP3, "
            "AIFF, M4A, AAC, or a clip in MP4, WebM or AVI.",
            fix="Convert the sound, or remove it from the product.",
        )
    return str(kind)


class _Sink:
    """Takes blocks as they are decoded; keeps only what is wished for, so memory does not grow with the file."""

    def __init__(self, rate: int | None, mono: bool, max_seconds: float, limits: AudioLimits, name: str) -> None:
        self._wished_rate = rate
        self._mono = mono
        self._max_seconds = max_seconds
        self._limits = limits
        self._name = name
        self._rate = 0
        self._left = 0
        self._channels: list[_Channel] = []

    @property
    def full(self) -> bool:
        return self._rate > 0 and self._left <= 0

    def take(self, block: Sound) -> None:
        samples = block.samples
        if not self._rate:
            self._begin(block)
        if block.rate != self._rate:
            raise DataError(
                f"{self._name}: found {self._rate} and then {block.rate} samples per second; expected one rate.",
                fix="Save the sound again at one rate.",
            )
        samples = samples[: max(0, self._left)]
        self._left -= len(samples)
        if self._mono and samples.shape[1] > 1:
            samples = samples.mean(axis=1, dtype=np.float32, keepdims=True)
        if samples.shape[1] != len(self._channels):
            raise DataError(
                f"{self._name}: found {len(self._channels)} and then {samples.shape[1]} channels; expected one number.",
                fix="Save the sound again with one number of channels.",
            )
        for channel, values in zip(self._channels, samples.T, strict=True):
            channel.take(np.ascontiguousarray(values))
        held = sum(channel.held for channel in self._channels)
        if held > self._limits.max_values:
            raise DataError(
                f"{self._name}: found over {self._limits.max_values:,} samples; expected at most so many.",
                fix="Wish for a lower rate or fewer seconds, or raise AudioLimits.max_values.",
            )

    def _begin(self, block: Sound) -> None:
        limits, channels = self._limits, block.samples.shape[1]
        if not limits.min_rate <= block.rate <= limits.max_rate or channels > limits.max_channels:
            raise DataError(
                f"{self._name}: found {channels} channels at {block.rate:,} samples per second; expected at most "
                f"{limits.max_channels} at {limits.min_rate:,} to {limits.max_rate:,}.",
                fix="Save the sound in a usual form, such as 44,100 Hz stereo, or change AudioLimits.",
            )
        self._rate = block.rate
        self._left = math.ceil(self._max_seconds * block.rate)
        wished = self._wished_rate or block.rate
        self._channels = [_Channel(block.rate, wished) for _ in range(1 if self._mono else channels)]

    def sound(self) -> Sound:
        parts = [channel.done() for channel in self._channels]
        if not parts or not len(parts[0]):
            raise DataError(
                f"{self._name}: found a sound of no length; expected at least one sample.",
                fix="Replace the file with an intact copy.",
            )
        samples = np.stack(parts, axis=1)
        peak = float(np.abs(samples).max())
        if not math.isfinite(peak):
            raise DataError(
                f"{self._name}: found samples that are no finite numbers; expected samples from -1 to 1.",
                fix="Save the sound again, with 16 bits per sample.",
            )
        if peak > 1.0:
            samples /= np.float32(peak)
        return Sound(samples, self._wished_rate or self._rate)


class _Channel:
    """One channel, resampled as it comes."""

    def __init__(self, rate: int, wished: int) -> None:
        self._parts: list[NDArray[np.float32]] = []
        self._resampler = _Resampler(rate, wished) if rate != wished else None
        self.held = 0

    def take(self, values: NDArray[np.float32]) -> None:
        self._keep(values if self._resampler is None else self._resampler.take(values))

    def done(self) -> NDArray[np.float32]:
        if self._resampler is not None and self._parts:
            self._keep(self._resampler.rest())
        return np.concatenate(self._parts) if self._parts else np.zeros(0, dtype=np.float32)

    def _keep(self, values: NDArray[np.float32]) -> None:
        self._parts.append(values)
        self.held += len(values)


class _Resampler:
    """The polyphase filter of libswresample: a Kaiser window over a sinc, exact phases, its delay taken off."""

    def __init__(self, rate: int, wished: int) -> None:
        from av import AudioResampler

        self._rate = rate
        self._resampler = AudioResampler(format="flt", layout="mono", rate=wished)

    def take(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        from av import AudioFrame

        if not len(values):
            return values
        frame = AudioFrame.from_ndarray(values[None], format="flt", layout="mono")
        frame.sample_rate = self._rate
        return self._joined(frame)

    def rest(self) -> NDArray[np.float32]:
        return self._joined(None)

    def _joined(self, frame: AudioFrame | None) -> NDArray[np.float32]:
        parts = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def resample(samples: NDArray[np.float32], rate: int, wished: int) -> NDArray[np.float32]:
    """Samples ``(n, channels)`` at ``rate`` per second as ``(m, channels)`` at ``wished`` per second.

    Band-limited by a windowed sinc (about 100 dB down beyond 0.6 of the lower rate), without delay.

    Raises
    ------
    ValueError
        If ``samples`` has other than two axes, or a rate is below 1.
    """
    if samples.ndim != 2 or min(rate, wished) < 1:
        raise ValueError(f"samples {samples.shape} from {rate} to {wished}; expected (n, channels) and rates from 1")
    if rate == wished or not samples.size:
        return samples
    channels = []
    for values in samples.T:
        channel = _Channel(rate, wished)
        channel.take(np.ascontiguousarray(values, dtype=np.float32))
        channels.append(channel.done())
    return np.stack(channels, axis=1)


def _blocks(data: bytes, kind: str, name: str) -> Iterator[Sound]:
    """The sound in pieces; by libsndfile where it knows the format, else by FFmpeg."""
    if kind in _BY_SNDFILE:
        try:
            yield from _by_sndfile(data, kind)
        except _Unknown:
            pass
        else:
            return
    yield from _by_ffmpeg(data, kind, name)


class _Unknown(Exception):
    """Libsndfile does not know what is in the container, or meets damage at once; others may do better."""


def _by_sndfile(data: bytes, kind: str) -> Iterator[Sound]:
    import soundfile

    try:
        file = soundfile.SoundFile(io.BytesIO(data))
    except (RuntimeError, TypeError, ValueError) as error:
        raise _Unknown from error
    with file:
        if file.format not in _BY_SNDFILE[kind]:
            raise _Unknown
        size = max(1, _BLOCK // file.channels)
        begun = False
        with suppress(soundfile.LibsndfileError):  # from there on it is damaged
            while len(samples := file.read(size, dtype="float32", always_2d=True)):
                begun = True
                yield Sound(samples, file.samplerate)
        if not begun:
            raise _Unknown


def _by_ffmpeg(data: bytes, kind: str, name: str) -> Iterator[Sound]:
    with opened(data, kind, name=name) as container:
        if not container.streams.audio:
            if kind in CLIPS:
                raise NoSoundError(
                    f"{name}: found a clip without a sound track; expected one.", fix="Use a clip that has sound."
                )
            raise damaged(kind, "it holds no sound", name)
        stream = container.streams.audio[0]
        codec_of(stream, AUDIO_CODECS, name=name)
        for frame in _frames(container, stream):
            yield Sound(_floats(frame), frame.sample_rate)


def _frames(container: Any, stream: Any) -> Iterator[AudioFrame]:
    """Decoded frames; packets that are damaged are passed over, as players do."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:  # the container ends in damage
            return
        try:
            yield from packet.decode()
        except (av.error.InvalidDataError, av.error.EOFError):
            continue


def _floats(frame: AudioFrame) -> NDArray[np.float32]:
    """Samples ``(n, channels)`` of a frame in any of FFmpeg's sample formats."""
    values = frame.to_ndarray()
    kind, bits = values.dtype.kind, 8 * values.dtype.itemsize
    samples = values.astype(np.float32)
    if kind == "u":
        samples -= np.float32(2.0 ** (bits - 1))
    if kind in "ui":
        samples *= np.float32(0.5 ** (bits - 1))
    return samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
