"""What two builds of a shop are asked, to see which answers better: judged queries, or some made of titles."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from goodsense.errors import DataError, UsageError
from goodsense.evaluate import read_qrels, read_queries
from goodsense.progress import Progress, silent
from goodsense.search.encode import encode_query
from goodsense.search.engine import search
from goodsense.shop.build import group_key
from goodsense.shop.encoding import tokenizer_of
from goodsense.shop.listing import read_listing
from goodsense.shop.live import Live
from goodsense.shop.pairs import Catalog, pseudo_queries
from goodsense.shop.shop import Shop
from goodsense.types import Qrels, Query

LEAST_JUDGED = 10
DEPTH = 100  # hits per query; recall@100 needs them
MOST_LIKE = 200  # products whose likes are compared
_UNMASKED = ("typo", "synonym")  # kinds that take nothing from a product, so any build can be asked them as it is


@dataclass(frozen=True)
class Asked:
    """Queries by id, which products answer them, and where both come from; ``judged`` if people said so."""

    queries: Mapping[str, Query]
    qrels: Qrels
    source: str
    judged: bool


@dataclass(frozen=True)
class Answers:
    """What one build found, the queries whose files cannot be read any more, and milliseconds per query."""

    run: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    median_ms: float = 0.0


def trial_queries(shop: Shop, queries: Path | None, qrels: Path | None, *, seed: int) -> Asked:
    """Queries of files, else those that the shop has judgements for, else such as are made of titles.

    Raises
    ------
    UsageError
        If only one of the two files is given.
    DataError
        If the judgements are of none of the queries.
    """
    if (queries is None) != (qrels is None):
        raise UsageError("queries and judgements belong together.", fix="Give both: --queries FILE --qrels FILE.")
    if queries is not None and qrels is not None:
        return _from_files(queries, qrels)
    stored, grades = shop.truth.judged_queries()
    judged = {id: own for id, own in grades.items() if any(grade > 0 for grade in own.values())}
    if len(judged) < LEAST_JUDGED:
        return _made(shop, seed)
    asked = {id: Query.from_json(json.loads(text)) for id, text in stored.items()}
    return Asked(asked, judged, f"{len(judged)} judged queries of the shop", judged=True)


def like_queries(ids: Iterable[str], *, seed: int) -> dict[str, Query]:
    """ "Products like this one" for a sample of products."""
    known = sorted(ids)
    picked = np.random.default_rng(seed).permutation(len(known))[:MOST_LIKE].tolist()
    return {known[at]: Query.like(known[at]) for at in sorted(picked)}


def answers(live: Live, queries: Mapping[str, Query], *, stage: str, progress: Progress = silent) -> Answers:
    """The best hits of every query; a query that reaches nothing in this build finds nothing."""
    found, took = Answers(), []
    for done, (id, query) in enumerate(queries.items()):
        progress(stage, done, len(queries))
        started = time.perf_counter()
        try:
            encoded = encode_query(query, live.snapshot, live.encoders)
            hits = search(live.snapshot, live.upkeep.index, encoded, k=DEPTH, depth=max(DEPTH, live.depth))
            found.run[id] = [(hit.id, hit.score) for hit in hits]
        except UsageError:
            found.run[id] = []
        except DataError:
            found.unreadable.add(id)
        took.append((time.perf_counter() - started) * 1e3)
    progress(stage, len(queries), len(queries))
    return Answers(found.run, found.unreadable, round(float(np.median(took)), 3) if took else 0.0)


def _from_files(queries: Path, qrels: Path) -> Asked:
    grades = read_qrels(qrels)
    asked = dict(read_queries(queries))
    judged = {id: own for id, own in grades.items() if id in asked}
    if not judged:
        raise DataError(f"{qrels} judges none of the queries of {queries}.", fix="Check that their query ids agree.")
    return Asked(asked, judged, f"{len(judged)} judged queries of {queries.name}", judged=True)


def _made(shop: Shop, seed: int) -> Asked:
    """Titles of validation products with a typo, or in other words; they ask for the product and its duplicates."""
    tokenizer = tokenizer_of(shop.recipe)
    listing, _ = read_listing(shop.truth, group_of=lambda title: group_key(tokenizer, title))
    catalog = Catalog(listing.texts, listing.groups, listing.splits, [0] * len(listing))
    made = [query for query in pseudo_queries(catalog, seed=seed) if query.kind in _UNMASKED]
    asked = {query.id: Query.of_text(query.text) for query in made}
    qrels = {query.id: {listing.ids[row]: 1 for row in query.relevant} for query in made}
    return Asked(asked, qrels, f"{len(made)} titles of validation products, mistyped or in other words", judged=False)
