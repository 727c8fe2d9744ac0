"""Which settings suit this shop: a search over a recommender's space, under the same budget for each, on validation.

Settings are tried in random order without repetition, the default first (Bergstra and Bengio, "Random Search for
Hyper-Parameter Optimization", JMLR 2012): of a small space everything is tried, of a large one as much as the budget
allows. What is reported is chosen on validation and never on test.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from goodsense.errors import GoodsenseError, UsageError
from goodsense.evaluate.recommendation import evaluate_recommendations
from goodsense.evaluate.recommendation_answers import judged_users
from goodsense.events import Interactions
from goodsense.progress import Progress, silent
from goodsense.recommend.content import Content
from goodsense.recommend.judging import DEPTH, histories_with, over_all_items, recommended, sampled_users
from goodsense.recommend.model import Model
from goodsense.recommend.models import MODELS, make_model

METRIC = "ndcg@20"
FILTER = "graph-filter"  # has a search of its own
USERS = 4_000  # validation shoppers that a trial is judged by, at most
_SHOWN = ("recall@10", "recall@20", "ndcg@10", "ndcg@20", "hit@10", "coverage@20")
_MOST_SETTINGS = 100_000  # of a space that are put in order


@dataclass(frozen=True)
class Budget:
    """How much a search may try: so many settings, and none begun after so many seconds; the first one always runs."""

    trials: int = 12
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.trials < 1 or (self.seconds is not None and not self.seconds > 0):
            raise UsageError(
                f"a budget of {self.trials} trials and {self.seconds} seconds allows nothing.",
                fix="Give at least 1 trial, and a positive number of seconds or none.",
            )


@dataclass(frozen=True)
class Trial:
    """One setting and what came of it on validation; ``failed`` says why nothing did."""

    options: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)
    fit_seconds: float = 0.0
    seconds: float = 0.0  # with recommending and judging
    failed: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "options": dict(self.options), "metrics": dict(self.metrics)}


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search found.

    Parameters
    ----------
    name
        The recommender.
    model
        The best one, fitted on train; ``best`` is its trial.
    trials
        All that were made, in their order.
    metric
        What was maximised; of equal ones the first.
    users
        Validation shoppers that each trial was judged by.
    space
        How many settings there are.
    """

    name: str
    model: Model
    best: Trial
    trials: tuple[Trial, ...]
    metric: str
    users: int
    space: int
    seconds: float

    @property
    def score(self) -> float:
        return self.best.metrics[self.metric]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "best": self.best.to_json(),
            "trials": [trial.to_json() for trial in self.trials],
            "metric": self.metric,
            "users": self.users,
            "space": self.space,
            "seconds": self.seconds,
        }


def searched(
    name: str,
    train: Interactions,
    validation: Interactions,
    content: Content | None = None,
    *,
    given: Interactions | None = None,
    budget: Budget | None = None,
    metric: str = METRIC,
    users: int | None = USERS,
    space: Mapping[str, Sequence[Any]] | None = None,
    fixed: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Searched:
    """Try settings of a recommender: fit on ``train``, judge on ``validation``.

    Parameters
    ----------
    name
        One of :data:`goodsense.recommend.MODELS`.
    train, validation
        Two parts of a split, over the same users.
    given
        Histories of validation shoppers that nothing is fitted on; see :class:`goodsense.events.Split`.
    budget
        The default allows 12 trials.
    metric
        Of :class:`goodsense.evaluate.RecommendationReport`.
    users
        Most validation shoppers, drawn; None for all.
    space
        Option -> values, the default first; that of the registry if none is given.
    fixed
        Options that are the same in every trial, and not searched.
    seed
        Decides the order, the shoppers, and whatever the models draw.

    Raises
    ------
    UsageError
        If there is no such recommender or metric.
    GoodsenseError
        Of the last trial, if none came to an end.
    """
    settings = Settings.of(name, space, fixed or {}, seed)
    allowed = budget or Budget()
    asked = sampled_users(validation, users, seed)
    histories = histories_with(train, given)
    if name == FILTER and space is None and allowed.trials > 1 and _mostly_known(train, asked):
        return _filter_searched(train, histories, asked, content, metric, fixed or {}, seed, progress)
    parts = over_all_items(train, histories, asked, content=content)
    started, trials = time.perf_counter(), []
    best: tuple[Trial, Model] | None = None
    error: GoodsenseError | None = None
    total = min(allowed.trials, settings.count)
    for done, options in enumerate(settings):
        late = allowed.seconds is not None and time.perf_counter() - started >= allowed.seconds
        if done >= total or (done and late):
            break
        progress(f"search {name}", done, total, note=", ".join(f"{key} {value}" for key, value in options.items()))
        try:
            trial, model = _tried(name, options, parts, content, metric, seed)
        except GoodsenseError as failed:
            error = failed
            trials.append(Trial(options, failed=failed.message))
            continue
        trials.append(trial)
        if best is None or trial.metrics[metric] > best[0].metrics[metric]:
            best = trial, model
    progress(f"search {name}", total, total)
    if best is None:
        assert error is not None
        raise error
    took = round(time.perf_counter() - started, 3)
    return Searched(name, best[1], best[0], tuple(trials), metric, len(judged_users(asked)), settings.count, took)


def _mostly_known(train: Interactions, asked: Interactions) -> bool:
    """Whether most validation shoppers have a history in train, which the graph filter's own search needs."""
    users = judged_users(asked)
    return bool(len(users)) and float((np.diff(train.starts)[users] > 0).mean()) > 0.5


def _filter_searched(
    train: Interactions,
    histories: Interactions,
    validation: Interactions,
    content: Content | None,
    metric: str,
    fixed: Mapping[str, Any],
    seed: int,
    progress: Progress,
) -> Searched:
    """The graph filter by its own search, which tries hundreds of weights in the time of a few fits."""
    from goodsense.recommend.graph_search import chosen_filter

    started = time.perf_counter()
    found = chosen_filter(train, validation, content, users=None, seed=seed, progress=progress, **fixed)
    fitted = time.perf_counter()
    train, histories, validation = over_all_items(train, histories, validation, content=content)
    metrics = validation_metrics(recommended(found.model, histories, validation), train, validation, metric)
    took = round(time.perf_counter() - started, 3)
    trial = Trial(found.model.options, metrics, fit_seconds=round(fitted - started, 3), seconds=took)
    return Searched(FILTER, found.model, trial, (trial,), metric, found.users, found.tried, took)


def _tried(
    name: str,
    options: Mapping[str, Any],
    parts: tuple[Interactions, ...],
    content: Content | None,
    metric: str,
    seed: int,
) -> tuple[Trial, Model]:
    """Fit on train and judge by validation; ``parts`` are train, histories, validation."""
    train, histories, validation = parts
    started = time.perf_counter()
    model = make_model(name, **options)
    model.fit(train, content, seed=seed)
    fitted = time.perf_counter()
    metrics = validation_metrics(recommended(model, histories, validation), train, validation, metric)
    fit_seconds, seconds = fitted - started, time.perf_counter() - started
    return Trial(options, metrics, fit_seconds=round(fit_seconds, 3), seconds=round(seconds, 3)), model


def validation_metrics(
    rows: np.ndarray[Any, Any], train: Interactions, validation: Interactions, metric: str
) -> dict[str, float]:
    """The metrics of a trial: what is maximised, and a few beside it.

    Raises
    ------
    UsageError
        If there is no such metric.
    """
    cut = metric.partition("@")[2]
    ks = sorted({10, 20, int(cut)} if cut.isdigit() and 1 <= int(cut) <= DEPTH else {10, 20})
    found = evaluate_recommendations(rows, validation, train, ks=ks, slices=False).metrics
    if metric not in found:
        raise UsageError(f"there is no metric {metric!r}.", fix=f"Known: {', '.join(found)}; up to @{DEPTH}.")
    return {name: found[name] for name in dict.fromkeys((metric, *_SHOWN))}


@dataclass(frozen=True)
class Settings:
    """All combinations of a space's values, the default first, the others in a random order."""

    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    fixed: Mapping[str, Any]
    seed: int

    @classmethod
    def of(cls, name: str, space: Mapping[str, Sequence[Any]] | None, fixed: Mapping[str, Any], seed: int) -> Settings:
        if name not in MODELS:
            raise UsageError(f"there is no recommender {name!r}.", fix=f"Known: {', '.join(MODELS)}.")
        given = MODELS[name].space if space is None else space
        open_ = {option: tuple(values) for option, values in given.items() if option not in fixed}
        empty = next((option for option, values in open_.items() if not values), None)
        if empty is not None:
            raise UsageError(f"the space of {name} has no value for {empty}.", fix="Give at least one.")
        return cls(tuple(open_), tuple(open_.values()), dict(fixed), seed)

    @property
    def count(self) -> int:
        return math.prod(len(values) for values in self.values)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        shape = [len(values) for values in self.values]
        others = np.random.default_rng(self.seed).permutation(min(self.count, _MOST_SETTINGS) - 1) + 1
        for number in (0, *others.tolist()):
            places = np.unravel_index(number, shape) if shape else ()
            chosen = {name: values[int(at)] for name, values, at in zip(self.names, self.values, places, strict=True)}
            yield {**chosen, **self.fixed}
