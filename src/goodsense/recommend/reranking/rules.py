"""What a shop wants of its lists whatever shoppers want: stock, prices, pins, margins. Each rule says what it moved."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.recommend.reranking.draft import Draft, Phase, Request

Kept = NDArray[np.bool_]


class Filter(Protocol):
    """Which candidates may be shown. A ``strict`` one never gives way."""

    @property
    def name(self) -> str: ...
    @property
    def strict(self) -> bool: ...
    def keeps(self, ids: Sequence[str], request: Request) -> Kept: ...


@dataclass(frozen=True)
class InStock:
    """Only what can be bought now. ``available`` is looked at anew for every list."""

    available: Collection[str]
    strict: bool = True
    name: str = "in-stock"

    def keeps(self, ids: Sequence[str], request: Request) -> Kept:
        return np.array([id in self.available for id in ids], dtype=np.bool_)


@dataclass(frozen=True)
class ExcludeBought:
    """Nothing that the shopper has bought, unless it is of ``again``: what is bought over and over."""

    again: Collection[str] = ()
    strict: bool = False
    name: str = "bought"

    def keeps(self, ids: Sequence[str], request: Request) -> Kept:
        return np.array([id not in request.bought or id in self.again for id in ids], dtype=np.bool_)


@dataclass(frozen=True)
class PriceBounds:
    """Only prices between two bounds, both allowed; ``unknown`` says whether products without a price pass."""

    prices: Mapping[str, float]
    low: float = 0.0
    high: float = float("inf")
    unknown: bool = False
    strict: bool = False
    name: str = "price"

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise UsageError(f"prices from {self.low:g} to {self.high:g} are none.", fix="Give 0 <= low <= high.")

    def keeps(self, ids: Sequence[str], request: Request) -> Kept:
        prices = np.array([self.prices.get(id, np.nan) for id in ids], dtype=np.float64)
        inside = (prices >= self.low) & (prices <= self.high)
        return inside | (np.isnan(prices) & self.unknown)


@dataclass(frozen=True)
class Exclude:
    """None of these, ever."""

    ids: Collection[str]
    strict: bool = True
    name: str = "exclude"

    def keeps(self, ids: Sequence[str], request: Request) -> Kept:
        return np.array([id not in self.ids for id in ids], dtype=np.bool_)


@dataclass(frozen=True)
class Filters:
    """Several filters at once, which give way one by one where nothing would be left.

    Parameters
    ----------
    filters
        The most important first: the last one that is not strict gives way first, then the one before, and so on.
    least
        How many candidates must be left; if even the strict ones leave fewer, they stay in force all the same.
    """

    filters: tuple[Filter, ...]
    least: int = 1
    phase: ClassVar[Phase] = Phase.FILTER

    def __post_init__(self) -> None:
        if self.least < 1:
            raise UsageError(f"at least {self.least} candidates is no bound.", fix="Give 1 or more.")
        names = [rule.name for rule in self.filters]
        if len(set(names)) < len(names):
            raise UsageError(f"two filters have one name among {names}.", fix="Name each of them (name=...).")

    def __call__(self, draft: Draft, request: Request) -> Draft:
        if not len(draft):
            return draft
        masks = {rule.name: rule.keeps(draft.ids, request) for rule in self.filters}
        held = self._held(masks, len(draft))
        relaxed = [rule.name for rule in self.filters if rule.name not in held]
        kept = _all(masks, held, len(draft))
        by = {id: next(n for n in held if not masks[n][row]) for row, id in enumerate(draft.ids) if not kept[row]}
        broken = {
            id: {"relaxed": own}
            for row, id in enumerate(draft.ids)
            if kept[row] and (own := [name for name in relaxed if not masks[name][row]])
        }
        note = f"too little was left, so these rules gave way: {', '.join(relaxed)}" if relaxed else ""
        return draft.without(kept, by).saying(broken, note)

    def _held(self, masks: Mapping[str, Kept], count: int) -> list[str]:
        """The rules that stay in force; one that gave way for nothing is in force again."""
        held = [rule.name for rule in self.filters]
        gone: list[str] = []
        least = min(self.least, count)
        for rule in reversed(self.filters):
            if _all(masks, held, count).sum() >= least:
                break
            if not rule.strict:
                held.remove(rule.name)
                gone.insert(0, rule.name)
        for name in gone:
            if _all(masks, [*held, name], count).sum() >= least:
                held.append(name)
        order = [rule.name for rule in self.filters]
        return sorted(held, key=order.index)


def _all(masks: Mapping[str, Kept], names: Sequence[str], count: int) -> Kept:
    found = np.ones(count, dtype=np.bool_)
    for name in names:
        found &= masks[name]
    return found


@dataclass(frozen=True)
class Boost:
    """Adds ``weight * value`` to the scores, as the term ``rule.<name>``; products without a value get nothing.

    ``values`` are margins, freshness or whatever else the shop wants to push, about from 0 to 1.
    """

    values: Mapping[str, float]
    weight: float = 0.1
    name: str = "margin"
    phase: ClassVar[Phase] = Phase.SCORE

    def __call__(self, draft: Draft, request: Request) -> Draft:
        found = np.array([self.values.get(id, 0.0) for id in draft.ids], dtype=np.float64)
        return draft.plus(f"rule.{self.name}", self.weight * np.nan_to_num(found))


@dataclass(frozen=True)
class Pin:
    """Puts products to places (from 1), wherever they would stand; they join the candidates if they are none.

    What a filter took out is not shown for being pinned, and the list says so.
    """

    places: Mapping[str, int]
    name: str = "pin"
    phase: ClassVar[Phase] = Phase.PLACE

    def __post_init__(self) -> None:
        if len(set(self.places.values())) < len(self.places) or any(place < 1 for place in self.places.values()):
            raise UsageError(f"pins go to the places {sorted(self.places.values())}.", fix="Count each from 1, once.")

    def adds(self, request: Request) -> Sequence[str]:
        return tuple(self.places)

    def __call__(self, draft: Draft, request: Request) -> Draft:
        rows = {id: row for row, id in enumerate(draft.ids)}
        order = [row for row, id in enumerate(draft.ids) if id not in self.places]
        pinned = sorted((place, rows[id]) for id, place in self.places.items() if id in rows)
        for place, row in pinned:
            order.insert(place - 1, row)
        lost = sorted(id for id in self.places if id not in rows)
        why = ", ".join(f"{id} ({draft.removed.get(id, 'no candidate')})" for id in lost)
        found = draft.arranged(order, self.name, self.places).placed(self.places)
        return found.saying(note=f"not pinned: {why}" if lost else "")


@dataclass(frozen=True)
class Bury:
    """Puts products behind all others, in the order that they have."""

    ids: Collection[str]
    name: str = "bury"
    phase: ClassVar[Phase] = Phase.PLACE

    def __call__(self, draft: Draft, request: Request) -> Draft:
        under = np.array([id in self.ids for id in draft.ids], dtype=np.bool_)
        buried = dict.fromkeys(self.ids)
        return draft.arranged(np.argsort(under, kind="stable"), self.name, buried)
