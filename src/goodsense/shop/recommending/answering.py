"""From a history to the answer: candidates, filters with a way out, variety, reasons."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.shop.recommending.candidates import Candidate, candidates, explained
from goodsense.shop.recommending.newcomers import Newcomers
from goodsense.shop.recommending.opened import Opened
from goodsense.shop.recommending.past import Past
from goodsense.shop.recommending.reasons import Reason, Reasoner
from goodsense.shop.recommending.rules import Moment, Placed, Rules
from goodsense.shop.recommending.sentences import Language, say, sentence
from goodsense.shop.recommending.shelf import Shelf
from goodsense.types import Hit, Hits, Mask, Query, normalise

SOURCES = 5  # products of the history that an explanation names
_LOOKS = ("joint", "image", "text", "attributes")  # the first of these that there is says what is alike


@dataclass(frozen=True)
class Recommended(Hits):
    """Recommendations, best first; the terms of each sum to its score.

    ``user`` and ``history`` say for whom; ``model`` what they come from. ``engine`` is the model's name.
    """

    user: str = ""
    history: tuple[str, ...] = ()
    model: str = ""
    explained: bool = field(default=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """As :meth:`Hits.to_json`, with the shopper and the history in ``query``."""
        found = super().to_json()
        asked = {"user": self.user} if self.user else {}
        found["query"] = {**found["query"], **asked, "history": list(self.history)}
        return {**found, "model": self.model}


@dataclass(frozen=True, eq=False)
class Wish:
    """What is asked for, besides the history.

    Parameters
    ----------
    k
        How many.
    where
        A filter.
    sold_out
        Show what is out of stock, too.
    diversity
        0: by score alone; 1: as different as may be; None: as the recipe has it.
    explain
        Give all reasons of every product, not the strongest alone.
    language
        Of the reasons.
    moment
        When and where it is asked, for click rates.
    """

    k: int = 10
    where: str | None = None
    sold_out: bool = False
    diversity: float | None = None
    explain: bool = False
    language: Language = "en"
    moment: Moment = field(default_factory=Moment)


def answer(
    opened: Opened,
    shelf: Shelf,
    past: Past,
    wish: Wish,
    *,
    newcomers: Newcomers | None = None,
    rules: Rules | None = None,
    note: str = "",
) -> Recommended:
    """The best products for a history, with reasons."""
    started = time.perf_counter()
    rules = rules or Rules(opened.settings, shelf)
    allowed, fallback = usable(shelf, past, wish, rules.inside)
    placed, moved = placed_by(rules, opened, shelf, past, wish, allowed, newcomers=newcomers)
    found = explained(opened, past, [each.candidate for each in placed])
    found = [each.whole(candidate) for each, candidate in zip(placed, found, strict=True)]
    hits = with_reasons(opened, shelf, past, found, wish, [each.detail for each in placed])
    messages = [
        *_about(past, shelf),
        note,
        fallback,
        *rules.problems,
        moved,
        "" if hits else "there is nothing to recommend",
    ]
    return Recommended(
        query=Query(where=wish.where, exclude=tuple(sorted(past.owned)) if past.given else ()),
        hits=hits,
        took_ms=(time.perf_counter() - started) * 1e3,
        engine=opened.name,
        considered=int(allowed.sum()),
        message="; ".join(message for message in messages if message),
        user=past.user,
        history=past.items,
        model=opened.name if past.events else "popular",
    )


def placed_by(
    rules: Rules,
    opened: Opened,
    shelf: Shelf,
    past: Past,
    wish: Wish,
    allowed: Mask,
    *,
    newcomers: Newcomers | None = None,
    found: Sequence[Candidate] | None = None,
    chance: bool = True,
) -> tuple[list[Placed], str]:
    """The list for a history by the rules, and what is to be told of it; ``found`` are candidates that are there."""

    def more(mask: Mask, count: int) -> list[Candidate]:
        return candidates(opened, shelf, past, mask, count, newcomers=newcomers)

    diversity = opened.settings.diversity if wish.diversity is None else wish.diversity
    if not rules.at_work(diversity, chance=chance):
        return [Placed(each) for each in (more(allowed, wish.k) if found is None else found)[: wish.k]], ""
    best = more(allowed, rules.depth(wish.k)) if found is None else found

    def looks(ids: Sequence[str]) -> NDArray[np.float32]:
        return look_vectors(shelf, [shelf.places[id] for id in ids])

    return rules(
        best,
        past,
        allowed,
        wish.k,
        more=more,
        looks=looks,
        diversity=diversity,
        chance=chance,
        moment=wish.moment,
    )


def usable(shelf: Shelf, past: Past, wish: Wish, inside: Mask | None = None) -> tuple[Mask, str]:
    """What may be shown ``(n + m,)``; where nothing is left, without the bounds of prices (``inside``), then without
    the filter, then with what is out of stock, then with what the shopper has, and a message that says so."""
    stock = shelf.there if wish.sold_out else shelf.in_stock
    passing, fresh = shelf.passing(wish.where), shelf.without(past.owned)
    both = passing & stock & fresh
    if inside is not None and (both & inside).any():
        return both & inside, ""
    if both.any():
        return both, "" if inside is None else "nothing within the recipe's prices is left: shown without these bounds"
    told = f"nothing that passes the filter {wish.where!r} is left: shown without it" if wish.where else ""
    for mask, said in (
        (stock & fresh, told),
        (fresh & shelf.there, "everything else is out of stock: shown all the same"),
        (shelf.there, "everything was bought already: shown again"),
    ):
        if mask.any():
            return mask, said
    return shelf.there, ""


def _about(past: Past, shelf: Shelf) -> list[str]:
    unknown = ", ".join(map(repr, past.unknown[:5])) + (", ..." if len(past.unknown) > 5 else "")
    found = [f"the shop has no product {unknown}"] if past.unknown else []
    if past.user and not past.events:
        found.append(f"no shopper {past.user!r} did anything yet: what is popular in the shop")
    elif past.events and not any(id in shelf.places for id in past.items):
        found.append("none of the products in the history is in the shop any more: what is popular in the shop")
    return found


def look_vectors(shelf: Shelf, places: Sequence[int]) -> NDArray[np.float32]:
    """What tells products apart ``(r, d)``: their joint vectors, else those of the first block there is."""
    name = next((name for name in _LOOKS if name in shelf.snapshot.blocks), None)
    if name is None or not len(places):
        return np.zeros((len(places), 1), np.float32)
    vectors, there = shelf.vectors(name, np.array(places, np.int64))
    return normalise(np.where(there[:, None], vectors, 0.0).astype(np.float32))


def with_reasons(
    opened: Opened,
    shelf: Shelf,
    past: Past,
    found: Sequence[Candidate],
    wish: Wish,
    told: Sequence[Mapping[str, Any]],
) -> tuple[Hit, ...]:
    """Hits in this order, each with why, and with what rules ``told`` of it."""
    reasoner = Reasoner(opened.statistics, shelf)
    sources = [candidate.sources for candidate in found]
    reasons = reasoner.reasons(past, [candidate.id for candidate in found], sources)
    return tuple(
        Hit(
            rank=rank,
            id=candidate.id,
            score=candidate.score,
            title=shelf.title(candidate.id),
            terms=dict(candidate.terms),
            reason=say(own, wish.language),
            detail={**_detail(own, candidate, wish), **rules},
        )
        for rank, (candidate, own, rules) in enumerate(zip(found, reasons, told, strict=True), start=1)
    )


def _detail(reasons: Sequence[Reason], candidate: Candidate, wish: Wish) -> dict[str, Any]:
    shown = reasons if wish.explain else reasons[:1]
    told = [{**reason.to_json(), "sentence": sentence(reason, wish.language)} for reason in shown]
    found: dict[str, Any] = {"reasons": told}
    if wish.explain and candidate.sources:
        total = sum(abs(share) for share in candidate.sources.values()) or 1.0
        largest = sorted(candidate.sources.items(), key=lambda one: (-one[1], one[0]))[:SOURCES]
        found["sources"] = [{"id": id, "share": round(share / total, 4)} for id, share in largest]
    return found


def recent_items(shelf: Shelf, past: Past, wish: Wish) -> Recommended:
    """What a shopper looked at, the latest first, bought or not, as long as the shop has it."""
    started = time.perf_counter()
    allowed = shelf.passing(wish.where) & (shelf.there if wish.sold_out else shelf.in_stock)
    there = [id for id in past.items if id in shelf.places and allowed[shelf.places[id]]][: wish.k]
    last = {event.item: event.time for event in past.events}
    hits = tuple(_viewed(shelf, past, id, rank, last[id], wish.language) for rank, id in enumerate(there, start=1))
    message = "; ".join(_about(past, shelf)) if not past.events else ""
    took = (time.perf_counter() - started) * 1e3
    return Recommended(
        Query(where=wish.where), hits, took, "log", len(past.items), message.split(":")[0], past.user, past.items, "log"
    )


def _viewed(shelf: Shelf, past: Past, id: str, rank: int, when: float | None, language: Language) -> Hit:
    from goodsense.events.event import iso

    did, day = past.actions[id], "" if when is None else iso(when)[:10]
    words = sentence(Reason("recent", 0.0, {"did": did, "day": day}), language)
    return Hit(rank, id, 1.0 / rank, shelf.title(id), {"recency": 1.0 / rank}, reason=words, detail={"time": when})


def merged(a: Past, b: Past) -> Past:
    """Two histories as one; what is given counts as done last."""
    return replace(a.plus(b), given=b.given and not a.events)
