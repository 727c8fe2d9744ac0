"""Products in store clips: titles find clips and clips find titles, of products filmed before and of new ones.

Reads ``grozi_video``: clips, tracks of frames, and the products' titles.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, read_csv, report_path
from benchmarks.crossings import (
    CHANCE,
    MEASURES,
    Columns,
    by_chance,
    columns_of,
    compared,
    interval,
    ranks_of,
    together,
)
from benchmarks.grozi import Data, Described, Part, read
from goodsense.encoders import make_encoder
from goodsense.encoders.frames import FramesEncoder
from goodsense.errors import DataError, UsageError
from goodsense.fusion import make_fusion
from goodsense.learning.lesson import Lesson
from goodsense.types import Embeddings, Vectors, normalise

PROTOCOL = (
    "grozi_video: titles and clips of 120 products; everything is fitted on train tracks and train clips with their "
    "products' titles; queries and gallery are the 164 test tracks of at least 6 frames and the titles. Seen: fitted "
    "on all products; a title looks among all 164 tracks, a track among all 120 titles. Unseen: five folds of 24 "
    "products by a fixed permutation; what is fitted (frames, titles, fusion) never met a fold's products, titles "
    "look among the fold's tracks and tracks among its 24 titles, and all queries count once. A title's hit is any "
    "track of its product; titles without a test track are not asked. The fusion is chosen on train tracks alone: "
    "seen by the last train track of every product, held out, unseen by the train tracks of the next fold, held out "
    "too; the winner has the best reciprocal rank there, both ways, and test is looked at once. Intervals are 95 % "
    "bootstrap over queries"
)
FOLDS = 5
TITLES: Mapping[str, tuple[str, Mapping[str, Any]]] = {"lsa": ("lsa", {"dim": 96}), "bag": ("bag", {})}
FRAMES: Mapping[str, Mapping[str, str]] = {  # what the benchmark grozi found best for products met and not met
    "seen": {"pool": "mean", "discriminant": "apart"},
    "unseen": {"pool": "mean", "discriminant": "steady"},
}
CLOSED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "cca": ("cca", {"dim": 64}),
    "ridge": ("ridge", {}),
    "kernel-ridge to titles": ("kernel-ridge", {"anchor": "text"}),
    "kernel-ridge to clips": ("kernel-ridge", {"anchor": "video"}),
    "kernel-cca": ("kernel-cca", {"dim": 64}),
    "mean": ("mean", {}),
    "max": ("max", {}),
    "weighted": ("weighted", {}),
    "concat": ("concat", {}),
    "additive": ("additive", {}),
    "learned": ("learned", {}),
    "activated": ("activated", {}),
    "product": ("product", {}),
    "hybrid": ("hybrid", {}),
}
TRAINED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "trained": ("trained", {"width": 128, "hidden": 512, "epochs": 20}),
    "trained, gated": ("trained", {"network": "gated", "width": 128, "hidden": 512, "epochs": 20}),
    "ensemble": (
        "ensemble",
        {
            "members": [
                ["trained", {"width": 128, "hidden": 512, "epochs": 20}],
                ["kernel-ridge", {"anchor": "text"}],
                ["kernel-cca", {"dim": 64}],
            ]
        },
    ),
    "graph": ("graph", {"epochs": 10}),
}
BASELINE = "cca, lsa"
TOLD = ("cca, lsa", "ridge, lsa", "trained, lsa", "ensemble, lsa")  # beside what was chosen
TASKS = ("title -> clip", "clip -> title")

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """Clips to learn from, and clips that are found and ask, as rows of a part; ``products`` have the titles asked."""

    learn: Rows
    part: str
    asked: Rows
    products: Rows


@dataclass(frozen=True)
class Shelf:
    """What is described once: frames of all clips, the product of each clip, and products' titles."""

    raw: Mapping[str, Described]
    products: Mapping[str, Rows]
    titles: Mapping[int, str]


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    bench = Bench("grozi_retrieval", PROTOCOL, seeds={"fit": 0, "folds": 0})
    run(bench, options.data / "grozi_video")
    bench.write(report_path(options, bench.name, whole=True))


def run(bench: Bench, folder: Path) -> None:
    shelf = described(bench, folder)
    bench.settings |= {"titles": dict(TITLES), "frames": dict(FRAMES), "fusions": {**CLOSED, **TRAINED}}
    for kind, (validation, test) in trials(shelf).items():
        with bench.stage(f"{kind}: fit and look"):
            chosen_by = [measured(bench, shelf, kind, trial) for trial in validation]
            told_by = [measured(bench, shelf, kind, trial) for trial in test]
        report(bench, kind, chosen_by, told_by)


def described(bench: Bench, folder: Path) -> Shelf:
    """Clips as described frames, of which nothing was learned yet."""
    with bench.stage("read"):
        data: Data = read(folder)
    parts: dict[str, Part] = {"learn": data.learn, "queries": data.queries}
    with bench.stage("describe"):
        describe = FramesEncoder().describe
        raw = {name: [describe(clip) for clip in part.clips] for name, part in parts.items()}
    bench.details["clips"] = {name: len(part.clips) for name, part in parts.items()}
    titles = {int(row["product_id"]): row["title"] for row in read_csv(folder / "products.csv")}
    return Shelf(raw, {name: part.products for name, part in parts.items()}, titles)


def trials(shelf: Shelf) -> dict[str, tuple[list[Trial], list[Trial]]]:
    """For products met before and for new ones: trials to choose by, and those to report."""
    learned, asked, everyone = shelf.products["learn"], shelf.products["queries"], np.array(sorted(shelf.titles))
    tracks = np.arange(len(learned) - len(everyone))  # the clips behind them are the longest tracks once more
    last = np.array([rows[-1] for rows in by_product(learned[tracks]) if len(rows) > 1])
    seen = (
        [Trial(np.setdiff1d(tracks, last), "learn", last, everyone)],
        [Trial(np.arange(len(learned)), "queries", np.arange(len(asked)), everyone)],
    )
    order = np.random.default_rng(0).permutation(everyone)
    folds = [order[place::FOLDS] for place in range(FOLDS)]
    unseen: tuple[list[Trial], list[Trial]] = ([], [])
    for fold, held in zip(folds, [*folds[1:], folds[0]], strict=True):
        left = np.flatnonzero(~np.isin(learned, [*fold, *held]))
        unseen[0].append(Trial(left, "learn", tracks[np.isin(learned[tracks], held)], held))
        left = np.flatnonzero(~np.isin(learned, fold))
        unseen[1].append(Trial(left, "queries", np.flatnonzero(np.isin(asked, fold)), fold))
    return {"seen": seen, "unseen": unseen}


def by_product(products: Rows) -> list[Rows]:
    return [np.flatnonzero(products == product) for product in np.unique(products)]


def measured(bench: Bench, shelf: Shelf, kind: str, trial: Trial) -> dict[str, dict[str, Columns]]:
    """Case -> task -> how every query ends."""
    products = shelf.products[trial.part][trial.asked]
    same = trial.products[:, None] == products  # (titles, clips)
    there = same.any(axis=1)
    found = {CHANCE: dict(zip(TASKS, (by_chance(same[there]), by_chance(same.T)), strict=True))}
    clips = frames_of(shelf, kind, trial)
    spent = bench.details.setdefault(f"{kind}: processor seconds of the fits", {})
    for words in TITLES:
        titles = titles_of(shelf, words, trial)
        for name, (fusion, options) in {**CLOSED, **(TRAINED if words == "lsa" else {})}.items():
            case, started = f"{name}, {words}", time.process_time()
            try:
                scores = crossed(fusion, options, shelf, trial, clips, titles)
            except (DataError, UsageError) as error:
                bench.details.setdefault("cannot", {})[case] = str(error)
                continue
            spent[case] = round(spent.get(case, 0.0) + time.process_time() - started, 2)
            ranks = ranks_of(scores[there], same[there]), ranks_of(scores.T, same.T)
            found[case] = dict(zip(TASKS, map(columns_of, ranks), strict=True))
    return found


def frames_of(shelf: Shelf, kind: str, trial: Trial) -> tuple[Vectors, Vectors]:
    """Vectors of the clips to learn from and of those asked, by an encoder that met the former alone."""
    encoder = FramesEncoder(pool=FRAMES[kind]["pool"], discriminant=FRAMES[kind]["discriminant"])
    products = shelf.products["learn"][trial.learn]
    learn = [shelf.raw["learn"][row] for row in trial.learn.tolist()]
    labels = [{"id": str(product), "product": str(product)} for product in products.tolist()]
    encoder.fit_described(learn, labels=labels, seed=0)
    return encoder.project(learn), encoder.project([shelf.raw[trial.part][row] for row in trial.asked.tolist()])


def titles_of(shelf: Shelf, words: str, trial: Trial) -> tuple[Vectors, Vectors]:
    """Vectors of the titles of the clips to learn from, and of the products asked for."""
    kind, options = TITLES[words]
    encoder = make_encoder("text", kind, options)
    products = shelf.products["learn"][trial.learn].tolist()
    encoder.fit([{"title": shelf.titles[product]} for product in sorted(set(products))], seed=0)
    learned, asked = ([{"title": shelf.titles[one]} for one in each] for each in (products, trial.products.tolist()))
    return encoder.encode(learned), encoder.encode(asked)


def crossed(
    kind: str,
    options: Mapping[str, Any],
    shelf: Shelf,
    trial: Trial,
    clips: tuple[Vectors, Vectors],
    titles: tuple[Vectors, Vectors],
) -> NDArray[np.floating]:
    """Cosines of fused titles and fused clips: ``(titles, clips)``."""
    groups = shelf.products["learn"][trial.learn]
    blocks = {"text": _block(titles[0]), "video": _block(clips[0])}
    fusion = make_fusion(kind, **options).fit(blocks, lesson=Lesson(groups, {"product": groups}), seed=0)
    asked, shown = fusion.fuse({"text": _block(titles[1])}), fusion.fuse({"video": _block(clips[1])})
    found: NDArray[np.floating] = normalise(asked.vectors) @ normalise(shown.vectors).T
    return found


def _block(vectors: Vectors) -> Embeddings:
    return Embeddings.of_products([str(row) for row in range(len(vectors))], vectors, np.asarray(vectors.any(axis=1)))


def report(
    bench: Bench,
    kind: str,
    validation: Sequence[Mapping[str, Mapping[str, Columns]]],
    test: Sequence[Mapping[str, Mapping[str, Columns]]],
) -> None:
    """The ablation of both ways together, and the figures of what was chosen, of the closed forms and of chance."""
    cases = [case for case in validation[0] if all(case in trial for trial in (*validation, *test))]
    both = [
        {case: together([trial[case][task] for trial in each for task in TASKS]) for case in cases}
        for each in (validation, test)
    ]
    parts = dict.fromkeys(cases, ("text", "video"))
    best = compared(bench, f"{kind} products, both ways", both[0], both[1], parts, {BASELINE: "baseline"})
    bench.settings[f"{kind}: best on validation"] = best
    for called, case in {"chosen": best, **{case: case for case in TOLD if case in cases}, CHANCE: CHANCE}.items():
        for task in TASKS:
            found = together([trial[case][task] for trial in test])
            for measure in MEASURES:
                bench.figure(f"{kind}: {task} {measure}, {called}", float(found[measure].mean()))
            bench.details[f"{kind}: {task}, {called}"] = {measure: interval(found[measure]) for measure in MEASURES}
            by_fold = [round(float(trial[case][task]["MRR"].mean()), 4) for trial in test]
            bench.details[f"{kind}: {task}, {called}"]["MRR by fold"] = by_fold


if __name__ == "__main__":
    main()
