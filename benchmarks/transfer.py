"""What a fusion is worth where it did not learn: other categories, another shop, missing modalities, and rubbish.

Reads ``fashion_products``, ``grocery`` and their pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Bench, parser, read_csv, report_path, spread
from benchmarks.fashion_blocks import COLOUR, TITLE, TYPE, Fashion, Rows, taken
from goodsense.encoders import make_encoder
from goodsense.evaluate import paired_bootstrap
from goodsense.evaluate.cases import Case, Split, Task, every_subset
from goodsense.evaluate.controls import control
from goodsense.evaluate.experiment import bootstrap
from goodsense.evaluate.novelty import NoveltyDetector, leave_one_category_out, separation
from goodsense.evaluate.robustness import missing_modalities
from goodsense.fusion import make_fusion
from goodsense.fusion.base import FittedFusion
from goodsense.fusion.crossing import by_chance, reciprocal_ranks
from goodsense.learning.lesson import Lesson
from goodsense.media import decode_image
from goodsense.types import Embeddings, normalise

PROTOCOL = (
    "fashion_products: a sample spread over the file, its own split by group; encoders (titles, pictures, attributes; "
    "no labels) and fusions are fitted on train, figures are of test. Leave one category out: each of the "
    "subcategories with most test products in turn is taken out of train, encoders and the closed-form fusion are "
    "fitted anew, and its test products look for their pictures by their titles, and back, among all test products; "
    "the loss is against the same fusion that learned from all categories (paired bootstrap over queries). The "
    "out-of-distribution score of a product is the percentile of its fused vector (Mahalanobis and 5th neighbour) "
    "among training products; its AUC tells products of the category that was left out from other test products. "
    "Another shop: encoders and fusion of fashion on grocery's photos and descriptions, against a fusion of the same "
    "kind that learned there. Missing modalities: a trained fusion of title, picture and attributes; test products "
    "look for others of their articleType and colour by fused vectors, with each modality removed in turn and with "
    "shares missing at random; the penalty is against training without the modality. Controls: the comparison of all "
    "subsets is run with the attributes made noise and the titles there twice; the winner is chosen on val"
)
PRODUCTS, CATEGORY, LEFT_OUT, LEAST = 4_000, "subCategory", 8, 25
PHOTOS = 600  # of grocery, to learn from and to ask with
CLOSED = "cca"
TRAINED: Mapping[str, Any] = {"epochs": 20, "batch": 256, "hidden": 512}
SPLITS: tuple[Split, ...] = ("validation", "test")
Blocks = Mapping[str, Embeddings]
Figures = NDArray[np.float64]


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, default=PRODUCTS, help="products to use, spread over the file")
    made.add_argument("--cache", type=Path, help="where descriptors of pictures are kept for the next run")
    options = made.parse_args()
    bench = Bench("transfer", PROTOCOL, seeds={"encoders": 0, "fusions": 0}, settings={"products": options.limit})
    bench.settings |= {"closed form": CLOSED, "trained": dict(TRAINED)}
    with bench.stage("pictures"):
        fashion = Fashion.read(options.data / "fashion_products", options.limit, cache=options.cache)
    blocks = fashion.blocks(fashion.at("train"))
    categories(bench, fashion, blocks)
    another_shop(bench, fashion, blocks, options.data / "grocery")
    robustness(bench, fashion, blocks)
    controls(bench, fashion, blocks)
    bench.write(report_path(options, bench.name, whole=options.limit == PRODUCTS))


# ---- other categories


def categories(bench: Bench, fashion: Fashion, blocks: Blocks) -> None:
    """Leave each of the largest categories out of everything that is learned."""
    train, test = fashion.at("train"), fashion.at("test")
    kinds, titles = fashion.column(CATEGORY), fashion.titles
    home = closed(taken(two(blocks), train), titles[train])
    at_home = ranks(home, taken(two(blocks), test), titles[test])
    names, counts = np.unique(kinds[test], return_counts=True)
    chosen = set(names[np.argsort(-counts, kind="stable")][:LEFT_OUT].tolist())
    rows, losses, areas = {}, [], []
    for split in leave_one_category_out(kinds[train].tolist(), least=LEAST):
        if split.name not in chosen:
            continue
        with bench.stage("leave one category out"):
            learned = train[split.train]
            own = fashion.blocks(learned, facts=False)
            fusion = closed(taken(own, learned), titles[learned])
            there = taken(own, test)
            found = ranks(fusion, there, titles[test])
            novelty = NoveltyDetector().fit(fusion.fuse(taken(own, learned))).score(fusion.fuse(there)).percentile
        foreign = kinds[test] == split.name
        loss = paired_bootstrap(found[foreign], at_home[foreign])
        areas.append(separation(novelty[~foreign], novelty[foreign]))
        losses.append(at_home[foreign] - found[foreign])
        rows[split.name] = {
            "test products": int(foreign.sum()),
            "MRR, learned from all": float(at_home[foreign].mean()),
            "MRR, category left out": float(found[foreign].mean()),
            "loss": [loss.mean, loss.lower, loss.upper],
            "AUC of the out-of-distribution score": areas[-1],
            "median percentile": [float(np.median(novelty[foreign])), float(np.median(novelty[~foreign]))],
        }
    bench.details["leave one category out"] = rows
    every = bootstrap(np.concatenate(losses))
    bench.details["leave one category out: loss, 95 %"] = [every.lower, every.upper]
    bench.figure("left-out category: MRR lost, mean over its products", every.mean, better="lower")
    bench.figure("left-out category: AUC of the out-of-distribution score, mean", float(np.mean(areas)), target=0.7)
    chance = float(by_chance(same(titles[test]).sum(axis=1), len(test))[:, 0].mean())
    bench.details["leave one category out: MRR by chance"] = chance


def ranks(fusion: FittedFusion, blocks: Blocks, titles: Rows) -> Figures:
    """Reciprocal ranks of every product, the mean of title -> picture and picture -> title: ``(n,)``."""
    words, looks = (normalise(fusion.fuse({name: blocks[name]}).vectors) for name in ("text", "image"))
    found: Figures = (reciprocal_ranks(words, looks, same(titles)) + reciprocal_ranks(looks, words, same(titles))) / 2
    return found


def same(groups: Rows) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = groups[:, None] == groups
    return found


def two(blocks: Blocks) -> dict[str, Embeddings]:
    return {name: blocks[name] for name in ("text", "image")}


def closed(blocks: Blocks, groups: Rows) -> FittedFusion:
    return make_fusion(CLOSED).fit(blocks, lesson=Lesson(groups), seed=0)


# ---- another shop


def another_shop(bench: Bench, fashion: Fashion, blocks: Blocks, folder: Path) -> None:
    """Grocery's photos look for the description of what they show, by what fashion taught and by what grocery did."""
    with bench.stage("another shop"):
        photos = {name: spread(read_csv(folder / f"{name}.csv"), PHOTOS) for name in ("train", "test")}
        goods = read_csv(folder / "products.csv")
        raw = {name: described(folder, [row["image"] for row in rows]) for name, rows in photos.items()}
        said: list[Any] = [{TITLE: row["class_name"], "description": row["description"]} for row in goods]
        place = {row["class_id"]: at for at, row in enumerate(goods)}
        kinds = {name: np.array([place[row["class_id"]] for row in rows]) for name, rows in photos.items()}
        train = fashion.at("train")
        text: Any = make_encoder("text", "lsa", {"dim": 256})
        text.fit([{TITLE: fashion.rows[row][TITLE]} for row in train.tolist()], seed=0)
        looks: Any = make_encoder("image", "descriptors", {"dim": 256})
        looks.fit_described(list(fashion.raw[train]), seed=0)
        learned = closed(taken(two(blocks), train), fashion.titles[train])
        foreign = crossed(learned, text.encode(said), looks.project(list(raw["test"])), kinds["test"])
        usual = NoveltyDetector().fit(learned.fuse({"image": blocks["image"].take(train)}))
        new = usual.score(learned.fuse({"image": unnamed(looks.project(list(raw["test"])))})).percentile
        old = usual.score(learned.fuse({"image": blocks["image"].take(fashion.at("test"))})).percentile
        own_text: Any = make_encoder("text", "lsa", {"dim": 64}).fit(said, seed=0)
        own_looks: Any = make_encoder("image", "descriptors", {"dim": 256})
        own_looks.fit_described(list(raw["train"]), seed=0)
        words = own_text.encode(said)
        pairs = {"text": unnamed(words[kinds["train"]]), "image": unnamed(own_looks.project(list(raw["train"])))}
        there = closed(pairs, kinds["train"])
        native = crossed(there, words, own_looks.project(list(raw["test"])), kinds["test"])
    loss = paired_bootstrap(foreign, native)
    chance = float(by_chance(np.ones(1, dtype=np.int64), len(goods))[0, 0])
    bench.details["another shop"] = {
        "MRR, learned there": float(native.mean()),
        "MRR, learned from fashion": float(foreign.mean()),
        "MRR by chance": chance,
        "loss": [loss.mean, loss.lower, loss.upper],
    }
    bench.figure("another shop: MRR, learned there", float(native.mean()))
    bench.figure("another shop: MRR, learned from fashion", float(foreign.mean()))
    bench.figure("another shop: AUC of the out-of-distribution score", separation(old, new), target=0.9)


def described(folder: Path, files: Sequence[str]) -> NDArray[np.float32]:
    encoder: Any = make_encoder("image", "descriptors", {})
    return np.stack([encoder.describe(decode_image((folder / file).read_bytes(), name=file)) for file in files])


def crossed(fusion: FittedFusion, words: NDArray[Any], looks: NDArray[Any], kinds: Rows) -> Figures:
    """Reciprocal ranks of the description among all, by each photo ``(q,)``."""
    goods = normalise(fusion.fuse({"text": unnamed(words)}).vectors)
    asked = normalise(fusion.fuse({"image": unnamed(looks)}).vectors)
    return reciprocal_ranks(asked, goods, kinds[:, None] == np.arange(len(words)))


def unnamed(vectors: NDArray[Any]) -> Embeddings:
    rows = np.asarray(vectors, dtype=np.float32)
    return Embeddings.of_products([str(row) for row in range(len(rows))], rows, np.asarray(rows.any(axis=1)))


# ---- missing modalities


def robustness(bench: Bench, fashion: Fashion, blocks: Blocks) -> None:
    """Every figure again with modalities missing, against fusions that never had them."""
    train, test = fashion.at("train"), fashion.at("test")
    lesson = Lesson(fashion.titles[train])
    learned = taken(blocks, train)
    with bench.stage("robustness: train"):
        whole = make_fusion("trained", **TRAINED).fit(learned, lesson=lesson, seed=0)
        fewer = {name: make_fusion("trained", **TRAINED) for name in blocks}
        for name, fusion in fewer.items():
            fusion.fit({other: block for other, block in learned.items() if other != name}, lesson=lesson, seed=0)
    measure = measured(fashion, test)
    retrained = {
        name: _only(measure(fusion), [other for other in blocks if other != name]) for name, fusion in fewer.items()
    }
    with bench.stage("robustness: measure"):
        found = missing_modalities(measure(whole), taken(blocks, test), retrained=retrained)
    bench.details["robustness"] = found.to_json()
    for metric, value in found.complete.items():
        bench.figure(f"all modalities: {metric}", value)
        for condition in found.conditions:
            change = condition[metric]
            bench.figure(f"{condition.name}: {metric}", change.value)
            if change.penalty is not None:
                least = change.penalty.lower
                said = f"{condition.name}: {metric}, lower bound of what it costs beyond training without it"
                bench.figure(said, least, target=0.0, better="lower")


def measured(fashion: Fashion, rows: Rows) -> Callable[[FittedFusion], Callable[[Blocks], Mapping[str, Figures]]]:
    """A fusion to a measure of blocks: precision among the ten most alike other products, by product."""
    kinds = {
        "P@10, same type": fashion.column(TYPE)[rows],
        "P@10, same type and colour": np.char.add(fashion.column(TYPE)[rows], fashion.column(COLOUR)[rows]),
    }

    def of(fusion: FittedFusion) -> Callable[[Blocks], Mapping[str, Figures]]:
        def measure(blocks: Blocks) -> Mapping[str, Figures]:
            vectors = normalise(fusion.fuse(blocks).vectors)
            alike = vectors @ vectors.T
            np.fill_diagonal(alike, -np.inf)
            best = np.argsort(-alike, axis=1, kind="stable")[:, :10]
            return {name: (own[best] == own[:, None]).mean(axis=1) for name, own in kinds.items()}

        return measure

    return of


def _only(measure: Callable[[Blocks], Mapping[str, Figures]], names: Sequence[str]) -> Any:
    return lambda blocks: measure({name: blocks[name] for name in names})


# ---- rubbish


def controls(bench: Bench, fashion: Fashion, blocks: Blocks) -> None:
    """Does the gate leave out a modality that is noise, and one of two that say the same?"""
    train = fashion.at("train")
    tasks = {split: alike(fashion, fashion.at("val" if split == "validation" else "test")) for split in SPLITS}

    def cases(changed: Blocks) -> list[Case]:
        def case(names: tuple[str, ...]) -> Case:
            own = {name: changed[name] for name in names}
            fused = closed(taken(own, train), fashion.titles[train]).fuse(own) if len(own) > 1 else own[names[0]]
            return Case.of_vectors(" + ".join(names), names, fused, fused, tasks, cuts=(10,))

        return every_subset(changed, case)

    with bench.stage("controls"):
        found = control(blocks, cases, noise="attributes", duplicate="text")
    bench.details["controls"] = {
        "winner": list(found.ablation[found.ablation.winner].modalities),
        "verdict": found.ablation.to_json()["winner"],
    }
    bench.figure("controls: the winner does without the noise", float(found.dropped_noise), target=1.0)
    bench.figure("controls: the winner does without the second copy", float(found.dropped_copy), target=1.0)


def alike(fashion: Fashion, rows: Rows) -> Task:
    """Products look for others of their type and colour."""
    ids = [fashion.rows[row]["id"] for row in rows.tolist()]
    kinds = np.char.add(fashion.column(TYPE)[rows], fashion.column(COLOUR)[rows])
    qrels = {}
    for at, id in enumerate(ids):
        others = {ids[other]: 1 for other in np.flatnonzero(kinds == kinds[at]).tolist() if other != at}
        if others:
            qrels[id] = others
    return Task(tuple(ids), qrels, apart=True)


if __name__ == "__main__":
    main()
