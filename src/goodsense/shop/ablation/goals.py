"""What an ablation asks of a shop's vectors: retrieval goals over products that no fusion has learned from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.evaluate.cases import Split, Task
from goodsense.types import Embeddings, Rows, normalise

if TYPE_CHECKING:
    pass

Blocks: TypeAlias = Mapping[str, Embeddings]
Fuse: TypeAlias = Callable[[Blocks], Embeddings]
Scores: TypeAlias = NDArray[np.float64]  # (queries, items); -inf: cannot be found
PairScores: TypeAlias = Callable[[Blocks, Blocks], Scores]  # blocks of queries, blocks of items
SPLITS: tuple[Split, ...] = ("validation", "test")
MOST_QUERIES = 500  # of a goal and a split
MOST_ITEMS = 5_000  # in a gallery
LEAST_QUERIES = 20  # of a goal and a split: fewer say nothing
SAME_SOURCE = ({"text", "attributes"}, {"audio", "video"})  # made of the same fields, or of the same files


@dataclass(frozen=True, eq=False)
class Side:
    """Queries of one kind.

    Parameters
    ----------
    ids
        Of the queries.
    rows
        The products whose own vectors ask, ``(q,)``; empty where ``given`` are the vectors of the queries.
    ask, find
        Blocks that queries, and that items, may be seen by; None for all.
    barred
        What may not be found ``(q, items)``: the product that asks, or what a filter leaves out.
    """

    name: str
    ids: tuple[str, ...]
    rows: Rows
    given: Blocks = field(default_factory=dict)
    ask: frozenset[str] | None = None
    find: frozenset[str] | None = None
    barred: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Goal:
    """One kind of search, on validation and on test: galleries as rows of the blocks, queries, and what is right.

    ``crossing`` means that queries and items are seen by different modalities, so that none by itself can answer.
    """

    name: str
    what: str
    items: Mapping[Split, Rows]
    sides: Mapping[Split, tuple[Side, ...]]
    tasks: Mapping[Split, Task]
    crossing: bool = False

    def scores(self, split: Split, blocks: Blocks, pair: PairScores) -> Scores:
        """Every item for every query, by blocks of all products."""
        gallery = {name: block.take(self.items[split]) for name, block in blocks.items()}
        return np.concatenate([self._side(side, gallery, blocks, pair) for side in self.sides[split]])

    def _side(self, side: Side, gallery: Blocks, blocks: Blocks, pair: PairScores) -> Scores:
        known = side.given or {name: block.take(side.rows) for name, block in blocks.items()}
        asking = {name: known[name] for name in blocks if name in known and (side.ask is None or name in side.ask)}
        items = {name: block for name, block in gallery.items() if side.find is None or name in side.find}
        shape = len(side.ids), len(next(iter(gallery.values())))
        found = pair(asking, items) if asking and items else np.full(shape, -np.inf)
        assert found.shape == shape
        return found if side.barred is None else np.where(side.barred, -np.inf, found)


def by_cosine(fuse: Fuse) -> PairScores:
    """Fused queries against fused items; what is not present is not found."""

    def pair(asking: Blocks, items: Blocks) -> Scores:
        left, right = fuse(asking), fuse(items)
        cosines = (normalise(left.vectors) @ normalise(right.vectors).T).astype(np.float64)
        return np.where(left.present[:, None] & right.present, cosines, -np.inf)

    return pair


# ---- the goals


def other_modality(blocks: Blocks, parts: Sequence[str], groups: Sequence[str], *, seed: int) -> Goal:
    """A product by one modality asks for itself (or one of the same title) among products by all the others.

    Modalities that are made of the same fields or files are never on both sides.
    """
    items, sides, tasks = {}, {}, {}
    for split, part in zip(SPLITS, ("val", "test"), strict=True):
        rows = sampled([row for row, found in enumerate(parts) if found == part], MOST_ITEMS, seed)
        items[split], ids = rows, ids_of(blocks, rows)
        made, qrels = [], {}
        for name in blocks:
            others = frozenset(blocks) - _related(name)
            asking = [row for row in rows.tolist() if blocks[name].present[row] and _has(blocks, others, row)]
            chosen = sampled(asking, MOST_QUERIES // len(blocks), seed)
            names = tuple(f"{name}\0{id}" for id in ids_of(blocks, chosen))
            if len(chosen):
                made.append(Side(name, names, chosen, ask=frozenset({name}), find=others))
            alike = members(groups, rows)
            for query, row in zip(names, chosen.tolist(), strict=True):
                qrels[query] = {ids[place]: 1 for place in alike[groups[row]]}
        sides[split], tasks[split] = tuple(made), Task(ids, qrels)
    return Goal("other modality", "a product by one modality, found by its others", items, sides, tasks, crossing=True)


def same_label(
    field: str, blocks: Blocks, parts: Sequence[str], labels: Sequence[str], groups: Sequence[str], *, seed: int
) -> Goal:
    """A product asks for others of its own label; those of its own title count as found already."""
    items, sides, tasks = {}, {}, {}
    for split, part in zip(SPLITS, ("val", "test"), strict=True):
        rows = sampled([row for row, found in enumerate(parts) if found == part], MOST_ITEMS, seed)
        items[split], ids = rows, ids_of(blocks, rows)
        alike, titles = members(labels, rows), [groups[row] for row in rows.tolist()]
        several = {label for label, places in alike.items() if len({titles[place] for place in places}) > 1}
        fitting = [row for row in rows.tolist() if labels[row] in several]
        chosen = sampled(fitting, MOST_QUERIES, seed)
        names = ids_of(blocks, chosen)
        own = np.array([groups[row] for row in chosen.tolist()], dtype=np.object_)
        barred = own[:, None] == np.array(titles, dtype=np.object_)
        sides[split] = (Side(field, names, chosen, barred=barred),)
        qrels = {
            name: {ids[place]: 1 for place in alike[labels[row]] if titles[place] != groups[row]}
            for name, row in zip(names, chosen.tolist(), strict=True)
        }
        tasks[split] = Task(ids, qrels)
    return Goal(f"same {field}", f"other products of the same {field}", items, sides, tasks)


# ---- small things


def bucket(name: str, count: int) -> int:
    """A number below ``count`` that depends on the name alone."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") % count


def enough(goal: Goal) -> bool:
    """Whether both splits have as many queries as it takes."""
    return all(len(goal.tasks[split].queries) >= LEAST_QUERIES for split in SPLITS)


def _related(name: str) -> frozenset[str]:
    return frozenset({name}.union(*(family for family in SAME_SOURCE if name in family)))


def _has(blocks: Blocks, names: frozenset[str], row: int) -> bool:
    return any(blocks[name].present[row] for name in names)


def sampled(rows: Sequence[int] | range, most: int, seed: int) -> Rows:
    """The rows, or a seeded sample of so many, ascending."""
    found = np.array(rows, dtype=np.int64)
    if len(found) <= most:
        return found
    return np.sort(np.random.default_rng(seed).choice(found, most, replace=False))


def gallery_of(count: int, wanted: Sequence[int], seed: int) -> Rows:
    """All rows, or those that are wanted and a sample of the others."""
    if count <= MOST_ITEMS:
        return np.arange(count, dtype=np.int64)
    kept = np.unique(np.array(wanted, dtype=np.int64))
    others = np.setdiff1d(np.arange(count), kept)
    return np.sort(np.concatenate([kept, sampled(others.tolist(), max(0, MOST_ITEMS - len(kept)), seed)]))


def members(names: Sequence[str], rows: Rows) -> dict[str, list[int]]:
    """Name -> places among ``rows``."""
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows.tolist()):
        found.setdefault(names[row], []).append(place)
    return found


def ids_of(blocks: Blocks, rows: Rows) -> tuple[str, ...]:
    """The products in these rows."""
    ids = next(iter(blocks.values())).ids
    return tuple(ids[row] for row in rows.tolist())
