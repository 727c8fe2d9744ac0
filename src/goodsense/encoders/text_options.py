"""What the text encoders that learn words have in common: fields and their weights, and options that are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from goodsense.encoders.lsa import FIT_LIMIT, QUERY_FIELD, SupportsTokens
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


def default_tokenizer() -> SupportsTokens:
    """The tokenizer that shops use without a dictionary of their own."""
    from goodsense.text import Tokenizer

    return Tokenizer()
