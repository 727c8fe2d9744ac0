"""Questions of the kind "these were bought: will that be bought, too?", and their answers: bought, or drawn and not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError

if TYPE_CHECKING:
    from goodsense.events import Interactions

Places: TypeAlias = NDArray[np.int64]

BOUGHT, UNIFORM, POPULAR = 0, 1, 2  # how a candidate came about
_DRAWS = 50  # until a user who has seen nearly everything gets no candidate
_CROWD = 100  # products of a user of whom more says nothing of any two


@dataclass(frozen=True, eq=False)
class Baskets:
    """What every user took, each product once, in the order of the first time.

    Parameters
    ----------
    users
        ``(u,)`` numbers of the users who took anything, ascending.
    starts
        ``(u + 1,)``: what user ``i`` took is ``items[starts[i]:starts[i + 1]]``.
    items
        Rows of products.
    count
        How many products there are.
    """

    users: Places
    starts: Places
    items: Places
    count: int

    @classmethod
    def of(cls, interactions: Interactions, *, users: Sequence[str], items: Sequence[str], seed: int = 0) -> Baskets:
        """From events of these users with these items; whoever and whatever else occurs is passed over.

        Chance decides between products of the same time, or of no known time.
        """
        pairs = interactions.pairs
        user_rows = _places(interactions.users, users)[pairs.user_rows]
        item_rows = _places(interactions.items, items)[pairs.item_rows]
        known = np.flatnonzero((user_rows >= 0) & (item_rows >= 0))
        chance = np.random.default_rng(seed).random(len(pairs.item_rows))[known]
        times = np.where(np.isnan(pairs.first_times), -np.inf, pairs.first_times)[known]
        order = known[np.lexsort((chance, times, user_rows[known]))]
        found, sizes = np.unique(user_rows[order], return_counts=True)
        starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        return cls(found, starts, item_rows[order], len(items))

    def __len__(self) -> int:
        return len(self.users)

    @property
    def sizes(self) -> Places:
        """``(u,)``."""
        return np.diff(self.starts)

    def only(self, chosen: Places) -> Baskets:
        """The baskets at these places, in this order."""
        own = [self.items[self.starts[place] : self.starts[place + 1]] for place in chosen.tolist()]
        starts = np.concatenate(([0], np.cumsum([len(each) for each in own]))).astype(np.int64)
        items = np.concatenate([np.zeros(0, dtype=np.int64), *own])
        return replace(self, users=self.users[chosen], starts=starts, items=items)

    def popularity(self) -> Places:
        """How many users took each product, ``(count,)``."""
        return np.bincount(self.items, minlength=self.count)

    def entries(self) -> tuple[Places, Places]:
        """User and product of everything that was taken by users of at most 100 products, both ``(e,)``."""
        owners = np.repeat(self.users, self.sizes)
        kept = np.repeat(self.sizes <= _CROWD, self.sizes)
        return owners[kept], self.items[kept]


@dataclass(frozen=True, eq=False)
class PurchaseCases:
    """``m`` questions with their answers.

    Parameters
    ----------
    users
        ``(m,)`` of whom is asked.
    history
        ``(m, h)`` rows of the products that were bought before, the latest first; -1 where there are no more.
    candidates
        ``(m,)`` the product in question.
    kinds
        ``(m,)`` 0: it was bought next; 1: drawn from all products that the user never saw; 2: drawn from them by
        popularity.
    """

    users: Places
    history: Places
    candidates: Places
    kinds: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.users)

    @property
    def bought(self) -> NDArray[np.bool_]:
        """The right answers, ``(m,)``."""
        found: NDArray[np.bool_] = self.kinds == BOUGHT
        return found

    def take(self, rows: NDArray[Any]) -> PurchaseCases:
        """Some of the questions."""
        return PurchaseCases(self.users[rows], self.history[rows], self.candidates[rows], self.kinds[rows])


def purchase_cases(
    baskets: Baskets,
    popularity: Places,
    *,
    seen: Baskets | None = None,
    history: int = 20,
    targets: int = 4,
    negatives: int = 1,
    popular: float = 0.5,
    seed: int = 0,
) -> PurchaseCases:
    """The last products of every user, each with what was bought before it; and products that were not bought.

    Parameters
    ----------
    baskets
        Of whom is asked. A user with one product has nothing before it, and is not asked of.
    popularity
        ``(count,)`` by which popular products are drawn: of users that training may know.
    seen
        All that users have touched, from which nothing is drawn; without it what they bought.
    history, targets
        Most products that are looked back on, and most questions of this kind for a user.
    negatives, popular
        Products drawn beside each that was bought, and the share of them that is drawn by popularity; the others are
        drawn from all alike.

    Raises
    ------
    UsageError
        If a number is out of its range.
    DataError
        If no user has two products.
    """
    if min(history, targets, negatives) < 1 or not 0 <= popular <= 1:
        raise UsageError(
            f"history, targets and negatives are {history}, {targets} and {negatives}, popular is {popular}; "
            "expected whole numbers from 1 up, and a share."
        )
    ends = np.concatenate(
        [np.zeros((0, 2), dtype=np.int64), *(_ends(baskets, place, targets) for place in range(len(baskets)))]
    )
    if not len(ends):
        raise DataError(
            f"none of {len(baskets)} users has bought two different products, so nothing can be foretold.",
            fix="Add events, or count other kinds of them (--type).",
        )
    owners, at = ends.T
    positive = PurchaseCases(
        baskets.users[owners],
        _before(baskets, at, baskets.starts[owners], history),
        baskets.items[at],
        np.zeros(len(at), dtype=np.int8),
    )
    drawn = _drawn(positive, baskets if seen is None else seen, popularity, negatives, popular, seed)
    return _joined(positive, drawn)


def user_folds(count: int, folds: int, *, seed: int = 0) -> Places:
    """The fold of each user ``(count,)``, drawn; sizes differ by one at most.

    Raises
    ------
    UsageError
        If there are fewer than 2 folds, or not at least two users for each.
    """
    if folds < 2 or count < 2 * folds:
        raise UsageError(
            f"{count} users cannot be parted into {folds} folds; expected 2 folds or more, of two users or more.",
            fix="Ask for fewer folds, or add events.",
        )
    return np.random.default_rng(seed).permutation(np.arange(count) % folds)


def _places(known: Sequence[str], wanted: Sequence[str]) -> Places:
    """Where each known id stands among the wanted ones, -1 if it does not."""
    place = {id: at for at, id in enumerate(wanted)}
    return np.array([place.get(id, -1) for id in known], dtype=np.int64)


def _ends(baskets: Baskets, place: int, targets: int) -> Places:
    """Place of the user and places of the last items that have one before them, ``(t, 2)``."""
    start, end = int(baskets.starts[place]), int(baskets.starts[place + 1])
    at = np.arange(max(start + 1, end - targets), end, dtype=np.int64)
    return np.stack([np.full_like(at, place), at], axis=1)


def _before(baskets: Baskets, at: Places, starts: Places, history: int) -> Places:
    """The items before those at these places, latest first, ``(m, history)``."""
    back = at[:, None] - 1 - np.arange(history)
    return np.where(back >= starts[:, None], baskets.items[np.maximum(back, 0)], -1)


def _drawn(
    positive: PurchaseCases, seen: Baskets, popularity: Places, negatives: int, popular: float, seed: int
) -> PurchaseCases:
    """Candidates that their users never saw; a user who has seen all, or all that is popular, gets fewer."""
    assert popularity.shape == (seen.count,), f"popularity is {popularity.shape}; expected ({seen.count},)"
    rng = np.random.default_rng(seed)
    asked = positive.take(np.repeat(np.arange(len(positive)), negatives))
    kinds = np.where(rng.random(len(asked)) < popular, POPULAR, UNIFORM).astype(np.int8)
    known = np.unique(np.repeat(seen.users, seen.sizes) * seen.count + seen.items)
    likely = np.cumsum(popularity, dtype=np.float64)
    if not likely[-1]:
        kinds[:] = UNIFORM
    found = np.full(len(asked), -1, dtype=np.int64)
    for _ in range(_DRAWS):
        open_ = np.flatnonzero(found < 0)
        drawn = np.where(
            kinds[open_] == POPULAR,
            np.searchsorted(likely, rng.random(len(open_)) * likely[-1], side="right"),
            rng.integers(seen.count, size=len(open_)),
        )
        found[open_] = np.where(_among(asked.users[open_] * seen.count + drawn, known), -1, drawn)
    there = found >= 0
    return replace(asked.take(there), candidates=found[there], kinds=kinds[there])


def _among(codes: Places, known: Places) -> NDArray[np.bool_]:
    """Which codes are in ``known``, which ascends."""
    places = np.minimum(np.searchsorted(known, codes), max(0, len(known) - 1))
    return known[places] == codes if len(known) else np.zeros(len(codes), dtype=np.bool_)


def _joined(one: PurchaseCases, other: PurchaseCases) -> PurchaseCases:
    """Both, those of one user together."""
    users = np.concatenate([one.users, other.users])
    whole = PurchaseCases(
        users,
        np.concatenate([one.history, other.history]),
        np.concatenate([one.candidates, other.candidates]),
        np.concatenate([one.kinds, other.kinds]),
    )
    return whole.take(np.argsort(users, kind="stable"))
