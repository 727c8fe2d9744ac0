"""Which of two recipes is better, and whether beyond noise, where the answer is known by construction."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goodsense.errors import DataError, StorageError, UsageError
from goodsense.evaluate.experiment import Comparison
from goodsense.shop import Recipe, Shop, comparing
from goodsense.shop.artefacts import current_build
from goodsense.shop.build import build
from goodsense.shop.comparing import RecipeFile, beyond_noise, compare_recipes
from goodsense.shop.generations import Generations
from goodsense.shop.locks import FileLock
from goodsense.shop.migrating import opened_build, switch
from goodsense.shop.recipe_text import commented, recipe_differences
from goodsense.shop.trial_queries import answers, like_queries, trial_queries
from goodsense.types import ImageRef, Part, Query
from tests.shop.catalogs import COLOURS, THINGS, toy, toys

GOOD = "seed = 0\n"
ALIKE = "# nothing that a ranking of 72 products could show\n[index]\ncandidates = 200\n"
BAD = "[encoders]\ntext = ''\nattributes = ''\n[lexical.fields]\nbrand = 1.0\n"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with a judged query for every colour of every thing; not to be changed by tests."""
    directory = tmp_path_factory.mktemp("judged") / "shop"
    asked = {f"{colour} {thing}": Query.of_text(f"{colour} {thing}") for colour in COLOURS for thing in THINGS}
    with Shop.create(directory) as shop:
        shop.add(toys(72))
        qrels = {name: {p.id: 1 for p in toys(72) if set(name.split()) <= set(p.title.split())} for name in asked}
        shop.truth.add_judgements({name: json.dumps(query.to_json()) for name, query in asked.items()}, qrels)
        build(directory, shop.recipe, workers=1)
    return directory


@pytest.fixture
def shop(judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A copy of it that a test may change; builds are made in this process, they start sooner."""
    monkeypatch.setattr(comparing, "build_in_child", build)
    shutil.copytree(judged, tmp_path / "shop")
    with Shop.open(tmp_path / "shop") as opened:
        yield opened


@pytest.fixture
def recipes(tmp_path: Path) -> dict[str, RecipeFile]:
    found = {}
    for name, text in (("good", GOOD), ("alike", ALIKE), ("bad", BAD)):
        (tmp_path / f"{name}.toml").write_text(text, "utf-8")
        found[name] = RecipeFile.load(tmp_path / f"{name}.toml")
    return found


def test_a_worse_recipe_is_called_worse(shop: Shop, recipes: dict[str, RecipeFile]) -> None:
    live = current_build(shop.directory)
    found = compare_recipes(shop, recipes["bad"], workers=1)
    assert found.better == "a"
    assert "B is worse than A, beyond noise" in found.verdict
    assert found.asked is not None
    first = found.asked.judged[0]
    assert (first.metric, first.queries, first.candidate) == ("ndcg@10", 24, 0.0)  # brands answer none of these
    assert first.upper < 0
    assert found.asked.overlap.mean == 0
    assert found.source == "24 judged queries of the shop"
    assert any("tuned their weights on these queries" in note for note in found.notes)
    assert [difference.key for difference in found.differences][:2] == ["encoders.text", "encoders.attributes"]
    assert (set(found.a.encoders), set(found.b.encoders)) == ({"text", "attributes"}, set())
    assert current_build(shop.directory) == live
    state = Generations.read(shop.directory)
    assert state.beside is not None
    assert (state.beside.build, state.beside.recipe, state.against) == (found.b.build, BAD, None)


def test_equal_answers_are_no_difference(shop: Shop, recipes: dict[str, RecipeFile]) -> None:
    found = compare_recipes(shop, recipes["alike"], workers=1)
    assert found.better == "neither"
    assert "No query is answered better or worse" in found.verdict
    for told in (found.asked, found.alike):
        assert told is not None
        assert (told.overlap.mean, told.unchanged, told.most_changed) == (1.0, 1.0, ())
    assert found.examples == ()
    assert (found.changed, found.carried) == ((), ())
    assert json.loads(json.dumps(found.to_json()))["b"]["recipe"].endswith("alike.toml")


def test_two_recipes_are_compared_beside_what_serves(shop: Shop, recipes: dict[str, RecipeFile]) -> None:
    live = current_build(shop.directory)
    found = compare_recipes(shop, recipes["alike"], recipes["bad"], workers=1)
    assert found.better == "b"
    assert "B is better than A, beyond noise" in found.verdict
    assert current_build(shop.directory) == live
    assert found.examples
    assert set(found.examples[0][0].split()) < {*COLOURS, *THINGS}  # the query as it was asked
    state = Generations.read(shop.directory)
    assert state.beside is not None
    assert state.against is not None
    assert (state.beside.build, state.against.build) == (found.b.build, found.a.build)
    assert switch(shop).build == found.b.build
    assert not (shop.directory / "builds" / "none").exists()


def test_the_recipe_of_what_serves_is_not_built_again(shop: Shop, recipes: dict[str, RecipeFile]) -> None:
    live = current_build(shop.directory)
    assert live is not None
    assert compare_recipes(shop, recipes["alike"], recipes["good"], workers=1).a.build == live.name
    with pytest.raises(UsageError, match="recipe of what serves"):
        compare_recipes(shop, recipes["good"], recipes["bad"])
    with pytest.raises(UsageError, match="both recipes are the same"):
        compare_recipes(shop, recipes["good"])
    with pytest.raises(UsageError, match="both recipes are the same"):
        compare_recipes(shop, recipes["bad"], recipes["bad"])


def test_a_build_that_lacks_vectors_is_said_to(shop: Shop, recipes: dict[str, RecipeFile]) -> None:
    shop.add([replace(toy(3), title="zeppelin", description="")])
    shop.delete(["toy-0005"])
    found = compare_recipes(shop, recipes["bad"], workers=1)  # with the text encoder of A it would have that vector
    assert (found.a.pending, found.b.pending) == ({"text": 1}, {})
    assert found.alike is not None
    assert found.alike.queries == 71  # what is deleted is not asked for
    assert any(note.startswith("A was built before the catalog changed") for note in found.notes)


def test_few_answers_decide_nothing(shop: Shop, recipes: dict[str, RecipeFile], tmp_path: Path) -> None:
    queries, qrels = tmp_path / "queries.tsv", tmp_path / "qrels.txt"
    queries.write_text("".join(f"q{n}\tred {thing}\n" for n, thing in enumerate(THINGS)), "utf-8")
    qrels.write_text("".join(f"q{n} 0 toy-{4 * n:04d} 1\n" for n in range(len(THINGS))), "utf-8")
    found = compare_recipes(shop, recipes["bad"], queries=queries, qrels=qrels, workers=1)
    assert found.better == "unknown"
    assert "6 judged queries of queries.tsv, 10 or more are needed" in found.verdict
    assert found.asked is not None
    assert found.asked.queries == 6


def test_bad_requests_are_told_before_anything_is_built(
    shop: Shop, recipes: dict[str, RecipeFile], tmp_path: Path
) -> None:
    before = sorted(path.name for path in (shop.directory / "builds").iterdir())
    with pytest.raises(UsageError, match="belong together"):
        compare_recipes(shop, recipes["bad"], queries=tmp_path / "queries.tsv")
    queries, qrels = tmp_path / "queries.tsv", tmp_path / "qrels.txt"
    queries.write_text("q1\tred train\n", "utf-8")
    qrels.write_text("other 0 toy-0001 1\n", "utf-8")
    with pytest.raises(DataError, match="judges none"):
        compare_recipes(shop, recipes["bad"], queries=queries, qrels=qrels)
    lock = FileLock(shop.directory / "build.lock")
    assert lock.acquire()
    with pytest.raises(StorageError, match="is being built by"):
        compare_recipes(shop, recipes["bad"])
    lock.release()
    assert sorted(path.name for path in (shop.directory / "builds").iterdir()) == before


def test_a_shop_that_was_never_built_compares_two_recipes(
    recipes: dict[str, RecipeFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "build_in_child", build)
    with Shop.create(tmp_path / "new") as shop:
        shop.add(toys(12))
        with pytest.raises(UsageError, match="not built yet"):
            compare_recipes(shop, recipes["bad"])
        found = compare_recipes(shop, recipes["alike"], recipes["bad"], workers=1)
        assert found.better == "unknown"  # of 12 products hardly any is there to ask for
        assert "goodsense judge" in found.verdict
        with pytest.raises(UsageError, match="not built yet"):
            shop.search("train")
        switch(shop)
        assert shop.search("train", k=1).ids
        assert shop.recipe == recipes["alike"].recipe


# ---- what is asked


def test_without_judgements_titles_of_validation_products_are_asked(judged: Path, tmp_path: Path) -> None:
    products = [
        replace(product, split="val" if number % 4 == 0 else "train") for number, product in enumerate(toys(72))
    ]
    with Shop.create(tmp_path / "shop") as shop:
        shop.add(products)
        asked = trial_queries(shop, None, None, seed=0)
    assert not asked.judged
    assert set(asked.queries) == set(asked.qrels)
    held = {product.id for product in products if product.split == "val"}
    assert all(set(answer) & held for answer in asked.qrels.values())
    assert {id.partition("-")[0] for id in asked.queries} <= {"typo", "synonym"}
    assert asked.queries


def test_queries_that_reach_nothing_find_nothing_and_lost_files_are_told(shop: Shop) -> None:
    class Unreadable:
        accepts = frozenset({"text"})

        def encode_query(self, values: Any) -> Any:
            raise DataError("the file is gone.")

    live = current_build(shop.directory)
    assert live is not None
    with opened_build(shop, live) as opened:
        picture = Query((Part("image", ImageRef("nobody.jpg")),))
        found = answers(opened, {"picture": picture, "words": Query.of_text("red drum")}, stage="ask")
        assert (found.run["picture"], found.unreadable) == ([], set())
        assert found.run["words"]
        opened.encoders["text"] = Unreadable()  # type: ignore[assignment]
        lost = answers(opened, {"words": Query.of_text("red drum")}, stage="ask")
    assert (lost.run, lost.unreadable) == ({}, {"words"})


def test_likes_are_a_sample_of_products() -> None:
    ids = [f"p{number}" for number in range(500)]
    found = like_queries(ids, seed=3)
    assert len(found) == 200
    assert list(found) == list(like_queries(reversed(ids), seed=3))
    assert list(found) != list(like_queries(ids, seed=4))
    assert all(query.exclude == (id,) for id, query in found.items())


@pytest.mark.parametrize(
    ("lower", "upper", "p", "beyond"),
    [(0.01, 0.2, 0.01, True), (-0.2, -0.01, 0.01, True), (0.01, 0.2, 0.06, False), (-0.01, 0.2, 0.01, False)],
)
def test_interval_and_randomisation_must_agree(lower: float, upper: float, p: float, beyond: bool) -> None:
    both = {"baseline": 0.5, "candidate": 0.6, "difference": 0.1, "p_bootstrap": p, "p_randomisation": p}
    found = Comparison("ndcg@10", 20, **both, lower=lower, upper=upper, level=0.95, margin=0.05, losing=0, gaining=0)
    assert beyond_noise(found) == beyond


# ---- recipes in words


def test_a_recipe_written_out_with_comments_is_the_same_recipe() -> None:
    odd = {
        "currency": "CNY",
        "lexical": {"b": {"title": 0.1, "*": 0.5}, "fields": {"a.b": 1.0}},
        "options": {"text": {"dim": 24}, "image": {"hub:a/b": {"int8": True}}},
        "text": {"dictionary": ['say "hi"', "火车"]},
        "fusion": {"weights": {"text": 0.5}},
    }
    for recipe in (Recipe(), Recipe.model_validate(odd)):
        assert Recipe.parse(commented(recipe), Path("shown.toml")) == recipe
    shown = commented(Recipe.model_validate({"encoders": {"text": "bag"}, "seed": 3}))
    assert 'text = "bag"  # default: "lsa"' in shown
    assert "seed = 3  # default: 0" in shown
    assert "# Which encoder makes which block" in shown
    assert 'image = "descriptors"\n' in shown


def test_what_differs_between_two_recipes() -> None:
    before = Recipe.model_validate({"options": {"text": {"dim": 24}}, "lexical": {"k1": 1.0}})
    after = Recipe.model_validate({"encoders": {"text": "bag"}, "lexical": {"k1": 1.0}})
    found = recipe_differences(before, after)
    assert [str(difference) for difference in found] == [
        'encoders.text: "lsa" -> "bag"',
        "options.text.dim: 24 -> (none)",
    ]
    assert recipe_differences(after, after) == ()
