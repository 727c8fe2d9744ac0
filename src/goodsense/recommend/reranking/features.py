"""What a click may depend on besides the position: scores, prices, time, device, place, popularity, age, likeness.

What is known of a shopper or a product is what the log holds *before* the moment in question, so a model that learns
from past lists sees what it would have seen then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.recommend.content import Content
from goodsense.recommend.reranking.draft import Request
from goodsense.recommend.reranking.shown import Shown
from goodsense.types import Vectors, normalise

Column = NDArray[np.float64]
_DAY_S = 86_400.0
_LAST = 50  # events of a shopper that are looked back on
_AT_ONCE = 2_048  # moments that are looked at together
_MANY = 20  # lists in which a device or place occurs before it is a column


@dataclass(frozen=True, eq=False)
class Features:
    """``values (m, f)`` float64, one column per name; NaN where something is not known."""

    names: tuple[str, ...]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.integer]) -> Features:
        return Features(self.names, self.values[rows])


@dataclass(frozen=True, eq=False)
class _Pasts:
    """What shoppers had done by some moments: usual log price ``(q,)``; per block mean and latest vector ``(q, d)``."""

    price: Column
    means: Mapping[str, Vectors]
    latest: Mapping[str, Vectors]


class CandidateFeatures:
    """Makes features of lists that were shown, and of candidates for a list.

    Parameters
    ----------
    content
        Prices and vectors of products.
    log
        What shoppers did; its users and items are looked up by id.
    devices, places
        Those that are columns; any others are none of them.
    """

    def __init__(
        self, content: Content, log: Interactions, *, devices: Sequence[str] = (), places: Sequence[str] = ()
    ) -> None:
        self.devices, self.places = tuple(devices), tuple(places)
        self._rows = {id: row for row, id in enumerate(content.ids)}
        self._units = {name: _unit(block.vectors, block.present) for name, block in content.blocks.items()}
        prices = np.full(len(content), np.nan) if content.prices is None else content.prices
        self._prices = np.log(np.where(prices > 0, prices, np.nan))
        self._users = {id: row for row, id in enumerate(log.users)}
        self._log_rows = np.array([self._rows.get(id, -1) for id in log.items], dtype=np.int64)
        self._log = log
        self._counts = _Counts.of(log)

    @classmethod
    def of(cls, content: Content, log: Interactions, shown: Shown) -> Self:
        """With the devices and places of what was shown, so far as they occur often enough."""
        return cls(content, log, devices=_frequent(shown.devices), places=_frequent(shown.places))

    def of_shown(self, shown: Shown, scores: Mapping[str, Column] | None = None) -> Features:
        """Of every row of what was shown, ``(m, f)``; ``scores`` are what recommenders gave each, ``(m,)``."""
        users = np.array([self._users.get(id, -1) for id in shown.users], dtype=np.int64)
        ends = self._seen_before(users, shown.times)
        moments, of_row = np.unique(np.stack([users, ends], axis=1), axis=0, return_inverse=True)
        rows = np.array([self._rows.get(id, -1) for id in shown.items], dtype=np.int64)
        columns: dict[str, Column] = {}
        for name, column in (scores or {}).items():
            columns[f"score.{name}"] = share_of_best(column, shown.lists)
        columns |= self._of_products(shown.items, rows, shown.times)
        columns |= self._of_context(shown.clock, shown.devices, shown.places)
        columns |= self._of_pasts(moments, of_row.reshape(-1), rows)
        return Features(tuple(columns), np.column_stack(list(columns.values())))

    def of_candidates(
        self, ids: Sequence[str], request: Request, scores: Mapping[str, Column] | None = None
    ) -> Features:
        """Of candidates for one list; the same columns, from the request's own history."""
        rows = np.array([self._rows.get(id, -1) for id in ids], dtype=np.int64)
        times = np.full(len(ids), np.nan if request.time is None else request.time)
        columns: dict[str, Column] = {}
        for name, column in (scores or {}).items():
            columns[f"score.{name}"] = share_of_best(column, np.zeros(len(ids), dtype=np.int64))
        columns |= self._of_products(ids, rows, times)
        clock = times if request.local_time is None else np.full(len(ids), request.local_time)
        columns |= self._of_context(clock, (request.device,) * len(ids), (request.place,) * len(ids))
        own = np.array([self._rows[id] for id in request.history[-_LAST:] if id in self._rows], dtype=np.int64)
        columns |= self._likeness(self._pasts([own]), np.zeros(len(ids), dtype=np.int64), rows)
        return Features(tuple(columns), np.column_stack(list(columns.values())))

    def _seen_before(self, users: NDArray[np.int64], times: Column) -> NDArray[np.int64]:
        """How many events of each shopper lie before a moment, ``(m,)``; of an unknown moment, all do."""
        found = np.zeros(len(users), dtype=np.int64)
        past = np.nan_to_num(self._log.times, nan=-np.inf)
        order = np.argsort(users, kind="stable")
        begins = np.flatnonzero(np.diff(users[order], prepend=-2))
        for part in np.split(order, begins[1:]):
            user = int(users[part[0]]) if len(part) else -1
            if user >= 0:
                own = past[self._log.starts[user] : self._log.starts[user + 1]]
                found[part] = np.searchsorted(own, np.nan_to_num(times[part], nan=np.inf), side="left")
        return found

    def _of_products(self, ids: Sequence[str], rows: NDArray[np.int64], times: Column) -> dict[str, Column]:
        counts, age = self._counts.before(ids, times)
        price = np.append(self._prices, np.nan)[rows]
        return {"price": price, "popularity": np.log1p(counts), "age": np.log1p(age)}

    def _of_context(self, times: Column, devices: Sequence[str], places: Sequence[str]) -> dict[str, Column]:
        hours, days = times % _DAY_S / _DAY_S * 2 * np.pi, ((times // _DAY_S) + 3) % 7  # 1970-01-01 was a Thursday
        found = {"hour.sin": np.sin(hours), "hour.cos": np.cos(hours)}
        found["weekend"] = np.where(np.isnan(days), np.nan, (days >= 5).astype(np.float64))
        found |= {f"weekday.{day}": (days == day).astype(np.float64) for day in range(7)}
        for what, known, given in (("device", self.devices, devices), ("place", self.places, places)):
            told = np.array(given or [""] * len(times), dtype=object)
            found |= {f"{what}={name}": (told == name).astype(np.float64) for name in known}
        return found

    def _of_pasts(
        self, moments: NDArray[np.int64], of_row: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> dict[str, Column]:
        names = ["price.relative", *(f"like.{name}.{how}" for name in self._units for how in ("mean", "latest"))]
        found = {name: np.full(len(rows), np.nan) for name in names}
        for begin in range(0, len(moments), _AT_ONCE):
            part = moments[begin : begin + _AT_ONCE]
            pasts = self._pasts([self._past(user, end) for user, end in part.tolist()])
            chosen = np.flatnonzero((of_row >= begin) & (of_row < begin + len(part)))
            for name, column in self._likeness(pasts, of_row[chosen] - begin, rows[chosen]).items():
                found[name][chosen] = column
        return found

    def _past(self, user: int, end: int) -> NDArray[np.int64]:
        """The latest products of a shopper before their event number ``end``."""
        if user < 0:
            return np.empty(0, np.int64)
        start = int(self._log.starts[user])
        rows = self._log_rows[self._log.item_rows[start + max(0, end - _LAST) : start + end]]
        return rows[rows >= 0]

    def _pasts(self, pasts: Sequence[NDArray[np.int64]]) -> _Pasts:
        price = np.full(len(pasts), np.nan)
        means = {name: np.zeros((len(pasts), unit.shape[1]), np.float32) for name, unit in self._units.items()}
        latest = {name: np.zeros_like(rows) for name, rows in means.items()}
        for at, own in enumerate(pasts):
            known = self._prices[own][~np.isnan(self._prices[own])]
            price[at] = np.median(known) if len(known) else np.nan
            for name, unit in self._units.items():
                vectors = unit[own][unit[own].any(axis=1)]
                if len(vectors):
                    means[name][at], latest[name][at] = vectors.mean(axis=0), vectors[-1]
        return _Pasts(price, {name: normalise(rows) for name, rows in means.items()}, latest)

    def _likeness(self, pasts: _Pasts, of_row: NDArray[np.int64], rows: NDArray[np.int64]) -> dict[str, Column]:
        found = {"price.relative": np.append(self._prices, np.nan)[rows] - pasts.price[of_row]}
        for name, unit in self._units.items():
            own = np.vstack([unit, np.zeros((1, unit.shape[1]), np.float32)])[rows]  # (m, d)
            for how, past in (("mean", pasts.means[name]), ("latest", pasts.latest[name])):
                cosine = np.einsum("md,md->m", own, past[of_row]).astype(np.float64)
                there = np.asarray(own.any(axis=1)) & np.asarray(past.any(axis=1))[of_row]
                found[f"like.{name}.{how}"] = np.where(there, cosine, np.nan)
        return found


@dataclass(frozen=True, eq=False)
class _Counts:
    """Events of every product by time."""

    rows: Mapping[str, int]
    starts: NDArray[np.int64]
    times: Column

    @classmethod
    def of(cls, log: Interactions) -> _Counts:
        times = np.nan_to_num(log.times, nan=-np.inf)
        order = np.lexsort((times, log.item_rows))
        starts = np.searchsorted(log.item_rows[order], np.arange(len(log.items) + 1))
        return cls({id: row for row, id in enumerate(log.items)}, starts.astype(np.int64), times[order])

    def before(self, ids: Sequence[str], times: Column) -> tuple[Column, Column]:
        """How many events each product had before a moment, and how many days ago the first was (NaN: none)."""
        rows = np.array([self.rows.get(id, -1) for id in ids], dtype=np.int64)
        until = np.nan_to_num(times, nan=np.inf)
        counts, age = np.zeros(len(rows)), np.full(len(rows), np.nan)
        order = np.argsort(rows, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(rows[order], prepend=-2))[1:]):
            row = int(rows[part[0]]) if len(part) else -1
            if row >= 0:
                own = self.times[self.starts[row] : self.starts[row + 1]]
                counts[part] = np.searchsorted(own, until[part], side="left")
                if len(own) and np.isfinite(own[0]):
                    days = (times[part] - own[0]) / _DAY_S
                    age[part] = np.where(days > 0, days, np.nan)
        return counts, age


def share_of_best(scores: Column, lists: NDArray[np.int64]) -> Column:
    """Scores as shares of the largest of their list: those of recommenders compare within a list only."""
    if scores.shape != lists.shape:
        raise UsageError(f"scores of shape {scores.shape} for {len(lists)} rows.", fix="Give one score per row.")
    names, places = np.unique(lists, return_inverse=True)
    best = np.zeros(len(names))
    np.maximum.at(best, places, np.abs(np.nan_to_num(scores)))
    return scores / np.maximum(best[places], 1e-12)


def _unit(vectors: Vectors, present: NDArray[np.bool_]) -> Vectors:
    return normalise(np.where(present[:, None], vectors, np.float32(0)))


def _frequent(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name, count in Counter(names).items() if name and count >= _MANY))
