"""Attributes to vectors: one column per number, one per frequent value of a category, a few for the category tree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders import artefacts
from goodsense.encoders.category_paths import FIELD, CategoryPaths, path_of
from goodsense.encoders.options import check_choice, check_whole
from goodsense.errors import UsageError
from goodsense.standardise import Affine, MinMax, ZScore
from goodsense.types import Modality, Vectors

KIND = "columns"
VERSION = 1
SCALES = ("zscore", "minmax")

Value: TypeAlias = str | float | bool | tuple[str, ...]
Attributes: TypeAlias = Mapping[str, Value]


class ColumnsEncoder:
    """Categorical and numeric attributes side by side, scaled on the rows of the fit.

    A numeric attribute gives one column, centred and scaled; a missing number is 0, the centre. A categorical one
    (text, truth value, or several texts at once) gives one column per value, centred by its share and scaled; a missing
    category is 0 throughout, which is the average product. An attribute with both numbers and texts counts as
    categorical. A product without any known attribute is a zero row.

    Parameters
    ----------
    scale
        ``zscore``: mean 0 and deviation 1. ``minmax``: the range of the fit becomes 1, the centre stays the mean.
    max_categories
        At most so many values of one attribute get a column, the most frequent first.
    category_paths
        So many further columns say where the product stands in the category tree
        (:mod:`goodsense.encoders.category_paths`); 0 for none.
    """

    def __init__(self, *, scale: str = "zscore", max_categories: int = 64, category_paths: int = 0) -> None:
        check_choice(SCALES, scale=scale)
        check_whole(max_categories=max_categories)
        check_whole(category_paths=category_paths, least=0)
        self._scale = scale
        self._limit = max_categories
        self._path_dim = category_paths
        self._columns: tuple[tuple[str, str | None], ...] = ()  # (field, category or None for a number)
        self._scaling = Affine(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32))
        self._paths = CategoryPaths((), np.zeros((0, category_paths), dtype=np.float32))
        self._fitted = False
        self._fingerprint = ""

    @property
    def dim(self) -> int:
        return len(self._columns) + self._path_dim

    @property
    def names(self) -> tuple[str, ...]:
        """One per column: ``price`` for a number, ``colour=red`` for a category, ``category~1`` for a path's place."""
        places = tuple(f"{FIELD}~{number}" for number in range(1, self._path_dim + 1))
        return tuple(field if value is None else f"{field}={value}" for field, value in self._columns) + places

    @property
    def accepts(self) -> frozenset[Modality]:
        return frozenset({"attributes"})

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint:
            self._fingerprint = artefacts.fingerprint(self._artefact())
        return self._fingerprint

    def fit(self, values: Sequence[Attributes], *, seed: int) -> Self:
        """Learn columns, centres and spreads from products, and the category tree where it is wanted."""
        columns: list[tuple[str, str | None]] = []
        for field in sorted({field for value in values for field in value}):
            columns += [(field, category) for category in self._categories(values, field)]
        self._columns = tuple(columns)
        self._fitted = True
        self._fingerprint = ""
        raw, known = self._raw(values)
        self._scaling = _scaling(raw, known, self._scale)
        if self._path_dim:
            beside = [field != FIELD for field, _ in self._columns]
            scores = np.where(known, ZScore().fit(raw, known).apply(raw), np.float32(0))[:, beside]
            paths = [path_of(value) for value in values]
            self._paths = CategoryPaths.fit(paths, scores, dim=self._path_dim, seed=seed)
        return self

    def encode(self, values: Sequence[Attributes]) -> Vectors:
        """``n`` products (attribute -> value) to ``(n, dim)``; unknown attributes and categories are passed over."""
        if not self._fitted:
            raise UsageError("this attribute encoder was not fitted yet.", fix="Call fit(products, seed=...) first.")
        raw, known = self._raw(values)
        scaled: Vectors = np.where(known, self._scaling.apply(raw), np.float32(0))
        if not self._path_dim:
            return scaled
        return np.hstack((scaled, self._paths.encode([path_of(value) for value in values])))

    def encode_query(self, values: Sequence[Attributes]) -> Vectors:
        """The same as :meth:`encode`: a wish for attributes is a product that has them."""
        return self.encode(values)

    def save(self, directory: Path) -> None:
        """Write columns, centres and spreads into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=KIND, version=VERSION)
        encoder = cls(
            scale=found.settings["scale"],
            max_categories=found.settings["max_categories"],
            category_paths=found.settings.get("category_paths", 0),
        )
        encoder._columns = tuple((field, category) for field, category in found.settings["columns"])
        encoder._scaling = Affine(found.arrays["centre"], found.arrays["spread"])
        if "nodes" in found.settings:
            nodes = tuple(tuple(node) for node in found.settings["nodes"])
            encoder._paths = CategoryPaths(nodes, found.arrays["nodes"])
        encoder._fitted = found.settings["fitted"]
        return encoder

    def _artefact(self) -> artefacts.Artefact:
        settings: dict[str, Any] = {
            "scale": self._scale,
            "max_categories": self._limit,
            "fitted": self._fitted,
            "columns": [list(column) for column in self._columns],
        }
        arrays = self._scaling.to_arrays()
        if self._path_dim:
            settings |= {"category_paths": self._path_dim, "nodes": [list(node) for node in self._paths.nodes]}
            arrays["nodes"] = self._paths.vectors
        return artefacts.Artefact(KIND, VERSION, settings, arrays)

    def _categories(self, values: Sequence[Attributes], field: str) -> list[str | None]:
        """``[None]`` for a numeric attribute, else its most frequent values."""
        present = [value[field] for value in values if field in value]
        if all(_is_number(value) for value in present):
            return [None] if any(math.isfinite(value) for value in present if _is_number(value)) else []
        counts = Counter(category for value in present for category in set(_as_categories(value)))
        ranked = sorted(counts, key=lambda category: (-counts[category], category))
        return list(ranked[: self._limit])

    def _raw(self, values: Sequence[Attributes]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Unscaled columns ``(n, dim)`` and where the attribute is known ``(n, dim)``."""
        raw = np.zeros((len(values), len(self._columns)), dtype=np.float32)
        known = np.zeros((len(values), len(self._columns)), dtype=np.bool_)
        numeric = {field: i for i, (field, category) in enumerate(self._columns) if category is None}
        places: dict[str, dict[str, int]] = {}
        for i, (field, category) in enumerate(self._columns):
            if category is not None:
                places.setdefault(field, {})[category] = i
        for row, value in enumerate(values):
            for field, entry in value.items():
                if field in numeric and _is_number(entry) and math.isfinite(entry):
                    raw[row, numeric[field]], known[row, numeric[field]] = entry, True
                elif field in places and (categories := _as_categories(entry)):
                    known[row, list(places[field].values())] = True
                    raw[row, [places[field][c] for c in categories if c in places[field]]] = 1.0
        return raw, known


def _is_number(value: Value) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_categories(value: Value) -> tuple[str, ...]:
    """The texts an entry stands for; empty ones say nothing."""
    entries = value if isinstance(value, tuple | list) else (value,)
    return tuple(text for entry in entries if (text := str(entry).strip()))


def _scaling(raw: NDArray[np.float32], known: NDArray[np.bool_], scale: str) -> Affine:
    """Centre and spread of every column over the rows that know it; a constant column has spread 1."""
    fitted = ZScore().fit(raw, known)
    return fitted if scale == "zscore" else replace(fitted, spread=MinMax().fit(raw, known).spread)
