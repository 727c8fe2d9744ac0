"""The classic pipeline: fused content, then a transformer over purchases says whether a user buys a product.

Reads ``tiktok``; makes a demo shop of its own. With ``--device cuda`` it runs at full size, on 100,000 products.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Bench, parser, report_path, say, working_directory
from benchmarks.tiktok import read_blocks, read_likes
from goodsense.learning.purchase_cases import Baskets
from goodsense.shop import Recipe, Shop
from goodsense.shop.purchases import STUDY, PurchaseEvaluation, Trial, evaluate_purchases, evaluate_shop_purchases
from goodsense.shop.recipe import PurchaseTable
from goodsense.types import Embeddings

PROTOCOL = (
    "k folds of users; in each, 15 % of the others choose epochs, calibration and threshold (by accuracy), half of the "
    "rest make graph and popularity, the other half the questions to learn from; asked are the last 4 products of "
    "every test user of two or more, each beside one that the user never saw, half of these drawn by popularity, half "
    "from all alike. tiktok: all interactions count as buying, in random order, for they have no times, and there is "
    "no text. demo shop: generated, its purchases in order; text by lsa and pictures by descriptors in the place of "
    "BERT and ResNet-50, whose weights are not there, sounds by MFCC. Networks of 2 layers, 64 wide; of 12 layers, "
    "512 wide, on a sample of users and with fewer epochs and folds, beside the same sample with 2 layers"
)
MEASURES = ("accuracy", "precision", "recall", "f1", "auc")
SMALL: dict[str, Any] = {"history": 10, "epochs": 8, "width": 64, "layers": 2}
WHOLE: dict[str, Any] = {"layers": 12, "width": 512, "heads": 8, "recurrent_layers": 2, "rate": 1e-4, "epochs": 3}
GRAPH: dict[str, Any] = {"network": "modality-graph", "hops": 1, "epochs": 3, "hidden": 128}
ROOT = Path(__file__).parent.parent
PRODUCTS, USERS = 100_000, 50_000


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--users", type=int, default=3_000, help="of tiktok, drawn")
    made.add_argument("--products", type=int, default=300, help="of the demo shop")
    made.add_argument("--folds", type=int, default=3)
    made.add_argument("--whole", type=int, help="twelve layers, 512 wide, on so many users of tiktok, and nothing else")
    made.add_argument("--device", default="cpu", help="cuda: full size, on generated blocks of 100,000 products")
    options = made.parse_args()
    bench = Bench("classic-whole" if options.whole else "classic", PROTOCOL, seeds={"all": 0})
    bench.settings |= {name: getattr(options, name) for name in ("users", "products", "folds", "whole", "device")}
    if options.device != "cpu":
        full_size(bench, options.device)
        bench.write(options.json)
        return
    if options.whole:
        twelve_layers(bench, tiktok(options.data / "tiktok", options.whole, 2))
    else:
        shops(bench, options)
    bench.details["published study"] = {"figures": vars(STUDY), "differences": list(STUDY.differences)}
    usual = all(getattr(options, name) == made.get_default(name) for name in ("users", "products", "folds"))
    bench.write(report_path(options, bench.name, whole=usual))


def shops(bench: Bench, options: argparse.Namespace) -> None:
    """Small networks on tiktok and on a demo shop."""
    with bench.stage("demo shop"), working_directory(options.work) as work:
        report(bench, "demo shop", demo(work, options.products, options.folds))
    with bench.stage("tiktok"):
        report(bench, "tiktok", evaluate_purchases(tiktok(options.data / "tiktok", options.users, options.folds)))


def twelve_layers(bench: Bench, trial: Trial) -> None:
    """A sample of users by small networks, and by those of the recipe."""
    for name, settings in (("tiktok sample, 2 x 64", {}), ("tiktok sample, 12 x 512", WHOLE)):
        table = PurchaseTable.model_validate({**trial.table.model_dump(), **settings})
        with bench.stage(name):
            report(bench, name, evaluate_purchases(replace(trial, table=table)))


def tiktok(folder: Path, users: int, folds: int) -> Trial:
    """Some users of two videos or more, and all videos."""
    blocks, likes = read_blocks(folder), read_likes(folder)
    sizes = np.bincount(likes.users)
    rng = np.random.default_rng(0)
    able = np.flatnonzero((sizes > 1) & (sizes <= 100))
    chosen = np.sort(rng.choice(able, min(users, len(able)), replace=False))
    bought = baskets(likes.users, likes.items, len(blocks["image"]), rng).only(chosen)
    return Trial(blocks, bought, bought, table(), folds=folds)


def baskets(users: Any, items: Any, count: int, rng: np.random.Generator) -> Baskets:
    """What every user took, in random order."""
    order = np.lexsort((rng.random(len(users)), users))
    numbers, sizes = np.unique(users[order], return_counts=True)
    return Baskets(numbers, np.concatenate(([0], np.cumsum(sizes))), items[order], count)


def table(**more: Any) -> PurchaseTable:
    return PurchaseTable.model_validate({"options": GRAPH, **SMALL, **more})


def demo(work: Path, products: int, folds: int) -> PurchaseEvaluation:
    """A generated toy shop with the recipe's sounds, and built-in encoders for texts and pictures."""
    from goodsense.demo import make_toy_shop

    toys = make_toy_shop(work / "source", products=products)
    classic = Recipe.load(ROOT / "recipes" / "classic.toml")
    encoders = classic.encoders.model_copy(update={"text": "lsa", "image": "descriptors"})
    recipe = classic.model_copy(update={"encoders": encoders}).with_purchase(**table().model_dump())
    with Shop.create(work / "shop") as shop:
        shop.ingest(toys.feed)
        shop.ingest_events(toys.events)
        shop.build(recipe)
        return evaluate_shop_purchases(shop, folds=folds)


def full_size(bench: Bench, device: str) -> None:
    """Twelve layers, 512 wide, on generated blocks as wide as those of BERT, ResNet-50 and MFCC: only times count."""
    rng = np.random.default_rng(0)
    ids = [f"p{number}" for number in range(PRODUCTS)]
    topics = rng.integers(200, size=PRODUCTS)
    blocks = {}
    for name, width in (("text", 768), ("image", 2048), ("audio", 120)):
        centres = rng.normal(size=(200, width)).astype(np.float32)
        blocks[name] = Embeddings.of_products(
            ids, centres[topics] + rng.normal(size=(PRODUCTS, width)).astype(np.float32)
        )
    tastes = rng.integers(200, size=USERS)
    order = np.argsort(topics, kind="stable")
    starts = np.searchsorted(topics[order], np.arange(201))
    users = np.repeat(np.arange(USERS), 6)
    within = starts[tastes[users]] + (rng.random(len(users)) * np.diff(starts)[tastes[users]]).astype(np.int64)
    different = np.unique(np.stack([users, order[within]]), axis=1)
    bought = baskets(different[0], different[1], PRODUCTS, rng)
    recipe = Recipe.load(ROOT / "recipes" / "classic.toml").purchase
    settings = recipe.model_copy(update={"networks": ("transformer",), "epochs": 2, "options": {**GRAPH, "hops": 2}})
    with bench.stage(f"full size, {device}"):
        found = evaluate_purchases(Trial(blocks, bought, bought, settings, folds=2, device=device))
    report(bench, "full size, generated", found)


def report(bench: Bench, name: str, found: PurchaseEvaluation) -> None:
    """Figures of all methods, and the rest as details."""
    for method in found.methods:
        for measure in MEASURES:
            bench.figure(f"{name}: {method.name}: {measure}", method.mean(measure))
    for verdict in found.verdicts:
        say(f"  {verdict}")
    bench.details[name] = found.to_json()


if __name__ == "__main__":
    main()
