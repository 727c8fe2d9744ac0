"""Searches across modalities, query by query: how well they end, what a random order would do, and what was best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench
from goodsense.evaluate import bootstrap
from goodsense.evaluate.ablation import ablate
from goodsense.evaluate.cases import Case, Kind
from goodsense.fusion.crossing import by_chance as moments

Columns: TypeAlias = dict[str, NDArray[np.float64]]  # metric -> (queries,)
MEASURES = ("R@1", "R@5", "MRR")
CHANCE = "chance"


def columns_of(ranks: NDArray[np.float64]) -> Columns:
    """Of reciprocal ranks ``(q,)``."""
    return {"R@1": (ranks > 1 / 1.5).astype(np.float64), "R@5": (ranks > 1 / 5.5).astype(np.float64), "MRR": ranks}


def ranks_of(scores: NDArray[np.floating], same: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Reciprocal ranks of the first right item from scores ``(q, g)``; of equal scores the wrong item comes first."""
    best = np.where(same, scores, -np.inf).max(axis=1)
    return np.asarray(1.0 / (1 + ((scores >= best[:, None]) & ~same).sum(axis=1)), dtype=np.float64)


def by_chance(same: NDArray[np.bool_]) -> Columns:
    """What a random order makes of every query, on average: ``(q, g)`` to ``(q,)`` each."""
    right, gallery = same.sum(axis=1), same.shape[1]
    missed = {k: [comb(gallery - count, k) / comb(gallery, k) for count in right.tolist()] for k in (1, 5)}
    return {**{f"R@{k}": 1 - np.array(each) for k, each in missed.items()}, "MRR": moments(right, gallery)[:, 0]}


def together(trials: Sequence[Columns]) -> Columns:
    """The queries of several trials, one after the other."""
    return {measure: np.concatenate([trial[measure] for trial in trials]) for measure in MEASURES}


def interval(values: NDArray[np.float64]) -> list[float]:
    """Mean and 95 % bounds over queries."""
    found = bootstrap(values, samples=2_000)
    return [round(number, 4) for number in (found.mean, found.lower, found.upper)]


def compared(
    bench: Bench,
    name: str,
    validation: Mapping[str, Columns],
    test: Mapping[str, Columns],
    modalities: Mapping[str, Sequence[str]],
    kinds: Mapping[str, Kind],
) -> str:
    """Keep the whole comparison in the details; gives the case that is best on validation, by reciprocal ranks."""
    cases = []
    for case in validation:
        parts = () if case == CHANCE else modalities[case]
        kind: Kind = "chance" if case == CHANCE else kinds.get(case, "fusion")
        cases.append(Case.of_values(case, parts, validation=validation[case], test=test[case], kind=kind))
    found = ablate(cases, metric="MRR").to_json()
    bench.details[f"ablation, {name}"] = {
        "baseline": found["baseline"],
        "modalities": [one["verdict"] for one in found["contributions"]],
        "verdict": found["verdict"],
        "gate": found["winner"],
        "queries": found["queries"],
        "rows": [_row(row) for row in found["rows"]],
    }
    return max((case for case in validation if case != CHANCE), key=lambda case: validation[case]["MRR"].mean())


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    rounded = {split: {m: round(v, 4) for m, v in row[split].items()} for split in ("validation", "test")}
    bounds = {name: [round(row[name][at], 4) for at in ("mean", "lower", "upper")] for name in ("value", "gain")}
    return {"name": row["name"], "modalities": row["modalities"], **rounded, **bounds, "p_value": row["p_value"]}
