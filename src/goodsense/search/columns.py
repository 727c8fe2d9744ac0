"""The filterable fields of a build, memory-mapped: filters become masks, and masks become facets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.search.column import Column, Kind, as_text
from goodsense.search.fields import MONEY_FIELDS, field_table, product_fields
from goodsense.search.storage import load_arrays, load_json, save_arrays, save_json
from goodsense.types import And, Compare, Exists, Filter, In, Mask, Not, Or, Rows, Scalar, fold

__all__ = ["Column", "Columns", "Facet", "field_table", "product_fields"]

COLUMNS_FORMAT = 1


@dataclass(frozen=True)
class Facet:
    """What the matching products have in one field.

    ``counts`` holds the most frequent values and how many products have each, most first (categories and truth
    values); ``low`` and ``high`` are the range of numbers; ``products`` counts those that have any value.
    """

    field: str
    kind: Kind
    products: int
    counts: tuple[tuple[Scalar, int], ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, eq=False)
class Columns:
    """Typed columns over the rows of a build.

    ``currency`` decides what ``price`` alone means where prices come in several; ``notes`` says which fields mix
    kinds of values.
    """

    fields: Mapping[str, Column]
    rows: int
    currency: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def from_fields(
        cls, fields: Mapping[str, Sequence[tuple[Scalar, ...]]], rows: int, *, currency: str = ""
    ) -> Columns:
        """Columns of ``rows`` rows; each field brings one tuple per row and its kind follows from its values.

        Raises
        ------
        DataError
            If a field has another number of rows, or holds what is no finite number, text or truth value.
        """
        found: dict[str, Column] = {}
        notes = []
        for name, values in fields.items():
            if len(values) != rows:
                raise DataError(f"field {name!r} has {len(values)} rows; expected {rows}.")
            found[name], note = Column.of(name, values)
            notes += [note] if note else []
        return cls(found, rows, currency.upper(), tuple(notes))

    @classmethod
    def concatenate(cls, parts: Sequence[Columns]) -> Columns:
        """The rows of all parts, one after another; the first part's words keep their numbers."""
        if not parts:
            raise UsageError("no columns to put together; expected at least one part.")
        joined = parts[0]
        for part in parts[1:]:
            joined = joined._joined(part)
        return joined

    def _joined(self, later: Columns) -> Columns:
        fields = {}
        for name in dict.fromkeys((*self.fields, *later.fields)):
            base, more = self.fields.get(name), later.fields.get(name)
            if base is None or (more is not None and base.kind != more.kind and not base.exists().any()):
                base = Column.empty(more.kind if more is not None else "category", self.rows)
            if more is None or not more.exists().any():
                more = Column.empty(base.kind, later.rows)
            fields[name] = base.joined(more)
        notes = tuple(dict.fromkeys((*self.notes, *later.notes)))
        return Columns(fields, self.rows + later.rows, self.currency or later.currency, notes)

    def __len__(self) -> int:
        return self.rows

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.fields)

    @property
    def kinds(self) -> dict[str, Kind]:
        return {name: column.kind for name, column in self.fields.items()}

    # ---- names

    def resolve(self, field: str) -> str:
        """The field that a name means: itself, spelled otherwise, or a price whose currency goes without saying.

        Raises
        ------
        UsageError
            If there is no such field, or prices come in several currencies and none was named.
        """
        if field in self.fields:
            return field
        alike = [name for name in self.fields if fold(name) == fold(field)]
        if len(alike) == 1:
            return alike[0]
        if fold(field) in MONEY_FIELDS and (priced := self._priced(fold(field))):
            return priced
        near = get_close_matches(fold(field), {fold(name): name for name in self.fields}, n=3, cutoff=0.6)
        meant = " or ".join(repr(name) for name in self.fields if fold(name) in near)
        known = ", ".join(sorted(self.fields)) or "none"
        raise UsageError(
            f"no product has a field {field!r}; the fields are: {known}.", fix=f"Did you mean {meant}?" if meant else ""
        )

    def _priced(self, field: str) -> str:
        codes = sorted(name.removeprefix(f"{field}.") for name in self.fields if name.startswith(f"{field}."))
        if self.currency in codes:
            return f"{field}.{self.currency}"
        if len(codes) > 1:
            raise UsageError(
                f"{field!r} alone could be in {', '.join(codes)}.",
                fix=f"Name the currency: {field} < 100 {codes[0]}, or {field}.{codes[0]}.",
            )
        return f"{field}.{codes[0]}" if codes else ""

    # ---- filters

    def check(self, where: Filter) -> Filter:
        """The same filter as the columns have it: real field names, strings folded, values of each field's kind.

        Raises
        ------
        UsageError
            If it names an unknown field, orders text, or compares a field with a value it can never have.
        """
        match where:
            case Compare(field, op, value):
                name = self.resolve(field)
                kind = self.fields[name].kind
                if op != "=" and kind != "number":
                    raise UsageError(
                        f"{field} {op} {value!r}: {name!r} holds {_KIND_NAMES[kind]}, which has no order.",
                        fix="Compare it with = or `in`.",
                    )
                return Compare(name, op, _value_for(name, kind, value))
            case In(field, values):
                name = self.resolve(field)
                return In(name, tuple(_value_for(name, self.fields[name].kind, value) for value in values))
            case Exists(field):
                return Exists(self.resolve(field))
            case Not(term):
                return Not(self.check(term))
            case And(terms):
                return And(tuple(map(self.check, terms)))
            case Or(terms):
                return Or(tuple(map(self.check, terms)))

    def mask(self, where: Filter) -> Mask:
        """Which rows a filter lets through, ``(n,)``; raises UsageError as :meth:`check` does."""
        return self._mask(self.check(where))

    def _mask(self, where: Filter) -> Mask:
        match where:
            case Compare(field, "=", value):
                return self.fields[field].equals((value,))
            case Compare(field, op, value):
                return self.fields[field].compares(op, float(value))
            case In(field, values):
                return self.fields[field].equals(values)
            case Exists(field):
                return self.fields[field].exists()
            case Not(term):
                return ~self._mask(term)
            case And(terms):
                return _combined([self._mask(term) for term in terms], self.rows, every=True)
            case Or(terms):
                return _combined([self._mask(term) for term in terms], self.rows, every=False)

    # ---- values

    def values(self, field: str, rows: Rows, *, folded: bool = True) -> list[tuple[Scalar, ...]]:
        """One tuple per row, empty where missing; ``folded=False`` writes words as products mostly do."""
        return self.fields[self.resolve(field)].take(rows, folded=folded)

    def facets(self, mask: Mask | None, fields: Sequence[str], *, limit: int = 10) -> dict[str, Facet]:
        """Count values among the rows of a mask (all rows when None), by the names asked for.

        Equal counts stand in the order of the words. ``(n,) -> {field: Facet}``.
        """
        rows = np.arange(self.rows) if mask is None else np.flatnonzero(mask)
        return {field: self._facet(self.resolve(field), rows, limit) for field in fields}

    def _facet(self, name: str, rows: Rows, limit: int) -> Facet:
        column = self.fields[name]
        flat = column.flat(rows)
        products = len(flat) if column.offsets is None else int(np.count_nonzero(column.lengths(rows)))
        found = Facet(name, column.kind, products)
        if column.kind == "number":
            return replace(found, low=float(flat.min()), high=float(flat.max())) if len(flat) else found
        counts = np.bincount(flat) if len(flat) else np.zeros(0, dtype=np.int64)
        best = _largest(counts, limit)
        values: list[Scalar] = (
            [code == 1 for code in best] if column.kind == "boolean" else [column.word(code) for code in best]
        )
        return replace(found, counts=tuple(zip(values, counts[best].tolist(), strict=True)))

    # ---- on disk

    def save(self, directory: Path) -> None:
        """Write ``columns.safetensors`` and ``columns.json``."""
        directory.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{i}.{name}": array
            for i, column in enumerate(self.fields.values())
            for name, array in column.arrays().items()
        }
        save_arrays(directory / "columns.safetensors", arrays)
        described: dict[str, Any] = {
            "format": COLUMNS_FORMAT,
            "rows": self.rows,
            "currency": self.currency,
            "notes": list(self.notes),
            "fields": [[name, column.kind] for name, column in self.fields.items()],
        }
        save_json(directory / "columns.json", described)

    @classmethod
    def load(cls, directory: Path) -> Columns:
        """Map what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the files are missing, damaged, or of another format.
        """
        described = load_json(directory / "columns.json")
        if described.get("format") != COLUMNS_FORMAT:
            raise DataError(
                f"{directory} holds columns of format {described.get('format')}; expected {COLUMNS_FORMAT}.",
                fix="Build again.",
            )
        parts: list[dict[str, NDArray[Any]]] = [{} for _ in described["fields"]]
        for key, array in load_arrays(directory / "columns.safetensors").items():
            number, _, name = key.partition(".")
            parts[int(number)][name] = array
        fields = {
            name: Column.from_arrays(kind, arrays)
            for (name, kind), arrays in zip(described["fields"], parts, strict=True)
        }
        return cls(fields, described["rows"], described["currency"], tuple(described["notes"]))


_KIND_NAMES: dict[Kind, str] = {"category": "text", "number": "numbers", "boolean": "truth values"}


def _value_for(field: str, kind: Kind, value: Scalar) -> Scalar:
    """A value as a field of this kind stores it; raises UsageError where it can have no such value."""
    if kind == "category":
        return fold(as_text(value))
    if kind == "boolean" and fold(as_text(value)) in ("true", "false"):
        return fold(as_text(value)) == "true"
    if kind == "number" and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    fix = f"Ask `exists {field}` for having one." if value is True else ""
    raise UsageError(f"the field {field!r} holds {_KIND_NAMES[kind]}; it never equals {value!r}.", fix=fix)


def _combined(masks: list[Mask], n: int, *, every: bool) -> Mask:
    found = np.full(n, every, dtype=np.bool_)
    for mask in masks:
        np.logical_and(found, mask, out=found) if every else np.logical_or(found, mask, out=found)
    return found


def _largest(counts: NDArray[np.int64], limit: int) -> list[int]:
    """The places of the largest counts above zero, larger first, then by place."""
    if 0 < limit < len(counts):
        floor = max(1, int(np.partition(counts, len(counts) - limit)[len(counts) - limit]))
        places = np.flatnonzero(counts >= floor)
    else:
        places = np.flatnonzero(counts)
    return [int(place) for place in places[np.argsort(-counts[places], kind="stable")][:limit]]
