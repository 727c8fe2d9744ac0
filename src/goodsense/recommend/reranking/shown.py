"""What was shown where, and what came of it: the rows that click models learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError


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
        ``(m,)`` seconds since 1970, in the shoppers' local time; NaN where unknown.
    devices, places
        ``(m,)`` as the log calls them, "" where unknown; empty where nothing is known of any.
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

    def __post_init__(self) -> None:
        m = len(self.items)
        own = (self.lists, self.positions, self.clicked, self.purchased, self.times)
        if any(column.shape != (m,) for column in own) or len(self.users) != m:
            raise DataError(f"columns of what was shown are not all of {m} rows.", fix="Give one value per row.")
        if {len(self.devices), len(self.places)} - {0, m}:
            raise DataError(f"devices or places are neither none nor {m}.", fix='Give "" where one is not known.')
        if m and self.positions.min() < 1:
            raise DataError(f"a position is {self.positions.min()}; they count from 1.", fix="Correct the log.")

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
