"""Filters as a small tree: parsed once, understood by the columns and by every engine.

Two-valued logic: a missing value fails every comparison, and ``Not`` is the plain complement. Strings compare
case-insensitively (NFKC, casefold); a multi-valued field matches if any of its values does.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | float | bool
Operator: TypeAlias = Literal["=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Compare:
    """``field op value``; ordering operators take numbers only."""

    field: str
    op: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """``field in (a, b, ...)``."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    term: Filter


@dataclass(frozen=True, slots=True)
class And:
    terms: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    terms: tuple[Filter, ...]


Filter: TypeAlias = Compare | In | Exists | Not | And | Or


def fold(text: str) -> str:
    """The form in which strings compare: NFKC, casefold, NFKC again, so that folding twice changes nothing."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
