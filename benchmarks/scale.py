"""How far one machine goes: a million rows ingested, builds and searches of 10,000 and 100,000 products.

Everything is generated; no data set is needed.
"""

from __future__ import annotations

import cProfile
import itertools
import json
import os
import pstats
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import generated
from benchmarks.common import (
    Bench,
    disk_mb,
    forget_files,
    in_child,
    parser,
    quantiles,
    report_path,
    say,
    working_directory,
    write_csv,
)
from goodsense.catalog.product import Product
from goodsense.search.encode import EncodedQuery, encode_query
from goodsense.search.engine import search
from goodsense.search.snapshot import Snapshot
from goodsense.types import Index, Part, Query

PROTOCOL = (
    "generated bilingual products (title, description, brand, category, price, four attributes; two titles in three "
    "are English, one is Chinese) with given clustered 256-dimensional text and picture vectors; ingest is the command "
    "line in a process of its own; builds leave out the encoding; queries are titles of kinds of goods, encoded "
    "beforehand, k=10, up to 100 candidates of each set, all of them scored exactly; recall@10 holds the hits of "
    "qdrant-edge against those of exact search; upserts come to a process that has searched and taken a change before"
)
SMALL, LARGE = 10_000, 100_000
ROWS = 1_000_000
QUERIES = 300
UPSERTS = 1_000
NEW_WORD = "zyxel"  # in no title before the upserts
SEED = 7
FILTERS = {"": None, ", filtered to 10 %": "price <= 1000", ", filtered to 1 %": "price <= 100"}
_INGEST = "from goodsense.cli.app import main; main()"


def main() -> None:
    made = parser(__doc__ or "", data=False)
    made.add_argument("--rows", type=int, default=ROWS, help="rows to ingest")
    made.add_argument("--products", type=int, nargs=2, default=(SMALL, LARGE), help="sizes of the two shops")
    made.add_argument("--only", choices=("ingest", "shops"), help="one half of it")
    options = made.parse_args()
    small, large = options.products
    settings = {"rows": options.rows, "products": [small, large], "dimensions": generated.DIM, "queries": QUERIES}
    bench = Bench("scale", PROTOCOL, seeds={"catalog": SEED, "queries": SEED}, settings=settings)
    with working_directory(options.work) as work:
        if options.only != "shops":
            ingest(bench, work, options.rows)
        if options.only != "ingest":
            shops(bench, work, small, large)
    whole = options.rows == ROWS and (small, large) == (SMALL, LARGE) and options.only is None
    bench.write(report_path(options, bench.name, whole=whole))


# ---- a million rows


def ingest(bench: Bench, work: Path, rows: int) -> None:
    feed = work / "feed.csv"
    with bench.stage("write the feed"):
        write_csv(feed, generated.HEADER, generated.feed_rows(rows, seed=SEED))
    found: dict[str, dict[str, Any]] = {}
    for name in ("ingest", "ingest again"):
        with bench.stage(name):
            found[name] = _ingest_once(work / "ingested", feed)
    first, again = found["ingest"], found["ingest again"]
    bench.details["ingest"] = found | {"feed_mb": disk_mb(feed), "catalog_mb": disk_mb(work / "ingested")}
    bench.figure("ingest", rows / first["wall_s"], target=5_000, unit="rows/s")
    bench.figure("ingest, by processor time", rows / first["cpu_s"], unit="rows/s")
    bench.figure("ingest: peak memory", first["peak_rss_mb"], target=500, better="lower", unit="MiB")
    bench.figure("ingest of the same feed again", again["wall_s"], better="lower", unit="s")
    bench.figure(
        "ingest of the same feed again: changed rows", again["added"] + again["changed"], target=0, better="lower"
    )
    feed.unlink()


def _ingest_once(shop: Path, feed: Path) -> dict[str, Any]:
    """``goodsense ingest`` in a process of its own, with what it used."""
    started = time.perf_counter()
    command = [sys.executable, "-c", _INGEST, "ingest", str(shop), str(feed), "--json"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    said = child.stdout.read()
    child.stdout.close()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"ingest ended with {child.returncode}: {said}")
    counts = {name: value for name, value in json.loads(said).items() if isinstance(value, int)}
    took = {"wall_s": round(time.perf_counter() - started, 2), "cpu_s": round(used.ru_utime + used.ru_stime, 2)}
    return {**counts, **took, "peak_rss_mb": round(used.ru_maxrss / 1024, 1)}


# ---- shops with given vectors


def shops(bench: Bench, work: Path, small: int, large: int) -> None:
    for count in (small, large):
        shop = work / f"shop-{count}"
        stages: dict[str, Callable[..., dict[str, Any]]] = {"fill": fill, "build": build, "open": open_cold_and_warm}
        found: dict[str, Any] = {}
        for name, stage in {**stages, "search": search_all, "upsert": upsert}.items():
            with bench.stage(f"{name} {count}"):
                found[name] = in_child(stage, shop, count)
        bench.details[f"{count} products"] = found
        _figures(bench, count, found, large=count == large)
    with bench.stage("profile of a build"):
        bench.details[f"profile of a build of {small}"] = in_child(profile, work / f"shop-{small}")


def _figures(bench: Bench, count: int, found: Mapping[str, Any], *, large: bool) -> None:
    def figure(name: str, value: float, unit: str, target: float | None, better: Any = "lower") -> None:
        bench.figure(f"{count:,} products: {name}", value, unit=unit, better=better, target=target if large else None)

    built, opened, answers = found["build"], found["open"], found["search"]
    figure("build without encoding", built["without_encoding_s"], "s", 120)
    figure("build: peak memory", built["peak_rss_mb"], "MiB", None)
    figure("build on disk", built["build_mb"], "MiB", None)
    figure("open, cold", opened["cold_s"], "s", 1.5)
    figure("open, warm", opened["warm_s"], "s", 1.5)
    targets = {"vector": 1.0, "hybrid": 1.5, "three sets": 2.0}
    for case, timed in answers["live"].items():
        kind = case.split(",")[0]
        aim = targets.get(kind) if kind == "vector" or "," not in case else None
        figure(f"{case}: p50", timed["p50_ms"], "ms", aim)
        figure(f"{case}: p99", timed["p99_ms"], "ms", None)
    for case, share in answers["recall_at_10"].items():
        figure(f"{case}: recall@10", share, "", 0.98, "higher")
    if not large:
        for case in ("vector", "hybrid"):
            exact = answers["exact"][case]["p50_ms"]
            bench.figure(f"{count:,} products: {case}, exact: p50", exact, unit="ms", better="lower", target=2.0)
    figure("serving: peak memory", answers["peak_rss_mb"], "MiB", None)
    figure(f"{UPSERTS:,} upserts visible", found["upsert"]["visible_s"], "s", 0.5)


def fill(shop: Path, count: int) -> dict[str, Any]:
    """Put the products in, and their picture vectors into the cache."""
    from goodsense.shop import Shop
    from goodsense.shop.vectors import VectorCache

    encoder = generated.GivenEncoder(stream=2)
    with Shop.create(shop) as opened:
        opened.add(generated.products(count, seed=SEED))
        ids, kinds = zip(*((p.id, generated.kind_of(p)) for p in opened.truth.products()), strict=True)
    cache = VectorCache(shop / "vectors" / encoder.fingerprint[:32], encoder.dim)
    cache.put([generated.picture_of(id) for id in ids], generated.near(kinds, ids, stream=2))
    return {"catalog_mb": disk_mb(shop / "catalog.sqlite")}


def register() -> Any:
    """Make the given vectors an encoder that recipes can name; returns the recipe that does."""
    from goodsense import encoders
    from goodsense.shop import Recipe

    names = encoders.ENCODERS
    assert isinstance(names, dict)
    names["text", "given"] = names["image", "given"] = "benchmarks.generated:GivenEncoder"
    table = {"text": "given", "image": "given", "attributes": ""}
    return Recipe.model_validate({"encoders": table, "options": {"image": {"stream": 2}}})


def build(shop: Path, count: int) -> dict[str, Any]:
    """The build in this process; what the encoding took is left out."""
    from goodsense.shop.artefacts import current_build
    from goodsense.shop.build import build as run

    report = run(shop, register(), workers=2)
    live = current_build(shop)
    assert live is not None
    return {
        **report.to_json(),
        "without_encoding_s": round(report.seconds - report.stages["encode"], 3),
        "build_mb": round(disk_mb(live), 1),
        "engine_mb": round(disk_mb(live / "engine"), 1) if (live / "engine").exists() else 0.0,
    }


def open_cold_and_warm(shop: Path, count: int) -> dict[str, Any]:
    """From the directory to a shop that can answer, in processes of their own."""
    forget_files(shop)
    return {"cold_s": in_child(_open_once, shop)["open_s"], "warm_s": in_child(_open_once, shop)["open_s"]}


def _open_once(shop: Path) -> dict[str, Any]:
    from goodsense.shop import Shop

    register()
    started = time.perf_counter()
    with Shop.open(shop) as opened:
        products = len(opened.snapshot)
        took = time.perf_counter() - started
    return {"open_s": round(took, 3), "products": products}


# ---- searching


def search_all(shop: Path, count: int) -> dict[str, Any]:
    """Times of every kind of query, and how many of the exact ten the engine finds."""
    from goodsense.index import ExactIndex, QdrantEdgeIndex
    from goodsense.shop.artefacts import current_build

    register()
    live = current_build(shop)
    assert live is not None
    snapshot = Snapshot.open(live)
    exact = ExactIndex.over(snapshot.index_rows(), distance="cosine")
    cases = _cases(snapshot)
    on_exact, right = _timed(snapshot, exact, cases)
    found: dict[str, Any] = {"engine": snapshot.meta["engine"], "exact": on_exact, "live": on_exact, "recall_at_10": {}}
    if snapshot.meta["engine"] == "qdrant-edge":
        engine = QdrantEdgeIndex.open(live / "engine")
        found["live"], given = _timed(snapshot, engine, cases)
        found["recall_at_10"] = {case: _recall(right[case], given[case]) for case in cases}
        engine.close()
    return found


def _cases(snapshot: Snapshot) -> dict[str, list[EncodedQuery]]:
    """Queries by kind and filter, encoded."""
    encoders = {"text": generated.GivenEncoder(stream=1), "image": generated.GivenEncoder(stream=2)}
    rng = np.random.default_rng(SEED)
    rows = rng.choice(len(snapshot), QUERIES, replace=len(snapshot) < QUERIES)
    titles = [" ".join(snapshot.titles[row].split()[1:4]) for row in rows.tolist()]
    kinds = rng.integers(0, generated.KINDS, QUERIES).tolist()
    pictures = generated.near(kinds, [f"query {kind}" for kind in kinds], stream=2)
    texts = generated.near(kinds, [f"query {kind}" for kind in kinds], stream=1)
    vector = [(Part("vector", value, using=("text",)),) for value in texts]
    picture = [(Part("vector", value, using=("image",)),) for value in pictures]
    words = [(Part("text", title, using=("bm25",)),) for title in titles]
    hybrid = [(Part("text", title, using=("bm25", "text")),) for title in titles]
    kinds_of = {"words": words, "vector": vector, "picture": picture, "hybrid": hybrid}
    kinds_of["three sets"] = [(*both, *seen) for both, seen in zip(hybrid, picture, strict=True)]
    return {
        f"{kind}{name}": [encode_query(Query(parts, where), snapshot, encoders) for parts in queries]
        for kind, queries in kinds_of.items()
        for name, where in FILTERS.items()
    }


def _timed(
    snapshot: Snapshot, index: Index, cases: Mapping[str, Sequence[EncodedQuery]]
) -> tuple[dict[str, dict[str, float]], dict[str, list[tuple[str, ...]]]]:
    """Milliseconds of candidates, exact scoring and hits together; and the ids that were found."""
    times, found = {}, {}
    for case, queries in cases.items():
        for query in queries[:20]:
            search(snapshot, index, query)
        hits = [search(snapshot, index, query, k=10, depth=100) for query in queries]
        times[case] = quantiles([one.took_ms for one in hits])
        times[case]["considered"] = float(np.mean([one.considered for one in hits]))
        found[case] = [one.ids for one in hits]
    return times, found


def _recall(right: Sequence[tuple[str, ...]], given: Sequence[tuple[str, ...]]) -> float:
    shares = [len(set(a) & set(b)) / len(a) for a, b in zip(right, given, strict=True) if a]
    return float(np.mean(shares))


def upsert(shop: Path, count: int) -> dict[str, Any]:
    """Change a thousand products; how long until a search sees the last of them."""
    from goodsense.shop import Shop

    register()
    with Shop.open(shop) as opened:
        started = time.perf_counter()
        opened.search("热身 warm up")  # the first Chinese text of a process loads the dictionary
        first = time.perf_counter() - started
        few = list(itertools.islice(opened.truth.products(), UPSERTS + 1))
        opened.add([replace(few.pop(), title="热身 warm up")])  # the first change of a process loads what writes it
        opened.search("热身 warm up")
        changed = [_changed(product) for product in few]
        started = time.perf_counter()
        opened.add(changed)
        stored = time.perf_counter() - started
        seen = set(opened.search(NEW_WORD).ids)
        visible = time.perf_counter() - started
        every = set(opened.search(NEW_WORD, k=UPSERTS).ids)
    if not seen or not seen <= every or every != {product.id for product in changed}:
        raise SystemExit(f"{len(every)} of {len(changed)} changed products were found")
    return {"stored_s": round(stored, 3), "visible_s": round(visible, 3), "first_search_s": round(first, 3)}


def _changed(product: Product) -> Product:
    """A new word in the title and another stock, as a shop's update brings them."""
    return replace(product, title=f"{product.title} {NEW_WORD}", variants=(replace(product.variants[0], stock=3),))


# ---- where a build's time goes


def profile(shop: Path) -> dict[str, Any]:
    """The functions that a build spends its time in, its vectors cached already."""
    from goodsense.shop.build import build as run

    recipe = register().model_copy(update={"seed": 1})  # another recipe, else there is nothing to build
    profiler = cProfile.Profile()
    report = profiler.runcall(run, shop, recipe, workers=2)
    stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    return {
        "stages": report.stages,
        "note": "profiled, so slower than the build that is timed",
        "own time": _top(stats, by=2),
        "with what it calls": _top(stats, by=3),
    }


def _top(stats: Mapping[Any, Any], *, by: int, count: int = 25) -> list[dict[str, Any]]:
    rows = sorted(stats.items(), key=lambda row: -row[1][by])[:count]
    return [
        {
            "function": f"{'/'.join(Path(file).parts[-2:])}:{line} {name}",
            "calls": figures[1],
            "own_s": round(figures[2], 3),
            "total_s": round(figures[3], 3),
        }
        for (file, line, name), figures in rows
    ]


if __name__ == "__main__":
    say("scale: generated data")
    main()
