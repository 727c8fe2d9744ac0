"""`goodsense recipe`: show, compare, switch, go back; each of these once through the command itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.shop import Recipe, Shop
from tests.cli.calls import Caller
from tests.cli.conftest import Material

NEW = "# bare words\n[lexical]\npairs = 0.0\n[lexical.fields]\nbrand = 1.0\n"
USAGE, DATA = 2, 3


def test_compare_switch_and_back(own: Path, material: Material, tmp_path: Path, call: Caller) -> None:
    recipe = tmp_path / "new.toml"
    recipe.write_text(NEW, "utf-8")
    live = (own / "CURRENT").read_text("utf-8")
    judged = ["--queries", material.queries, "--qrels", material.qrels]
    called = call("recipe", "compare", own, recipe, *judged, "--workers", "1", "--json")
    assert called.code == 0, called.err
    found = called.json
    assert found["source"].endswith("judged queries of queries.tsv")
    assert found["asked"]["queries"] == 24
    assert {difference["key"] for difference in found["differences"]} >= {"lexical.pairs", "lexical.fields.title"}
    assert sum(block["encoded"] for block in found["built"]["modalities"].values()) == 0
    assert (own / "CURRENT").read_text("utf-8") == live

    said = call("recipe", "compare", own, recipe, *judged, "--workers", "1").out
    assert found["verdict"] in said
    for words in ("lexical.pairs: 0.2 -> 0.0", "the same vectors", "ndcg@10", "goodsense recipe switch"):
        assert words in said

    shown = call("recipe", "show", own)
    assert Recipe.parse(shown.out, own) == Recipe()
    assert f"# beside: build {found['b']['build']}" in shown.out

    moved = call("recipe", "switch", own, "--json").json
    assert (moved["build"], moved["before"]) == (found["b"]["build"], live.strip())
    assert (own / "recipe.toml").read_text("utf-8") == NEW
    assert call("recipe", "show", own, "--json").json["recipe"]["lexical"]["pairs"] == 0.0
    back = call("recipe", "rollback", own)
    assert back.code == 0
    assert "recipe.toml is gone: the shop had none" in back.out
    assert f"The way back: goodsense recipe switch {own}" in back.out
    assert (own / "CURRENT").read_text("utf-8") == live
    error = call("recipe", "rollback", own, "--json")
    assert (error.code, error.error["code"]) == (USAGE, "usage")
    assert "nothing to go back to" in error.error["message"]


def test_what_is_not_built_yet_is_shown(own: Path, call: Caller) -> None:
    (own / "recipe.toml").write_text("[index]\ncandidates = 50\n", "utf-8")
    shown = call("recipe", "show", own)
    assert "candidates = 50  # default: 100" in shown.out
    assert "# not built yet: index.candidates: 100 -> 50" in shown.out
    assert Recipe.parse(shown.out, own).index.candidates == 50


def test_what_comes_later_says_how_many(own: Path, tmp_path: Path, call: Caller) -> None:
    from goodsense.shop.build import build
    from tests.shop.catalogs import toy

    build(own, Recipe.parse(NEW, own), workers=1, role="beside", recipe_file=NEW)
    with Shop.open(own) as shop:
        shop.add([toy(90)])
    said = call("recipe", "switch", own).out
    assert "1 products changed since it was made; they are there" in said
    assert "1 of them are found by words only until the next build (text vector pending)." in said
    assert "recipe.toml is the one of this build" in said


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("sedd = 1\n", "the key 'sedd' is unknown; known here: currency, encoders"),
        ("[lexical]\nk2 = 1.0\n", "lexical.k2"),
        (None, "there is no recipe"),
        ("", "both recipes are the same"),
    ],
)
def test_wrong_recipes_are_told(toml: str | None, words: str, own: Path, tmp_path: Path, call: Caller) -> None:
    recipe = tmp_path / "new.toml"
    if toml is not None:
        recipe.write_text(toml, "utf-8")
    called = call("recipe", "compare", own, recipe, "--json")
    assert called.code == USAGE
    assert words in called.error["message"]


def test_misuse_is_told(own: Path, tmp_path: Path, call: Caller) -> None:
    called = call("recipe", "compare", own, "a.toml", "b.toml", "c.toml", "--json")
    assert (called.code, called.error["message"]) == (USAGE, "3 recipes; expected one or two.")
    called = call("recipe", "switch", own, "--json")
    assert called.code == USAGE
    assert "no build beside" in called.error["message"]
    assert called.error["fix"] == f"Run: goodsense recipe compare {own} RECIPE"
    assert call("recipe", "switch", tmp_path / "nowhere", "--json").code == DATA
    assert call("recipe").code == USAGE
