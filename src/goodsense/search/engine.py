"""Candidates from an engine, scores from the build, hits with their reasons."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.fusion.joint import JOINT, rows_of
from goodsense.search.calibration import BM25
from goodsense.search.encode import EncodedQuery
from goodsense.search.snapshot import Snapshot
from goodsense.types import Hit, Hits, Index, IndexQuery, Rows, Terms, similarity

NO_GOOD_MATCH = 0.05  # P(relevant) of the best hit below which a shopper is told so


def search(
    snapshot: Snapshot,
    index: Index,
    query: EncodedQuery,
    *,
    k: int = 10,
    depth: int = 100,
    explain: bool = False,
) -> Hits:
    """The best ``k`` products, best first; equal scores are ordered by id, descending.

    The engine proposes up to ``max(k, depth)`` products per probe; every one of them is scored exactly.
    """
    started = time.perf_counter()
    rows = _propose(snapshot, index, query, depth=max(k, depth))
    rows = _without(rows, snapshot.rows_of(query.query.exclude))
    names, values = snapshot.named_terms(query, rows)
    best = top(snapshot, rows, values.sum(axis=1), k)
    ids = tuple(snapshot.ids[row] for row in rows[best].tolist())
    hits = make_hits(snapshot, query, rows[best], Terms(ids, names, values[best]), explain=explain)
    message = _message(snapshot, query, hits)
    took = (time.perf_counter() - started) * 1e3
    return Hits(query.query, hits, took, engine=index.name, considered=len(rows), message=message)


def rank(snapshot: Snapshot, query: EncodedQuery, ids: Sequence[str]) -> list[tuple[str, float]]:
    """Score exactly these products (a judged pool), best first."""
    rows = snapshot.rows_of(ids)
    scores = snapshot.scores(query, rows)
    return [(snapshot.ids[rows[i]], float(scores[i])) for i in top(snapshot, rows, scores, len(rows)).tolist()]


def top(snapshot: Snapshot, rows: Rows, scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Positions of the ``k`` best, by score, then by id, both descending."""
    places = np.arange(len(scores))
    if 0 < k < len(scores):
        places = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    keys = [
        (score, snapshot.ids[row]) for score, row in zip(scores[places].tolist(), rows[places].tolist(), strict=True)
    ]
    ordered = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)[:k]
    return places[np.array(ordered, dtype=np.int64)]


def make_hits(
    snapshot: Snapshot, query: EncodedQuery, rows: Rows, terms: Terms, *, explain: bool = False
) -> tuple[Hit, ...]:
    """Hits of these rows and their terms, in this order."""
    scores = terms.scores
    only_text = bool(query.parts) and all(encoded.part.kind == "text" for encoded in query.parts)
    confidence = snapshot.calibration.confidence_of(scores) if only_text else None
    reasons = _reasons(terms)
    return tuple(
        Hit(
            rank=i + 1,
            id=terms.ids[i],
            score=float(scores[i]),
            title=snapshot.titles[row],
            terms=dict(zip(terms.names, terms.values[i].tolist(), strict=True)),
            confidence=None if confidence is None else float(confidence[i]),
            reason=reasons[i],
            detail=_detail(snapshot, query, row) if explain else {},
        )
        for i, row in enumerate(rows.tolist())
    )


def _propose(snapshot: Snapshot, index: Index, query: EncodedQuery, *, depth: int) -> Rows:
    if not query.query.parts:  # nothing but a filter: everything that passes it
        return np.flatnonzero(snapshot.mask(query.where)).astype(np.int64)
    dense, lexical = snapshot.probes(query)
    if not dense and not lexical:
        return np.zeros(0, dtype=np.int64)
    where = None if query.where is None else snapshot.columns.check(query.where)
    return index.candidates(IndexQuery(dense, lexical, where), depth).rows


def _without(rows: Rows, excluded: Rows) -> Rows:
    return rows[~np.isin(rows, excluded)] if len(excluded) else rows


_WORDS = {
    BM25: "shares words",
    "text": "reads alike",
    "image": "looks alike",
    "audio": "sounds alike",
    "video": "moves alike",
    "attributes": "has like attributes",
    "reviews": "is reviewed alike",
    "behaviour": "is bought and viewed alike",
    JOINT: "is alike across words, pictures and sounds",
}


def _reasons(terms: Terms) -> list[str]:
    """What raises each score, the strongest first; every ``bm25.<field>`` counts together."""
    families = list(dict.fromkeys(name.split(".")[0] for name in terms.names))
    members = [[i for i, name in enumerate(terms.names) if name.split(".")[0] == family] for family in families]
    sums = [terms.values[:, columns].sum(axis=1).tolist() for columns in members]
    reasons = []
    for values in zip(*sums, strict=True):
        raising = sorted(((value, i) for i, value in enumerate(values) if value > 0), reverse=True)
        reasons.append(", ".join(_WORDS.get(families[i], families[i]) for _, i in raising))
    return reasons or [""] * len(terms.ids)


def _detail(snapshot: Snapshot, query: EncodedQuery, row: int) -> dict[str, Any]:
    """Per part: what each word contributed and the raw similarity of each block."""
    parts = []
    for encoded in query.parts:
        found: dict[str, Any] = {"part": encoded.part.to_json()}
        if encoded.lexical and snapshot.lexical is not None:
            found["tokens"] = [
                {"field": field, "token": token, "bm25": value}
                for field, token, value in snapshot.lexical.explain(list(encoded.tokens), row)
            ]
        at = np.array([row], dtype=np.int64)
        found["raw"] = {
            name: float(similarity(probe, snapshot.blocks[name].gather(at), snapshot.blocks[name].distance)[0])
            for name, probe in encoded.probes.items()
            if snapshot.blocks[name].gather_present(at)[0]
        }
        if JOINT in found["raw"]:
            found |= _split(snapshot, encoded.probes[JOINT], at)
        parts.append(found)
    return {"parts": parts}


def _split(snapshot: Snapshot, probe: NDArray[np.float32], at: Rows) -> dict[str, dict[str, float]]:
    """What each block of one product adds to its raw similarity in the joint space; they sum to it."""
    if snapshot.joint is None or snapshot.blocks[JOINT].distance == "euclidean":
        return {}
    given = {name: snapshot.blocks[name] for name in snapshot.joint.members}
    blocks = {name: rows_of(block.gather(at), block.gather_present(at)) for name, block in given.items()}
    return {JOINT: {name: float(values[0]) for name, values in snapshot.joint.split(probe, blocks).items()}}


def _message(snapshot: Snapshot, query: EncodedQuery, hits: tuple[Hit, ...]) -> str:
    if hits:
        best = hits[0].confidence
        if best is not None and best < NO_GOOD_MATCH:
            return f"no good match: the best one is relevant with probability {best:.2f}"
        return ""
    if query.where is not None and not snapshot.mask(query.where).any():
        return f"no product passes the filter {query.query.where!r}"
    if not query.knows_anything:
        return "nothing matches: no word or picture of the query is known to this shop"
    return "nothing matches"
