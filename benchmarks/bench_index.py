"""Speed, recall, size and memory of the two engines on the same rows and queries.

Run ``python -m benchmarks.bench_index --rows 100000 --dim 256 --json OUT``. Vectors come from a mixture of clusters
with a decaying spectrum, as learned vectors have; queries are rows with noise; lexical weights follow Zipf's law.
Every stage runs in a process of its own, so that its peak memory is its own; data travel as memory-mapped files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.common import disk_mb, forget_files, in_child, machine, peak_rss_mb, versions
from goodsense.index import EdgeSettings, ExactIndex, QdrantEdgeIndex
from goodsense.types import Compare, Filter, Index, IndexQuery, IndexRows, normalise

CLUSTERS = 2_000
VOCABULARY = 30_000
TOKENS_PER_ROW = 30
WHERE: dict[str, Filter | None] = {
    "all": None,
    "60%": Compare("price", "<", 0.6),
    "30%": Compare("price", "<", 0.3),
    "10%": Compare("price", "<", 0.1),
    "1%": Compare("price", "<", 0.01),
    "category": Compare("category", "=", "c7"),
}
PROBES = {"vector": ("text",), "lexical": ("lexical",), "hybrid": ("text", "lexical")}


@dataclass(frozen=True)
class Size:
    """What is generated: rows, dimensions, queries, and the seed that fixes all of it."""

    rows: int
    dim: int
    queries: int
    seed: int


def spectrum(dim: int) -> NDArray[np.float32]:
    """Standard deviations that fall with the square root of the rank, as those of learned vectors do. ``(d,)``."""
    scale = 1 / np.sqrt(1 + np.arange(dim, dtype=np.float32))
    return (scale / np.linalg.norm(scale)).astype(np.float32)


def block(size: Size, stream: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Rows ``(n, d)``, queries ``(q, d)`` near some of them, and the cluster of every row ``(n,)``."""
    rng = np.random.default_rng([size.seed, stream])
    scale = spectrum(size.dim)
    centres = rng.standard_normal((CLUSTERS, size.dim), dtype=np.float32) * scale
    cluster = np.random.default_rng([size.seed, 0]).integers(0, CLUSTERS, size.rows)  # blocks agree on the clusters
    rows = centres[cluster] + 0.6 * scale * rng.standard_normal((size.rows, size.dim), dtype=np.float32)
    picked = query_rows(size)
    near = rows[picked] + 0.4 * scale * rng.standard_normal((size.queries, size.dim), dtype=np.float32)
    return normalise(rows), normalise(near), cluster


def query_rows(size: Size) -> NDArray[np.int64]:
    return np.random.default_rng([size.seed, 9]).integers(0, size.rows, size.queries)


def lexical(size: Size) -> tuple[Any, NDArray[np.float64]]:
    """Weights of the rows' tokens, ``(n, vocabulary)``, and the ``(vocabulary,)`` idf that queries multiply in."""
    rng = np.random.default_rng([size.seed, 5])
    chance = 1 / (10 + np.arange(VOCABULARY))
    tokens = rng.choice(VOCABULARY, size.rows * TOKENS_PER_ROW, p=chance / chance.sum())
    row = np.repeat(np.arange(size.rows), TOKENS_PER_ROW)
    counts = sparse.csr_matrix((np.ones(len(tokens), dtype=np.float32), (row, tokens)), (size.rows, VOCABULARY))
    counts.sum_duplicates()
    norm = 1.2 * np.repeat(rng.uniform(0.5, 2.0, size.rows), np.diff(counts.indptr))  # by length, so few scores tie
    counts.data = (counts.data * 2.2 / (counts.data + norm)).astype(np.float32)
    having = np.bincount(counts.indices, minlength=VOCABULARY)
    return counts, np.log1p((size.rows - having + 0.5) / (having + 0.5))


def generate(directory: Path, size: Size) -> dict[str, Any]:
    """Write rows and queries as files that every stage maps."""
    for stream, name in ((1, "text"), (2, "image")):
        rows, queries, cluster = block(size, stream)
        np.save(directory / f"{name}.npy", rows)
        np.save(directory / f"{name}_queries.npy", queries)
    weights, idf = lexical(size)
    sparse.save_npz(directory / "lexical.npz", weights, compressed=False)
    np.save(directory / "idf.npy", idf)
    rng = np.random.default_rng([size.seed, 6])
    np.savez(
        directory / "fields.npz",
        price=rng.random(size.rows),
        stock=rng.random(size.rows) < 0.8,
        category=cluster // (CLUSTERS // 100),
        brand=rng.zipf(1.5, size.rows) % 500,
        image=rng.random(size.rows) < 0.9,
    )
    return {}


def load_rows(directory: Path) -> IndexRows:
    text = np.load(directory / "text.npy", mmap_mode="r")
    image = np.load(directory / "image.npy", mmap_mode="r")
    raw = np.load(directory / "fields.npz")
    fields: dict[str, list[tuple[Any, ...]]] = {
        "price": [(value,) for value in raw["price"].tolist()],
        "in_stock": [(value,) for value in raw["stock"].tolist()],
        "category": [(f"c{value}",) for value in raw["category"].tolist()],
        "brand": [(f"b{value}",) for value in raw["brand"].tolist()],
    }
    dense = {"text": (text, np.ones(len(text), dtype=np.bool_)), "image": (image, raw["image"])}
    return IndexRows(np.arange(len(text)), dense, sparse.load_npz(directory / "lexical.npz"), fields)


def load_queries(directory: Path, size: Size) -> list[IndexQuery]:
    """One per query row: its noisy vectors and three of its tokens."""
    dense = {name: np.load(directory / f"{name}_queries.npy") for name in ("text", "image")}
    weights, idf = sparse.load_npz(directory / "lexical.npz"), np.load(directory / "idf.npy")
    rng = np.random.default_rng([size.seed, 8])
    found = []
    for number, row in enumerate(query_rows(size).tolist()):
        tokens = weights.indices[weights.indptr[row] : weights.indptr[row + 1]]
        picked = rng.choice(tokens, min(3, len(tokens)), replace=False)
        probes = {name: vectors[number] for name, vectors in dense.items()}
        found.append(IndexQuery(probes, {int(token): float(idf[token]) for token in picked}))
    return found


def only(query: IndexQuery, probes: tuple[str, ...], where: Filter | None) -> IndexQuery:
    dense = {name: vector for name, vector in query.dense.items() if name in probes}
    return IndexQuery(dense, query.lexical if "lexical" in probes else {}, where)


def cases() -> Iterator[tuple[str, tuple[str, ...], Filter | None, int]]:
    for probe, names in PROBES.items():
        for share, where in WHERE.items():
            yield f"{probe} {share}", names, where, 100
    for share, where in WHERE.items():
        yield f"vector {share}, 10 only", PROBES["vector"], where, 10


def timed(index: Index, queries: list[IndexQuery], k: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Wall-clock and processor milliseconds per query, and what every probe proposed."""
    for query in queries[:20]:
        index.candidates(query, k)
    wall, cpu, proposed = [], [], []
    for query in queries:
        started, busy = time.perf_counter(), time.process_time()
        found = index.candidates(query, k)
        wall.append((time.perf_counter() - started) * 1e3)
        cpu.append((time.process_time() - busy) * 1e3)
        proposed.append({name: rows[:10] for name, rows in found.sources.items()})
    figures = {
        "p50_ms": statistics.median(wall),
        "p99_ms": float(np.percentile(wall, 99)),
        "cpu_p50_ms": statistics.median(cpu),
        "cpu_mean_ms": statistics.fmean(cpu),
    }
    return figures, proposed


def run_cases(index: Index, directory: Path, size: Size) -> dict[str, dict[str, float]]:
    """Time every case; the exact engine writes down its answers, the other one is held against them."""
    queries = load_queries(directory, size)
    found = {}
    for number, (name, probes, where, k) in enumerate(cases()):
        figures, proposed = timed(index, [only(query, probes, where) for query in queries], k)
        truth = directory / f"truth-{number}.json"
        if isinstance(index, ExactIndex):
            truth.write_text(json.dumps([{p: rows.tolist() for p, rows in one.items()} for one in proposed]))
        else:
            figures["recall_at_10"] = recall(json.loads(truth.read_text()), proposed)
        found[name] = figures
    return found


def recall(truth: list[dict[str, list[int]]], proposed: list[dict[str, Any]]) -> float:
    """The share of the exact first ten of every probe that is among the first ten proposed."""
    shares = [
        len(set(right) & set(one[name].tolist())) / len(right)
        for exact, one in zip(truth, proposed, strict=True)
        for name, right in exact.items()
        if right
    ]
    return statistics.fmean(shares)


def run_exact(directory: Path, size: Size) -> dict[str, Any]:
    started = time.perf_counter()
    index = ExactIndex.over(load_rows(directory))
    opened = time.perf_counter() - started
    return {"open_s": opened, "cases": run_cases(index, directory, size), "upsert_1000_s": upserts(index, directory)}


def build_engine(directory: Path, size: Size, settings: EdgeSettings) -> dict[str, Any]:
    rows = load_rows(directory)
    started, busy = time.perf_counter(), time.process_time()
    QdrantEdgeIndex.create(directory / "engine", rows, settings=settings).close()
    took, cpu = time.perf_counter() - started, time.process_time() - busy
    return {"build_s": took, "build_cpu_s": cpu, "disk_mb": disk_mb(directory / "engine")}


def serve_engine(directory: Path, size: Size, settings: EdgeSettings) -> dict[str, Any]:
    forget_files(directory / "engine")
    cold, index = opening(directory / "engine")
    index.close()
    warm, index = opening(directory / "engine")
    found: dict[str, Any] = {"open_cold_s": cold, "open_warm_s": warm}
    found["cases"] = run_cases(index, directory, size)
    found["serving_rss_mb"] = peak_rss_mb()
    found["upsert_1000_s"] = upserts(index, directory)
    started = time.perf_counter()
    index.close()
    found["close_s"] = time.perf_counter() - started
    return found


def opening(directory: Path) -> tuple[float, QdrantEdgeIndex]:
    started = time.perf_counter()
    index = QdrantEdgeIndex.open(directory)
    return time.perf_counter() - started, index


def upserts(index: Index, directory: Path) -> float:
    """Seconds until a thousand replaced rows are found by a search; raises if they are not."""
    rows = load_rows(directory)
    text = np.asarray(rows.dense["text"][0][:1000])
    numbers = np.arange(1000)
    fields = {name: values[:1000] for name, values in rows.fields.items()}
    moved = IndexRows(numbers, {"text": (-text, np.ones(1000, dtype=np.bool_))}, rows.lexical[:1000], fields)
    started = time.perf_counter()
    for start in range(0, 1000, 500):
        part = slice(start, start + 500)
        index.upsert(
            IndexRows(
                moved.rows[part],
                {name: (v[part], p[part]) for name, (v, p) in moved.dense.items()},
                moved.lexical[part],
                {name: values[part] for name, values in fields.items()},
            )
        )
    found = index.candidates(IndexQuery({"text": -text[999]}), 1).rows.tolist()
    took = time.perf_counter() - started
    if found != [999]:
        raise SystemExit(f"an upserted row was not found: {found}")
    return took


def compare(exact: dict[str, Any], engine: dict[str, Any]) -> dict[str, float]:
    """How many times faster the engine answers than exact search, by case, in wall-clock medians."""
    return {
        name: round(figures["p50_ms"] / engine["cases"][name]["p50_ms"], 2) for name, figures in exact["cases"].items()
    }


def show(report: dict[str, Any]) -> None:
    build, engine, exact = report["build"], report["qdrant-edge"], report["exact"]
    print(f"build {build['build_s']:.1f} s ({build['build_cpu_s']:.1f} cpu), {build['disk_mb']:.0f} MB on disk, "
          f"peak {build['peak_rss_mb']:.0f} MB")  # fmt: skip
    print(f"open cold {engine['open_cold_s']:.2f} s, warm {engine['open_warm_s']:.2f} s; serving peak "
          f"{engine['serving_rss_mb']:.0f} MB; 1000 upserts {engine['upsert_1000_s']:.3f} s "
          f"(exact {exact['upsert_1000_s']:.3f} s); exact peak {exact['peak_rss_mb']:.0f} MB")  # fmt: skip
    print(f"{'case':24} {'p50 ms':>8} {'p99 ms':>8} {'cpu ms':>8} {'recall':>8} {'exact ms':>9} {'faster':>7}")
    for name, figures in engine["cases"].items():
        print(f"{name:24} {figures['p50_ms']:8.3f} {figures['p99_ms']:8.3f} {figures['cpu_p50_ms']:8.3f} "
              f"{figures['recall_at_10']:8.4f} {exact['cases'][name]['p50_ms']:9.3f} "
              f"{report['times_faster'][name]:7.2f}")  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="where the report goes")
    parser.add_argument("--work", type=Path, help="directory for data and engine; a temporary one if left out")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="an engine setting")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    size = Size(options.rows, options.dim, options.queries, options.seed)
    changed = {name: json.loads(value) for name, value in (one.split("=", 1) for one in options.set)}
    settings = EdgeSettings(**changed)
    work = Path(tempfile.mkdtemp(prefix="bench-index-", dir=options.work))
    try:
        in_child(generate, work, size)
        report: dict[str, Any] = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "versions": versions(),
            "size": asdict(size),
            "settings": asdict(settings),
            "exact": in_child(run_exact, work, size),
            "build": in_child(build_engine, work, size, settings),
        }
        report["qdrant-edge"] = in_child(serve_engine, work, size, settings)
        report["times_faster"] = compare(report["exact"], report["qdrant-edge"])
    finally:
        shutil.rmtree(work)
    show(report)
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
