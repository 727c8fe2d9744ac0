"""What goes with a product: bought beside it more often than chance has it, and not just another one of its kind."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.shop.recommending.answering import Recommended, Wish, look_vectors
from goodsense.shop.recommending.opened import Opened
from goodsense.shop.recommending.reasons import Reason
from goodsense.shop.recommending.sentences import sentence
from goodsense.shop.recommending.shelf import Shelf
from goodsense.shop.recommending.statistics import BASKET, BOUGHT, Statistics
from goodsense.types import Hit, Query

SHRINK = 2.0  # coincidences that are taken for chance, so that one shopper alone proves little
LEAST = 2  # shoppers or baskets behind a pair
BASKET_COUNTS = 1.0  # a log lift within baskets beside one of shoppers
LIKENESS_COUNTS = 1.0  # what a cosine of 1 takes away
BY_CATEGORY = 0.1  # what the lift of a whole category counts


@dataclass(frozen=True, eq=False)
class _Partners:
    """Products bought beside another one ``(m,)``, and how often."""

    places: NDArray[np.int64]
    both: NDArray[np.int64]
    baskets: NDArray[np.int64]
    shopper_lift: NDArray[np.float64]
    basket_lift: NDArray[np.float64]


def goes_with(opened: Opened, shelf: Shelf, id: str, wish: Wish) -> Recommended:
    """Products that shoppers buy beside this one.

    The score is the log lift of buying both, by shoppers at any time and within one basket, both shrunk, less the
    cosine of the two products: what is alike is bought in its place. Where too few bought it, the categories that are
    bought beside its category answer.
    """
    started = time.perf_counter()
    place = shelf.places[id]
    allowed = shelf.passing(wish.where) & (shelf.there if wish.sold_out else shelf.in_stock)
    allowed[place] = False
    hits = _own(opened, shelf, place, allowed, wish)
    message = ""
    if len(hits) < wish.k:
        more = _of_categories(opened, shelf, place, allowed & shelf.without([hit.id for hit in hits]), wish, len(hits))
        if more and not hits:
            message = "too few shoppers bought it with anything: what is bought with others of its category"
        hits += more
    if not hits:
        message = "nothing is known to be bought with it"
    took = (time.perf_counter() - started) * 1e3
    query = Query.like(id, where=wish.where)
    return Recommended(query, tuple(hits), took, "co-purchase", int(allowed.sum()), message, "", (id,), "co-purchase")


def _own(opened: Opened, shelf: Shelf, place: int, allowed: NDArray[np.bool_], wish: Wish) -> list[Hit]:
    """What is bought beside this very product."""
    if place >= len(opened.items):
        return []
    found = _partners(opened.statistics, place)
    alike = likeness(shelf, place, found.places)
    terms = {
        "bought by the same shoppers": np.log(found.shopper_lift),
        "bought in one basket": BASKET_COUNTS * np.log(found.basket_lift),
        "less what is alike": -LIKENESS_COUNTS * np.maximum(alike, 0.0),
    }
    score = np.sum(list(terms.values()), axis=0)
    good = allowed[found.places] & (np.maximum(found.both, found.baskets) >= LEAST) & (score > 0)
    order = np.flatnonzero(good)[np.lexsort((found.places[good], -score[good]))][: wish.k]
    return [
        _hit(
            shelf,
            shelf.ids[int(found.places[row])],
            rank,
            {name: float(values[row]) for name, values in terms.items()},
            Reason("beside", 0.0, _facts(opened.statistics, shelf, place, found, alike, row)),
            wish,
        )
        for rank, row in enumerate(order.tolist(), start=1)
    ]


def _partners(counts: Statistics, place: int) -> _Partners:
    shoppers, both = counts.partners(BOUGHT, place)
    basketed, baskets = counts.partners(BASKET, place)
    places = np.union1d(shoppers, basketed).astype(np.int64)
    by_shoppers, by_baskets = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
    by_shoppers[np.searchsorted(places, shoppers)] = both
    by_baskets[np.searchsorted(places, basketed)] = baskets
    return _Partners(
        places,
        by_shoppers,
        by_baskets,
        _lift(by_shoppers, counts.bought_by, place, places, counts.shoppers),
        _lift(by_baskets, counts.baskets, place, places, counts.basket_count),
    )


def _lift(
    both: NDArray[np.int64], by: NDArray[np.int64], place: int, places: NDArray[np.int64], total: int
) -> NDArray[np.float64]:
    """How much more often than by chance, shrunk towards 1, ``(m,)``."""
    expected = by[place] * by[places] / max(1, total)
    found: NDArray[np.float64] = (both + SHRINK) / (expected + SHRINK)
    return found


def _facts(
    counts: Statistics, shelf: Shelf, place: int, found: _Partners, alike: NDArray[np.float64], row: int
) -> dict[str, Any]:
    expected = counts.bought_by[place] * counts.bought_by[found.places[row]] / max(1, counts.shoppers)
    return {
        "source": shelf.ids[place],
        "title": shelf.title(shelf.ids[place]),
        "both": int(found.both[row]),
        "of": int(counts.bought_by[place]),
        "baskets": int(found.baskets[row]),
        "of_baskets": int(counts.baskets[place]),
        "lift": round(float(found.both[row] / max(expected, 1e-9)), 2),
        "cosine": round(float(alike[row]), 3),
    }


def likeness(shelf: Shelf, place: int, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cosines of products with one ``(m,)``."""
    vectors = look_vectors(shelf, [place, *places.tolist()])
    found: NDArray[np.float64] = (vectors[1:] @ vectors[0]).astype(np.float64)
    return found


def _of_categories(
    opened: Opened, shelf: Shelf, place: int, allowed: NDArray[np.bool_], wish: Wish, before: int
) -> list[Hit]:
    """Popular products of the categories that are bought beside this product's category."""
    own = shelf.categories[place]
    pairs = category_pairs(opened.statistics, shelf) if own else {}
    best = {other: figures for (mine, other), figures in pairs.items() if mine == own and other != own}
    best = {other: figures for other, figures in best.items() if figures["both"] >= LEAST and figures["lift"] > 1}
    if not best:
        return []
    liked = opened.statistics.popularity
    found = []
    for at in np.flatnonzero(allowed[: len(liked)]).tolist():
        if (figures := best.get(shelf.categories[at])) is not None:
            lift, share = BY_CATEGORY * float(np.log(figures["lift"])), BY_CATEGORY * float(liked[at])
            found.append((lift + share, at, {"bought with its category": lift, "popular": share}, figures))
    found.sort(key=lambda one: (-one[0], one[1]))
    return [
        _hit(
            shelf,
            shelf.ids[at],
            before + rank,
            terms,
            Reason("category-beside", 0.0, {**figures, "category": own, "other": shelf.categories[at]}),
            wish,
        )
        for rank, (_, at, terms, figures) in enumerate(found[: wish.k - before], start=1)
    ]


def category_pairs(counts: Statistics, shelf: Shelf) -> dict[tuple[str, str], dict[str, Any]]:
    """Pairs of categories, how many pairs of purchases join them, and how much more than by chance."""
    names = sorted(set(shelf.categories[: len(counts.items)]) - {""})
    number = {name: row for row, name in enumerate(names)}
    of = np.array([number.get(name, -1) for name in shelf.categories[: len(counts.items)]], np.int64)
    pairs = counts.together[BOUGHT].tocoo()
    a, b = of[pairs.row], of[pairs.col]
    known = (a >= 0) & (b >= 0)
    table = np.zeros((len(names), len(names)))
    np.add.at(table, (a[known], b[known]), pairs.data[known])
    margin, total = table.sum(axis=1), max(1.0, table.sum())
    expected = np.outer(margin, table.sum(axis=0)) / total
    return {
        (names[i], names[j]): {
            "both": int(table[i, j]),
            "lift": round(float((table[i, j] + SHRINK) / (expected[i, j] + SHRINK)), 2),
        }
        for i, j in zip(*np.nonzero(table), strict=True)
    }


def _hit(shelf: Shelf, id: str, rank: int, terms: dict[str, float], reason: Reason, wish: Wish) -> Hit:
    words = sentence(reason, wish.language)
    detail = {"reasons": [{**reason.to_json(), "sentence": words}]}
    return Hit(rank, id, sum(terms.values()), shelf.title(id), terms, reason=words, detail=detail)
