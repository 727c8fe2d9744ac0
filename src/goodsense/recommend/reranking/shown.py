"""What was shown where, and what came of it: the rows that click models learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.events.impressions import Impressions

_DAY_S = 86_400.0


@dataclass(frozen=True, eq=False)
class Shown:
    """``m`` products in lists that shoppers saw.

    Parameters
    ----------
    lists
        ``(m,)`` int64: which list a row belongs to.
    users, items
        ``(m,)`` ids.
    positions
        ``(m,)`` int64, from 1.
    clicked, purchased
        ``(m,)`` bool.
    times
        ``(m,)`` seconds since 1970 UTC; NaN where unknown.
    devices, places
        ``(m,)`` as the log calls them, "" where unknown; empty where nothing is known of any.
    local
        ``(m,)`` what clocks showed where the shoppers were, as seconds; None: the same as ``times``.
    """

    lists: NDArray[np.int64]
    users: tuple[str, ...]
    items: tuple[str, ...]
    positions: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    purchased: NDArray[np.bool_]
    times: NDArray[np.float64]
    devices: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    local: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        m = len(self.items)
        own = (self.lists, self.positions, self.clicked, self.purchased, self.times, self.clock)
        if any(column.shape != (m,) for column in own) or len(self.users) != m:
            raise DataError(f"columns of what was shown are not all of {m} rows.", fix="Give one value per row.")
        if {len(self.devices), len(self.places)} - {0, m}:
            raise DataError(f"devices or places are neither none nor {m}.", fix='Give "" where one is not known.')
        if m and self.positions.min() < 1:
            raise DataError(f"a position is {self.positions.min()}; they count from 1.", fix="Correct the log.")

    @classmethod
    def of(cls, impressions: Impressions) -> Shown:
        """From impressions joined with actions; those without a position are left out.

        Positions that count from 0 are counted from 1. The context's ``device``, ``place`` and ``local_time`` (ISO
        8601, or ``14:30``, or an hour) are kept.
        """
        rows = np.flatnonzero(impressions.positions >= 0)
        who, lists = impressions.user_rows[rows], impressions.ranking_rows[rows]
        positions = impressions.positions[rows].astype(np.int64)
        contexts = [impressions.contexts[row] for row in impressions.context_rows[rows].tolist()]
        times = impressions.times[rows]
        local = [_clock(own.get("local_time", ""), time) for own, time in zip(contexts, times.tolist(), strict=True)]
        return cls(
            lists.astype(np.int64) * max(1, len(impressions.users)) + who,
            tuple(impressions.users[row] for row in who.tolist()),
            tuple(impressions.items[row] for row in impressions.item_rows[rows].tolist()),
            positions + int(len(rows) > 0 and positions.min() == 0),
            impressions.clicked[rows],
            impressions.purchased[rows],
            times,
            tuple(own.get("device", "") for own in contexts),
            tuple(own.get("place", "") for own in contexts),
            np.array(local, dtype=np.float64),
        )

    @property
    def clock(self) -> NDArray[np.float64]:
        """``(m,)`` what clocks showed."""
        return self.times if self.local is None else self.local

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: NDArray[np.integer]) -> Shown:
        """Some rows, in this order."""
        places = np.asarray(rows, dtype=np.int64)

        def of(column: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(column[row] for row in places.tolist()) if column else ()

        return replace(
            self,
            lists=self.lists[places],
            users=of(self.users),
            items=of(self.items),
            positions=self.positions[places],
            clicked=self.clicked[places],
            purchased=self.purchased[places],
            times=self.times[places],
            devices=of(self.devices),
            places=of(self.places),
            local=None if self.local is None else self.local[places],
        )

    def parted(self, share: float = 0.2) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows to learn from and rows to validate on: the latest lists, about this share of all, are the latter."""
        names, places = np.unique(self.lists, return_inverse=True)
        begun = np.full(len(names), np.inf)
        np.minimum.at(begun, places, np.nan_to_num(self.times, nan=-np.inf))
        order = np.lexsort((names, begun))
        late = np.zeros(len(names), dtype=np.bool_)
        late[order[len(names) - round(share * len(names)) :]] = True
        return np.flatnonzero(~late[places]), np.flatnonzero(late[places])


def _clock(text: str, time: float) -> float:
    """What a clock showed, in seconds since 1970; the time itself where the text says nothing that can be read."""
    hours, _, minutes = text.partition(":")
    if hours.strip().isdigit() and (not minutes or minutes[:2].isdigit()) and int(hours) < 24:
        day = 0.0 if np.isnan(time) else time // _DAY_S * _DAY_S
        return day + int(hours) * 3_600 + int(minutes[:2] or 0) * 60
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return time
