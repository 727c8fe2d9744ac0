"""A shop's recommenders side by side: the same search for each, the same test, with seconds and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goodsense.evaluate.recommendation import KS
from goodsense.progress import Progress, silent
from goodsense.recommend import MODELS
from goodsense.recommend.comparison import AUTO as CHOSEN
from goodsense.recommend.comparison import BASELINE, RecommenderComparison, compare_models
from goodsense.recommend.search import Budget, usable_models
from goodsense.recommend.trials import FILTER
from goodsense.shop.recommending.evaluating import masked
from goodsense.shop.recommending.parting import AUTO, Parted, parted

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

USUAL = Budget(trials=4, seconds=60.0)  # of each recommender


@dataclass(frozen=True, eq=False)
class ShopComparison:
    """The table of a shop's recommenders, and what has to be known of it."""

    found: RecommenderComparison
    split: str
    counts: dict[str, int]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {**self.found.to_json(), "split": self.split, "counts": self.counts, "notes": list(self.notes)}


def compare_recommenders(
    shop: Shop,
    names: Sequence[str] = (),
    *,
    split: str = AUTO,
    ks: Sequence[int] = KS,
    budget: Budget = USUAL,
    seed: int = 0,
    progress: Progress = silent,
) -> ShopComparison:
    """Search every recommender under the same budget on validation, and judge each once on test.

    Parameters
    ----------
    names
        Of :data:`goodsense.recommend.MODELS`, or ``auto`` for what a build would choose; by default those of which the
        shop has what they need, without networks.
    split
        One of :data:`goodsense.shop.recommending.parting.SPLITS`.
    ks, budget, seed
        As :func:`goodsense.recommend.comparison.compare_models`.

    Raises
    ------
    UsageError
        If there is no such split, or a name comes twice.
    DataError
        If the events leave nothing to learn from, to choose on or to test on.
    """
    parts = parted(shop, split, seed=seed)
    train, val, test = parts.split.train, parts.split.val, parts.split.test
    chosen = tuple(names) or (*_usual(parts), CHOSEN)
    found = compare_models(
        chosen,
        train,
        val,
        test,
        parts.content,
        given=parts.split.given,
        budget=budget,
        ks=ks,
        groups=parts.groups,
        seed=seed,
        progress=progress,
    )
    seconds = f", none begun after {budget.seconds:g} s" if budget.seconds is not None else ""
    told = (
        f"settings tried of every recommender: {budget.trials} at most{seconds}, chosen by {found.metric} on validation"
    )
    if budget.trials > 1 and any(row.name in (FILTER, CHOSEN) for row in found.rows):
        told += "; the graph filter has a search of its own"
    notes = (*parts.notes, told, *masked())
    return ShopComparison(found, parts.name, dict(parts.split.report.pairs), notes)


def _usual(parts: Parted) -> tuple[str, ...]:
    """What can be learned here within seconds; the baseline first."""
    there = usable_models(parts.split.train, parts.content)
    quick = [name for name in there if "torch" not in MODELS[name].needs and name != BASELINE]
    return (BASELINE, *quick)
