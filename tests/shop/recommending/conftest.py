from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from goodsense.shop import Shop


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
