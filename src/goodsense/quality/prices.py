"""Prices that cannot be meant: far from the peers, below zero, above the list price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from goodsense.catalog.money import Money
from goodsense.quality.census import Census
from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding

FAR = 3.5  # robust standard deviations of the log price from the median of the peers
_NEAR = 2.0  # within this a price is ordinary: a slip of the decimal point is suggested if it leads there
_PEERS = 4  # prices; a smaller category is looked at with its parent
_PRIOR = 10.0  # how many prices the spread of all categories together counts for in one of them
_NARROWEST = 0.12  # of a category's log prices; where all cost the same, twice as much is still no mistake
_ENOUGH = 100  # prices by which the limit is set
_BULK, _LEAST_FAR = 1.75, 2.5  # times what 90 % keep to, but never less
_SLIPS = (10.0, 100.0, 0.1, 0.01, 1000.0, 0.001)

Logs = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Peers:
    """The log prices that one product's is compared with: their median, and how far from it prices usually are."""

    centre: float
    spread: float

    def z(self, price: float) -> float:
        return (log(price) - self.centre) / self.spread


def wrong_prices(evidence: Evidence) -> list[Finding]:
    """Prices that are zero or negative, and list prices below the price."""
    census = evidence.census
    nothing, below = [], []
    for offer in census.offers:
        price, listed = offer.price, offer.list_price
        id = census.ids[offer.row]
        if price is not None and price.minor <= 0:
            nothing.append(Case(id, offer.field("price"), str(price)))
        elif price is not None and listed is not None and _less(listed, price):
            below.append(Case(id, offer.field("list_price"), str(listed), group=str(price)))
    return [*finding("price_not_positive", nothing), *finding("list_price_below_price", below)]


def _less(one: Money, other: Money) -> bool:
    return one.currency == other.currency and one.minor < other.minor


def price_outliers(evidence: Evidence) -> list[Finding]:
    """Prices far from their category's by the robust z-score of the logarithm (Iglewicz and Hoaglin, 1993).

    Spreads of small categories are drawn towards the spread within all categories. If a decimal point set otherwise
    would make the price an ordinary one, that price is suggested.
    """
    census = evidence.census
    cases: list[Case] = []
    far = FAR
    for currency, rows in _by_currency(census).items():
        prices = {row: float(census.prices[row].major) for row in rows}
        compared = _peers(census, prices)
        scores = {row: peers.z(prices[row]) for row, peers in compared.items()}
        far = _limit(scores)
        for row, z in scores.items():
            if abs(z) > far:
                expected = _slip(prices[row], currency, compared[row])
                group = " > ".join(census.categories[row])
                cases.append(Case(census.ids[row], "price", str(census.prices[row]), expected, group, round(z, 2)))
    cases.sort(key=lambda case: -abs(case.score or 0.0))
    return finding("price_outlier", cases, {"robust z above": round(far, 2)})


def _limit(scores: Mapping[int, float]) -> float:
    """Which robust z is far: less where nine prices of ten keep closer to their peers than others do."""
    if len(scores) < _ENOUGH:
        return FAR
    bulk = float(np.quantile(np.abs(list(scores.values())), 0.9))
    return min(FAR, max(_LEAST_FAR, _BULK * bulk))


def _by_currency(census: Census) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row, price in census.prices.items():
        if price.minor > 0:
            found[price.currency].append(row)
    return found


def _peers(census: Census, prices: Mapping[int, float]) -> dict[int, _Peers]:
    """For every row that has enough peers, what they cost: its category, or the nearest one above that is large."""
    by_path: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in prices:
        path = census.categories[row]
        for depth in range(len(path) + 1):
            by_path[path[:depth]].append(row)
    rows_of = {path: rows for path, rows in by_path.items() if len(rows) >= _PEERS}
    own_paths = {path: _large(path, rows_of) for path in {census.categories[row] for row in prices}}
    compared = {large for large in own_paths.values() if large is not None}
    logs = {path: np.log([prices[row] for row in rows_of[path]]) for path in compared}
    overall = _spread([logs[path] - np.median(logs[path]) for path in compared])
    found: dict[int, _Peers] = {}
    for path in compared:
        spread = _drawn_together(logs[path], overall)
        for row, centre in zip(rows_of[path], medians_of_others(logs[path]).tolist(), strict=True):
            if own_paths[census.categories[row]] == path:
                found[row] = _Peers(centre, spread)
    return found


def _large(path: tuple[str, ...], known: Mapping[tuple[str, ...], object]) -> tuple[str, ...] | None:
    return next((path[:depth] for depth in range(len(path), -1, -1) if path[:depth] in known), None)


def _spread(residuals: Sequence[Logs]) -> float:
    """The scaled median absolute deviation of log prices from their categories' medians."""
    return float(np.median(np.abs(np.concatenate(residuals)))) / 0.6745 if residuals else 1.0


def _drawn_together(logs: Logs, overall: float) -> float:
    """How far prices of one category usually are from the median of the others."""
    n = len(logs)
    own = float(np.median(np.abs(logs - np.median(logs)))) / 0.6745
    spread = sqrt((n * own**2 + _PRIOR * overall**2) / (n + _PRIOR))
    return max(spread, _NARROWEST) * sqrt(1 + 1.57 / n)  # 1.57/n: the median's own variance


def medians_of_others(values: Logs) -> Logs:
    """For each of two values or more the median of the others: what is looked at has no say in it. ``(n,) -> (n,)``."""
    n = len(values)
    order = np.argsort(values, kind="stable")
    ranks = np.empty(n, dtype=np.int64)
    ranks[order] = np.arange(n)
    low, high = (n - 2) // 2, (n - 1) // 2  # the middle places among the n - 1 others
    ordered = values[order]
    return np.asarray((ordered[low + (low >= ranks)] + ordered[high + (high >= ranks)]) / 2)


def _slip(price: float, currency: str, peers: _Peers) -> str | None:
    """The price with its decimal point elsewhere, if that makes it ordinary."""
    fitting = [price / slip for slip in _SLIPS if abs(peers.z(price / slip)) < _NEAR]
    if not fitting:
        return None
    return str(Money.of(f"{min(fitting, key=lambda found: abs(peers.z(found))):.4f}", currency))
