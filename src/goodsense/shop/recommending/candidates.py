"""Scored products for one history: the model's, those that came later, and popular ones where nothing else is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

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
MOST_KNOWN = 100  # products of the history of a shopper who is scored together with others


@dataclass(frozen=True)
class Candidate:
    """A product with its terms, which sum to its score.

    ``scale`` is what the model's own score was divided by, 0 where the score is not the model's. ``sources`` says which
    products of the history add how much, where the model can tell.
    """

    id: str
    terms: Mapping[str, float]
    scale: float = 0.0
    sources: Mapping[str, float] = field(default_factory=dict)

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
    depth = count + len(past.items)
    ranked = model.recommend(history, depth, exclude_seen=False, allowed=allowed[:n]) if allowed[:n].any() else None
    cold = newcomers.scored(model, history, allowed) if newcomers is not None else None
    new = _row(shelf, cold, 0)
    found = _scaled(opened, shelf, model, ranked.hits() if ranked is not None else [], new)
    return mixed(found, past, count, opened.settings.known)


def mixed(found: Sequence[Candidate], past: Past, count: int, known: float) -> list[Candidate]:
    """The first ``count``, at most a share of them known to the shopper, as long as there are others."""
    most = math.ceil(known * count)
    old = [candidate for candidate in found if candidate.id in past.actions]
    spare = {candidate.id for candidate in old[most:]}
    chosen = [candidate for candidate in found if candidate.id not in spare][:count]
    return chosen + old[most:][: count - len(chosen)]


def candidates_of_many(
    opened: Opened,
    shelf: Shelf,
    pasts: Sequence[Past],
    passing: Mask,
    count: int,
    *,
    newcomers: Newcomers | None = None,
) -> list[list[Candidate]]:
    """For each of many histories what :func:`candidates` gives, without what each shopper owns; scored at once."""
    model, n = opened.model, len(shelf.known)
    at_once = [place for place, past in enumerate(pasts) if past.events and len(past.items) <= MOST_KNOWN]
    found: dict[int, list[Candidate]] = {}
    if model is not None and at_once and passing[:n].any():
        most = max(len(pasts[place].owned.union(pasts[place].items)) for place in at_once)
        histories = opened.histories([pasts[place].named(f"{number:09d}") for number, place in enumerate(at_once)])
        ranked = model.recommend(histories, count + most, exclude_seen=False, allowed=passing[:n])
        cold = newcomers.scored(model, histories, passing) if newcomers is not None else None
        for row, name in enumerate(ranked.users):
            place = at_once[int(name)]
            owned = pasts[place].owned
            hits = [hit for hit in ranked.hits(row) if hit[0] not in owned]
            new = {id: score for id, score in _row(shelf, cold, row).items() if id not in owned}
            found[place] = mixed(_scaled(opened, shelf, model, hits, new), pasts[place], count, opened.settings.known)
    for place, past in enumerate(pasts):
        if len(found.get(place, ())) < count:
            allowed = passing & shelf.without(past.owned)
            found[place] = candidates(opened, shelf, past, allowed, count, newcomers=newcomers)
    return [found[place] for place in range(len(pasts))]


def _row(shelf: Shelf, cold: tuple[NDArray[np.int64], NDArray[np.float64]] | None, row: int) -> dict[str, float]:
    """What untouched products score for one history."""
    if cold is None:
        return {}
    places, scores = cold
    good = np.flatnonzero(scores[row] > 0).tolist()
    return {shelf.ids[places[at]]: float(scores[row][at]) for at in good}


def _best(hits: Sequence[tuple[str, float]]) -> float:
    """What scores are divided by: the best one, or its size where even that is below 0."""
    return abs(max([score for _, score in hits if score], default=1.0))


def _scaled(
    opened: Opened, shelf: Shelf, model: Model, hits: Sequence[tuple[str, float]], new: Mapping[str, float]
) -> list[Candidate]:
    """The model's hits, its best with the score 1, and what nobody touched among them."""
    best = _best(hits)
    found = [_of_model(opened, shelf, model, id, score, best) for id, score in hits if id not in new]
    found += [Candidate(id, {"content": score / best}) for id, score in new.items()]
    return sorted(found, key=lambda candidate: -candidate.score)


def _of_model(opened: Opened, shelf: Shelf, model: Model, id: str, score: float, best: float) -> Candidate:
    if score:  # sparse models say 0 of what they know nothing of
        return Candidate(id, {model.kind: score / best}, best)
    return Candidate(id, {POPULAR: FILLER * float(opened.statistics.popularity[shelf.places[id]])})


def explained(opened: Opened, past: Past, found: Sequence[Candidate]) -> list[Candidate]:
    """The same candidates with the model's own terms, where it can tell them."""
    from goodsense.shop.recommending.shares import shares_of

    if opened.model is None or not past.events:
        return list(found)
    history, told = opened.history(past), []
    for candidate in found:
        if candidate.scale:
            shares = shares_of(opened.model, history, candidate.id, candidate.score, scale=candidate.scale)
            candidate = replace(candidate, terms=shares.terms, sources=shares.sources)
        told.append(candidate)
    return told


def popular(opened: Opened, shelf: Shelf, allowed: Mask, count: int) -> list[Candidate]:
    """The best ``count`` of the allowed products by what many bought and looked at, then by what people say of them."""
    shares = {name: _padded(values, len(shelf.ids)) for name, values in opened.statistics.popular_terms.items()}
    shares["rating"] = ratings(shelf) * 1e-3
    total = np.sum(list(shares.values()), axis=0)
    places = np.flatnonzero(allowed)
    order = places[np.lexsort((places, -total[places]))][:count]
    return [
        Candidate(shelf.ids[place], {name: float(values[place]) for name, values in shares.items() if values[place]})
        for place in order.tolist()
    ]


def ratings(shelf: Shelf) -> NDArray[np.float64]:
    """What people say of every product, 0 to 1, 0 where nobody does ``(n + m,)``."""
    found = np.zeros(len(shelf.ids))
    columns = shelf.snapshot.columns
    if "reviews.bayes" in columns.fields:
        values = columns.values("reviews.bayes", shelf.rows[shelf.there])
        found[shelf.there] = [float(own[0]) / 5 if own else 0.0 for own in values]
    return np.clip(found, 0.0, 1.0)


def _padded(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.concatenate([values, np.zeros(length - len(values))])
