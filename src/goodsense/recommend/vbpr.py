"""VBPR: Bayesian personalised ranking that sees what products are.

He and McAuley, "VBPR: Visual Bayesian Personalized Ranking from Implicit Feedback" (AAAI 2016), with all blocks of
content in place of pictures alone. The score of an item for a shopper is ``b + g_u g_i + t_u (f_i E) + f_i B``.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.events import Interactions
from goodsense.factors.bpr import climb, not_taken
from goodsense.progress import Progress
from goodsense.recommend.content import Content
from goodsense.recommend.factors import Bpr
from goodsense.recommend.facts import dense_facts
from goodsense.recommend.folding import unfolding
from goodsense.recommend.signals import positive, signals

Matrix: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.int64]

_BATCH = 4_096


class Vbpr(Bpr):
    """As :class:`~goodsense.recommend.factors.Bpr`, with factors that come from content beside those of the item's own.

    Items that nobody took to have those of their content alone.

    Parameters
    ----------
    dim
        Number of factors of each kind.
    epochs, rate, regularisation
        As there.
    sight
        How fast content is learned from beside the items themselves, by its scale. What all shoppers teach at once is
        learned far sooner than what a few teach of one item, and would leave nothing to learn there.
    """

    kind: ClassVar[str] = "vbpr"

    def __init__(
        self, *, dim: int = 32, epochs: int = 30, rate: float = 0.1, regularisation: float = 0.03, sight: float = 0.1
    ) -> None:
        super().__init__(dim=dim, epochs=epochs, rate=rate, regularisation=regularisation)
        positive("sight", sight)
        self.sight = sight

    def _learn(self, interactions: Interactions, content: Content, *, seed: int, progress: Progress) -> None:
        facts = self.sight * _facts(content, seed)
        warm = np.flatnonzero(self.popularity > 0)
        taken = signals(interactions)
        own = taken[:, warm]
        learned = _Learned(
            own.shape, facts[warm], self.dim, self.rate, self.regularisation, np.random.default_rng(seed)
        )
        users = np.repeat(np.arange(own.shape[0]), np.diff(own.indptr))
        codes = users.astype(np.int64) * own.shape[1] + own.indices
        for epoch in range(self.epochs if own.shape[1] > 1 else 0):
            learned.epoch(users, own.indices.astype(np.int64), codes)
            progress(self.kind, epoch + 1, self.epochs)
        items = np.zeros((len(self.items), 2 * self.dim))
        items[warm, : self.dim] = learned.items[:, :-1]
        items[:, self.dim :] = facts @ learned.projection[:, :-1]
        bias = facts @ learned.projection[:, -1]
        bias[warm] += learned.items[:, -1]
        self._take_up(items, bias, unfolding(taken, items, learned.users))


def _facts(content: Content, seed: int) -> Matrix:
    """Every block and the tags, side by side, ``(n, d)``.

    Raises
    ------
    DataError
        If there is nothing.
    """
    facts = dense_facts(content, seed=seed)
    if not facts:
        raise DataError(
            "vbpr has no content to learn from.", fix="Give content with blocks, tags or categories; or bpr."
        )
    return np.concatenate([facts[name] for name in sorted(facts)], axis=1).astype(np.float64)


class _Learned:
    """All that is learned, and what the squared gradients of each row summed up to.

    ``users`` ``(u, 2 dim)`` meet the items' own factors and those of their content; the last columns of ``items``
    ``(n, dim + 1)`` and of ``projection`` ``(d, dim + 1)`` are biases.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        facts: Matrix,
        dim: int,
        rate: float,
        regularisation: float,
        random: np.random.Generator,
    ) -> None:
        self.users = random.normal(0, 0.1, (shape[0], 2 * dim))
        self.items = np.column_stack([random.normal(0, 0.1, (shape[1], dim)), np.zeros(shape[1])])
        width = facts.shape[1]
        self.projection = np.column_stack([random.normal(0, 0.1, (width, dim)), np.zeros(width)])
        self._squares = tuple(np.full((len(own), 1), 1e-2) for own in (self.users, self.items, self.projection))
        self._facts, self._dim, self._rate = facts, dim, rate
        self._penalty, self._random = regularisation, random

    def epoch(self, users: Rows, items: Rows, codes: Rows) -> None:
        """Every pair once, in random order, against a random item that the shopper did not take."""
        order = self._random.permutation(len(users))
        for begin in range(0, len(order), _BATCH):
            chosen = order[begin : begin + _BATCH]
            others = not_taken(users[chosen], codes, len(self.items), self._random)
            fair = others >= 0
            self.step(users[chosen][fair], items[chosen][fair], others[fair])

    def step(self, users: Rows, better: Rows, worse: Rows) -> None:
        """One step along the gradient of a batch of ``(user, better, worse)``, each ``(b,)``."""
        slope, gap, apart = self.slope(users, better, worse)
        own, rate, penalty = self.users[users], self._rate, self._penalty
        left = np.column_stack([own[:, : self._dim], np.ones(len(own))])  # (b, dim + 1)
        right = np.column_stack([own[:, self._dim :], np.ones(len(own))])
        pull = apart.T @ (slope * right) - penalty * self.projection
        both = np.concatenate([better, worse])
        pulls = np.concatenate([slope * left, -slope * left]) - penalty * self.items[both]
        climb(self.users, self._squares[0], users, slope * gap - penalty * own, rate=rate)
        climb(self.items, self._squares[1], both, pulls, rate=rate)
        climb(self.projection, self._squares[2], np.arange(len(pull)), pull, rate=rate)

    def slope(self, users: Rows, better: Rows, worse: Rows) -> tuple[Matrix, Matrix, Matrix]:
        """``sigmoid(-x)`` ``(b, 1)`` of the gaps ``x``, what users meet ``(b, 2 dim)``, and facts apart ``(b, d)``."""
        apart = self._facts[better] - self._facts[worse]
        seen, own = apart @ self.projection, self.items[better] - self.items[worse]  # (b, dim + 1)
        gap = np.column_stack([own[:, :-1], seen[:, :-1]])
        x = (self.users[users] * gap).sum(axis=1) + own[:, -1] + seen[:, -1]
        return 1 / (1 + np.exp(np.clip(x, -30, 30)))[:, None], gap, apart
