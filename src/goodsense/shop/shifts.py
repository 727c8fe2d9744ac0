"""How the pictures that shoppers send differ from the shop's own, whatever they show.

A phone photo of an apple is darker and busier than its white product picture, and so is every other phone photo: all
of them lie off in one direction, where the darkest product looks alike to each. That direction is the difference of
the two means; left out of the probes (as in domain adaptation by mean removal), what remains is about the apple.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np

from goodsense.errors import DataError, UsageError
from goodsense.search.encode import encode_query
from goodsense.search.snapshot import Snapshot
from goodsense.types import Encoder, Part, Query, Vectors, normalise

ENOUGH = 30  # pictures that say where the others will lie
READ = 300  # of more, a seeded sample
APART = 0.2  # distance of the means of unit vectors below which both sides are of one kind
_KIND = "image"


def query_shifts(
    snapshot: Snapshot, encoders: Mapping[str, Encoder], queries: Mapping[str, str], *, seed: int
) -> dict[tuple[str, str], tuple[float, ...]]:
    """Unit directions by (query kind, block), from the queries that the shop keeps (id -> JSON of the query).

    Pictures that cannot be read any more are left out; too few of them, or none that lie apart, give no direction.
    """
    if not any(_KIND in encoder.accepts for encoder in encoders.values()):
        return {}
    found: dict[str, list[Vectors]] = {}
    for part in _sampled(queries, seed):
        try:
            probes = encode_query(Query((part,)), snapshot, encoders).parts[0].probes
        except (DataError, UsageError):  # gone, damaged, or a URL
            continue
        for name, probe in probes.items():
            found.setdefault(name, []).append(probe)
    shifts = {}
    for name, seen in found.items():
        block = snapshot.blocks[name]
        apart = _mean(np.stack(seen)) - _mean(block.vectors[block.present])
        length = float(np.linalg.norm(apart))
        if len(seen) >= ENOUGH and length >= APART:
            shifts[_KIND, name] = tuple((apart / length).tolist())
    return shifts


def _sampled(queries: Mapping[str, str], seed: int) -> Iterator[Part]:
    parts = [
        part for text in queries.values() for part in Query.from_json(json.loads(text)).parts if part.kind == _KIND
    ]
    order = np.random.default_rng(seed).permutation(len(parts))[:READ]
    return (parts[at] for at in sorted(order.tolist()))


def _mean(vectors: Vectors) -> Vectors:
    """The mean of the directions ``(n, d) -> (d,)``."""
    mean: Vectors = normalise(vectors).mean(axis=0)
    return mean
