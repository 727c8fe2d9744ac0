"""Why a product is recommended: counts and similarities that anybody can check, the strongest first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.events.event import iso
from goodsense.fusion.joint import JOINT
from goodsense.shop.recommending.content import OF_BEHAVIOUR
from goodsense.shop.recommending.past import Past
from goodsense.shop.recommending.shelf import Shelf
from goodsense.shop.recommending.statistics import BOUGHT, RECENT_DAYS, SEEN, Statistics
from goodsense.tables.times import EARLIEST

MOST_SOURCES = 50  # products of a history that a reason may name, the latest ones
LEAST = {BOUGHT: 2, SEEN: 3}  # shoppers who make a coincidence a reason
LEAST_LIFT = 1.5  # as often as by chance
LEAST_ALIKE = 2.0  # standard deviations above what two products have in common
COUNTS_AS = {BOUGHT: 1.0, SEEN: 0.5}
AGAIN = 100.0  # nothing is truer of a product than what the shopper did with it
BEST_OF_CATEGORY = 10
BEST_OF_SHOP = 50


@dataclass(frozen=True)
class Reason:
    """One reason; ``strength`` puts those of one product in order.

    ``kind`` is one of ``again``, ``bought-with``, ``seen-with``, ``alike``, ``category``, ``popular`` and ``new``; for
    what goes with a product ``beside`` and ``category-beside``. ``facts`` are the numbers behind it.
    """

    kind: str
    strength: float
    facts: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"kind": self.kind, **self.facts}


@dataclass(frozen=True, eq=False)
class Reasoner:
    """Finds reasons in the counts of a build and the vectors of what it shows."""

    statistics: Statistics
    shelf: Shelf

    def reasons(
        self, past: Past, ids: Sequence[str], told: Sequence[Mapping[str, float]] = (), *, most: int = 3
    ) -> list[list[Reason]]:
        """The reasons for each of these products, the strongest first, and always one at least.

        ``told`` says what each product of the history adds to each score, where the model can tell: a reason counts
        the more the more its source does.
        """
        found: list[list[Reason]] = [[] for _ in ids]
        sources = [id for id in past.items if id in self.shelf.places][:MOST_SOURCES]
        if sources:
            trust = _trust(sources, ids, told)
            self._together(past, sources, ids, trust, found)
            self._alike(past, sources, ids, trust, found)
        self._again(past, ids, found)
        self._popular(sources, ids, found)
        return [sorted(own, key=lambda reason: -reason.strength)[:most] for own in found]

    # ---- with what they did

    def _together(
        self,
        past: Past,
        sources: Sequence[str],
        ids: Sequence[str],
        trust: NDArray[np.float64],
        found: list[list[Reason]],
    ) -> None:
        """Who bought, or looked at, a product of the history did so with this one, too."""
        n = len(self.statistics.items)
        own = np.array([self.shelf.places[id] for id in sources])
        new = np.array([self.shelf.places[id] for id in ids])
        from_, to = np.flatnonzero(own < n), np.flatnonzero(new < n)
        if not len(from_) or not len(to):
            return
        for tie, by in ((BOUGHT, self.statistics.bought_by), (SEEN, self.statistics.seen_by)):
            both = self.statistics.together[tie][own[from_]][:, new[to]].toarray()  # (h, i)
            expected = by[own[from_]][:, None] * by[new[to]][None, :] / max(1, self.statistics.shoppers)
            lift = both / np.maximum(expected, 1e-9)
            says = np.where((both >= LEAST[tie]) & (lift >= LEAST_LIFT), both * np.log(np.maximum(lift, 1.0)), 0.0)
            says *= trust[np.ix_(from_, to)]
            for column, place in enumerate(to.tolist()):
                best = int(says[:, column].argmax())
                if says[best, column] > 0:
                    source = sources[int(from_[best])]
                    facts = {
                        **self._source(past, source),
                        "both": int(both[best, column]),
                        "of": int(by[own[from_[best]]]),
                        "lift": round(float(lift[best, column]), 2),
                    }
                    strength = COUNTS_AS[tie] * math.log1p(float(says[best, column])) * 2
                    found[place].append(Reason(f"{tie}-with", strength, facts))

    def _alike(
        self,
        past: Past,
        sources: Sequence[str],
        ids: Sequence[str],
        trust: NDArray[np.float64],
        found: list[list[Reason]],
    ) -> None:
        """It looks, reads, sounds or moves like a product of the history, or has like attributes."""
        own = np.array([self.shelf.places[id] for id in sources])
        new = np.array([self.shelf.places[id] for id in ids])
        best: list[tuple[float, str, str, float]] = [(0.0, "", "", 0.0)] * len(ids)
        for block in self.shelf.snapshot.blocks:
            if block in OF_BEHAVIOUR or block == JOINT:
                continue
            near, above = self._near(block, own, new)  # (h, i)
            above[own[:, None] == new[None, :]] = -np.inf  # nothing is like itself
            for place in range(len(ids)):
                row = int((above[:, place] * trust[:, place]).argmax())
                if above[row, place] > best[place][0]:
                    best[place] = (float(above[row, place]), block, sources[row], float(near[row, place]))
        for place, (above_, block, source, cosine) in enumerate(best):
            if above_ >= LEAST_ALIKE:
                facts = {**self._source(past, source), "modality": block, "cosine": round(cosine, 3)}
                found[place].append(Reason("alike", above_ / 2, {**facts, "above": round(above_, 2)}))

    def _near(
        self, block: str, own: NDArray[np.int64], new: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cosines in one block, and how far they lie above those of any two products, ``(h, i)``."""
        (a, there_a), (b, there_b) = self.shelf.vectors(block, own), self.shelf.vectors(block, new)
        near = _cosines(a, b)
        usual = self.shelf.snapshot.calibration.affine("like", block)
        above = (near - usual.mean) / usual.scale
        return near, np.where(there_a[:, None] & there_b[None, :], above, -np.inf)

    def _again(self, past: Past, ids: Sequence[str], found: list[list[Reason]]) -> None:
        """The shopper looked at it before, and did not take it."""
        if past.given:
            return
        last = {event.item: event.time for event in past.events}
        for place, id in enumerate(ids):
            if id in past.actions:
                when = last[id]
                day = "" if when is None or when < EARLIEST else iso(when)[:10]
                found[place].append(Reason("again", AGAIN, {"did": past.actions[id], "day": day}))

    def _source(self, past: Past, id: str) -> dict[str, Any]:
        return {"source": id, "title": self.shelf.title(id), "did": "given" if past.given else past.actions[id]}

    # ---- without a history

    def _popular(self, sources: Sequence[str], ids: Sequence[str], found: list[list[Reason]]) -> None:
        n, counts = len(self.statistics.items), self.statistics
        cared = {self.shelf.categories[self.shelf.places[id]] for id in sources} - {""}
        for place, id in enumerate(ids):
            at = self.shelf.places[id]
            category = self.shelf.categories[at]
            if at >= n or not counts.seen_by[at]:
                found[place].append(Reason("new", 0.2, {"category": category if category in cared else ""}))
                continue
            facts = self._figures(at)
            if category in cared and facts["count"] and (rank := self._rank_in(category, at)) <= BEST_OF_CATEGORY:
                strength = 1.0 / rank + 0.4
                found[place].append(Reason("category", strength, {"category": category, "rank": rank, **facts}))
            rank = int(self._order[at])
            found[place].append(Reason("popular", 0.3 if rank <= BEST_OF_SHOP else 0.1, {"rank": rank, **facts}))

    def _figures(self, at: int) -> dict[str, Any]:
        """Purchases of the last days; where there are none, shoppers of these days; else shoppers of all times."""
        counts = self.statistics
        timed = not math.isnan(counts.until)
        for what, values, days in (
            ("purchases", counts.recent, RECENT_DAYS),
            ("shoppers", counts.recent_shoppers, RECENT_DAYS),
        ):
            if timed and values[at]:
                return {"count": int(values[at]), "what": what, "days": days, "until": self._until}
        return {"count": int(counts.seen_by[at]), "what": "shoppers", "days": 0, "until": self._until}

    @property
    def _until(self) -> str:
        return "" if math.isnan(self.statistics.until) else iso(self.statistics.until)[:10]

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """The rank of every product by popularity, from 1 ``(n,)``."""
        order = np.argsort(-self.statistics.popularity, kind="stable")
        found = np.empty(len(order), np.int64)
        found[order] = np.arange(1, len(order) + 1)
        return found

    def _rank_in(self, category: str, at: int) -> int:
        return 1 + int((self._order[self._members[category]] < self._order[at]).sum())

    @cached_property
    def _members(self) -> dict[str, NDArray[np.int64]]:
        """The known products of every category."""
        found: dict[str, list[int]] = {}
        for place, name in enumerate(self.shelf.categories[: len(self.statistics.items)]):
            found.setdefault(name, []).append(place)
        return {name: np.array(places, np.int64) for name, places in found.items()}


def _trust(sources: Sequence[str], ids: Sequence[str], told: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
    """How much more each source counts for each product ``(h, i)``: up to twice if the model rests on it alone."""
    found = np.ones((len(sources), len(ids)))
    for column, own in enumerate(told):
        largest = max(own.values(), default=0.0)
        if largest > 0:
            found[:, column] += [max(0.0, own.get(source, 0.0)) / largest for source in sources]
    return found


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None, :]
    found: NDArray[np.float64] = (a @ b.T) / np.maximum(lengths, 1e-12)
    return found
