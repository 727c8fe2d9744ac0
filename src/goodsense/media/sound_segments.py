"""Cutting sounds into pieces: of a fixed length, at silences, and where somebody speaks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from goodsense.media.sound_pitch import HOP, WINDOW, pitch_of_power
from goodsense.media.sound_spectra import Floats, framed, power_spectra
from goodsense.media.sound_steps import finite, levels, mono
from goodsense.types import Sound

__all__ = ["Span", "cut", "fixed_segments", "silence_segments", "voice_activity"]

PIECE = 0.02  # seconds in which loudness is looked at
SPEECH = (200.0, 4_000.0)  # hertz


@dataclass(frozen=True)
class Span:
    """A stretch of a sound, in seconds."""

    start: float
    stop: float

    @property
    def seconds(self) -> float:
        return self.stop - self.start


def cut(sound: Sound, span: Span) -> Sound:
    """The samples of a span."""
    return Sound(sound.samples[round(span.start * sound.rate) : round(span.stop * sound.rate)].copy(), sound.rate)


def fixed_segments(sound: Sound, seconds: float, *, hop: float | None = None, pad: bool = True) -> tuple[Sound, ...]:
    """Pieces of ``seconds``, one every ``hop`` seconds (None: one after the other).

    With ``pad`` the last piece is filled up with silence, so that nothing is lost; without it an incomplete piece is
    left out.
    """
    length = max(1, round(finite(seconds, "seconds", above=0) * sound.rate))
    step = max(1, round(finite(seconds if hop is None else hop, "hop", above=0) * sound.rate))
    count = len(sound.samples)
    if pad:
        starts = range(0, max(count - length + step, 1 if count else 0), step)
    else:
        starts = range(0, count - length + 1, step)
    pieces = (sound.samples[start : start + length] for start in starts)
    return tuple(Sound(np.pad(piece, ((0, length - len(piece)), (0, 0))), sound.rate) for piece in pieces)


def silence_segments(
    sound: Sound, *, below: float = 40.0, silence: float = 0.3, shortest: float = 0.1, keep: float = 0.05
) -> tuple[Span, ...]:
    """Spans between silences.

    Parameters
    ----------
    below
        Silent is what lies so many decibels under the loudest piece.
    silence
        Seconds from which on a silence parts two segments.
    shortest
        Seconds that a segment needs before ``keep`` is added.
    keep
        Seconds of the silence that stay on both sides.
    """
    found = levels(sound, seconds=PIECE)
    if not found.size or found.max() <= -119:
        return ()
    heard = found > found.max() - finite(below, "below", above=0)
    spans = _spans(_bridged(heard, round(silence / PIECE)), PIECE, sound.seconds)
    return tuple(_widened(span, keep, sound.seconds) for span in spans if span.seconds >= shortest)


def voice_activity(sound: Sound, *, above: float = 6.0, hang: float = 0.2, shortest: float = 0.1) -> tuple[Span, ...]:
    """Spans in which somebody seems to speak or sing, by level and harmonicity.

    A frame is voice if its power between 200 and 4,000 Hz lies ``above`` decibels over the noise floor (the tenth
    percentile) and, near it, the autocorrelation finds a pitch. Pauses up to ``hang`` seconds belong to the speech,
    as do the unvoiced sounds beside a voiced one. Steady tones are taken for voices: it knows no words.
    """
    samples = np.ascontiguousarray(mono(sound).samples[:, 0])
    length, hop = round(WINDOW * sound.rate), round(HOP * sound.rate)
    power = power_spectra(framed(samples, length, hop))
    level = _speech_level(power, sound.rate)
    floor = max(float(np.percentile(level, 10)), -80.0, float(level.max()) - 50)
    steady = float(level.max()) - floor < finite(above, "above", above=0)  # voice throughout, or none at all
    loud = level > (-80 if steady else floor + above)
    hertz, voicing = pitch_of_power(power, sound.rate)
    pitched = (voicing > 0.5) & (hertz < 500) & loud
    near = _grown(pitched, round(hang / 2 / HOP))
    spans = _spans(_bridged(near & loud, round(hang / HOP)), HOP, sound.seconds)
    return tuple(span for span in spans if span.seconds >= shortest)


def _speech_level(power: Floats, rate: int) -> Floats:
    hertz = np.linspace(0, rate / 2, power.shape[1])
    band = power[:, (hertz >= SPEECH[0]) & (hertz <= SPEECH[1])].sum(axis=1)
    found: Floats = 10 * np.log10(np.maximum(band, 1e-12))
    return found


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """True also within ``by`` places of a True."""
    found: NDArray[np.bool_] = np.convolve(mask, np.ones(2 * by + 1), mode="same")[: len(mask)] > 0.5
    return found if len(found) == len(mask) else mask


def _bridged(mask: NDArray[np.bool_], gap: int) -> NDArray[np.bool_]:
    """With gaps shorter than ``gap`` places between two Trues filled."""
    filled = mask.copy()
    places = np.flatnonzero(mask)
    for before, after in pairwise(places.tolist()):
        if 1 < after - before <= gap:
            filled[before:after] = True
    return filled


def _spans(mask: NDArray[np.bool_], step: float, end: float) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [Span(start * step, min(stop * step, end)) for start, stop in pairs]


def _widened(span: Span, by: float, end: float) -> Span:
    return Span(max(0.0, span.start - by), min(end, span.stop + by))
