"""The events of a shop in numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from goodsense.events import GAP_S
from goodsense.shop.stock import products_of
from goodsense.shop.truth import Truth

_TYPES = 30  # kinds of events that are counted one by one


@dataclass(frozen=True)
class Behaviour:
    """The events of a shop in numbers.

    ``types`` counts the 30 most frequent kinds. ``unknown_items`` are products that have events and are not in the
    catalog. ``first`` and ``last`` are the earliest and the latest time, in seconds since 1970 UTC; ``untimed`` counts
    the events without one. ``density`` is the share of all pairs of user and item that occur. ``stock`` counts the
    SKUs of which a reading says how many there are, ``unknown_stock`` those among them that no product has.
    """

    events: int = 0
    types: dict[str, int] = field(default_factory=dict)
    users: int = 0
    items: int = 0
    unknown_items: int = 0
    unknown_events: int = 0
    pairs: int = 0
    first: float | None = None
    last: float | None = None
    untimed: int = 0
    sessions: int = 0
    splits: dict[str, int] = field(default_factory=dict)
    stock: int = 0
    unknown_stock: int = 0

    @property
    def density(self) -> float:
        return self.pairs / (self.users * self.items) if self.pairs else 0.0


def behaviour(truth: Truth, *, catalog: Truth | None = None, gap_s: float = GAP_S) -> Behaviour:
    """Count the events of a shop; ``catalog`` has the products, if it is another one."""
    every = dict(truth.rows("SELECT type, count(*) FROM events GROUP BY type ORDER BY 2 DESC, 1 LIMIT ?", (_TYPES,)))
    events, timed, first, last = next(truth.rows("SELECT count(*), count(time), min(time), max(time) FROM events"))
    users = _one(truth, "SELECT count(DISTINCT user) FROM events")
    items, unknown_items, unknown_events = _unknown(truth, truth if catalog is None else catalog)
    named = _one(truth, "SELECT count(*) FROM (SELECT DISTINCT user, session FROM events WHERE session <> '')")
    return Behaviour(
        events,
        every,
        users,
        items,
        unknown_items,
        unknown_events,
        _one(truth, "SELECT count(*) FROM (SELECT DISTINCT user, item FROM events WHERE item <> '')"),
        first,
        last,
        events - timed,
        named + _derived_sessions(truth, gap_s),
        dict(truth.rows("SELECT split, count(*) FROM events WHERE split <> '' GROUP BY split ORDER BY split DESC")),
        *_stock(truth, truth if catalog is None else catalog),
    )


def _one(truth: Truth, sql: str, parameters: Sequence[object] = ()) -> int:
    return int(next(truth.rows(sql, parameters))[0])


def _derived_sessions(truth: Truth, gap_s: float) -> int:
    """As :func:`goodsense.events.sessions` parts the events that name no session."""
    return _one(
        truth,
        "SELECT count(*) FROM (SELECT time - lag(time) OVER (PARTITION BY user ORDER BY time) AS pause FROM events "
        "WHERE session = '' AND time IS NOT NULL) WHERE pause IS NULL OR pause > ?",
        (gap_s,),
    )


def _unknown(truth: Truth, catalog: Truth) -> tuple[int, int, int]:
    """How many items have events, how many of them are not in the catalog, and how many events those have."""
    items = unknown = events = 0
    rows = truth.rows("SELECT item, count(*) FROM events WHERE item <> '' GROUP BY item")
    while batch := dict(islice(rows, 5_000)):
        known = catalog.rows(
            "SELECT id FROM products WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(batch)),)
        )
        items += len(batch)
        for (id,) in known:
            del batch[id]
        unknown += len(batch)
        events += sum(batch.values())
    return items, unknown, events


def _stock(truth: Truth, catalog: Truth) -> tuple[int, int]:
    """How many SKUs have a reading, and how many of them are of no product."""
    skus = [sku for (sku,) in truth.rows("SELECT DISTINCT sku FROM stock")]
    return len(skus), len(skus) - len(products_of(catalog, skus)) if skus else 0
