"""Exact Shapley values: how a worth that players reach together is shared among them.

Shapley, L. S. (1953), A value for n-person games: a player's value is what it adds to the worth of those before it,
averaged over every order of arrival. Here it is summed over all coalitions, each weighed by the share of orders in
which exactly its members come first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError

MOST_PLAYERS = 12  # 4,096 coalitions


def coalitions(players: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every subset, the empty one first: number ``s`` holds player ``i`` if bit ``i`` of ``s`` is set.

    Raises
    ------
    UsageError
        If there are more than ``MOST_PLAYERS``, so that their coalitions are too many to try.
    """
    if len(players) > MOST_PLAYERS:
        raise UsageError(
            f"{len(players)} modalities have {2 ** len(players):,} coalitions; exact values take at most "
            f"{MOST_PLAYERS} modalities.",
            fix="Leave out those that matter least.",
        )
    for number in range(2 ** len(players)):
        yield tuple(player for bit, player in enumerate(players) if number >> bit & 1)


def shapley_values(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share the worth of every coalition among its players.

    Parameters
    ----------
    worth
        ``(2^m, n)``: of ``n`` games, what each coalition reaches, in the order of :func:`coalitions`.

    Returns
    -------
    ``(m, n)`` values; their sum is the worth of all less the worth of none. A player that never changes the worth
    has exactly 0.

    Raises
    ------
    UsageError
        If the number of rows is no power of two.
    """
    if worth.ndim != 2 or len(worth) < 1 or len(worth).bit_count() != 1:
        raise UsageError(f"the worth of coalitions is {worth.shape}; expected (2^m, n) for m players.")
    players = len(worth).bit_length() - 1
    numbers = np.arange(len(worth))
    sizes = np.array([number.bit_count() for number in range(len(worth))])
    orders = math.factorial(players)
    share = np.array([math.factorial(s) * math.factorial(players - s - 1) / orders for s in range(players)])
    values = np.zeros((players, worth.shape[1]))
    for player in range(players):
        without = numbers[numbers >> player & 1 == 0]  # (2^(m-1),) coalitions that it can join
        values[player] = share[sizes[without]] @ (worth[without | 1 << player] - worth[without])
    return values
