"""What a shopper likes, said with its evidence: categories, attributes, colours, brands and prices, against all others.

A trait is a category, or an attribute as ``name=value``. Its lift is how much more of the shopper's items have it than
of everybody's; both, and the lift of few items, are drawn to what is usual, so that one red thing makes nobody a lover
of red.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.recommend.content import Content

CATEGORY, ATTRIBUTE = "category", "attribute"
# The attributes that have a place of their own in a profile; names are compared without case.
FACETS: Mapping[str, frozenset[str]] = {
    "brand": frozenset({"brand", "maker", "manufacturer", "品牌"}),
    "colour": frozenset({"colour", "color", "colours", "colors", "颜色", "顏色"}),
}
_SHOWN = 5  # items named for a trait
_MORE = 1.05  # the least lift that is worth telling


@dataclass(frozen=True)
class Trait:
    """Something that the shopper takes more often than others do.

    Parameters
    ----------
    facet, value
        ``category``, ``brand``, ``colour`` or ``attribute``; what it is (an attribute as ``name=value``).
    count, share, usual
        How many of the shopper's items have it, which share of them; and the share among what all shoppers took.
    lift
        Share against the usual one, the share drawn to the usual one.
    score
        ``share * log(lift)`` with the drawn share: much of it, and more than others. Traits are ranked by it.
    items
        Some of the items that show it, the latest first.
    """

    facet: str
    value: str
    count: int
    share: float
    usual: float
    lift: float
    score: float
    items: tuple[str, ...]


@dataclass(frozen=True)
class PriceBand:
    """What the shopper pays: quantiles of the prices, and where they lie among those of like products.

    ``level`` is the mean share of products of the same category that are cheaper, drawn to one half.
    """

    low: float
    middle: float
    high: float
    level: float
    count: int


@dataclass(frozen=True)
class StyleProfile:
    """One shopper's traits, the strongest first, with the items that show them."""

    user: str
    items: int
    traits: tuple[Trait, ...]
    prices: PriceBand | None = None

    def of(self, facet: str) -> tuple[Trait, ...]:
        """The traits of one facet."""
        return tuple(trait for trait in self.traits if trait.facet == facet)

    def to_json(self) -> dict[str, Any]:
        return {
            "user": self.user,
            "items": self.items,
            "traits": [asdict(trait) for trait in self.traits],
            "prices": None if self.prices is None else asdict(self.prices),
        }


class StyleProfiles:
    """Makes profiles of any histories against what all shoppers did.

    Parameters
    ----------
    log
        What all shoppers did, or how many of them did anything with each item of the content, ``(n,)``.
    content
        Categories, attributes and prices.
    strength
        As many items of the usual kind are added to everybody's own.
    least
        Items that must show a trait before it is told.
    """

    def __init__(
        self,
        log: Interactions | NDArray[np.integer],
        content: Content,
        *,
        strength: float = 10.0,
        least: int = 2,
    ) -> None:
        if not strength > 0 or least < 1:
            raise UsageError(f"strength is {strength:g}, least {least}; expected a positive number, and 1 or more.")
        self.strength, self.least = strength, least
        self._rows = {id: row for row, id in enumerate(content.ids)}
        self._ids, self._traits = content.ids, [_traits(content, row) for row in range(len(content))]
        taken = self._taken(log) if isinstance(log, Interactions) else np.asarray(log)
        if taken.shape != (len(content),):
            raise UsageError(f"counts of shape {taken.shape} for {len(content)} items.", fix="Give one count per item.")
        self._total = int(taken.sum())
        self._usual: Counter[tuple[str, str]] = Counter()
        for row in np.flatnonzero(taken).tolist():
            self._usual.update(dict.fromkeys(self._traits[row], int(taken[row])))
        self._prices = np.full(len(content), np.nan) if content.prices is None else content.prices
        self._levels = _levels(self._prices, content.categories or ("",) * len(content))

    def _taken(self, log: Interactions) -> NDArray[np.int64]:
        """How many shoppers did anything with each item ``(n,)``."""
        pairs = log.pairs
        rows = np.array([self._rows.get(id, -1) for id in log.items], dtype=np.int64)[pairs.item_rows]
        return np.bincount(rows[rows >= 0], minlength=len(self._ids))

    def __call__(self, histories: Interactions, *, most: int = 10) -> list[StyleProfile]:
        """One profile per history; at most so many traits of each facet."""
        places = [self._rows.get(id, -1) for id in histories.items]
        found = []
        for user, (begin, end) in zip(histories.users, pairwise(histories.starts.tolist()), strict=True):
            latest = [places[row] for row in histories.item_rows[begin:end][::-1].tolist()]
            rows = [row for row in dict.fromkeys(latest) if row >= 0]
            found.append(StyleProfile(user, len(rows), self._told(rows, most), self._band(rows)))
        return found

    def _told(self, rows: Sequence[int], most: int) -> tuple[Trait, ...]:
        shown: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            for trait in self._traits[row]:
                shown.setdefault(trait, []).append(row)
        traits = [self._trait(trait, own, len(rows)) for trait, own in shown.items() if len(own) >= self.least]
        liked = sorted(
            (t for t in traits if t.lift >= _MORE), key=lambda trait: (-trait.score, trait.facet, trait.value)
        )
        counts: Counter[str] = Counter()
        kept = []
        for found in liked:
            counts[found.facet] += 1
            if counts[found.facet] <= most:
                kept.append(found)
        return tuple(kept)

    def _trait(self, trait: tuple[str, str], own: Sequence[int], count: int) -> Trait:
        usual = (self._usual[trait] + 1) / (self._total + 2)  # never quite 0 or 1
        share = (len(own) + self.strength * usual) / (count + self.strength)
        items = tuple(self._ids[row] for row in own[:_SHOWN])
        score = share * float(np.log(share / usual))
        return Trait(*trait, len(own), len(own) / count, usual, share / usual, score, items)

    def _band(self, rows: Sequence[int]) -> PriceBand | None:
        prices = self._prices[list(rows)] if rows else np.zeros(0)
        known = ~np.isnan(prices)
        if not known.any():
            return None
        low, middle, high = np.quantile(prices[known], [0.1, 0.5, 0.9]).tolist()
        levels = self._levels[list(rows)][known]
        level = (float(levels.sum()) + 0.5 * self.strength) / (len(levels) + self.strength)
        return PriceBand(low, middle, high, level, int(known.sum()))


def _traits(content: Content, row: int) -> tuple[tuple[str, str], ...]:
    """Facet and value of all that is known of an item, each once."""
    found = [(CATEGORY, content.categories[row])] if content.categories and content.categories[row] else []
    for tag in content.tags[row] if content.tags else ():
        name, _, value = tag.partition("=")
        facet = next((facet for facet, names in FACETS.items() if name.strip().casefold() in names), ATTRIBUTE)
        found.append((facet, value.strip() if facet != ATTRIBUTE and value.strip() else tag))
    return tuple(dict.fromkeys(found))


def _levels(prices: NDArray[np.float64], categories: Sequence[str]) -> NDArray[np.float64]:
    """The share of products of the same category that are cheaper, those of the same price counting half, ``(n,)``."""
    found = np.full(len(prices), 0.5)
    members: dict[str, list[int]] = {}
    for row, category in enumerate(categories):
        if not np.isnan(prices[row]):
            members.setdefault(category, []).append(row)
    for rows in members.values():
        own = np.sort(prices[rows])
        below = np.searchsorted(own, prices[rows], side="left") + np.searchsorted(own, prices[rows], side="right")
        found[rows] = below / (2 * len(own))
    return found
