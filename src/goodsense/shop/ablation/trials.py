"""The cases of one goal of an ablation: retrieval scored by cosines, and labels told from vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from goodsense.evaluate.cases import Case, Kind, Split, Values, chance, ranking_values
from goodsense.fusion import LateFusion, block_scores
from goodsense.fusion.recipes import NETWORKS
from goodsense.shop.ablation.asked import Judged
from goodsense.shop.ablation.goals import SPLITS, Blocks, Fuse, Goal, PairScores, Scores, by_cosine
from goodsense.shop.ablation.rivals import Bench, Entry, Field, Names, Way, called, contest, without_ballast
from goodsense.understand.heads import KernelRidgeHead, majority

CUTS = (1, 10)
HEAD_ROWS = 1_500  # that a head learns from, for each of dozens of cases
LATE = ("z-score", "reciprocal-rank")


def retrieval(bench: Bench, goal: Goal, entries: Sequence[Entry], *, metric: str, words: Judged | None = None) -> Field:
    """Everything that takes part in a goal of retrieval."""

    def made(name: str, names: Names, kind: Kind | None, fuse: Fuse) -> Case:
        return _ranked(bench, goal, name, names, kind, by_cosine(fuse))

    found = contest(bench, made, entries, crossing=goal.crossing, metric=metric)
    if not goal.crossing:
        for calibration in LATE:
            found.enter(_late_way(bench, goal, calibration))
    if words is not None:
        _with_words(bench, words, found)
    without_ballast(found, metric=metric, seed=bench.seed)
    floor = chance(goal.tasks, cuts=CUTS, draws=5, seed=bench.seed)
    found.cases.append(Case(floor.name, (), "baseline" if goal.crossing else "chance", cache(floor.values)))
    return found


def _ranked(bench: Bench, goal: Goal, name: str, names: Names, kind: Kind | None, pair: PairScores) -> Case:
    """A case whose values are worked out once."""
    return _of_scores(bench, goal, name, names, kind, lambda split: goal.scores(split, bench.only(names), pair))


def _of_scores(
    bench: Bench, goal: Goal, name: str, names: Names, kind: Kind | None, scores: Callable[[Split], Scores]
) -> Case:
    @cache
    def values(split: Split) -> Values:
        bench.progress(f"{goal.name}, {split}", 0, None, note=name)
        return ranking_values(scores(split), goal.tasks[split], cuts=CUTS)

    return Case(name, names, kind or ("single" if len(names) == 1 else "subset"), values)


def _late_way(bench: Bench, goal: Goal, calibration: Any) -> Way:
    """Late fusion of the blocks' own scores."""

    def pair(asking: Blocks, items: Blocks) -> Scores:
        sources = block_scores(asking, items)
        found = LateFusion(calibration=calibration, scope="query").fit(sources).fuse(sources)
        known = np.any([~np.isnan(scores) for scores in sources.values()], axis=0)
        return np.where(known, found, -np.inf)

    def named(names: Names) -> str:
        return f"late ({calibration})" + f" of {called(names, bench.names)}" * (names != bench.names)

    return Way(bench.names, named, lambda name, names: _ranked(bench, goal, name, names, "fusion", pair))


def _with_words(bench: Bench, words: Judged, found: Field) -> None:
    """BM25, the search as built, and BM25 beside the fused vectors of all modalities."""
    alone = (("BM25", ("text",), words.words), ("search as built", bench.names, words.as_built))
    for name, names, scores in alone:
        found.cases.append(_of_scores(bench, words.goal, name, names, "baseline", scores.__getitem__))
    for name, (entry, names) in list(found.fusions.items()):
        if names == bench.names:
            found.enter(_beside_words(bench, words, name, entry))


def _beside_words(bench: Bench, words: Judged, label: str, entry: Entry) -> Way:
    """BM25 and the vectors of a fusion, each query's scores by their own spread, summed."""
    goal = words.goal

    def again(name: str, names: Names) -> Case | None:
        fuse = bench.fuse(entry, bench.names if entry.fusion in NETWORKS else names)
        if fuse is None:
            return None
        pair = by_cosine(fuse)

        def scores(split: Split) -> Scores:
            fused = goal.scores(split, bench.only(names), pair)
            barred = np.isinf(words.words[split])
            sources = {"vectors": np.where(np.isinf(fused), np.nan, fused)}
            sources["words"] = np.where(barred, np.nan, words.words[split])
            return np.where(barred, -np.inf, LateFusion(scope="query").fit(sources).fuse(sources))

        return _of_scores(bench, goal, name, names, "fusion", scores)

    def named(names: Names) -> str:
        return f"BM25 & {label}" + f" of {called(names, bench.names)}" * (names != bench.names)

    return Way(bench.names, named, again)


# ---- classification


def classification(
    bench: Bench, parts: Sequence[str], labels: Sequence[str], entries: Sequence[Entry], more: dict[str, float]
) -> Field:
    """Everything that takes part in telling a label; ``more`` gets each case's macro F1 on test."""
    from goodsense.evaluate import classification_report

    rows = {split: np.flatnonzero(np.array(parts) == part) for split, part in zip(SPLITS, ("val", "test"), strict=True)}
    truth = np.array(labels, dtype=np.object_)

    def made(name: str, names: Names, kind: Kind | None, fuse: Fuse) -> Case:
        @cache
        def predicted(split: Split) -> Any:
            bench.progress(f"classify, {split}", 0, None, note=name)
            block = fuse({each: own.take(rows[split]) for each, own in bench.only(names).items()})
            return np.where(block.present, head().predict(block.vectors), majority(truth[bench.train].tolist()))

        @cache
        def head() -> KernelRidgeHead:
            block = fuse({each: own.take(bench.train) for each, own in bench.only(names).items()})
            known = np.flatnonzero(block.present)
            wanted = truth[bench.train][known].tolist()
            return KernelRidgeHead(max_rows=HEAD_ROWS).fit(block.vectors[known], wanted, seed=bench.seed)

        @cache
        def values(split: Split) -> Values:
            said, wanted = predicted(split), truth[rows[split]]
            if split == "test":
                more[name] = classification_report(wanted.tolist(), said.tolist()).metrics["macro_f1"]
            return {"accuracy": (said == wanted).astype(np.float64)}

        return Case(name, names, kind or ("single" if len(names) == 1 else "subset"), values)

    found = contest(bench, made, entries, crossing=False, metric="accuracy")
    without_ballast(found, metric="accuracy", seed=bench.seed)
    most = majority(truth[bench.train].tolist())
    floor = {split: {"accuracy": (truth[rows[split]] == most).astype(np.float64)} for split in SPLITS}
    found.cases.append(Case.of_values("majority", (), validation=floor["validation"], test=floor["test"]))
    return found
