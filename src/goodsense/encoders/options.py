"""What options of encoders may be. Every check names the option, what was given and what is expected."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from goodsense.errors import UsageError


def whole_number(name: str, value: Any, *, least: int = 1) -> int:
    """A whole number from ``least`` up, or a usage error."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name} is {value!r}; expected a whole number from {least} up.")
    return value


def check_whole(*, least: int = 1, **given: Any) -> None:
    """Refuse what is no whole number from ``least`` up."""
    for name, value in given.items():
        whole_number(name, value, least=least)


def number(name: str, value: Any, *, least: float, most: float = math.inf, above: bool = False) -> float:
    """A finite number from ``least`` (or above it) to ``most``, or a usage error."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
    if not fits or value == math.inf or (above and value == least):
        begin = f"above {least:g}" if above else f"from {least:g}"
        end = " up" if most == math.inf else f" to {most:g}"
        raise UsageError(f"{name} is {value!r}; expected a finite number {begin}{end}.")
    return float(value)


def check_choice(known: Collection[str], **given: str) -> None:
    """Refuse what is not known."""
    for name, value in given.items():
        if value not in known:
            raise UsageError(f"{name} is {value!r}; expected one of {', '.join(known)}.")


def checked_field_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights of fields as numbers, or a usage error where one is below 0 or without end."""
    for field, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise UsageError(f"field_weights gives {field!r} the weight {weight}; expected a finite number from 0 up.")
    return {str(field): float(weight) for field, weight in weights.items()}


def checked_block_weights(given: Mapping[str, float] | None, known: Mapping[str, float]) -> dict[str, float]:
    """The weight of every block: the known ones, or what is given in their place.

    Raises
    ------
    UsageError
        If a block is not known, a weight is negative or not finite, or nothing is left.
    """
    for name, weight in (given or {}).items():
        if name not in known:
            raise UsageError(f"weights names the block {name!r}; expected {', '.join(known)}.")
        if not 0 <= weight < math.inf:
            raise UsageError(f"weights gives {name!r} the weight {weight}; expected a finite number from 0 up.")
    weights = {**known, **{name: float(weight) for name, weight in (given or {}).items()}}
    if not any(weights.values()):
        raise UsageError("weights leaves out every block; expected at least one above 0.")
    return weights


def checked_lengths(char_ngrams: Sequence[int]) -> list[int]:
    """Two lengths, shortest and longest, or a usage error."""
    if len(char_ngrams) != 2 or not 1 <= char_ngrams[0] <= char_ngrams[1]:
        raise UsageError(
            f"char_ngrams is {list(char_ngrams)}; expected two whole numbers, shortest and longest, such as [3, 5]."
        )
    return [int(length) for length in char_ngrams]
