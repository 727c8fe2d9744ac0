"""The parts that reviews are put together from, in one language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """Sentences of one language with places to fill in.

    ``{who}`` and ``{whom}`` are the child, at first mention in full, later by a pronoun; ``{his}`` follows on either.

    Parameters
    ----------
    children
        Who the toy is for: in full, and as subject, object and possessive later on.
    openings, closings, titles
        By stars.
    brief
        All that some say, by stars.
    aspects
        By aspect, what is said against it and what for it.
    stuff
        The same of durability, by material.
    play
        By kind of toy, what is said against playing with it and for it.
    quibbles
        By aspect, the small faults that do not spoil it.
    turns, concessions
        What leads over from praise to blame, and from blame to praise; each continues with ``{rest}``.
    """

    children: tuple[tuple[str, str, str, str], ...]
    openings: Mapping[int, Lines]
    closings: Mapping[int, Lines]
    titles: Mapping[int, Lines]
    brief: Mapping[int, Lines]
    aspects: Mapping[str, tuple[Lines, Lines]]
    stuff: Mapping[str, tuple[Lines, Lines]]
    play: Mapping[str, tuple[Lines, Lines]]
    quibbles: Mapping[str, Lines]
    turns: Lines
    concessions: Lines
