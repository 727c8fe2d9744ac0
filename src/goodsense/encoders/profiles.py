"""Profiles of products as sparse rows: what the behaviour encoders share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


def known_columns(rows: Sequence[Mapping[str, float]], *, least: int, limit: int) -> tuple[str, ...]:
    """The names that stand in at least ``least`` rows, sorted; of many, the ``limit`` most frequent."""
    counts: dict[str, int] = {}
    for row in rows:
        for name, value in row.items():
            if value > 0:
                counts[name] = counts.get(name, 0) + 1
    kept = [name for name, count in counts.items() if count >= least]
    if len(kept) > limit:
        kept = sorted(kept, key=lambda name: (-counts[name], name))[:limit]
    return tuple(sorted(kept))


def sparse_rows(rows: Iterable[Mapping[str, float]], places: Mapping[str, int]) -> Any:
    """Mappings of names to weights as a sparse matrix ``(n, names)``; unknown names and what is not positive are left
    out. The order within a mapping changes nothing."""
    from scipy.sparse import csr_matrix

    starts: list[int] = [0]
    columns: list[int] = []
    values: list[float] = []
    for row in rows:
        found = sorted((places[name], value) for name, value in row.items() if value > 0 and name in places)
        columns += [place for place, _ in found]
        values += [value for _, value in found]
        starts.append(len(columns))
    parts = (np.array(values, np.float64), np.array(columns, np.int64), np.array(starts, np.int64))
    return csr_matrix(parts, shape=(len(starts) - 1, len(places)))
