"""How much each shopper takes to each item, as models count it."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from goodsense.errors import UsageError
from goodsense.events import Interactions

Values: TypeAlias = Literal["binary", "log", "weights"]
VALUES: tuple[Values, ...] = get_args(Values)


def signals(interactions: Interactions, values: Values = "binary") -> Any:
    """Users by items, a CSR matrix ``(u, n)`` of float32; pairs with a weight of 0 or less count as nothing.

    ``binary`` is 1 for every pair, ``log`` is ``log(1 + weight)``, ``weights`` the weights themselves.
    """
    matrix = interactions.matrix.astype(np.float32)
    matrix.data = np.maximum(matrix.data, 0.0)
    matrix.eliminate_zeros()
    if values == "binary":
        matrix.data[:] = 1.0
    elif values == "log":
        matrix.data = np.log1p(matrix.data)
    return matrix


def faded(histories: Interactions, values: Values, fading: float) -> Any:
    """As :func:`signals`, every item of a history counting ``fading`` times as much as the event after its last one.

    Histories without a time have no order, and nothing fades in them.
    """
    matrix = signals(histories, values)
    if fading == 1 or not matrix.nnz:
        return matrix
    ends = np.repeat(histories.starts[1:], np.diff(histories.starts))
    left = np.where(np.isnan(histories.times), 1.0, fading ** (ends - 1 - np.arange(len(histories))))
    latest = np.zeros(len(histories.pairs.item_rows))
    np.maximum.at(latest, histories.pairs.of_event, left)
    pairs = histories.pairs
    fades = type(matrix)((latest, (pairs.user_rows, pairs.item_rows)), shape=matrix.shape, dtype=np.float32)
    return matrix.multiply(fades).tocsr()


def share_left(fading: float) -> float:
    """A number above 0, up to 1.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not 0 < fading <= 1:
        raise UsageError(f"fading is {fading!r}; expected a number above 0, up to 1.")
    return fading


def checked_values(values: str) -> Values:
    """The name of a way to count.

    Raises
    ------
    UsageError
        If it is none.
    """
    found: Values = checked(values, VALUES, "values")
    return found


def checked(given: Any, known: tuple[Any, ...], name: str) -> Any:
    """One of some names.

    Raises
    ------
    UsageError
        If it is none of them.
    """
    if given not in known:
        raise UsageError(f"{name} is {given!r}; expected one of {', '.join(map(str, known))}.")
    return given


def positive(name: str, number: float, *, whole: bool = False, zero: bool = False) -> None:
    """Check a number among the options.

    Raises
    ------
    UsageError
        If it is not finite, not above 0 (``zero``: from 0 up), or not whole where it must be.
    """
    right = isinstance(number, (int, float)) and not isinstance(number, bool) and np.isfinite(number)
    right = right and (number >= 0 if zero else number > 0) and (not whole or number == int(number))
    if not right:
        kind = "a whole number" if whole else "a number"
        raise UsageError(f"{name} is {number!r}; expected {kind} {'from 0 up' if zero else 'above 0'}.")
