"""Groceries: a phone photo finds its product by icon and description, of classes photographed before and of new ones.

Reads ``grocery/{train,val,test,products}.csv`` and their pictures.
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
from benchmarks.scenes import cut_out, scene
from goodsense.encoders import make_encoder
from goodsense.errors import DataError, UsageError
from goodsense.evaluate.cases import Kind
from goodsense.fusion import make_fusion
from goodsense.learning.lesson import Lesson
from goodsense.media import decode_image
from goodsense.types import Embeddings, MediaEncoder, Vectors, normalise

PROTOCOL = (
    "grocery: official split; 81 products with an iconic picture and a description, all of them known as a shop's "
    "catalog is; queries are phone photos, and a photo finds its product among icons and descriptions. Seen: fitted "
    "on train photos of all classes, chosen on val, fitted again on train and val, test asked among all 81. Unseen: "
    "five folds of 16 or 17 classes by a fixed permutation; no photo of a fold's classes is learned from; its test "
    "photos are asked among its own products, and among all 81, where one number, taken from the scores of seen "
    "classes, calibrates them (Chao & others, ECCV 2016). Sides, scenes and that number are chosen for every fold by "
    "itself, on train photos of the next fold's classes, held out as well, and val photos of the others. Picture "
    "encoders learn no labels and are fitted once on train photos, those of later unseen classes included, unlabelled. "
    "Scenes: the iconic picture of every product cut out and set into train photos; of a fold those on photos of its "
    "classes are left out. A run looks at test once, but while the method was made its figures were "
    "seen on two or three folds; intervals are 95 % bootstrap over photos, deviations over folds"
)
PICTURES: Mapping[str, tuple[Mapping[str, Any], float]] = {  # options and weight
    "descriptors": ({}, 0.5),
    "fisher": ({"dim": 1024}, 1.0),
}
TEXT = ("lsa", {"dim": 64})
FOLDS, SCENES, GROUNDS = 5, 16, 200
RIDGE = {"anchor": "product", "gamma": 0.5, "ridge": 0.1}
SIDES: Mapping[str, Mapping[str, float]] = {  # what of a product is compared, and its weight
    "icon": {"icon": 1.0, "scenes": 1.0},
    "text": {"text": 1.0},
    "icon+text": {"icon": 1.0, "scenes": 1.0, "text": 1.0},
    "icon+text, text less": {"icon": 1.0, "scenes": 1.0, "text": 0.5},
}
BIASES = np.arange(0, 0.6, 0.02)
AIMS = {"seen": (0.66, 0.95), "gallery": (0.58, 0.92), "all": (0.30, 0.60)}
FEW = 1_000  # rows that the fusions of the ablation learn from
OTHERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "kernel-ridge": ("kernel-ridge", RIDGE),
    "cca": ("cca", {"dim": 64, "components": 256}),
    "ridge": ("ridge", {}),
    "kernel-cca": ("kernel-cca", {"dim": 64, "components": 256, "landmarks": 500}),
    "trained": ("trained", {"width": 128, "hidden": 512, "epochs": 10}),
    "trained, gated": ("trained", {"network": "gated", "width": 128, "hidden": 512, "epochs": 10}),
    "ensemble": (
        "ensemble",
        {"members": [["kernel-ridge", RIDGE], ["trained", {"width": 128, "hidden": 512, "epochs": 10}]]},
    ),
    **{name: (name, {}) for name in ("mean", "max", "weighted", "concat", "additive", "learned", "activated")},
    **{name: (name, {}) for name in ("product", "hybrid")},
    "graph": ("graph", {"epochs": 5}),
}

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Data:
    """Photos, scenes and products as vectors; ``photos`` and ``scenes`` are centred unit rows with their classes."""

    photos: Vectors
    classes: Rows
    split: NDArray[np.str_]
    scenes: Vectors
    of: Rows  # class of each scene
    ground: Rows  # class of the photo behind it
    icons: Vectors
    text: Vectors

    def rows(self, split: str, classes: Rows) -> Rows:
        return np.flatnonzero((self.split == split) & np.isin(self.classes, classes))


@dataclass(frozen=True, eq=False)
class Found:
    """Scores ``(photos, 81)`` by every side of the product; rows of ``new`` classes are asked as unseen."""

    scores: Mapping[str, NDArray[np.floating]]
    truth: Rows
    new: Rows
    gallery: Rows


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--features", type=Path, help="where encoded pictures are kept from one run to the next")
    options = made.parse_args()
    bench = Bench("grocery_retrieval", PROTOCOL, seeds={"encoders": 0, "scenes": 0, "folds": 0, "fusions": 0})
    data = read(bench, options.data / "grocery", options.features)
    bench.settings |= {"pictures": dict(PICTURES), "text": TEXT, "kernel ridge": RIDGE, "sides": dict(SIDES)}
    seen(bench, data)
    unseen(bench, data)
    others(bench, data)
    bench.write(report_path(options, bench.name, whole=True))


# ---- pictures and words


def read(bench: Bench, folder: Path, kept: Path | None) -> Data:
    rows = [(row, split) for split in ("train", "val", "test") for row in read_csv(folder / f"{split}.csv")]
    products = read_csv(folder / "products.csv")
    classes = np.array([int(row["class_id"]) for row, _ in rows])
    if kept is None or not kept.exists():
        found = pictured(bench, folder, [row["image"] for row, _ in rows], [split for _, split in rows], products)
        if kept is not None:
            np.savez(kept, allow_pickle=False, **found)
    else:
        with np.load(kept) as file:
            found = {name: file[name] for name in file.files}
    bench.settings["pictures encoded by an earlier run"] = "scenes" not in bench.stages
    bench.details["processor seconds of the pictures"] = round(float(found["seconds"]), 1)
    joined = [np.sqrt(weight) * normalise(found[name]) for name, (_, weight) in PICTURES.items()]
    vectors = normalise(np.concatenate(joined, axis=1))
    photos, icons, scenes = np.split(vectors, [len(rows), len(rows) + len(products)])
    words = make_encoder("text", TEXT[0], TEXT[1])
    docs = [{"title": row["class_name"].replace("-", " "), "description": row["description"]} for row in products]
    words.fit(docs, seed=0)
    text = words.encode(docs)
    split = np.array([split for _, split in rows])
    ground = classes[split == "train"][found["ground"]]
    of = np.repeat(np.arange(len(products)), SCENES)
    return Data(photos, classes, split, scenes, of, ground, _steady(icons), _steady(text))


def _steady(rows: Vectors) -> Vectors:
    """Centred unit rows, turned so that there are no more columns than rows; inner products stay as they are."""
    centred = rows - rows.mean(axis=0)
    if centred.shape[1] > len(centred):
        left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
        centred = left * sizes
    return normalise(centred)


def pictured(
    bench: Bench, folder: Path, files: Sequence[str], splits: Sequence[str], products: Sequence[Mapping[str, str]]
) -> dict[str, NDArray[Any]]:
    """Photos, icons and scenes by every encoder, fitted on train photos."""
    started = time.process_time()

    def opened(file: str) -> Any:
        return decode_image((folder / file).read_bytes(), name=file)

    photos, icons = [opened(file) for file in files], [opened(row["iconic_image"]) for row in products]
    train = [row for row, split in enumerate(splits) if split == "train"]
    with bench.stage("scenes"):
        made, ground = staged([photos[row] for row in train], icons, [row["group"] for row in products])
    found: dict[str, NDArray[Any]] = {"ground": ground}
    for kind, (options, _) in PICTURES.items():
        with bench.stage(f"pictures by {kind}"):
            encoder = make_encoder("image", kind, options)
            assert isinstance(encoder, MediaEncoder)
            describe = encoder.describe
            encoder.fit_described([describe(photos[row]) for row in train], seed=0)
            describe = encoder.describe
            found[kind] = encoder.project([describe(picture) for picture in [*photos, *icons, *made]])
    found["seconds"] = np.array(time.process_time() - started)
    return found


def staged(photos: Sequence[Any], icons: Sequence[Any], groups: Sequence[str]) -> tuple[list[Any], Rows]:
    """Scenes of every product, and which photo is behind each: packages mostly by themselves, fruit mostly in piles."""
    rng = np.random.default_rng(0)
    grounds = rng.choice(len(photos), GROUNDS, replace=False)
    made, behind = [], []
    for icon, group in zip(icons, groups, strict=True):
        subject = cut_out(icon)
        for place in range(SCENES):
            ground = grounds[rng.integers(GROUNDS)]
            made.append(scene(rng, subject, photos[ground], pile=(place % 4 == 0) == (group == "Packages")))
            behind.append(ground)
    return made, np.array(behind)


# ---- photo to product


def searched(data: Data, learn: Rows, asked: Rows, new: Rows, hidden: Rows, *, scenes: bool) -> Found:
    """Kernel ridge from photos (and scenes) to their products, of which ``hidden`` ones are not in the gallery."""
    kept = np.flatnonzero(~np.isin(data.ground, [*new, *hidden])) if scenes else np.zeros(0, dtype=np.int64)
    parts = sides_of(data, kept)
    source = np.concatenate([data.photos[learn], data.scenes[kept]])
    classes = np.concatenate([data.classes[learn], data.of[kept]])
    products = np.concatenate(list(parts.values()), axis=1)
    fusion = make_fusion("kernel-ridge", **RIDGE).fit({"photo": _block(source), "product": _block(products[classes])})
    guess = fusion.fuse({"photo": _block(data.photos[asked])}).vectors
    known = fusion.fuse({"product": _block(products)}).vectors
    cuts = np.cumsum([part.shape[1] for part in parts.values()])[:-1]
    left, right = (dict(zip(parts, np.split(each, cuts, axis=1), strict=True)) for each in (guess, known))
    gallery = np.setdiff1d(np.arange(len(products)), hidden)
    return Found(
        {name: _weighed(left, weights) @ _weighed(right, weights).T for name, weights in SIDES.items()},
        data.classes[asked],
        new,
        gallery,
    )


def sides_of(data: Data, scenes: Rows) -> dict[str, Vectors]:
    """What is known of the 81 products: ``icon``, ``text``, and the mean of their scenes where there are any."""
    found = {"icon": data.icons, "text": data.text}
    if len(scenes):
        means = [data.scenes[scenes[data.of[scenes] == one]].mean(axis=0) for one in range(len(data.icons))]
        found["scenes"] = _steady(np.stack(means))
    return found


def _weighed(parts: Mapping[str, Vectors], weights: Mapping[str, float]) -> Vectors:
    chosen = [np.sqrt(weights[name]) * part for name, part in parts.items() if name in weights]
    return normalise(np.concatenate(chosen, axis=1))


def _block(vectors: Vectors) -> Embeddings:
    rows = np.asarray(vectors, dtype=np.float32)
    return Embeddings.of_products([str(row) for row in range(len(rows))], rows, np.asarray(rows.any(axis=1)))


def among(found: Found, side: str, *, new: bool, gallery: Rows, bias: float = 0.0) -> Columns:
    """How the photos of new or of other classes end in a gallery, ``bias`` being added to the new ones' scores."""
    asked = np.isin(found.truth, found.new) == new
    scores = found.scores[side] + bias * np.isin(np.arange(found.scores[side].shape[1]), found.new)
    return columns_of(ranks_of(scores[asked][:, gallery], found.truth[asked][:, None] == gallery))


# ---- classes photographed before


def seen(bench: Bench, data: Data) -> None:
    every, none = np.arange(len(data.icons)), np.zeros(0, dtype=np.int64)
    train, val, test = (data.rows(split, every) for split in ("train", "val", "test"))
    both, scores = np.concatenate([train, val]), {}
    with bench.stage("seen"):
        tried = {scenes: searched(data, train, val, none, none, scenes=scenes) for scenes in (False, True)}
        for scenes, side in ((scenes, side) for scenes in tried for side in SIDES):
            found = among(tried[scenes], side, new=False, gallery=every)
            scores[scenes, side] = float(sum(found[name].mean() for name in MEASURES))
        scenes, side = max(scores, key=lambda one: scores[one])
        told = searched(data, both, test, none, none, scenes=scenes)
    bench.settings["seen: best on val"] = {"scenes": scenes, "side": side}
    figures(bench, "seen classes, among all 81", [among(told, side, new=False, gallery=every)], AIMS["seen"])
    for name in SIDES:
        bench.details[f"seen classes, by {name}"] = bounds([among(told, name, new=False, gallery=every)])


def figures(
    bench: Bench, name: str, found: Sequence[Columns], aims: tuple[float | None, float | None] = (None, None)
) -> None:
    """Of all photos together; how the folds differ, where there are some; intervals go to the details."""
    for measure, aim in zip(MEASURES, (*aims, None), strict=True):
        bench.figure(f"{name}: {measure}", float(together(found)[measure].mean()), target=aim)
        if len(found) > 1:
            spread = float(np.std([trial[measure].mean() for trial in found], ddof=1))
            bench.figure(f"{name}: {measure}, deviation over folds", spread, better="lower")
    bench.details[name] = bounds(found)


def bounds(found: Sequence[Columns]) -> dict[str, Any]:
    whole = together(found)
    return {
        **{measure: interval(whole[measure]) for measure in MEASURES},
        "R@1 by fold": [round(float(one["R@1"].mean()), 4) for one in found],
    }


# ---- new classes


@dataclass(frozen=True, eq=False)
class Fold:
    """Searches of one fold with and without scenes, to choose by and to report."""

    validation: Mapping[bool, Found]
    test: Mapping[bool, Found]


def unseen(bench: Bench, data: Data) -> None:
    with bench.stage("unseen"):
        folds = [folded(data, *classes) for classes in divided(len(data.icons))]
    chosen = [best_of(fold) for fold in folds]
    biases = [calibrated(fold.validation[s], side) for fold, (s, side) in zip(folds, chosen, strict=True)]
    bench.settings["unseen: best on validation, by fold"] = [
        {"scenes": s, "side": side, "bias": round(bias, 2)} for (s, side), bias in zip(chosen, biases, strict=True)
    ]
    told = [(fold.test[s], side, bias) for fold, (s, side), bias in zip(folds, chosen, biases, strict=True)]
    own = [among(found, side, new=True, gallery=found.new) for found, side, _ in told]
    figures(bench, "unseen classes, in a gallery of the unseen", own, AIMS["gallery"])
    for called, new, aims in (("unseen", True, AIMS["all"]), ("seen", False, (None, None))):
        for how, used in (("calibrated", 1.0), ("not calibrated", 0.0)):
            found = [among(f, s, new=new, gallery=f.gallery, bias=used * bias) for f, s, bias in told]
            figures(bench, f"{called} classes, among all 81, {how}", found, aims if used else (None, None))
    by_side(bench, folds)


def divided(count: int) -> list[tuple[Rows, Rows]]:
    """Classes of every fold, and those that are held out beside them."""
    order = np.random.default_rng(0).permutation(count)
    folds = [order[place::FOLDS] for place in range(FOLDS)]
    return list(zip(folds, [*folds[1:], folds[0]], strict=True))


def folded(data: Data, fold: Rows, held: Rows) -> Fold:
    every, none = np.arange(len(data.icons)), np.zeros(0, dtype=np.int64)
    rest = np.setdiff1d(every, fold)
    known = np.setdiff1d(rest, held)
    asked = np.concatenate([data.rows("train", held)[::2], data.rows("val", known)])
    validation, test = {}, {}
    for scenes in (False, True):
        learn, told = data.rows("train", known), data.rows("test", every)
        validation[scenes] = searched(data, learn, asked, held, fold, scenes=scenes)
        test[scenes] = searched(data, data.rows("train", rest), told, fold, none, scenes=scenes)
    return Fold(validation, test)


def best_of(fold: Fold) -> tuple[bool, str]:
    """With scenes or without, and the side of the product, by reciprocal ranks among held-out classes alone."""
    tried = {
        (scenes, side): float(among(found, side, new=True, gallery=found.new)["MRR"].mean())
        for scenes, found in fold.validation.items()
        for side in SIDES
    }
    return max(tried, key=lambda one: tried[one])


def calibrated(found: Found, side: str) -> float:
    """What new classes are given ahead: the best harmonic mean of R@1 of new and of other classes."""

    def balance(bias: float) -> float:
        new, old = (
            among(found, side, new=kind, gallery=found.gallery, bias=bias)["R@1"].mean() for kind in (True, False)
        )
        return float(2 * new * old / max(new + old, 1e-12))

    return float(max(BIASES, key=balance))


def by_side(bench: Bench, folds: Sequence[Fold]) -> None:
    """What icon, text and both give, in a gallery of the unseen, with scenes and without."""
    for scenes in (False, True):
        called = "with scenes" if scenes else "without scenes"
        trials = [[fold.validation[scenes] for fold in folds], [fold.test[scenes] for fold in folds]]
        values = []
        for trial in trials:
            each = {s: together([among(one, s, new=True, gallery=one.new) for one in trial]) for s in SIDES}
            values.append({**each, CHANCE: together([blind(one) for one in trial])})
        for name, found in values[1].items():
            bench.figure(f"unseen classes, in a gallery of the unseen, {called}, {name}: R@1", found["R@1"].mean())
            bench.figure(f"unseen classes, in a gallery of the unseen, {called}, {name}: R@5", found["R@5"].mean())
            bench.details[f"unseen classes, {called}, {name}"] = {m: interval(found[m]) for m in MEASURES}
        parts = {side: sorted(side.partition(",")[0].split("+")) for side in SIDES}
        kinds: dict[str, Kind] = {"icon": "single", "text": "single", "icon+text": "subset"}
        compared(bench, f"unseen classes, {called}", values[0], values[1], parts, kinds)


def blind(found: Found) -> Columns:
    truth = found.truth[np.isin(found.truth, found.new)]
    return by_chance(truth[:, None] == found.new)


# ---- all fusions


def others(bench: Bench, data: Data) -> None:
    """Every fusion on the first fold, in a gallery of the unseen, from the same few photos and scenes."""
    (fold, held), every = divided(len(data.icons))[0], np.arange(len(data.icons))
    left = {
        "validation": (np.setdiff1d(every, [*fold, *held]), held, "train"),
        "test": (np.setdiff1d(every, fold), fold, "test"),
    }
    found: dict[str, dict[str, Columns]] = {"validation": {}, "test": {}}
    with bench.stage("all fusions"):
        for split, (known, new, asked) in left.items():
            rows = np.random.default_rng(0).permutation(data.rows("train", known))[:FEW]
            scenes = np.flatnonzero(~np.isin(data.ground, [*fold, *held]))[::2]
            sides = sides_of(data, np.flatnonzero(~np.isin(data.ground, [*fold, *held])))
            products = np.concatenate(list(sides.values()), axis=1)
            source = np.concatenate([data.photos[rows], data.scenes[scenes]])
            classes = np.concatenate([data.classes[rows], data.of[scenes]])
            photos = data.rows(asked, new)
            same = data.classes[photos][:, None] == new
            found[split][CHANCE] = by_chance(same)
            for name, (kind, options) in OTHERS.items():
                blocks = {"photo": _block(source), "product": _block(products[classes])}
                try:
                    made = make_fusion(kind, **options).fit(blocks, lesson=Lesson(classes, {"class": classes}), seed=0)
                    asking = made.fuse({"photo": _block(data.photos[photos])}).vectors
                    shown = made.fuse({"product": _block(products[new])}).vectors
                except (DataError, UsageError) as error:
                    bench.details.setdefault("cannot", {})[name] = str(error)
                    continue
                found[split][name] = columns_of(ranks_of(normalise(asking) @ normalise(shown).T, same))
    cases = [name for name in found["validation"] if name in found["test"]]
    parts = dict.fromkeys(cases, ("photo", "product"))
    values = [{name: found[split][name] for name in cases} for split in ("validation", "test")]
    best = compared(bench, "all fusions, one fold", values[0], values[1], parts, {"cca": "baseline"})
    bench.settings["all fusions: best on validation"] = best
    for name in cases:
        bench.figure(f"one fold, {FEW} photos, {name}: R@1 in a gallery of the unseen", values[1][name]["R@1"].mean())


if __name__ == "__main__":
    main()
