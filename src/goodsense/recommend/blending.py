"""How scores of several recommenders are brought to one scale, and how much each of them should count.

Scores of a recommender compare within one history only. ``z`` takes off their mean and divides by their standard
deviation over what is not in the history; ``rank`` gives ``1 / (60 + rank)``, equal scores sharing their middle rank
(reciprocal rank fusion: Cormack, Clarke and Buettcher, SIGIR 2009). Weights are chosen greedily on held-out items, one
share after another to the recommender that helps most (ensemble selection: Caruana et al., ICML 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.events import Interactions
from goodsense.recommend.histories import blocks_of

Normalising: TypeAlias = Literal["z", "rank"]
NORMALISING: tuple[Normalising, ...] = get_args(Normalising)
Dense: TypeAlias = NDArray[np.float32]

SHARES = 10  # weights are multiples of a tenth
POOL = 100  # best items of every recommender that a blend may choose from while weights are chosen
_RANK_FROM = 60.0
_CELLS = 2**25


def normalised(scores: Any, histories: Interactions, how: Normalising) -> Dense:
    """Scores ``(b, n)``, dense or CSR, on the scale of ``how``; rows whose scores are all equal come to zeros."""
    dense = scores.toarray() if hasattr(scores, "toarray") else np.array(scores)
    values = np.asarray(dense, dtype=np.float32)
    if how == "rank":
        return _reciprocal_ranks(values)
    return _standardised(values, histories)


def _standardised(values: Dense, histories: Interactions) -> Dense:
    pairs = histories.pairs
    own = values[pairs.user_rows, pairs.item_rows].astype(np.float64)
    counts = np.bincount(pairs.user_rows, minlength=len(values))
    left = np.maximum(values.shape[1] - counts, 1).astype(np.float64)
    mean = (values.sum(axis=1, dtype=np.float64) - np.bincount(pairs.user_rows, own, len(values))) / left
    centred = values - mean[:, None].astype(np.float32)
    off = centred[pairs.user_rows, pairs.item_rows].astype(np.float64) ** 2
    squares = np.einsum("bn,bn->b", centred, centred, dtype=np.float64) - np.bincount(pairs.user_rows, off, len(values))
    spread = np.sqrt(np.maximum(squares, 0) / left)
    flat = spread <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
    found: Dense = centred / np.where(flat, np.inf, spread)[:, None].astype(np.float32)
    return found


def _reciprocal_ranks(values: Dense) -> Dense:
    from scipy.stats import rankdata

    ranks = rankdata(-values, method="average", axis=1)
    flat = values.min(axis=1, initial=np.inf) == values.max(axis=1, initial=-np.inf)
    found: Dense = np.where(flat[:, None], 0.0, 1 / (_RANK_FROM + ranks)).astype(np.float32)
    return found


@dataclass(frozen=True, eq=False)
class Pool:
    """What recommenders say of the items that any of them has among its best, to weigh them against each other.

    Parameters
    ----------
    scores
        ``(m, u, p)`` of every recommender, on one scale; -inf where there is no item.
    relevant
        ``(u, p)`` whether the item was held out.
    counts
        ``(u,)`` how many items were held out of each shopper, in the pool or not.
    """

    scores: Dense
    relevant: NDArray[np.bool_]
    counts: NDArray[np.int64]

    @classmethod
    def of(
        cls, scorers: Sequence[Any], histories: Interactions, held_out: Interactions, how: Normalising, k: int = POOL
    ) -> Pool:
        """From functions that score a block of histories over all items; ``held_out`` has the same users and items."""
        n = max(1, len(histories.items))
        at_once = max(1, min(1_024, _CELLS // (n * max(1, len(scorers)))))
        wanted = held_out.matrix
        parts, begin = [], 0
        for block in blocks_of(histories, at_once):
            rows = wanted[begin : begin + len(block.users)]
            parts.append(_pooled([normalised(score(block), block, how) for score in scorers], block, rows, k))
            begin += len(block.users)
        return cls(
            np.concatenate([part[0] for part in parts], axis=1),
            np.concatenate([part[1] for part in parts]),
            np.diff(wanted.indptr).astype(np.int64),
        )

    def ndcg(self, weights: NDArray[np.float64], k: int = 20) -> float:
        """Mean NDCG@k of the blend over shoppers with something held out."""
        asked = self.counts > 0
        if not asked.any():
            return 0.0
        blend = np.einsum("m,mup->up", weights, np.where(np.isfinite(self.scores), self.scores, 0))
        blend[~np.isfinite(self.scores[0])] = -np.inf
        order = np.argsort(-blend, axis=1, kind="stable")[:, :k]
        hits = np.take_along_axis(self.relevant, order, axis=1)
        discount = 1 / np.log2(np.arange(2, k + 2))
        ideal = np.concatenate(([0.0], np.cumsum(discount)))[np.minimum(self.counts, k)]
        gained = hits @ discount[: hits.shape[1]]
        return float((gained[asked] / ideal[asked]).mean())


def _pooled(scores: Sequence[Dense], block: Interactions, wanted: Any, k: int) -> tuple[Dense, NDArray[np.bool_]]:
    """Scores ``(m, b, p)`` and relevance ``(b, p)`` of the items that any recommender has among its best."""
    best = np.sort(np.hstack([_best(own, block, k) for own in scores]), axis=1)  # (b, m k); the same item side by side
    best[:, 1:][best[:, 1:] == best[:, :-1]] = -1
    real = best >= 0
    rows = np.arange(len(best))[:, None]
    found = np.stack([np.where(real, own[rows, best], -np.inf) for own in scores]).astype(np.float32)
    relevant = np.zeros((len(best), len(block.items) + 1), np.bool_)
    relevant[np.repeat(np.arange(len(best)), np.diff(wanted.indptr)), wanted.indices] = True
    return found, relevant[rows, best] & real


def _best(scores: Dense, block: Interactions, k: int) -> NDArray[np.int64]:
    """The ``k`` best items ``(b, k)`` in no order, -1 for those that the history has."""
    k = min(k, scores.shape[1])
    own = block.pairs
    left = scores.copy()
    left[own.user_rows, own.item_rows] = -np.inf
    rows = np.argpartition(-left, k - 1, axis=1)[:, :k] if k < left.shape[1] else np.tile(np.arange(k), (len(left), 1))
    found: NDArray[np.int64] = np.where(np.isfinite(np.take_along_axis(left, rows, axis=1)), rows, -1)
    return found


def greedy_weights(pool: Pool, *, k: int = 20, shares: int = SHARES) -> NDArray[np.float64]:
    """``(m,)`` weights that sum to 1: every share goes where NDCG@k is highest after it; of equal ones to the first."""
    counts = np.zeros(len(pool.scores))
    best: tuple[float, NDArray[np.float64]] = (-1.0, counts)
    for _ in range(shares):
        reached = [pool.ndcg((counts + one) / (counts.sum() + 1), k) for one in np.eye(len(counts))]
        counts = counts + np.eye(len(counts))[int(np.argmax(reached))]
        if max(reached) > best[0] + 1e-12:
            best = max(reached), counts / counts.sum()
    return best[1]


def checked_normalising(how: str) -> Normalising:
    """One of :data:`NORMALISING`.

    Raises
    ------
    UsageError
        If it is another.
    """
    for known in NORMALISING:
        if how == known:
            return known
    raise UsageError(f"scores cannot be brought to one scale by {how!r}.", fix=f"Give {' or '.join(NORMALISING)}.")
