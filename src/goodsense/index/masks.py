"""Filters evaluated over the fields of rows: one pass of numpy per condition, no Python per row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.types import And, Compare, Exists, Filter, In, Mask, Not, Scalar, fold

Values = Sequence[tuple[Scalar, ...]]  # one tuple per row; empty = missing
_ORDER: dict[str, Callable[[NDArray[np.float64], float], Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True, eq=False)
class FieldColumn:
    """The values of one field, turned around: from a value to the rows that have it.

    Numbers are ``(m,)`` pairs of row and value. Words (strings and truth values) are numbered; ``word_rows`` holds
    the rows of word ``c`` between ``starts[c]`` and ``starts[c + 1]``.
    """

    exists: Mask
    numbers: NDArray[np.float64]
    number_rows: NDArray[np.int64]
    words: dict[str | bool, int]
    starts: NDArray[np.int64]
    word_rows: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, values: Values) -> FieldColumn:
        """Read one tuple per row; raises DataError for a number that is not finite."""
        numbers: list[float] = []
        number_rows: list[int] = []
        words: dict[str | bool, int] = {}
        codes: list[int] = []
        code_rows: list[int] = []
        exists = np.zeros(len(values), dtype=np.bool_)
        for row, several in enumerate(values):
            exists[row] = len(several) > 0
            for value in several:
                if isinstance(value, str | bool):
                    codes.append(words.setdefault(value, len(words)))
                    code_rows.append(row)
                else:
                    numbers.append(finite(value, name))
                    number_rows.append(row)
        by_word = np.argsort(np.array(codes, dtype=np.int64), kind="stable")
        counts = np.bincount(np.array(codes, dtype=np.int64), minlength=len(words))
        return cls(
            exists,
            np.array(numbers, dtype=np.float64),
            np.array(number_rows, dtype=np.int64),
            words,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.array(code_rows, dtype=np.int64)[by_word],
        )

    def equal(self, value: Scalar) -> Mask:
        """Rows that have this value; text, truth values and numbers are never equal to each other. ``(n,)``."""
        if isinstance(value, str | bool):
            found = np.zeros(len(self.exists), dtype=np.bool_)
            code = self.words.get(fold(value) if isinstance(value, str) else value)
            if code is not None:
                found[self.word_rows[self.starts[code] : self.starts[code + 1]]] = True
            return found
        return self._having(self.numbers == value)

    def ordered(self, op: str, value: float) -> Mask:
        """Rows that have a number on this side of ``value``. ``(n,)``."""
        return self._having(_ORDER[op](self.numbers, value))

    def _having(self, numbers: Mask) -> Mask:
        found = np.zeros(len(self.exists), dtype=np.bool_)
        found[self.number_rows[numbers]] = True
        return found


def filter_mask(where: Filter, column: Callable[[str], FieldColumn | None], *, n: int) -> Mask:
    """Which of ``n`` rows a filter lets through; a field that no row has is missing everywhere. ``(n,)``."""
    if isinstance(where, Not):
        return ~filter_mask(where.term, column, n=n)
    if isinstance(where, Compare | In | Exists):
        return _leaf_mask(where, column(where.field), n=n)
    masks = (filter_mask(term, column, n=n) for term in where.terms)
    return _fold_masks(masks, n, every=isinstance(where, And))


def _leaf_mask(where: Compare | In | Exists, column: FieldColumn | None, *, n: int) -> Mask:
    if isinstance(where, Compare) and where.op != "=":
        limit = ordering_number(where)
        return np.zeros(n, dtype=np.bool_) if column is None else column.ordered(where.op, limit)
    if column is None:
        return np.zeros(n, dtype=np.bool_)
    if isinstance(where, Compare):
        return column.equal(where.value)
    if isinstance(where, Exists):
        return column.exists
    return _fold_masks((column.equal(value) for value in where.values), n, every=False)


def _fold_masks(masks: Iterable[Mask], n: int, *, every: bool) -> Mask:
    combine = np.logical_and if every else np.logical_or
    found = np.full(n, every, dtype=np.bool_)
    for mask in masks:
        combine(found, mask, out=found)
    return found


def ordering_number(where: Compare) -> float:
    """The number that an ordering comparison needs; anything else is a UsageError."""
    if where.op not in _ORDER:
        raise UsageError(f"unknown operator {where.op!r} on {where.field!r}; expected =, {', '.join(_ORDER)}.")
    if isinstance(where.value, bool) or not isinstance(where.value, int | float):
        raise UsageError(
            f"{where.field} {where.op} {where.value!r}: only numbers have an order.",
            fix=f"Compare {where.field!r} with a number, or use =.",
        )
    return float(where.value)


def finite(value: float, name: str) -> float:
    """The value of a field as a finite float; raises DataError naming the field."""
    if not math.isfinite(value):
        raise DataError(f"field {name!r} holds {value}; expected a finite number.", fix="Leave the value out instead.")
    return float(value)
