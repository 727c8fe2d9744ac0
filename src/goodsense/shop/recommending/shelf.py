"""What can be recommended now: every product there is, in stock, that passes a filter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from goodsense.search.expressions import parse_filter
from goodsense.search.snapshot import Snapshot
from goodsense.shop.recommending.content import categories_of
from goodsense.types import Compare, Mask, Rows


@dataclass(frozen=True, eq=False)
class Shelf:
    """The products of a snapshot beside those that a recommender knows.

    Parameters
    ----------
    snapshot
        What is searched now.
    known
        Ids that the recommender knows, ``(n,)``; the others are late.
    levels
        Id -> how many there are, of the products of which that is known; wins over what the feed says.
    """

    snapshot: Snapshot
    known: tuple[str, ...]
    levels: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def late(self) -> tuple[str, ...]:
        """Products that came after the recommender was learned, by id."""
        known = set(self.known)
        rows = np.arange(len(self.snapshot.ids)) if self.snapshot.alive is None else np.flatnonzero(self.snapshot.alive)
        return tuple(sorted(id for row in rows.tolist() if (id := self.snapshot.ids[row]) not in known))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The known ones and then the late ones, ``(n + m,)``."""
        return (*self.known, *self.late)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each stands in :attr:`ids`."""
        return {id: place for place, id in enumerate(self.ids)}

    @cached_property
    def rows(self) -> Rows:
        """Rows of the snapshot ``(n + m,)``, -1 for products that are gone."""
        row_of = self.snapshot.row_if
        return np.array([row_of(id) for id in self.ids], dtype=np.int64)

    @cached_property
    def there(self) -> Mask:
        """Which products there still are ``(n + m,)``."""
        return self.rows >= 0

    @cached_property
    def in_stock(self) -> Mask:
        """Which ones nobody says are out of stock ``(n + m,)``."""
        found = self.there.copy()
        if "in_stock" in self.snapshot.columns.fields:
            out = self.snapshot.columns.mask(Compare("in_stock", "=", False))
            found[self.there] &= ~out[self.rows[self.there]]
        for id, level in self.levels.items():
            if (place := self.places.get(id)) is not None and self.there[place]:
                found[place] = level > 0
        return found

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The whole category path of each ``(n + m,)``, "" where it has none."""
        found = np.full(len(self.ids), "", dtype=object)
        named = categories_of(self.snapshot.columns, self.rows[self.there])
        if named:
            found[self.there] = named
        return tuple(found.tolist())

    def passing(self, where: str | None) -> Mask:
        """Which ones pass a filter ``(n + m,)``; raises UsageError if it is none."""
        found = self.there.copy()
        if where:
            found[self.there] &= self.snapshot.mask(parse_filter(where))[self.rows[self.there]]
        return found

    def without(self, ids: Collection[str]) -> Mask:
        """All but these ``(n + m,)``."""
        found = np.ones(len(self.ids), dtype=np.bool_)
        found[[self.places[id] for id in ids if id in self.places]] = False
        return found

    def title(self, id: str) -> str:
        """What a product is called, its id if it has no title or is gone."""
        place = self.places.get(id)
        row = -1 if place is None else int(self.rows[place])
        return (self.snapshot.titles[row] or id) if row >= 0 else id

    def vectors(self, block: str, places: NDArray[np.int64]) -> tuple[NDArray[np.float32], Mask]:
        """Vectors of a block ``(r, d)`` and which are there; those that are gone have none."""
        rows = self.rows[places]
        safe = np.maximum(rows, 0)
        own = self.snapshot.blocks[block]
        return own.gather(safe), own.gather_present(safe) & (rows >= 0)
