"""Bayesian personalised ranking: what somebody took stands before what they did not.

Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback" (2009), in batches, with the step lengths of
Duchi et al., "Adaptive Subgradient Methods" (2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Factors: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BprFactors:
    """The score of an item for a user is ``users @ items.T + bias``: ``(n, dim)``, ``(m, dim)`` and ``(m,)``."""

    users: Factors
    items: Factors
    bias: NDArray[np.float64]


def bpr_factors(
    matrix: Any,
    *,
    dim: int,
    epochs: int = 20,
    rate: float = 0.1,
    regularisation: float = 0.002,
    batch: int = 4_096,
    seed: int = 0,
) -> BprFactors:
    """Learn from a sparse matrix ``(n, m)`` what users took: its positive entries.

    Every epoch draws one item for every entry; one that the user took as well is drawn once more, then passed over.

    Raises
    ------
    ValueError
        If a setting makes no sense.
    """
    from scipy.sparse import csr_matrix

    if dim < 1 or rate <= 0 or regularisation < 0 or batch < 1:
        raise ValueError(f"dim {dim}, rate {rate}, regularisation {regularisation}, batch {batch} make no sense")
    taken = csr_matrix(matrix, dtype=np.float64)
    taken.data = (taken.data > 0).astype(np.float64)
    taken.eliminate_zeros()
    taken.sort_indices()
    random = np.random.default_rng(seed)
    learned = _Learned(taken.shape, dim, rate, regularisation, random)
    users = np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr))
    codes = users.astype(np.int64) * taken.shape[1] + taken.indices  # ascending
    for _ in range(epochs if taken.shape[1] > 1 else 0):
        order = random.permutation(len(users))
        for begin in range(0, len(order), batch):
            chosen = order[begin : begin + batch]
            others = not_taken(users[chosen], codes, taken.shape[1], random)
            fair = others >= 0
            learned.step(users[chosen][fair], taken.indices[chosen][fair], others[fair])
    return BprFactors(learned.users, learned.items[:, :-1].copy(), learned.items[:, -1].copy())


class _Learned:
    """Factors and what their squared gradients summed up to; the last column of the items is their bias."""

    def __init__(
        self, shape: tuple[int, int], dim: int, rate: float, regularisation: float, random: np.random.Generator
    ) -> None:
        self.users = random.normal(0, 0.1, (shape[0], dim))
        self.items = np.column_stack([random.normal(0, 0.1, (shape[1], dim)), np.zeros(shape[1])])
        self._user_squares, self._item_squares = np.full((shape[0], 1), 1e-2), np.full((shape[1], 1), 1e-2)
        self._rate, self._regularisation = rate, regularisation

    def step(self, users: NDArray[np.int64], better: NDArray[np.int64], worse: NDArray[np.int64]) -> None:
        """One step along the gradient of a batch of ``(user, better, worse)``, each ``(b,)``."""
        own = np.column_stack([self.users[users], np.ones(len(users))])  # (b, dim + 1)
        gap = self.items[better] - self.items[worse]
        slope = 1 / (1 + np.exp(np.clip((own * gap).sum(axis=1), -30, 30)))[:, None]  # (b, 1)
        penalty = self._regularisation
        rate = self._rate
        climb(self.users, self._user_squares, users, slope * gap[:, :-1] - penalty * own[:, :-1], rate=rate)
        both = np.concatenate([better, worse])
        pulls = np.concatenate([slope * own, -slope * own]) - penalty * self.items[both]
        climb(self.items, self._item_squares, both, pulls, rate=rate)


def climb(factors: Factors, squares: Factors, rows: NDArray[np.int64], pulls: Factors, *, rate: float) -> None:
    """Move some rows of factors ``(n, dim)`` along their pulls ``(b, dim)``, summed up where a row comes again.

    The longer a row was pulled before, by its ``squares`` ``(n, 1)``, the shorter is its step (Duchi et al., 2011).
    """
    from scipy.sparse import csr_matrix

    moved, at = np.unique(rows, return_inverse=True)
    gather = csr_matrix((np.ones(len(rows)), (at, np.arange(len(rows)))), shape=(len(moved), len(rows)))
    summed = gather @ pulls  # (moved, dim)
    squares[moved] += (summed**2).mean(axis=1, keepdims=True)
    factors[moved] += rate * summed / np.sqrt(squares[moved])


def not_taken(
    users: NDArray[np.int64], codes: NDArray[np.int64], items: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """An item for each user that is not among theirs, ``(b,)``; -1 where two draws found none."""
    found = random.integers(0, items, len(users))
    for last in (False, True):
        wanted = users * items + found
        places = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        theirs = codes[places] == wanted
        found[theirs] = -1 if last else random.integers(0, items, int(theirs.sum()))
    return found
