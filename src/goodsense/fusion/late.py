"""Late fusion: scores of several sources, each calibrated, weighed and summed; every source keeps its own term."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense import standardise
from goodsense.encoders import artefacts
from goodsense.encoders.options import check_choice, number
from goodsense.errors import DataError, UsageError
from goodsense.fusion.additive import AdditiveFusion
from goodsense.fusion.base import check_fitted
from goodsense.fusion.blocks import check_blocks, prepared
from goodsense.types import Embeddings

Calibration: TypeAlias = Literal["z-score", "min-max", "isotonic", "reciprocal-rank"]
CALIBRATIONS: tuple[Calibration, ...] = get_args(Calibration)
Scope: TypeAlias = Literal["all", "query"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Scores: TypeAlias = NDArray[np.float64]  # (q, n); NaN where a source does not know


class LateFusion:
    """Scores ``(q, n)`` of sources, NaN where a source does not know the product, to one score: the sum of the terms.

    ``z-score`` and ``min-max`` are affine, over all training scores or over each query's own list; ``isotonic`` is the
    probability of being relevant, learned on judged data (Zadrozny and Elkan, 2002); ``reciprocal-rank`` looks at the
    places in each query's list only (Cormack and others, 2009). What a source does not know counts as the average of
    what it knows, which is 0 by z-scores, and as the last place among reciprocal ranks, which is 0 as well.

    Parameters
    ----------
    calibration
        ``z-score``, ``min-max``, ``isotonic`` or ``reciprocal-rank``.
    weights
        Source -> weight from 0 up, at least one above 0; None for 1 each.
    scope
        ``all`` or ``query``: what z-scores and ranges are taken over. The others have one meaning only.
    offset
        Added to ranks before they are inverted: the larger, the less the first places stand out.
    """

    kind: ClassVar[str] = "late"
    version: ClassVar[int] = 1

    def __init__(
        self,
        *,
        calibration: Calibration = "z-score",
        weights: Mapping[str, float] | None = None,
        scope: Scope = "all",
        offset: float = 60.0,
    ) -> None:
        check_choice(CALIBRATIONS, calibration=calibration)
        check_choice(SCOPES, scope=scope)
        if weights is not None:
            AdditiveFusion(weights)  # refuses what cannot be weights
        self._options: dict[str, Any] = {
            "calibration": calibration,
            "weights": {name: float(weights[name]) for name in sorted(weights)} if weights is not None else None,
            "scope": scope,
            "offset": number("offset", offset, least=0),
        }
        self._sources: list[str] = []
        self._arrays: dict[str, dict[str, NDArray[Any]]] = {}

    @property
    def sources(self) -> tuple[str, ...]:
        """Whose scores are put together, in the order of the terms; empty before the fit."""
        return tuple(self._sources)

    @property
    def fingerprint(self) -> str:
        """Names code version, options and what was learned of each source."""
        return artefacts.fingerprint(self._artefact())

    def fit(self, scores: Mapping[str, Scores], relevant: Scores | None = None) -> Self:
        """Learn how each source's scores are spread, or, for ``isotonic``, what they say of relevance.

        ``relevant`` ``(q, n)`` is 1 or 0 (or between, for grades), and NaN where nobody judged.

        Raises
        ------
        UsageError
            If sources differ in shape, a source has no weight, or judgements are missing that are needed.
        DataError
            If a source has no judged score.
        """
        shape = _checked(scores, self._options["weights"])
        isotonic = self._options["calibration"] == "isotonic"
        if isotonic and (relevant is None or relevant.shape != shape):
            found = "none" if relevant is None else f"judgements {relevant.shape}"
            raise UsageError(f"isotonic calibration needs judgements {shape}; found {found}.")
        self._sources = sorted(scores)
        self._arrays = {
            name: _isotonic(name, scores[name], relevant)
            if relevant is not None and isotonic
            else self._spread(scores[name])
            for name in self._sources
        }
        return self

    def terms(self, scores: Mapping[str, Scores]) -> Mapping[str, Scores]:
        """What each source adds: source -> ``(q, n)``; a source that is left out adds what it does not know."""
        check_fitted(self.kind, bool(self._sources))
        unknown = [name for name in scores if name not in self._sources]
        if unknown:
            raise UsageError(f"late fusion got scores of {unknown[0]!r}; expected {', '.join(self._sources)}.")
        shape = _checked(scores, self._options["weights"])
        nothing = np.full(shape, np.nan)
        return {name: self._weight(name) * self._calibrated(name, scores.get(name, nothing)) for name in self._sources}

    def fuse(self, scores: Mapping[str, Scores]) -> Scores:
        """One score per query and product, ``(q, n)``: the sum of the terms."""
        found: Scores = np.sum(list(self.terms(scores).values()), axis=0)
        return found

    def save(self, directory: Path) -> None:
        """Write options and all that was learned into ``directory``."""
        artefacts.write(self._artefact(), directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Come back from :meth:`save`."""
        found = artefacts.read(directory, kind=cls.kind, version=cls.version)
        fusion = cls(**found.settings["options"])
        fusion._sources = list(found.settings["sources"])
        fusion._arrays = {name: {} for name in fusion._sources}
        for key, array in found.arrays.items():
            part, _, name = key.partition("/")
            fusion._arrays[name][part] = array
        return fusion

    def _artefact(self) -> artefacts.Artefact:
        arrays = {f"{part}/{name}": array for name, found in self._arrays.items() for part, array in found.items()}
        return artefacts.Artefact(self.kind, self.version, {"options": self._options, "sources": self._sources}, arrays)

    def _weight(self, name: str) -> float:
        weights = self._options["weights"]
        return 1.0 if weights is None else float(weights[name])

    def _spread(self, scores: Scores) -> dict[str, NDArray[Any]]:
        """Of a source over all training scores; nothing where each query's list is its own measure."""
        if self._options["calibration"] == "reciprocal-rank" or self._options["scope"] == "query":
            return {}
        known = scores[~np.isnan(scores)][:, None]
        found = _method(self._options["calibration"]).fit(known)
        average = found.apply(known).mean(keepdims=True)[0] if len(known) else np.zeros(1)
        return {**found.to_arrays(), "average": average}

    def _calibrated(self, name: str, scores: Scores) -> Scores:
        known, learned = ~np.isnan(scores), self._arrays[name]
        if self._options["calibration"] == "reciprocal-rank":
            return np.where(known, 1 / (self._options["offset"] + ranks(scores)), 0.0)
        if self._options["calibration"] == "isotonic":
            return np.where(known, np.interp(scores, learned["score"], learned["likely"]), learned["average"])
        if self._options["scope"] == "query":
            return _within_lists(scores, known, _method(self._options["calibration"]))
        return np.where(known, (scores - learned["centre"]) / learned["spread"], learned["average"])


def ranks(scores: Scores) -> Scores:
    """Places in each row's list, the highest score first at 1; equal scores share their mean place. ``(q, n)``."""
    from scipy.stats import rankdata

    placed: Scores = rankdata(-np.where(np.isnan(scores), -np.inf, scores), axis=1).astype(np.float64)
    return placed


def block_scores(queries: Mapping[str, Embeddings], products: Mapping[str, Embeddings]) -> dict[str, Scores]:
    """Cosines of every query and product in each block that both sides have: block -> ``(q, n)``, for late fusion.

    NaN where the query or the product lacks the block.
    """
    check_blocks(queries, list(queries))
    check_blocks(products, list(products))
    found = {}
    for name in sorted(queries.keys() & products.keys()):
        if queries[name].dim != products[name].dim:
            raise UsageError(
                f"queries have {queries[name].dim} columns in the block {name!r}, products {products[name].dim}."
            )
        left, right = prepared(queries[name], None), prepared(products[name], None)
        cosines = (left.vectors @ right.vectors.T).astype(np.float64)
        found[name] = np.where(left.present[:, None] & right.present[None, :], cosines, np.nan)
    return found


def _checked(scores: Mapping[str, Scores], weights: Mapping[str, float] | None) -> tuple[int, ...]:
    """The shape that all sources have."""
    if not scores:
        raise UsageError("late fusion got no scores at all.")
    shapes = {name: np.shape(found) for name, found in scores.items()}
    first = next(iter(shapes))
    for name, shape in shapes.items():
        if len(shape) != 2 or shape != shapes[first]:
            raise UsageError(f"the scores of {name!r} are {shape}; expected (queries, products) as of {first!r}.")
        if np.isinf(scores[name]).any():
            raise UsageError(f"the scores of {name!r} are infinite somewhere; expected numbers, or NaN for unknown.")
        if weights is not None and name not in weights:
            raise UsageError(f"weights does not name the source {name!r}; it has {', '.join(weights)}.")
    return shapes[first]


def _method(calibration: str) -> standardise.ZScore | standardise.MinMax:
    return standardise.ZScore() if calibration == "z-score" else standardise.MinMax()


def _within_lists(scores: Scores, known: NDArray[np.bool_], method: standardise.ZScore | standardise.MinMax) -> Scores:
    """Each query's list by its own spread: the lists are columns to the method."""
    filled = np.where(known, scores, 0.0)
    calibrated = method.fit(filled.T, known.T).apply(filled.T).T
    counts = np.maximum(known.sum(axis=1, keepdims=True), 1)
    averages = np.where(known, calibrated, 0.0).sum(axis=1, keepdims=True) / counts
    return np.where(known, calibrated, averages)


def _isotonic(name: str, scores: Scores, relevant: Scores) -> dict[str, NDArray[Any]]:
    """Knots of P(relevant) over a source's score; equal scores are judged together."""
    from scipy.optimize import isotonic_regression

    judged = ~np.isnan(scores) & ~np.isnan(relevant)
    if not judged.any():
        raise DataError(
            f"no product that {name!r} scores has been judged, so its scores cannot be calibrated.",
            fix='Judge some of its hits, or calibrate by "z-score".',
        )
    score, places, counts = np.unique(scores[judged], return_inverse=True, return_counts=True)
    means = np.bincount(places, weights=relevant[judged]) / counts
    likely = isotonic_regression(means, weights=counts.astype(np.float64)).x
    average = np.array([float(relevant[judged].mean())])
    return {"score": score, "likely": np.asarray(likely, np.float64), "average": average}
