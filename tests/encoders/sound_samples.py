"""Small sounds of three kinds for encoders: tones, noises and knocks, each with its own pitch, colour or tempo."""

from __future__ import annotations

import numpy as np

from goodsense.types import Labels, Sound
from tests.media import sounds

KINDS = ("tone", "noise", "knock")


def sound(kind: str, number: int, *, seconds: float = 0.6) -> Sound:
    """One of a kind, told apart by ``number``."""
    if kind == "tone":
        return sounds.harmonic(180 * 1.06 ** (2 * number), seconds)
    if kind == "noise":
        coloured = np.cumsum(sounds.noise(seconds, seed=number).samples[:, 0])
        return sounds.of(np.diff(coloured, prepend=0) + 0.02 * number * (coloured - coloured.mean()))
    return sounds.clicks(300 + 40 * number, seconds)


def collection(per_kind: int = 7) -> tuple[list[Sound], list[Labels]]:
    """Sounds and what they are, kinds in turn."""
    named = [(kind, number) for number in range(per_kind) for kind in KINDS]
    return (
        [sound(kind, number) for kind, number in named],
        [{"id": f"{kind}-{number}", "kind": kind} for kind, number in named],
    )
