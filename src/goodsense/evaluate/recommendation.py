"""How good are recommendations? Full ranking of all items against what shoppers did later, and more than accuracy.

A recommendation is an array of rows of items, best first. What a shopper did later is relevant, each item alike, so the
metrics are those of :mod:`goodsense.evaluate.ranking` with grade 1: standard NDCG, whose ideal has the smaller of
``k`` and the number of relevant items at the top; MAP over all relevant items. Shoppers of whom nothing was held out
have no answer: they are passed over and counted. Every metric is a mean over shoppers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.evaluate.experiment import Interval
from goodsense.evaluate.ranking import checked_cuts
from goodsense.evaluate.recommendation_answers import Answers, ItemFacts, Scores, interval_of
from goodsense.evaluate.recommendation_beyond import beyond_accuracy
from goodsense.evaluate.recommendation_slices import Slice, sliced

if TYPE_CHECKING:
    from goodsense.events import Interactions

KS = (10, 20)


@dataclass(frozen=True, eq=False)
class RecommendationReport:
    """How good recommendations are.

    Parameters
    ----------
    metrics
        ``"recall@20"`` and the like: means over shoppers; with them what there is beyond accuracy (see
        :mod:`goodsense.evaluate.recommendation_beyond`).
    per_user
        Accuracy by shopper, ``(u,)``.
    user_ids
        The shoppers of whom something was held out, ``(u,)``.
    skipped
        Shoppers with a history of whom nothing was held out.
    pairs
        How many items were held out in all.
    items
        How many items there are to choose from.
    slices
        The same by parts of the data.
    """

    metrics: Mapping[str, float]
    per_user: Mapping[str, Scores]
    user_ids: tuple[str, ...]
    skipped: int
    pairs: int
    items: int
    ks: tuple[int, ...] = KS
    slices: tuple[Slice, ...] = field(default=())

    @property
    def users(self) -> int:
        return len(self.user_ids)

    def interval(self, name: str, *, level: float = 0.95, seed: int = 0) -> Interval:
        """The bootstrap interval over shoppers of a metric of accuracy.

        Raises
        ------
        UsageError
            If there is no such metric.
        """
        if name not in self.per_user:
            raise UsageError(f"no metric {name!r} per user; there are {', '.join(self.per_user)}.")
        return interval_of(self.per_user[name], level=level, seed=seed)

    def to_json(self) -> dict[str, Any]:
        named = [f"{measure}@{k}" for k in self.ks for measure in ("recall", "ndcg", "mrr")]
        within = {name: self.interval(name) for name in named}
        return {
            "metrics": dict(self.metrics),
            "intervals": {name: [found.lower, found.upper] for name, found in within.items()},
            "users": self.users,
            "skipped": self.skipped,
            "pairs": self.pairs,
            "items": self.items,
            "slices": [each.to_json() for each in self.slices],
        }


def evaluate_recommendations(
    rows: NDArray[np.integer],
    held_out: Interactions,
    train: Interactions,
    *,
    histories: Interactions | None = None,
    ks: Sequence[int] = KS,
    facts: ItemFacts | None = None,
    groups: Mapping[str, str] | None = None,
    slices: bool = True,
) -> RecommendationReport:
    """Judge recommendations by what shoppers did later.

    Parameters
    ----------
    rows
        ``(u, depth)`` items, best first, -1 where there is no more: one row per shopper of ``held_out`` that has an
        event there, in order (:func:`judged_users`). What stands deeper than 100, or than the largest cut-off, is not
        looked at; recall beyond what was recommended is that of what was.
    held_out
        What is to be found. Its items are all that can be recommended.
    train
        What was learned from, over the same users and items: says what is popular and what is cold.
    histories
        What shoppers had when they were answered, over the same users and items; None: what ``train`` has of them.
    ks
        Cut-offs. Recall at 10 and 100 is always reported.
    facts
        Categories, vectors and prices of the items, for diversity and slices.
    groups
        Shopper -> the name of a group, for slices.
    slices
        Whether metrics by parts are wanted.

    Raises
    ------
    DataError
        If nothing was held out, or an item is recommended twice to somebody.
    UsageError
        If shapes, users or items disagree, or a cut-off is not a positive whole number.
    """
    had = train if histories is None else histories
    if {train.users, had.users} != {held_out.users} or {train.items, had.items} != {held_out.items}:
        raise UsageError("train and what was held out have other users or items.", fix="Give the parts of one split.")
    cuts = checked_cuts(ks)
    answers = Answers.of(np.asarray(rows), held_out)
    per_user = _with_hits(answers.per_user(cuts)[1])
    metrics = {name: float(values.mean()) for name, values in per_user.items()}
    for k in cuts["ndcg"]:
        metrics |= beyond_accuracy(answers, train, had, k, facts=facts or ItemFacts())
    skipped = np.diff(had.starts) > 0
    skipped[answers.users] = False
    return RecommendationReport(
        metrics,
        per_user,
        tuple(held_out.users[row] for row in answers.users.tolist()),
        skipped=int(skipped.sum()),
        pairs=len(answers.pair_items),
        items=len(held_out.items),
        ks=tuple(cuts["ndcg"]),
        slices=sliced(answers, train, had, ks=cuts["ndcg"], facts=facts, groups=groups) if slices else (),
    )


def _with_hits(per_user: dict[str, Scores]) -> dict[str, Scores]:
    """Hit rate beside recall: whether anything was found."""
    hits = {
        f"hit@{name.partition('@')[2]}": (values > 0).astype(np.float64)
        for name, values in per_user.items()
        if "recall" in name
    }
    return {**per_user, **hits}
