"""Recommenders on a given split: ours searched on validation, `implicit`'s beside them, test touched once by each."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, in_child, parser, report_path, say
from goodsense.errors import GoodsenseError
from goodsense.evaluate.recommendation import evaluate_recommendations
from goodsense.events import Interactions
from goodsense.recommend import Content, Model, make_model
from goodsense.recommend.graph_search import chosen_filter
from goodsense.recommend.hybrid import Hybrid
from goodsense.recommend.judging import recommended
from goodsense.recommend.trials import Budget, searched

RULES = (
    "given split (0 train, 1 val, 2 test); full ranking over all items, train items masked (val items are not), "
    "standard NDCG, users without test items skipped; every model is fitted on train only; settings are chosen on val, "
    "test is read once per model; fit: processor seconds of fitting the chosen setting; search: seconds of finding it, "
    "fits included, by the clock, on a machine that also did other work unless said; each model in a process of its own"
)
METRICS = ("recall@10", "recall@20", "ndcg@10", "ndcg@20", "coverage@20")
OURS, SLOWEST = "graph-filter", "lightgcn"
BLEND = "hybrid (graph-filter, two-tower, ease-side)"
TOWERS = 3  # seeds of the two towers in the blend
SEARCHED = 4_000  # validation users that choose the filter's weights
TRIALS: Mapping[str, int] = {
    "popular": 1,
    "item-knn": 6,
    "user-knn": 4,
    "ease": 3,
    "gf-cf": 4,
    "turbo-cf": 4,
    "als": 3,
    "bpr": 2,
    "lightgcn": 1,
}
IMPLICIT: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "implicit item-knn (cosine)": {"K": (50, 200)},
    "implicit item-knn (bm25)": {"K": (200,), "K1": (0.5, 1.2), "B": (0.2, 0.75)},
    "implicit als": {"factors": (64, 128), "regularization": (0.05, 1.0), "alpha": (2.0, 10.0), "iterations": (15,)},
    "implicit bpr": {
        "factors": (64,),
        "learning_rate": (0.02, 0.05),
        "regularization": (0.01, 0.05),
        "iterations": (100,),
    },
}


@dataclass(frozen=True, eq=False)
class Split:
    """The three parts over the same users and items, and what is known of the items."""

    train: Interactions
    val: Interactions
    test: Interactions
    content: Content | None


def read_split(folder: Path, items: int | None = None) -> tuple[Interactions, Interactions, Interactions]:
    """Train, val and test; items are named by their number."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(folder / "interactions.parquet")
    users, rows, labels = (table[name].to_numpy().astype(np.int64) for name in ("user", "item", "split"))
    ids = item_ids(max(int(rows.max()) + 1, items or 0))
    names = tuple(f"u{number:06d}" for number in range(int(users.max()) + 1))
    train, val, test = (_part(users[labels == part], rows[labels == part], names, ids) for part in range(3))
    return train, val, test


def item_ids(count: int) -> tuple[str, ...]:
    """The names of so many items."""
    return tuple(f"i{number:06d}" for number in range(count))


def _part(
    users: NDArray[np.int64], rows: NDArray[np.int64], names: tuple[str, ...], ids: tuple[str, ...]
) -> Interactions:
    order = np.lexsort((rows, users))
    starts = np.searchsorted(users[order], np.arange(len(names) + 1)).astype(np.int64)
    n = len(rows)
    unknown, zeros = np.full(n, np.nan), np.zeros(n, np.int8)
    return Interactions(names, ids, starts, rows[order].astype(np.int32), np.ones(n), unknown, zeros)


def run(
    doc: str, name: str, protocol: str, targets: Mapping[str, float], folder: str, split: Callable[[Path], Split]
) -> None:
    """The script of one set: all rivals, or with ``--only`` some, and the report keeps the rows of the others."""
    made = parser(doc)
    made.add_argument("--only", nargs="+", help="some of the models; the others stay as they are in the report")
    options = made.parse_args()
    bench = Bench(name, protocol, seeds={"models": 0})
    path = report_path(options, name, whole=True)
    if options.only and path is not None and path.is_file():
        kept = json.loads(path.read_text("utf-8"))
        bench.figures, bench.details, bench.stages = kept["figures"], kept["details"], kept["stages"]
    for _ in compared(bench, split, options.data / folder, targets, options.only):
        bench.write(path)


def compared(
    bench: Bench, split: Callable[[Path], Split], folder: Path, targets: Mapping[str, float], only: Sequence[str] | None
) -> Iterator[str]:
    """Rival after rival, ours first; the report holds all that was found so far."""
    table: list[dict[str, Any]] = [row for row in bench.details.get("table", []) if row["model"] not in (only or ())]
    bench.details["table"] = table
    for name in names(only):
        with bench.stage(name):
            row = in_child(_judged, split, folder, name)
        table.append(row)
        say(f"    {row}")
        if "failed" in row:
            continue
        for metric in METRICS:
            bench.figure(f"{name}: {metric}", row["test"][metric], target=targets.get(metric) if name == OURS else None)
        bench.figure(f"{name}: fit", row["fit_cpu_s"], better="lower", unit="s")
        limit = targets.get("search") if name == OURS else None
        bench.figure(f"{name}: search", row["search_s"], target=limit, better="lower", unit="s")
        bench.figure(f"{name}: peak memory", row["peak_rss_mb"], better="lower", unit="MiB")
        yield name


def names(only: Sequence[str] | None) -> list[str]:
    """Ours first, then our other models, then those of `implicit`; the slowest last; the blend if it is asked for."""
    known = [OURS, *(name for name in TRIALS if name != SLOWEST), *IMPLICIT, SLOWEST]
    return [name for name in known if only is None or name in only] + [name for name in only or () if name == BLEND]


def _judged(split: Callable[[Path], Split], folder: Path, name: str) -> dict[str, Any]:
    parts = split(folder)
    try:
        found = _implicit(name, parts) if name in IMPLICIT else _blend(parts) if name == BLEND else _ours(name, parts)
    except (GoodsenseError, ImportError) as error:
        return {"model": name, "failed": str(error)}
    report = evaluate_recommendations(found.pop("rows"), parts.test, parts.train, ks=(10, 20), slices=False)
    told = {metric: round(float(report.metrics[metric]), 5) for metric in METRICS}
    return {"model": name, **found, "test": told, "users": int(report.users)}


def _ours(name: str, parts: Split) -> dict[str, Any]:
    started, cpu = time.perf_counter(), time.process_time()
    model: Model
    if name == OURS:
        chosen = chosen_filter(parts.train, parts.val, parts.content, users=SEARCHED)
        model, metrics, tried = chosen.model, chosen.metrics, chosen.tried
    else:
        best = searched(name, parts.train, parts.val, parts.content, budget=Budget(TRIALS[name]))
        model, metrics, tried = best.model, dict(best.best.metrics), len(best.trials)
    took, used = time.perf_counter() - started, time.process_time() - cpu
    fit, fit_cpu = time.perf_counter(), time.process_time()
    model.fit(parts.train, parts.content)
    fit, fit_cpu = time.perf_counter() - fit, time.process_time() - fit_cpu
    begin = time.perf_counter()
    rows = recommended(model, parts.train, parts.test, 20)
    ranked = time.perf_counter() - begin
    return {
        "rows": rows,
        "options": model.options,
        "validation": metrics,
        "tried": tried,
        "fit_s": round(fit, 2),
        "fit_cpu_s": round(fit_cpu, 2),
        "search_s": round(took, 2),
        "search_cpu_s": round(used, 2),
        "users_per_s": round(len(rows) / ranked),
    }


def _blend(parts: Split) -> dict[str, Any]:
    """The filter, two towers of several seeds and EASE with content, weighed on validation."""
    started, cpu = time.perf_counter(), time.process_time()
    fitted: list[Model] = [chosen_filter(parts.train, parts.val, parts.content, users=SEARCHED).model]
    towers = [make_model("two-tower") for _ in range(TOWERS)]
    fitted += [model.fit(parts.train, parts.content, seed=seed) for seed, model in enumerate(towers)]
    fitted += [make_model("ease-side").fit(parts.train, parts.content)]
    model = Hybrid.blended(fitted, parts.train, parts.val)
    took, used = time.perf_counter() - started, time.process_time() - cpu
    val = evaluate_recommendations(
        recommended(model, parts.train, parts.val, 20), parts.val, parts.train, ks=(10, 20), slices=False
    )
    begin = time.perf_counter()
    rows = recommended(model, parts.train, parts.test, 20)
    return {
        "rows": rows,
        "options": {"models": [part.kind for part in fitted], "weights": model.used_weights.round(3).tolist()},
        "validation": {metric: round(float(val.metrics[metric]), 5) for metric in METRICS},
        "tried": 1,
        "fit_s": round(took, 2),
        "fit_cpu_s": round(used, 2),
        "search_s": round(took, 2),
        "search_cpu_s": round(used, 2),
        "users_per_s": round(len(rows) / (time.perf_counter() - begin)),
    }


# ---- implicit


def _implicit(name: str, parts: Split) -> dict[str, Any]:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the library asks for, before it is imported
    taken = parts.train.matrix.astype(np.float32).tocsr()
    started, cpu = time.perf_counter(), time.process_time()
    best: tuple[float, dict[str, Any], Any, tuple[float, float], dict[str, float]] | None = None
    settings = [dict(zip(IMPLICIT[name], values, strict=True)) for values in product(*IMPLICIT[name].values())]
    for setting in settings:
        begin, begin_cpu = time.perf_counter(), time.process_time()
        model = _made(name, setting)
        model.fit(taken, show_progress=False)
        fit = time.perf_counter() - begin, time.process_time() - begin_cpu
        rows = _rows(model, taken, parts.val)
        metrics = evaluate_recommendations(rows, parts.val, parts.train, ks=(10, 20), slices=False).metrics
        if best is None or metrics["ndcg@20"] > best[0]:
            told = {metric: round(float(metrics[metric]), 5) for metric in METRICS}
            best = metrics["ndcg@20"], setting, model, fit, told
    assert best is not None
    took, used = time.perf_counter() - started, time.process_time() - cpu
    begin = time.perf_counter()
    rows = _rows(best[2], taken, parts.test)
    return {
        "rows": rows,
        "options": best[1],
        "validation": best[4],
        "tried": len(settings),
        "fit_s": round(best[3][0], 2),
        "fit_cpu_s": round(best[3][1], 2),
        "search_s": round(took, 2),
        "search_cpu_s": round(used, 2),
        "users_per_s": round(len(rows) / (time.perf_counter() - begin)),
    }


def _made(name: str, setting: Mapping[str, Any]) -> Any:
    from implicit.als import AlternatingLeastSquares  # type: ignore[import-untyped]
    from implicit.bpr import BayesianPersonalizedRanking  # type: ignore[import-untyped]
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender  # type: ignore[import-untyped]

    if name.endswith("(cosine)"):
        return CosineRecommender(**setting)
    if name.endswith("(bm25)"):
        return BM25Recommender(**setting)
    if name.endswith("als"):
        return AlternatingLeastSquares(**setting, random_state=0)
    return BayesianPersonalizedRanking(**setting, random_state=0)


def _rows(model: Any, taken: Any, held_out: Interactions) -> NDArray[np.int64]:
    """The best 20 of every shopper with something held out, -1 where there is no score."""
    asked = np.flatnonzero(np.diff(held_out.starts) > 0)
    rows, scores = model.recommend(asked, taken[asked], N=20, filter_already_liked_items=True)
    own = np.asarray(rows, dtype=np.int64)
    barred = np.asarray(scores) <= np.finfo(np.float32).min / 2
    return np.where(barred | (own < 0), -1, own)
