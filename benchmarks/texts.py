"""Text encoders against each other: product search by the vector alone, and what vectors of reviews know.

Reads ``crowdflower_search/products.csv.gz``, ``crowdflower_search/search_relevance.csv.gz`` and
``zh_reviews_10cats/reviews.csv.gz``. Each encoder runs in a process of its own; those whose extra is not installed are
left out and named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import RESULTS, Bench, in_child, parser, read_csv, report_path, say, spread
from benchmarks.crowdflower import FOLDS, Judged, read_judged

PROTOCOL = (
    "default settings, chosen on the crowdflower queries of folds 0 and 1 (int(md5(query)[:8], 16) % 5). Search: the "
    "encoder is fitted on all crowdflower products (title, description), never on a query, and ranks by the cosine of "
    "its vectors alone; nDCG@10 with gain 2^grade - 1 over the judged pools and over all products (unjudged = not "
    "relevant), recall@100 over all products; figures are of the queries of folds 2 to 4. Reviews: zh_reviews_10cats, "
    "the file's split by md5 of the text, 6,000 rows of train, 1,500 of val and 3,000 of test spread over the file; "
    "the encoder is fitted on the texts of train, a logistic regression on their vectors, its C of 1, 10, 100 chosen "
    "on val. Seconds are of the processor, one thread, the tokenizer's dictionary already loaded"
)
HELD_OUT = (2, 3, 4)
ROWS = {"train": 6_000, "val": 1_500, "test": 3_000}
STRENGTHS = (1.0, 10.0, 100.0)
COLUMNS = (
    "text encoder",
    "nDCG@10, judged",
    "nDCG@10, all products",
    "R@100",
    "sentiment",
    "category",
    "fit, s",
    "products/s",
)
DEEP = 100  # ranks of the full corpus that are looked at


@dataclass(frozen=True)
class System:
    """An encoder with its options, under the name that the table gives it."""

    name: str
    encoder: str
    options: Mapping[str, Any]


SYSTEMS = (
    System("lsa", "lsa", {}),
    System("word2vec, skip-gram", "word2vec", {"kind": "skip-gram"}),
    System("word2vec, cbow", "word2vec", {"kind": "cbow"}),
    System("glove", "glove", {}),
    System("bag", "bag", {}),
    System("rnn", "rnn", {}),
    System("minilm", "minilm", {}),
)


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--only", nargs="+", choices=[system.name for system in SYSTEMS], help="some of the encoders")
    made.add_argument("--limit", type=int, help="products, and reviews of each part, to use")
    made.add_argument("--tuning", action="store_true", help="report on the queries of folds 0 and 1 instead")
    made.add_argument("--update", action="store_true", help="with --only: keep the committed result of the others")
    options = made.parse_args()
    bench = Bench("texts", PROTOCOL, seeds={"fit": 0}, settings={"limit": options.limit, "tuning": options.tuning})
    folds = tuple(sorted(set(range(FOLDS)) - set(HELD_OUT))) if options.tuning else HELD_OUT
    for system in SYSTEMS:
        if options.only is None or system.name in options.only:
            measure(bench, system, options.data, folds, options.limit)
    if options.update:
        keep_others(bench)
    complete = set(bench.details["encoders"]) | set(bench.details.get("left out", {})) >= {s.name for s in SYSTEMS}
    whole = complete and options.limit is None and not options.tuning
    bench.write(report_path(options, bench.name, whole=whole))
    table = as_table(bench.details["encoders"])
    say(table)
    if whole and options.json is None:
        (RESULTS / "texts.md").write_text(table, "utf-8")


def keep_others(bench: Bench) -> None:
    """Take over the encoders that were not measured now from the committed result: each ran in its own process."""
    before = json.loads((RESULTS / "texts.json").read_text("utf-8"))
    now = bench.details.get("encoders", {})
    rows = {name: now.get(name) or row for name, row in before["details"]["encoders"].items()}
    again = sorted({*now, *before["details"].get("measured again", ())})
    bench.details |= {"encoders": rows | now, "measured again": again}
    kept = (stage["wall_s"] for name, stage in before["stages"].items() if name not in bench.stages)
    bench.started -= sum(kept)  # the report's seconds are those of all that it holds
    bench.figures = before["figures"] | bench.figures
    bench.stages = before["stages"] | bench.stages


def measure(bench: Bench, system: System, data: Path, folds: Sequence[int], limit: int | None) -> None:
    rows = bench.details.setdefault("encoders", {})
    for task, work in (("search", search), ("reviews", reviews)):
        with bench.stage(f"{system.name}: {task}"):
            found = in_child(work, system, data, folds, limit)
        if "missing" in found:
            bench.details.setdefault("left out", {})[system.name] = found["missing"]
            return
        rows.setdefault(system.name, {})[task] = found
        for name, value in found["figures"].items():
            bench.figure(f"{system.name}: {name}", value)


# ---- each in a process of its own


def search(system: System, data: Path, folds: Sequence[int], limit: int | None) -> dict[str, Any]:
    """How well the vectors alone rank the products of each query."""
    from goodsense.evaluate import evaluate_run

    place = data / "crowdflower_search"
    judged = read_judged(place)
    known = {item for grades in judged.grades.values() for item in grades}
    rows = sorted(read_csv(place / "products.csv.gz"), key=lambda row: row["product_id"] not in known)[:limit]
    ids = [row["product_id"] for row in rows]
    fields = [{"title": row["product_title"], "description": row["product_description"]} for row in rows]
    fitted = _fitted(system, [{name: text for name, text in value.items() if text} for value in fields])
    if isinstance(fitted, str):
        return {"missing": fitted}
    encoder, vectors, seconds = fitted
    chosen = judged.of_folds(folds)
    queries = encoder.encode_query(list(chosen.queries.values()))
    cosines = queries @ vectors.T  # (queries, products)
    pools, full = _runs(chosen, ids, cosines)
    in_pools = evaluate_run(pools, chosen.grades).metrics
    in_all = evaluate_run(full, chosen.grades, ks=(10, DEEP))
    figures = {
        "nDCG@10, judged pools": in_pools["ndcg@10"],
        "nDCG@10, full corpus": in_all.metrics["ndcg@10"],
        "R@100, full corpus": in_all.metrics["recall@100"],
    }
    spread_of = float(in_all.per_query["ndcg@10"].std(ddof=1) / np.sqrt(in_all.queries))
    return {"figures": figures, "queries": in_all.queries, "standard error, full corpus": spread_of, **seconds}


def reviews(system: System, data: Path, folds: Sequence[int], limit: int | None) -> dict[str, Any]:
    """How well a linear head tells sentiment and category from the vectors of reviews."""
    del folds
    rows = read_csv(data / "zh_reviews_10cats" / "reviews.csv.gz")
    parts = {part: spread([row for row in rows if row["split"] == part], limit or size) for part, size in ROWS.items()}
    fitted = _fitted(system, [{"title": row["review"]} for row in parts["train"]])
    if isinstance(fitted, str):
        return {"missing": fitted}
    encoder, vectors, seconds = fitted
    vectors_of = {"train": vectors}
    for part in ("val", "test"):
        vectors_of[part] = encoder.encode([{"title": row["review"]} for row in parts[part]])
    figures, heads = {}, {}
    for name, label in (("sentiment", "label"), ("category", "cat")):
        labels = {part: [row[label] for row in found] for part, found in parts.items()}
        figures[f"reviews, {name}: accuracy"], heads[name] = _linear(vectors_of, labels)
    return {"figures": figures, "C": heads, **seconds}


def _fitted(system: System, values: Sequence[Mapping[str, str]]) -> Any:
    """Encoder, vectors and seconds; or what is missing, in words."""
    from goodsense.encoders import make_encoder
    from goodsense.errors import DependencyError
    from goodsense.text import Tokenizer

    _one_thread()
    Tokenizer().tokens("保温杯")  # loads the dictionary
    try:
        encoder = make_encoder("text", system.encoder, system.options)
        started = time.process_time()
        encoder.fit(values, seed=0)
        fit = time.process_time() - started
    except DependencyError as error:
        return str(error)
    started = time.process_time()
    vectors = encoder.encode(values)
    speed = len(values) / (time.process_time() - started)
    return encoder, vectors, {"fit_s": round(fit, 1), "texts_per_s": round(speed), "dim": encoder.dim}


def _one_thread() -> None:
    import contextlib

    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)


def _runs(judged: Judged, ids: Sequence[str], cosines: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Judged pools and the first of the full corpus, each as a run."""
    place = {id: i for i, id in enumerate(ids)}
    pools, full = {}, {}
    for row, query in zip(cosines, judged.queries, strict=True):
        pools[query] = [(id, float(row[place[id]])) for id in judged.grades[query] if id in place]
        best = np.argsort(-row, kind="stable")[:DEEP]
        full[query] = [(ids[i], float(row[i])) for i in best.tolist()]
    return pools, full


def _linear(vectors: Mapping[str, Any], labels: Mapping[str, Sequence[str]]) -> tuple[float, float]:
    """Accuracy on test of the regression that is best on val, and its C."""
    from sklearn.linear_model import LogisticRegression

    scale = float(np.sqrt((vectors["train"] ** 2).mean())) or 1.0
    tried = []
    for strength in STRENGTHS:
        head = LogisticRegression(C=strength / vectors["train"].shape[1], max_iter=500)
        head.fit(vectors["train"] / scale, labels["train"])
        tried.append((head.score(vectors["val"] / scale, labels["val"]), strength, head))
    _, strength, head = max(tried, key=lambda one: (one[0], -one[1]))
    return float(head.score(vectors["test"] / scale, labels["test"])), strength


# ---- the table


def as_table(encoders: Mapping[str, Any]) -> str:
    """A part for the page of encoders, in Markdown."""
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    lines = []
    for name, found in encoders.items():
        figures = {**found["search"]["figures"], **found.get("reviews", {}).get("figures", {})}
        shown = [f"{value:.3f}".removeprefix("0") for value in figures.values()]
        fit, speed = found["search"]["fit_s"], found["search"]["texts_per_s"]
        lines.append(f"| {name} | {' | '.join(shown)} | {fit:.0f} | {speed:,} |\n")
    return head + "".join(lines)


if __name__ == "__main__":
    main()
