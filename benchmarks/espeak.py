"""Synthetic speech by espeak-ng, as the package ``espeakng_loader`` carries it: for benchmarks and tests only."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RETRIEVAL, _RATE, _PITCH, _UTF8 = 1, 1, 3, 1
VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+m3")


def speak(text: str, *, voice: str = "en-us", speed: int = 150, pitch: int = 50) -> tuple[NDArray[np.float32], int]:
    """Say a text: samples ``(n,)`` from -1 to 1, and how many there are per second.

    Parameters
    ----------
    text
        What is said.
    voice
        A voice of espeak-ng, with a variant after ``+``.
    speed
        Words per minute.
    pitch
        From 0 to 99.
    """
    library, rate, heard = _engine()
    heard.clear()
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise SystemExit(f"espeak-ng has no voice {voice!r}")
    library.espeak_SetParameter(_RATE, speed, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    samples = np.concatenate(heard) if heard else np.zeros(0, np.int16)
    return samples.astype(np.float32) / 32768, rate


@cache
def _engine() -> tuple[Any, int, list[NDArray[np.int16]]]:
    """The library, its sampling rate, and the list into which it speaks."""
    import espeakng_loader

    library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    rate = library.espeak_Initialize(_RETRIEVAL, 0, str(espeakng_loader.get_data_path()).encode(), 0)
    if rate <= 0:
        raise SystemExit("espeak-ng cannot be started; install espeakng_loader")
    heard: list[NDArray[np.int16]] = []
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

    def listen(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            heard.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0

    library.goodsense_listener = kind(listen)  # must live as long as the library
    library.espeak_SetSynthCallback(library.goodsense_listener)
    return library, int(rate), heard


def resampled(samples: NDArray[np.float32], rate: int, wanted: int = 16_000) -> NDArray[np.float32]:
    """The same sound at another rate."""
    from math import gcd

    from scipy.signal import resample_poly

    common = gcd(rate, wanted)
    found: NDArray[np.float32] = resample_poly(samples, wanted // common, rate // common).astype(np.float32)
    return found


def padded(samples: NDArray[np.float32], rate: int, *, seed: int, noise: float = 0.002) -> NDArray[np.float32]:
    """A little room before and after, with faint noise, as any microphone has it."""
    random = np.random.default_rng(seed)
    quiet = np.zeros(int(0.25 * rate), dtype=np.float32)
    whole: Sequence[NDArray[np.float32]] = (quiet, 0.8 * samples, quiet)
    found = np.concatenate(whole)
    return (found + noise * random.standard_normal(len(found))).astype(np.float32)
