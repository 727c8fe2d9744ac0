"""How many of each product there are: readings of shelves and stores in the truth, and the totals by product.

A reading says how many pieces of a SKU lie at a place at a time. Only the latest one of a SKU and place is kept, so the
order in which readings come does not matter, and a file that is read twice changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from goodsense.events import Event
from goodsense.events.event import STOCK
from goodsense.shop.truth import Truth

_PLACE = "place"  # in the context of a reading


def put_stock(
    target: Truth, db: sqlite3.Connection, readings: Sequence[Event], *, also: Truth | None = None
) -> tuple[int, int, int]:
    """Keep the latest readings of one batch that is being written; how many are new, newer, and change nothing.

    Of two readings at one moment the smaller quantity counts: a shop rather says that it has too little. ``also`` is
    another truth whose readings count as known (in a dry run).
    """
    keys = sorted({(event.item, event.context.get(_PLACE, "")) for event in readings})
    known = _known(target, keys)
    if also is not None:
        for key, there in _known(also, keys).items():
            known[key] = max(known.get(key, there), there)
    before = dict(known)
    for event in readings:
        assert event.time is not None
        assert event.quantity is not None
        key, found = (event.item, event.context.get(_PLACE, "")), (event.time, -event.quantity)
        known[key] = max(known.get(key, found), found)
    changed = {key: value for key, value in known.items() if before.get(key) != value}
    if changed:
        seq = target.next_seq()
        db.executemany(
            "INSERT INTO stock (sku, place, quantity, time, seq) VALUES (?, ?, ?, ?, ?) ON CONFLICT (sku, place) "
            "DO UPDATE SET quantity = excluded.quantity, time = excluded.time, seq = excluded.seq",
            [(sku, place, 0.0 - lacking, time, seq) for (sku, place), (time, lacking) in changed.items()],
        )
    new = sum(key not in before for key in changed)
    return new, len(changed) - new, len(readings) - len(changed)


def _known(truth: Truth, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[float, float]]:
    """Time and negative quantity of these SKUs at these places, so that the larger pair is the one that counts."""
    rows = truth.rows(
        "SELECT s.sku, s.place, s.time, -s.quantity FROM json_each(?) k "
        "JOIN stock s ON s.sku = k.value ->> 0 AND s.place = k.value ->> 1",
        (json.dumps(keys),),
    )
    return {(sku, place): (time, lacking) for sku, place, time, lacking in rows}


def stored_stock(truth: Truth) -> Iterator[Event]:
    """The latest reading of every SKU and place, as events."""
    for sku, place, quantity, time in truth.rows("SELECT sku, place, quantity, time FROM stock ORDER BY sku, place"):
        yield Event("", sku, STOCK, quantity=quantity, time=time, context={_PLACE: place} if place else {})


def products_of(truth: Truth, skus: Collection[str]) -> dict[str, str]:
    """The product that has each SKU, or is called so; of several products the first by id."""
    wanted = json.dumps(list(skus))
    rows = truth.rows(
        "SELECT sku, min(product_id) FROM variants WHERE sku IN (SELECT value FROM json_each(?)) GROUP BY sku",
        (wanted,),
    )
    named = truth.rows("SELECT id, id FROM products WHERE id IN (SELECT value FROM json_each(?))", (wanted,))
    return {**dict(named), **dict(rows)}


def stock_levels(truth: Truth) -> Mapping[str, float]:
    """How many of each product there are, over all its SKUs and places; products of which nothing is known are absent.

    To ask again and again, keep a :class:`StockLevels`.
    """
    return StockLevels().of(truth)


class StockLevels:
    """How many of each product there are, kept in step with the truth at the cost of what changed.

    Readings win over what the feed says of the same SKU. One that names a product's id is about the product as a whole,
    and wins over what the feed says of its variants.
    """

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._seq = -1
        self._skus: dict[str, tuple[str, ...]] = {}  # of every product
        self._owners: dict[str, tuple[str, ...]] = {}  # of a SKU; the first one counts
        self._fed: dict[str, dict[str, float]] = {}  # product -> SKU -> what the feed says
        self._read: dict[str, dict[str, float]] = {}  # SKU -> place -> what was read
        self._levels: dict[str, float] = {}

    def of(self, truth: Truth) -> Mapping[str, float]:
        """The levels as of now, a live view by product id; costs one pragma when nothing was committed."""
        seen = (truth.data_version, truth.own_changes)
        if seen != self._seen:
            with truth.snapshot() as seq:
                touched = {*self._follow_products(truth), *self._follow_readings(truth)}
            for product in touched:
                self._sum_up(product)
            self._seen, self._seq = seen, seq
        return MappingProxyType(self._levels)

    def _follow_products(self, truth: Truth) -> Iterator[str]:
        """Take over the SKUs of products that changed; give out the products whose sum may be another one now."""
        lost = {id for (id,) in truth.rows("SELECT id FROM tombstones WHERE seq > ?", (self._seq,))}
        changed: dict[str, list[str]] = {id: [] for id in lost}
        for id in lost:
            self._fed.pop(id, None)
        rows = truth.rows(
            "SELECT p.id, v.value ->> 'sku', v.value ->> 'stock' FROM products p "
            "LEFT JOIN json_each(p.doc, '$.variants') v WHERE p.seq > ? ORDER BY p.id",
            (self._seq,),
        )
        for id, sku, stock in rows:
            if id not in changed:
                changed[id] = []
                self._fed.pop(id, None)
            own = changed[id]
            if sku:
                own.append(sku)
                if stock is not None:
                    self._fed.setdefault(id, {})[sku] = float(stock)
        for id, skus in changed.items():
            yield from self._own(id, tuple(dict.fromkeys(skus)))
            if id in lost:
                del self._skus[id]

    def _own(self, id: str, skus: tuple[str, ...]) -> Iterator[str]:
        """Make these the SKUs of a product; give out it and the others that have them, too."""
        before = self._skus.pop(id, ())
        for sku in before:
            owners = tuple(other for other in self._owners[sku] if other != id)
            if owners:
                self._owners[sku] = owners
            else:
                del self._owners[sku]
        self._skus[id] = skus
        for sku in skus:
            self._owners[sku] = tuple(sorted({*self._owners.get(sku, ()), id}))
        yield id
        for sku in (*before, *skus):
            yield from (*self._owners.get(sku, ()), sku)

    def _follow_readings(self, truth: Truth) -> Iterator[str]:
        for sku, place, quantity in truth.rows("SELECT sku, place, quantity FROM stock WHERE seq > ?", (self._seq,)):
            self._read.setdefault(sku, {})[place] = quantity
            yield from self._owners.get(sku, (sku,))

    def _sum_up(self, id: str) -> None:
        own = [sku for sku in self._skus.get(id, ()) if self._owners[sku][0] == id]
        whole = () if id in own or id in self._owners else (id,)
        read = [sum(self._read[sku].values()) for sku in (*own, *whole) if sku in self._read]
        fed = [pieces for sku, pieces in self._fed.get(id, {}).items() if sku in own and sku not in self._read]
        known = read if whole and id in self._read else [*read, *fed]
        if known and id in self._skus:
            self._levels[id] = sum(known)
        else:
            self._levels.pop(id, None)
