"""Defects put into the demo shop are found: precision and recall of every kind."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from goodsense.catalog.feeds import read_feed
from goodsense.catalog.product import Product, Split
from goodsense.demo import make_toy_shop
from goodsense.demo.listings import COLUMNS, listing
from goodsense.demo.plan import plan
from goodsense.media import MediaStore
from goodsense.tables import Rejects
from tests.quality.picture_defects import PICTURES
from tests.quality.scoring import INJECTED, WAYS, Bench, Score

SHARE = 0.04  # of the shop with pictures, and half of that of the larger one without
SEEDS = 4
ELSEWHERE = {"missing_attribute", "decimal_comma", "gender_contradiction"}  # the demo shop has no place for these


@pytest.fixture(scope="module")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A small shop with pictures."""
    directory = tmp_path_factory.mktemp("pictured")
    toys = make_toy_shop(directory / "feed", products=150, seed=7)
    store = MediaStore(directory / "media")
    products = [product for _, product in read_feed(toys.feed, rejects=Rejects.to_memory())]
    products = [_split(_taken_in(one, toys.directory, store), n) for n, one in enumerate(products)]
    return Bench(products, store, cache=directory)


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A larger shop whose pictures were never drawn."""
    directory = tmp_path_factory.mktemp("worded")
    rows = [listing(truth, seed=7) for truth in plan(600, seed=7)]
    with (directory / "products.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    products = [product for _, product in read_feed(directory / "products.csv", rejects=Rejects.to_memory())]
    return Bench([_split(one, n) for n, one in enumerate(products)], MediaStore(directory), cache=directory)


def _taken_in(product: Product, root: Path, store: MediaStore) -> Product:
    media = tuple(replace(ref, sha256=store.put((root / ref.uri).read_bytes())) for ref in product.media)
    return replace(product, media=media)


def _split(product: Product, number: int) -> Product:
    splits: tuple[Split, ...] = ("train", "train", "val", "test")
    return replace(product, split=splits[number % 4])


@pytest.mark.parametrize(
    "kind", [kind for kind in INJECTED if kind not in PICTURES and kind != "near_duplicate_picture"]
)
def test_defects_of_words_and_offers_are_found(kind: str, worded: Bench) -> None:
    scores = [score for seed in range(SEEDS) if (score := worded.score(kind, share=SHARE / 2, seed=seed)) is not None]
    if kind in ELSEWHERE:
        assert scores == []
        return
    assert precision(scores) >= 0.9, scores
    assert recall(scores) >= 0.9, scores


@pytest.mark.parametrize("kind", PICTURES)
def test_defects_of_pictures_are_found(kind: str, pictured: Bench) -> None:
    scores = [score for seed in range(2) if (score := pictured.score(kind, share=SHARE, seed=seed)) is not None]
    assert precision(scores) >= 0.9, scores
    assert recall(scores) >= 0.9, scores


def test_near_duplicate_pictures_are_found(pictured: Bench) -> None:
    scores = [pictured.score("near_duplicate_picture", share=0.2, seed=2, way=way) for way in WAYS]
    found = [score for score in scores if score is not None]
    assert len(found) == len(WAYS)
    assert precision(found) >= 0.98, found
    assert recall(found) >= 0.95, found


def precision(scores: list[Score]) -> float:
    return sum(score.precision for score in scores) / len(scores)


def recall(scores: list[Score]) -> float:
    return sum(score.recall * score.injected for score in scores) / sum(score.injected for score in scores)
