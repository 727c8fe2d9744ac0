"""Which products belong together, as pairs of rows with weights: from groups, titles, queries and baskets.

The modalities of one product need no pairs: they are the two sides of :func:`goodsense.learning.losses.info_nce`. What
shoppers do is given as plain arrays or mappings, with the products as rows of the blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from goodsense.errors import UsageError
from goodsense.learning.lesson import Lesson

LARGEST = 100  # products of one query or basket: more say nothing of any two of them
PARTNERS = 8  # of a product within a large group
PURCHASE = 4.0  # clicks that a purchase is worth


@dataclass(frozen=True, eq=False)
class Pairs:
    """``rows`` ``(m, 2)`` int64, the smaller first, ascending, each pair once; ``weights`` ``(m,)`` float32 above 0."""

    rows: NDArray[np.int64]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, rows: ArrayLike, weights: ArrayLike) -> Pairs:
        """Any pairs ``(m, 2)`` with weights ``(m,)``: ordered, those of weight 0 or with themselves left out.

        A pair that comes several times has the sum of its weights.

        Raises
        ------
        UsageError
            If shapes disagree, a row is negative, or a weight is not a finite number from 0 up.
        """
        places, values = np.asarray(rows, dtype=np.int64).reshape(-1, 2), np.asarray(weights, dtype=np.float64)
        if values.shape != (len(places),):
            raise UsageError(f"there are {len(places)} pairs with weights {values.shape}; expected one weight each.")
        if places.size and places.min() < 0:
            raise UsageError(f"pairs name the row {places.min()}; expected rows from 0 up.")
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise UsageError("a pair has a weight below 0 or not finite; expected finite numbers from 0 up.")
        kept = (places[:, 0] != places[:, 1]) & (values > 0)
        unique, which = np.unique(np.sort(places[kept], axis=1), axis=0, return_inverse=True)
        total = np.bincount(which.ravel(), weights=values[kept], minlength=len(unique))
        return cls(unique.reshape(-1, 2), total.astype(np.float32))

    @classmethod
    def of_groups(cls, groups: ArrayLike, *, partners: int = PARTNERS) -> Pairs:
        """All pairs within each group ``(n,)``: variants, the same title; -1 is no group.

        Every member has the weight 1 in all, shared out over its partners. In a group of more than ``partners + 1``, a
        member is paired with half of ``partners`` (rounded up) to either side by row, the last next to the first, so
        that pairs grow with the products and not with their square.
        """
        numbers = _whole(groups, "groups")
        grouped = np.flatnonzero(numbers >= 0)
        order = grouped[np.argsort(numbers[grouped], kind="stable")]
        runs = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
        found, weights = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0)]
        for run in runs:
            pairs = _within(len(run), partners)
            found.append(run[pairs])
            weights.append(np.full(len(pairs), len(run) / max(1, 2 * len(pairs))))
        return cls.of(np.concatenate(found), np.concatenate(weights))

    @classmethod
    def of_queries(
        cls,
        queries: ArrayLike,
        rows: ArrayLike,
        clicks: ArrayLike,
        purchases: ArrayLike | None = None,
        *,
        purchase: float = PURCHASE,
        largest: int = LARGEST,
    ) -> Pairs:
        """Products that were clicked or bought for one query: entries of a query and a product, all ``(e,)``.

        A product is worth ``log(1 + clicks + purchase * purchases)`` to a query, a pair the geometric mean of both,
        divided by the other products of the query. Queries of more than ``largest`` products are left out. What each
        product is worth to a query itself is what :func:`goodsense.learning.losses.rank_weighted` learns from
        (:func:`gains`).
        """
        return _together(queries, rows, _counts(clicks, purchases, purchase), np.log1p, largest)

    @classmethod
    def of_baskets(cls, baskets: ArrayLike, rows: ArrayLike, *, largest: int = LARGEST) -> Pairs:
        """Products bought together: entries of a basket (or shopper) and a product, both ``(e,)``; co-purchase.

        A basket of ``s`` different products gives each of its pairs ``1 / (s - 1)``; one of more than ``largest`` gives
        nothing.
        """
        places = _whole(rows, "rows")
        return _together(baskets, places, np.ones(len(places)), np.sign, largest)

    @classmethod
    def of_together(cls, together: Mapping[str, Mapping[str, float]], ids: Sequence[str]) -> Pairs:
        """From id -> other id -> weight, as profiles of behaviour tell it; ids that are no product are passed over."""
        place = {id: row for row, id in enumerate(ids)}
        found = [
            (place[one], place[other], weight)
            for one, own in together.items()
            for other, weight in own.items()
            if one in place and other in place
        ]
        return cls.of([pair[:2] for pair in found], [pair[2] for pair in found])

    def scaled(self, weight: float = 1.0) -> Pairs:
        """The same pairs with ``weight`` as the mean of their weights."""
        if not 0 <= weight < float("inf"):
            raise UsageError(f"pairs get the mean weight {weight}; expected a finite number from 0 up.")
        mean = float(self.weights.mean(dtype=np.float64)) if len(self) else 1.0
        return Pairs.of(self.rows, self.weights * (weight / mean))

    def matrix(self, count: int) -> Any:
        """Sparse, symmetric ``(count, count)``: the weight of each pair; ``matrix[rows][:, rows]`` is a batch's."""
        from scipy.sparse import csr_matrix

        one, other = self.rows.T
        both = (np.concatenate([one, other]), np.concatenate([other, one]))
        return csr_matrix((np.concatenate([self.weights, self.weights]), both), shape=(count, count))

    def lesson(self, groups: NDArray[np.int64], labels: Mapping[str, NDArray[np.int64]] | None = None) -> Lesson:
        """A lesson with these pairs."""
        return Lesson(groups, labels or {}, self.rows, self.weights)


def merged(sources: Mapping[str, Pairs], weights: Mapping[str, float] | None = None) -> Pairs:
    """One list of pairs from several sources, of the mean weight 1.

    The weights of each source are first brought to its mean weight, so that clicks in their thousands do not drown
    variants; then a pair's weights are added up over the sources.

    Parameters
    ----------
    sources
        Name -> pairs.
    weights
        Name -> mean weight from 0 up; 1 where none is given, and 0 leaves a source out.
    """
    given = dict(weights or {})
    unknown = [name for name in given if name not in sources]
    if unknown:
        raise UsageError(f"weights name the pairs {unknown[0]!r}; expected {', '.join(sorted(sources)) or 'none'}.")
    scaled = [sources[name].scaled(given.get(name, 1.0)) for name in sorted(sources)]
    rows = np.concatenate([np.zeros((0, 2), dtype=np.int64), *(own.rows for own in scaled)])
    return Pairs.of(rows, np.concatenate([np.zeros(0), *(own.weights for own in scaled)])).scaled()


def title_groups(titles: Sequence[str]) -> NDArray[np.int64]:
    """A number for each different title ``(n,)``, letter case and spaces aside; -1 for an empty one."""
    keys = [" ".join(title.casefold().split()) for title in titles]
    place: dict[str, int] = {}
    return np.array([place.setdefault(key, len(place)) if key else -1 for key in keys], dtype=np.int64)


def joined_groups(*groupings: ArrayLike) -> NDArray[np.int64]:
    """Groups ``(n,)`` of rows that any grouping ``(n,)`` puts together, directly or by way of others.

    -1 in a grouping is no group. What comes out numbers every row, groups in the order of their first rows: those of a
    :class:`~goodsense.learning.lesson.Lesson` from variants, GTINs and titles.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    if not groupings:
        raise UsageError("there is no grouping; expected at least one.")
    numbers = [_whole(own, "groups") for own in groupings]
    count = len(numbers[0])
    links = [np.zeros((0, 2), dtype=np.int64)]
    for own in numbers:
        if len(own) != count:
            raise UsageError(f"groupings are of {count} and {len(own)} products; expected the same products.")
        rows = np.flatnonzero(own >= 0)
        order = rows[np.argsort(own[rows], kind="stable")]
        same = own[order[1:]] == own[order[:-1]]
        links.append(np.stack([order[:-1][same], order[1:][same]], axis=1))
    one, other = np.concatenate(links).T
    graph = csr_matrix((np.ones(len(one)), (one, other)), shape=(count, count))
    found: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def gains(clicks: ArrayLike, purchases: ArrayLike | None = None, *, purchase: float = PURCHASE) -> NDArray[np.float64]:
    """What products are worth to queries, ``log(1 + clicks + purchase * purchases)``, ``(e,)`` each."""
    return np.log1p(_counts(clicks, purchases, purchase))


def _counts(clicks: ArrayLike, purchases: ArrayLike | None, purchase: float) -> NDArray[np.float64]:
    """Clicks, and purchases as clicks."""
    counts = np.asarray(clicks, dtype=np.float64)
    if purchases is not None:
        bought = np.asarray(purchases, dtype=np.float64)
        if bought.shape != counts.shape:
            raise UsageError(f"there are {counts.shape} clicks and {bought.shape} purchases; expected as many.")
        counts = counts + purchase * bought
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise UsageError("a count of clicks or purchases is below 0 or not finite; expected finite numbers from 0 up.")
    return counts


def _together(
    owners: ArrayLike,
    rows: ArrayLike,
    counts: NDArray[np.float64],
    worth: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    largest: int,
) -> Pairs:
    """Pairs of products of one owner: the geometric mean of what their counts are worth over its other products."""
    from scipy.sparse import csr_matrix, diags_array

    places, names = _whole(rows, "rows"), np.asarray(owners)
    if not names.shape == places.shape == counts.shape:
        raise UsageError(
            f"there are {names.shape} owners, {places.shape} rows and {counts.shape} counts; expected one each."
        )
    if places.size and places.min() < 0:
        raise UsageError(f"the row {places.min()} is none; expected rows from 0 up.")
    numbers = np.unique(names, return_inverse=True)[1].ravel()
    shape = (int(numbers.max(initial=-1)) + 1, int(places.max(initial=-1)) + 1)
    table = csr_matrix((counts, (numbers, places)), shape=shape)
    table.sum_duplicates()
    table.eliminate_zeros()
    sizes = np.diff(table.indptr)
    fitting = (sizes > 1) & (sizes <= largest)
    if not fitting.any():
        return Pairs.of([], [])
    table.data = np.sqrt(worth(table.data))
    table = table[fitting]
    found = (table.T @ diags_array(1 / (sizes[fitting] - 1)) @ table).tocoo()
    upper = found.row < found.col
    return Pairs.of(np.stack([found.row[upper], found.col[upper]], axis=1), found.data[upper])


def _within(size: int, partners: int) -> NDArray[np.int64]:
    """Pairs of places in a group of ``size``: all, or each with the ``partners`` nearest round a ring."""
    if partners < 1:
        raise UsageError(f"a product of a large group has {partners} partners; expected at least 1.")
    if size <= partners + 1:
        return np.stack(np.triu_indices(size, 1), axis=1).astype(np.int64)
    steps = np.arange(1, (partners + 1) // 2 + 1)
    one = np.repeat(np.arange(size), len(steps))
    return np.stack([one, (one + np.tile(steps, size)) % size], axis=1)


def _whole(values: ArrayLike, name: str) -> NDArray[np.int64]:
    found = np.asarray(values)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise UsageError(f"{name} are {found.shape} of {found.dtype}; expected whole numbers (n,).")
    return found.astype(np.int64)
