"""Click rates of what was shown, learned with a build and used only where they surely bring clicks up.

Later lists tell: a recommender and a model of clicks learn from what came before them, and the order with the rates is
held against the order without, each click counting by the inverse of how likely its place was looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.evaluate.experiment import paired_bootstrap
from goodsense.events import Event, Interactions
from goodsense.events.impressions import Impressions
from goodsense.recommend import Content, Model, histories_of, make_model
from goodsense.recommend.reranking import ByRate, CandidateFeatures, Features, Propensities, RateModel, Shown
from goodsense.recommend.reranking.propensity import by_regression_em
from goodsense.shop.behaviour import stored_events
from goodsense.shop.recommending.log import HELD_OUT
from goodsense.shop.truth import Truth

HOME = "rates"  # within a build's recommender
LEAST_LISTS, LEAST_CLICKS = 200, 100
MOST_ROWS = 50_000  # of what was shown, the latest
LATER = 0.25  # of the lists, the latest: they only judge
CLIP = 10.0
_SAMPLES = 1_000

Column = NDArray[np.float64]


@dataclass(frozen=True)
class LearnedRates:
    """What became of the click rates of a build."""

    lists: int = 0
    shown: int = 0
    clicks: int = 0
    kept: bool = False
    why: str = ""
    figures: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return dict(vars(self))

    @property
    def note(self) -> str:
        """One line for the report of a build; empty where no list was shown."""
        if not self.lists:
            return ""
        seen = f"{self.lists:,} lists of {self.shown:,} products with {self.clicks:,} clicks"
        if not self.figures:
            return f"{seen}: {self.why}"
        own = self.figures
        return (
            f"{seen}; on the {own['asked']:,.0f} later lists with clicks nDCG {own['ndcg_with']:.3f} with click rates, "
            f"{own['ndcg_without']:.3f} without, log loss {own['log_loss']:.4f} (of the mean rate "
            f"{own['log_loss_mean']:.4f}): {'used' if self.kept else 'not surely better, so not used'}"
        )


def learn_rates(
    truth: Truth,
    interactions: Interactions,
    content: Content,
    model: Model,
    home: Path,
    *,
    without: frozenset[str] = frozenset(),
    seed: int = 0,
) -> LearnedRates:
    """Learn click rates and write them to ``home / "rates"``, if the order with them is surely better.

    Parameters
    ----------
    interactions, content
        What the build's recommender learned from.
    model
        That recommender; one with the same options judges, from what came before the later lists.
    without
        Users who are no shoppers.
    """
    if not next(truth.rows("SELECT EXISTS (SELECT 1 FROM events WHERE type = 'impression' AND ranking <> '')"))[0]:
        return LearnedRates()
    shown = _latest(Shown.of(Impressions.from_events(_told(truth, without))))
    lists, clicks = len(np.unique(shown.lists)), int(shown.clicked.sum())
    seen = LearnedRates(lists, len(shown), clicks)
    if lists < LEAST_LISTS or clicks < LEAST_CLICKS or np.isnan(shown.times).any():
        why = f"click rates need {LEAST_LISTS} lists, {LEAST_CLICKS} clicks, and the time of each"
        return LearnedRates(lists, len(shown), clicks, why=why)
    earlier, later = shown.parted(LATER)
    first, last = shown.take(earlier), shown.take(later)
    cut = float(last.times.min())
    before = interactions.only(np.nan_to_num(interactions.times, nan=-np.inf) < cut)
    if not len(before) or not len(last):
        return LearnedRates(lists, len(shown), clicks, why="nothing is known from before the later lists")
    make = CandidateFeatures.of(content, interactions, first)  # looks at nothing after the moment in question
    try:
        learned, looks = _fitted(make.of_shown(first), first, seed)
    except DataError as error:
        return LearnedRates(lists, len(shown), clicks, why=str(error))
    judge = make_model(model.kind, **model.options).fit(before, content, seed=seed)
    figures, kept = _judged(learned, looks, make.of_shown(last), last, _scores(judge, interactions, last), seed)
    if kept:
        make = CandidateFeatures.of(content, interactions, shown)
        _fitted(make.of_shown(shown), shown, seed)[0].save(home / HOME)
        names = {"devices": list(make.devices), "places": list(make.places)}
        (home / HOME / "context.json").write_text(json.dumps(names, ensure_ascii=False, sort_keys=True), "utf-8")
    return LearnedRates(seen.lists, seen.shown, seen.clicks, kept, figures=figures)


def load_rates(home: Path, content: Content, interactions: Interactions) -> ByRate:
    """The step that :func:`learn_rates` kept, over the products and the log of this moment."""
    names = json.loads((home / HOME / "context.json").read_text("utf-8"))
    features = CandidateFeatures(content, interactions, devices=names["devices"], places=names["places"])
    return ByRate(RateModel.load(home / HOME), features)


def _told(truth: Truth, without: frozenset[str]) -> Iterator[Event]:
    return (event for event in stored_events(truth) if event.split not in HELD_OUT and event.user not in without)


def _latest(shown: Shown) -> Shown:
    """The latest lists, whole."""
    if len(shown) <= MOST_ROWS:
        return shown
    return shown.take(shown.parted(MOST_ROWS / len(shown))[1])


def _fitted(features: Features, shown: Shown, seed: int) -> tuple[RateModel, Propensities]:
    looks = by_regression_em(features, shown.positions, shown.clicked)
    return RateModel(family="logistic", clip=CLIP).fit(features, shown, looks, seed=seed), looks


def _scores(model: Model, interactions: Interactions, shown: Shown) -> Column:
    """What a recommender gives every shown product ``(m,)`` for what its shopper did before, its best being 1."""
    places = {user: row for row, user in enumerate(interactions.users)}
    found = np.zeros(len(shown))
    for number in np.unique(shown.lists).tolist():
        rows = np.flatnonzero(shown.lists == number)
        row = places.get(shown.users[rows[0]])
        if row is None:
            continue
        part = slice(int(interactions.starts[row]), int(interactions.starts[row + 1]))
        past = np.nan_to_num(interactions.times[part], nan=-np.inf) < shown.times[rows].min()
        items = [interactions.items[item] for item in interactions.item_rows[part][past].tolist()]
        if items:
            found[rows] = np.nan_to_num(model.score(histories_of([items]), [shown.items[row] for row in rows])[0])
            found[rows] /= max(float(np.abs(found[rows]).max()), 1e-12)
    return found


def _judged(
    model: RateModel, looks: Propensities, features: Features, shown: Shown, scores: Column, seed: int
) -> tuple[dict[str, float], bool]:
    """nDCG with the rates and without, and whether the former is surely better: a paired bootstrap over lists, 5 %."""
    rates = model.probabilities(features)
    gains = looks.targets(shown.positions, shown.clicked, clip=CLIP)
    with_rates, without = [], []
    for number in np.unique(shown.lists).tolist():
        rows = np.flatnonzero(shown.lists == number)
        if not shown.clicked[rows].any():
            continue
        own = rates[rows]
        added = np.log(np.maximum(own, 1e-6) / max(float(own.mean()), 1e-6))  # as the step adds it
        without.append(ndcg(scores[rows], gains[rows]))
        with_rates.append(ndcg(scores[rows] + added, gains[rows]))
    if not with_rates:
        return {}, False
    seen = np.clip(rates * looks.of(shown.positions), 1e-6, 1 - 1e-6)  # clicks where the product stood
    mean = np.clip(np.full(len(shown), shown.clicked.mean()), 1e-6, 1 - 1e-6)
    found = {
        "asked": float(len(with_rates)),
        "ndcg_with": float(np.mean(with_rates)),
        "ndcg_without": float(np.mean(without)),
        "log_loss": _log_loss(shown.clicked, seen),
        "log_loss_mean": _log_loss(shown.clicked, mean),
    }
    gain = paired_bootstrap(without, with_rates, level=0.9, samples=_SAMPLES, seed=seed)
    return found, bool(gain.lower > 0)


def ndcg(scores: Column, gains: Column) -> float:
    """Of one list ``(r,)``; products of equal scores share their places."""
    discounts = 1 / np.log2(np.arange(2, len(gains) + 2))
    names, tied = np.unique(-scores, return_inverse=True)
    order = np.argsort(-scores, kind="stable")
    sums = np.bincount(tied[order], weights=discounts, minlength=len(names)) / np.bincount(tied)
    best = float((np.sort(gains)[::-1] * discounts).sum())
    return float((gains * sums[tied]).sum()) / best if best > 0 else 0.0


def _log_loss(happened: NDArray[np.bool_], told: Column) -> float:
    return float(-np.where(happened, np.log(told), np.log1p(-told)).mean())
