"""Recommendations by parts of what was held out: where a model is good, and where it only looks good on average."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from goodsense.evaluate.experiment import Interval
from goodsense.evaluate.recommendation_answers import Answers, ItemFacts, Mask, interval_of
from goodsense.evaluate.recommendation_beyond import popularity_of

if TYPE_CHECKING:
    from goodsense.events import Interactions

HISTORIES = ((0, 0, "none"), (1, 4, "1 to 4"), (5, 9, "5 to 9"), (10, 19, "10 to 19"), (20, None, "20 and more"))
HEAD = 0.2  # share of the items with events that are the head: the most popular ones
MOST_GROUPS = 8


@dataclass(frozen=True)
class Slice:
    """Metrics over a part of what was held out; the ranking stays that of all items.

    ``kind`` is what parts the data (history, items, price, group), ``users`` have something relevant in this part,
    ``pairs`` is how much.
    """

    kind: str
    name: str
    users: int
    pairs: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]

    def to_json(self) -> dict[str, Any]:
        within = {name: [found.lower, found.upper] for name, found in self.intervals.items()}
        return {**vars(self), "metrics": dict(self.metrics), "intervals": within}


def sliced(
    answers: Answers,
    train: Interactions,
    histories: Interactions,
    *,
    ks: Sequence[int],
    facts: ItemFacts | None = None,
    groups: Mapping[str, str] | None = None,
) -> tuple[Slice, ...]:
    """Recall and NDCG by length of the history, popularity of the item, price and group.

    A slice of items counts only these as relevant; shoppers without any in it are left out of its mean.
    """
    cuts = {"recall": list(ks), "ndcg": list(ks), "mrr": [ks[0]], "precision": [ks[0]], "map": [ks[0]]}
    wanted = [f"{measure}@{k}" for measure in ("recall", "ndcg") for k in ks]
    found = []
    for kind, name, mask in _parts(answers, train, histories, facts or ItemFacts(), groups or {}):
        users, values = answers.per_user(cuts, mask)
        if not len(users):
            continue
        metrics = {metric: float(values[metric].mean()) for metric in wanted}
        intervals = {metric: interval_of(values[metric]) for metric in wanted}
        found.append(Slice(kind, name, len(users), int(mask.sum()), metrics, intervals))
    return tuple(found)


def _parts(
    answers: Answers, train: Interactions, histories: Interactions, facts: ItemFacts, groups: Mapping[str, str]
) -> Iterator[tuple[str, str, Mask]]:
    """Kind, name, and which pairs ``(p,)`` belong to the part."""
    lengths = np.bincount(histories.pairs.user_rows, minlength=len(train.users))[answers.users][answers.pair_users]
    for low, high, name in HISTORIES:
        yield "history", name, (lengths >= low) & (lengths <= (np.inf if high is None else high))
    for kind, parts in (("items", item_parts(train)), ("price", price_parts(facts))):
        for name, items in parts.items():
            yield kind, name, items[answers.pair_items]
    if groups:
        own = np.array([groups.get(train.users[user], "") for user in answers.users.tolist()], dtype=np.object_)
        for name, _ in Counter(name for name in own.tolist() if name).most_common(MOST_GROUPS):
            yield "group", name, (own == name)[answers.pair_users]


def item_parts(train: Interactions) -> dict[str, Mask]:
    """``(n,)``: items without an event, the most popular fifth of those that have any, and the rest."""
    popularity = popularity_of(train)
    warm = np.flatnonzero(popularity)
    order = warm[np.lexsort((warm, -popularity[warm]))]
    head = np.zeros(len(popularity), np.bool_)
    head[order[: int(np.ceil(HEAD * len(order)))]] = True
    return {"cold": popularity == 0, "tail": (popularity > 0) & ~head, "head": head}


def price_parts(facts: ItemFacts) -> dict[str, Mask]:
    """``(n,)``: thirds of the items by price, as far as it is known."""
    if facts.prices is None or not np.isfinite(facts.prices).any():
        return {}
    prices = facts.prices
    low, high = np.nanquantile(prices, (1 / 3, 2 / 3))
    known = np.isfinite(prices)
    return {
        "low": known & (prices <= low),
        "middle": known & (prices > low) & (prices <= high),
        "high": known & (prices > high),
    }
