"""What the text encoders that learn words have in common: fields and their weights, and options that are refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from goodsense.encoders.lsa import FIT_LIMIT, QUERY_FIELD, SupportsTokens
from goodsense.errors import UsageError
from goodsense.types import TextFields


def field_weight(weights: Mapping[str, float], field: str) -> float:
    """What a field counts: its own weight, else that of ``"*"``; the text of a query always counts 1."""
    return 1.0 if field == QUERY_FIELD else weights.get(field, weights.get("*", 0.0))


def read_fields(weights: Mapping[str, float], value: TextFields | str) -> dict[str, str]:
    """The fields that count; a query's text as a field of its own."""
    if isinstance(value, str):
        return {QUERY_FIELD: value}
    return {field: text for field, text in value.items() if field_weight(weights, field) > 0}


def sampled(values: Sequence[TextFields], *, seed: int) -> Sequence[TextFields]:
    """All products of a catalog that a fit can read in good time, else a seeded sample in their order."""
    if len(values) <= FIT_LIMIT:
        return values
    picked = np.sort(np.random.default_rng(seed).choice(len(values), FIT_LIMIT, replace=False))
    return [values[i] for i in picked.tolist()]


def check_positive(settings: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse settings that are no whole numbers from 1 up.

    Raises
    ------
    UsageError
        Names the setting and its value.
    """
    for name in names:
        value = settings[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UsageError(f"{name} is {value!r}; expected a whole number from 1 up.")


def check_field_weights(weights: Mapping[str, float]) -> None:
    """Refuse weights below 0 or without end.

    Raises
    ------
    UsageError
        Names the field and its weight.
    """
    for field, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise UsageError(f"field_weights gives {field!r} the weight {weight}; expected a finite number from 0 up.")


def check_char_ngrams(lengths: Sequence[int]) -> None:
    """Refuse what are no two lengths, shortest and longest.

    Raises
    ------
    UsageError
        Says what was found.
    """
    if len(lengths) != 2 or not 1 <= lengths[0] <= lengths[1]:
        raise UsageError(f"char_ngrams is {lengths}; expected two whole numbers, shortest and longest, such as [3, 4].")


def default_tokenizer() -> SupportsTokens:
    """The tokenizer that shops use without a dictionary of their own."""
    from goodsense.text import Tokenizer

    return Tokenizer()
