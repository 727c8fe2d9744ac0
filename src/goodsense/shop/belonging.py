"""What a shop's own data say belongs together, for its joint space to learn from: words and products, two products.

Every kind is a list of *views*: a product as it is, with other words in place of its text. These are its title or its
description alone, what shoppers searched for when they clicked or bought it, a query that people judged, the text of
the same product listed twice, and the text of what is bought together with it. Nothing that evaluations hold out is
among them: no product outside the training split, no judged query but those of :func:`teaching_queries`, no events that
their source or :func:`goodsense.events.splits.leave_last` keeps for testing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.events import Event, Interactions
from goodsense.events.sessions import user_sessions
from goodsense.events.splits import leave_last
from goodsense.learning.pairs import PURCHASE, Pairs, joined_groups, title_groups
from goodsense.shop.behaviour import stored_events
from goodsense.shop.listing import Listing
from goodsense.shop.truth import Truth
from goodsense.types import TextFields

KINDS = ("judged", "clicks", "purchases", "same", "parts", "baskets")  # in the order in which they are tried
ENOUGH_JUDGED = 100  # queries, for a quarter of them to teach
TAUGHT = 4  # of so many judged queries one teaches
_REST = ("description", "bullets")


@dataclass(frozen=True, eq=False)
class Views:
    """Other words for products: ``rows`` ``(m,)`` of the listing, what is said of each, and how strongly ``(m,)``.

    Words are a query (``str``) or fields of a text.
    """

    rows: NDArray[np.int64]
    words: Sequence[str | TextFields]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, found: Iterable[tuple[int, str | TextFields, float]]) -> Views:
        listed = list(found)
        rows = np.array([row for row, _, _ in listed], dtype=np.int64)
        return cls(rows, [words for _, words, _ in listed], np.array([weight for *_, weight in listed]))

    def sampled(self, most: int, *, seed: int) -> Views:
        """At most so many of them, drawn by their weights."""
        if len(self) <= most:
            return self
        shares = self.weights / self.weights.sum()
        most = min(most, int((shares > 0).sum()))
        picked = np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False, p=shares))
        return Views(self.rows[picked], [self.words[at] for at in picked.tolist()], self.weights[picked])


@dataclass(frozen=True, eq=False)
class Records:
    """What a shop keeps of its products and of those who search and buy, without what evaluations hold out.

    ``barred`` are the words of judged queries that do not teach, folded.
    """

    listing: Listing
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    events: Sequence[Event]
    barred: frozenset[str]

    @classmethod
    def of(cls, truth: Truth, listing: Listing) -> Records:
        queries, qrels = truth.judged_queries()
        taught = teaching_queries(queries, qrels)
        barred = frozenset(_folded(text) for id, text in _texts(queries).items() if id not in taught)
        return cls(listing, queries, qrels, taught_events(list(stored_events(truth))), barred)

    def views(self) -> dict[str, Views]:
        """Every kind of views that the data give, by its name; only of products that may teach."""
        rows = self.listing.learnable
        places = {self.listing.ids[row]: row for row in rows}
        grouped = np.full(len(self.listing), -1, dtype=np.int64)
        grouped[rows] = product_groups(self.listing)[rows]
        found = {
            "parts": Views.of(_parts(self.listing, rows)),
            "same": _crossed(self.listing, Pairs.of_groups(grouped)),
            "clicks": self.searches(rows),
            "purchases": self.searches(rows, bought=True),
            "baskets": _crossed(self.listing, _baskets(self.events, places)),
            "judged": Views.of(_judged(self.queries, self.qrels, places)),
        }
        return {name: views for name, views in found.items() if len(views)}

    def searches(self, rows: Iterable[int], *, bought: bool = False) -> Views:
        """What shoppers searched for before they opened these products, or bought them."""
        places = {self.listing.ids[row]: row for row in rows}
        return Views.of(_searches(self.events, places, self.barred, bought=bought))


def product_groups(listing: Listing) -> NDArray[np.int64]:
    """A number per product ``(n,)``, the same for what is one product: equal titles, equal words in them, a GTIN."""
    owners: dict[str, int] = {}
    codes = [list(row.get("gtin", ())) for row in listing.fields]
    first = [owners.setdefault(str(own[0]), len(owners)) if own else -1 for own in codes]
    words = np.unique(np.array(listing.groups, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
    return joined_groups(words, title_groups(listing.titles), np.array(first, dtype=np.int64))


def teaching_queries(queries: Mapping[str, str], qrels: Mapping[str, Mapping[str, int]]) -> set[str]:
    """The judged queries that may teach: a quarter by the hash of their id, never one that an ablation tests on.

    The rest tunes and tests. Where there are few, none teaches.
    """
    from goodsense.shop.ablation.goals import bucket

    judged = [id for id in queries if any(grade > 0 for grade in qrels[id].values())]
    return {id for id in judged if bucket(id, TAUGHT) == 0} if len(judged) >= ENOUGH_JUDGED else set()


def taught_events(events: Sequence[Event]) -> list[Event]:
    """The events that may teach: those that their source trains on.

    Where it does not say, no shopper whom an ablation tests on, and of the others all but the last two products.
    """
    from goodsense.shop.ablation.goals import bucket

    if any(event.split for event in events):
        return [event for event in events if event.split in ("", "train")]
    kept = [event for event in events if bucket(event.user, 10) >= 4]
    if not any(event.time is not None for event in kept):
        return kept
    found = Interactions.from_events(kept)
    train = leave_last(found).train.pairs
    held = set(zip(found.pairs.user_rows.tolist(), found.pairs.item_rows.tolist(), strict=True)) - set(
        zip(train.user_rows.tolist(), train.item_rows.tolist(), strict=True)
    )
    names = {(found.users[user], found.items[item]) for user, item in held}
    return [event for event in kept if (event.user, event.item) not in names]


# ---- kinds


def _parts(listing: Listing, rows: Iterable[int]) -> Iterable[tuple[int, str | TextFields, float]]:
    """The title alone and what describes the product alone: two views of one text."""
    for row in rows:
        text = listing.texts[row]
        rest = {name: text[name] for name in _REST if name in text}
        if "title" in text and len(text) > 1:
            yield row, {"title": text["title"]}, 1.0
        if rest and len(rest) < len(text):
            yield row, rest, 1.0


def _crossed(listing: Listing, pairs: Pairs) -> Views:
    """Each product of a pair with the other's text."""
    both = np.concatenate([pairs.rows, pairs.rows[:, ::-1]]).tolist()
    weights = np.concatenate([pairs.weights, pairs.weights]).tolist()
    texts = listing.texts
    return Views.of((row, texts[other], weight) for (row, other), weight in zip(both, weights, strict=True))


def _only(listing: Listing, groups: NDArray[np.int64], rows: Iterable[int]) -> NDArray[np.int64]:
    taken = np.full(len(listing), -1, dtype=np.int64)
    chosen = list(rows)
    taken[chosen] = groups[chosen]
    return taken


def _searches(
    events: Sequence[Event], teaching: Mapping[str, int], barred: Collection[str], *, bought: bool
) -> Iterable[tuple[int, str, float]]:
    """Words that shoppers searched for and the products that they opened, or bought later in that visit."""
    counts: dict[tuple[int, str], float] = {}
    for visit in user_sessions(events):
        asked = ""
        for event in visit.events:
            asked = event.query or asked
            counted = event.type == "purchase" if bought else bool(event.query)
            if asked and counted and event.item in teaching and _folded(asked) not in barred:
                key = teaching[event.item], asked
                counts[key] = counts.get(key, 0.0) + (PURCHASE if bought else 1.0)
    for (row, text), count in sorted(counts.items()):
        yield row, text, float(np.log1p(count))


def _baskets(events: Sequence[Event], teaching: Mapping[str, int]) -> Pairs:
    bought = [event for event in events if event.type == "purchase" and event.item in teaching]
    owners = [f"{event.user}\0{event.session or event.time}" for event in bought]
    return Pairs.of_baskets(
        np.array(owners, dtype=np.str_), np.array([teaching[e.item] for e in bought], dtype=np.int64)
    )


def _judged(
    queries: Mapping[str, str], qrels: Mapping[str, Mapping[str, int]], teaching: Mapping[str, int]
) -> Iterable[tuple[int, str, float]]:
    """Words of judged queries and the products that they were found relevant for, by their grades."""
    taught = teaching_queries(queries, qrels)
    for id, text in _texts(queries).items():
        if id in taught:
            yield from (
                (teaching[product], text, float(grade))
                for product, grade in sorted(qrels[id].items())
                if grade > 0 and product in teaching
            )


def _texts(queries: Mapping[str, str]) -> dict[str, str]:
    """The words of queries that are nothing else."""
    found = {}
    for id, stored in queries.items():
        parts = json.loads(stored).get("parts", [])
        if len(parts) == 1 and parts[0].get("kind") == "text":
            found[id] = str(parts[0]["value"])
    return found


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
