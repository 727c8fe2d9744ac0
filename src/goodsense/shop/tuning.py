"""Block weights chosen on validation queries, kept only if they prove themselves against words alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.evaluate import paired_bootstrap
from goodsense.fusion.joint import JOINT
from goodsense.search.calibration import BM25, Calibration, fit_confidence

START = 0.25  # a block of vectors beside words, before anything is tuned
JOINT_START = 0.5  # words and what products show, in one space: where words miss products, it alone finds them
OPINIONS_START = 0.05  # what others say of a product: they seldom name it, so more of it must prove itself
PRETRAINED_START = 1.0  # one whose encoder learned from more texts than a shop has
GRID = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0)  # multiples of the start
GATE_BOUND = -0.002  # nDCG@10
FOLDS = 5
_NO_WORSE = 1.3  # standard errors that a weight may seem to lose by and still count as good as the best
_K = 10
_UNJUDGED = 20  # best rows of a pool that nobody judged but that may well be relevant
Key = tuple[str, str]  # (query kind, block)


@dataclass(frozen=True, eq=False)
class TuningQuery:
    """One validation query on its pool of candidates.

    ``terms`` maps (kind, block) to calibrated terms of weight 1, ``(pool,)``; ``gains`` are 2^grade - 1 of the pool;
    ``ideal`` is the DCG@10 of the best order of everything that is relevant; ``weight`` how much the query counts.
    """

    id: str
    terms: Mapping[Key, NDArray[np.float64]]
    gains: NDArray[np.float64]
    ideal: float
    weight: float = 1.0

    @property
    def words_only(self) -> bool:
        return all(kind == "text" for kind, _ in self.terms) and any(block == BM25 for _, block in self.terms)


@dataclass(frozen=True)
class Verdict:
    """What tuning decided and on what evidence; nDCG@10 means over the word queries, out of fold."""

    kept: bool
    reason: str
    source: str
    queries: int = 0
    bm25: float = 0.0
    fused: float = 0.0
    lower: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "weights": dict(self.weights)}


def tune(
    calibration: Calibration,
    queries: Sequence[TuningQuery],
    *,
    source: str,
    gate: bool,
    seed: int,
    pretrained: Collection[str] = (),
) -> tuple[Calibration, Verdict]:
    """Choose the weights of word queries by coordinate ascent on nDCG@10, and let the gate decide on them.

    The gate compares out of fold (the weights that score a fold were chosen on the other folds) by paired bootstrap;
    the fused scores are kept if the lower 5 % bound of their gain over BM25 is at least ``GATE_BOUND``. Blocks of
    ``pretrained`` encoders start with more weight.
    """
    words, start = [query for query in queries if query.words_only], _start_weights(calibration, pretrained)
    if len(words) < 10:
        verdict = Verdict(True, f"only {len(words)} validation queries, too few to tune: default weights", source)
        return _with_weights(calibration, start), verdict
    shares = _shares(words)
    fused, alone = _out_of_fold(words, start) * shares, _ndcg(words, {("text", BM25): 1.0}) * shares
    comparison = paired_bootstrap(alone, fused, level=0.9, seed=seed)
    kept = not gate or comparison.lower >= GATE_BOUND
    weights = ascend(words, start) if kept else {key: float(key[1] == BM25) for key in start}
    verdict = Verdict(
        kept,
        _reason(kept, gate, comparison.lower, useful=any(weights[key] for key in weights if key[1] != BM25)),
        source,
        queries=len(words),
        bm25=float(alone.mean()),
        fused=float(fused.mean()),
        lower=comparison.lower,
        weights={block: weight for (_, block), weight in sorted(weights.items())},
    )
    return _with_weights(calibration, weights), verdict


def tune_parts(calibration: Calibration, queries: Sequence[TuningQuery]) -> Calibration:
    """How much a picture counts beside words, where enough validation queries have both."""
    both = [query for query in queries if len({kind for kind, _ in query.terms}) > 1]
    weights = {key: affine.weight for key, affine in calibration.maps.items()}
    free = {key for query in both for key in query.terms if key[0] != "text"}
    return _with_weights(calibration, ascend(both, weights, free=free))


def tune_asides(calibration: Calibration, queries: Sequence[TuningQuery]) -> Calibration:
    """How much a picture counts at the blocks that it does not look for first, by queries that are nothing else."""
    alone = [query for query in queries if len({kind for kind, _ in query.terms}) == 1 and not query.words_only]
    weights = {key: affine.weight for key, affine in calibration.maps.items()}
    free = {(kind, block) for query in alone for kind, block in query.terms if kind not in ("text", block)}
    return _with_weights(calibration, ascend(alone, weights, free=free))


def balanced(calibration: Calibration, best: Mapping[str, float]) -> Calibration:
    """Scale every query kind so that its typical best match scores 1: parts of a query then weigh the same.

    ``best`` maps a kind to the median score of the best product for sample queries. Ranks within a kind stay.
    """
    maps = {
        key: replace(affine, weight=affine.weight / best[key[0]]) if best.get(key[0], 0.0) > 1e-6 else affine
        for key, affine in calibration.maps.items()
    }
    return replace(calibration, maps=maps)


def ascend(
    queries: Sequence[TuningQuery], start: Mapping[Key, float], *, free: Iterable[Key] | None = None
) -> dict[Key, float]:
    """Two rounds of coordinate ascent over multiples of the start; BM25 stays.

    Of all weights that are not surely worse than the best one (paired, by the standard error) the one nearest to the
    start is taken: a few hundred queries cannot tell such weights apart, and chasing the best of them overfits. A
    block that fewer than ten queries are concerned with keeps its weight.
    """
    weights = dict(start)
    for key in 2 * sorted(free if free is not None else (key for key in weights if key[1] != BM25)):
        concerned = [query for query in queries if key in query.terms]
        if len(concerned) < 10:
            continue
        shares = _shares(concerned)
        scored = {step: _ndcg(concerned, {**weights, key: start[key] * step}) * shares for step in GRID}
        best = max(scored.values(), key=lambda values: float(values.mean()))
        near = [step for step, values in scored.items() if _as_good(values, best)]
        weights[key] = start[key] * min(near, key=lambda step: abs(np.log((step + 0.1) / 1.1)))
    return weights


def _as_good(values: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    lost = best - values
    return bool(lost.mean() <= _NO_WORSE * lost.std(ddof=1) / np.sqrt(len(lost)) + 5e-4)


def learn_confidence(calibration: Calibration, queries: Sequence[TuningQuery]) -> Calibration:
    """Relevance as a function of the score, from word queries.

    What is relevant is set against what ranks below the first twenty of each query's pool, both sides weighing the
    same: many products that a pseudo-query would please were never judged, so the best cannot be counterexamples.
    """
    weights = {key: affine.weight for key, affine in calibration.maps.items()}
    good, bad = [], []
    for query in queries:
        if query.words_only:
            total = _total(query, weights)
            good.append(total[query.gains > 0])
            bad.append(np.sort(total[query.gains == 0])[:-_UNJUDGED])
    if not good:
        return calibration
    return replace(calibration, confidence=fit_confidence(np.concatenate(good), np.concatenate(bad)))


def _start_weights(calibration: Calibration, pretrained: Collection[str]) -> dict[Key, float]:
    weights = {BM25: 1.0, "reviews": OPINIONS_START, JOINT: JOINT_START, **dict.fromkeys(pretrained, PRETRAINED_START)}
    return {(kind, block): weights.get(block, START) for kind, block in calibration.maps if kind == "text"}


def _with_weights(calibration: Calibration, weights: Mapping[Key, float]) -> Calibration:
    maps = {key: replace(affine, weight=weights.get(key, affine.weight)) for key, affine in calibration.maps.items()}
    return replace(calibration, maps=maps)


def _out_of_fold(queries: Sequence[TuningQuery], start: Mapping[Key, float]) -> NDArray[np.float64]:
    folds = np.arange(len(queries)) % FOLDS
    scores = np.zeros(len(queries))
    for fold in range(FOLDS):
        inside = [query for query, f in zip(queries, folds, strict=True) if f != fold]
        outside = [query for query, f in zip(queries, folds, strict=True) if f == fold]
        scores[folds == fold] = _ndcg(outside, ascend(inside, start))
    return scores


def _shares(queries: Sequence[TuningQuery]) -> NDArray[np.float64]:
    """The weights of queries, 1 in the mean: the mean of values times these is their weighted mean."""
    weights = np.array([query.weight for query in queries])
    shares: NDArray[np.float64] = weights / weights.mean()
    return shares


def _ndcg(queries: Sequence[TuningQuery], weights: Mapping[Key, float]) -> NDArray[np.float64]:
    """nDCG@10 of every query under these weights; what has no weight does not count."""
    return np.array([_ndcg_of(query, weights) for query in queries])


def _ndcg_of(query: TuningQuery, weights: Mapping[Key, float]) -> float:
    if query.ideal <= 0:
        return 0.0
    best = np.argsort(-_total(query, weights), kind="stable")[:_K]
    return float((query.gains[best] / np.log2(np.arange(2, len(best) + 2))).sum() / query.ideal)


def _total(query: TuningQuery, weights: Mapping[Key, float]) -> NDArray[np.float64]:
    total = np.zeros(len(query.gains))
    for key, values in query.terms.items():
        weight = weights.get(key, 0.0)
        if weight:
            total += weight * values
    return total


def _reason(kept: bool, gate: bool, lower: float, *, useful: bool) -> str:
    if not gate:
        return "the recipe turned the gate off"
    if kept and not useful:
        return "words alone: no weight of the vectors ranks better"
    side = "at least" if kept else "below"
    verdict = "vectors and words together" if kept else "words alone"
    return f"{verdict}: the gain's lower 5 % bound {lower:+.4f} nDCG@10 is {side} {GATE_BOUND}"
