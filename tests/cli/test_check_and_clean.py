"""Check, plan, clean, check again, undo: from the command, on a shop whose defects are known."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from goodsense.catalog import Product
from goodsense.shop import Shop
from tests.cli.calls import Caller
from tests.shop.catalogs import toys


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Forty toys; three of them dirty, and one a copy."""
    products = toys(40)
    products[0] = replace(products[0], title="A VERY LOUD WOODEN TRAIN", description="<p>Good &amp; cheap</p>")
    products[1] = replace(products[1], brand="N/A")
    products[2] = replace(products[2], title="  spaced   out  ", description="")
    with Shop.create(tmp_path / "shop") as opened:
        opened.add([*products, replace(products[5], id="copy")])
    return tmp_path / "shop"


def kinds(report: dict[str, object]) -> dict[str, int]:
    findings = report["findings"]
    assert isinstance(findings, list)
    return {found["kind"]: found["count"] for found in findings}


def test_a_check_names_what_is_wrong_and_leaves_a_page(shop: Path, call: Caller) -> None:
    done = call("check", shop, "--json")
    assert done.code == 0, done.err
    found = kinds(done.json)
    assert {"html_in_text", "shouting_title", "placeholder_text", "missing_description"} <= found.keys()
    assert found["html_in_text"] == found["shouting_title"] == 1
    assert set(done.json["scores"]) == {"completeness", "consistency", "accuracy", "plausibility", "uniqueness"}
    page = (shop / "reports" / "check.html").read_text("utf-8")
    assert Path(done.json["html"]) == shop / "reports" / "check.html"
    assert "A VERY LOUD WOODEN TRAIN" in page
    kept = json.loads((shop / "reports" / "check.json").read_text("utf-8"))
    assert kinds(kept) == found


def test_the_four_commands_mend_what_is_safe_and_can_be_undone(shop: Path, call: Caller) -> None:
    before = kinds(call("check", shop, "--json").json)
    with Shop.open(shop) as opened:
        dirty = {p.id: p for p in opened.truth.products()}
    planned = call("clean", shop, "--plan")
    assert planned.code == 0, planned.err
    plan = tomllib.loads((shop / "clean-plan.toml").read_text("utf-8"))
    assert {"whitespace", "html", "case", "drop-values", "deduplicate"} <= {step["do"] for step in plan["step"]}
    dry = call("clean", shop, "--apply", "--dry-run")
    assert "'A VERY LOUD WOODEN TRAIN' -> 'A Very Loud Wooden Train'" in dry.out
    with Shop.open(shop) as opened:
        assert {p.id: p for p in opened.truth.products()} == dirty
    applied = call("clean", shop, "--apply", "--json").json
    with Shop.open(shop) as opened:
        clean = {p.id: p for p in opened.truth.products()}
    assert clean["toy-0000"].title == "A Very Loud Wooden Train"
    assert clean["toy-0000"].description == "Good & cheap"
    assert clean["toy-0001"].brand == ""
    assert clean["toy-0002"].title == "spaced out"
    assert len(clean) == 40
    assert clean.keys() == dirty.keys() - {"copy"} or "toy-0005" not in clean
    again = call("check", shop, "--json").json
    after = kinds(again)
    assert not {"html_in_text", "shouting_title", "placeholder_text"} & after.keys()
    assert again["gone"]["shouting_title"] == before["shouting_title"]
    assert "gone since the last check" not in call("check", shop).out  # that was one check ago
    assert call("clean", shop, "--undo", "--json").json["restored"] == applied["changed"] + applied["dropped"]
    with Shop.open(shop) as opened:
        assert {p.id: p for p in opened.truth.products()} == dirty
    assert call("clean", shop, "--list", "--json").json["cleanings"][0]["undone"]


def test_the_report_speaks_chinese_and_can_fail_a_pipeline(shop: Path, call: Caller) -> None:
    done = call("check", shop, "--lang", "zh", "--fail-under", "100", "--no-pictures")
    assert done.code == 3
    assert "完整性" in done.out
    assert '<html lang="zh">' in (shop / "reports" / "check.html").read_text("utf-8")


def test_one_thing_at_a_time_and_clear_errors(shop: Path, call: Caller, tmp_path: Path) -> None:
    assert call("clean", shop).code == 2
    assert call("clean", shop, "--plan", "--apply").code == 2
    assert "there is no plan" in call("clean", shop, "--apply").err
    assert "no cleaning to undo" in call("clean", shop, "--undo").err
    assert call("check", tmp_path / "none").code == 3


def test_an_empty_shop_is_checked_too(tmp_path: Path, call: Caller) -> None:
    with Shop.create(tmp_path / "empty") as opened:
        opened.add([Product("1")])
        opened.delete(["1"])
    done = call("check", tmp_path / "empty", "--json")
    assert (done.code, done.json["products"], done.json["score"]) == (0, 0, 100.0)
    assert call("clean", tmp_path / "empty", "--plan").code == 0
