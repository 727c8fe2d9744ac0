"""Scored products for one history: the model's, those that came later, and popular ones where nothing else is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.recommend import Model
from goodsense.shop.recommending.newcomers import Newcomers
from goodsense.shop.recommending.opened import Opened
from goodsense.shop.recommending.past import Past
from goodsense.shop.recommending.shelf import Shelf
from goodsense.types import Mask

FILLER = 1e-3  # what the most popular product scores beside the model's best, which scores 1
POPULAR = "popular"


@dataclass(frozen=True)
class Candidate:
    """A product with its terms, which sum to its score; ``detail`` is what the model says of it."""

    id: str
    terms: Mapping[str, float]
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return sum(self.terms.values())


def candidates(
    opened: Opened, shelf: Shelf, past: Past, allowed: Mask, count: int, *, newcomers: Newcomers | None = None
) -> list[Candidate]:
    """The best ``count`` of the allowed products ``(n + m,)`` for a history, best first.

    The model's best product has the score 1. Products of which it knows nothing follow by popularity.
    """
    model, n = opened.model, len(shelf.known)
    if model is None or not past.events:
        return popular(opened, shelf, allowed, count)
    history = opened.history(past)
    ranked = model.recommend(history, count, exclude_seen=False, allowed=allowed[:n]) if allowed[:n].any() else None
    hits = ranked.hits() if ranked is not None else []
    best = max([score for _, score in hits if score > 0], default=1.0)
    found = [_of_model(opened, shelf, model, id, score / best) for id, score in hits]
    if newcomers is not None and allowed[n:].any():
        late = newcomers.scored(model, history, np.flatnonzero(allowed[n:]))
        found += [Candidate(shelf.late[place], {"content": score / best}) for place, score in late]
    return sorted(found, key=lambda candidate: -candidate.score)[:count]


def _of_model(opened: Opened, shelf: Shelf, model: Model, id: str, score: float) -> Candidate:
    if score > 0:
        return Candidate(id, {model.kind: score})
    return Candidate(id, {POPULAR: FILLER * float(popularity(opened)[shelf.places[id]])})


def popular(opened: Opened, shelf: Shelf, allowed: Mask, count: int) -> list[Candidate]:
    """The best ``count`` of the allowed products by what many bought and looked at, then by what people say of them."""
    shares = {name: _padded(values, len(shelf.ids)) for name, values in _popular_terms(opened).items()}
    shares["rating"] = ratings(shelf) * 1e-3
    total = np.sum(list(shares.values()), axis=0)
    places = np.flatnonzero(allowed)
    order = places[np.lexsort((places, -total[places]))][:count]
    return [
        Candidate(shelf.ids[place], {name: float(values[place]) for name, values in shares.items() if values[place]})
        for place in order.tolist()
    ]


def _popular_terms(opened: Opened) -> dict[str, NDArray[np.float64]]:
    """Terms of popularity ``(n,)`` that sum to at most 1."""
    counts = opened.statistics
    return {
        "bought lately": 0.6 * _share(counts.recent),
        "looked at lately": 0.25 * _share(counts.recent_shoppers),
        "looked at": 0.15 * _share(counts.seen_by),
    }


def popularity(opened: Opened) -> NDArray[np.float64]:
    """How popular every known product is, 0 to 1 ``(n,)``."""
    total: NDArray[np.float64] = np.sum(list(_popular_terms(opened).values()), axis=0)
    return total


def ratings(shelf: Shelf) -> NDArray[np.float64]:
    """What people say of every product, 0 to 1, 0 where nobody does ``(n + m,)``."""
    found = np.zeros(len(shelf.ids))
    columns = shelf.snapshot.columns
    if "reviews.bayes" in columns.fields:
        values = columns.values("reviews.bayes", shelf.rows[shelf.there])
        found[shelf.there] = [float(own[0]) / 5 if own else 0.0 for own in values]
    return np.clip(found, 0.0, 1.0)


def _share(values: NDArray[np.int64]) -> NDArray[np.float64]:
    return values / max(1, int(values.max(initial=0)))


def _padded(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.concatenate([values, np.zeros(length - len(values))])
