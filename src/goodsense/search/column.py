"""One filterable field of all products: words by number, numbers, or truth values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.search.storage import Array, StringColumn, Vocabulary, ranges
from goodsense.types import Mask, Operator, Rows, Scalar, fold

Kind: TypeAlias = Literal["category", "number", "boolean"]

_COMPARE: dict[Operator, Callable[[Array, float], Any]] = {
    "=": np.equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_DTYPES: dict[Kind, Any] = {"category": np.int32, "number": np.float64, "boolean": np.int8}
_MISSING: dict[Kind, float] = {"category": -1, "number": np.nan, "boolean": -1}


@dataclass(frozen=True, eq=False)
class Column:
    """The values of one field.

    Parameters
    ----------
    kind
        What the values are: numbers of words (int32), numbers (float64), or truth values (int8).
    values
        ``(n,)``, one per row with -1 or NaN for missing; with ``offsets``, the values of all rows one after another.
    offsets
        ``(n + 1,)`` where each row's values begin; None when no row has more than one.
    words
        Folded words of a category, by number.
    spellings
        How each word is written most often; words that came later stand in ``late_spellings``.
    """

    kind: Kind
    values: Array
    offsets: NDArray[np.int64] | None = None
    words: Vocabulary | None = None
    spellings: StringColumn | None = None
    late_spellings: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, rows: Sequence[tuple[Scalar, ...]]) -> tuple[Column, str]:
        """The column of these rows, and a note when values of different kinds had to become text.

        Raises
        ------
        DataError
            If a number is not finite or a value is no scalar.
        """
        flat = list(chain.from_iterable(rows))
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        kind, note = _kind_of(name, flat)
        if kind == "category":
            return _category([as_text(value) for value in flat] if note else flat, lengths), note
        values = np.array(flat, dtype=_DTYPES[kind])
        if kind == "number" and not np.isfinite(values).all():
            found = values[~np.isfinite(values)][0]
            raise DataError(
                f"field {name!r} holds {found}; expected a finite number.", fix="Leave the value out instead."
            )
        return cls(kind, *_spread(values, lengths, kind)), note

    @classmethod
    def empty(cls, kind: Kind, n: int) -> Column:
        """A column in which ``n`` rows have no value."""
        values = np.full(n, _MISSING[kind], dtype=_DTYPES[kind])
        words = (Vocabulary.of(()), StringColumn.of(())) if kind == "category" else (None, None)
        return cls(kind, values, None, *words)

    def __len__(self) -> int:
        return len(self.values) if self.offsets is None else len(self.offsets) - 1

    # ---- conditions, each (n,)

    def exists(self) -> Mask:
        return self._present(self.values) if self.offsets is None else np.diff(self.offsets) > 0

    def equals(self, values: Sequence[Scalar]) -> Mask:
        """Rows that have one of these values, which are of the column's own kind; strings are folded already."""
        if self.words is not None:
            codes = [code for code in (self.words.find(str(value)) for value in values) if code >= 0]
            if len(codes) > 8:
                chosen = np.zeros(len(self.words) + 1, dtype=np.bool_)  # the last one is for missing
                chosen[codes] = True
                return self._rows_with(chosen[self.values])
            values = codes
        hit = np.zeros(len(self.values), dtype=np.bool_)
        for value in values:
            hit |= self.values == value
        return self._rows_with(hit)

    def compares(self, op: Operator, value: float) -> Mask:
        """Rows that have a number on this side of ``value``."""
        return self._rows_with(_COMPARE[op](self.values, value))

    def _present(self, values: Array) -> Mask:
        return ~np.isnan(values) if self.kind == "number" else values >= 0

    def _rows_with(self, hit: Mask) -> Mask:
        if self.offsets is None:
            return hit
        before = np.concatenate([[0], np.cumsum(hit)])
        return before[self.offsets[1:]] > before[self.offsets[:-1]]

    # ---- values

    def flat(self, rows: Rows) -> Array:
        """All values of these rows, one after another, without the missing ones."""
        if self.offsets is None:
            values = self.values[rows]
            return values[self._present(values)]
        starts = self.offsets[rows]
        return self.values[ranges(starts, self.offsets[rows + 1] - starts)]

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        """How many values each of these rows has."""
        if self.offsets is None:
            return self._present(self.values[rows]).astype(np.int64)
        return self.offsets[rows + 1] - self.offsets[rows]

    def scalars(self, flat: Array, *, folded: bool = True) -> list[Scalar]:
        """Stored values as what they mean: words folded or as they are written most often."""
        if self.kind == "number":
            return [float(value) for value in flat.tolist()]
        if self.kind == "boolean":
            return [value == 1 for value in flat.tolist()]
        used, places = np.unique(flat, return_inverse=True)
        words = [self.word(code, folded=folded) for code in used.tolist()]
        return [words[place] for place in places.tolist()]

    def word(self, code: int, *, folded: bool = False) -> str:
        """The word of a number."""
        assert self.words is not None, "only a category has words"
        assert self.spellings is not None, "every word has a spelling"
        if folded:
            return self.words[code]
        first = len(self.spellings)
        return self.spellings[code] if code < first else self.late_spellings[code - first]

    def take(self, rows: Rows, *, folded: bool = True) -> list[tuple[Scalar, ...]]:
        """One tuple of values per row, empty where missing."""
        scalars = self.scalars(self.flat(rows), folded=folded)
        ends = np.cumsum(self.lengths(rows)).tolist()
        return [tuple(scalars[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)] if ends else []

    # ---- growing

    def joined(self, later: Column) -> Column:
        """These rows, then the later ones; words keep their numbers. Columns of different kinds become text."""
        if self.kind != later.kind:
            return self.as_category().joined(later.as_category())
        extra = self
        values = later.values
        if self.words is not None and later.words is not None:
            extra, numbers = self._with_words(later)
            values = np.append(numbers, -1)[values]  # -1, missing, picks the -1 at the end
        if self.offsets is None and later.offsets is None:
            return replace(extra, values=np.concatenate([self.values, values]))
        base, base_offsets = self._ragged(self.values)
        more, more_offsets = later._ragged(values)
        offsets = np.concatenate([base_offsets, base_offsets[-1] + more_offsets[1:]])
        return replace(extra, values=np.concatenate([base, more]), offsets=offsets)

    def _with_words(self, later: Column) -> tuple[Column, NDArray[np.int32]]:
        """This column knowing the later one's words too, and the numbers that they have here."""
        assert self.words is not None, "only a category has words"
        assert later.words is not None, "only a category has words"
        theirs = later.words.tolist()
        words, known = self.words.extended(theirs)
        numbers = np.fromiter(map(known.__getitem__, theirs), dtype=np.int32, count=len(theirs))
        fresh = np.flatnonzero(numbers >= len(self.words))
        late = self.late_spellings + tuple(later.word(code) for code in fresh.tolist())
        return replace(self, words=words, late_spellings=late), numbers

    def _ragged(self, values: Array) -> tuple[Array, NDArray[np.int64]]:
        if self.offsets is not None:
            return values, self.offsets
        present = self._present(values)
        return values[present], np.concatenate([[0], np.cumsum(present)]).astype(np.int64)

    def as_category(self) -> Column:
        """The same values as text."""
        if self.kind == "category":
            return self
        every = np.arange(len(self), dtype=np.int64)
        return _category([as_text(value) for value in self.scalars(self.flat(every))], self.lengths(every))

    # ---- on disk

    def arrays(self) -> dict[str, Array]:
        """What :meth:`from_arrays` takes back; words that came later find their place among the others."""
        found: dict[str, Array] = {"values": self.values}
        if self.offsets is not None:
            found["offsets"] = self.offsets
        if self.words is not None and self.spellings is not None:
            if self.words.late:
                return self._sorted_words().arrays()
            found |= self.words.sorted.arrays("words") | self.spellings.arrays("spellings")
        return found

    @classmethod
    def from_arrays(cls, kind: Kind, arrays: Mapping[str, Array]) -> Column:
        if kind != "category":
            return cls(kind, arrays["values"], arrays.get("offsets"))
        words = Vocabulary(StringColumn.from_arrays(arrays, "words"))
        spellings = StringColumn.from_arrays(arrays, "spellings")
        return cls(kind, arrays["values"], arrays.get("offsets"), words, spellings)

    def _sorted_words(self) -> Column:
        assert self.words is not None, "only a category has words"
        words = self.words.tolist()
        order = sorted(range(len(words)), key=words.__getitem__)
        numbers = np.full(len(words) + 1, -1, dtype=np.int32)
        numbers[order] = np.arange(len(words), dtype=np.int32)
        spellings = StringColumn.of(self.word(code) for code in order)
        return Column(self.kind, numbers[self.values], self.offsets, Vocabulary.of(words), spellings)


def as_text(value: Scalar) -> str:
    """A value as it is written where text is expected: ``true``, ``42``, ``2.5``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.0f}" if abs(value) < 1e15 and value == int(value) else repr(float(value))


def _kind_of(name: str, flat: list[Scalar]) -> tuple[Kind, str]:
    types = set(map(type, flat))
    kinds: set[Kind] = set()
    for one in types:
        if issubclass(one, str):
            kinds.add("category")
        elif issubclass(one, bool):
            kinds.add("boolean")
        elif issubclass(one, int | float):
            kinds.add("number")
        else:
            raise DataError(f"field {name!r} holds a {one.__name__}; expected text, numbers or truth values.")
    if len(kinds) == 1:
        return kinds.pop(), ""
    several = " and ".join(sorted(kinds))
    return "category", f"field {name!r} mixes {several} values; they are compared as text." if kinds else ""


def _category(flat: Sequence[Scalar], lengths: NDArray[np.int64]) -> Column:
    texts = [str(value) for value in flat]
    spelled: dict[str, str] = {}  # most frequent first; among equals the first in code point order
    folded = {raw: fold(raw) for raw, _ in sorted(Counter(texts).items(), key=lambda item: (-item[1], item[0]))}
    for raw, word in folded.items():
        spelled.setdefault(word, raw)
    words = sorted(spelled)
    number = {word: code for code, word in enumerate(words)}
    number_of_raw = {raw: number[word] for raw, word in folded.items()}
    codes = np.fromiter(map(number_of_raw.__getitem__, texts), dtype=np.int32, count=len(texts))
    codes, lengths = _without_repeats(codes, lengths)
    vocabulary = Vocabulary(StringColumn.of(words))
    return Column(
        "category", *_spread(codes, lengths, "category"), vocabulary, StringColumn.of(spelled[word] for word in words)
    )


def _without_repeats(
    codes: NDArray[np.int32], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Each word once per row, in the order given, so that counting words counts rows."""
    if len(lengths) == 0 or lengths.max() <= 1:
        return codes, lengths
    owners = np.repeat(np.arange(len(lengths)), lengths)
    pairs = owners * (int(codes.max()) + 1) + codes
    first = np.sort(np.unique(pairs, return_index=True)[1])
    return codes[first], np.bincount(owners[first], minlength=len(lengths)).astype(np.int64)


def _spread(flat: Array, lengths: NDArray[np.int64], kind: Kind) -> tuple[Array, NDArray[np.int64] | None]:
    """Values and offsets of a column: one value per row where no row has more."""
    if len(lengths) and lengths.max() > 1:
        return flat, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = np.full(len(lengths), _MISSING[kind], dtype=_DTYPES[kind])
    values[lengths == 1] = flat
    return values, None
