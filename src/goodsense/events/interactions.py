"""Who took to what, how much and when: events as arrays, one by one and summed up as a sparse matrix."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events.event import DEFAULT_WEIGHTS, RATED, Event

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Repeats: TypeAlias = Literal["sum", "max", "last"]
REPEATS: tuple[Repeats, ...] = ("sum", "max", "last")
LABELS = ("", "train", "val", "test")
_DAY_S = 86_400.0


@dataclass(frozen=True, eq=False)
class Interactions:
    """Events of users with items, never without the ids of both.

    One entry per event, by user, and within a user by time (those without a time first), then by item.

    Parameters
    ----------
    users, items
        The ids of all rows and columns, (n_users,) and (n_items,), each once; some may have no event.
    starts
        (n_users + 1,) int64; the events of user ``u`` are ``starts[u]:starts[u + 1]``.
    item_rows
        (n_events,) int32, places in ``items``.
    weights
        (n_events,) float64.
    times
        (n_events,) float64, seconds since 1970 UTC; NaN where unknown.
    labels
        (n_events,) int8, places in :data:`LABELS`: the split that the source names.
    repeats
        What several events of one user with one item come to in :attr:`matrix`: their sum, their largest, or the last.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    starts: NDArray[np.int64]
    item_rows: NDArray[np.int32]
    weights: NDArray[np.float64]
    times: NDArray[np.float64]
    labels: NDArray[np.int8]
    repeats: Repeats = "sum"

    def __post_init__(self) -> None:
        count = len(self.item_rows)
        assert self.starts.shape == (len(self.users) + 1,)
        assert self.starts[0] == 0
        assert self.starts[-1] == count
        assert self.weights.shape == self.times.shape == self.labels.shape == (count,)
        if self.repeats not in REPEATS:
            raise UsageError(f"repeated events cannot come to {self.repeats!r}.", fix="Give sum, max or last.")

    @classmethod
    def from_events(
        cls,
        events: Iterable[Event],
        *,
        weights: Mapping[str, float] = DEFAULT_WEIGHTS,
        half_life_days: float | None = None,
        repeats: Repeats = "sum",
        min_rating: float | None = None,
        types: Collection[str] | None = None,
    ) -> Interactions:
        """Weigh events and bring them into order; users and items are sorted by id.

        An event weighs what it says itself; else, if it is a ``rate`` or ``review`` with a rating, that rating; else
        what its type weighs (types that are not named: 1). Events that weigh 0 or name no item are left out.

        Parameters
        ----------
        events
            Read once, as a stream, in any order.
        weights
            Weight by type.
        half_life_days
            The age at which an event weighs half, counted back from the last event; one without a time keeps all its
            weight. None: age does not matter.
        repeats
            See the class.
        min_rating
            Events with a lower rating are left out, as no sign of liking.
        types
            Only events of these types.
        """
        if half_life_days is not None and not half_life_days > 0:
            raise UsageError(f"a half-life of {half_life_days:g} days is none.", fix="Give a positive number of days.")
        kept = _Columns()
        for event in events:
            if types is not None and event.type not in types:
                continue
            if min_rating is not None and event.rating is not None and event.rating < min_rating:
                continue
            weight = weight_of(event, weights)
            if weight and event.item and event.user:
                kept.add(event, weight)
        return kept.interactions(half_life_days, repeats)

    def __len__(self) -> int:
        """How many events there are."""
        return len(self.item_rows)

    # ---- views

    @cached_property
    def user_rows(self) -> NDArray[np.int32]:
        """The user of every event, (n_events,)."""
        return np.repeat(np.arange(len(self.users), dtype=np.int32), np.diff(self.starts))

    @cached_property
    def pairs(self) -> Pairs:
        """Every user with every item of theirs, once."""
        return Pairs.of(self)

    @cached_property
    def matrix(self) -> csr_matrix:
        """Weights, (n_users, n_items); repeated events come to what ``repeats`` says."""
        from scipy.sparse import csr_matrix

        pairs = self.pairs
        counts = np.bincount(pairs.user_rows, minlength=len(self.users))
        starts = np.concatenate(([0], np.cumsum(counts)))
        return csr_matrix((pairs.weights, pairs.item_rows, starts), shape=(len(self.users), len(self.items)))

    def history(self, user: str) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
        """Items, weights and times of one user's events, in the order of time."""
        row = self._user_places.get(user)
        if row is None:
            raise UsageError(f"there is no user {user!r} among these interactions.", fix="Check the id.")
        part = slice(self.starts[row], self.starts[row + 1])
        return tuple(self.items[place] for place in self.item_rows[part]), self.weights[part], self.times[part]

    def histories(self) -> Iterator[tuple[str, tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]]:
        """User, items, weights and times of all users that have events."""
        for row in np.flatnonzero(np.diff(self.starts)):
            yield self.users[row], *self.history(self.users[row])

    @cached_property
    def _user_places(self) -> dict[str, int]:
        return {id: place for place, id in enumerate(self.users)}

    # ---- parts

    def only(self, mask: NDArray[np.bool_]) -> Interactions:
        """The events under a mask (n_events,), over the same users and items."""
        assert mask.shape == (len(self),)
        counts = np.bincount(self.user_rows[mask], minlength=len(self.users))
        return replace(
            self,
            starts=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            item_rows=self.item_rows[mask],
            weights=self.weights[mask],
            times=self.times[mask],
            labels=self.labels[mask],
        )

    def select(self, *, users: Sequence[str] | None = None, items: Sequence[str] | None = None) -> Interactions:
        """The events of these users with these items; what is there then is these ids, in this order.

        Raises
        ------
        UsageError
            If an id is not among them, or is given twice.
        """
        user_places = _places(self.users, users, "user")
        item_places = _places(self.items, items, "item")
        new_item = np.full(len(self.items), -1, dtype=np.int32)
        new_item[item_places] = np.arange(len(item_places), dtype=np.int32)
        chosen = np.concatenate(
            [np.empty(0, np.int64), *(np.arange(self.starts[row], self.starts[row + 1]) for row in user_places)]
        )
        user_rows = np.repeat(np.arange(len(user_places)), np.diff(self.starts)[user_places])
        rows = new_item[self.item_rows[chosen]]
        chosen, user_rows, rows = chosen[rows >= 0], user_rows[rows >= 0], rows[rows >= 0]
        order = np.lexsort((rows, _sortable(self.times[chosen]), user_rows))
        chosen, user_rows, rows = chosen[order], user_rows[order], rows[order]
        return Interactions(
            tuple(self.users[place] for place in user_places),
            tuple(self.items[place] for place in item_places),
            np.searchsorted(user_rows, np.arange(len(user_places) + 1)).astype(np.int64),
            rows,
            self.weights[chosen],
            self.times[chosen],
            self.labels[chosen],
            self.repeats,
        )

    def restrict(self, *, min_user: int = 1, min_item: int = 1) -> Interactions:
        """The largest part in which every user has at least ``min_user`` items and every item ``min_item`` users.

        Repeated events with one item count once. This is the k-core of the literature for equal numbers.
        """
        pairs = self.pairs
        kept = np.ones(len(pairs.item_rows), dtype=np.bool_)
        while True:
            users = np.bincount(pairs.user_rows[kept], minlength=len(self.users)) >= min_user
            items = np.bincount(pairs.item_rows[kept], minlength=len(self.items)) >= min_item
            fits = kept & users[pairs.user_rows] & items[pairs.item_rows]
            if (fits == kept).all():
                break
            kept = fits
        left_users, left_items = np.unique(pairs.user_rows[kept]), np.unique(pairs.item_rows[kept])
        return self.select(users=[self.users[row] for row in left_users], items=[self.items[row] for row in left_items])

    # ---- on disk

    def save(self, path: Path) -> None:
        """Write them to a safetensors file, whole or not at all."""
        from goodsense.events.storage import save

        save(self, path)

    @staticmethod
    def load(path: Path) -> Interactions:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is missing, damaged or something else.
        """
        from goodsense.events.storage import load

        return load(path)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every user with every item of theirs, once, by user and item; arrays are (n_pairs,)."""

    user_rows: NDArray[np.int64]
    item_rows: NDArray[np.int64]
    weights: NDArray[np.float64]
    first_times: NDArray[np.float64]
    last_times: NDArray[np.float64]
    of_event: NDArray[np.int64]  # (n_events,) the pair that an event belongs to

    @classmethod
    def of(cls, interactions: Interactions) -> Pairs:
        """Sum up the events of every pair; unknown times are passed over where another one is known."""
        width = max(1, len(interactions.items))
        codes: NDArray[np.int64] = interactions.user_rows.astype(np.int64) * width + interactions.item_rows
        found, of_event = np.unique(codes, return_inverse=True)
        order = np.argsort(codes, kind="stable")  # within a pair the events stay in the order of time
        begins = np.searchsorted(codes[order], found)
        weights, times = interactions.weights[order], interactions.times[order]
        if not len(found):
            none = np.empty(0)
            return cls(found, found, none, none, none, of_event)
        if interactions.repeats == "last":
            ends = np.append(begins[1:], len(codes)) - 1
            summed = weights[ends]
        else:
            total: np.ufunc = np.add if interactions.repeats == "sum" else np.maximum
            summed = total.reduceat(weights, begins)
        first, last = np.fmin.reduceat(times, begins), np.fmax.reduceat(times, begins)
        return cls(found // width, found % width, summed, first, last, of_event)


def weight_of(event: Event, weights: Mapping[str, float] = DEFAULT_WEIGHTS) -> float:
    """What an event weighs: its own weight, else the rating of a rating, else what its type weighs."""
    if event.weight is not None:
        return event.weight
    if event.rating is not None and event.type in RATED:
        return event.rating
    return weights.get(event.type, 1.0)


class _Columns:
    """Events as growing arrays of machine numbers, so that a million of them is small."""

    def __init__(self) -> None:
        self._users: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._user_rows, self._item_rows, self._labels = array("i"), array("i"), array("b")
        self._weights, self._times = array("d"), array("d")

    def add(self, event: Event, weight: float) -> None:
        self._user_rows.append(self._users.setdefault(event.user, len(self._users)))
        self._item_rows.append(self._items.setdefault(event.item, len(self._items)))
        self._weights.append(weight)
        self._times.append(float("nan") if event.time is None else event.time)
        self._labels.append(LABELS.index(event.split))

    def interactions(self, half_life_days: float | None, repeats: Repeats) -> Interactions:
        users, user_rows = _by_id(self._users, self._user_rows)
        items, item_rows = _by_id(self._items, self._item_rows)
        weights, times = np.array(self._weights, np.float64), np.array(self._times, np.float64)
        known = ~np.isnan(times)
        if half_life_days is not None and known.any():
            age = (times[known].max() - times[known]) / (half_life_days * _DAY_S)
            weights[known] *= np.exp2(-age)
        order = np.lexsort((item_rows, _sortable(times), user_rows))
        return Interactions(
            users,
            items,
            np.searchsorted(user_rows[order], np.arange(len(users) + 1)).astype(np.int64),
            item_rows[order],
            weights[order],
            times[order],
            np.array(self._labels, np.int8)[order],
            repeats,
        )


def _by_id(places: dict[str, int], rows: array[int]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Ids in their order, and the rows that point to them."""
    ids = tuple(sorted(places))
    new = np.empty(len(ids), np.int32)
    for place, id in enumerate(ids):
        new[places[id]] = place
    return ids, new[np.array(rows, np.int32)]


def _sortable(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times with the unknown ones before all others."""
    return np.where(np.isnan(times), -np.inf, times)


def _places(known: tuple[str, ...], wanted: Sequence[str] | None, what: str) -> NDArray[np.int64]:
    if wanted is None:
        return np.arange(len(known))
    places = {id: place for place, id in enumerate(known)}
    missing: list[Any] = [id for id in wanted if id not in places]
    if missing:
        raise UsageError(f"there is no {what} {missing[0]!r} among these interactions.", fix="Check the ids.")
    if len(set(wanted)) < len(wanted):
        raise UsageError(f"a {what} was asked for twice.", fix="Give every id once.")
    return np.array([places[id] for id in wanted], np.int64)
