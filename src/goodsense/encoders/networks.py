"""What small networks learn from a shop's own labels: which classes, and which values are of one product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Labels

LEAST_PER_CLASS = 2  # values that a class needs to be learned
MOST_CLASSES = 2_000  # of one field; one with more is no label but a name


@dataclass(frozen=True, eq=False)
class Targets:
    """Labels as class numbers: ``codes[field]`` ``(n,)`` int64, -1 where a value has none; ``sizes[field]`` classes."""

    codes: Mapping[str, NDArray[np.int64]]
    sizes: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.codes)

    @classmethod
    def of(cls, labels: Sequence[Labels], *, fields: Sequence[str] | None = None) -> Targets:
        """The fields worth learning: at least two classes with at least two values each; ``id`` is never one.

        With ``fields``, these alone. A field in which nearly every value is a class of its own is a name, no label.
        """
        names = sorted({name for label in labels for name in label if name != "id"})
        codes, sizes = {}, {}
        for name in names if fields is None else [name for name in fields if name in names]:
            counts = Counter(label[name] for label in labels if label.get(name))
            classes = sorted(value for value, count in counts.items() if count >= LEAST_PER_CLASS)
            told_apart = sum(counts[value] for value in classes)
            if 2 <= len(classes) <= MOST_CLASSES and len(classes) <= told_apart / 3:
                place = {value: i for i, value in enumerate(classes)}
                codes[name] = np.array([place.get(label.get(name, ""), -1) for label in labels], dtype=np.int64)
                sizes[name] = len(classes)
        return cls(codes, sizes)


@dataclass(frozen=True, eq=False)
class Products:
    """Which values are of one product: ``numbers`` ``(n,)``, and the rows of every product that has several."""

    numbers: NDArray[np.int64]
    several: Mapping[int, NDArray[np.int64]]

    @classmethod
    def of(cls, labels: Sequence[Labels], count: int) -> Products:
        """By the ``id`` of ``count`` labels; a value without one is a product of its own."""
        names = [label.get("id") or f"\0{row}" for row, label in enumerate(labels or [{}] * count)]
        numbers = np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
        order = np.argsort(numbers, kind="stable")
        runs = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1) if len(order) else []
        return cls(numbers, {int(numbers[run[0]]): run for run in runs if len(run) > 1})

    def partners(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Another value of the same product, where there is one, else the same, to be altered in its own way."""
        found: NDArray[np.int64] = rows.copy()
        for place, row in enumerate(rows.tolist()):
            others = self.several.get(int(self.numbers[row]))
            if others is not None:
                found[place] = rng.choice(others[others != row])
        return found
