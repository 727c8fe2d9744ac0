"""Fusing at scale: 100,000 and a million generated products of four blocks, learned from and fused, time and memory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, in_child, parser, report_path, say, working_directory
from goodsense.fusion import make_fusion
from goodsense.fusion.base import FittedFusion
from goodsense.fusion.trained import TrainedFusion
from goodsense.types import Embeddings

PROTOCOL = (
    "generated: four blocks of 256, 256, 128 and 128 columns, float32 in mapped files, each a noisy map of the same 24 "
    "numbers of a product and missing from a tenth of the products. Every stage runs in a process of its own; seconds "
    "are of the processor, by the clock where that is said, as the machine had other work; memory is the peak of "
    "resident memory, pages of the mapped files included. Trainings have their defaults unless named; closed forms and "
    "trainings are fitted on 100,000 products and fuse a million. 'linear' has towers of one layer. Per step: 512 "
    "products, our trainer and a plain torch loop over the same network and the same contrasts "
    "(benchmarks/plain_loop.py) by turns, the median of the turns' ratios. Neighbours: ten per product of all blocks "
    "side by side; the share of the true ten that are found is of 500 products, against all. Files: two fits of 1,000 "
    "products with one seed"
)
DIMS = {"audio": 128, "image": 256, "text": 256, "video": 128}
HIDDEN, MISSING, NOISE, PART = 24, 0.1, 2.5, 50_000
LEARNED, FUSED = 100_000, 1_000_000
METHODS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "mean": ("mean", {}),
    "concat, 256 components": ("concat", {"dim": 256}),
    "cca": ("cca", {}),
    "trained": ("trained", {}),
    "trained, linear": ("trained", {"tower": "linear"}),
}
BATCH, STEPS, TURNS = 512, 8, 5
NEIGHBOURS, ASKED = 10, 500
SMALL, SEEDS = 1_000, 5
SECONDS = {"train": 300.0, "fuse": 60.0, "neighbours": 300.0}


def main() -> None:
    made = parser(__doc__ or "", data=False)
    made.add_argument("--limit", type=int, help="products to fuse; a tenth of them to learn from")
    options = made.parse_args()
    bench = Bench("fusion_scale", PROTOCOL, seeds={"data": 0, "fusions": 0}, settings={"limit": options.limit})
    fused = options.limit or FUSED
    learned = max(SMALL, fused * LEARNED // FUSED)
    path = report_path(options, bench.name, whole=options.limit is None)
    with working_directory(options.work) as work:
        for _ in run(bench, work, learned, fused):
            bench.write(path)  # what is known so far


def run(bench: Bench, work: Path, learned: int, fused: int) -> Iterator[None]:
    with bench.stage("generate"):
        generate(work, fused)
    with bench.stage("per step"):
        steps(bench, in_child(per_step, work, learned))
    yield
    with bench.stage("one seed, one file"):
        seeds(bench, in_child(same_files, work))
    with bench.stage("neighbours"):
        near(bench, learned, in_child(neighbours, work, learned))
    yield
    for name, (kind, how) in METHODS.items():
        with bench.stage(name):
            trained(bench, name, learned, in_child(fit, work, name, kind, dict(how), learned))
            if kind == "trained":
                say(f"  {bench.name}: {name} in numpy")
                fusing(bench, f"{name}, without torch", fused, in_child(fuse, work, name, "plain", fused))
            fusing(bench, name, fused, in_child(fuse, work, name, kind, fused))
        yield


# ---- products


def generate(work: Path, count: int) -> None:
    """Blocks as mapped files, and who has them; the same products first, however many there are."""
    maps = {name: np.random.default_rng(dim + len(name)).normal(size=(HIDDEN, dim)) for name, dim in DIMS.items()}
    files = {
        name: np.lib.format.open_memmap(work / f"{name}.npy", "w+", np.float32, (count, dim))
        for name, dim in DIMS.items()
    }
    masks = {name: np.zeros(count, dtype=np.bool_) for name in DIMS}
    for start in range(0, count, PART):
        rng = np.random.default_rng([0, start])
        rows = slice(start, min(start + PART, count))
        hidden = rng.standard_normal((rows.stop - start, HIDDEN), dtype=np.float32)
        for name, dim in DIMS.items():
            there = rng.random(len(hidden)) >= MISSING
            noise = rng.standard_normal((len(hidden), dim), dtype=np.float32) * np.float32(NOISE * HIDDEN**0.5)
            files[name][rows] = (hidden @ maps[name].astype(np.float32) + noise) * there[:, None]
            masks[name][rows] = there
    for name, mask in masks.items():
        files[name].flush()
        np.save(work / f"{name}-present.npy", mask)


def blocks_of(work: Path, count: int) -> dict[str, Embeddings]:
    ids = tuple(map(str, range(count)))
    found = {}
    for name in DIMS:
        vectors = np.load(work / f"{name}.npy", mmap_mode="r")[:count]
        found[name] = Embeddings(ids, ids, vectors, np.load(work / f"{name}-present.npy")[:count])
    return found


# ---- stages, each in a process of its own


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def fit(work: Path, name: str, kind: str, how: dict[str, Any], count: int) -> dict[str, Any]:
    blocks = blocks_of(work, count)
    fusion, took = timed(lambda: make_fusion(kind, **how).fit(blocks, seed=0))
    fusion.save(work / name)
    history, reason = getattr(fusion, "history", None), getattr(fusion, "reason", "")
    steps = 0 if history is None else len(history.losses)
    return {**took, "reason": reason, "epochs": steps}


def fuse(work: Path, name: str, kind: str, count: int) -> dict[str, Any]:
    """Load what was saved and fuse everything; ``plain`` is a trained fusion without torch."""
    fusion = opened(work / name, kind)
    found, took = timed(lambda: fusion.fuse(blocks_of(work, count)))
    few = {key: block.take(np.arange(64)) for key, block in blocks_of(work, count).items()}
    apart = float(np.abs(fusion.fuse(few).vectors - found.vectors[:64]).max())
    return {**took, "present": int(found.present.sum()), "dim": found.dim, "few_apart": apart}


def opened(directory: Path, kind: str) -> FittedFusion | Any:
    from goodsense.fusion.plain import PlainFusion
    from goodsense.fusion.registry import load_fusion

    return PlainFusion.load(directory) if kind == "plain" else load_fusion(kind, directory)


def per_step(work: Path, count: int) -> dict[str, Any]:
    """Processor seconds per step of our trainer and of the plain loop, by turns."""
    from benchmarks.plain_loop import plain_loop
    from goodsense.fusion.blocks import centre_of, prepared

    count = min(count, BATCH * STEPS)
    given = [prepared(block, centre_of(block)) for block in blocks_of(work, count).values()]
    rows, present = [own.vectors for own in given], np.stack([own.present for own in given], axis=1)
    steps = max(1, count // BATCH)
    turns = []
    for turn in range(TURNS + 1):
        ours = our_loop(rows, present, seed=turn)
        plain = plain_loop(rows, present, steps=steps, batch=BATCH, seed=turn)
        turns.append((ours, plain))
    return {"turns": turns[1:]}  # the first warms up


def our_loop(rows: list[NDArray[np.float32]], present: NDArray[np.bool_], *, seed: int) -> float:
    from goodsense.fusion.network import FusionNetwork
    from goodsense.fusion.teaching import Examples, Student
    from goodsense.learning.lesson import Lesson
    from goodsense.learning.networks import seeded
    from goodsense.learning.trainer import Schedule, train

    every = np.arange(len(present))
    shape: dict[str, Any] = {"combining": "mean", "width": 256, "tower": "mlp", "hidden": 2048, "dropout": 0.2}
    goal: dict[str, Any] = {"objective": "info-nce", "coldest": 0.07, "label_weight": 0.5, "pair_weight": 0.5}
    with seeded(seed):
        network = FusionNetwork({str(i): own.shape[1] for i, own in enumerate(rows)}, **shape, options={})
        student = Student(network, **goal, sizes={}, nested=())
    lesson = Lesson.of_products(len(every))
    examples = Examples(rows, present, lesson, every, np.ones(len(every), dtype=np.bool_), BATCH)
    schedule = Schedule(epochs=1, batch=BATCH, rate=1e-3, decay=0.05)
    _, took = timed(lambda: train(student, examples.batches, student.loss, schedule, steps=examples.steps, seed=seed))
    return took["cpu_s"] / examples.steps


def same_files(work: Path) -> dict[str, Any]:
    """Hashes of what is saved after two fits with one seed, and how well fits of five seeds find across blocks."""
    blocks = blocks_of(work, SMALL)
    hashes: list[str] = []
    figures: list[float] = []
    for seed in (0, *range(SEEDS)):
        fusion = TrainedFusion(epochs=4).fit(blocks, seed=seed)
        directory = work / f"seed-{len(hashes)}"
        fusion.save(directory)
        hashes.append(hash_of(directory))
        figures.append(fusion.outcome.mrr)
    return {"hashes": hashes, "figures": figures[1:]}


def hash_of(directory: Path) -> str:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def neighbours(work: Path, count: int) -> dict[str, Any]:
    """Content neighbours of all, and how many of the true ones of a few are among them."""
    from goodsense.fusion.graph_store import Content
    from goodsense.fusion.neighbours import COMPARE_ALL, nearest, nearest_in_cells

    blocks = blocks_of(work, count)
    rows = Content.of(blocks).beside(blocks).vectors
    few = np.sort(np.random.default_rng(0).choice(count, min(ASKED, count), replace=False))
    (found, _), took = timed(lambda: nearest_in_cells(rows, rows, NEIGHBOURS, skip=np.arange(count)))
    (exact, _), alone = timed(lambda: nearest(rows[few], rows, NEIGHBOURS, skip=few))
    shares = [len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(found[few].tolist(), exact.tolist(), strict=True)]
    return {**took, "recall": float(np.mean(shares)), "all_s": alone["cpu_s"] * count / len(few), "from": COMPARE_ALL}


# ---- figures


def steps(bench: Bench, found: Mapping[str, Any]) -> None:
    ours, plain = np.array(found["turns"]).T
    bench.details["per step"] = {"ours": ours.tolist(), "plain": plain.tolist()}
    bench.figure("our trainer: processor seconds per step", float(np.median(ours)), better="lower", unit="s")
    bench.figure("plain torch loop: processor seconds per step", float(np.median(plain)), better="lower", unit="s")
    ratio = float(np.median(ours / plain))
    bench.figure("our trainer over the plain loop, per step", ratio, target=1.05, better="lower")


def seeds(bench: Bench, found: Mapping[str, Any]) -> None:
    first, again, *others = found["hashes"]
    different = len({first, *others})
    bench.figure("same seed, same file: fits whose files are equal, of 2", 1.0 + (first == again), target=2)
    bench.figure(f"files that {SEEDS} seeds give", float(different), target=SEEDS)
    values = np.array(found["figures"])
    bench.figure(f"reciprocal rank across blocks over {SEEDS} seeds, mean", float(values.mean()))
    bench.figure(
        f"reciprocal rank across blocks over {SEEDS} seeds, deviation", float(values.std(ddof=1)), better="lower"
    )
    bench.details["seeds"] = dict(found)


def trained(bench: Bench, name: str, count: int, found: Mapping[str, Any]) -> None:
    where = f"{name}, fitted on {count:,} products"
    aim = SECONDS["train"] if name.startswith("trained") else None
    bench.figure(f"{where}: processor seconds", found["cpu_s"], target=aim, better="lower", unit="s")
    bench.figure(f"{where}: seconds by the clock", found["wall_s"], better="lower", unit="s")
    bench.figure(f"{where}: peak memory", found["peak_rss_mb"], better="lower", unit="MiB")
    bench.details[where] = dict(found)


def fusing(bench: Bench, name: str, count: int, found: Mapping[str, Any]) -> None:
    where = f"{name}, {count:,} products fused"
    bench.figure(f"{where}: processor seconds", found["cpu_s"], target=SECONDS["fuse"], better="lower", unit="s")
    bench.figure(f"{where}: seconds by the clock", found["wall_s"], better="lower", unit="s")
    bench.figure(f"{where}: peak memory", found["peak_rss_mb"], target=8192, better="lower", unit="MiB")
    bench.details[where] = dict(found)


def near(bench: Bench, count: int, found: Mapping[str, Any]) -> None:
    where = f"neighbours of {count:,} products in cells"
    bench.figure(f"{where}: processor seconds", found["cpu_s"], target=SECONDS["neighbours"], better="lower", unit="s")
    bench.figure(f"{where}: share of the true ten", found["recall"], target=0.9)
    bench.figure(f"{where}: peak memory", found["peak_rss_mb"], better="lower", unit="MiB")
    alone = found["all_s"]
    bench.figure(f"neighbours of {count:,} products, all compared: processor seconds, from 500", alone, better="lower")
    bench.details[where] = dict(found)


if __name__ == "__main__":
    say("fusion_scale: generated data")
    main()
