"""Recordings of toys, made by code: a music box, a motor, a squeak; about two thirds of the kinds make a sound."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from random import Random

import numpy as np

from goodsense.demo.tones import RATE, VOICES, Body, Wave, band

SOUNDING: Mapping[str, str] = {toy: voice.__name__.replace("_", " ") for toy, voice in VOICES.items()}
_PITCH = {"mini": 1.3, "small": 1.12, "medium": 1.0, "large": 0.84}
_MATERIAL = {  # how bright it sounds, and how long it rings
    "wood": (0.9, 0.8),
    "plastic": (1.0, 0.7),
    "metal": (1.15, 1.35),
    "rubber": (0.85, 0.6),
    "cardboard": (0.8, 0.55),
    "plush": (0.75, 0.6),
    "felt": (0.75, 0.6),
    "silicone": (0.85, 0.6),
}
_SPOKEN = "spoken"


def ring(
    toy: str, *, seed: str, look: str = "", size: str = "medium", material: str = "", by_shopper: bool = False
) -> bytes:
    """One recording of a toy, one to two seconds, as FLAC of 16 kHz, one channel; empty for a toy without a sound.

    Parameters
    ----------
    toy
        One of :data:`SOUNDING`, or a toy that makes no sound.
    seed
        Names the recording; equal arguments give equal bytes.
    look
        Names the article: its recordings share pitch, pace and timbre. Empty: those of the recording itself.
    size, material
        A small toy sounds higher, metal brighter and longer than felt.
    by_shopper
        Not the shop's clean recording, but one played afresh and caught with a telephone: another pitch and tempo, a
        room, noise, and nothing below and above what telephones pass on.
    """
    if toy not in VOICES:
        return b""
    random = Random(f"sound {toy} {seed}")
    rng = np.random.default_rng(random.getrandbits(64))
    body = _body(Random(f"sound {toy} {look or seed}"), size, material)
    if by_shopper:
        body = replace(
            body,
            pitch=body.pitch * random.uniform(0.9, 1.1),
            bright=body.bright * random.uniform(0.9, 1.05),
            pace=body.pace * random.uniform(0.85, 1.15),
            seconds=random.uniform(1.0, 1.8),
        )
    wave = VOICES[toy](body, rng)
    wave = _by_telephone(wave, random, rng) if by_shopper else _in_studio(wave, rng)
    return _flac(wave * random.uniform(0.5, 0.9))


def spoken_queries() -> dict[str, str]:
    """File -> the English words that are said in it; :func:`spoken` reads the files. The voices are synthetic."""
    found: dict[str, str] = json.loads((files("goodsense.demo") / _SPOKEN / "spoken.json").read_text("utf-8"))
    return found


def spoken(name: str) -> bytes:
    """One spoken query, FLAC of 16 kHz."""
    return (files("goodsense.demo") / _SPOKEN / name).read_bytes()


def _body(random: Random, size: str, material: str) -> Body:
    bright, ringing = _MATERIAL.get(material, (1.0, 0.9))
    return Body(
        pitch=_PITCH[size] * 2 ** random.uniform(-0.16, 0.16),
        bright=bright * random.uniform(0.93, 1.04),
        ring=ringing * random.uniform(0.85, 1.15),
        pace=random.uniform(0.85, 1.2),
        seconds=random.uniform(1.1, 1.5),
        tune=random.getrandbits(32),
    )


def _in_studio(wave: Wave, rng: np.random.Generator) -> Wave:
    return _levelled(wave) + 0.001 * rng.standard_normal(len(wave))


def _by_telephone(wave: Wave, random: Random, rng: np.random.Generator) -> Wave:
    """A room around it, the hum of a house, and the narrow band of a telephone."""
    room = rng.standard_normal(round(0.18 * RATE)) * np.exp(-np.arange(round(0.18 * RATE)) / (0.045 * RATE))
    room[0] = 0.0
    wet = np.fft.irfft(
        np.fft.rfft(wave, 2 * len(wave)) * np.fft.rfft(room / np.abs(room).sum(), 2 * len(wave)), 2 * len(wave)
    )[: len(wave)]
    heard = _levelled(_levelled(wave) + random.uniform(0.2, 0.5) * _levelled(wet))
    heard += random.uniform(0.005, 0.02) * band(len(wave), 80, 1_500, rng)
    hertz = np.fft.rfftfreq(len(heard), 1 / RATE)
    passed = 1 / (1 + (150 / np.maximum(hertz, 1.0)) ** 4) / (1 + (hertz / 6_000) ** 8)
    found: Wave = np.fft.irfft(np.fft.rfft(heard) * passed, len(heard))
    return _levelled(found)


def _levelled(wave: Wave) -> Wave:
    """The loudest sample at 1; a short fade at both ends."""
    found = wave / max(1e-9, float(np.abs(wave).max(initial=0.0)))
    edge = min(len(found) // 2, 160)
    fade = np.arange(edge) / max(1, edge)
    found[:edge] *= fade
    found[len(found) - edge :] *= fade[::-1]
    return found


def _flac(wave: Wave) -> bytes:
    import soundfile

    samples = np.round(np.clip(wave, -1, 1) * 32_000).astype(np.int16)
    data = io.BytesIO()
    soundfile.write(data, samples, RATE, format="FLAC", subtype="PCM_16")
    return data.getvalue()
