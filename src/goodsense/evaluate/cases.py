"""What an ablation compares: cases, each a set of modalities and how well it does, query by query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from goodsense.errors import DataError, UsageError
from goodsense.evaluate.ranking import ALWAYS_RECALL_AT, evaluate_run
from goodsense.learning.coalitions import coalitions
from goodsense.types import Embeddings, Qrels, Vectors, normalise

Split: TypeAlias = Literal["validation", "test"]
Kind: TypeAlias = Literal["single", "subset", "fusion", "baseline", "chance"]
Values: TypeAlias = Mapping[str, ArrayLike]  # metric -> (queries,)
Scorer: TypeAlias = Callable[["Task"], NDArray[np.floating]]  # -> (queries, items); -inf: cannot be found
CUTS = (1, 10, 100)


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be found, and how that is judged.

    Parameters
    ----------
    items
        The gallery.
    qrels
        Query id -> item id -> grade; the queries are asked in this order.
    apart
        If true, a query never finds the item of its own id: "what else is like this product".
    """

    items: tuple[str, ...]
    qrels: Qrels
    apart: bool = False

    @property
    def queries(self) -> tuple[str, ...]:
        return tuple(self.qrels)


@dataclass(frozen=True, eq=False)
class Case:
    """One way of using some modalities.

    Parameters
    ----------
    name
        Unique among the cases.
    modalities
        What it looks at, sorted; empty for chance.
    kind
        ``single`` and ``subset`` are the same method on every set of modalities; ``fusion`` is another method;
        ``baseline`` is what would be kept besides the single ones, such as BM25; ``chance`` knows nothing.
    values
        Gives metric -> ``(queries,)`` on a split; larger is better. It is called once per split.
    """

    name: str
    modalities: tuple[str, ...]
    kind: Kind
    values: Callable[[Split], Values]

    @classmethod
    def of_values(
        cls, name: str, modalities: Iterable[str], *, validation: Values, test: Values, kind: Kind | None = None
    ) -> Case:
        """From figures of any task, such as 1 for each row that was classified rightly."""
        return _case(name, modalities, kind, lambda split: validation if split == "validation" else test)

    @classmethod
    def of_scores(
        cls,
        name: str,
        modalities: Iterable[str],
        scorer: Scorer,
        tasks: Mapping[Split, Task],
        *,
        kind: Kind | None = None,
        cuts: Sequence[int] = CUTS,
    ) -> Case:
        """From a function that scores every item for every query."""
        return _case(
            name, modalities, kind, lambda split: ranking_values(scorer(tasks[split]), tasks[split], cuts=cuts)
        )

    @classmethod
    def of_vectors(
        cls,
        name: str,
        modalities: Iterable[str],
        queries: Embeddings,
        items: Embeddings,
        tasks: Mapping[Split, Task],
        *,
        kind: Kind | None = None,
        cuts: Sequence[int] = CUTS,
    ) -> Case:
        """From vectors compared by cosine; rows are found by their ids, and what is not present is not found."""

        def scorer(task: Task) -> NDArray[np.floating]:
            left, asked = _rows(queries, task.queries, "query")
            right, there = _rows(items, task.items, "item")
            scores: NDArray[np.floating] = left @ right.T
            return np.where(asked[:, None] & there, scores, -np.inf)

        return cls.of_scores(name, modalities, scorer, tasks, kind=kind, cuts=cuts)


def chance(tasks: Mapping[Split, Task], *, cuts: Sequence[int] = CUTS, draws: int = 20, seed: int = 0) -> Case:
    """What a random order scores, averaged over ``draws`` of them: the worth of no modality at all."""

    def values(split: Split) -> Values:
        task = tasks[split]
        rng = np.random.default_rng(seed)
        drawn = [
            ranking_values(rng.random((len(task.queries), len(task.items))), task, cuts=cuts) for _ in range(draws)
        ]
        return {metric: np.mean([np.asarray(found[metric]) for found in drawn], axis=0) for metric in drawn[0]}

    return Case("chance", (), "chance", values)


def every_subset(modalities: Iterable[str], make: Callable[[tuple[str, ...]], Case | None]) -> list[Case]:
    """A case for every non-empty subset, small ones first; ``make`` gives None where the data do not support one."""
    subsets = sorted(list(coalitions(sorted(modalities)))[1:], key=lambda subset: (len(subset), subset))
    made = [make(subset) for subset in subsets]
    return [case for case in made if case is not None]


def ranking_values(
    scores: NDArray[np.floating], task: Task, *, cuts: Sequence[int] = CUTS
) -> dict[str, NDArray[np.float64]]:
    """Every ranking metric per query from ``(queries, items)`` scores.

    Raises
    ------
    UsageError
        If the scores have another shape.
    DataError
        If a score is not a number.
    """
    if scores.shape != (len(task.queries), len(task.items)):
        raise UsageError(
            f"scores are {scores.shape}; the task has {len(task.queries)} queries and {len(task.items)} items."
        )
    if np.isnan(scores).any():
        raise DataError("a score is not a number.", fix="Give -inf to what cannot be found.")
    depth = max(*cuts, *ALWAYS_RECALL_AT) + task.apart
    run = {}
    for query, row in zip(task.queries, scores, strict=True):
        hits = [(task.items[at], float(row[at])) for at in _best(row, depth)]
        run[query] = [hit for hit in hits if hit[0] != query] if task.apart else hits
    return dict(evaluate_run(run, task.qrels, ks=cuts).per_query)


def _best(row: NDArray[np.floating], depth: int) -> NDArray[np.int64]:
    """Positions that may rank among the first ``depth``; all that tie with the last of them are there."""
    findable = row > -np.inf
    if depth < len(row):
        findable &= row >= np.partition(row, len(row) - depth)[len(row) - depth]
    return np.flatnonzero(findable)


def _case(name: str, modalities: Iterable[str], kind: Kind | None, values: Callable[[Split], Values]) -> Case:
    used = tuple(sorted(set(modalities)))
    return Case(name, used, kind or ("single" if len(used) == 1 else "subset" if used else "chance"), values)


def _rows(block: Embeddings, ids: Sequence[str], what: str) -> tuple[Vectors, NDArray[np.bool_]]:
    where = {id: row for row, id in enumerate(block.ids)}
    unknown = [id for id in ids if id not in where]
    if unknown:
        raise UsageError(f"the {what} {unknown[0]!r} of the task has no row; {len(unknown)} of {len(ids)} have none.")
    rows = np.array([where[id] for id in ids], dtype=np.int64)
    return normalise(block.vectors[rows]), block.present[rows]
