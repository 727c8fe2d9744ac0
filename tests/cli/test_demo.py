"""The demo: a complete shop on the spot, ends by itself, and every suggestion that it prints works."""

from __future__ import annotations

import io
import shlex
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from goodsense.cli.demo import run_demo
from tests.cli.calls import Called, Caller, builds_here


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Called]:
    """The demo as JSON, in this process; the installed command is the same function."""
    directory, said = tmp_path_factory.mktemp("demo"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.chdir(directory)
        builds_here(patch)
        run_demo(Path("toys"), products=30, as_json=True)
    return directory, Called(0, said.getvalue(), "")


def test_demo_as_json(demo: tuple[Path, Called]) -> None:
    directory, done = demo
    found = done.json
    assert found.keys() >= {
        "ingest",
        "build",
        "evaluate",
        "answers",
        "seconds",
        "events",
        "reviews",
        "check",
        "recommended",
    }
    assert found["events"]["rejected"] == found["reviews"]["rejected"] == found["conversations"]["rejected"] == 0
    assert found["events"]["unknown_items"] > 0
    assert found["reviews"]["summary"]["personal"]
    assert 0 < found["check"]["score"] < 100
    assert (directory / found["check"]["html"]).is_file()
    assert found["ingest"]["added"] == found["build"]["products"] == 30
    assert all(0 <= figures["metrics"]["ndcg@10"] <= 1 for figures in found["evaluate"].values())
    assert len(found["answers"]) == 6
    assert all(answer["hits"] for answer in found["answers"])
    recommended = found["recommended"]
    assert 0 < len(recommended["hits"]) <= 5
    assert recommended["query"]["user"]
    assert all(hit["reason"] for hit in recommended["hits"])
    assert (directory / "toys" / "shop" / "CURRENT").is_file()


def test_demo_touches_no_other_directory(tmp_path: Path, call: Caller) -> None:
    (tmp_path / "precious.txt").write_text("mine", "utf-8")
    refused = call("demo", tmp_path, "--json")
    assert refused.code == 2
    assert "not empty" in refused.error["message"]
    assert (tmp_path / "precious.txt").read_text("utf-8") == "mine"


def test_demo_tells_its_steps_and_what_it_suggests_works(
    demo: tuple[Path, Called], call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier demo in the same place is replaced."""
    directory, first = demo
    monkeypatch.chdir(directory)
    said = call("demo", "toys", "--products", "30")
    assert said.code == 0, said.err
    for step in (
        "ingest",
        "events",
        "reviews",
        "questions",
        "conversations",
        "build",
        "evaluate search",
        "recommend",
        "check",
    ):
        assert f"goodsense {step} toys/shop" in said.out
    some_id = first.json["answers"][0]["hits"][0]["id"]
    suggested = [line.strip() for line in said.out.splitlines() if line.startswith("  goodsense ")]
    assert len(suggested) >= 3
    for line in suggested:
        arguments = [some_id if word == "ID" else word for word in shlex.split(line)[1:]]
        done = call(*arguments)
        assert done.code == 0 or "no product" in done.err, (line, done.err)
