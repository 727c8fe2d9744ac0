"""Two systems beside each other on the same queries: how much do their rankings differ, and which is better?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from goodsense.errors import DataError, UsageError
from goodsense.evaluate.experiment import Comparison, Interval, bootstrap, compare
from goodsense.evaluate.ranking import evaluate_run, rank
from goodsense.types import Qrels, Run

METRICS = ("ndcg@10", "mrr@10", "recall@100")
MOST_SHOWN = 20


@dataclass(frozen=True)
class Shadow:
    """What a shopper would notice if the new system took over.

    ``overlap`` is the share of the first ``k`` hits that both have, ``agreement`` the rank-biased overlap of the whole
    rankings, ``same_first`` and ``unchanged`` the shares of queries whose first hit, or whose first ``k`` hits in their
    order, are the same. ``most_changed`` are the queries with least agreement, ``judged`` the differences in judged
    metrics (new minus old).
    """

    queries: int
    k: int
    persistence: float
    overlap: Interval
    agreement: Interval
    same_first: float
    unchanged: float
    most_changed: tuple[tuple[str, float], ...]
    judged: tuple[Comparison, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def shadow(
    old: Run,
    new: Run,
    *,
    qrels: Qrels | None = None,
    metrics: Sequence[str] = METRICS,
    k: int = 10,
    persistence: float = 0.9,
    level: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> Shadow:
    """Compare two runs over the same queries; one that a run lacks found nothing there.

    Parameters
    ----------
    qrels, metrics
        Judgements, if there are any, and the metrics to compare by them.
    k
        How many hits a shopper sees.
    persistence
        The chance that a shopper goes on from one hit to the next, for the rank-biased overlap.

    Raises
    ------
    UsageError
        If there is no query, ``k`` is below 1, ``persistence`` is not between 0 and 1, or a metric is unknown.
    """
    queries = list(dict.fromkeys([*old, *new]))
    if not queries or k < 1:
        raise UsageError(f"{len(queries)} queries compared by their first {k} hits; expected one or more of each.")
    pairs = [(_ids(old, query), _ids(new, query)) for query in queries]
    overlap = [_common(before[:k], after[:k]) for before, after in pairs]
    agreement = [rank_biased_overlap(before, after, persistence=persistence) for before, after in pairs]
    differing = [at for at, (before, after) in enumerate(pairs) if before != after]
    differing.sort(key=lambda at: agreement[at])
    return Shadow(
        queries=len(queries),
        k=k,
        persistence=persistence,
        overlap=bootstrap(overlap, level=level, samples=samples, seed=seed),
        agreement=bootstrap(agreement, level=level, samples=samples, seed=seed),
        same_first=float(np.mean([before[:1] == after[:1] for before, after in pairs])),
        unchanged=float(np.mean([before[:k] == after[:k] for before, after in pairs])),
        most_changed=tuple((queries[at], agreement[at]) for at in differing[:MOST_SHOWN]),
        judged=_judged(old, new, qrels, metrics, level=level, samples=samples, seed=seed) if qrels else (),
    )


def rank_biased_overlap(left: Sequence[str], right: Sequence[str], *, persistence: float = 0.9) -> float:
    """Extrapolated rank-biased overlap of two rankings of any lengths, 0 (nothing in common) to 1 (the same).

    Webber, Moffat and Zobel (TOIS 2010), equation 32: agreement at each depth, weighed by how many shoppers look that
    far; beyond what is known it stays as it is. Two empty rankings agree, an empty one and another do not.

    Raises
    ------
    UsageError
        If ``persistence`` is not between 0 and 1.
    DataError
        If a ranking has an item twice.
    """
    if not 0 < persistence < 1:
        raise UsageError(f"a persistence of {persistence}; expected a number between 0 and 1.")
    for ranking in (left, right):
        if len(set(ranking)) != len(ranking):
            raise DataError("a ranking has an item twice, so its overlap is not defined.")
    short, long = sorted((left, right), key=len)
    if not short:
        return float(not long)
    shared = _shared(short, long)  # (l,) items in common down to each depth
    depths, s = np.arange(1, len(long) + 1), len(short)
    weights = persistence**depths
    unseen = shared[s - 1] * (depths - s).clip(min=0) / s  # what the short one would share if it went on as it did
    tail = (shared[-1] + unseen[-1]) / len(long) * weights[-1]
    return float((1 - persistence) / persistence * ((shared + unseen) / depths * weights).sum() + tail)


def _shared(short: Sequence[str], long: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    places = {item: depth for depth, item in enumerate(short)}
    met = [max(depth, places[item]) for depth, item in enumerate(long) if item in places]
    return np.cumsum(np.bincount(np.array(met, dtype=np.int64), minlength=len(long))).astype(np.float64)


def _common(before: Sequence[str], after: Sequence[str]) -> float:
    longest = max(len(before), len(after))
    return len(set(before) & set(after)) / longest if longest else 1.0


def _ids(run: Run, query: str) -> list[str]:
    return [item for item, _ in rank(run.get(query, ()))]


def _judged(
    old: Run, new: Run, qrels: Qrels, metrics: Sequence[str], *, level: float, samples: int, seed: int
) -> tuple[Comparison, ...]:
    cuts = [int(cut) for _, _, cut in (metric.partition("@") for metric in metrics) if cut.isdecimal()]
    before, after = (evaluate_run(run, qrels, ks=cuts or (10,)) for run in (old, new))
    return tuple(compare(before, after, metric=metric, level=level, samples=samples, seed=seed) for metric in metrics)
