"""Is one system better than another? Paired statistics over the same queries.

The bootstrap resamples queries (Sakai, SIGIR 2006); the randomisation test flips the sign of each query's difference
(Smucker, Allan and Carterette, CIKM 2007). Differences are always candidate minus baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from goodsense.errors import UsageError
from goodsense.evaluate.ranking import RankingReport

_CELLS = 2_000_000  # resampled cells held at once
_EXACT = 16  # up to 2^16 sign patterns are enumerated instead of sampled
_SLACK = 1e-12  # equal sums added in another order still count as equal


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap bounds and the two-sided p-value of "the mean is 0"."""

    mean: float
    lower: float
    upper: float
    level: float
    p_value: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """One metric of two systems over the same queries."""

    metric: str
    queries: int
    baseline: float
    candidate: float
    difference: float
    lower: float
    upper: float
    level: float
    p_bootstrap: float
    p_randomisation: float
    margin: float
    losing: float  # share of queries that lose more than the margin
    gaining: float  # share of queries that gain more than the margin

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def bootstrap(values: ArrayLike, *, level: float = 0.95, samples: int = 10_000, seed: int = 0) -> Interval:
    """Percentile interval of the mean of ``(n,)`` values by resampling them.

    Bounds are two-sided at ``level``; a one-sided lower 5 % bound is ``lower`` at ``level=0.9``.
    The p-value comes from the resamples of the values shifted to mean 0.

    Raises
    ------
    UsageError
        If there is nothing to resample or ``level`` is not between 0 and 1.
    """
    data = _checked(values)
    if not 0 < level < 1:
        raise UsageError(f"a confidence level of {level}; expected a number between 0 and 1, such as 0.95.")
    if samples < 1:
        raise UsageError(f"{samples} bootstrap samples; expected at least 1.")
    mean = float(data.mean())
    means = _resampled_means(data, samples, seed)
    lower, upper = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    beyond = int(np.count_nonzero(np.abs(means - mean) >= abs(mean) - _SLACK))
    return Interval(mean, float(lower), float(upper), level, (beyond + 1) / (samples + 1), len(data))


def paired_bootstrap(
    baseline: ArrayLike, candidate: ArrayLike, *, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Interval:
    """Bootstrap the mean of candidate minus baseline over paired ``(n,)`` values."""
    return bootstrap(differences(baseline, candidate), level=level, samples=samples, seed=seed)


def paired_randomisation(baseline: ArrayLike, candidate: ArrayLike, *, samples: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value of "the systems are exchangeable", by flipping the signs of the paired differences.

    Exact for up to 16 differing pairs, sampled (with the observed pattern counted in) beyond that.
    """
    given = differences(baseline, candidate)
    moved = given[given != 0]  # a zero keeps its value under either sign
    if not len(moved):
        return 1.0
    observed = abs(float(moved.sum()))
    if len(moved) <= _EXACT:
        patterns = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1  # (2^n, n)
        return float(np.mean(np.abs((1 - 2 * patterns) @ moved) >= observed - _SLACK))
    rng = np.random.default_rng(seed)
    beyond = 0
    for count in _chunks(samples, len(moved)):
        signs = rng.integers(0, 2, (count, len(moved)), dtype=np.int8) * 2.0 - 1
        beyond += int(np.count_nonzero(np.abs(signs @ moved) >= observed - _SLACK))
    return (beyond + 1) / (samples + 1)


def share_losing(baseline: ArrayLike, candidate: ArrayLike, *, margin: float = 0.05) -> float:
    """Share of queries on which the candidate is worse by more than ``margin``."""
    return float(np.mean(differences(baseline, candidate) < -(margin + _SLACK)))


def compare(
    baseline: RankingReport,
    candidate: RankingReport,
    *,
    metric: str = "ndcg@10",
    margin: float = 0.05,
    level: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare two reports over the same queries on one metric.

    Raises
    ------
    UsageError
        If the queries differ or a report lacks the metric.
    """
    for side in (baseline, candidate):
        if metric not in side.per_query:
            raise UsageError(f"no metric {metric!r} in the report; it has {', '.join(side.per_query)}.")
    if set(baseline.query_ids) != set(candidate.query_ids):
        raise UsageError(
            f"the two reports judge different queries ({baseline.queries} and {candidate.queries}).",
            fix="Evaluate both runs with the same judgements.",
        )
    where = {query: at for at, query in enumerate(candidate.query_ids)}
    before = baseline.per_query[metric]
    after = candidate.per_query[metric][[where[query] for query in baseline.query_ids]]
    found = paired_bootstrap(before, after, level=level, samples=samples, seed=seed)
    return Comparison(
        metric=metric,
        queries=found.n,
        baseline=float(before.mean()),
        candidate=float(after.mean()),
        difference=found.mean,
        lower=found.lower,
        upper=found.upper,
        level=level,
        p_bootstrap=found.p_value,
        p_randomisation=paired_randomisation(before, after, samples=samples, seed=seed),
        margin=margin,
        losing=share_losing(before, after, margin=margin),
        gaining=share_losing(after, before, margin=margin),
    )


def differences(baseline: ArrayLike, candidate: ArrayLike) -> NDArray[np.float64]:
    """Candidate minus baseline, ``(n,)``; both must be paired."""
    before, after = _checked(baseline), _checked(candidate)
    if len(before) != len(after):
        raise UsageError(f"{len(before)} baseline and {len(after)} candidate values; paired tests need one pair each.")
    return after - before


def _checked(values: ArrayLike) -> NDArray[np.float64]:
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or not len(data) or not np.isfinite(data).all():
        raise UsageError(f"values of shape {data.shape}; expected one or more finite numbers in one row.")
    return data


def _resampled_means(data: NDArray[np.float64], samples: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    n = len(data)
    return np.concatenate([data[rng.integers(0, n, (count, n))].mean(axis=1) for count in _chunks(samples, n)])


def _chunks(samples: int, width: int) -> Sequence[int]:
    """Split ``samples`` rows of ``width`` cells into parts that fit in memory."""
    step = max(1, _CELLS // width)
    return [min(step, samples - at) for at in range(0, samples, step)]
