"""Product search judged by people: words alone, vectors alone, and both, five folds by query.

Reads ``crowdflower_search/products.csv.gz`` and ``search_relevance.csv.gz``.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, read_csv, report_path, working_directory
from goodsense.evaluate import paired_bootstrap, share_losing
from goodsense.shop import Shop, Source
from goodsense.shop.evaluation import evaluate_search, store_judgements

PROTOCOL = (
    "crowdflower_search: five folds by query, int(md5(query)[:8], 16) % 5; grade = median_relevance - 1, duplicates "
    "take the maximum; nDCG@10 with gain 2^grade - 1, over the judged pool and over the full corpus of all products "
    "(unjudged = not relevant); weights are tuned by the build on the judgements of the other four folds, or, where "
    "stated, on pseudo-queries without any judgement; the values of all held-out queries are pooled"
)
FOLDS = 5
MAPPING = {"id": "product_id", "title": "product_title", "description": "product_description"}
SYSTEMS: Mapping[str, tuple[str, ...] | None] = {"fused": None, "bm25": ("bm25",), "text": ("text",)}
POOLS = ("judged", "full")
MEASURES = ("ndcg@10", "recall@100")
TARGETS = {"lsa": {"judged": 0.808, "full": 0.746}, "minilm": {"judged": 0.84, "full": 0.78}}
Values = dict[tuple[str, str, str], list[NDArray[np.float64]]]  # (system, pool, measure) -> values of each fold


@dataclass(frozen=True)
class Judged:
    """Queries by id and their grades: query id -> product id -> grade."""

    queries: Mapping[str, str]
    grades: Mapping[str, Mapping[str, int]]
    unmatched: int = 0

    def of_folds(self, folds: Iterable[int]) -> Judged:
        kept = set(folds)
        ids = [id for id, query in self.queries.items() if fold_of(query) in kept]
        return Judged({id: self.queries[id] for id in ids}, {id: self.grades[id] for id in ids})

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """As a TSV of queries and TREC judgements."""
        queries, qrels = directory / f"{name}.tsv", directory / f"{name}.qrels"
        queries.write_text("".join(f"{id}\t{query}\n" for id, query in self.queries.items()), "utf-8")
        lines = (f"{id} 0 {item} {grade}\n" for id, judged in self.grades.items() for item, grade in judged.items())
        qrels.write_text("".join(lines), "utf-8")
        return queries, qrels


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--recipe", choices=sorted(TARGETS), default="lsa", help="the text encoder")
    made.add_argument("--folds", type=int, default=FOLDS, help="how many of the five folds to evaluate")
    made.add_argument("--limit", type=int, help="products to keep, judged ones first")
    options = made.parse_args()
    bench = Bench(
        "crowdflower" if options.recipe == "lsa" else f"crowdflower-{options.recipe}",
        PROTOCOL,
        seeds={"recipe": 0, "bootstrap": 0},
        settings={"text encoder": options.recipe, "folds": options.folds, "limit": options.limit},
    )
    with working_directory(options.work) as work:
        run(bench, options.data / "crowdflower_search", work, options)
    bench.write(report_path(options, bench.name, whole=options.folds == FOLDS and options.limit is None))


def run(bench: Bench, data: Path, work: Path, options: Any) -> None:
    judged = read_judged(data)
    bench.details["data"] = {
        "queries": len(judged.queries),
        "judgements": sum(map(len, judged.grades.values())),
        "rows of no known product": judged.unmatched,
    }
    plain = work / "plain"
    with Shop.create(plain) as shop:
        if options.recipe != "lsa":
            (plain / "recipe.toml").write_text(f'[encoders]\ntext = "{options.recipe}"\n', "utf-8")
        bench.settings["recipe"] = shop.recipe.model_dump(mode="json")
        with bench.stage("ingest"):
            bench.details["ingest"] = _ingest(shop, data, work, judged, options.limit)
        with bench.stage("build without judgements"):
            bench.details["build without judgements"] = shop.build().to_json()
        tuned, untuned, verdicts = defaultdict(list), defaultdict(list), []
        for fold in range(options.folds):
            held_out = judged.of_folds([fold])
            with bench.stage("evaluate without judgements"):
                measure(shop, held_out, work, {"fused": None}, untuned)
            verdicts.append(_one_fold(bench, plain, work, judged, held_out, fold, tuned))
    bench.details["verdicts"] = verdicts
    report(bench, pooled(tuned), pooled(untuned), TARGETS[options.recipe])


def _one_fold(
    bench: Bench, plain: Path, work: Path, judged: Judged, held_out: Judged, fold: int, into: Values
) -> dict[str, Any]:
    """A copy of the shop learns the judgements of the other folds; returns what its build decided."""
    place = work / f"fold-{fold}"
    shutil.copytree(plain, place)
    with Shop.open(place) as shop:
        others = judged.of_folds(set(range(FOLDS)) - {fold})
        store_judgements(shop, *others.write(work, f"learn-{fold}"))
        with bench.stage("build with judgements"):
            built = shop.build()
        with bench.stage("evaluate with judgements"):
            measure(shop, held_out, work, SYSTEMS, into)
    shutil.rmtree(place)
    return built.verdict


def _ingest(shop: Shop, data: Path, work: Path, judged: Judged, limit: int | None) -> dict[str, Any]:
    source = data / "products.csv.gz"
    if limit is not None:
        source = _smaller(source, work / "products.csv", judged, limit)
    report = shop.ingest(Source(source, mapping=dict(MAPPING)))
    return {"read": report.read, "rejected": report.rejected}


def _smaller(source: Path, target: Path, judged: Judged, limit: int) -> Path:
    from benchmarks.common import write_csv

    known = {item for grades in judged.grades.values() for item in grades}
    rows = sorted(read_csv(source), key=lambda row: row["product_id"] not in known)[:limit]
    return write_csv(target, list(rows[0]), (list(row.values()) for row in rows))


# ---- the judgements


def fold_of(query: str) -> int:
    return int(hashlib.md5(query.encode(), usedforsecurity=False).hexdigest()[:8], 16) % FOLDS


def read_judged(data: Path) -> Judged:
    """Match judged rows to products by title and description, else by title."""
    by_both: dict[tuple[str, str], str] = {}
    by_title: dict[str, str] = {}
    for row in read_csv(data / "products.csv.gz"):
        by_both.setdefault((row["product_title"], row["product_description"]), row["product_id"])
        by_title.setdefault(row["product_title"], row["product_id"])
    ids: dict[str, str] = {}
    grades: dict[str, dict[str, int]] = {}
    unmatched = 0
    for row in read_csv(data / "search_relevance.csv.gz"):
        title = row["product_title"]
        item = by_both.get((title, row["product_description"])) or by_title.get(title)
        if item is None:
            unmatched += 1
            continue
        id = ids.setdefault(row["query"], f"q{len(ids):03d}")
        known = grades.setdefault(id, {})
        known[item] = max(known.get(item, 0), int(row["median_relevance"]) - 1)
    return Judged({id: query for query, id in ids.items()}, grades, unmatched)


# ---- the figures


def measure(
    shop: Shop, held_out: Judged, work: Path, systems: Mapping[str, Sequence[str] | None], into: Values
) -> None:
    """Add every system's values over the held-out queries, in the order of their ids."""
    queries, qrels = held_out.write(work, "held-out")
    for system, using in systems.items():
        for pool in POOLS:
            found = evaluate_search(shop, queries, qrels, judged_only=pool == "judged", using=using).report
            order = np.argsort(found.query_ids)
            for measure in MEASURES:
                into.setdefault((system, pool, measure), []).append(found.per_query[measure][order])


def pooled(values: Values) -> dict[tuple[str, str, str], NDArray[np.float64]]:
    return {key: np.concatenate(folds) for key, folds in values.items()}


def report(
    bench: Bench,
    tuned: Mapping[tuple[str, str, str], NDArray[np.float64]],
    untuned: Mapping[tuple[str, str, str], NDArray[np.float64]],
    targets: Mapping[str, float],
) -> None:
    for pool in POOLS:
        place = "judged pools" if pool == "judged" else "full corpus"
        fused, words = tuned["fused", pool, "ndcg@10"], tuned["bm25", pool, "ndcg@10"]
        bench.figure(f"nDCG@10, {place}", fused.mean(), target=targets[pool])
        bench.figure(f"nDCG@10, {place}: BM25 alone", words.mean())
        bench.figure(f"nDCG@10, {place}: vectors alone", tuned["text", pool, "ndcg@10"].mean())
        bench.figure(f"nDCG@10, {place}: tuned without judgements", untuned["fused", pool, "ndcg@10"].mean())
        gain = paired_bootstrap(words, fused, level=0.9, seed=0)
        bench.figure(f"gain over BM25, {place}", gain.mean)
        bench.figure(f"gain over BM25, {place}: lower 5 % bound", gain.lower)
        # not below BM25 in the paired test: the interval of the gain does not lie below 0
        bench.figure(f"gain over BM25, {place}: upper 5 % bound", gain.upper, target=0.0)
        bench.figure(f"queries losing more than .05 nDCG@10, {place}", share_losing(words, fused), better="lower")
    bench.figure("R@100, full corpus", tuned["fused", "full", "recall@100"].mean())
    bench.figure("R@100, full corpus: BM25 alone", tuned["bm25", "full", "recall@100"].mean())
    bench.details["queries"] = len(tuned["fused", "full", "ndcg@10"])


if __name__ == "__main__":
    main()
