"""Groceries: phone photos told apart, and found again among the shop's own product pictures.

Reads ``grocery/{train,val,test,products}.csv`` and their pictures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import (
    Bench,
    head_of,
    parser,
    quantiles,
    read_csv,
    report_path,
    spread,
    working_directory,
    write_csv,
)
from benchmarks.pictures import Photos, compare
from goodsense.shop import Shop, Source, make_query
from goodsense.shop.evaluation import evaluate_classify, store_judgements
from goodsense.types import ImageRef

PROTOCOL = (
    "grocery: official split, 81 classes (60 of them in val), photos of at most 160 pixels; heads are fitted on train, "
    "chosen on val and reported on test; photo -> product searches the 81 iconic pictures with every test photo by the "
    "build's picture vectors, nothing trained on labels: in a shop of the iconic pictures alone, and in one that keeps "
    "the train photos, without their classes, as what its shoppers sent; of two recipes the better one on val counts; "
    "encoders alone and joined are fitted on train (cnn learns classes), their head is chosen on val and fitted again "
    "on train and val, and the encoders best on val are held to the target"
)
RECIPES = {
    "default": "",
    "colours first": "[options.image]\nweights = { colour = 2.0, palette = 3.0, accent = 2.0 }\n",
}
ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {  # for phone photos: what is in a basket, lit and held anyhow
    "descriptors": ("descriptors", {}),
    "fisher": ("fisher", {"dim": 1024}),
    "cnn": ("cnn", {"augment": "strong"}),
}
JOINS = (
    {"descriptors": 0.5, "fisher": 1.0},
    {"fisher": 1.0, "cnn": 1.0},
    {"descriptors": 0.3, "fisher": 0.5, "cnn": 1.0},
)
PICTURES_ONLY = '[encoders]\ntext = ""\nattributes = ""\n'  # the class stands in no other field, but says so


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="photos of each split to use")
    made.add_argument("--epochs", type=int, help="of the network, to try things out")
    options = made.parse_args()
    bench = Bench(
        "grocery",
        PROTOCOL,
        seeds={"recipe": 0, "heads": 0},
        settings={"limit": options.limit, "epochs": options.epochs},
    )
    data = options.data / "grocery"
    photos = {split: spread(read_csv(data / f"{split}.csv"), options.limit) for split in ("train", "val", "test")}
    with working_directory(options.work) as work:
        classify(bench, data, work, photos)
        retrieve(bench, data, work, photos)
    rows = [(row["image"], split, {"class": row["class_name"]}) for split in photos for row in photos[split]]
    if options.epochs:
        ENCODERS["cnn"][1]["epochs"] = options.epochs
    compare(bench, Photos.read(data, rows), "class", ENCODERS, JOINS, target=0.66)
    bench.write(report_path(options, bench.name, whole=options.limit is None and options.epochs is None))


def classify(bench: Bench, data: Path, work: Path, photos: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """81 classes from the photo alone: every photo is a product whose attribute ``class`` is asked for."""
    rows = [(row["image"], row["image"], row["class_name"], split) for split in photos for row in photos[split]]
    feed = write_csv(work / "photos.csv", ("id", "image", "class", "split"), rows)
    with Shop.create(work / "photos") as shop:
        (shop.directory / "recipe.toml").write_text(PICTURES_ONLY, "utf-8")
        with bench.stage("ingest photos"):
            report = shop.ingest(Source(feed, media_root=data))
        bench.details["ingest photos"] = {"read": report.read, "rejected": report.rejected}
        with bench.stage("build photos"):
            bench.details["build photos"] = shop.build().to_json()
        bench.settings["recipe of photos"] = shop.recipe.model_dump(mode="json")
        with bench.stage("81 classes"):
            found = evaluate_classify(shop, "class", modalities=["image"])
    metrics = dict(found.report.metrics)
    bench.figure("81 classes from the photo: accuracy", metrics["accuracy"], target=0.53)
    bench.details["81 classes"] = {
        "metrics": metrics,
        "head": [head_of(one) for one in found.chosen],
        "rows": found.counts.to_json(),
    }


def retrieve(bench: Bench, data: Path, work: Path, photos: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """Search the 81 products with phone photos: alone, and in a shop that keeps its shoppers' photos."""
    alone = "the products alone"
    with _shop_of_products(data, work / "alone") as shop:
        with bench.stage(f"build, {alone}"):
            bench.details[f"build, {alone}"] = shop.build().to_json()
        _report(bench, shop, data, photos["test"], alone, {})
    kept, shops = "shoppers' photos kept", {}
    for name, recipe in RECIPES.items():
        shops[name] = work / name
        with _shop_of_products(data, shops[name]) as shop:
            (shop.directory / "recipe.toml").write_text(recipe, "utf-8")
            store_judgements(shop, _queries(work / "queries.jsonl", data, photos["train"]))
            with bench.stage(f"build, {kept}, {name}"):
                bench.details[f"build, {kept}, {name}"] = shop.build().to_json()
    on_val = {name: _recall(_places(path, data, photos["val"])) for name, path in shops.items()}
    best = max(on_val, key=lambda name: sum(on_val[name].values()))
    bench.details["recall on val"] = on_val
    bench.settings["recipe of photo -> product"] = RECIPES[best]
    with Shop.open(shops[best]) as shop:
        _report(bench, shop, data, photos["test"], kept, {1: 0.21, 5: 0.55})


def _shop_of_products(data: Path, directory: Path) -> Shop:
    rows = (
        (row["class_id"], row["class_name"].replace("-", " "), row["description"], row["iconic_image"])
        for row in read_csv(data / "products.csv")
    )
    feed = write_csv(directory.with_suffix(".csv"), ("id", "title", "description", "image"), rows)
    shop = Shop.create(directory)
    shop.ingest(Source(feed, media_root=data))
    return shop


def _queries(path: Path, data: Path, photos: Sequence[Mapping[str, str]]) -> Path:
    """The photos as queries, nothing judged."""
    rows = ({"id": f"photo {place}", "image": str(data / row["image"])} for place, row in enumerate(photos))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _report(
    bench: Bench,
    shop: Shop,
    data: Path,
    photos: Sequence[Mapping[str, str]],
    name: str,
    targets: Mapping[int, float],
) -> None:
    with bench.stage(f"photo -> product, {name}"):
        places, took = search_with(shop, data, photos)
    for k, share in _recall(places).items():
        bench.figure(f"photo -> product R@{k} among 81, {name}", share, target=targets.get(k))
    bench.details[f"photo -> product, {name}"] = {"queries": len(places), "search without encoding": took}


def _places(shop: Path, data: Path, photos: Sequence[Mapping[str, str]]) -> list[int]:
    with Shop.open(shop) as opened:
        return search_with(opened, data, photos)[0]


def _recall(places: Sequence[int]) -> dict[int, float]:
    return {k: sum(0 <= place < k for place in places) / len(places) for k in (1, 5)}


def search_with(shop: Shop, data: Path, photos: Sequence[Mapping[str, str]]) -> tuple[list[int], Mapping[str, float]]:
    """At which of the first five places the right product stands, -1 for none; and how long the searches took."""
    places, took = [], []
    for row in photos:
        hits = shop.search(make_query(image=ImageRef(str(data / row["image"]))), k=5)
        took.append(hits.took_ms)
        places.append(hits.ids.index(row["class_id"]) if row["class_id"] in hits.ids else -1)
    return places, quantiles(took)


if __name__ == "__main__":
    main()
