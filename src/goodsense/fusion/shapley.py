"""What each modality does for a score, under any fusion: exact Shapley values over coalitions of modalities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.learning.coalitions import coalitions, shapley_values
from goodsense.types import Embeddings, Fusion, Vectors

Blocks: TypeAlias = Mapping[str, Embeddings]
Side: TypeAlias = Literal["item", "query", "both"]
Method: TypeAlias = Literal["terms", "shapley"]
Similarity: TypeAlias = Callable[[Vectors, Vectors], NDArray[np.floating]]  # (n, d), (n, d) -> (n,)
SIDES: tuple[Side, ...] = get_args(Side)


@dataclass(frozen=True, eq=False)
class Attribution:
    """Why each of ``n`` pairs scores what it scores.

    ``terms`` maps a modality to ``(n,)`` values that sum to ``score - empty``; ``empty`` is the score when none of the
    modalities is there, which for inner products is 0. ``method`` says whether the terms are the fusion's own or
    Shapley values, ``side`` where modalities were switched.
    """

    ids: tuple[str, ...]
    method: Method
    side: Side
    terms: Mapping[str, NDArray[np.float64]]
    score: NDArray[np.float64]
    empty: NDArray[np.float64]

    def ranked(self, row: int) -> tuple[tuple[str, float], ...]:
        """The modalities of one pair, the one that does most for the score first."""
        found = [(name, float(values[row])) for name, values in self.terms.items()]
        return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))


def inner_products(left: Vectors, right: Vectors) -> NDArray[np.float64]:
    """Row by row, in double precision: ``(n, d), (n, d) -> (n,)``."""
    products: NDArray[np.float64] = np.einsum("nd,nd->n", left.astype(np.float64), right.astype(np.float64))
    return products


def shapley(
    fusion: Fusion,
    query: Blocks | Vectors,
    items: Blocks,
    *,
    side: Side = "item",
    similarity: Similarity = inner_products,
) -> Attribution:
    """Split the scores of products, or of a query and products, into what each modality does for them.

    The worth of a coalition is the score when all other modalities are missing; the fusion sees that through its
    present masks and is asked once per coalition for all rows. Shapley (1953) is what a modality adds to those before
    it, averaged over every order.

    Parameters
    ----------
    fusion
        Anything that fuses; it is not changed.
    query
        Blocks of one query or of ``n``, paired with the items; or fused vectors ``(d,)`` or ``(n, d)``.
    items
        Blocks of ``n`` products.
    side
        Whose modalities are switched: those of the items, of the query, or of both at once.
    similarity
        How fused rows are compared; default the inner product.

    Notes
    -----
    Where a fusion adds its blocks and leaves their lengths alone, the values are its exact terms. One that brings
    every product to one length (as :class:`~goodsense.fusion.AdditiveFusion`) is not additive over coalitions: a block
    is then also given what its presence takes from the others. Its own ``terms`` say what its vectors hold.

    Raises
    ------
    UsageError
        If the rows cannot be paired, the query side is asked for where the query is a vector already, or there are too
        many modalities for exact values.
    """
    _check(query, items, side)
    players = _players(query, items, side)
    n = _rows(items)
    fixed_query = _fused(fusion, query) if side == "item" else None
    fixed_items = _fused(fusion, items) if side == "query" else None
    worth = np.empty((2 ** len(players), n))
    for number, coalition in enumerate(coalitions(players)):
        left = _fused(fusion, _only(query, coalition)) if fixed_query is None else fixed_query
        right = _fused(fusion, _only(items, coalition)) if fixed_items is None else fixed_items
        worth[number] = _compared(left, right, n, similarity)
    values = dict(zip(players, shapley_values(worth), strict=True))
    names = _names(query, items, side)
    ids = next(iter(items.values())).ids
    terms = {name: values.get(name, np.zeros(n)) for name in names}
    return Attribution(ids, "shapley", side, terms, worth[-1], worth[0])


def attribute(fusion: Fusion, query: Blocks | Vectors, items: Blocks, *, side: Side = "item") -> Attribution:
    """The fusion's own terms of the inner product where it has them, exact Shapley values where it has not.

    Own terms are the same from either side. Raises as :func:`shapley`.
    """
    own = getattr(fusion, "terms", None)
    if own is None:
        return shapley(fusion, query, items, side=side)
    _check(query, items, side)
    right = _fused(fusion, items)
    left = np.broadcast_to(_fused(fusion, query), right.shape)
    terms = {name: np.asarray(values, dtype=np.float64) for name, values in own(left, right).items()}
    ids = next(iter(items.values())).ids
    return Attribution(ids, "terms", side, terms, inner_products(left, right), np.zeros(len(right)))


def _compared(left: Vectors, right: Vectors, n: int, similarity: Similarity) -> NDArray[np.float64]:
    """Scores ``(n,)`` of the rows; a single query stands beside every item."""
    paired = left if len(left) == len(right) else np.broadcast_to(left, right.shape)
    scores = np.asarray(similarity(paired, right), dtype=np.float64)
    if scores.shape != (n,):
        raise UsageError(f"the similarity gives {scores.shape} for {n} pairs; expected ({n},).")
    return scores


def _fused(fusion: Fusion, side: Blocks | Vectors) -> Vectors:
    return fusion.fuse(side).vectors if isinstance(side, Mapping) else np.atleast_2d(side)


def _only(blocks: Blocks | Vectors, coalition: tuple[str, ...]) -> Blocks:
    """The blocks with every modality outside the coalition missing."""
    assert isinstance(blocks, Mapping)
    return {name: block if name in coalition else _missing(block) for name, block in blocks.items()}


def _missing(block: Embeddings) -> Embeddings:
    return Embeddings(block.ids, block.owners, np.zeros_like(block.vectors), np.zeros_like(block.present))


def _switched(query: Blocks | Vectors, items: Blocks, side: Side) -> list[Blocks]:
    sides = [items] if side in ("item", "both") else []
    if side in ("query", "both"):
        assert isinstance(query, Mapping)
        sides.append(query)
    return sides


def _names(query: Blocks | Vectors, items: Blocks, side: Side) -> list[str]:
    return sorted({name for blocks in _switched(query, items, side) for name in blocks})


def _players(query: Blocks | Vectors, items: Blocks, side: Side) -> list[str]:
    """Modalities that some row has: the others change nothing, and would double the coalitions each."""
    sides = _switched(query, items, side)
    return sorted({name for blocks in sides for name, block in blocks.items() if block.present.any()})


def _rows(blocks: Blocks) -> int:
    return len(next(iter(blocks.values())))


def _check(query: Blocks | Vectors, items: Blocks, side: Side) -> None:
    if side not in SIDES:
        raise UsageError(f"the side {side!r}; expected one of {', '.join(SIDES)}.")
    if not items or (isinstance(query, Mapping) and not query):
        raise UsageError("there is no block to attribute a score to.", fix="Give at least one block on either side.")
    if side != "item" and not isinstance(query, Mapping):
        raise UsageError(
            "the query is a fused vector, so its modalities cannot be switched.",
            fix="Give the query's blocks, or attribute the item side.",
        )
    queries = _rows(query) if isinstance(query, Mapping) else len(np.atleast_2d(query))
    if queries not in (1, _rows(items)):
        raise UsageError(f"{queries} queries and {_rows(items)} items; expected one query, or one for each item.")
