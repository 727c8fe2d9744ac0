"""Seeded augmentation: steps that change a value a little, each with its own chance, one after the other.

A step is any function of a value and a random generator. What the steps are stands with what they change: pictures,
sounds and clips in :mod:`goodsense.media`, texts in :mod:`goodsense.text`. Augmentation reaches training only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np

T = TypeVar("T")
Step: TypeAlias = Callable[[T, np.random.Generator], T]


@dataclass(frozen=True)
class Sometimes(Generic[T]):
    """A step that is taken with chance ``p``.

    Raises
    ------
    ValueError
        If ``p`` lies outside 0 to 1.
    """

    step: Step[T]
    p: float

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p is {self.p}; expected a chance from 0 to 1")

    def __call__(self, value: T, rng: np.random.Generator) -> T:
        return self.step(value, rng) if rng.random() < self.p else value


@dataclass(frozen=True)
class Chain(Generic[T]):
    """Steps one after the other; itself a step, so chains nest."""

    steps: tuple[Step[T], ...]

    def __call__(self, value: T, rng: np.random.Generator) -> T:
        for step in self.steps:
            value = step(value, rng)
        return value


def chain(*steps: Step[T] | tuple[Step[T], float]) -> Chain[T]:
    """A chain of steps; ``(step, p)`` is taken with chance ``p``, a step alone always."""
    return Chain(tuple(Sometimes(step[0], step[1]) if isinstance(step, tuple) else step for step in steps))
