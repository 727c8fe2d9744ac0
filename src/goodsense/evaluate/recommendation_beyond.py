"""What recommendations are like beyond accuracy: coverage, novelty, diversity, concentration, popularity, surprise.

All of them are about the first ``k`` recommendations of the shoppers that are judged:

``coverage``
    share of all items that anybody is recommended.
``novelty``
    mean self-information ``-log2 p`` of what is recommended, ``p`` the share of shoppers with a history that have the
    item (Vargas and Castells, RecSys 2011); an item that nobody has counts as if one had it.
``gini``
    how unequally items are shown: 0 all alike, near 1 always the same few.
``popularity``, ``popularity_lift``
    how many shoppers the recommended items have on average; and by how much that is more than in the shoppers' own
    histories, as a share of it (Abdollahpouri et al., "The Unfairness of Popularity Bias in Recommendation", 2019).
``diversity``, ``diversity_category``
    mean ``1 - cosine`` of two items of a list (Ziegler et al., WWW 2005), and the share of pairs of different
    categories; over lists with two items of which it is known.
``serendipity``
    share of the ``k`` that are relevant and not among the ``k`` items most popular of all (Ge et al., RecSys 2010,
    with popularity as what anybody would have expected).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goodsense.evaluate.recommendation_answers import Answers, ItemFacts, Mask, Rows, Scores
from goodsense.types import normalise

if TYPE_CHECKING:
    from goodsense.events import Interactions

_BLOCK = 1_024  # lists compared within at once


def beyond_accuracy(
    answers: Answers, train: Interactions, histories: Interactions, k: int, *, facts: ItemFacts
) -> dict[str, float]:
    """Everything named above at one cut-off; diversity only where something is known to tell items apart by.

    What is a mean over lists passes over empty ones, and is 0 where all are empty.
    """
    rows = answers.rows[:, :k]
    listed = rows >= 0
    popularity = popularity_of(train)
    shown = np.bincount(rows[listed], minlength=len(train.items))
    had = int((np.diff(train.starts) > 0).sum())
    own = _history_popularity(histories, answers.users, popularity)
    recommended = _list_means(popularity, rows, listed)
    known = np.isfinite(recommended) & np.isfinite(own)
    before = _mean(own[known])
    found = {
        "coverage": float((shown > 0).mean()),
        "novelty": _mean(_list_means(self_information(popularity, had), rows, listed)),
        "gini": gini(shown),
        "popularity": _mean(recommended),
        "popularity_lift": _mean(recommended[known]) / before - 1 if before else 0.0,
        "serendipity": _serendipity(answers, popularity, k),
    }
    if facts.vectors is not None:
        found["diversity"] = _mean(cosine_diversity(rows, facts.vectors))
    if facts.categories:
        found["diversity_category"] = _mean(category_diversity(rows, facts.categories))
    return {f"{name}@{k}": value for name, value in found.items()}


def popularity_of(train: Interactions) -> Scores:
    """``(n,)`` how many shoppers did something with each item."""
    return np.bincount(train.pairs.item_rows, minlength=len(train.items)).astype(np.float64)


def self_information(popularity: Scores, users: int) -> Scores:
    """``(n,)`` bits: how unexpected it is that a shopper has the item."""
    bits: Scores = np.log2(max(1, users) / np.maximum(popularity, 1))
    return bits


def gini(counts: NDArray[np.integer]) -> float:
    """The Gini coefficient of ``(n,)`` counts from 0 up; 0 where there is nothing."""
    total, n = counts.sum(), len(counts)
    if not total:
        return 0.0
    ranks = np.arange(1, n + 1)
    return float(((2 * ranks - n - 1) * np.sort(counts)).sum() / (n * total))


def cosine_diversity(rows: Rows, vectors: NDArray[np.float32]) -> Scores:
    """``(u,)`` mean ``1 - cosine`` over pairs of a list; NaN where fewer than two items have a vector."""
    units = normalise(vectors)
    has: Mask = np.asarray(units.any(axis=1))
    found = np.full(len(rows), np.nan)
    for at in range(0, len(rows), _BLOCK):
        some = rows[at : at + _BLOCK]
        known = (some >= 0) & has[some]
        counts = known.sum(axis=1).astype(np.float64)
        summed = (units[some] * known[:, :, None]).sum(axis=1, dtype=np.float64)  # (b, d)
        alike = (summed**2).sum(axis=1) - counts  # over ordered pairs; unit vectors
        found[at : at + len(some)] = 1 - _over(alike, counts * (counts - 1))
    return found


def category_diversity(rows: Rows, categories: tuple[str, ...]) -> Scores:
    """``(u,)`` share of pairs of a list with two categories; NaN where fewer than two items have one."""
    names = {name: place for place, name in enumerate(sorted({*categories} - {""}))}
    codes = np.array([names.get(name, -1) for name in categories], np.int64)
    found = np.full(len(rows), np.nan)
    for at in range(0, len(rows), _BLOCK):
        some = rows[at : at + _BLOCK]
        own = np.where(some >= 0, codes[some], -1)  # (b, k)
        known = own >= 0
        same = (own[:, :, None] == own[:, None, :]) & known[:, :, None]
        counts = known.sum(axis=1).astype(np.float64)
        alike = same.sum(axis=(1, 2)) - counts
        found[at : at + len(some)] = 1 - _over(alike, counts * (counts - 1))
    return found


def _serendipity(answers: Answers, popularity: Scores, k: int) -> float:
    expected = np.zeros(len(popularity), np.bool_)
    expected[np.lexsort((-np.arange(len(popularity)), -popularity))[:k]] = True
    rows = answers.rows[:, :k]
    surprising = (answers.found[:, :k] >= 0) & ~expected[rows]
    return float(surprising.sum(axis=1).mean() / k)


def _history_popularity(histories: Interactions, users: Rows, popularity: Scores) -> Scores:
    """``(u,)`` mean popularity of what these shoppers have; NaN for those without a history."""
    pairs, size = histories.pairs, len(histories.users)
    counts = np.bincount(pairs.user_rows, minlength=size).astype(np.float64)
    summed = np.bincount(pairs.user_rows, weights=popularity[pairs.item_rows], minlength=size)
    return _over(summed[users].astype(np.float64), counts[users])


def _list_means(values: Scores, rows: Rows, listed: Mask) -> Scores:
    """``(u,)`` mean of a value of the items over each list; NaN for an empty one."""
    return _over((values[rows] * listed).sum(axis=1), listed.sum(axis=1).astype(np.float64))


def _over(above: Scores, below: Scores) -> Scores:
    found: Scores = np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)
    return found


def _mean(values: Scores) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
