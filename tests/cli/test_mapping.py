"""``goodsense mapping``, and ingest with mapping files: of files, folders, and an API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.catalog.test_mapped import Api, serving
from tests.cli.calls import Caller
from tests.tables.mapping_mutations import valid

MAPPING = """
[fields]
id = "sku"
title = "n"
price = { path = "p", as = { money = "cents", currency = "CNY" } }
"""


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Caller:
    monkeypatch.chdir(tmp_path)
    return Caller(monkeypatch, capsys)


def exported(call: Caller) -> dict[str, dict[str, object]]:
    """The products of the shop."""
    assert call("export", "shop", "out.jsonl").code == 0
    found = [json.loads(line) for line in Path("out.jsonl").read_text("utf-8").splitlines()]
    return {product["id"]: product for product in found}


def test_from_an_unknown_file_to_a_shop(call: Caller) -> None:
    Path("export.json").write_bytes(valid("json")[1])
    drafted = call("mapping", "export.json")
    assert drafted.code == 0
    Path("m.toml").write_text(drafted.out, "utf-8")
    checked = call("mapping", "m.toml", "--check", "export.json", "--json").json
    assert [row["id"] for row in checked["rows"]] == ["A0", "A1", "A2"]
    assert [product["title"] for product in checked["products"]] == ["Lamp 0", "Lamp 1", "Lamp 2"]
    done = call("ingest", "shop", "export.json", "--mapping", "m.toml", "--json").json
    assert (done["added"], done["rejected"], done["format"]) == (12, 0, "mapping")
    assert exported(call)["A3"]["title"] == "Lamp 3"


def test_every_file_of_a_folder_is_read_by_the_mapping(call: Caller) -> None:
    Path("m.toml").write_text(MAPPING)
    Path("feeds").mkdir()
    for n in range(3):
        Path(f"feeds/{n}.json").write_text(json.dumps([{"sku": f"S{n}", "n": "灯", "p": 1250}]), "utf-8")
    assert call("ingest", "shop", "feeds", "--mapping", "m.toml", "--json").json["added"] == 3
    assert exported(call)["S1"]["variants"] == [{"sku": "S1", "price": [1250, "CNY"]}]


def test_an_api_is_a_source_of_its_own(call: Caller) -> None:
    with serving(Api(answers={3: (500, b"")})) as api:
        Path("api.toml").write_text(
            f'[source]\nrecords = "items"\n{MAPPING}[api]\nurl = "{api.url}/products"\npaging = "page"\nrate = 1000\n'
        )
        refused = call("ingest", "shop", "api.toml", "--json")
        assert refused.error["code"] == "fetch"
        assert api.asked == []
        broken = call("ingest", "shop", "api.toml", "--allow-private", "--json")
        assert broken.code == 5
        assert "page 3" in broken.error["message"]
        assert len(exported(call)) == 6, "what came before the error is in"
        api.answers.clear()
        api.asked.clear()
        assert call("ingest", "shop", "api.toml", "--allow-private", "--json").json["read"] == 12
        assert len(api.asked) == 3, "the first two pages were kept"
        assert len(exported(call)) == 12


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest", "shop", "m.toml"), "without [api]"),
        (("ingest", "shop", "s.jsonl", "--mapping", "none.toml"), "no such mapping file"),
        (("ingest", "shop", "s.jsonl", "--mapping", "m.toml", "--format", "csv"), "a mapping file says all"),
        (("ingest", "shop", "s.jsonl", "--mapping", "m.toml", "--map", "id=sku"), "a mapping file says all"),
        (("mapping", "none.json"), "no such file"),
        (("mapping", "s.jsonl", "--target", "product"), "found 'product'"),
        (("mapping", "s.jsonl", "--check", "s.jsonl"), "no TOML"),
    ],
)
def test_mistakes_are_usage_errors(arguments: tuple[str, ...], said: str, call: Caller) -> None:
    Path("m.toml").write_text(MAPPING)
    Path("s.jsonl").write_text('{"sku": "1", "n": "x", "p": 5}\n')
    called = call(*arguments, "--json")
    assert called.code == 2
    assert said in called.error["message"]
    assert called.error["fix"]


def test_a_check_tells_what_does_not_fit(call: Caller) -> None:
    Path("m.toml").write_text(MAPPING)
    Path("s.jsonl").write_text('{"sku": "1", "n": "x", "p": "five"}\n')
    called = call("mapping", "m.toml", "--check", "s.jsonl")
    assert called.code == 0
    assert '"title": "x"' in called.out
    assert "! s.jsonl, row 1, column 'price': this is no number." in called.out
    Path("empty.jsonl").write_text('{"sku": "1"}\n')
    Path("w.toml").write_text(f'{MAPPING}[[where]]\npath = "sku"\nequals = "2"\n')
    assert "No record is kept" in call("mapping", "w.toml", "--check", "empty.jsonl").out
