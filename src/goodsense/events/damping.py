"""How much a burst of new users, or many copies of one profile, may teach: no more than is usual in the shop.

Shilling (Lam and Riedl, "Shilling Recommender Systems for Fun and Profit", WWW 2004) pushes an item by made-up
profiles. They are new, many, and all have that item; those who make them up carelessly also make them alike. What
exceeds the caps here is left out of what models learn from. It takes nothing from the users themselves: their
histories are still answered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.events.interactions import Interactions, Pairs
from goodsense.tables.times import EARLIEST

DAY_S = 86_400.0
SCALES = (1, 7, 30)  # days over which what new users add to an item is capped
FLOOR = 3  # so many new users may always add to an item
USUAL = 0.75  # what an item has on as large a share of its days, weeks or months is usual for it
RATIO = 3.0  # and so many times as much may come
_LIFE = 4  # days, weeks or months that an item is taken to have had at least; a single one is not usual
COPIES = 1  # of profiles that are nearly the same, so many count
LEAST_ITEMS = 10  # smaller profiles are often the same by chance
_HASHES, _BAND = 16, 4
_ALIKE = 0.75  # share of equal minima; that of the items that two profiles have in common is expected to be the same


@dataclass(frozen=True, eq=False)
class Damped:
    """Interactions without what exceeds the caps.

    ``copies`` are the users that were left out as copies of others; ``burst_pairs`` counts the pairs of a user with an
    item that were left out as part of a burst, ``burst_items`` the items that it was about, by how many.
    """

    interactions: Interactions
    copies: tuple[str, ...]
    burst_pairs: int
    burst_items: dict[str, int]


def damped(interactions: Interactions, *, floor: int = FLOOR, ratio: float = RATIO, copies: int = COPIES) -> Damped:
    """Leave out what exceeds the caps on copies and on bursts of new users.

    A user is new for a day from the first event on. Of the new users who come to an item within a day (a week, 30
    days), the first ones count: ``floor`` of them, or ``ratio`` times what the item usually has, whichever is more.
    Usual is what it stays within on three quarters of the days (weeks, months) since its first event; so a push that
    goes on for a quarter of an item's life passes for one that is liked. Of users with nearly the same ten items and
    more, the ``copies`` that were there first count. Without times only copies are found.
    """
    pairs = interactions.pairs
    copied = _copies(pairs, len(interactions.users), copies)
    kept = ~copied[pairs.user_rows]
    before = kept.copy()
    young = kept & _young(pairs, len(interactions.users))
    for days in SCALES:
        kept &= ~_excess(pairs, kept, young & kept, days, floor, ratio)
    lost = np.bincount(pairs.item_rows[before & ~kept], minlength=len(interactions.items))
    return Damped(
        interactions.only(kept[pairs.of_event]),
        tuple(interactions.users[row] for row in np.flatnonzero(copied)),
        int(lost.sum()),
        {interactions.items[row]: int(lost[row]) for row in np.flatnonzero(lost)},
    )


# ---- bursts


def _young(pairs: Pairs, users: int) -> NDArray[np.bool_]:
    """Which pairs begin on the first day of their user, (n_pairs,); places in a history are no times."""
    first = _firsts(pairs, users)
    known = pairs.first_times >= EARLIEST
    return known & (pairs.first_times - np.where(np.isfinite(first), first, 0.0)[pairs.user_rows] < DAY_S)


def _firsts(pairs: Pairs, users: int) -> NDArray[np.float64]:
    """When each user was first seen, (n_users,); infinity where no time is known."""
    first = np.full(users, np.inf)
    np.fmin.at(first, pairs.user_rows, pairs.first_times)
    return first


def _excess(
    pairs: Pairs, kept: NDArray[np.bool_], young: NDArray[np.bool_], days: int, floor: int, ratio: float
) -> NDArray[np.bool_]:
    """Which pairs of new users exceed the cap of their item within their bin of so many days, (n_pairs,)."""
    excess = np.zeros(len(young), np.bool_)
    if not young.any():
        return excess
    timed = np.flatnonzero(kept & (pairs.first_times >= EARLIEST))
    bins = (pairs.first_times[timed] - pairs.first_times[timed].min()) // (days * DAY_S)
    if bins.max() + 1 < _LIFE:
        return excess  # a log this short does not tell what is usual
    usual = _usual(pairs.item_rows[timed], bins.astype(np.int64))
    new = young[timed]
    places, items, bins = timed[new], pairs.item_rows[timed][new], bins[new]
    order = np.lexsort((_mixed(pairs.user_rows[places]), pairs.first_times[places], bins, items))
    places, items, bins = places[order], items[order], bins[order]
    begins = np.flatnonzero(np.r_[True, (np.diff(items) != 0) | (np.diff(bins) != 0)])
    rank = np.arange(len(places)) - np.repeat(begins, np.diff(np.r_[begins, len(places)]))
    excess[places[rank >= np.maximum(floor, np.floor(ratio * usual[items]))]] = True
    return excess


def _usual(items: NDArray[np.int64], bins: NDArray[np.int64]) -> NDArray[np.int64]:
    """What each item has in three quarters of its bins at most, from its first one to the last of all, (n_items,)."""
    width = int(bins.max()) + 1
    cells, counts = np.unique(items * width + bins, return_counts=True)
    owners = cells // width
    found = np.zeros(int(items.max()) + 1, np.int64)
    busy = np.bincount(owners)
    first = np.full(len(found), width)
    np.minimum.at(first, owners, cells % width)
    life = np.maximum(width - first, _LIFE)
    order = np.lexsort((counts, owners))
    place = np.floor(USUAL * (life - 1)).astype(np.int64) - (life - busy)  # among the bins with events, by size
    some = np.flatnonzero((place >= 0) & (busy > 0))
    found[some] = counts[order][(np.cumsum(busy) - busy)[some] + place[some]]
    return found


# ---- copies


def _copies(pairs: Pairs, users: int, most: int) -> NDArray[np.bool_]:
    """Which users have a profile that ``most`` others had nearly the same before them, (n_users,).

    Profiles are compared by minima of hashes (MinHash; Broder, SEQUENCES 1997): users that agree in a band of them are
    candidates, and copies of the first one if they agree in three quarters of all.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    copied = np.zeros(users, np.bool_)
    sizes = np.bincount(pairs.user_rows, minlength=users)
    rows = np.flatnonzero(sizes >= LEAST_ITEMS)
    if len(rows) <= most:
        return copied
    minima = _minima(pairs, sizes)[rows]  # (m, hashes)
    edges = [_agreeing(minima, band) for band in range(0, _HASHES, _BAND)]
    left, right = (np.concatenate(side) for side in zip(*edges, strict=True))
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(len(rows), len(rows)))
    _, groups = connected_components(graph, directed=False)
    order = np.lexsort((rows, _firsts(pairs, users)[rows], groups))
    begins = np.searchsorted(groups[order], groups[order])
    copied[rows[order[np.arange(len(rows)) - begins >= most]]] = True
    return copied


def _minima(pairs: Pairs, sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The least hash of each user's items by every hash function, (n_users, hashes); those without items have zeros."""
    found = np.zeros((len(sizes), _HASHES), np.uint64)
    some = np.flatnonzero(sizes)
    begins = (np.cumsum(sizes) - sizes)[some]
    for function in range(_HASHES):
        hashes = _mixed(pairs.item_rows + (function + 1) * 0x1_0000_0000)
        found[some, function] = np.minimum.reduceat(hashes, begins)
    return found


def _agreeing(minima: NDArray[np.uint64], band: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows with the first row that has the same minima in this band, if they agree in most of all."""
    _, firsts, groups = np.unique(minima[:, band : band + _BAND], axis=0, return_index=True, return_inverse=True)
    leaders = firsts[groups.ravel()].astype(np.int64)
    rows = np.arange(len(minima))
    alike = (minima == minima[leaders]).mean(axis=1) >= _ALIKE
    return rows[alike], leaders[alike]


def _mixed(values: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Numbers scrambled by the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    mixed = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
