"""Sounds in every usual form, and in unusual ones, become the right samples or a clear reason."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from goodsense.errors import DataError, NoSoundError
from goodsense.media import AudioLimits, decode_audio
from goodsense.media.audio import resample

from .motion import clip, moving, sound, sound_track

RATE = 22_050


def tone(hertz: float, seconds: float = 0.4, rate: int = RATE, height: float = 0.5) -> NDArray[np.float32]:
    return (height * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def loudest(samples: NDArray[np.float32], rate: int) -> float:
    """The frequency that is strongest."""
    spectrum = np.abs(np.fft.rfft(samples[:, 0] * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.mark.parametrize(
    ("format_name", "subtype", "apart"),
    [
        ("WAV", "PCM_U8", 2**-7),
        ("WAV", "PCM_16", 2**-15),
        ("WAV", "PCM_24", 2**-23),
        ("WAV", "PCM_32", 1e-7),
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 0),
        ("WAV", "ULAW", 0.02),
        ("WAV", "MS_ADPCM", 0.05),
        ("RF64", "PCM_16", 2**-15),
        ("AIFF", "PCM_16", 2**-15),
        ("FLAC", "PCM_24", 2**-23),
        ("OGG", "VORBIS", 0.05),
    ],
)
def test_every_depth_of_samples(format_name: str, subtype: str, apart: float) -> None:
    expected = tone(440)
    found = decode_audio(sound(expected, RATE, format_name, subtype))
    assert (found.rate, found.samples.dtype) == (RATE, np.float32)
    assert found.seconds == pytest.approx(0.4, abs=0.05)
    assert np.abs(found.samples[200:8000, 0] - expected[200:8000]).max() <= apart


@pytest.mark.parametrize(
    ("format_name", "codec"),
    [("mp4", "aac"), ("ipod", "aac"), ("adts", "aac"), ("webm", "libopus"), ("ogg", "libopus"), ("mov", "pcm_s16le"),
     ("avi", "mp3"), ("mp3", "mp3"), ("ipod", "alac"), ("matroska", "flac")],
)  # fmt: skip
def test_every_container(format_name: str, codec: str) -> None:
    data = sound_track(tone(1000, 0.5, 48_000), format_name, codec)
    found = decode_audio(data, rate=16_000)
    assert found.rate == 16_000
    assert found.seconds == pytest.approx(0.5, abs=0.08)
    assert loudest(found.samples, 16_000) == pytest.approx(1000, abs=4)
    assert np.abs(found.samples).max() == pytest.approx(0.5, abs=0.06)


def test_six_channels_at_192_khz() -> None:
    rate = 192_000
    channels = np.stack([tone(500 * (n + 1), 0.2, rate) for n in range(6)], axis=1)
    data = sound(channels, rate, "WAV", "PCM_24")
    each = decode_audio(data, mono=False)
    assert each.samples.shape == (38_400, 6)
    assert np.abs(each.samples - channels).max() < 1e-6
    mono = decode_audio(data)
    assert np.abs(mono.samples[:, 0] - channels.mean(axis=1)).max() < 1e-6
    low = decode_audio(data, rate=16_000, mono=False)
    assert low.samples.shape == (3_200, 6)
    assert np.abs(low.samples[400:-400, 1] - tone(1000, 0.2, 16_000)[400:-400]).max() < 1e-3


def test_silence_is_a_sound_and_nothing_is_none() -> None:
    for subtype in ("PCM_U8", "PCM_16", "FLOAT"):
        found = decode_audio(sound(np.zeros((800, 1)), 8_000, "WAV", subtype), rate=16_000)
        assert found.samples.shape == (1_600, 1)
        assert not found.samples.any()
    assert not decode_audio(sound(np.zeros((8_000, 2)), 8_000, "FLAC", "PCM_16")).samples.any()
    for format_name, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("AIFF", "PCM_16")):
        with pytest.raises(DataError, match=r"no length|empty file"):
            decode_audio(sound(np.zeros((0, 1)), 8_000, format_name, subtype))
    assert decode_audio(sound(np.full((1, 1), 0.5), 8_000)).samples.tolist() == [[0.5]]


@pytest.mark.parametrize(("rate", "wished"), [(44_100, 16_000), (48_000, 16_000), (8_000, 16_000), (16_000, 22_050)])
def test_resampling_keeps_tones_in_place_and_makes_no_others(rate: int, wished: int) -> None:
    for hertz in (100, 1000, 0.4 * min(rate, wished)):
        found = decode_audio(sound(tone(hertz, 0.5, rate), rate, "WAV", "FLOAT"), rate=wished)
        expected = tone(hertz, 0.5, wished)
        assert len(found.samples) == len(expected)
        assert np.abs(found.samples[600:-600, 0] - expected[600:-600]).max() < 2e-3
    if wished < rate:  # what lies above half the new rate must not come back folded
        found = decode_audio(sound(tone(0.65 * wished, 0.5, rate), rate, "WAV", "FLOAT"), rate=wished)
        assert np.abs(found.samples[600:-600]).max() < 1e-4


def test_resample_agrees_with_decoding_and_with_any_cutting() -> None:
    samples = np.random.default_rng(0).normal(size=(200_000, 1)).astype(np.float32) * 0.1
    whole = resample(samples, 44_100, 16_000)
    assert np.array_equal(decode_audio(sound(samples, 44_100, "WAV", "FLOAT"), rate=16_000).samples, whole)
    assert resample(samples, 8_000, 8_000) is samples
    assert resample(samples[:, [0, 0]], 8_000, 4_000).shape == (100_000, 2)
    with pytest.raises(ValueError, match="expected"):
        resample(samples[:, 0], 8_000, 4_000)


def test_only_the_wished_beginning_is_taken() -> None:
    data = sound(tone(440, 3.0), RATE)
    found = decode_audio(data, max_seconds=1.25, rate=8_000)
    assert found.seconds == pytest.approx(1.25, abs=0.001)
    assert len(decode_audio(data, max_seconds=1e-6).samples) == 1


def test_loud_floats_are_divided_by_their_peak_and_nan_is_refused() -> None:
    loud = tone(440, height=3.0)
    assert np.abs(decode_audio(sound(loud, RATE, "WAV", "FLOAT")).samples).max() == 1.0
    loud[100] = np.nan
    with pytest.raises(DataError, match="no finite numbers"):
        decode_audio(sound(loud, RATE, "WAV", "FLOAT"))


def test_the_sound_track_of_a_clip_and_of_a_silent_film() -> None:
    for format_name in ("mp4", "webm", "avi", "matroska"):
        data = clip(moving(10), format_name=format_name, track=tone(600, 0.4, 48_000))
        found = decode_audio(data, rate=16_000)
        assert loudest(found.samples, 16_000) == pytest.approx(600, abs=4)
    with pytest.raises(NoSoundError, match=r"film\.mp4: found a clip without a sound track"):
        decode_audio(clip(moving(3)), name="film.mp4")


def test_a_sound_that_ends_early_gives_what_is_there() -> None:
    expected = tone(440, 6.0)
    for format_name, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")):
        data = sound(expected, RATE, format_name, subtype)
        found = decode_audio(data[: len(data) * 3 // 4])
        assert 1 < found.seconds < 5.9
        assert np.abs(found.samples[200:5000, 0] - expected[200:5000]).max() < 0.06


@pytest.mark.parametrize("claimed", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_absurd_sizes_in_a_wav_do_no_harm(claimed: int) -> None:
    data = bytearray(sound(tone(440), RATE))
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = struct.pack("<I", claimed)
    assert len(decode_audio(bytes(data)).samples) == round(0.4 * RATE)


@pytest.mark.parametrize(("offset", "value"), [(24, 0), (24, 0xFFFFFFFF), (24, 10), (22, 0)])
def test_absurd_rates_and_channels_are_named(offset: int, value: int) -> None:
    data = bytearray(sound(tone(440), RATE))
    data[offset : offset + (4 if offset == 24 else 2)] = struct.pack("<I", value)[: 4 if offset == 24 else 2]
    with pytest.raises(DataError) as caught:
        decode_audio(bytes(data), name="a.wav")
    assert caught.value.message.startswith("a.wav: found ")
    assert "expected" in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty file"),
        (b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", "no known format"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "no known format"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "png"),
        (b"OggS" + bytes(100), "damaged ogg"),
        (b"fLaC" + bytes(100), "damaged flac"),
        (b"\0\0\0\x18ftypM4A " + bytes(100), "damaged m4a"),
        (b"\xff\xf1" + bytes(100), "no length"),
    ],
)
def test_what_is_no_sound_is_named(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        decode_audio(data, name="a.wav")
    assert "expected" in caught.value.message
    assert caught.value.fix


def test_limits_are_kept() -> None:
    data = sound(tone(440, 1.0), RATE)
    with pytest.raises(DataError, match="expected at most 100"):
        decode_audio(data, limits=AudioLimits(max_bytes=100))
    with pytest.raises(DataError, match="1 channels at 22,050 samples per second; expected"):
        decode_audio(data, limits=AudioLimits(max_rate=16_000))
    with pytest.raises(DataError, match="over 100 samples"):
        decode_audio(data, limits=AudioLimits(max_values=100))
    with pytest.raises(ValueError, match="at least 1"):
        AudioLimits(max_rate=0)
    for wish in ({"rate": 0}, {"max_seconds": 0.0}):
        with pytest.raises(ValueError, match="expected"):
            decode_audio(data, **wish)  # type: ignore[arg-type]
