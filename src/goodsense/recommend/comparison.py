"""Recommenders side by side: the same search for each on validation, the same test, with seconds and memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goodsense.errors import GoodsenseError, UsageError
from goodsense.evaluate.experiment import Interval, paired_bootstrap
from goodsense.evaluate.recommendation import KS, RecommendationReport, evaluate_recommendations
from goodsense.events import Interactions
from goodsense.learning.memory import Peak, peak_memory
from goodsense.progress import Progress, silent
from goodsense.recommend.content import Content
from goodsense.recommend.judging import DEPTH, facts_of, histories_with, over_all_items, recommended
from goodsense.recommend.models import make_model
from goodsense.recommend.search import chosen_model, described
from goodsense.recommend.trials import METRIC, USERS, Budget, searched

AUTO = "auto"  # stands for what :func:`goodsense.recommend.search.chosen_model` chooses
BASELINE = "popular"
STAGE = "compare recommenders"
_SAMPLES = 2_000


@dataclass(frozen=True, eq=False)
class Compared:
    """One recommender with the settings that validation chose.

    Parameters
    ----------
    model
        With its options, in words.
    validation
        What it reached there, by the metric that the search maximised.
    report
        On test; None if it ``failed``.
    fit_seconds, recommend_seconds
        One fit on train with these settings; and the best 100 for every shopper of the test.
    peak_bytes
        The most memory that fitting and recommending held beyond what was held before.
    search_seconds, trials
        What finding the settings took.
    gain
        NDCG over the baseline's at the last cut-off, with its 95 % interval.
    """

    name: str
    model: str = ""
    options: Mapping[str, Any] | None = None
    validation: float = 0.0
    report: RecommendationReport | None = None
    fit_seconds: float = 0.0
    recommend_seconds: float = 0.0
    peak_bytes: int = 0
    search_seconds: float = 0.0
    trials: int = 0
    gain: Interval | None = None
    failed: str = ""

    def to_json(self) -> dict[str, Any]:
        plain = {name: value for name, value in vars(self).items() if name not in ("report", "gain")}
        gain = vars(self.gain) if self.gain is not None else None
        return {**plain, **(self.report.to_json() if self.report is not None else {}), "gain": gain}


@dataclass(frozen=True, eq=False)
class RecommenderComparison:
    """The table: best first by the metric on validation, those that failed last."""

    rows: tuple[Compared, ...]
    metric: str
    ks: tuple[int, ...]
    budget: Budget
    seconds: float

    @property
    def reports(self) -> dict[str, RecommendationReport]:
        """Name -> its report, of those that did not fail."""
        return {row.name: row.report for row in self.rows if row.report is not None}

    def to_json(self) -> dict[str, Any]:
        return {
            "models": [row.to_json() for row in self.rows],
            "metric": self.metric,
            "ks": list(self.ks),
            "budget": vars(self.budget),
            "seconds": self.seconds,
        }


def compare_models(
    names: Sequence[str],
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    content: Content | None = None,
    *,
    given: Interactions | None = None,
    budget: Budget | None = None,
    metric: str = METRIC,
    users: int | None = USERS,
    ks: Sequence[int] = KS,
    groups: Mapping[str, str] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> RecommenderComparison:
    """Search each under the same budget on validation, fit it on train with the best settings, judge it once on test.

    ``names`` are of :data:`goodsense.recommend.MODELS`, or ``auto``. What fails is told in its row, and the rest goes
    on. Histories are what train has of shoppers and what is ``given`` of others; what stands there is not recommended.

    Raises
    ------
    UsageError
        If there is no name, or one twice.
    """
    if not names or len(set(names)) != len(names):
        raise UsageError(f"recommenders to compare: {', '.join(names) or 'none'}.", fix="Name each once.")
    started, allowed = time.perf_counter(), budget or Budget()
    histories = histories_with(train, given)
    train, histories, validation, test = over_all_items(train, histories, validation, test, content=content)
    job = _Job(train, histories, given, validation, test, content, allowed, metric, users, tuple(ks), groups, seed)
    rows = []
    for done, name in enumerate(names):
        progress(STAGE, done, len(names), note=name)
        try:
            rows.append(job.run(name, progress))
        except GoodsenseError as error:
            rows.append(Compared(name, failed=error.message))
    progress(STAGE, len(names), len(names))
    ranked = sorted(_with_gains(rows, max(ks)), key=lambda row: (bool(row.failed), -row.validation))
    took = round(time.perf_counter() - started, 3)
    return RecommenderComparison(tuple(ranked), metric, tuple(sorted(ks)), allowed, took)


@dataclass(frozen=True, eq=False)
class _Job:
    """What is the same for all that are compared."""

    train: Interactions
    histories: Interactions
    given: Interactions | None
    validation: Interactions
    test: Interactions
    content: Content | None
    budget: Budget
    metric: str
    users: int | None
    ks: tuple[int, ...]
    groups: Mapping[str, str] | None
    seed: int

    def run(self, name: str, progress: Progress) -> Compared:
        begun = time.perf_counter()
        kind, options, validated, trials = self._settings(name, progress)
        search_seconds = time.perf_counter() - begun
        gc.collect()
        with peak_memory() as peak:
            begun = time.perf_counter()
            model = make_model(kind, **options).fit(self.train, self.content, seed=self.seed)
            fitted = time.perf_counter()
            rows = recommended(model, self.histories, self.test, max(DEPTH, *self.ks))
            done = time.perf_counter()
        facts = facts_of(self.content, self.test.items) if self.content is not None else None
        report = evaluate_recommendations(
            rows, self.test, self.train, histories=self.histories, ks=self.ks, facts=facts, groups=self.groups
        )
        return Compared(
            name,
            described(model),
            options,
            validated,
            report,
            round(fitted - begun, 3),
            round(done - fitted, 3),
            _bytes(peak),
            round(search_seconds, 3),
            trials,
        )

    def _settings(self, name: str, progress: Progress) -> tuple[str, dict[str, Any], float, int]:
        """Kind and options, what validation says of them, and how many were tried."""
        given: dict[str, Any] = {
            "given": self.given,
            "budget": self.budget,
            "metric": self.metric,
            "users": self.users,
            "seed": self.seed,
            "progress": progress,
        }
        if name == AUTO:
            choice = chosen_model(self.train, self.validation, self.content, **given)
            return choice.name, choice.options, choice.metrics[self.metric], sum(c.trials for c in choice.candidates)
        found = searched(name, self.train, self.validation, self.content, **given)
        return name, dict(found.best.options), found.score, len(found.trials)


def _bytes(peak: Peak) -> int:
    return int(peak.bytes)


def _with_gains(rows: Sequence[Compared], k: int) -> list[Compared]:
    """Every row with its gain in NDCG over the baseline, if that is among them."""
    base = next((row.report for row in rows if row.name == BASELINE), None)
    if base is None:
        return list(rows)
    name = f"ndcg@{k}"
    found = []
    for row in rows:
        gain = None
        if row.report is not None and row.name != BASELINE:
            gain = paired_bootstrap(base.per_user[name], row.report.per_user[name], samples=_samples(base.users))
        found.append(Compared(**{**vars(row), "gain": gain}))
    return found


def _samples(users: int) -> int:
    return min(_SAMPLES, max(200, 10_000_000 // max(1, users)))
