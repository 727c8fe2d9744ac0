"""Which recommender suits this shop: a few quick ones, each searched on validation, and a blend of the best two."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import GoodsenseError, UsageError
from goodsense.evaluate.experiment import paired_bootstrap
from goodsense.evaluate.recommendation import evaluate_recommendations
from goodsense.events import Interactions
from goodsense.progress import Progress, silent
from goodsense.recommend.content import Content
from goodsense.recommend.hybrid import Hybrid
from goodsense.recommend.judging import histories_with, over_all_items, recommended, sampled_users
from goodsense.recommend.model import Model
from goodsense.recommend.models import MODELS
from goodsense.recommend.trials import FILTER, METRIC, USERS, Budget, Searched, Trial, searched, validation_metrics

# how many settings of each are tried, the default first; of equally good recommenders the first
CANDIDATES: Mapping[str, int] = {"popular": 1, "item-knn": 4, "content": 3, "ease": 3, FILTER: 12}
MOST_DENSE = 5_000  # items up to which ease, which inverts a matrix of all of them, is a candidate: seconds
BLENDS = 2  # of how many a blend is made
STAGE = "choose a recommender"
_TRIALS = 12  # of a candidate that is not in the table
_LEVEL, _SAMPLES = 0.9, 2_000  # the gain of a blend must be above 0 at its lower 5 % bound

__all__ = ["CANDIDATES", "METRIC", "Budget", "Candidate", "Choice", "Searched", "chosen_model", "searched", "usable"]


@dataclass(frozen=True)
class Candidate:
    """One recommender that was tried, with its best settings on validation; ``failed`` says why there are none."""

    name: str
    trial: Trial
    trials: int = 0
    seconds: float = 0.0
    failed: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "trial": self.trial.to_json()}


@dataclass(frozen=True, eq=False)
class Choice:
    """The recommender that did best on validation.

    Parameters
    ----------
    model
        Fitted on train; ``make_model(choice.name, **choice.options)`` is the same one, not fitted.
    metrics
        Of the winner on validation.
    candidates
        All that were tried, best first.
    metric
        What they were compared by.
    users
        How many validation shoppers decided.
    """

    model: Model
    metrics: dict[str, float]
    candidates: tuple[Candidate, ...]
    metric: str
    users: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.model.kind

    @property
    def options(self) -> dict[str, Any]:
        return self.model.options

    def __str__(self) -> str:
        return described(self.model)

    def to_json(self) -> dict[str, Any]:
        return {
            "model": str(self),
            "name": self.name,
            "options": self.options,
            "metrics": self.metrics,
            "metric": self.metric,
            "users": self.users,
            "candidates": [each.to_json() for each in self.candidates],
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


def described(model: Model) -> str:
    """A recommender with its options in one line; a blend with the weight of each part."""
    if isinstance(model, Hybrid):
        weighed = zip(model.used_weights.tolist(), model.parts, strict=True)
        return "hybrid: " + " + ".join(f"{weight:.2f} {described(part)}" for weight, part in weighed if weight)
    options = ", ".join(f"{name} {_short(value)}" for name, value in model.options.items())
    return f"{model.kind} ({options})" if options else model.kind


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} {_short(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_short, value)) + "]"
    return str(value)


def usable(name: str, train: Interactions, content: Content | None) -> bool:
    """Whether there is what this recommender needs, as far as one can tell without fitting it."""
    if name not in MODELS:
        return False
    lacks = {
        "content": content is None or not content.blocks,
        "times": bool(np.isnan(train.times).all()),
        "torch": not _has_torch(),
    }
    return not any(lacks.get(need, False) for need in MODELS[name].needs)


def chosen_model(
    train: Interactions,
    validation: Interactions,
    content: Content | None = None,
    *,
    given: Interactions | None = None,
    seed: int = 0,
    names: Sequence[str] = tuple(CANDIDATES),
    budget: Budget | None = None,
    metric: str = METRIC,
    users: int | None = USERS,
    progress: Progress = silent,
) -> Choice:
    """Search every candidate under the same budget, blend the best two, and take what validation says.

    A blend is taken if it is surely better than its best part: the lower 5 % bound of a paired bootstrap of the gain
    over validation shoppers is above 0.

    Parameters
    ----------
    train, validation
        Two parts of a split, over the same users.
    content
        What is known of the items.
    given
        As in :func:`searched`.
    names
        Candidates; those that lack what they need are passed over.
    budget
        Of each candidate; by default the trials that :data:`CANDIDATES` says, without a limit of time, so that the
        choice is the same on every machine. The graph filter has a search of its own.
    metric, users
        As in :func:`searched`.

    Raises
    ------
    UsageError
        If no candidate can be used.
    GoodsenseError
        Of the last candidate, if none came to an end.
    """
    started = time.perf_counter()
    asked = sampled_users(validation, users, seed)
    many = len(over_all_items(train, content=content)[0].items) > MOST_DENSE
    named = [name for name in names if usable(name, train, content) and not (many and name == "ease")]
    if not named:
        raise _unusable(names)
    found: list[Searched] = []
    failed: list[Candidate] = []
    error: GoodsenseError | None = None
    for done, name in enumerate(named):
        progress(STAGE, done, len(named) + 1, note=name)
        try:
            one = searched(
                name,
                train,
                asked,
                content,
                given=given,
                budget=budget or Budget(CANDIDATES.get(name, _TRIALS)),
                metric=metric,
                users=None,
                seed=seed,
                progress=progress,
            )
        except GoodsenseError as wrong:
            error = wrong
            failed.append(Candidate(name, Trial({}), failed=wrong.message))
            continue
        found.append(one)
    if not found:
        assert error is not None
        raise error
    ranked = sorted(found, key=lambda each: -each.score)
    progress(STAGE, len(named), len(named) + 1, note="blend")
    model, metrics, blend, notes = _with_blend(
        ranked[:BLENDS], train, histories_with(train, given), asked, content, metric
    )
    progress(STAGE, len(named) + 1, len(named) + 1)
    candidates = [Candidate(each.name, each.best, max(len(each.trials), _tried(each)), each.seconds) for each in ranked]
    candidates = sorted([*candidates, *blend], key=lambda each: -each.trial.metrics[metric]) + failed
    took = round(time.perf_counter() - started, 3)
    return Choice(model, dict(metrics), tuple(candidates), metric, ranked[0].users, took, tuple(notes))


def _unusable(names: Sequence[str]) -> UsageError:
    unknown = next((name for name in names if name not in MODELS), None)
    if unknown is not None:
        return UsageError(f"there is no recommender {unknown!r}.", fix=f"Known: {', '.join(MODELS)}.")
    needs = ", ".join(sorted({need for name in names for need in MODELS[name].needs}))
    told = (
        f"{', '.join(names)} cannot be used here: not all is there of {needs}." if needs else "nothing to choose from."
    )
    return UsageError(told, fix="Name recommenders that need less.")


def _with_blend(
    best: Sequence[Searched],
    train: Interactions,
    histories: Interactions,
    validation: Interactions,
    content: Content | None,
    metric: str,
) -> tuple[Model, Any, list[Candidate], list[str]]:
    """The winner with its metrics; the blend as a candidate; and what is to be said of it."""
    alone = best[0]
    if len(best) < BLENDS:
        return alone.model, alone.best.metrics, [], []
    begun = time.perf_counter()
    train, histories, validation = over_all_items(train, histories, validation, content=content)
    blend = Hybrid.blended([each.model for each in best], histories, validation)
    if np.count_nonzero(blend.used_weights) < BLENDS:
        return alone.model, alone.best.metrics, [], [f"no share of {best[1].name} helps {alone.name}: it is used alone"]
    rows = recommended(blend, histories, validation)
    metrics = validation_metrics(rows, train, validation, metric)
    took = round(time.perf_counter() - begun, 3)
    candidate = Candidate("hybrid", Trial(blend.options, metrics, seconds=took), 1, took)
    before, after = (
        _per_user(each, train, validation, metric) for each in (recommended(alone.model, histories, validation), rows)
    )
    gain = paired_bootstrap(before, after, level=_LEVEL, samples=_SAMPLES)
    said = f"{described(blend)} gains {gain.mean:+.4f} {metric}, lower 5 % bound {gain.lower:+.4f}"
    if gain.lower > 0:
        return blend, metrics, [candidate], [f"{said}: used"]
    return alone.model, alone.best.metrics, [candidate], [f"{said}: {alone.name} alone is used"]


def _tried(found: Searched) -> int:
    """Blends of its terms that the graph filter's own search compared."""
    return found.space if found.name == FILTER and len(found.trials) == 1 else 0


def _per_user(
    rows: NDArray[np.int64], train: Interactions, validation: Interactions, metric: str
) -> NDArray[np.float64]:
    cut = int(metric.partition("@")[2])
    report = evaluate_recommendations(rows, validation, train, ks=(cut,), slices=False)
    if metric not in report.per_user:
        raise UsageError(f"{metric} is no metric per shopper.", fix=f"Choose by {', '.join(report.per_user)}.")
    return report.per_user[metric]


def _has_torch() -> bool:
    from importlib.util import find_spec

    return find_spec("torch") is not None


def usable_models(train: Interactions, content: Content | None) -> Iterator[str]:
    """All recommenders of which there is what they need."""
    return (name for name in MODELS if usable(name, train, content))
