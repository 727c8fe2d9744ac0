"""How good are a shop's recommendations? Chosen on validation, learned from train, judged once on the test."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from goodsense.evaluate.experiment import Interval, paired_bootstrap
from goodsense.evaluate.recommendation import KS, RecommendationReport
from goodsense.events import Interactions
from goodsense.progress import Progress, silent
from goodsense.recommend import make_model
from goodsense.recommend.judging import joined, judged
from goodsense.recommend.purchase_view import CrossValidation, cross_validated
from goodsense.recommend.search import CANDIDATES, Budget, Candidate, chosen_model
from goodsense.shop.recommending.parting import AUTO, Parted, parted

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

BASELINE = "popular"
STAGE = "evaluate recommendations"
REFIT = "train+val"
_LARGE = 10_000_000


@dataclass(frozen=True, eq=False)
class RecommendEvaluation:
    """What a shop's recommendations are worth.

    Parameters
    ----------
    model
        The winner of validation with its options and weights, in words; ``name`` and ``options`` make it again.
    report, baseline
        On test: the model, and the most popular products.
    gain
        NDCG at the last cut-off over the baseline, with its 95 % interval.
    fit_seconds, recommend_seconds, search_seconds
        One fit on train; the best 100 for every shopper of the test, judged; and the search on validation.
    candidates
        What was tried on validation, best first.
    refit
        The report of the same model learned from train and validation, whose items are left out, too; None if it was
        not asked for.
    buying
        Whether shoppers take to products, as yes or no; None if it was not asked for.
    """

    model: str
    name: str
    options: dict[str, Any]
    split: str
    report: RecommendationReport
    baseline: RecommendationReport
    gain: Interval
    candidates: tuple[Candidate, ...]
    metric: str
    fit_seconds: float
    recommend_seconds: float
    search_seconds: float
    notes: tuple[str, ...]
    refit: RecommendationReport | None = None
    buying: CrossValidation | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            **self.report.to_json(),
            "model": self.model,
            "name": self.name,
            "options": self.options,
            "split": self.split,
            "fit_seconds": self.fit_seconds,
            "recommend_seconds": self.recommend_seconds,
            "search_seconds": self.search_seconds,
            "chosen_by": self.metric,
            "validation": [each.to_json() for each in self.candidates],
            "baseline": {"model": BASELINE, **self.baseline.to_json()},
            "gain": vars(self.gain),
            "counts": self.counts,
            REFIT: self.refit.to_json() if self.refit is not None else None,
            "buying": self.buying.to_json() if self.buying is not None else None,
            "notes": list(self.notes),
        }


def evaluate_recommend(
    shop: Shop,
    *,
    split: str = AUTO,
    ks: Sequence[int] = KS,
    model: str | None = None,
    refit: bool = False,
    folds: int = 0,
    budget: Budget | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> RecommendEvaluation:
    """Choose a recommender on validation, learn it from train, and judge it on test with all products to choose from.

    Parameters
    ----------
    split
        One of :data:`goodsense.shop.recommending.parting.SPLITS`; ``auto``: by the events' own labels if there are any.
    ks
        Cut-offs.
    model
        Only this recommender, its settings chosen on validation.
    refit
        Judge it again, learned from train and validation.
    folds
        Ask also yes or no, by cross-validation over so many parts of the shoppers; 0: do not.
    budget
        Of the search of each recommender; by default that of a build.
    seed
        Decides whatever is drawn.

    Raises
    ------
    UsageError
        If there is no such split or recommender.
    DataError
        If the events leave nothing to learn from, to choose on or to test on.
    """
    parts = parted(shop, split, seed=seed)
    train, val, test = parts.split.train, parts.split.val, parts.split.test
    names = tuple(CANDIDATES) if model is None else (model,)
    choice = chosen_model(
        train, val, parts.content, given=parts.split.given, budget=budget, seed=seed, progress=progress, names=names
    )
    job = _Job(parts, choice.name, choice.options, tuple(ks), seed)
    progress(STAGE, 0, None, note=choice.name)
    report, fit_seconds, recommend_seconds = job.run(train, test)
    baseline, _, _ = _Job(parts, BASELINE, {}, tuple(ks), seed).run(train, test)
    again = job.run(joined(train, val), test)[0] if refit else None
    buying = None
    if folds:
        buying = cross_validated(
            choice.name,
            joined(train, val, test),
            parts.content,
            options=choice.options,
            folds=folds,
            seed=seed,
            progress=progress,
        )
    return RecommendEvaluation(
        str(choice),
        choice.name,
        choice.options,
        parts.name,
        report,
        baseline,
        _gain(report, baseline, max(ks)),
        choice.candidates,
        choice.metric,
        round(fit_seconds, 3),
        round(recommend_seconds, 3),
        choice.seconds,
        (*parts.notes, *choice.notes, *masked(refit)),
        again,
        buying,
        dict(parts.split.report.pairs),
    )


def masked(refit: bool = False) -> tuple[str, ...]:
    """What is left out of the ranking, in words."""
    first = "left out of the ranking is a shopper's history, which is train's, as in published figures; val's stays in"
    return (first, f"refit {REFIT}: those of val are left out, too, so its figures are higher") if refit else (first,)


@dataclass(frozen=True, eq=False)
class _Job:
    """One recommender with its options, to be learned and judged."""

    parts: Parted
    name: str
    options: dict[str, Any]
    ks: tuple[int, ...]
    seed: int

    def run(self, train: Interactions, test: Interactions) -> tuple[RecommendationReport, float, float]:
        """The report, and the seconds of learning and of recommending and judging."""
        begun = time.perf_counter()
        model = make_model(self.name, **self.options).fit(train, self.parts.content, seed=self.seed)
        fitted = time.perf_counter()
        report = judged(
            model,
            train,
            test,
            content=self.parts.content,
            given=self.parts.split.given,
            ks=self.ks,
            groups=self.parts.groups,
        )
        return report, fitted - begun, time.perf_counter() - fitted


def _gain(report: RecommendationReport, baseline: RecommendationReport, k: int) -> Interval:
    name = f"ndcg@{k}"
    samples = min(2_000, max(200, _LARGE // max(1, report.users)))
    return paired_bootstrap(baseline.per_user[name], report.per_user[name], samples=samples)
