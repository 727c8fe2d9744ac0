"""Do annotators agree, and how often is a field wrong?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from goodsense.errors import UsageError


@dataclass(frozen=True)
class Agreement:
    """How far annotators agree on items that at least two of them labelled.

    ``alpha`` is Krippendorff's for nominal data (1 is full agreement, 0 that of chance; None if nothing can be said),
    ``share`` the share of pairs of labels that are equal, ``pairs`` Cohen's kappa for every two annotators with common
    items, ``confused`` the values most often given to the same item.
    """

    items: int
    annotators: int
    share: float | None
    alpha: float | None
    pairs: tuple[tuple[str, str, int, float | None], ...]
    confused: tuple[tuple[str, str, int], ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def agreement(labels: Mapping[str, Mapping[str, str]]) -> Agreement:
    """Agreement on one field; ``labels`` maps item to annotator to value.

    References
    ----------
    Krippendorff, K. (2011), Computing Krippendorff's alpha-reliability; Cohen, J. (1960), A coefficient of agreement
    for nominal scales.
    """
    common = {item: given for item, given in labels.items() if len(given) > 1}
    annotators = sorted({name for given in labels.values() for name in given})
    met: Counter[tuple[str, str]] = Counter()  # pairs of values that one item was given
    coincidences: defaultdict[tuple[str, str], float] = defaultdict(float)
    for given in common.values():
        for one, other in combinations(sorted(given.values()), 2):
            met[one, other] += 1
            for pair in ((one, other), (other, one)):
                coincidences[pair] += 1 / (len(given) - 1)
    total = sum(met.values())
    equal = sum(count for (a, b), count in met.items() if a == b)
    pairs = tuple((a, b, n, kappa) for a, b in combinations(annotators, 2) for n, kappa in [_kappa(common, a, b)] if n)
    confused = Counter({pair: count for pair, count in met.items() if pair[0] != pair[1]}).most_common(5)
    return Agreement(
        items=len(common),
        annotators=len(annotators),
        share=equal / total if total else None,
        alpha=_alpha(coincidences),
        pairs=pairs,
        confused=tuple((a, b, count) for (a, b), count in confused),
    )


def _alpha(coincidences: Mapping[tuple[str, str], float]) -> float | None:
    """Krippendorff's alpha from the coincidence matrix of a nominal variable."""
    margins: defaultdict[str, float] = defaultdict(float)
    for (value, _), count in coincidences.items():
        margins[value] += count
    n = sum(margins.values())
    expected = n * n - sum(count * count for count in margins.values())
    if n <= 1 or expected == 0:
        return None
    observed = sum(count for (a, b), count in coincidences.items() if a != b)
    return 1 - (n - 1) * observed / expected


def _kappa(labels: Mapping[str, Mapping[str, str]], a: str, b: str) -> tuple[int, float | None]:
    """Cohen's kappa of two annotators and the number of items that both labelled; None where chance explains all."""
    both = [(given[a], given[b]) for given in labels.values() if a in given and b in given]
    n = len(both)
    if not n:
        return 0, None
    observed = sum(x == y for x, y in both) / n
    first, second = Counter(x for x, _ in both), Counter(y for _, y in both)
    chance = sum(first[value] * second[value] for value in first) / (n * n)
    return n, None if chance == 1 else (observed - chance) / (1 - chance)


@dataclass(frozen=True)
class Rate:
    """A share with its confidence interval."""

    count: int
    n: int
    rate: float
    lower: float
    upper: float
    level: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def error_rate(wrong: int, n: int, *, level: float = 0.95) -> Rate:
    """The share of wrong values in a random sample with its Wilson score interval (Wilson, 1927).

    Raises
    ------
    UsageError
        If the counts are impossible or the level is not between 0 and 1.
    """
    if n <= 0 or not 0 <= wrong <= n:
        raise UsageError(f"{wrong} wrong of {n}; expected a sample of at least one, and 0 to n wrong ones.")
    if not 0 < level < 1:
        raise UsageError(f"level {level}; expected a share between 0 and 1.")
    from scipy.stats import norm

    z = float(norm.ppf(0.5 + level / 2))
    share = wrong / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return Rate(wrong, n, share, max(0.0, middle - half), min(1.0, middle + half), level)
