"""Filters and field values in Qdrant's terms, with the meaning they have everywhere else.

A field's values go into the payload by kind, under keys of their own, because Qdrant indexes one kind per key: text
and truth values as keywords, numbers as floats. Exactness matters more than brevity: ``1``, ``"1"`` and ``True`` are
three values here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from goodsense.index.masks import finite, ordering_number
from goodsense.types import And, Exists, Filter, In, Not, Or, Scalar, fold

KINDS = ("s", "b", "n")  # strings, truth values, numbers
_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


@lru_cache(maxsize=4096)
def payload_key(kind: str, name: str) -> str:
    """The payload key of a field's values of one kind; unlike names never share a key, whatever they contain."""
    return f"{kind}_" + re.sub(r"[^A-Za-z0-9_]", lambda found: f"-{ord(found[0]):x}-", name)


def payload_of(fields: Mapping[str, tuple[Scalar, ...]]) -> dict[str, Any]:
    """What is stored for one row: the values of every field, by kind; missing fields leave no key."""
    found: dict[str, list[Any]] = {}
    for name, values in fields.items():
        for value in values:
            kind, stored = _stored(value, name)
            found.setdefault(payload_key(kind, name), []).append(stored)
    return {key: several[0] if len(several) == 1 else several for key, several in found.items()}  # lists cost twice


def _stored(value: Scalar, name: str) -> tuple[str, str | float]:
    if isinstance(value, bool):
        return "b", "true" if value else "false"
    if isinstance(value, str):
        return "s", value
    return "n", finite(value, name) + 0.0  # the sum makes -0.0 the 0.0 that it equals


def translate(where: Filter, keys: Collection[str]) -> Any:
    """A Qdrant ``Filter`` that lets the same rows through; ``keys`` are the payload keys that exist.

    Raises
    ------
    UsageError
        If an ordering comparison is given anything but a number.
    """
    import qdrant_edge as engine

    if isinstance(where, Not):
        return engine.Filter(must_not=[translate(where.term, keys)])
    if isinstance(where, And):
        return engine.Filter(must=[translate(term, keys) for term in where.terms])  # of nothing: everything
    if isinstance(where, Or):
        return _any_of(translate(term, keys) for term in where.terms)
    if isinstance(where, Exists):
        known = [key for key in (payload_key(kind, where.field) for kind in KINDS) if key in keys]
        return _any_of(engine.Filter(must_not=[engine.IsEmptyCondition(key)]) for key in known)
    if isinstance(where, In):
        return _any_of(_equals(where.field, where.values, keys))
    if where.op == "=":
        return _any_of(_equals(where.field, (where.value,), keys))
    bounds = {_BOUNDS.get(where.op, ""): ordering_number(where)}
    key = payload_key("n", where.field)
    found = [engine.FieldCondition(key, range=engine.RangeFloat(**bounds))] if key in keys else []
    return _any_of(found)


def keys_of(where: Filter) -> frozenset[str]:
    """The payload keys that a filter may look at."""
    if isinstance(where, Not):
        return keys_of(where.term)
    if isinstance(where, And | Or):
        return frozenset().union(*map(keys_of, where.terms))
    return frozenset(payload_key(kind, where.field) for kind in KINDS)


def _equals(name: str, values: Iterable[Scalar], keys: Collection[str]) -> list[Any]:
    """One condition per kind of value, numbers one each."""
    import qdrant_edge as engine

    wanted: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for value in values:
        if not isinstance(value, bool | str) and not math.isfinite(value):
            continue  # what is stored is finite
        kind, stored = _wanted(value, name)
        wanted[kind].append(stored)
    found: list[Any] = []
    for kind, several in wanted.items():
        key = payload_key(kind, name)
        if key not in keys or not several:
            continue
        if kind == "n":
            found += [engine.FieldCondition(key, range=engine.RangeFloat(gte=v, lte=v)) for v in several]
        else:
            found.append(engine.FieldCondition(key, match=engine.MatchAny(several)))
    return found


def _wanted(value: Scalar, name: str) -> tuple[str, str | float]:
    if isinstance(value, str):
        return "s", fold(value)
    return _stored(value, name)


def _any_of(conditions: Iterable[Any]) -> Any:
    """At least one of these; of nothing: no row."""
    import qdrant_edge as engine

    several = list(conditions)
    if len(several) == 1 and isinstance(several[0], engine.Filter):
        return several[0]
    if not several:
        return engine.Filter(must=[engine.HasIdCondition(set())])
    return engine.Filter(should=several)
