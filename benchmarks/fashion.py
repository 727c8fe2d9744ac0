"""Fashion products: what pictures and titles know about a product, and which pictures look alike.

Reads ``fashion_products/products.csv`` and its pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Bench, head_of, parser, read_csv, report_path, spread, working_directory, write_csv
from benchmarks.pictures import Photos, compare
from goodsense.shop import Shop, Source
from goodsense.shop.evaluation import evaluate_classify
from goodsense.types import Vectors

PROTOCOL = (
    "fashion_products: own split by group of equal titles and near-equal pictures (no title straddles); heads are "
    "fitted on train, chosen on val and reported on test; for titles with masked labels the feed has no other text "
    "than the title, and the words of every articleType are taken out of all titles; picture -> picture ranks the "
    "other test products by the cosine of the build's picture vectors, nothing trained on labels; encoders alone and "
    "joined are fitted on train (cnn learns its labels), their head is chosen on val and fitted again on train and "
    "val (the weights of shapes were chosen on halves of train and val, split by group), and the encoders best on val "
    "are held to the target"
)
TYPE, COLOUR = "articleType", "baseColour"
NARROW = ("id", "title", "image", "split", TYPE)  # titles without the other attributes, which give the type away
LEARNED = (TYPE, COLOUR, "gender", "masterCategory", "subCategory", "season", "usage")  # by the network
SHAPE_ALONE = dict.fromkeys(("colour", "palette", "accent", "layout", "form"), 0.0)  # what a thing is, not its colour
ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "descriptors": ("descriptors", {}),
    "shapes": (
        "descriptors",
        {"weights": {**SHAPE_ALONE, "gradients": 1.0, "patterns": 0.6, "texture": 0.04, "outline": 0.1}},
    ),
    "fisher": ("fisher", {"dim": 1024, "weights": {"gradients": 1.0, "colours": 0.4}}),
    "cnn": ("cnn", {"augment": "mild"}),
}
JOINS = (
    {"descriptors": 1.0, "fisher": 0.5},
    {"shapes": 1.0, "fisher": 0.5},
    {"shapes": 1.0, "fisher": 0.5, "cnn": 0.2},
)
BLOCK = 512  # queries compared at once


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="products to use, spread over the file")
    made.add_argument("--epochs", type=int, help="of the network, to try things out")
    options = made.parse_args()
    bench = Bench(
        "fashion",
        PROTOCOL,
        seeds={"recipe": 0, "heads": 0},
        settings={"limit": options.limit, "epochs": options.epochs},
    )
    with working_directory(options.work) as work:
        run(bench, options.data / "fashion_products", work, options.limit)
    encoders(bench, options.data / "fashion_products", options.limit, options.epochs)
    bench.write(report_path(options, bench.name, whole=options.limit is None and options.epochs is None))


def run(bench: Bench, data: Path, work: Path, limit: int | None) -> None:
    rows = spread(read_csv(data / "products.csv"), limit)
    with Shop.create(work / "shop") as shop:
        with bench.stage("ingest"):
            source = _feed(work / "products.csv", rows, list(rows[0]))
            report = shop.ingest(Source(source, media_root=data))
        bench.details["ingest"] = {"read": report.read, "rejected": report.rejected, "media": dict(report.media)}
        with bench.stage("build"):
            bench.details["build"] = shop.build().to_json()
        bench.settings["recipe"] = shop.recipe.model_dump(mode="json")
        classify(bench, shop, "articleType from the picture", TYPE, ["image"], target=0.88)
        classify(bench, shop, "baseColour from the picture", COLOUR, ["image"], target=0.67)
        with bench.stage("picture -> picture"):
            look_alikes(bench, shop, rows)
        with bench.stage("ingest and build, titles only"):
            shop.ingest(Source(_feed(work / "titles.csv", rows, NARROW), media_root=data))
            bench.details["build titles only"] = shop.build().to_json()
        classify(bench, shop, "articleType from the title, labels masked", TYPE, ["text"], mask=True)
        both = ["text", "image"]
        classify(bench, shop, "articleType from picture and title, labels masked", TYPE, both, mask=True, target=0.89)


def encoders(bench: Bench, data: Path, limit: int | None, epochs: int | None) -> None:
    """articleType from the picture alone, by every built-in picture encoder and by several at once."""
    rows = spread(read_csv(data / "products.csv"), limit)
    photos = Photos.read(
        data, [(row["image"], row["split"], {name: row[name] for name in LEARNED if row[name]}) for row in rows]
    )
    if epochs:
        ENCODERS["cnn"][1]["epochs"] = epochs
    compare(bench, photos, TYPE, ENCODERS, JOINS, target=0.89)


def classify(
    bench: Bench,
    shop: Shop,
    name: str,
    label: str,
    modalities: Sequence[str],
    *,
    mask: bool = False,
    target: float | None = None,
) -> None:
    """Accuracy on the test rows; what was chosen on validation goes to the details."""
    with bench.stage(name):
        found = evaluate_classify(shop, label, modalities=modalities, mask_label=mask)
    metrics = dict(found.report.metrics)
    bench.figure(f"{name}: accuracy", metrics["accuracy"], target=target)
    bench.details[name] = {
        "metrics": metrics,
        "head": [head_of(one) for one in found.chosen],
        "reported on": found.reported_on,
        "rows": found.counts.to_json(),
    }


def look_alikes(bench: Bench, shop: Shop, rows: Sequence[Mapping[str, str]]) -> None:
    """Precision among the ten most alike other test products."""
    test = [row for row in rows if row["split"] == "test"]
    snapshot = shop.snapshot
    block = snapshot.blocks["image"]
    at = snapshot.rows_of([row["id"] for row in test])
    found = nearest(block.gather(at), 10)
    types = np.array([row[TYPE] for row in test])
    both = np.array([f"{row[TYPE]}|{row[COLOUR]}" for row in test])
    bench.figure("picture -> picture P@10, same type and colour", _precision(both, found), target=0.28)
    bench.figure("picture -> picture P@10, same type", _precision(types, found))


def nearest(vectors: Vectors, k: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions of the ``k`` most alike other rows of each row, by inner product. ``(n, d) -> (n, k)``."""
    found = []
    for start in range(0, len(vectors), BLOCK):
        alike = vectors[start : start + BLOCK] @ vectors.T  # (b, n)
        own = np.arange(len(alike))
        alike[own, start + own] = -np.inf
        found.append(np.argsort(-alike, axis=1, kind="stable")[:, :k])
    return np.concatenate(found)


def _precision(labels: np.ndarray[Any, Any], found: np.ndarray[Any, Any]) -> float:
    return float((labels[found] == labels[:, None]).mean())


def _feed(path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> Path:
    return write_csv(path, columns, ([row[name] for name in columns] for row in rows))


if __name__ == "__main__":
    main()
