"""A recommender before the judge: what it recommends to those of whom something was held out, and how good that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.evaluate.recommendation import KS, RecommendationReport, evaluate_recommendations
from goodsense.evaluate.recommendation_answers import ItemFacts, judged_users
from goodsense.events import Interactions
from goodsense.recommend.content import Content
from goodsense.recommend.histories import aligned
from goodsense.recommend.model import Recommender
from goodsense.types import normalise

DEPTH = 100  # recall@100 is always reported


def over_all_items(*parts: Interactions, content: Content | None = None) -> tuple[Interactions, ...]:
    """The parts of a split over everything that can be recommended: the items of all events and of the content."""
    known = {id for part in parts for id in part.items}
    items = tuple(sorted(known.union(content.ids) if content is not None else known))
    places = {id: row for row, id in enumerate(items)}
    return tuple(aligned(part, items, places) for part in parts)


def recommended(
    model: Recommender, histories: Interactions, held_out: Interactions, depth: int = DEPTH
) -> NDArray[np.int64]:
    """What the model recommends, ``(u, depth)``: places in the items of ``held_out``, -1 where there is no more.

    One row per shopper with something held out; what their history has is left out.

    Raises
    ------
    UsageError
        If the model recommends an item that is not among those of ``held_out``.
    """
    asked = histories.select(users=[held_out.users[row] for row in judged_users(held_out).tolist()])
    ranked = model.recommend(asked, depth)
    if ranked.items == held_out.items:
        return ranked.rows.astype(np.int64)
    places = {id: row for row, id in enumerate(held_out.items)}
    new = np.array([places.get(id, -1) for id in ranked.items] + [-1], dtype=np.int64)
    rows: NDArray[np.int64] = new[ranked.rows]
    if (lost := (ranked.rows >= 0) & (rows < 0)).any():
        stray = ranked.items[int(ranked.rows[lost][0])]
        raise UsageError(f"the model recommends {stray!r}, which is not to choose from.", fix="Use over_all_items.")
    return rows


def judged(
    model: Recommender,
    train: Interactions,
    held_out: Interactions,
    *,
    content: Content | None = None,
    given: Interactions | None = None,
    ks: Sequence[int] = KS,
    groups: Mapping[str, str] | None = None,
    slices: bool = True,
) -> RecommendationReport:
    """Recommend from ``train`` and judge by ``held_out``; see :func:`goodsense.evaluate.evaluate_recommendations`.

    The model must have been fitted on ``train`` or less. All items of events and content are to choose from. A history
    is what ``train`` has of a shopper, and what is ``given`` of those that nothing was fitted on.
    """
    train, histories, held_out = over_all_items(train, histories_with(train, given), held_out, content=content)
    rows = recommended(model, histories, held_out, max(DEPTH, *ks))
    facts = facts_of(content, held_out.items) if content is not None else None
    return evaluate_recommendations(
        rows, held_out, train, histories=histories, ks=ks, facts=facts, groups=groups, slices=slices
    )


def facts_of(content: Content, items: Sequence[str]) -> ItemFacts:
    """Categories, prices, and all blocks side by side as one vector, each of unit length where it is present."""
    own = content.aligned(items)
    blocks = [normalise(block.vectors) * block.present[:, None] for _, block in sorted(own.blocks.items())]
    return ItemFacts(own.categories, np.hstack(blocks).astype(np.float32) if blocks else None, own.prices)


def histories_with(train: Interactions, given: Interactions | None) -> Interactions:
    """What shoppers have when they are answered; see :class:`goodsense.events.Split`."""
    return train if given is None else joined(train, given)


def joined(*parts: Interactions) -> Interactions:
    """The events of several parts of a split, over the same users and items."""
    first = parts[0]
    users = np.concatenate([part.user_rows for part in parts])
    items, times = (np.concatenate([getattr(part, name) for part in parts]) for name in ("item_rows", "times"))
    order = np.lexsort((items, np.where(np.isnan(times), -np.inf, times), users))
    weights, labels = (np.concatenate([getattr(part, name) for part in parts])[order] for name in ("weights", "labels"))
    starts = np.searchsorted(users[order], np.arange(len(first.users) + 1)).astype(np.int64)
    return replace(first, starts=starts, item_rows=items[order], weights=weights, times=times[order], labels=labels)


def sampled_users(held_out: Interactions, most: int | None, seed: int) -> Interactions:
    """What was held out of at most so many shoppers, drawn; over the same users and items."""
    users = judged_users(held_out)
    if most is None or len(users) <= most:
        return held_out
    kept = np.zeros(len(held_out.users), np.bool_)
    kept[np.random.default_rng(seed).choice(users, most, replace=False)] = True
    return held_out.only(kept[held_out.user_rows])
