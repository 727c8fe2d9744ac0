"""Goals of an ablation that people set: judged queries, and what shoppers touched one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from goodsense.errors import GoodsenseError
from goodsense.evaluate.cases import Split, Task
from goodsense.events import DEFAULT_WEIGHTS
from goodsense.events.sessions import user_sessions
from goodsense.search.encode import EncodedQuery
from goodsense.shop.ablation.goals import (
    MOST_QUERIES,
    SPLITS,
    Blocks,
    Goal,
    Scores,
    Side,
    bucket,
    gallery_of,
    ids_of,
    sampled,
)
from goodsense.shop.behaviour import stored_events
from goodsense.types import Embeddings, Query, Rows

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

Asked: TypeAlias = tuple[str, EncodedQuery, dict[str, int]]  # id, query, grades by product
PER_SHOPPER = 5  # steps of one shopper that are asked for


@dataclass(frozen=True, eq=False)
class Judged:
    """The judged queries as a goal, and what the build itself scores: ``(queries, items)`` by split."""

    goal: Goal
    words: Mapping[Split, Scores]
    as_built: Mapping[Split, Scores]
    unreadable: int


def judged(shop: Shop, blocks: Blocks, *, seed: int) -> Judged:
    """The shop's judged queries, half of them for choosing and half for testing."""
    known = {id: row for row, id in enumerate(next(iter(blocks.values())).ids)}
    asked, unreadable = _encoded_queries(shop, known)
    items, sides, tasks = {}, {}, {}
    words: dict[Split, Scores] = {}
    built: dict[Split, Scores] = {}
    for split, half in zip(SPLITS, (0, 1), strict=True):
        mine = [each for each in asked if bucket(each[0], 2) == half]
        mine = [mine[place] for place in sampled(range(len(mine)), MOST_QUERIES, seed).tolist()]
        rows = gallery_of(len(known), [known[id] for _, _, grades in mine for id in grades], seed)
        items[split], ids = rows, ids_of(blocks, rows)
        there = shop.snapshot.rows_of(ids)
        side = _judged_side(shop, blocks, mine, ids, there)
        sides[split] = (side,)
        words[split] = _stacked([_words(shop, encoded, there) for _, encoded, _ in mine], side)
        built[split] = _stacked([shop.snapshot.scores(encoded, there) for _, encoded, _ in mine], side)
        tasks[split] = Task(ids, {id: grades for id, _, grades in mine})
    goal = Goal("judged queries", "queries that people judged", items, sides, tasks, crossing=True)
    return Judged(goal, words, built, unreadable)


def _encoded_queries(
    shop: Shop, known: Mapping[str, int]
) -> tuple[list[tuple[str, EncodedQuery, dict[str, int]]], int]:
    """Queries with something relevant among the products; and how many of them cannot be encoded."""
    queries, qrels = shop.truth.judged_queries()
    found, unreadable = [], 0
    for id, text in queries.items():
        grades = {product: grade for product, grade in qrels[id].items() if product in known}
        if not any(grade > 0 for grade in grades.values()):
            continue
        try:
            found.append((id, shop.encode(Query.from_json(json.loads(text))), grades))
        except GoodsenseError:
            unreadable += 1
    return found, unreadable


def _judged_side(
    shop: Shop,
    blocks: Blocks,
    asked: Sequence[tuple[str, EncodedQuery, dict[str, int]]],
    ids: Sequence[str],
    rows: Rows,
) -> Side:
    names = tuple(id for id, _, _ in asked)
    given = {}
    for name, block in blocks.items():
        vectors = np.zeros((len(asked), block.dim), dtype=np.float32)
        for at, (_, encoded, _) in enumerate(asked):
            for part in encoded.parts:
                if name in part.probes:
                    vectors[at] += np.float32(part.part.weight) * part.probes[name]
        given[name] = Embeddings.of_products(names, vectors, np.asarray(vectors.any(axis=1)))
    barred = np.zeros((len(asked), len(ids)), dtype=np.bool_)
    for at, (_, encoded, _) in enumerate(asked):
        if encoded.where is not None:
            barred[at] |= ~shop.snapshot.mask(encoded.where)[rows]
        barred[at] |= np.isin(np.array(ids, dtype=np.object_), list(encoded.query.exclude))
    return Side("query", names, np.zeros(0, dtype=np.int64), given, barred=barred)


def _words(shop: Shop, encoded: EncodedQuery, rows: Rows) -> Scores:
    lexical, total = shop.snapshot.lexical, np.zeros(len(rows))
    for part in encoded.parts:
        if lexical is not None and part.lexical:
            total += part.part.weight * lexical.terms(part.lexical, rows)[1].sum(axis=1)
    return total


def _stacked(rows: Sequence[Scores], side: Side) -> Scores:
    """Scores query by query, without what is barred."""
    assert side.barred is not None
    return np.where(side.barred, -np.inf, np.stack(rows) if rows else np.zeros(side.barred.shape))


# ---- what shoppers touched one after the other


def shoppers_steps(shop: Shop, known: Mapping[str, int]) -> tuple[dict[str, list[tuple[int, int]]], bool]:
    """Steps from one product to another within a visit, as rows: train, val, test; and whether the source parted them.

    Where it did not, a shopper's steps are all in one part, by hash; the last few of each are taken.
    """
    steps: dict[str, list[tuple[int, int]]] = {"train": [], "val": [], "test": []}
    visits: dict[str, list[tuple[str, int, int]]] = {}
    for label, user, before, after in _steps(shop, known):
        visits.setdefault(user, []).append((label, before, after))
    given = any(label in ("val", "test") for own in visits.values() for label, _, _ in own)
    for user, own in visits.items():
        number = bucket(user, 10)
        part = "val" if number < 2 else "test" if number < 4 else "train"
        for label, before, after in own[-PER_SHOPPER:]:
            steps[(label or "train") if given else part].append((before, after))
    return steps, given


def _steps(shop: Shop, known: Mapping[str, int]) -> Iterator[tuple[str, str, int, int]]:
    for visit in user_sessions(stored_events(shop.truth)):
        touched = [event for event in visit.events if event.item in known and DEFAULT_WEIGHTS.get(event.type, 1.0) > 0]
        for one, other in pairwise(touched):
            if one.item != other.item:
                yield other.split, visit.user, known[one.item], known[other.item]


def next_item(blocks: Blocks, steps: Mapping[Split, Sequence[tuple[int, int]]], *, seed: int) -> Goal:
    """The product that a shopper touched before asks for the next one, among all products."""
    items, sides, tasks = {}, {}, {}
    count = len(next(iter(blocks.values())))
    for split in SPLITS:
        chosen = [steps[split][place] for place in sampled(range(len(steps[split])), MOST_QUERIES, seed).tolist()]
        rows = gallery_of(count, [row for step in chosen for row in step], seed)
        items[split], ids = rows, ids_of(blocks, rows)
        place = {row: at for at, row in enumerate(rows.tolist())}
        names = tuple(f"step {number}" for number in range(len(chosen)))
        before = np.array([step[0] for step in chosen], dtype=np.int64)
        sides[split] = (Side("product", names, before, barred=before[:, None] == rows),)
        tasks[split] = Task(ids, {name: {ids[place[step[1]]]: 1} for name, step in zip(names, chosen, strict=True)})
    return Goal("next item", "the next product that a shopper touched, by the one before", items, sides, tasks)
