"""Every recommender on MovieLens-100k: five random splits, one search for each. A check of sanity."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.common import Bench, parser, report_path, say
from goodsense.events import Event, Interactions
from goodsense.events.splits import per_user
from goodsense.recommend import MODELS, Content
from goodsense.recommend.comparison import compare_models
from goodsense.recommend.trials import Budget

PROTOCOL = (
    "ml100k (943 users, 1,682 films, 100,000 ratings): every rating is a sign of interest, its value is not used; "
    "8:1:1 of each user's films at random, by five seeds; full ranking over all films but the user's train films; "
    "standard nDCG; settings by the same search for each on val (at most 4), fitted on train only, test once per seed; "
    "genres are tags and content; networks, which train long, with one setting and three seeds. Seconds are of the "
    "last fit by the clock, beside other work; 'spread' is the standard deviation over seeds"
)
SEEDS = (0, 1, 2, 3, 4)
NETWORK_SEEDS = SEEDS[:3]
TRIALS = 4
LEFT_OUT = ("hybrid",)  # a tool to blend others


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--models", nargs="+", choices=MODELS, help="only these")
    options = made.parse_args()
    names = options.models or [name for name in MODELS if name not in LEFT_OUT]
    bench = Bench("ml100k", PROTOCOL, seeds={"first": 0, "count": len(SEEDS)}, settings={"models": options.models})
    run(bench, options.data / "ml100k", names)
    bench.write(report_path(options, bench.name, whole=options.models is None))


def run(bench: Bench, folder: Path, names: list[str]) -> None:
    interactions, content = read_log(folder), read_content(folder)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for seed in SEEDS:
        split = per_user(interactions, seed=seed)
        for trained in (False, True):
            some = [name for name in names if ("torch" in MODELS[name].needs) is trained]
            if not some or (trained and seed not in NETWORK_SEEDS):
                continue
            with bench.stage("networks" if trained else "others"):
                table = compare_models(
                    some,
                    split.train,
                    split.val,
                    split.test,
                    content,
                    budget=Budget(1 if trained else TRIALS),
                    seed=seed,
                    progress=lambda stage, done, total, *, note="": None,
                )
            for row in table.rows:
                say(f"  {bench.name}: seed {seed}: {row.name} {row.failed or round(row.validation, 4)}")
                if row.report is not None:
                    found[row.name].append(
                        {"seed": seed, "model": row.model, **row.report.metrics, "fit_s": row.fit_seconds}
                    )
    for name in names:
        tell(bench, name, found[name])


def tell(bench: Bench, name: str, runs: list[dict[str, Any]]) -> None:
    """The means over seeds as figures, all else as details."""
    if not runs:
        bench.details[name] = "failed"
        return
    for metric in ("recall@20", "ndcg@20"):
        bench.figure(f"{name}: {metric}", mean(run[metric] for run in runs))
    bench.details[name] = {
        "settings": [run["model"] for run in runs],
        "seeds": len(runs),
        "fit_s": round(mean(run["fit_s"] for run in runs), 3),
        "coverage@20": round(mean(run["coverage@20"] for run in runs), 4),
        "spread of ndcg@20": round(stdev(run["ndcg@20"] for run in runs), 5) if len(runs) > 1 else None,
    }


def read_log(folder: Path) -> Interactions:
    """All ratings, each worth the same."""
    import pyarrow.parquet as pq

    rows = pq.read_table(folder / "interactions.parquet").to_pylist()
    return Interactions.from_events(
        Event(f"u{row['user_id']}", f"i{row['item_id']}", weight=1.0, time=float(row["timestamp"])) for row in rows
    )


def read_content(folder: Path) -> Content:
    """Genres as tags, and as a block of ones and zeros."""
    import numpy as np
    import pyarrow.parquet as pq

    from goodsense.types import Embeddings

    rows = sorted(pq.read_table(folder / "items.parquet").to_pylist(), key=lambda row: f"i{row['item_id']}")
    ids = tuple(f"i{row['item_id']}" for row in rows)
    tags = tuple(tuple(f"genre={genre}" for genre in (row["class"] or "").split()) for row in rows)
    matrix = Content(ids, tags=tags).tag_matrix()[0]
    block = Embeddings.of_products(ids, matrix.toarray().astype(np.float32), np.diff(matrix.indptr) > 0)
    return Content(ids, {"attributes": block}, tags=tags)


if __name__ == "__main__":
    main()
