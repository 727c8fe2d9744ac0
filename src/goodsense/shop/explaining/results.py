"""What an explanation says, as values; every number is in units of the score unless it says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Image, Query

Side = Literal["query", "product"]
NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Modality:
    """What one modality of a product does for its score.

    ``value`` is its exact Shapley value, ``share`` that of all that raises or lowers the score. ``score`` and ``rank``
    are those that the product would have without it; ``rank`` is None where it is not counted.
    """

    name: str
    value: float
    share: float
    score: float
    rank: int | None = None

    def to_json(self) -> dict[str, Any]:
        found = {"modality": self.name, "value": self.value, "share": self.share}
        return {**found, "score_without": self.score, "rank_without": self.rank}


@dataclass(frozen=True)
class Word:
    """What a word of the query, or of the product, does for the score.

    ``bm25`` is exact: those of all words sum to the terms of BM25. ``vectors`` are by block, by the method that
    ``method`` names: ``occlusion`` is what the term loses without the word, ``gradients`` are integrated gradients.
    """

    text: str
    bm25: float = 0.0
    vectors: Mapping[str, float] = field(default_factory=dict)
    method: Mapping[str, str] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return self.bm25 + sum(self.vectors.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "word": self.text,
            "value": self.value,
            "bm25": self.bm25,
            "vectors": dict(self.vectors),
            "method": dict(self.method),
        }


@dataclass(frozen=True, eq=False)
class Regions:
    """Which parts of a picture do what for the score: what it loses when they are covered, ``(rows, columns)``."""

    side: Side
    name: str
    image: Image
    grid: NDArray[np.float64]
    blocks: tuple[str, ...]

    @property
    def strongest(self) -> str:
        """Where the part lies that does most, in words; empty where no part does anything."""
        if not len(self.grid) or self.grid.max() <= NEGLIGIBLE:
            return ""
        row, column = np.unravel_index(int(np.argmax(self.grid)), self.grid.shape)
        down, right = (int(row) + 0.5) / self.grid.shape[0], (int(column) + 0.5) / self.grid.shape[1]
        vertical = "upper" if down < 1 / 3 else "lower" if down > 2 / 3 else ""
        horizontal = "left" if right < 1 / 3 else "right" if right > 2 / 3 else ""
        return " ".join(filter(None, [vertical, horizontal])) or "middle"

    def to_json(self) -> dict[str, Any]:
        found = {"side": self.side, "picture": self.name, "strongest": self.strongest, "blocks": list(self.blocks)}
        return {**found, "grid": np.round(self.grid, 6).tolist()}


@dataclass(frozen=True, eq=False)
class HitExplanation:
    """Why a product scores what it scores for a query.

    Parameters
    ----------
    rank
        Among all products that pass the filter, scored exactly; None in shops too large to count.
    terms
        Block or field of words -> value, as the search itself adds them; they sum to ``score``.
    joint
        Modality -> its exact Shapley value of the joint term; they sum to it.
    modalities
        The strongest first; their values sum to ``score``.
    query_words, product_words
        The strongest first.
    texts
        Field of the product -> its text.
    """

    query: Query
    id: str
    title: str
    score: float
    rank: int | None
    confidence: float | None
    terms: Mapping[str, float]
    joint: Mapping[str, float]
    modalities: tuple[Modality, ...]
    query_words: tuple[Word, ...] = ()
    product_words: tuple[Word, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[Regions, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def top(self) -> Modality | None:
        """The modality that carries the hit; None where nothing raises the score."""
        return self.modalities[0] if self.modalities and self.modalities[0].value > NEGLIGIBLE else None

    def to_json(self) -> dict[str, Any]:
        return {
            "query": self.query.to_json(),
            "hit": {
                "id": self.id,
                "title": self.title,
                "rank": self.rank,
                "score": self.score,
                "confidence": self.confidence,
            },
            "terms": dict(self.terms),
            "joint": dict(self.joint),
            "modalities": [modality.to_json() for modality in self.modalities],
            "query_words": [word.to_json() for word in self.query_words],
            "product_words": [word.to_json() for word in self.product_words],
            "regions": [regions.to_json() for regions in self.regions],
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Neighbour:
    """A product that is near another one, and what they share: modalities by their values, words, equal fields."""

    id: str
    title: str
    score: float
    modalities: Mapping[str, float]
    words: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            "score": self.score,
            "modalities": dict(self.modalities),
            "words": list(self.words),
            "fields": dict(self.fields),
        }


@dataclass(frozen=True, eq=False)
class ProductExplanation:
    """What a product's vectors are made of.

    Parameters
    ----------
    modalities
        What each does when the product is compared with itself: the most that any product can share with it.
    joint
        Modality -> its share of the joint vector: the inner product of its part with the whole, which sum to 1.
    missing
        Modalities that other products have and this one has not.
    neighbours
        The nearest first.
    """

    id: str
    title: str
    score: float
    modalities: tuple[Modality, ...]
    joint: Mapping[str, float]
    missing: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]
    image: Image | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "product": {"id": self.id, "title": self.title},
            "score_with_itself": self.score,
            "modalities": [
                {"modality": found.name, "value": found.value, "share": found.share} for found in self.modalities
            ],
            "joint": dict(self.joint),
            "missing": list(self.missing),
            "neighbours": [neighbour.to_json() for neighbour in self.neighbours],
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def ranked(
    values: Mapping[str, float], without: Mapping[str, float], ranks: Mapping[str, int | None]
) -> tuple[Modality, ...]:
    """Modalities, the one that does most first."""
    total = sum(abs(value) for value in values.values()) or 1.0
    found = [
        Modality(name, value, abs(value) / total, without.get(name, 0.0), ranks.get(name))
        for name, value in values.items()
    ]
    return tuple(sorted(found, key=lambda modality: (-modality.value, modality.name)))
