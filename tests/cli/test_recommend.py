"""``goodsense recommend`` as a user types it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.calls import Caller
from tests.shop.recommending.shops import of_thing


def test_a_shopper_gets_a_list_with_reasons(call: Caller, visited: Path) -> None:
    said = call("recommend", visited, "u01", "-k", "3")
    assert said.code == 0
    assert "because" in said.out
    assert "shoppers who cared for it cared for this, too" in said.out
    found = call("recommend", visited, "u01", "-k", "3", "--json")
    assert found.code == 0
    assert [hit["rank"] for hit in found.json["hits"]] == [1, 2, 3]
    for hit in found.json["hits"]:
        assert abs(sum(hit["terms"].values()) - hit["score"]) < 1e-6
        assert hit["detail"]["reasons"][0]["sentence"] == hit["reason"]
    assert found.json["took_ms"] > 0


def test_each_way_of_asking_answers(call: Caller, visited: Path) -> None:
    kites = of_thing("kite")
    for wish in (
        ["--history", ",".join(kites[:2])],
        ["--session", kites[0]],
        ["--session", "su01"],
        ["--like", kites[0]],
        ["--goes-with", kites[0]],
        ["u01", "--recently-viewed"],
        ["u01", "--where", "price < 20", "--diversity", "0.5", "--model", "popular"],
    ):
        found = call("recommend", visited, *wish, "-k", "2", "--json")
        assert found.code == 0, wish
        assert 1 <= len(found.json["hits"]) <= 2, wish
        assert call("recommend", visited, *wish, "-k", "2", "--explain").code == 0
    assert call("recommend", visited, "--goes-with", kites[0], "--json").json["hits"][0]["id"] == kites[1]


def test_tags_and_queries_are_suggested(call: Caller, visited: Path) -> None:
    robots = ",".join(of_thing("robot")[:2])
    assert (
        call("recommend", visited, "--history", robots, "--queries", "--json").json["queries"][0]["text"] == "robot toy"
    )
    tags = call("recommend", visited, "--history", "toy-0000,toy-0004,toy-0008", "--tags", "--json").json["tags"]
    assert tags[0]["text"] == "colour=red"
    assert "colour=red" in call("recommend", visited, "--history", "toy-0000,toy-0004,toy-0008", "--tags").out
    assert "too little is known" in call("recommend", visited, "--tags").out


def test_everybody_at_once_goes_into_a_file(call: Caller, visited: Path, tmp_path: Path) -> None:
    out = tmp_path / "recs.parquet"
    found = call("recommend", visited, "--all", "--out", out, "-k", "2", "--workers", "1", "--json")
    assert found.json["rows"] == 2 * found.json["shoppers"] == pq.read_table(out).num_rows
    assert found.code == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--all"], "--out"),
        (["u01", "--tags", "--queries"], "different things"),
        (["--recently-viewed"], "nobody is named"),
        (["--like", "nonsense"], "nonsense"),
        (["--where", "nonsense ="], "filter"),
        (["u01", "--lang", "fr"], "'fr'"),
        (["u01", "--model", "nonsense"], "no recommender"),
    ],
)
def test_wrong_wishes_are_told(call: Caller, visited: Path, wrong: list[str], words: str) -> None:
    said = call("recommend", visited, *wrong, "--json")
    assert said.code == 2
    assert words in said.error["message"] + said.error["fix"]


def test_a_filter_that_nothing_passes_is_told(call: Caller, visited: Path) -> None:
    said = call("recommend", visited, "u01", "--where", "price > 1000000")
    assert said.code == 0
    assert "shown without it" in said.out


def test_a_profile_is_told_with_its_numbers(call: Caller, visited: Path) -> None:
    assert "times as much as usual" in call("recommend", visited, "u01", "--profile").out
    found = call("recommend", visited, "u01", "--profile", "--session", "su01", "--lang", "zh", "--json").json
    assert found["traits"][0]["items"]
    assert "倍" in found["sentences"][0]
    assert found["visit"]["actions"] == 9
    assert call("recommend", visited, "--profile").code != 0


def test_moves_and_paid_places_are_marked(call: Caller, visited: Path, tmp_path: Path) -> None:
    shutil.copytree(visited, tmp_path / "shop")
    (recipe,) = (tmp_path / "shop").glob("builds/*/recipe.toml")
    text = recipe.read_text("utf-8").replace('sponsored = ""', 'sponsored = "bids.csv"')
    recipe.write_text(text.replace("sponsored_places = [4]", "sponsored_places = [1]"), "utf-8")
    third = call("recommend", visited, "u01", "-k", "6", "--json").json["hits"][2]["id"]
    (tmp_path / "shop" / "bids.csv").write_text(f"id,bid\n{third},0.5\n", "utf-8")
    said = call("recommend", tmp_path / "shop", "u01", "-k", "6", "--explain").out
    assert "1 ad" in said
    assert "from place 3 to 1 by sponsored" in said
    assert "paid place: bid 0.5" in said
    detail = call("recommend", tmp_path / "shop", "u01", "-k", "6", "--json").json["hits"][0]["detail"]
    assert detail["sponsored"] is True
    assert detail["moved_by"] == [{"step": "sponsored", "from": 3, "to": 1}]
