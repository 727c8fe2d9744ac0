"""Ranking metrics over a run and its judgements.

Definitions follow trec_eval with one difference that product search needs: the gain of grade ``g`` is ``2^g - 1``.
The discount of rank ``r`` is ``1 / log2(r + 1)``; the ideal ranking is taken over *all* judged items of the query;
equal scores are ordered by id, descending; an item without a judgement is not relevant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.types import Qrels, Run

Scores: TypeAlias = NDArray[np.float64]

ALWAYS_RECALL_AT = (10, 100)
MEASURES = ("ndcg", "recall", "mrr", "precision", "map")
_BLOCK = 1024  # queries scored at once: bounds memory at _BLOCK x max(k) doubles
_best_first = itemgetter(1, 0)  # (id, score) -> (score, id); sorted descending


@dataclass(frozen=True, eq=False)
class RankingReport:
    """How well a run ranks what was judged.

    Parameters
    ----------
    metrics
        ``"ndcg@10"`` and the like -> mean over all judged queries.
    per_query
        The same names -> ``(queries,)`` values in the order of ``query_ids``.
    query_ids
        Every judged query, in the order of the judgements.
    without_relevant
        Judged queries without any relevant item; they score 0 and count.
    unanswered
        Judged queries that the run has no result for; they score 0 and count.
    unjudged
        Queries of the run without any judgement; they are left out.
    """

    metrics: Mapping[str, float]
    per_query: Mapping[str, Scores]
    query_ids: tuple[str, ...]
    without_relevant: int
    unanswered: int
    unjudged: int

    @property
    def queries(self) -> int:
        return len(self.query_ids)

    def to_json(self) -> dict[str, Any]:
        return {
            "metrics": dict(self.metrics),
            "queries": self.queries,
            "without_relevant": self.without_relevant,
            "unanswered": self.unanswered,
            "unjudged": self.unjudged,
        }


def evaluate_run(run: Run, qrels: Qrels, *, ks: Sequence[int] = (10, 100)) -> RankingReport:
    """Score every judged query of a run.

    Parameters
    ----------
    run
        Query id -> (item id, score) pairs; the order within a query does not matter, the scores decide.
    qrels
        Query id -> item id -> grade; a grade of 0 or less means not relevant.
    ks
        Cut-offs. Every measure is reported at each; recall at 10 and 100 always.

    Raises
    ------
    UsageError
        If a cut-off is not a positive whole number.
    DataError
        If nothing is judged, an item stands twice in one ranking, or a score is not a number.
    """
    cuts = checked_cuts(ks)
    if not qrels:
        raise DataError("there are no judgements to evaluate against.", fix="Give qrels with at least one query.")
    query_ids = tuple(qrels)
    blocks = [_score_block(query_ids[at : at + _BLOCK], run, qrels, cuts) for at in range(0, len(query_ids), _BLOCK)]
    per_query = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return RankingReport(
        metrics={name: float(values.mean()) for name, values in per_query.items()},
        per_query=per_query,
        query_ids=query_ids,
        without_relevant=sum(all(grade <= 0 for grade in judged.values()) for judged in qrels.values()),
        unanswered=sum(not run.get(query) for query in query_ids),
        unjudged=sum(query not in qrels for query in run),
    )


def rank(hits: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Order hits by score, equal scores by id, both descending."""
    return sorted(hits, key=_best_first, reverse=True)


def checked_cuts(ks: Sequence[int]) -> dict[str, list[int]]:
    """Measure -> its cut-offs, ascending: those given, and for recall 10 and 100 as well."""
    for k in ks:
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise UsageError(f"the cut-off {k!r}; expected a whole number of at least 1.")
    given = sorted({int(k) for k in ks})
    return {name: sorted({*given, *ALWAYS_RECALL_AT}) if name == "recall" else given for name in MEASURES}


def _score_block(queries: Sequence[str], run: Run, qrels: Qrels, cuts: Mapping[str, list[int]]) -> dict[str, Scores]:
    """Metric name -> (q,) for one block of queries."""
    depth = max(k for measure in cuts.values() for k in measure)
    gains = np.zeros((len(queries), depth))  # (q, depth) by rank
    ideal = np.zeros((len(queries), depth))  # (q, depth), the best possible
    relevant = np.zeros(len(queries))  # (q,) relevant items that exist
    for row, query in enumerate(queries):
        judged = qrels[query]
        best = sorted((grade for grade in judged.values() if grade > 0), reverse=True)
        relevant[row] = len(best)
        ideal[row, : len(best)] = best[:depth]
        found = [judged.get(item, 0) for item in _ranked_ids(query, run.get(query, ()))[:depth]]
        gains[row, : len(found)] = found
    gains, ideal = np.exp2(gains.clip(min=0)) - 1, np.exp2(ideal) - 1
    return metrics_at(gains, ideal, relevant, cuts)


def _ranked_ids(query: str, hits: Sequence[tuple[str, float]]) -> list[str]:
    ids = [item for item, _ in rank(hits)]
    if len(set(ids)) != len(ids):
        twice = next(item for item in ids if ids.count(item) > 1)
        raise DataError(f"query {query!r} ranks the item {twice!r} twice.", fix="Keep one line per query and item.")
    if not np.isfinite(np.fromiter((score for _, score in hits), float, len(hits))).all():
        raise DataError(f"query {query!r} has a score that is not a finite number, so it cannot be ranked.")
    return ids


def metrics_at(gains: Scores, ideal: Scores, relevant: Scores, cuts: Mapping[str, list[int]]) -> dict[str, Scores]:
    """All measures at all cut-offs from ``(q, depth)`` gains; cumulated along the ranks once.

    Parameters
    ----------
    gains, ideal
        ``(q, depth)`` of what was ranked, and of the best ranking there could be.
    relevant
        ``(q,)`` how many relevant items there are.
    cuts
        Of :func:`checked_cuts`; none deeper than ``depth``.
    """
    ranks = np.arange(1, gains.shape[1] + 1)  # (depth,)
    discount = 1 / np.log2(ranks + 1)
    hit = gains > 0
    dcg, best = np.cumsum(gains * discount, axis=1), np.cumsum(ideal * discount, axis=1)
    hits = np.cumsum(hit, axis=1, dtype=np.float64)
    precisions = np.cumsum(np.where(hit, hits / ranks, 0.0), axis=1)
    first = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1.0, np.inf)  # rank of the first relevant item
    at: dict[str, Scores] = {}
    for k in cuts["ndcg"]:
        at[f"ndcg@{k}"] = _ratio(dcg[:, k - 1], best[:, k - 1])
    for k in cuts["recall"]:
        at[f"recall@{k}"] = _ratio(hits[:, k - 1], relevant)
    for k in cuts["mrr"]:
        at[f"mrr@{k}"] = np.where(first <= k, 1 / first, 0.0)
    for k in cuts["precision"]:
        at[f"precision@{k}"] = hits[:, k - 1] / k
    for k in cuts["map"]:
        at[f"map@{k}"] = _ratio(precisions[:, k - 1], relevant)
    return at


def _ratio(above: Scores, below: Scores) -> Scores:
    """Quotient that is 0 where nothing was to be found."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
