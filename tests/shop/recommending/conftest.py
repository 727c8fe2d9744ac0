from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from goodsense.shop import Recipe, Shop
from goodsense.shop.build import build
from tests.shop.recommending.shops import QUICK, products, shoppers


@pytest.fixture(scope="session")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built shop whose shoppers care for one thing each; not to be changed by tests."""
    directory = tmp_path_factory.mktemp("visited") / "shop"
    with Shop.create(directory) as shop:
        shop.add(products())
        shop.add_events(shoppers())
    build(directory, Recipe.model_validate(QUICK), workers=1)
    return directory


@pytest.fixture
def shop(visited: Path) -> Iterator[Shop]:
    """The built shop, to be looked at only."""
    with Shop.open(visited) as opened:
        yield opened


@pytest.fixture
def own(visited: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of the built shop that a test may change."""
    shutil.copytree(visited, tmp_path / "shop")
    with Shop.open(tmp_path / "shop") as opened:
        yield opened
