"""What a score is made of: the terms of a model that can tell them, and which products of the history gave most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from goodsense.events import Interactions
from goodsense.recommend import Model
from goodsense.recommend.blending import normalised
from goodsense.recommend.graph_filter import GraphFilter
from goodsense.recommend.hybrid import Hybrid

CLOSE = 1e-3  # how far the terms of a score may be off, beside it, for rounding


@dataclass(frozen=True)
class Shares:
    """The parts of one score.

    Parameters
    ----------
    terms
        Name -> what it adds; they sum to the score.
    sources
        Product of the history -> what it adds, of what a model can tell.
    """

    terms: Mapping[str, float]
    sources: Mapping[str, float] = field(default_factory=dict)


def shares_of(model: Model, history: Interactions, id: str, score: float, *, scale: float = 1.0) -> Shares:
    """What one history's score of a product is made of; ``score`` is the model's, divided by ``scale``."""
    found = _told(model, history, id)
    if found is None:
        return Shares({model.kind: score})
    terms = {name: value / scale for name, value in found.terms.items()}
    left = score - sum(terms.values())
    if not terms or abs(left) > CLOSE * max(abs(score), 1e-6):
        return Shares({model.kind: score}, found.sources)
    largest = max(terms, key=lambda name: abs(terms[name]))
    terms[largest] += left  # what was lost in rounding
    return Shares(terms, found.sources)


def _told(model: Model, history: Interactions, id: str) -> Shares | None:
    if isinstance(model, GraphFilter):
        return _of_walks(model, history, id)
    if isinstance(model, Hybrid):
        return _of_blend(model, history, id)
    return None


def _of_walks(model: GraphFilter, history: Interactions, id: str) -> Shares:
    terms: dict[str, float] = {}
    why = model.why(history, id)
    for own in why.values():
        for name, value in own.items():
            terms[name] = terms.get(name, 0.0) + value
    return Shares(terms, {source: sum(own.values()) for source, own in why.items()})


def _of_blend(model: Hybrid, history: Interactions, id: str) -> Shares:
    """The parts of a blend, each on its common scale; sources are those of the parts that tell."""
    place = model.items.index(id)
    known = model._aligned(history)
    terms: dict[str, float] = {}
    sources: dict[str, float] = {}
    for part, weight in zip(model.parts, model.used_weights.tolist(), strict=True):
        if weight:
            scores = normalised(part._scored(known), known, model.normalise)
            name = part.kind if part.kind not in terms else f"{part.kind} {len(terms) + 1}"
            terms[name] = weight * float(np.asarray(scores)[0, place])
        if weight and (told := _told(part, history, id)) is not None:
            sources.update(told.sources)
    return Shares(terms, sources)
