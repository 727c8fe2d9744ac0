"""Tags and queries for a shopper: what the own products have more often than the shop, what led others to the like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.shop.recommending.candidates import candidates
from goodsense.shop.recommending.content import tags_of
from goodsense.shop.recommending.opened import Opened
from goodsense.shop.recommending.past import Past
from goodsense.shop.recommending.shelf import Shelf

AROUND = 30  # recommended products that count beside the history
AROUND_COUNTS = 0.3  # what the best of them counts beside a product of the history
SHRINK = 2.0
LEAST_CLOSE = 0.15  # of what was opened after a query, the share that must be close to the history
LEAST = 2.0  # products that a tag must be on


@dataclass(frozen=True)
class Suggested:
    """A tag or a query with its score and the numbers behind it."""

    text: str
    score: float
    reason: str
    facts: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {"text": self.text, "score": self.score, "reason": self.reason, **self.facts}


def neighbourhood(opened: Opened, shelf: Shelf, past: Past) -> NDArray[np.float64]:
    """How much every product counts for a shopper ``(n + m,)``: 1 in the history, less around it, else 0."""
    found = np.zeros(len(shelf.ids))
    own = [shelf.places[id] for id in past.items if id in shelf.places]
    if own and opened.model is not None:
        around = shelf.there & shelf.without(past.items)
        for candidate in candidates(opened, shelf, past, around, AROUND):
            found[shelf.places[candidate.id]] = AROUND_COUNTS * candidate.score
    found[own] = 1.0
    return found


def suggested_tags(opened: Opened, shelf: Shelf, past: Past, k: int) -> tuple[Suggested, ...]:
    """Tags by how much more often they stand on the shopper's products than in the shop; without a history, none."""
    weights = neighbourhood(opened, shelf, past)
    places = np.flatnonzero(shelf.there)
    tags = tags_of(shelf.snapshot.columns, shelf.rows[places])
    if not tags or not weights.any():
        return ()
    mine, all_ = Counter[str](), Counter[str]()
    own = [place for place in places.tolist() if weights[place] == 1.0]
    have = Counter[str]()
    for place, said in zip(places.tolist(), tags, strict=True):
        all_.update(said)
        if weights[place]:
            mine.update(dict.fromkeys(said, weights[place]))
        if weights[place] == 1.0:
            have.update(said)
    total = float(weights.sum())
    found = []
    for tag, weight in mine.items():
        expected = total * all_[tag] / len(places)
        lift = (weight + SHRINK) / (expected + SHRINK)
        if lift > 1 and have[tag] >= min(LEAST, len(own)):
            score = float(weight * np.log(lift))
            facts = {"own": have[tag], "of": len(own), "share": round(all_[tag] / len(places), 4)}
            reason = f"on {have[tag]} of the {len(own)} products of the history, on {facts['share']:.1%} of the shop"
            found.append(Suggested(tag, score, reason, {**facts, "lift": round(float(lift), 2)}))
    return tuple(sorted(found, key=lambda one: (-one.score, one.text))[:k])


def suggested_queries(opened: Opened, shelf: Shelf, past: Past, k: int) -> tuple[Suggested, ...]:
    """Queries after which shoppers opened what this one cares for; without a history, the most frequent ones.

    Nothing that fewer than the recipe's ``min_shoppers`` searched for is told, nor what the shopper searched for.
    """
    counts = opened.statistics
    asked = {_folded(text) for text in past.asked}
    weights = neighbourhood(opened, shelf, past)[: len(counts.items)]
    opens = np.maximum(1, np.asarray(counts.answers.sum(axis=1)).ravel())
    if weights.any():
        share = np.asarray(counts.answers @ weights).ravel() / opens  # (q,) what of the opened ones is cared for
        score = share * np.log1p(counts.asked_by) * (share >= LEAST_CLOSE)
    else:
        score, share = np.log1p(counts.asked_by), np.zeros(len(counts.queries))
    order = np.lexsort((np.arange(len(score)), -score))
    rows = [row for row in order.tolist() if score[row] > 0 and _folded(counts.queries[row]) not in asked]
    return tuple(_query(counts.queries, counts.asked_by, score, share, row) for row in rows[:k])


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _query(
    texts: Sequence[str],
    asked_by: NDArray[np.int64],
    score: NDArray[np.float64],
    share: NDArray[np.float64],
    row: int,
) -> Suggested:
    facts = {"shoppers": int(asked_by[row]), "share": round(float(share[row]), 3)}
    about = f", and {facts['share']:.0%} of what they opened then is close to the history" if facts["share"] else ""
    return Suggested(texts[row], float(score[row]), f"{facts['shoppers']} shoppers searched for it{about}", facts)
