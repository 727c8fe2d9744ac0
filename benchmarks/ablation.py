"""What every modality of the fashion shop adds, and which fusion is best: ``goodsense ablate`` on a whole built shop.

Reads ``fashion_products/products.csv`` and its pictures; draws the README's main picture.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from benchmarks.common import Bench, parser, read_csv, report_path, say, spread, working_directory, write_csv
from goodsense import Shop
from goodsense.evaluate.ablation_report import ablation_figure
from goodsense.evaluate.plots import save_figure
from goodsense.shop.ablation import Measured, Plan, ShopAblation

PROTOCOL = (
    "fashion_products as a shop: title, picture and attributes (gender, colour, season, year, usage; the category path "
    "ends in articleType), its own split by group of equal titles and near-equal pictures; `goodsense build` with the "
    "default recipe, then `goodsense ablate --missing --mask-label`: encoders and fusions learn on train, cases are "
    "chosen on val beyond noise after counting how many were tried, test figures are computed once; 'label' looks for "
    "products of the same articleType, 'classify' tells it (words of all labels are taken out of titles, categories "
    "are hidden), 'other' finds a product's picture by its title and attributes and the reverse; intervals are 95 % "
    "paired bootstrap over queries"
)
ATTRIBUTES = ("gender", "baseColour", "season", "year", "usage")
CATEGORY = ("masterCategory", "subCategory", "articleType")
PRODUCTS = 5_000
GOALS = ("label", "classify", "other")
IMAGES = Path(__file__).parent.parent / "docs" / "images"


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, default=PRODUCTS, help="products to use, spread over the file")
    options = made.parse_args()
    bench = Bench("ablation", PROTOCOL, seeds={"build": 0, "ablate": 0}, settings={"limit": options.limit})
    with working_directory(options.work) as work:
        found = run(bench, options, work)
    bench.write(report_path(options, bench.name, whole=options.limit == PRODUCTS))
    if options.limit == PRODUCTS and options.json is None:
        save_figure(ablation_figure(found.main.ablation, method=found.main.method), IMAGES / "ablation.png")


def run(bench: Bench, options: argparse.Namespace, work: Path) -> ShopAblation:
    feed = make_feed(options.data / "fashion_products", work, options.limit)
    with Shop.create(work / "shop") as shop:
        with bench.stage("ingest and build"):
            shop.ingest(feed)
            shop.build()
        with bench.stage("ablate"):
            found = shop.ablate(Plan(goals=GOALS, missing=True, mask=True))
    bench.settings |= {"products": dict(found.products), "modalities": list(found.modalities)}
    bench.details["ablate"] = found.to_json()
    for goal in found.goals:
        report(bench, goal)
        save_figure(ablation_figure(goal.ablation, method=goal.method), work.parent / f"ablation-{goal.name}.png")
    return found


def make_feed(data: Path, work: Path, limit: int | None) -> Path:
    rows = spread(read_csv(data / "products.csv"), limit)
    shutil.copytree(data / "images", work / "images")  # a feed may only name files below its own folder
    header = ["id", "title", "category", *ATTRIBUTES, "image", "split", "group"]
    lines = [
        [
            row["id"],
            row["title"],
            " > ".join(row[level] for level in CATEGORY),
            *(row[name] for name in ATTRIBUTES),
            row["image"],
            row["split"],
            row["group"],
        ]
        for row in rows
    ]
    return write_csv(work / "fashion.csv", header, lines)


def report(bench: Bench, goal: Measured) -> None:
    """What is used and what it gains on test, single modalities, and what each modality adds to all."""
    ablation = goal.ablation
    used = ablation[ablation.winner]
    say(f"  {bench.name}: {goal.name}: {ablation.verdict}")
    bench.figure(f"{goal.name}: {ablation.metric} of what is used ({used.name})", used.value.mean)
    bench.figure(f"{goal.name}: its gain over {ablation.baseline}", used.gain.mean)
    bench.figure(f"{goal.name}: lower end of that gain's interval", used.gain.lower, target=0.0)
    for row in ablation.rows:
        if row.kind == "single":
            bench.figure(f"{goal.name}: {row.name} alone", row.value.mean)
    for added in ablation.contributions:
        bench.figure(f"{goal.name}: {added.modality} adds", added.adds.mean)
    if goal.control is not None:
        bench.figure(f"{goal.name}: a modality of noise is dropped", float(goal.control.dropped_noise), target=1.0)


if __name__ == "__main__":
    main()
