"""What goes together, by what shoppers did: one profile per product."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import DEFAULT_WEIGHTS, GAP_S, Event, weight_of
from goodsense.types import Profile

_DAY_S = 86_400.0
_BOUGHT, _CARTED, _SEEN, _OTHER = range(4)
_KINDS: Mapping[str, int] = {"purchase": _BOUGHT, "cart": _CARTED, "view": _SEEN, "click": _SEEN}
_BLOCK = 5_000_000  # pairs made at once


@dataclass(frozen=True)
class Ties:
    """How much each way of going together says, per pair of products; they add up.

    Parameters
    ----------
    purchase
        Both bought by one shopper, at one time or another (co-purchase).
    cart
        Both put into a cart by one shopper (user-cart).
    view
        Both looked at within one visit (co-view).
    session
        Anything at all within one visit.
    """

    purchase: float = 4.0
    cart: float = 2.0
    view: float = 1.0
    session: float = 0.5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise UsageError(f"the tie {name!r} weighs {value}; expected a finite number from 0 up.")


def profiles(
    events: Iterable[Event],
    *,
    ties: Ties | None = None,
    weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    gap_s: float = GAP_S,
    half_life_days: float | None = None,
    min_rating: float | None = None,
    largest: int = 100,
    most: int = 100,
) -> dict[str, Profile]:
    """The profile of every product that somebody did something with, by id.

    A group, all products of one visit or one shopper, gives each of its products the same whole, shared out over the
    others: ``tie / (size - 1)`` per pair. So a visit of two says more of its pair than one of fifty. How much a shopper
    cared for a product is the sum of the weights of their events with it.

    Parameters
    ----------
    events
        Read once, as a stream, in any order; what weighs nothing or less (impressions, removals) is left out.
    ties
        What each way of going together counts; None takes the defaults.
    weights
        Weight by type of event, where an event has none of its own.
    gap_s
        Seconds without a sign that end a visit, where the source names none.
    half_life_days
        The age at which an event or group weighs half, counted back from the last event. None: age does not matter.
    min_rating
        Events with a lower rating are left out, as no sign of liking.
    largest
        Groups of more products are left out: who looks at hundreds in one visit is no shopper.
    most
        At most so many other products stay in a profile, the strongest.
    """
    if not gap_s > 0:
        raise UsageError(f"a pause of {gap_s:g} s cannot part visits.", fix="Give a positive number of seconds.")
    if half_life_days is not None and not half_life_days > 0:
        raise UsageError(f"a half-life of {half_life_days:g} days is none.", fix="Give a positive number of days.")
    kept = _Columns()
    for event in events:
        if min_rating is None or event.rating is None or event.rating >= min_rating:
            kept.add(event, weight_of(event, weights))
    log = kept.log()
    fading = log.fading(half_life_days)
    groups, shares = _groups(log, Ties() if ties is None else ties, gap_s, fading, largest)
    users = _users(log, fading)
    together = _strongest(groups, shares, most)
    return {
        item: Profile(dict(pairs), dict(cared))
        for item, pairs, cared in zip(log.items, _named(together, log.items), _named(users, log.users), strict=True)
    }


@dataclass(frozen=True, eq=False)
class _Log:
    """Events as arrays ``(n,)``; ``visits`` is -1 where the source names none, ``times`` NaN where unknown."""

    users: tuple[str, ...]
    items: tuple[str, ...]
    user_rows: NDArray[np.int64]
    item_rows: NDArray[np.int64]
    kinds: NDArray[np.int64]
    visits: NDArray[np.int64]
    times: NDArray[np.float64]
    weights: NDArray[np.float64]

    def fading(self, half_life_days: float | None) -> NDArray[np.float64]:
        """What age leaves of each event; all of it where the time is not known."""
        known = ~np.isnan(self.times)
        left = np.ones(len(self.times))
        if half_life_days is not None and known.any():
            left[known] = np.exp2((self.times[known] - self.times[known].max()) / (half_life_days * _DAY_S))
        return left

    def visit_rows(self, gap_s: float) -> NDArray[np.int64]:
        """A number for the visit of each event, as :func:`goodsense.events.sessions` parts them; -1 for none."""
        order = np.lexsort((self.times, self.visits, self.user_rows))
        users, visits, times = self.user_rows[order], self.visits[order], self.times[order]
        placed = (visits >= 0) | ~np.isnan(times)
        order, users, visits, times = order[placed], users[placed], visits[placed], times[placed]
        found = np.full(len(self.times), -1, dtype=np.int64)
        if len(order):
            pause = (visits[1:] < 0) & (times[1:] - times[:-1] > gap_s)
            begins = (users[1:] != users[:-1]) | (visits[1:] != visits[:-1]) | pause
            found[order] = np.concatenate(([0], np.cumsum(begins)))
        return found


class _Columns:
    """Events as growing arrays of machine numbers, so that a million of them is small."""

    def __init__(self) -> None:
        self._users: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._visits: dict[str, int] = {}
        self._rows = tuple(array("q") for _ in range(4))
        self._times, self._weights = array("d"), array("d")

    def add(self, event: Event, weight: float) -> None:
        if weight <= 0 or not event.item:
            return
        users, items, kinds, visits = self._rows
        users.append(self._users.setdefault(event.user, len(self._users)))
        items.append(self._items.setdefault(event.item, len(self._items)))
        kinds.append(_KINDS.get(event.type, _OTHER))
        visits.append(self._visits.setdefault(event.session, len(self._visits)) if event.session else -1)
        self._times.append(float("nan") if event.time is None else event.time)
        self._weights.append(weight)

    def log(self) -> _Log:
        """The arrays, users and items in the order of their ids, so that the order of reading changes nothing."""
        users, user_rows = _by_id(self._users, self._rows[0])
        items, item_rows = _by_id(self._items, self._rows[1])
        _, visits = _by_id(self._visits, self._rows[3])
        times, weights = np.array(self._times), np.array(self._weights)
        kinds = np.array(self._rows[2], np.int64)
        order = np.lexsort((weights, kinds, visits, times, item_rows, user_rows))
        return _Log(
            users,
            items,
            user_rows[order],
            item_rows[order],
            kinds[order],
            visits[order],
            times[order],
            weights[order],
        )


def _by_id(places: Mapping[str, int], rows: Any) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    ids = tuple(sorted(places))
    new = np.full(len(ids) + 1, -1, dtype=np.int64)  # the last place is for -1
    for place, id in enumerate(ids):
        new[places[id]] = place
    return ids, new[np.array(rows, np.int64)]


def _groups(log: _Log, ties: Ties, gap_s: float, fading: NDArray[np.float64], largest: int) -> tuple[Any, Any]:
    """All groups with two products or more, ``(groups, items)`` of ones, and what each gives per pair ``(groups,)``."""
    from scipy.sparse import csr_matrix, vstack

    visits = log.visit_rows(gap_s)
    everything = np.ones(len(visits), dtype=np.bool_)
    parts = (
        (ties.purchase, log.kinds == _BOUGHT, log.user_rows),
        (ties.cart, log.kinds == _CARTED, log.user_rows),
        (ties.view, log.kinds == _SEEN, visits),
        (ties.session, everything, visits),
    )
    matrices, shares = [csr_matrix((0, len(log.items)))], [np.zeros(0)]
    for tie, mask, rows in parts:
        chosen = mask & (rows >= 0)
        if tie > 0 and chosen.any():
            found, freshness = _group_matrix(rows[chosen], log.item_rows[chosen], fading[chosen], len(log.items))
            sizes = np.diff(found.indptr)
            good = (sizes > 1) & (sizes <= largest)
            matrices.append(found[good])
            shares.append(tie * freshness[good] / (sizes[good] - 1))
    return vstack(matrices, format="csr"), np.concatenate(shares)


def _group_matrix(
    rows: NDArray[np.int64], items: NDArray[np.int64], fading: NDArray[np.float64], width: int
) -> tuple[Any, NDArray[np.float64]]:
    """Ones where a group has an item, ``(groups, items)``, and how fresh each group is: its freshest event."""
    from scipy.sparse import csr_matrix

    names, of_event = np.unique(rows, return_inverse=True)
    freshness = np.zeros(len(names))
    np.maximum.at(freshness, of_event, fading)
    found = csr_matrix((np.ones(len(rows)), (of_event, items)), shape=(len(names), width))
    found.sum_duplicates()
    found.data[:] = 1.0
    return found, freshness


def _users(log: _Log, fading: NDArray[np.float64]) -> Any:
    """How much every shopper cared for every product, ``(items, users)``."""
    from scipy.sparse import csr_matrix

    shape = (len(log.items), len(log.users))
    found = csr_matrix((log.weights * fading, (log.item_rows, log.user_rows)), shape=shape)
    found.sum_duplicates()
    return found


def _strongest(groups: Any, shares: NDArray[np.float64], most: int) -> Any:
    """Pairs of products, ``(items, items)``: for each the ``most`` strongest others, ties by their place."""
    from scipy.sparse import csr_matrix, diags_array, vstack

    count = groups.shape[1]
    members = (diags_array(shares) @ groups).T.tocsr() if len(shares) else csr_matrix((count, 0))
    sizes = np.diff(groups.indptr)
    work = np.concatenate(([0], np.cumsum(members.astype(bool) @ sizes))) if len(shares) else np.zeros(count + 1)
    parts = [csr_matrix((0, count))]
    begin = 0
    while begin < count:
        end = max(begin + 1, int(np.searchsorted(work, work[begin] + _BLOCK, side="right")) - 1)
        block = (members[begin:end] @ groups).tocoo()
        other = block.row + begin != block.col
        rows, columns, values = block.row[other], block.col[other], block.data[other]
        order = np.lexsort((columns, -np.round(values, 12), rows))
        rows, columns, values = rows[order], columns[order], values[order]
        firsts = np.searchsorted(rows, np.arange(end - begin))
        strong = np.arange(len(rows)) - firsts[rows] < most
        shape = (end - begin, count)
        parts.append(csr_matrix((values[strong], (rows[strong], columns[strong])), shape=shape))
        begin = end
    return vstack(parts, format="csr")


def _named(matrix: Any, names: tuple[str, ...]) -> Iterable[Iterable[tuple[str, float]]]:
    """Every row as pairs of name and value."""
    labels = np.array(names, dtype=object)
    for begin, end in zip(matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True):
        yield zip(labels[matrix.indices[begin:end]].tolist(), matrix.data[begin:end].tolist(), strict=True)
