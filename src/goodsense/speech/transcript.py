"""What was said, and who can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from goodsense.types import Sound


@dataclass(frozen=True)
class SpokenWord:
    """One word: when it was said (seconds; None if the recogniser does not tell) and how sure that is, from 0 to 1."""

    text: str
    start: float | None = None
    stop: float | None = None
    confidence: float = 1.0


@dataclass(frozen=True)
class Transcript:
    """What was said in a sound.

    Parameters
    ----------
    text
        The words as they are written; empty if nobody spoke.
    words
        One by one, where the recogniser tells them apart.
    confidence
        From 0 to 1; 0 for an empty text.
    language
        As ISO 639: ``en``, ``zh``; empty if it is not known.
    """

    text: str
    words: tuple[SpokenWord, ...] = ()
    confidence: float = 0.0
    language: str = ""


@runtime_checkable
class Recogniser(Protocol):
    """Sounds to words."""

    def transcribe(self, sound: Sound) -> Transcript:
        """What is said in a sound of any rate and number of channels; an empty transcript if it is no speech."""
        ...
