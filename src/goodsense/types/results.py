"""Answers: hits that say why, and the run and qrels of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.types.query import Query

Run: TypeAlias = Mapping[str, Sequence[tuple[str, float]]]  # query id -> (product id, score), best first
Qrels: TypeAlias = Mapping[str, Mapping[str, int]]  # query id -> product id -> grade, 0 = not relevant


@dataclass(frozen=True, eq=False)
class Terms:
    """Why every candidate scores what it scores: ``values[i].sum()`` is the score of ``ids[i]``.

    ``values`` is ``(n, t)`` float64, one column per name.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    values: NDArray[np.float64]

    @property
    def scores(self) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = self.values.sum(axis=1)
        return scores


@dataclass(frozen=True)
class Hit:
    """One answer. ``terms`` sums to ``score``; ``confidence`` estimates P(relevant) and is no part of the score."""

    rank: int
    id: str
    score: float
    title: str
    terms: Mapping[str, float]
    confidence: float | None = None
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "rank": self.rank,
            "id": self.id,
            "score": self.score,
            "title": self.title,
            "terms": dict(self.terms),
            "confidence": self.confidence,
            "reason": self.reason,
        }
        if self.detail:
            found["detail"] = dict(self.detail)
        return found


@dataclass(frozen=True)
class Hits:
    """The answer to one query, best first.

    ``engine`` and ``considered`` say how it was found (which engine, how many candidates were scored exactly);
    ``message`` says what a shopper should know, such as that nothing matched.
    """

    query: Query
    hits: tuple[Hit, ...]
    took_ms: float
    engine: str = ""
    considered: int = 0
    message: str = ""

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, rank: int) -> Hit:
        return self.hits[rank]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(hit.id for hit in self.hits)

    def to_json(self) -> dict[str, Any]:
        return {
            "query": self.query.to_json(),
            "hits": [hit.to_json() for hit in self.hits],
            "took_ms": round(self.took_ms, 3),
            "engine": self.engine,
            "considered": self.considered,
            "message": self.message,
        }
