"""Counts behind recommendations: who took to what, what was bought with what, what was found by which words.

Every number is a count of shoppers or of baskets, so that a reason can be checked against the log.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.events import Interactions
from goodsense.recommend.storage import packed, packed_ids, unpacked, unpacked_ids
from goodsense.search.storage import load_arrays, save_arrays
from goodsense.shop.recommending.log import Log
from goodsense.text.personal import find_personal

BOUGHT, SEEN, BASKET = "bought", "seen", "basket"
TIES = (BOUGHT, SEEN, BASKET)
RECENT_DAYS = 30
KEPT = 50  # products that each is counted together with, at most
MOST_OF_ONE = 200  # products of one shopper, or basket, that are counted together
FILE = "statistics.safetensors"
_BLOCK = 4_096
_DAY_S = 86_400.0


@dataclass(frozen=True, eq=False)
class Statistics:
    """What shoppers did with products, as counts.

    Parameters
    ----------
    items
        Ids of products, ``(n,)``.
    shoppers
        How many there are in all.
    seen_by, bought_by
        ``(n,)`` shoppers who took to a product at all, and who bought it.
    recent
        ``(n,)`` purchases in the :data:`RECENT_DAYS` days up to ``until``.
    recent_shoppers
        ``(n,)`` shoppers who took to it in these days.
    heard
        ``(n,)`` the share of these shoppers that counts: of a burst of new ones few do.
    first
        ``(n,)`` the time of the first event with it, NaN for none.
    until
        The time of the last event, NaN where no event has one.
    together
        Tie -> CSR ``(n, n)``: shoppers who bought both, shoppers who took to both, baskets with both. Of each product
        the :data:`KEPT` largest counts are there.
    baskets
        ``(n,)`` baskets of two products or more that a product was in; ``basket_count`` is how many there are.
    queries
        What at least some shoppers searched for and then opened something; ``asked_by`` ``(q,)`` how many did.
    answers
        CSR ``(q, n)``: shoppers who opened a product after a query.
    """

    items: tuple[str, ...]
    shoppers: int
    seen_by: NDArray[np.int64]
    bought_by: NDArray[np.int64]
    recent: NDArray[np.int64]
    recent_shoppers: NDArray[np.int64]
    heard: NDArray[np.float64]
    first: NDArray[np.float64]
    until: float
    together: Mapping[str, Any]
    baskets: NDArray[np.int64]
    basket_count: int
    queries: tuple[str, ...]
    asked_by: NDArray[np.int64]
    answers: Any

    def both(self, tie: str, a: int, b: int) -> int:
        """How many shoppers, or baskets, have both; 0 where it is not among what is kept."""
        matrix = self.together[tie]
        part = slice(matrix.indptr[a], matrix.indptr[a + 1])
        at = np.flatnonzero(matrix.indices[part] == b)
        return int(matrix.data[part][at[0]]) if len(at) else 0

    def partners(self, tie: str, row: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """What a product goes with, and how often ``(m,)``."""
        matrix = self.together[tie]
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        return np.asarray(matrix.indices[part], np.int64), np.asarray(matrix.data[part], np.int64)

    @cached_property
    def popular_terms(self) -> dict[str, NDArray[np.float64]]:
        """What makes products popular ``(n,)``, as shares of the most popular one; together at most 1."""
        return {
            "bought lately": 0.6 * _share(self.recent * self.heard),
            "looked at lately": 0.25 * _share(self.recent_shoppers * self.heard),
            "looked at": 0.15 * _share(self.seen_by * self.heard),
        }

    @cached_property
    def popularity(self) -> NDArray[np.float64]:
        """How popular every product is, 0 to 1 ``(n,)``."""
        total: NDArray[np.float64] = np.sum(list(self.popular_terms.values()), axis=0)
        return total

    def save(self, directory: Path) -> None:
        """Write them into a directory."""
        arrays: dict[str, NDArray[Any]] = {name: np.asarray(getattr(self, name)) for name in _VECTORS}
        arrays |= {name: np.array(getattr(self, name)) for name in _NUMBERS}
        arrays |= {name: packed_ids(getattr(self, name)) for name in _TEXTS}
        for tie, matrix in self.together.items():
            arrays |= packed(f"together.{tie}", matrix)
        save_arrays(directory / FILE, {**arrays, **packed("answers", self.answers)})

    @classmethod
    def load(cls, directory: Path) -> Statistics:
        """Read what :meth:`save` wrote; raises DataError if it is not there, damaged, or of another version."""
        arrays = load_arrays(directory / FILE)
        missing = [name for name in (*_VECTORS, *_NUMBERS, *_TEXTS) if name not in arrays]
        if missing:
            raise DataError(f"{directory / FILE} lacks {', '.join(missing)}.", fix="Build the shop again.")
        found: dict[str, Any] = {name: arrays[name] for name in _VECTORS}
        found |= {name: arrays[name].reshape(()).item() for name in _NUMBERS}
        found |= {name: unpacked_ids(arrays[name]) for name in _TEXTS}
        found["together"] = {tie: unpacked(arrays, f"together.{tie}") for tie in TIES}
        return cls(**found, answers=unpacked(arrays, "answers"))


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / max(1.0, float(values.max(initial=0)))


_VECTORS = ("seen_by", "bought_by", "recent", "recent_shoppers", "heard", "first", "baskets", "asked_by")
_NUMBERS = ("shoppers", "until", "basket_count")
_TEXTS = ("items", "queries")


def statistics_of(
    log: Log,
    *,
    bought: Collection[str] = ("purchase",),
    min_shoppers: int = 3,
    heard: Interactions | None = None,
) -> Statistics:
    """Count a log.

    Parameters
    ----------
    bought
        The types of events that count as buying.
    min_shoppers
        Queries that fewer shoppers searched for are not kept, nor any with personal data in it.
    heard
        What is left of the log without bursts; what it lacks makes no product popular. None: all counts.
    """
    liking, buying = log.liking, log.of_types(bought)
    known = log.times[~np.isnan(log.times)]
    until = float(known.max()) if len(known) else float("nan")
    recent = log.times > until - RECENT_DAYS * _DAY_S
    seen, owned = _pairs(log, log.user_rows, liking), _pairs(log, log.user_rows, buying)
    baskets = _pairs(log, log.visits, buying)
    baskets = baskets[np.diff(baskets.indptr) > 1]
    queries, asked_by, answers = _queries(log, liking, min_shoppers)
    return Statistics(
        log.items,
        int((np.diff(seen.indptr) > 0).sum()),
        _by_item(seen),
        _by_item(owned),
        np.bincount(log.item_rows[recent & buying], minlength=len(log.items)).astype(np.int64),
        _by_item(_pairs(log, log.user_rows, liking & recent)),
        np.ones(len(log.items)) if heard is None else _heard(log.items, _by_item(seen), heard),
        _first_times(log),
        until,
        {BOUGHT: together(owned), SEEN: together(seen), BASKET: together(baskets)},
        _by_item(baskets),
        int(baskets.shape[0]),
        queries,
        asked_by,
        answers,
    )


def _pairs(log: Log, owners: NDArray[Any], mask: NDArray[np.bool_]) -> Any:
    """Who has what, as ones, CSR ``(owners, n)``."""
    from scipy.sparse import csr_matrix

    rows = owners[mask].astype(np.int64)
    height = int(rows.max()) + 1 if len(rows) else 0
    found = csr_matrix((np.ones(len(rows), np.int64), (rows, log.item_rows[mask])), shape=(height, len(log.items)))
    found.sum_duplicates()
    found.data[:] = 1
    return found


def _heard(items: tuple[str, ...], seen_by: NDArray[np.int64], heard: Interactions) -> NDArray[np.float64]:
    """The share of the shoppers of each product that is left, 0 to 1 ``(n,)``."""
    places = {id: row for row, id in enumerate(items)}
    rows = np.array([places[id] for id in heard.items], np.int64)
    left = np.zeros(len(items))
    left[rows] = np.bincount(heard.pairs.item_rows, minlength=len(rows))
    return np.clip(left / np.maximum(seen_by, 1), 0.0, 1.0)


def _by_item(matrix: Any) -> NDArray[np.int64]:
    return np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.int64)


def _first_times(log: Log) -> NDArray[np.float64]:
    first = np.full(len(log.items), np.inf)
    np.fmin.at(first, log.item_rows, log.times)
    return np.where(np.isfinite(first), first, np.nan)


def together(owners: Any, *, kept: int = KEPT, most: int = MOST_OF_ONE) -> Any:
    """How many owners have both of two products, CSR ``(n, n)`` without its diagonal, the largest of every row.

    Owners of more than ``most`` products say little about which of them go together, and are left out.
    """
    from scipy.sparse import csr_matrix, vstack

    n = owners.shape[1]
    usual = owners[np.diff(owners.indptr) <= most]
    by_item = usual.T.tocsr()  # (n, owners)
    parts = [_largest(by_item[begin : begin + _BLOCK] @ usual, begin, kept) for begin in range(0, n, _BLOCK)]
    return vstack(parts, format="csr") if parts else csr_matrix((n, n), dtype=np.int64)


def _largest(counts: Any, begin: int, kept: int) -> Any:
    from scipy.sparse import csr_matrix

    found = counts.tocoo()
    off = found.col != found.row + begin
    rows, columns, values = found.row[off], found.col[off], found.data[off]
    order = np.lexsort((columns, -values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    starts = np.searchsorted(rows, np.arange(counts.shape[0]))
    keep = np.arange(len(rows)) - starts[rows] < kept
    return csr_matrix((values[keep], (rows[keep], columns[keep])), shape=counts.shape, dtype=np.int64)


def _queries(log: Log, liking: NDArray[np.bool_], min_shoppers: int) -> tuple[tuple[str, ...], NDArray[np.int64], Any]:
    """Queries, how many shoppers asked each and opened something after it, and what they opened."""
    from scipy.sparse import csr_matrix

    n = len(log.items)
    folded = [" ".join(text.casefold().split()) for text in log.query_texts]
    names = tuple(dict.fromkeys(folded))
    places = {name: place for place, name in enumerate(names)}
    of_text = np.array([places[name] for name in folded], dtype=np.int64)
    led = liking & (log.queries >= 0)
    query = of_text[log.queries[led]] if led.any() else np.empty(0, np.int64)
    triples = np.unique(np.stack([query, log.user_rows[led], log.item_rows[led]], axis=1), axis=0)  # (t, 3)
    askers = np.unique(triples[:, :2], axis=0)
    asked_by = np.bincount(askers[:, 0], minlength=len(names)).astype(np.int64)
    ones = np.ones(len(triples), np.int64)
    answers = csr_matrix((ones, (triples[:, 0], triples[:, 2])), shape=(len(names), n), dtype=np.int64)
    fit = [row for row in np.flatnonzero(asked_by >= min_shoppers).tolist() if not find_personal(names[row])]
    fit.sort(key=names.__getitem__)
    spelled: dict[str, str] = {}
    for text, name in zip(log.query_texts, folded, strict=True):
        spelled.setdefault(name, " ".join(text.split()))
    return tuple(spelled[names[row]] for row in fit), asked_by[fit], answers[fit]
