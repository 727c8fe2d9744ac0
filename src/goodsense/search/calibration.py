"""From raw similarities to terms that add up: affine per (query kind, block), fixed at build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.types import Vectors

BM25 = "bm25"  # the lexical block's name; its terms are `bm25.<field>`


@dataclass(frozen=True, slots=True)
class Affine:
    """``term = weight * (s - mean) / scale``; ``scale`` is never 0."""

    mean: float = 0.0
    scale: float = 1.0
    weight: float = 1.0

    def __call__(self, raw: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        return (raw.astype(np.float64) - self.mean) * (self.weight / self.scale)

    @classmethod
    def fitted(cls, raw: NDArray[np.floating[Any]], *, weight: float = 1.0) -> Affine:
        """Mean and standard deviation of random query-product pairs; identity scale when they do not vary."""
        if not len(raw):
            return cls(weight=weight)
        scale = float(raw.std())
        return cls(float(raw.mean()), scale if scale > 1e-6 else 1.0, weight)

    @classmethod
    def of_lexical(cls, raw: NDArray[np.floating[Any]]) -> Affine:
        """Zero stays zero (no word in common); scaled by the root mean square of pairs that share a word."""
        shared = raw[raw > 0]
        return cls(0.0, float(np.sqrt(np.mean(np.square(shared)))) if len(shared) else 1.0)


@dataclass(frozen=True)
class Calibration:
    """The affine maps of a build, by query kind and block, and the confidence curve of text queries.

    ``confidence`` holds knots ``(score, P(relevant))``, ascending; empty when nothing could be learned. ``shifts``
    holds the unit direction in which all queries of a kind lie apart from a block's products, whatever they ask for.
    """

    maps: Mapping[tuple[str, str], Affine]
    confidence: tuple[tuple[float, float], ...] = ()
    shifts: Mapping[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)

    def affine(self, kind: str, block: str) -> Affine:
        return self.maps.get((kind, block), Affine(weight=0.0))

    def reaches(self, kind: str, block: str) -> bool:
        """Whether a query part of this kind counts at this block."""
        return self.affine(kind, block).weight != 0

    def reweighted(self, kind: str, weights: Mapping[str, float]) -> Calibration:
        """The same maps with other weights for one query kind."""
        maps = dict(self.maps)
        for block, weight in weights.items():
            if (kind, block) in maps:
                maps[kind, block] = replace(maps[kind, block], weight=weight)
        return replace(self, maps=maps)

    def unshifted(self, kind: str, block: str, vectors: Vectors) -> Vectors:
        """Query vectors ``(n, d)`` without what all queries of this kind have in common."""
        if (kind, block) not in self.shifts:
            return vectors
        shift = np.array(self.shifts[kind, block], dtype=np.float32)
        return vectors - (vectors @ shift)[:, None] * shift

    def confidence_of(self, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """P(relevant) of each score ``(n,)``, by linear interpolation between the knots."""
        if not self.confidence:
            return None
        x, y = np.array(self.confidence, dtype=np.float64).T
        likely: NDArray[np.float64] = np.interp(scores, x, y)
        return likely

    def to_json(self) -> dict[str, Any]:
        maps = [
            {"kind": kind, "block": block, "mean": a.mean, "scale": a.scale, "weight": a.weight}
            for (kind, block), a in sorted(self.maps.items())
        ]
        shifts = [
            {"kind": kind, "block": block, "shift": list(shift)} for (kind, block), shift in sorted(self.shifts.items())
        ]
        return {"maps": maps, "confidence": [list(knot) for knot in self.confidence], "shifts": shifts}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        maps = {(m["kind"], m["block"]): Affine(m["mean"], m["scale"], m["weight"]) for m in data["maps"]}
        shifts = {(s["kind"], s["block"]): tuple(map(float, s["shift"])) for s in data.get("shifts", ())}
        return cls(maps, tuple((float(x), float(y)) for x, y in data["confidence"]), shifts)


def fit_confidence(good: NDArray[np.float64], bad: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Knots of P(relevant) over the score: isotonic regression on scores of relevant and of other pairs.

    Both sides weigh the same in all; fewer than 20 of either say nothing. Follows Zadrozny and Elkan (2002).
    """
    if min(len(good), len(bad)) < 20:
        return ()
    from scipy.optimize import isotonic_regression

    scores, relevant = np.concatenate([good, bad]), np.repeat([1.0, 0.0], [len(good), len(bad)])
    weights = np.repeat([1.0 / len(good), 1.0 / len(bad)], [len(good), len(bad)])
    order = np.lexsort((relevant, scores))
    likely = isotonic_regression(relevant[order], weights=weights[order]).x
    keep = np.flatnonzero(np.diff(likely, prepend=-1.0, append=2.0)[:-1] + np.diff(likely, append=2.0))
    return tuple((float(scores[order[i]]), float(likely[i])) for i in keep.tolist())
