"""Micro-videos by picture and sound: a video that a user liked finds others that the user liked, by every fusion.

Reads ``tiktok``: vectors of pictures and sounds, and interactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, report_path
from goodsense.evaluate.ablation import ablate
from goodsense.evaluate.cases import Split, Task
from goodsense.learning.lesson import Lesson
from goodsense.learning.pairs import Pairs
from goodsense.shop.ablation.goals import SPLITS, Goal, Side
from goodsense.shop.ablation.rivals import ADDITIVE, CCA, LEARNED, Entry
from goodsense.shop.ablation.rivals import Bench as Rivals
from goodsense.shop.ablation.trials import retrieval
from goodsense.types import Embeddings

PROTOCOL = (
    "tiktok (LATTICE split 8:1:1): content vectors of pictures and sounds, 128 columns each, of 6,710 micro-videos; a "
    "query is one video of a user's train interactions, drawn, and the user's held-out videos are what it should find "
    "among all videos but those of the user's train interactions; users have no times, so this is 'same user', not "
    "'next item'; fusions learn from all contents and from pairs of train interactions (users of at most 100 videos); "
    "chosen on val, test once; sets of modalities by weights learned from pairs; intervals by bootstrap over queries"
)
METRIC = "ndcg@10"
BLOCKS = ("image", "audio")
ENTRIES = (
    ADDITIVE,
    LEARNED,
    Entry("mean", "mean"),
    Entry("max", "max"),
    Entry("concat", "concat"),
    Entry("concat (pca)", "concat", {"dim": 128}),
    CCA,
    Entry("ridge", "ridge"),
    Entry("activated (relu)", "activated"),
    Entry("product", "product"),
    Entry("hybrid (cca)", "hybrid"),
    Entry("trained (mean)", "trained"),
    Entry("trained (gated)", "trained", {"network": "gated"}),
    Entry("graph (sage, modality nodes)", "graph", {"network": "modality-graph", "hops": 1, "epochs": 8}),
    Entry("graph (gcn)", "graph", {"layer": "gcn", "hops": 1, "epochs": 8}),
)
QUERIES = {"validation": 1_500, "test": 3_000}


@dataclass(frozen=True)
class Likes:
    """Who liked what, in which part of the split: 0 train, 1 val, 2 test; all ``(e,)``."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    parts: NDArray[np.int64]


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="test queries, and half as many on val")
    options = made.parse_args()
    bench = Bench("tiktok", PROTOCOL, seeds={"queries": 0, "fusions": 0}, settings={"limit": options.limit})
    run(bench, options.data / "tiktok", options.limit)
    bench.write(report_path(options, bench.name, whole=options.limit is None))


def run(bench: Bench, data: Path, limit: int | None) -> None:
    blocks, likes = read_blocks(data), read_likes(data)
    counts = QUERIES if limit is None else {"validation": max(1, limit // 2), "test": limit}
    goal = same_user(blocks["image"].ids, likes, counts)
    train = likes.parts == 0
    few = np.bincount(likes.users[train])[likes.users[train]] <= 100
    pairs = Pairs.of_baskets(likes.users[train][few], likes.items[train][few])
    lesson = Lesson(np.arange(len(blocks["image"])), pairs=pairs.rows, weights=pairs.weights)
    rivals = Rivals(blocks, np.arange(len(blocks["image"])), lesson, target="pairs")
    with bench.stage("fuse and rank"):
        found = retrieval(rivals, goal, ENTRIES, metric=METRIC)
        ablation = ablate(found.cases, metric=METRIC)
    for row in ablation.rows:
        bench.figure(f"{row.name}: nDCG@10", row.value.mean)
    bench.figure("winner over the best single modality: nDCG@10", ablation[ablation.winner].gain.mean)
    bench.details |= {
        "popularity": popularity(goal, likes),
        "queries": dict(ablation.queries),
        "pairs": len(pairs),
        "baseline": ablation.baseline,
        "winner": ablation.winner,
        "verdict": ablation.verdict,
        "what each modality adds": [each.verdict for each in ablation.contributions],
        "table": [told(row) for row in ablation.rows],
        "notes": rivals.notes,
    }


def told(row: Any) -> dict[str, Any]:
    """A line of the table: the figure with its interval, and the gain over the baseline with its own."""
    return {
        "case": row.name,
        "validation": round(row.validation[METRIC], 5),
        "test": [round(value, 5) for value in (row.value.mean, row.value.lower, row.value.upper)],
        "gain": [round(value, 5) for value in (row.gain.mean, row.gain.lower, row.gain.upper)],
    }


def same_user(ids: tuple[str, ...], likes: Likes, counts: Mapping[str, int]) -> Goal:
    """One of a user's train videos asks for the held-out ones; the user's train videos are not in the way."""
    rng = np.random.default_rng(0)
    train = likes.parts == 0
    known = {int(user): likes.items[train & (likes.users == user)] for user in np.unique(likes.users[~train])}
    items, sides, tasks = {}, {}, {}
    for split, part in zip(SPLITS, (1, 2), strict=True):
        held = likes.parts == part
        able = [user for user in np.unique(likes.users[held]).tolist() if len(known[user])]
        chosen = np.sort(rng.choice(able, min(counts[split], len(able)), replace=False)).tolist()
        asking = np.array([rng.choice(known[user]) for user in chosen], dtype=np.int64)
        barred = np.zeros((len(chosen), len(ids)), dtype=np.bool_)
        for place, user in enumerate(chosen):
            barred[place, known[user]] = True
        names = tuple(f"user {user}" for user in chosen)
        relevant = [likes.items[held & (likes.users == user)].tolist() for user in chosen]
        qrels = {name: {ids[row]: 1 for row in own} for name, own in zip(names, relevant, strict=True)}
        items[split], tasks[split] = np.arange(len(ids), dtype=np.int64), Task(ids, qrels)
        sides[split] = (Side("video", names, asking, barred=barred),)
    return Goal("same user", "other videos that a user liked, by one of them", items, sides, tasks)


def popularity(goal: Goal, likes: Likes) -> float:
    """nDCG@10 of what most users liked, for comparison: no content, and no user."""
    from goodsense.evaluate.cases import ranking_values

    split: Split = "test"
    counts = np.bincount(likes.items[likes.parts == 0], minlength=len(goal.items[split])).astype(np.float64)
    barred = goal.sides[split][0].barred
    assert barred is not None
    scores = np.where(barred, -np.inf, counts)
    return round(float(np.mean(ranking_values(scores, goal.tasks[split], cuts=(10,))[METRIC])), 5)


def read_blocks(folder: Path) -> dict[str, Embeddings]:
    """The vectors of both modalities."""
    rows = {name: np.load(folder / f"{name}_feat_f16.npy").astype(np.float32) for name in BLOCKS}
    ids = [f"v{number}" for number in range(len(rows["image"]))]
    return {name: Embeddings.of_products(ids, own, own.any(axis=1)) for name, own in rows.items()}


def read_likes(folder: Path) -> Likes:
    """All interactions with their part of the split."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(folder / "interactions.parquet")
    users, items, parts = (table[name].to_numpy().astype(np.int64) for name in ("user", "item", "split"))
    return Likes(users, items, parts)


if __name__ == "__main__":
    main()
