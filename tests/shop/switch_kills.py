"""Kill -9 at random moments of building beside, switching and going back; one of the two builds serves, whole."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import Any

from goodsense.errors import UsageError
from goodsense.shop import Shop
from goodsense.shop.artefacts import current_build
from goodsense.shop.build import build
from goodsense.shop.generations import recipe_text
from goodsense.shop.migrating import rollback, switch
from goodsense.shop.recipe import Recipe
from tests.shop.catalogs import toys
from tests.shop.kills import _answers, _kill, _start

PRODUCTS = 20
OLD = "# as it was\nseed = 0\n"
NEW = "# with words alone\n[encoders]\ntext = ''\n"
_MIGRATE = """
import sys
from pathlib import Path
from goodsense.shop import Shop
from goodsense.shop.build import build
from goodsense.shop.migrating import rollback, switch
from goodsense.shop.recipe import Recipe
directory, text = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
with Shop.open(directory) as shop:
    build(directory, Recipe.parse(text, Path("new.toml")), workers=1, role="beside", recipe_file=text)
    print("built", flush=True)
    for _ in range(10):
        switch(shop)
        rollback(shop)
"""


def run_switch_kills(work: Path, count: int, seed: int) -> dict[str, Any]:
    """Kill ``count`` migrations; every time one of the two builds serves, with its recipe, and the way goes on."""
    rng = random.Random(seed)
    pristine = work / "pristine"
    with Shop.create(pristine) as shop:
        shop.add(toys(PRODUCTS))
        (pristine / "recipe.toml").write_text(OLD, "utf-8")
        build(pristine, shop.recipe, workers=1)
    expected, building, switching = _reference(pristine, work / "reference")
    served = {OLD: 0, NEW: 0}
    for number in range(count):
        directory = work / f"switch-{number}"
        shutil.copytree(pristine, directory)
        child = _start(_MIGRATE, directory, NEW)  # type: ignore[arg-type]
        assert child.stdout is not None
        child.stdout.readline()
        if number % 2:  # half of them while the build is made, half while it is switched to and back
            child.stdout.readline()
        time.sleep(rng.random() * (switching if number % 2 else building))
        _kill(child)
        child.stdout.close()
        served[_checked(directory, expected, f"kill {number}")] += 1
        shutil.rmtree(directory)
    return {"kills": count, "seed": seed, "served_old": served[OLD], "served_new": served[NEW], "lost": 0}


def _reference(pristine: Path, directory: Path) -> tuple[dict[str, Any], float, float]:
    """What both builds answer, and how long building and switching take undisturbed."""
    shutil.copytree(pristine, directory)
    with Shop.open(directory) as shop:
        expected = {OLD: _answers(shop)}
    child = _start(_MIGRATE, directory, NEW)  # type: ignore[arg-type]
    assert child.stdout is not None
    moments = []
    for _ in range(3):
        child.stdout.readline()
        moments.append(time.monotonic())
    child.stdout.close()
    assert child.wait() == 0
    with Shop.open(directory) as shop:
        assert _answers(shop) == expected[OLD]
        switch(shop)
        expected[NEW] = _answers(shop)
    assert expected[NEW] != expected[OLD]
    return expected, moments[1] - moments[0], moments[2] - moments[1]


def _checked(directory: Path, expected: dict[str, Any], what: str) -> str:
    """Which recipe serves after a kill; its answers, its recipe and what comes next must be its own."""
    live = current_build(directory)
    assert live is not None
    with Shop.open(directory) as shop:
        text = next(text for text in expected if Recipe.parse(text, Path(what)) == shop.built_recipe)
        assert _answers(shop) == expected[text], f"{what}: answers that belong to neither"
        assert shop.recipe == shop.built_recipe, f"{what}: the recipe is not the one of the build that serves"
        other = next(other for other in expected if other != text)
        _move(shop, other)
        assert _answers(shop) == expected[other], f"{what}: other answers after the next switch"
        assert recipe_text(directory) == other, f"{what}: another recipe than the one switched to"
        rollback(shop) if other == NEW else switch(shop)
        assert (_answers(shop), recipe_text(directory)) == (expected[text], text), what
    left = [path.name for path in (directory / "builds").iterdir()]
    assert not [name for name in left if name.startswith(".")], f"{what}: drafts were left behind"
    assert len(left) == 2, f"{what}: {left} are left"
    return text


def _move(shop: Shop, wanted: str) -> None:
    """To the other build, which is made first where the kill came before it was."""
    if wanted == OLD:
        rollback(shop)
        return
    try:
        switch(shop)
    except UsageError:
        new = Recipe.parse(wanted, Path("new.toml"))
        build(shop.directory, new, workers=1, role="beside", recipe_file=wanted)
        switch(shop)
