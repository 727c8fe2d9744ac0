"""Hard negatives from a large set: the most alike rows that are not known to be the same product.

Negatives that are hard to tell apart teach the most (Robinson et al., "Contrastive Learning with Hard Negative
Samples", ICLR 2021), but rows that are alike because they are the same product teach what is wrong. Such false
negatives are left out by group, by code (a GTIN), and by how alike they are (Moreira et al., "NV-Retriever", 2024).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.types import normalise

Across: TypeAlias = Literal["any", "same", "other"]
_AT_ONCE = 8_000_000  # similarities held in memory
_NONE = -1
_WHERE = {"any": "of another group", "same": "in its own category", "other": "in another category"}


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of ``n`` rows: which are one product, and what kind of product they are.

    Parameters
    ----------
    groups
        ``(n,)`` whole numbers: rows of one number are never each other's negatives.
    codes
        ``(n,)`` whole numbers, such as GTINs made numbers; -1 where there is none.
    categories
        ``(n,)`` whole numbers; -1 where there is none.
    """

    groups: NDArray[np.int64]
    codes: NDArray[np.int64] | None = None
    categories: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for name in ("groups", "codes", "categories"):
            own = getattr(self, name)
            if own is not None and (own.shape != (len(self.groups),) or own.dtype.kind not in "iu"):
                raise UsageError(
                    f"{name} are {own.shape} of {own.dtype}; expected whole numbers ({len(self.groups)},)."
                )

    def __len__(self) -> int:
        return len(self.groups)


@dataclass(frozen=True, eq=False)
class Negatives:
    """Negatives of ``n`` anchors, hardest first.

    Parameters
    ----------
    rows
        ``(n, k)`` int64 rows of the items; -1 where an anchor has fewer.
    scores
        ``(n, k)`` float32 how alike they are; 0 where there is none.
    asked
        How many were asked for; ``k`` is smaller where no anchor has so many.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    asked: int

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many each anchor has, ``(n,)``."""
        found: NDArray[np.int64] = (self.rows != _NONE).sum(axis=1)
        return found


def hard_negatives(
    anchors: NDArray[np.float32],
    items: NDArray[np.float32],
    known: Known,
    known_items: Known | None = None,
    *,
    count: int,
    quantile: float = 1.0,
    across: Across = "any",
    at_once: int = _AT_ONCE,
) -> Negatives:
    """The ``count`` items most alike to each anchor, by cosine, that are not the same product; ties by their row.

    Parameters
    ----------
    anchors, items
        ``(n, d)`` and ``(m, d)``: of one modality or two.
    known, known_items
        Of the anchors and of the items; without the second, the items are the anchors' own products, row by row.
    count
        Negatives per anchor; one that has fewer gets what there is.
    quantile
        Of an anchor's ``c`` candidates the ``floor((1 - quantile) * c)`` most alike are left out, as products that are
        probably the same without anything saying so. 1 leaves none out.
    across
        ``same``: only items of the anchor's category; ``other``: only items of another one. Where either category is
        not known, there is no negative then.
    at_once
        So many similarities are held in memory; blocks of anchors follow from it.

    Raises
    ------
    UsageError
        If shapes disagree, or no anchor has any negative at all.
    """
    known_items = known if known_items is None else known_items
    _check(anchors, items, known, known_items, count, quantile, across)
    one, two = normalise(anchors), normalise(items)
    blocks = (
        _best(one[rows] @ two.T, _allowed(known, known_items, rows, across), count, quantile)
        for rows in _blocks(len(one), len(two), at_once)
    )
    return _joined(list(blocks), count, across)


def random_negatives(
    known: Known,
    known_items: Known | None = None,
    *,
    count: int,
    seed: int,
    across: Across = "any",
    at_once: int = _AT_ONCE,
) -> Negatives:
    """``count`` different items per anchor that are not the same product, drawn alike; all scores are 0.

    As :func:`hard_negatives`, without vectors: ``across="other"`` draws negatives across categories, which are easy and
    keep kinds of products apart, ``"same"`` draws within them.
    """
    known_items = known if known_items is None else known_items
    _check(None, None, known, known_items, count, 1.0, across)
    rng = np.random.default_rng(seed)
    blocks = (
        _best(
            rng.random((len(rows), len(known_items)), dtype=np.float32),
            _allowed(known, known_items, rows, across),
            count,
            1.0,
        )
        for rows in _blocks(len(known), len(known_items), at_once)
    )
    found = _joined(list(blocks), count, across)
    return Negatives(found.rows, np.zeros_like(found.scores), count)


def _blocks(anchors: int, items: int, at_once: int) -> Iterator[NDArray[np.int64]]:
    size = max(1, at_once // max(1, items))
    for start in range(0, anchors, size):
        yield np.arange(start, min(anchors, start + size))


def _allowed(known: Known, items: Known, rows: NDArray[np.int64], across: Across) -> NDArray[np.bool_]:
    """Which items may be negatives of some anchors, ``(b, m)``."""
    allowed: NDArray[np.bool_] = known.groups[rows, None] != items.groups
    if known.codes is not None and items.codes is not None:
        codes = known.codes[rows, None]
        allowed &= (codes != items.codes) | (codes < 0)
    if across != "any" and known.categories is not None and items.categories is not None:
        categories = known.categories[rows, None]
        allowed &= (categories >= 0) & (items.categories >= 0)
        allowed &= (categories == items.categories) == (across == "same")
    return allowed


def _best(
    scores: NDArray[np.float32], allowed: NDArray[np.bool_], count: int, quantile: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The best of each row that are allowed, less those that are too good: rows and scores ``(b, count)``."""
    skipped = np.floor((1 - quantile) * allowed.sum(axis=1) + 1e-9).astype(np.int64)  # (b,)
    depth = min(scores.shape[1], int(skipped.max(initial=0)) + count)
    scores = np.where(allowed, scores, np.float32(-np.inf))
    least = np.partition(scores, -depth, axis=1)[:, -depth]  # (b,)
    owners, places = np.nonzero(allowed & (scores >= least[:, None]))
    values = scores[owners, places]
    order = np.lexsort((places, -values, owners))
    owners, places, values = owners[order], places[order], values[order]
    ranks = np.arange(len(owners)) - np.searchsorted(owners, owners) - skipped[owners]
    kept = (ranks >= 0) & (ranks < count)
    width = min(count, scores.shape[1])
    rows = np.full((len(scores), width), _NONE, dtype=np.int64)
    found = np.zeros((len(scores), width), dtype=np.float32)
    rows[owners[kept], ranks[kept]], found[owners[kept], ranks[kept]] = places[kept], values[kept]
    return rows, found


def _joined(blocks: list[tuple[NDArray[np.int64], NDArray[np.float32]]], count: int, across: Across) -> Negatives:
    rows, scores = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    width = int((rows != _NONE).sum(axis=1).max(initial=0))
    if width == 0:
        raise UsageError(
            f"none of {len(rows)} anchors has a negative {_WHERE[across]}: there is nothing to tell apart.",
            fix="Give products of more groups." if across == "any" else "Use across='any'.",
        )
    return Negatives(rows[:, :width], scores[:, :width], count)


def _check(
    anchors: NDArray[np.float32] | None,
    items: NDArray[np.float32] | None,
    known: Known,
    known_items: Known,
    count: int,
    quantile: float,
    across: Across,
) -> None:
    if count < 1 or not 0 < quantile <= 1 or across not in get_args(Across):
        raise UsageError(
            f"negatives: count {count}, quantile {quantile}, across {across!r}; expected a count from 1 up, a quantile "
            f"above 0 and at most 1, and one of {', '.join(get_args(Across))}."
        )
    if len(known) < 1 or len(known_items) < 1:
        raise UsageError(f"there are {len(known)} anchors and {len(known_items)} items; expected at least one of each.")
    if across != "any" and (known.categories is None or known_items.categories is None):
        raise UsageError(f"negatives of {across} categories need categories.", fix="Give them, or use across='any'.")
    for vectors, own, name in ((anchors, known, "anchors"), (items, known_items, "items")):
        if vectors is not None and (vectors.ndim != 2 or len(vectors) != len(own)):
            raise UsageError(f"the {name} are {vectors.shape}; expected ({len(own)}, d).")
        if vectors is not None and not np.isfinite(vectors).all():
            raise UsageError(f"the {name} hold NaN or infinity; expected finite vectors.")
    if anchors is not None and items is not None and anchors.shape[1] != items.shape[1]:
        raise UsageError(f"anchors have {anchors.shape[1]} columns, items {items.shape[1]}; expected one width.")
