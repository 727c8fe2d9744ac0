"""What each modality of a product does for a score: its own terms where they add, exact Shapley values where not.

A score is a sum of terms, one per block; a block is made of one modality, except for the joint one, which is made of
several at once. So a score is a game of the product's modalities: what would be scored if the others were missing.
Terms of single blocks are their modality's in every coalition, and the joint term alone has to be shared out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.fusion.joint import JOINT, rows_of
from goodsense.learning.coalitions import coalitions, shapley_values
from goodsense.search.calibration import BM25
from goodsense.search.encode import EncodedPart, EncodedQuery
from goodsense.search.snapshot import Snapshot
from goodsense.types import Embeddings, Rows, Vectors, similarity

WORDS = "text"  # the modality that words belong to, whichever field they stand in

Columns = dict[str, NDArray[np.float64]]  # name -> (r,)


@dataclass(frozen=True, eq=False)
class Accounts:
    """How the scores of ``r`` products come about.

    Parameters
    ----------
    ids
        Of the products.
    terms
        Block or field of words -> ``(r,)``: the terms of the search itself, which sum to ``scores``.
    joint
        Modality -> ``(r,)``: the joint term shared out by exact Shapley values; empty without such a term.
    modalities
        Modality -> ``(r,)``: exact Shapley values of the score, which sum to ``scores``.
    without
        Modality -> ``(r,)``: what the product would score if that modality were missing.
    present
        Modality -> ``(r,)``: whether the product has it.
    """

    ids: tuple[str, ...]
    terms: Mapping[str, NDArray[np.float64]]
    joint: Mapping[str, NDArray[np.float64]]
    modalities: Mapping[str, NDArray[np.float64]]
    without: Mapping[str, NDArray[np.float64]]
    present: Mapping[str, NDArray[np.bool_]]

    @property
    def scores(self) -> NDArray[np.float64]:
        """``(r,)``."""
        return np.asarray(sum(self.terms.values(), np.zeros(len(self.ids))))

    def top(self, row: int) -> str:
        """The modality that does most for the score of a product."""
        return max(self.modalities, key=lambda name: (self.modalities[name][row], name))


def account(snapshot: Snapshot, query: EncodedQuery, rows: Rows) -> Accounts:
    """Split the scores of these rows into what each modality of the products does for them.

    Shapley (1953): what a modality adds to those before it, averaged over every order. The whole coalition is the
    product as the build has it, the empty one scores 0.
    """
    names, table = snapshot.named_terms(query, rows)
    terms = {name: table[:, place] for place, name in enumerate(names)}
    present = modalities_of(snapshot, rows)
    own: Columns = {name: np.zeros(len(rows)) for name in present}
    for name, values in terms.items():
        if name != JOINT:
            own[WORDS if name.startswith(f"{BM25}.") else name] += values
    joint, lost = _joint_game(snapshot, query, rows, terms.get(JOINT))
    modalities = {name: values + joint.get(name, 0.0) for name, values in own.items()}
    if JOINT in terms and not joint:  # nothing is known of what it is made of
        modalities[JOINT] = terms[JOINT]
    whole = table.sum(axis=1)
    without = {name: whole - own.get(name, 0.0) - lost.get(name, 0.0) for name in own}
    ids = tuple(snapshot.ids[row] for row in rows.tolist())
    return Accounts(ids, terms, joint, modalities, without, present)


def modalities_of(snapshot: Snapshot, rows: Rows) -> dict[str, NDArray[np.bool_]]:
    """Which modalities these products have, ``(r,)`` each: those of the build; text also where there are words."""
    found = {
        name: np.array(block.gather_present(rows), dtype=np.bool_)
        for name, block in snapshot.blocks.items()
        if name != JOINT
    }
    if snapshot.lexical is not None:
        said = np.diff(snapshot.lexical.weights(rows).indptr) > 0
        found[WORDS] = found.get(WORDS, np.zeros(len(rows), dtype=np.bool_)) | said
    return found


def rank_of(snapshot: Snapshot, query: EncodedQuery, id: str, scores: Iterable[float]) -> list[int]:
    """The ranks that a product would have by these scores of its own, among all that pass the query's filter.

    Counts from 1; equal scores are ordered by id, descending, as in a search.
    """
    rows = np.flatnonzero(snapshot.mask(query.where)).astype(np.int64)
    barred = snapshot.rows_of([*query.query.exclude, id])
    rows = rows[~np.isin(rows, barred)]
    others = snapshot.scores(query, rows)
    found = []
    for score in scores:
        above = int((others > score).sum())
        even = rows[others == score].tolist()
        found.append(1 + above + sum(snapshot.ids[row] > id for row in even))
    return found


# ---- the joint term as a game


def _joint_game(
    snapshot: Snapshot, query: EncodedQuery, rows: Rows, term: NDArray[np.float64] | None
) -> tuple[Columns, Columns]:
    """Exact Shapley values of the joint term by modality, and what each of them takes with it when it goes."""
    if term is None or snapshot.joint is None:
        return {}, {}
    blocks = {name: snapshot.blocks[name] for name in snapshot.joint.members}
    members = {name: (block.gather(rows), block.gather_present(rows)) for name, block in blocks.items()}
    players = [name for name, (_, there) in members.items() if there.any()]
    groups = list(coalitions(players))
    worth = np.stack([_worth(snapshot, query, members, group, term) for group in groups])  # (2^m, r)
    values = shapley_values(worth)
    everyone = len(groups) - 1
    lost = {name: term - worth[everyone & ~(1 << place)] for place, name in enumerate(players)}
    return dict(zip(players, values, strict=True)), lost


def _worth(
    snapshot: Snapshot,
    query: EncodedQuery,
    members: Mapping[str, tuple[Vectors, NDArray[np.bool_]]],
    coalition: Sequence[str],
    term: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The joint term ``(r,)`` of products that have these modalities alone; ``term``, where they are all they have."""
    assert snapshot.joint is not None
    given = {
        name: rows_of(vectors, there if name in coalition else np.zeros_like(there))
        for name, (vectors, there) in members.items()
    }
    lacking = np.any([there for name, (_, there) in members.items() if name not in coalition], axis=0)
    return np.where(lacking, joint_term(snapshot, query.parts, snapshot.joint.fuse(given)), term)


def joint_term(snapshot: Snapshot, parts: Sequence[EncodedPart], fused: Embeddings) -> NDArray[np.float64]:
    """The joint term ``(n,)`` of products with these joint vectors; 0 for those that have none."""
    return block_term(snapshot, parts, JOINT, fused.vectors, fused.present)


def block_term(
    snapshot: Snapshot, parts: Sequence[EncodedPart], name: str, vectors: Vectors, present: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The term of a block ``(n,)`` for any vectors ``(n, d)`` that products might have there."""
    total = np.zeros(len(vectors))
    for part in parts:
        if name in part.probes:
            raw = similarity(part.probes[name], vectors, snapshot.blocks[name].distance)
            total += np.where(present, snapshot.affine_of(part, name)(raw), 0.0) * part.part.weight
    return total
