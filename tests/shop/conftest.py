from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from goodsense.shop import Shop
from tests.cli.calls import builds_here
from tests.shop.catalogs import toys


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built shop of 96 toys; not to be changed by tests."""
    directory = tmp_path_factory.mktemp("built") / "shop"
    with Shop.create(directory) as shop:
        shop.add(toys(96, directory))
        shop.build(workers=1)
    return directory


@pytest.fixture
def own(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A copy of the built shop that a test may change; it is built in this process."""
    builds_here(monkeypatch)
    shutil.copytree(built, tmp_path / "shop")
    with Shop.open(tmp_path / "shop") as shop:
        yield shop
