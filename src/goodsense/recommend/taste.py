"""Whether somebody goes by looks, by words or by sound: how well each modality tells what they choose.

Each of a shopper's items is taken out of their history in turn. In a modality, the share of other items that are less
like the rest of the history than this one says how well the modality tells it: one half is chance, 1 perfect. A
shopper's mean over their items is trusted by how many they are, and drawn to that of all shoppers (empirical Bayes).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.recommend.content import Content
from goodsense.recommend.histories import newest
from goodsense.types import Vectors, normalise

_LAST = 50  # items of a shopper that are looked at
_CHANCE = 0.5
_MANY = 10  # shoppers from whom it can be told how much shoppers differ
_EQUAL = 1e-6  # similarities that are not told apart

Matrix: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spread:
    """Of all shoppers, per modality ``(m,)``: their mean, how much they differ, and how much their items do."""

    mean: NDArray[np.float64]
    between: NDArray[np.float64]
    within: NDArray[np.float64]

    @classmethod
    def of(cls, raw: Matrix, halves: NDArray[np.float64], counts: Matrix) -> Spread:
        """By split halves: only what two halves ``(2, b, m)`` of a shopper's items agree on is the shopper's own.

        The items of one shopper are no independent draws, as they are all held against the same history, so their
        variance would trust too few too much. Without ten shoppers of four items, nobody is trusted.
        """
        total = counts.sum(axis=0)
        mean = np.where(total > 0, np.nansum(raw * counts, axis=0) / np.maximum(total, 1), _CHANCE)
        between, within = np.zeros(len(mean)), np.full(len(mean), 1 / 12)
        for column in range(len(mean)):
            both = halves[:, ~np.isnan(halves[:, :, column]).any(axis=0), column]  # (2, u)
            if both.shape[1] >= _MANY:
                each = both - both.mean(axis=1, keepdims=True)
                between[column] = max(0.0, float((each[0] * each[1]).mean()))
                sizes = counts[~np.isnan(halves[:, :, column]).any(axis=0), column] / 2
                noise = max(0.0, float((each**2).mean()) - between[column])
                within[column] = max(1e-6, noise * float(sizes.mean()))
        return cls(mean, between, within)


@dataclass(frozen=True, eq=False)
class ModalityPreference:
    """By what each of ``b`` shoppers chooses, over ``m`` modalities.

    Parameters
    ----------
    users, modalities
        ``(b,)`` and ``(m,)``.
    weights
        ``(b, m)`` that sum to 1: how much a modality counts for a shopper.
    tells
        ``(b, m)`` the share of other items that a chosen one beats, drawn to that of all.
    raw
        The same of the shopper alone; NaN where nothing can be told.
    counts
        ``(b, m)`` items that it was told from.
    trust
        ``(b, m)`` how much of ``tells`` is the shopper's own, 0 to 1.
    shared
        ``(m,)`` the weights that hold for all shoppers alike.
    spread
        What is known of all shoppers, to whom single ones are drawn.
    """

    users: tuple[str, ...]
    modalities: tuple[str, ...]
    weights: NDArray[np.float64]
    tells: NDArray[np.float64]
    raw: NDArray[np.float64]
    counts: NDArray[np.float64]
    trust: NDArray[np.float64]
    shared: NDArray[np.float64]
    spread: Spread

    def of(self, row: int) -> dict[str, float]:
        """The weights of one shopper by modality."""
        return dict(zip(self.modalities, self.weights[row].tolist(), strict=True))


def modality_preference(
    histories: Interactions,
    content: Content,
    *,
    passed_over: Interactions | None = None,
    popularity: NDArray[np.float64] | None = None,
    others: int = 50,
    spread: Spread | None = None,
    seed: int = 0,
) -> ModalityPreference:
    """Weights of modalities per shopper, drawn to those of all.

    Parameters
    ----------
    histories
        What shoppers chose.
    content
        The vectors; items that it does not have are passed over.
    passed_over
        What the same shoppers (by name) saw and did not choose: what their choices are told from. Who has none is
        told from popular items.
    popularity
        ``(n,)`` of the content's items, by which others are drawn; by default how often they are in the histories.
    others
        Items that each shopper's choices are told from, at most.
    spread
        What is known of many shoppers, to whom these are drawn: without it a single history is drawn to itself.

    Raises
    ------
    UsageError
        If the content has no vectors.
    """
    if not content.blocks:
        raise UsageError("no modality has vectors, so none can be preferred.", fix="Give content with blocks.")
    modalities = tuple(sorted(content.blocks))
    shape = (len(histories.users), len(modalities))
    raw, halves, counts = np.full(shape, np.nan), np.full((2, *shape), np.nan), np.zeros(shape)
    rest = _others_of(histories, content, passed_over, popularity, others, seed)
    units = [_unit(content, name) for name in modalities]
    for row, own in enumerate(_chosen(histories, content)):
        for column, unit in enumerate(units):
            raw[row, column], counts[row, column] = _told(unit, own, rest[row])
            for half in range(2):
                halves[half, row, column] = _told(unit, own[half::2], rest[row][half::2])[0]
    spread = Spread.of(raw, halves, counts) if spread is None else spread
    trust = spread.between / np.maximum(spread.between + spread.within / np.maximum(counts, 1), 1e-12)
    trust = np.where(counts > 0, trust, 0.0)
    tells = spread.mean + trust * (np.where(counts > 0, raw, spread.mean) - spread.mean)
    shared = _weights(spread.mean[None], np.full((1, len(modalities)), 1 / len(modalities)))
    weights = _weights(tells, np.broadcast_to(shared, shape))
    return ModalityPreference(histories.users, modalities, weights, tells, raw, counts, trust, shared[0], spread)


def global_preference(
    histories: Interactions,
    content: Content,
    *,
    passed_over: Interactions | None = None,
    users: int = 5_000,
    seed: int = 0,
) -> dict[str, float]:
    """Weights of modalities that hold for all shoppers alike, from at most so many of them."""
    if len(histories.users) > users:
        chosen = np.random.default_rng(seed).choice(len(histories.users), users, replace=False)
        histories = histories.select(users=[histories.users[row] for row in np.sort(chosen).tolist()])
    found = modality_preference(histories, content, passed_over=passed_over, seed=seed)
    return dict(zip(found.modalities, found.shared.tolist(), strict=True))


def _others_of(
    histories: Interactions,
    content: Content,
    passed_over: Interactions | None,
    popularity: NDArray[np.float64] | None,
    count: int,
    seed: int,
) -> list[NDArray[np.int64]]:
    """Rows of what each shopper's choices are told from: what they passed over, else popular items, drawn once."""
    rng = np.random.default_rng(seed)
    mass = _counts(histories, content) if popularity is None else np.asarray(popularity, dtype=np.float64)
    mass = mass + 1e-3 * max(float(mass.max(initial=0.0)), 1.0)
    popular = rng.choice(len(content), min(count, len(content)), replace=False, p=mass / mass.sum())
    found = [popular.astype(np.int64)] * len(histories.users)
    if passed_over is not None:
        places = {id: row for row, id in enumerate(content.ids)}
        rows = {user: row for row, user in enumerate(histories.users)}
        for user, items, _, _ in passed_over.histories():
            own = np.unique(np.array([places[id] for id in items if id in places], dtype=np.int64))
            if user in rows and len(own):
                found[rows[user]] = rng.permutation(own)[:count]
    return found


def _counts(histories: Interactions, content: Content) -> NDArray[np.float64]:
    """How often each item of the content was chosen, ``(n,)``."""
    rows = _rows(histories, content)[histories.item_rows]
    return np.bincount(rows[rows >= 0], minlength=len(content)).astype(np.float64)


def _rows(histories: Interactions, content: Content) -> NDArray[np.int64]:
    """Where each item of the histories stands in the content, -1 for nowhere."""
    places = {id: row for row, id in enumerate(content.ids)}
    return np.array([places.get(id, -1) for id in histories.items], dtype=np.int64)


def _chosen(histories: Interactions, content: Content) -> list[NDArray[np.int64]]:
    """The latest items of every shopper, each once, as rows of the content."""
    latest, rows = newest(histories, _LAST), _rows(histories, content)
    found = []
    for begin, end in pairwise(latest.starts.tolist()):
        own = rows[latest.item_rows[begin:end]]
        found.append(np.unique(own[own >= 0]))
    return found


def _told(unit: Vectors, own: NDArray[np.int64], others: NDArray[np.int64]) -> tuple[float, int]:
    """The mean share of others that are less like the rest of the chosen ones than a chosen one, and of how many.

    Ties count half. Nothing can be told of one item, or without any other: NaN.
    """
    mine = unit[own][unit[own].any(axis=1)]  # (h, d)
    theirs = unit[others[~np.isin(others, own)]]
    theirs = theirs[theirs.any(axis=1)]  # (r, d)
    if len(mine) < 2 or not len(theirs):
        return float("nan"), 0
    rest = mine.sum(axis=0) - mine  # (h, d): all but this one; its length changes no order
    ahead = np.einsum("hd,hd->h", rest, mine)[:, None] - rest @ theirs.T  # (h, r)
    beaten = (ahead > _EQUAL) + (np.abs(ahead) <= _EQUAL) / 2
    return float(beaten.mean()), len(mine)


def _weights(tells: NDArray[np.float64], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights ``(b, m)`` that sum to 1, by how far above chance a modality tells, in standard deviations.

    An area under the ROC curve of ``A`` is a distance of ``sqrt(2) * probit(A)`` between two normal distributions.
    """
    from scipy.special import ndtri

    distance = np.maximum(ndtri(np.clip(tells, 0.001, 0.999)), 0.0)
    total = distance.sum(axis=1, keepdims=True)
    return np.where(total > 1e-9, distance / np.maximum(total, 1e-9), otherwise)


def _unit(content: Content, name: str) -> Vectors:
    block = content.blocks[name]
    return normalise(np.where(block.present[:, None], block.vectors, np.float32(0)))
