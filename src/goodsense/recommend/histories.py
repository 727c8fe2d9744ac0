"""Histories: what some shoppers did so far. A batch of them is an :class:`goodsense.events.Interactions`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions


def histories_of(
    items: Sequence[Sequence[str]],
    *,
    users: Sequence[str] | None = None,
    weights: Sequence[Sequence[float]] | None = None,
    times: Sequence[Sequence[float]] | None = None,
) -> Interactions:
    """Histories from lists of item ids, oldest first.

    Parameters
    ----------
    items
        One list per shopper, ``(b,)``; an item may come more than once.
    users
        What the shoppers are called; their numbers, if nothing is given.
    weights
        How much each event says, 1 if nothing is given.
    times
        Seconds since 1970 UTC, ascending; the places in the list, if nothing is given.

    Raises
    ------
    UsageError
        If names are given twice, or the lengths disagree.
    """
    names = tuple(map(str, range(len(items)))) if users is None else tuple(users)
    if len(set(names)) != len(items):
        raise UsageError(f"{len(items)} histories have {len(set(names))} names.", fix="Give every history one name.")
    lengths = [len(own) for own in items]
    for what, given in (("weights", weights), ("times", times)):
        if given is not None and [len(own) for own in given] != lengths:
            raise UsageError(f"the {what} are not as many as the items.", fix=f"Give one of the {what} per item.")
    vocabulary = tuple(sorted({id for own in items for id in own}))
    places = {id: row for row, id in enumerate(vocabulary)}
    count = sum(lengths)
    when = times if times is not None else [range(length) for length in lengths]
    flat_times = np.fromiter((float(time) for own in when for time in own), np.float64, count)
    flat_weights = (
        np.ones(count)
        if weights is None
        else np.fromiter((float(weight) for own in weights for weight in own), np.float64, count)
    )
    return Interactions(
        users=names,
        items=vocabulary,
        starts=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        item_rows=np.fromiter((places[id] for own in items for id in own), np.int32, count),
        weights=flat_weights,
        times=flat_times,
        labels=np.zeros(count, np.int8),
    )


def aligned(histories: Interactions, items: tuple[str, ...], places: Mapping[str, int]) -> Interactions:
    """The same histories over other items (``places`` says where each stands); events with any others are left out."""
    if histories.items is items or histories.items == items:
        return histories
    new = np.fromiter((places.get(id, -1) for id in histories.items), np.int64, len(histories.items))
    rows = new[histories.item_rows]
    kept = rows >= 0
    return _over(histories.only(kept), items, rows[kept].astype(np.int32))


def _over(histories: Interactions, items: tuple[str, ...], rows: NDArray[np.int32]) -> Interactions:
    """The same events under other numbers of items, in their proper order."""
    times = np.where(np.isnan(histories.times), -np.inf, histories.times)
    order = np.lexsort((rows, times, histories.user_rows))
    return replace(
        histories,
        items=items,
        item_rows=rows[order],
        weights=histories.weights[order],
        times=histories.times[order],
        labels=histories.labels[order],
    )


def blocks_of(histories: Interactions, size: int) -> Iterator[Interactions]:
    """The histories in blocks of at most ``size`` shoppers."""
    if len(histories.users) <= size:
        yield histories
        return
    for begin in range(0, len(histories.users), size):
        starts = histories.starts[begin : begin + size + 1]
        part = slice(int(starts[0]), int(starts[-1]))
        yield replace(
            histories,
            users=histories.users[begin : begin + size],
            starts=starts - starts[0],
            item_rows=histories.item_rows[part],
            weights=histories.weights[part],
            times=histories.times[part],
            labels=histories.labels[part],
        )


def newest(histories: Interactions, count: int) -> Interactions:
    """At most the last ``count`` events of every shopper."""
    ends = np.repeat(histories.starts[1:], np.diff(histories.starts))
    return histories.only(np.arange(len(histories)) >= ends - count)
