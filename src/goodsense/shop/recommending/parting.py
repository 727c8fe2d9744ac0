"""What a shop's recommenders are evaluated on: its events in three parts, and its products without what events taught.

Nothing of the live build that learned from events takes part: neither its recommender nor the blocks of behaviour and
reviews, nor the joint block, whose lessons include clicks. What is left knows products by what they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from goodsense.errors import DataError, UsageError
from goodsense.events import Interactions, Split, by_label, by_time, cold_items, cold_users, leave_last, per_user
from goodsense.events.filters import filtered
from goodsense.events.interactions import LABELS as PARTS
from goodsense.recommend import Content
from goodsense.recommend.judging import histories_with, joined
from goodsense.shop.behaviour import stored_events
from goodsense.shop.recommending.content import content_of
from goodsense.shop.recommending.making import weighed

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

AUTO = "auto"
LEAST_KINDS = 3  # of products, that shoppers are grouped by
LABELS = "label"
Splitting = Callable[[Interactions, int], Split]
SPLITS: Mapping[str, Splitting] = {
    LABELS: lambda log, seed: by_label(log),
    "leave-last": lambda log, seed: leave_last(log, seed=seed),
    "time": lambda log, seed: by_time(log),
    "random": lambda log, seed: per_user(log, seed=seed),
    "cold-items": lambda log, seed: cold_items(log, seed=seed),
    "cold-users": lambda log, seed: cold_users(log, seed=seed),
}


@dataclass(frozen=True, eq=False)
class Parted:
    """Three parts of a shop's events, and what its products are.

    Parameters
    ----------
    name
        How they were parted; see :data:`SPLITS`.
    split
        The parts, over the same users and items.
    content
        What the products are, without anything made of events.
    groups
        Shopper -> the kind of products most of their training events are about.
    notes
        What a reader of the figures has to know.
    """

    name: str
    split: Split
    content: Content
    groups: Mapping[str, str]
    notes: tuple[str, ...]


def parted(shop: Shop, split: str = AUTO, *, seed: int = 0) -> Parted:
    """Part a shop's events as ``split`` says; ``auto``: by the events' own labels, else by time, else by chance.

    Raises
    ------
    UsageError
        If there is no such way.
    DataError
        If there is nothing to learn from, nothing to choose on, or nothing to test on.
    """
    if split not in (AUTO, *SPLITS):
        raise UsageError(f"events cannot be split by {split!r}.", fix=f"Known: {', '.join(SPLITS)}.")
    content = content_of(shop.snapshot, without_behaviour=True)
    log, unknown = _log(shop, content)
    name = split if split != AUTO else _usual(log)
    found = SPLITS[name](log, seed)
    for part in ("train", "val", "test"):
        if not found.report.pairs[part]:
            raise DataError(f"the split {name} leaves nothing for {part}.", fix="Choose another --split.")
    found, told = _as_a_build_learns(found)
    return Parted(
        name,
        found,
        content,
        _groups(histories_with(found.train, found.given), content),
        (*_notes(found, content, unknown), *told),
    )


def _as_a_build_learns(split: Split) -> tuple[Split, tuple[str, ...]]:
    """Train without what a build does not learn from; histories keep it. And what is to be said of it."""
    kept = filtered(split.train).interactions
    lost = len(split.train) - len(kept)
    if not lost:
        return split, ()
    if not len(kept):
        raise DataError("all training events look like those of bots.", fix="Choose another --split.")
    width = len(kept.items)
    before, after = (part.user_rows.astype(np.int64) * width + part.item_rows for part in (split.train, kept))
    removed = split.train.only(~np.isin(before, after))
    given = removed if split.given is None else joined(split.given, removed)
    told = f"not learned from, as in a build: {lost:,} events of bots, copied profiles, bursts, and beyond 1,000 items"
    return replace(split, train=kept, given=given), (told,)


def _log(shop: Shop, content: Content) -> tuple[Interactions, int]:
    """Events with products of the catalog, weighed as the build does, and how many others there are."""
    known, unknown = frozenset(content.ids), 0
    kept = []
    for event in stored_events(shop.truth):
        if event.item in known:
            kept.append(event)
        else:
            unknown += bool(event.item)
    log = weighed(iter(kept), shop.built_recipe.recommend)
    if not len(log):
        raise DataError(
            "no shopper did anything with a product of this shop.", fix="Put events in: goodsense events SHOP FILE."
        )
    return log, unknown


def _usual(log: Interactions) -> str:
    if (log.labels == PARTS.index("test")).any() and (log.labels == PARTS.index("val")).any():
        return LABELS
    return "random" if np.isnan(log.times).all() else "leave-last"


def _groups(histories: Interactions, content: Content) -> dict[str, str]:
    """Every shopper's most frequent kind of product, by the first level that tells products apart."""
    if not content.categories:
        return {}
    kinds = dict(zip(content.ids, _kinds(content.categories), strict=True))
    found = {}
    for user, items, _, _ in histories.histories():
        counted = Counter(kind for item in items if (kind := kinds.get(item, "")))
        if counted:
            found[user] = max(sorted(counted), key=counted.__getitem__)
    return found


def _kinds(categories: tuple[str, ...]) -> list[str]:
    """Categories cut at the first level with more than two kinds (a shop in two languages has two roots)."""
    paths = [tuple(category.split(" > ")) if category else () for category in categories]
    deepest = max(map(len, paths), default=0)
    for depth in range(1, deepest + 1):
        cut = [path[:depth] for path in paths]
        if len({path for path in cut if path}) >= LEAST_KINDS:
            break
    return [" > ".join(path[:depth]) for path in paths]


def _notes(split: Split, content: Content, unknown: int) -> list[str]:
    report = split.report
    told = [f"{part}: {report.pairs[part]:,} products of shoppers" for part in ("train", "val", "test")]
    found = [f"split: {report.method} ({'; '.join(told)})"]
    cold = report.cold_items["test"], report.cold_users["test"]
    found += [f"of the test, train does not know: products {cold[0]:,}, shoppers {cold[1]:,}"] if any(cold) else []
    found += [f"split: {leak}" for leak in report.leaks]
    if not report.realistic:
        after = (
            f"{report.after_test:,} training events are not earlier than the first test event"
            if report.after_test
            else ""
        )
        found.append(
            "figures of this split compare models, and are mostly higher than a shop will see"
            + (f" ({after})" if after else "")
            + "; --split time parts events as a shop meets them"
        )
    if unknown:
        found.append(f"left out are events about products that the catalog does not have: {unknown:,}")
    blocks = ", ".join(content.blocks) or "no vectors"
    found.append(f"products are known by {blocks}; behaviour, reviews and joint learned from events and are left out")
    return found
