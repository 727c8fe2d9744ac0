"""Near neighbours among bit strings: banded search in sorted lists, no comparison of all with all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

TABLES = 32  # samples of bits; strings that agree on all of one sample are compared
WINDOW = 48  # neighbours within a run of equal samples that are compared
_FEWEST, _MOST = 6, 20  # bits of a sample

Bits = NDArray[np.uint64]  # (n,)
PairRows = tuple[NDArray[np.int64], NDArray[np.int64]]


def packed(values: NDArray[np.float32], thresholds: NDArray[np.float32]) -> Bits:
    """One bit per value, set above its threshold. ``(..., 64), (64,) -> (...)``."""
    return np.ascontiguousarray(np.packbits(values > thresholds, axis=-1)).view("<u8")[..., 0]


def near_pairs(bits: Bits, *, within: int, seed: int = 0) -> Iterator[PairRows]:
    """Pairs of rows whose strings differ in at most ``within`` bits, table by table; a pair may come several times.

    Each table sorts the strings by a random sample of their bits (Charikar, 2002) and compares those that share it.
    Of pairs that differ in an eighth of the bits more than 98 % are found. Strings equal as a whole are compared
    with their next neighbours only.
    """
    n = len(bits)
    if n < 2:
        return
    size = int(np.clip(np.log2(n) - 2, _FEWEST, _MOST))
    rng = np.random.default_rng(seed)
    for _ in range(TABLES):
        order = rng.permutation(64)
        mask = np.bitwise_or.reduce(np.left_shift(np.uint64(1), order[:size].astype(np.uint64)))
        keys = bits & mask
        places = np.lexsort((bits, keys))
        yield from _within_runs(bits, keys, places, within)


def _within_runs(bits: Bits, keys: Bits, places: NDArray[np.int64], within: int) -> Iterator[PairRows]:
    sorted_keys, sorted_bits = keys[places], bits[places]
    starts = np.flatnonzero(sorted_keys[1:] == sorted_keys[:-1])
    for step in range(1, WINDOW + 1):
        if step > 1:
            starts = starts[starts + step < len(places)]
            starts = starts[sorted_keys[starts] == sorted_keys[starts + step]]
        if not len(starts):
            return
        close = starts[np.bitwise_count(sorted_bits[starts] ^ sorted_bits[starts + step]) <= within]
        if len(close):
            yield places[close], places[close + step]
