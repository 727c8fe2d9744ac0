"""Groceries: phone photos told apart, and found again among the shop's own product pictures.

Reads ``grocery/{train,val,test,products}.csv`` and their pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
from goodsense.shop import Shop, Source, make_query
from goodsense.shop.evaluation import evaluate_classify
from goodsense.types import ImageRef

PROTOCOL = (
    "grocery: official split, 81 classes (60 of them in val), photos of at most 160 pixels; heads are fitted on train, "
    "chosen on val and reported on test; photo -> product searches a shop of the 81 iconic pictures and descriptions "
    "with every test photo, encoders fitted on these 81 products alone, nothing trained on photos"
)
PICTURES_ONLY = '[encoders]\ntext = ""\nattributes = ""\n'  # the class stands in no other field, but says so


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="photos of each split to use")
    options = made.parse_args()
    bench = Bench("grocery", PROTOCOL, seeds={"recipe": 0, "heads": 0}, settings={"limit": options.limit})
    data = options.data / "grocery"
    photos = {split: spread(read_csv(data / f"{split}.csv"), options.limit) for split in ("train", "val", "test")}
    with working_directory(options.work) as work:
        classify(bench, data, work, photos)
        retrieve(bench, data, work, photos["test"])
    bench.write(report_path(options, bench.name, whole=options.limit is None))


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


def retrieve(bench: Bench, data: Path, work: Path, photos: Sequence[Mapping[str, str]]) -> None:
    """Search the 81 products with phone photos."""
    rows = [
        (row["class_id"], row["class_name"].replace("-", " "), row["description"], row["iconic_image"])
        for row in read_csv(data / "products.csv")
    ]
    feed = write_csv(work / "iconic.csv", ("id", "title", "description", "image"), rows)
    took, places = [], []
    with Shop.create(work / "iconic") as shop:
        with bench.stage("ingest and build iconic"):
            shop.ingest(Source(feed, media_root=data))
            bench.details["build iconic"] = shop.build().to_json()
        with bench.stage("photo -> product"):
            for row in photos:
                hits = shop.search(make_query(image=ImageRef(str(data / row["image"]))), k=5)
                took.append(hits.took_ms)
                places.append(hits.ids.index(row["class_id"]) if row["class_id"] in hits.ids else -1)
    for k, target in ((1, 0.21), (5, 0.55)):
        share = sum(0 <= place < k for place in places) / len(places)
        bench.figure(f"photo -> product R@{k} among 81", share, target=target)
    bench.details["photo -> product"] = {"queries": len(places), "search without encoding": quantiles(took)}


if __name__ == "__main__":
    main()
