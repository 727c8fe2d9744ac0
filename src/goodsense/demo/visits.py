"""Ninety days in the toy shop: who came when, searched, looked, put into the cart and bought; bots among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from math import exp
from random import Random

from goodsense.demo.plan import Truth
from goodsense.demo.queries import typed
from goodsense.demo.tastes import COMPANIONS, Quality, Shopper
from goodsense.demo.vocabulary import TOYS
from goodsense.events import Event

DAYS = 90
END = datetime(2026, 9, 2, tzinfo=timezone(timedelta(hours=8)))
_HOURS = (1, 0.5, 0.3, 0.2, 0.2, 0.4, 1, 2, 3, 4, 5, 5, 6, 5, 4, 4, 4, 5, 6, 8, 10, 10, 7, 3)  # how busy each is
_FESTIVAL = frozenset(datetime(2026, 6, day).date() for day in (16, 17, 18))
_KEENNESS = 3.0  # how much taste outweighs popularity


@dataclass(frozen=True, slots=True)
class Purchase:
    """Something that a shopper bought, at a time in seconds since 1970."""

    user: str
    item: str
    time: float


@dataclass(frozen=True)
class Shelves:
    """The products as one shopper sees them: ids with running sums of how they draw her, all and by kind of toy."""

    every: tuple[Sequence[str], Sequence[float]]
    by_kind: Mapping[str, tuple[Sequence[str], Sequence[float]]]
    fits: Mapping[str, float]

    @classmethod
    def of(cls, shopper: Shopper, truths: Sequence[Truth], hidden: Mapping[str, Quality]) -> Shelves:
        """Popularity, taste, and whether the listing is in her language."""
        fits = {truth.id: shopper.fit(truth) for truth in truths}
        pulls: dict[str, dict[str, float]] = {kind: {} for kind in TOYS}
        for truth in truths:
            own = 1.0 if truth.language == shopper.language else 0.6
            pulls[truth.toy][truth.id] = own * hidden[truth.id].popularity * exp(_KEENNESS * fits[truth.id])
        by_kind = {kind: _running(pull) for kind, pull in pulls.items() if pull}
        return cls(_running({id: pull for found in pulls.values() for id, pull in found.items()}), by_kind, fits)

    def pick(self, rng: Random, kind: str = "") -> str:
        """A product, of a kind if there are such."""
        ids, sums = self.by_kind.get(kind, self.every)
        return rng.choices(ids, cum_weights=sums)[0]


def _running(pulls: Mapping[str, float]) -> tuple[Sequence[str], Sequence[float]]:
    return list(pulls), list(accumulate(pulls.values()))


@dataclass
class _Diary:
    """What one shopper does, visit by visit."""

    rng: Random
    shopper: Shopper
    truths: Mapping[str, Truth]
    shelves: Shelves
    gone: Sequence[str]
    events: list[Event] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    cart: list[str] = field(default_factory=list)
    clock: float = 0.0
    session: str = ""

    def visit(self, start: float, number: int) -> None:
        """One visit: she follows an intent, mostly a favourite, and perhaps buys, also what she left last time."""
        self.clock, self.session = start, f"{self.shopper.id}-{number:02d}"
        if self.cart:
            if self.rng.random() < 0.5:
                self._look(self.cart[0])
            else:
                self.cart.clear()
        if self.purchases and self.rng.random() < 0.06:
            again = self.rng.choice(self.purchases).item
            self._look(again)
            self._take(again)
        kind = self._intent()
        for step in range(1 + int(self.rng.expovariate(1 / 3.4))):
            if self.rng.random() < 0.12:
                kind = self._intent()
            self._discover(kind, first=step == 0)
        self._pay()

    def _note(
        self,
        type: str,
        item: str,
        *,
        seconds: float,
        query: str = "",
        duration: float | None = None,
        quantity: float | None = None,
    ) -> None:
        """Write an event down; the next one comes so many seconds later."""
        self.events.append(
            Event(
                self.shopper.id,
                item,
                type,
                query=query,
                duration=duration,
                quantity=quantity,
                time=round(self.clock),
                session=self.session,
            )
        )
        self.clock += 1 + seconds

    def _intent(self) -> str:
        """A favourite kind of toy; now and then whatever is popular."""
        if self.rng.random() < 0.2:
            return self.truths[self.shelves.pick(self.rng)].toy
        return self.rng.choices(list(self.shopper.kinds), list(self.shopper.kinds.values()))[0]

    def _discover(self, kind: str, *, first: bool) -> None:
        if self.rng.random() < 0.006:
            item = self.rng.choice(self.gone)
            self._note("click", item, seconds=2)
            self._note("view", item, seconds=4, duration=4)
            return
        item = self.shelves.pick(self.rng, kind if self.rng.random() < 0.85 else "")
        chance = self.rng.random()
        if chance < (0.45 if first else 0.1):
            query = typed(self.rng, self.truths[item], self.shopper.language)
            self._note("search", item, seconds=self.rng.uniform(3, 15), query=query)
        elif chance < 0.6:
            self._note("click", item, seconds=self.rng.uniform(1, 4))
        self._look(item)
        liking = self.shelves.fits[item]
        if self.rng.random() < 0.18 * liking:
            self._note("wishlist", item, seconds=2)
        if item not in self.cart and self.rng.random() < 0.04 + 0.42 * liking**1.5:
            self._take(item)

    def _look(self, item: str) -> None:
        duration = round(min(self.rng.lognormvariate(2.6 + self.shelves.fits[item], 0.8), 900) + 1)
        self._note("view", item, seconds=duration, duration=duration)

    def _take(self, item: str) -> None:
        self._note("cart", item, seconds=self.rng.uniform(2, 20), quantity=1)
        self.cart.append(item)

    def _pay(self) -> None:
        """Buy what is in the cart, or leave it there; with some things goes another."""
        if not self.cart or self.rng.random() > 0.64:
            return
        companion = COMPANIONS[self.truths[self.cart[0]].toy]
        if self.rng.random() < 0.25 and companion in self.shelves.by_kind:
            item = self.shelves.pick(self.rng, companion)
            self._note("click", item, seconds=2)
            self._look(item)
            self._take(item)
        self.clock += self.rng.uniform(20, 120)
        for item in dict.fromkeys(self.cart):
            quantity = self.rng.choices((1, 2, 3), (90, 8, 2))[0]
            self.purchases.append(Purchase(self.shopper.id, item, round(self.clock)))
            self._note("purchase", item, seconds=0, quantity=quantity)
        self.cart.clear()


def shopping(
    people: Sequence[Shopper], truths: Sequence[Truth], hidden: Mapping[str, Quality], gone: Sequence[str], *, seed: int
) -> tuple[list[Event], list[Purchase]]:
    """Everything that shoppers did, and what they bought; ``gone`` are products that the catalog has no more."""
    by_id = {truth.id: truth for truth in truths}
    events: list[Event] = []
    purchases: list[Purchase] = []
    for shopper in people:
        rng = Random(f"visits {seed} {shopper.id}")
        diary = _Diary(rng, shopper, by_id, Shelves.of(shopper, truths, hidden), gone)
        last = 0.0
        for number, moment in enumerate(sorted(_moments(rng, shopper.visits)), start=1):
            start = max(moment, last + 3_600)  # one visit ends before the next begins
            diary.visit(start, number)
            last = diary.clock
        events += diary.events
        purchases += diary.purchases
    return events, purchases


def _moments(rng: Random, count: int) -> list[float]:
    """When visits begin: in the evening rather than at night, on week-ends, and at the festival."""
    first = END - timedelta(days=DAYS)
    days = [first + timedelta(days=day) for day in range(DAYS - 1)]
    busy = [(4 if day.date() in _FESTIVAL else 1) * (1.5 if day.weekday() >= 5 else 1) for day in days]
    found = []
    for day in rng.choices(days, busy, k=count):
        hour = rng.choices(range(24), _HOURS)[0]
        found.append(day.timestamp() + hour * 3_600 + rng.uniform(0, 3_600))
    return found


def crawling(bots: Sequence[str], truths: Sequence[Truth], *, seed: int) -> list[Event]:
    """What bots do: they look at one product after the other, every two seconds, at night, and buy nothing."""
    ids = sorted(truth.id for truth in truths)
    events = []
    for number, bot in enumerate(bots):
        rng = Random(f"bot {seed} {bot}")
        night = END - timedelta(days=rng.randrange(2, DAYS), hours=-3)
        start = rng.randrange(max(1, len(ids) // 2))
        for place, item in enumerate(ids[start : start + 2 * len(ids) // 5]):
            moment = round(night.timestamp() + 2 * place)
            events.append(Event(bot, item, "view", duration=2, time=moment, session=f"{bot}-{number + 1:02d}"))
    return events
