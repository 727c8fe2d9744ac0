from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from goodsense.catalog import Product
from goodsense.media import MediaStore
from goodsense.shop import Recipe, Shop
from goodsense.shop.build import build
from goodsense.types import ImageRef
from tests.shop.catalogs import COLOURS, THINGS, picture, toy

COUNT = 216
WEIGHTS = {"bm25": 1.0, "text": 0.5, "image": 0.5, "attributes": 0.25, "joint": 1.0}
RECIPE = Recipe.model_validate({"fusion": {"joint": "cca", "weights": WEIGHTS, "gate": False}})


def products(directory: Path) -> list[Product]:
    """Toys of 24 pictures; the last has two of them, one has no picture, and one has nothing else."""
    store = MediaStore(directory / "media")
    photos = {}
    for colour in COLOURS:
        for thing in THINGS:
            photos[colour, thing.capitalize()] = store.put(picture(colour, thing, seed=1))
    found = []
    for number in range(COUNT):
        plain = replace(toy(number), split="train")
        sha = photos[str(plain.attributes["colour"]), plain.category[1]]
        found.append(replace(plain, media=(ImageRef(f"{number}.jpg", sha),)))
    found[1] = replace(found[1], media=())
    found[-1] = replace(found[-1], media=(*found[-1].media, ImageRef("more.jpg", photos["green", "Kite"])))
    mute = Product("mute", media=(ImageRef("mute.jpg", photos["red", "Robot"]),), split="train")
    return [*found, mute]


@pytest.fixture(scope="session")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A built shop with a joint block; not to be changed by tests."""
    directory = tmp_path_factory.mktemp("explained") / "shop"
    with Shop.create(directory) as shop:
        shop.add(products(directory))
        report = build(directory, RECIPE, workers=1)
        assert "joint" in report.modalities, report.notes
        yield shop
