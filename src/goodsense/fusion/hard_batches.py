"""Batches that hold what is hard to tell apart: a product beside others that are alike and not the same.

In a batch drawn at random most products are easily told apart. Mined negatives teach more (Robinson et al.,
"Contrastive Learning with Hard Negative Samples", ICLR 2021); products of one group, and the share of the most alike
that are probably one product without anything saying so, are no negatives (:mod:`goodsense.learning.negatives`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from goodsense.learning.negatives import Known, hard_negatives
from goodsense.types import Vectors, normalise

COUNT = 8  # negatives that are known of each product; one of them at a time stands in its batch
QUANTILE = 0.995  # more alike than so many of the others: probably the same product
AT_ONCE = 10_000  # products that are compared with each other; of more, negatives are of the same random part
_NONE = -1


def mined(
    rows: Sequence[Vectors],
    groups: NDArray[np.int64],
    chosen: NDArray[np.int64],
    *,
    seed: int,
    count: int = COUNT,
    quantile: float = QUANTILE,
) -> NDArray[np.int64]:
    """Of each chosen product the others that are most alike by all blocks together, and of another group.

    Parameters
    ----------
    rows
        Of each block ``(n, d)``: rows, compared by cosine, zero where absent; all blocks weigh alike.
    groups
        ``(n,)``.
    chosen
        ``(m,)`` products to learn from; no other is anybody's negative.
    seed
        Decides the parts in which more than :data:`AT_ONCE` are compared.
    count, quantile
        As :func:`goodsense.learning.negatives.hard_negatives`.

    Returns
    -------
    ``(n, count)`` products, hardest first; -1 where there are no more, and for products that are not chosen.
    """
    found = np.full((len(groups), count), _NONE, dtype=np.int64)
    for part in _parts(chosen, seed):
        if len(np.unique(groups[part])) < 2:
            continue
        beside = normalise(np.concatenate([normalise(own[part]) for own in rows], axis=1))
        known = Known(groups[part])
        own = hard_negatives(beside, beside, known, count=count, quantile=quantile).rows
        found[part, : own.shape[1]] = np.where(own >= 0, part[own], _NONE)
    return found


def side_by_side(order: NDArray[np.int64], negatives: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The same products in another order: after each comes one of its negatives, if that is not placed yet.

    Parameters
    ----------
    order
        ``(m,)`` different products.
    negatives
        ``(n, k)`` of every product; -1 for none. Only products of the order are taken.
    """
    free = np.zeros(len(negatives), dtype=np.bool_)
    free[order] = True
    preferred = rng.permuted(negatives[order], axis=1).tolist()
    found: list[int] = []
    for one, others in zip(order.tolist(), preferred, strict=True):
        if not free[one]:
            continue
        free[one] = False
        found.append(one)
        other = next((other for other in others if other >= 0 and free[other]), None)
        if other is not None:
            free[other] = False
            found.append(other)
    return np.array(found, dtype=np.int64)


def _parts(chosen: NDArray[np.int64], seed: int) -> Iterator[NDArray[np.int64]]:
    """All chosen, or random parts of them of about equal size, each ascending."""
    if len(chosen) <= AT_ONCE:
        yield chosen
        return
    drawn = np.random.default_rng(seed).permutation(chosen)
    for part in np.array_split(drawn, -(-len(drawn) // AT_ONCE)):
        yield np.sort(part)
