"""Another recipe is built beside what serves, takes over at once, and gives way again; no product is lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from goodsense.errors import DataError, StorageError, UsageError
from goodsense.shop import Recipe, Shop, make_query
from goodsense.shop import generations as generations_module
from goodsense.shop.artefacts import current_build, write_atomically
from goodsense.shop.build import build
from goodsense.shop.generations import FILE, Generations, recipe_in_force, recipe_text
from goodsense.shop.locks import FileLock
from goodsense.shop.migrating import rollback, switch
from tests.shop.catalogs import toy, toys
from tests.shop.kills import _answers, _digest
from tests.shop.switch_kills import run_switch_kills

OLD = "# as it was\nseed = 0\n"
NEW = "# with pictures apart\n[options.text]\ndim = 24\n"


def parsed(text: str) -> Recipe:
    return Recipe.parse(text, Path("some.toml"))


def build_beside(directory: Path, text: str = NEW) -> str:
    return build(directory, parsed(text), workers=1, role="beside", recipe_file=text).build


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop that serves with one recipe and has a build with another beside; not to be changed by tests."""
    directory = tmp_path_factory.mktemp("pair") / "shop"
    with Shop.create(directory) as shop:
        shop.add(toys(40))
        (directory / "recipe.toml").write_text(OLD, "utf-8")
        build(directory, shop.recipe, workers=1)
    build_beside(directory)
    return directory


@pytest.fixture
def own_pair(pair: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of it that a test may change."""
    shutil.copytree(pair, tmp_path / "shop")
    with Shop.open(tmp_path / "shop") as shop:
        yield shop


def test_a_build_beside_leaves_what_serves(own_pair: Shop, pair: Path) -> None:
    before, other = _answers(own_pair), NEW.replace("24", "16")
    report = build(own_pair.directory, parsed(other), workers=1, role="beside", recipe_file=other)
    assert (_answers(own_pair), _digest(own_pair.directory)) == (before, _digest(pair))
    assert recipe_text(own_pair.directory) == OLD
    assert {name: one["encoded"] for name, one in report.modalities.items()} == {"text": 40, "attributes": 0}
    again = build(own_pair.directory, parsed(other), workers=1, role="beside", recipe_file=other)
    assert again.build == report.build
    assert "nothing changed" in again.notes[0]


def test_what_is_switched_to_is_what_would_have_been_built(own_pair: Shop, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    with Shop.create(plain) as shop:
        shop.add(toys(40))
        (plain / "recipe.toml").write_text(NEW, "utf-8")
        build(plain, shop.recipe, workers=1)
        expected = _answers(shop)
    before, bytes_before = _answers(own_pair), _digest(own_pair.directory)
    moved = switch(own_pair)
    assert (moved.behind, moved.recipe_changed) == (0, True)
    assert (_answers(own_pair), _digest(own_pair.directory)) == (expected, _digest(plain))
    assert recipe_text(own_pair.directory) == NEW  # with its comment
    back = rollback(own_pair)
    assert (back.build, back.before) == (moved.before, moved.build)
    assert (_answers(own_pair), _digest(own_pair.directory)) == (before, bytes_before)
    assert recipe_text(own_pair.directory) == OLD
    switch(own_pair)  # the way forth is open again
    assert _answers(own_pair) == expected


def test_a_shop_without_a_recipe_file_has_none_again(own_pair: Shop) -> None:
    (own_pair.directory / "recipe.toml").unlink()
    switch(own_pair)
    assert own_pair.recipe == parsed(NEW)
    rollback(own_pair)
    assert (own_pair.recipe, recipe_text(own_pair.directory)) == (Recipe(), None)


def test_changes_after_the_build_are_there_on_both_sides(own_pair: Shop) -> None:
    def found() -> tuple[tuple[str, ...], ...]:
        return (
            own_pair.search("zeppelin", k=1, using=["bm25"]).ids,
            own_pair.search("dirigible", k=1, using=["bm25"]).ids,
            own_pair.search("red train", k=1, where="pieces = 24").ids,
        )

    own_pair.add([replace(toy(7), title="zeppelin", description=""), replace(toy(60), title="dirigible")])
    own_pair.delete(["toy-0004"])
    before = found()
    moved = switch(own_pair)
    assert (moved.behind, moved.pending["text"]) == (3, 2)
    assert found() == before == (("toy-0007",), ("toy-0060",), ("toy-0024",))
    own_pair.add([replace(toy(61), title="balloon")])
    assert own_pair.search("balloon", k=1, using=["bm25"]).ids == ("toy-0061",)
    assert rollback(own_pair).behind == 4
    assert found() == before
    assert own_pair.search("balloon", k=1, using=["bm25"]).ids == ("toy-0061",)
    for side in (own_pair, Shop.open(own_pair.directory)):
        with pytest.raises(UsageError, match="no product 'toy-0004'"):
            side.similar("toy-0004")
    side.close()


def test_the_next_build_after_a_switch_is_made_with_its_recipe(own_pair: Shop) -> None:
    first = current_build(own_pair.directory)
    assert first is not None
    switch(own_pair)
    for number in range(2):
        own_pair.add([toy(70 + number)])
        report = build(own_pair.directory, own_pair.recipe, workers=1)
    assert own_pair.built_recipe == parsed(NEW)
    kept = {path.name for path in (own_pair.directory / "builds").iterdir()}
    assert {first.name, report.build} < kept
    assert len(kept) == 3  # what serves, what served just before, and where the way back leads
    assert rollback(own_pair).build == first.name
    assert own_pair.search(make_query(where="pieces = 71")).ids == ("toy-0071",)


def test_builds_that_nobody_needs_go(own_pair: Shop) -> None:
    beside = Generations.read(own_pair.directory).beside
    assert beside is not None
    again = own_pair.recipe.model_copy(update={"seed": 1})
    build(own_pair.directory, again, workers=1)  # as old as what is beside: that may still be switched to
    assert (own_pair.directory / "builds" / beside.build).is_dir()
    for number in range(2):
        own_pair.add([toy(70 + number)])
        build(own_pair.directory, own_pair.recipe, workers=1)
    assert not (own_pair.directory / "builds" / beside.build).exists()
    assert len(list((own_pair.directory / "builds").iterdir())) == 2
    with pytest.raises(UsageError, match="older catalog"):
        switch(own_pair)


# ---- what goes wrong


def gone(shop: Shop) -> None:
    beside = Generations.read(shop.directory).beside
    assert beside is not None
    shutil.rmtree(shop.directory / "builds" / beside.build)


def damaged(shop: Shop) -> None:
    beside = Generations.read(shop.directory).beside
    assert beside is not None
    (shop.directory / "builds" / beside.build / "build.json").write_text(json.dumps({"format": 1}), "utf-8")


def nothing_beside(shop: Shop) -> None:
    (shop.directory / FILE).unlink()


def unreadable(shop: Shop) -> None:
    (shop.directory / FILE).write_text('{"format": 1, "beside": 3}', "utf-8")


def built_since(shop: Shop) -> None:
    shop.add([toy(80)])
    build(shop.directory, shop.recipe, workers=1)


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (nothing_beside, UsageError, "no build beside the live one"),
        (gone, DataError, "is not there any more"),
        (damaged, DataError, "damaged"),
        (built_since, UsageError, r"older catalog \(change 1\) than what serves \(change 2\)"),
        (unreadable, DataError, f"{FILE} is damaged"),
    ],
)
def test_what_cannot_be_searched_never_serves(
    spoil: Callable[[Shop], None], kind: type[Exception], words: str, own_pair: Shop
) -> None:
    spoil(own_pair)
    live = current_build(own_pair.directory)
    with pytest.raises(kind, match=words):
        switch(own_pair)
    assert current_build(own_pair.directory) == live
    assert own_pair.search("wooden train", k=1).ids


def test_there_is_no_way_back_before_a_switch(own_pair: Shop) -> None:
    with pytest.raises(UsageError, match="nothing to go back to"):
        rollback(own_pair)
    switch(own_pair)
    rollback(own_pair)
    with pytest.raises(UsageError, match="nothing to go back to"):
        rollback(own_pair)


def test_a_running_build_is_waited_for(own_pair: Shop) -> None:
    lock = FileLock(own_pair.directory / "build.lock")
    assert lock.acquire()
    for move in (switch, rollback):
        with pytest.raises(StorageError, match=rf"being built by process {os.getpid()}"):
            move(own_pair)
    lock.release()


def test_a_damaged_live_build_can_be_left(own_pair: Shop) -> None:
    live = current_build(own_pair.directory)
    assert live is not None
    shutil.rmtree(live)
    switch(own_pair)
    assert own_pair.search("wooden train", k=1).ids


# ---- cut off


class Killed(BaseException):
    """Stands for a kill: nothing after it runs."""


@pytest.mark.parametrize("move", ["switch", "rollback"])
def test_a_switch_cut_off_at_any_write_leaves_one_of_both(
    move: str, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each number of writes, what serves and its recipe belong together, and the next command goes on."""
    write, happened = write_atomically, []
    for number in range(6):
        directory = Path(shutil.copytree(pair, tmp_path / str(number)))
        with Shop.open(directory) as shop:
            if move == "rollback":
                switch(shop)
            start = shop.built_recipe
            left = [number]

            def counted(path: Path, text: str, left: list[int] = left) -> None:
                if not left[0]:
                    raise Killed
                left[0] -= 1
                write(path, text)

            with monkeypatch.context() as patch:
                patch.setattr(generations_module, "write_atomically", counted)
                try:
                    (switch if move == "switch" else rollback)(shop)
                    whole = True
                except Killed:
                    whole = False
            assert shop.recipe == shop.built_recipe == recipe_in_force(directory)
            happened.append(shop.built_recipe != start)
            build(directory, shop.recipe, workers=1)  # settles
            assert recipe_text(directory) == (NEW if shop.built_recipe == parsed(NEW) else OLD)
            assert Generations.read(directory).switching is None
            (switch if shop.built_recipe == parsed(OLD) else rollback)(shop)
            assert shop.recipe == shop.built_recipe
        if whole:
            break
    assert happened == [False, False, True, True, True]
    assert whole


def test_a_recipe_edited_after_a_cut_off_switch_stays(own_pair: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    write = write_atomically

    def without_the_recipe(path: Path, text: str) -> None:
        if path.name == "recipe.toml":
            raise Killed
        write(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(generations_module, "write_atomically", without_the_recipe)
        with pytest.raises(Killed):
            switch(own_pair)
    assert own_pair.recipe == parsed(NEW)
    (own_pair.directory / "recipe.toml").write_text("seed = 5\n", "utf-8")
    assert own_pair.recipe.seed == 5
    rollback(own_pair)
    assert recipe_text(own_pair.directory) == OLD
    switch(own_pair)
    assert own_pair.recipe.seed == 5  # it comes back with the build beside which it was written


def test_killed_migrations_leave_one_of_both(tmp_path: Path) -> None:
    told = run_switch_kills(tmp_path, 2, seed=14)
    assert told["served_old"] + told["served_new"] == 2
