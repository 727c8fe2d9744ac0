"""A cleaning is one batch: all of it, none of it, and all of it back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.errors import DataError, UsageError
from goodsense.quality.cleaning import Plan
from goodsense.shop import Shop
from goodsense.shop.cleaning import history
from goodsense.shop.truth import Truth


def plan(*steps: dict[str, Any]) -> Plan:
    return Plan.model_validate({"step": steps})


SPACES = {"do": "whitespace"}
COPIES = {"do": "deduplicate", "groups": [["a", "b"]]}
SPLIT = {"do": "split-variants", "ids": ["v"]}
DIRTY = [
    Product("a", " Lamp "),
    Product("b", "Lamp", brand="Lux"),
    Product("c", "Chair"),
    Product("v", "Shirt", variants=(Variant("v1", {"size": "S"}, Money(100, "EUR")), Variant("v2", {"size": "L"}))),
]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop.create(tmp_path / "shop")
    shop.add(DIRTY)
    return shop


def rows(truth: Truth) -> list[tuple[Any, ...]]:
    return list(truth.rows("SELECT id, hash, doc FROM products ORDER BY id"))


def test_a_cleaning_changes_drops_and_adds_and_is_undone(shop: Shop) -> None:
    before = rows(shop.truth)
    seq = shop.truth.seq
    report = shop.clean(plan(SPACES, COPIES, SPLIT))
    assert (report.read, report.changed, report.dropped, report.added) == (4, 1, 2, 2)
    assert [step["products"] for step in report.steps] == [0, 2, 1]  # "a" goes: what was tidied on it does not count
    assert {p.id: p.title for p in shop.truth.products()} == {
        "b": "Lamp",
        "c": "Chair",
        "v1": "Shirt S",
        "v2": "Shirt L",
    }
    changes = {change.id: change.product for change in shop.truth.changes_since(seq)}
    assert {id for id, product in changes.items() if product is None} == {"a", "v"}
    undone = shop.undo_cleaning()
    assert (undone.restored, undone.kept) == (5, 0)
    assert rows(shop.truth) == before
    assert not list(shop.truth.rows("SELECT id FROM tombstones WHERE id IN ('a', 'b', 'c', 'v')"))
    assert [(item["steps"], bool(item["undone"])) for item in history(shop.truth)] == [
        (["whitespace", "deduplicate", "split-variants"], True)
    ]
    with pytest.raises(UsageError, match="no cleaning to undo"):
        shop.undo_cleaning()


def test_a_dry_run_shows_and_leaves_everything(shop: Shop) -> None:
    before = rows(shop.truth)
    report = shop.clean(plan(SPACES), dry_run=True)
    assert (report.changed, report.cleaning) == (1, None)
    assert [(e.id, e.before, e.after) for e in report.examples[0]] == [("a", {"title": " Lamp "}, {"title": "Lamp"})]
    assert rows(shop.truth) == before
    assert shop.clean(plan({"do": "case"})).cleaning is None  # nothing to do: nothing to undo
    assert history(shop.truth) == []


def test_what_was_changed_again_since_stays(shop: Shop) -> None:
    shop.clean(plan({"do": "set", "field": "brand", "values": {"a": "x", "c": "x"}}))
    shop.add([Product("c", "Armchair")])
    undone = shop.undo_cleaning()
    assert (undone.restored, undone.kept) == (1, 1)
    assert shop.truth.get(["c"])["c"] == Product("c", "Armchair")
    assert shop.truth.get(["a"])["a"] == DIRTY[0]


def test_cleanings_are_undone_in_any_order_that_does_not_clash(shop: Shop) -> None:
    first = shop.clean(plan({"do": "set", "field": "brand", "values": {"a": "x"}})).cleaning
    second = shop.clean(plan({"do": "set", "field": "brand", "values": {"c": "y"}})).cleaning
    assert shop.undo_cleaning(first).restored == 1
    with pytest.raises(UsageError, match=rf"cleaning {first} .*undone already.*{second}"):
        shop.undo_cleaning(first)
    assert shop.undo_cleaning().cleaning == second


def test_an_id_that_is_taken_stops_the_plan_before_anything_happens(shop: Shop) -> None:
    shop.add([Product("v2", "in the way")])
    before = rows(shop.truth)
    with pytest.raises(DataError, match=r"'v' would become a product 'v2', but another product"):
        shop.clean(plan(SPACES, SPLIT))
    assert rows(shop.truth) == before


def test_a_change_meanwhile_stops_the_plan(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Truth.open(shop.directory)

    def intrude(stage: str, done: int, total: int | None) -> None:
        if stage == "clean":
            other.upsert([Product("new", str(done))])

    with pytest.raises(DataError, match="changed while the plan was worked out"):
        shop.clean(plan(SPACES), progress=intrude)
    assert shop.truth.get(["a"])["a"] == DIRTY[0]


KILLED = """
import sys
from pathlib import Path
from goodsense.quality.cleaning import Plan
from goodsense.shop import Shop
shop = Shop.open(Path(sys.argv[1]))
print("ready", flush=True)
for _ in range(1000):
    if sys.argv[2] == "clean":
        shop.clean(Plan.model_validate({"step": [{"do": "whitespace"}]}))
    shop.undo_cleaning()
    if sys.argv[2] == "undo":
        shop.clean(Plan.model_validate({"step": [{"do": "whitespace"}]}))
"""


def clean_kills(work: Path, *, count: int, seed: int) -> dict[str, Any]:
    """Kill cleaning and undoing at random moments: the catalog is as before or as after, never between."""
    import random

    rng = random.Random(seed)
    between = 0
    with Shop.create(work / "shop") as shop:
        shop.add(Product(f"{n:05d}", f" Lamp {n} ") for n in range(1_500))
    for place in range(count):
        what = ("clean", "undo")[place % 2]
        with Shop.open(work / "shop") as shop:
            if what == "undo" and all(item["undone"] for item in history(shop.truth)):
                shop.clean(plan(SPACES))
            elif what == "clean" and not all(item["undone"] for item in history(shop.truth)):
                shop.undo_cleaning()
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(work / "shop"), what], stdout=subprocess.PIPE, env={**os.environ}
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
        with Shop.open(work / "shop") as shop:
            titles = {p.title == p.title.strip() for p in shop.truth.products()}
            cleaned = not all(item["undone"] for item in history(shop.truth))
            between += titles != {cleaned}
            (intact,) = next(shop.truth.rows("PRAGMA integrity_check"))
            assert intact == "ok"
    return {"cases": count, "failures": [f"{between} of {count} left the catalog between"] if between else []}


def test_a_kill_leaves_the_catalog_before_or_after(tmp_path: Path) -> None:
    assert clean_kills(tmp_path, count=5, seed=1)["failures"] == []
