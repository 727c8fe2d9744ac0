"""Readings of stock: the latest counts, in whatever order they come, and an open shop sees them at once."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from goodsense.catalog import Product, Variant
from goodsense.events import Event
from goodsense.shop import Shop
from goodsense.shop.behaviour import export_events, stored_events
from goodsense.shop.schema import _SCRIPTS, SCHEMA_VERSION
from goodsense.shop.stock import StockLevels, products_of, stock_levels, stored_stock
from goodsense.shop.truth import Truth
from tests.events.samples import START, event


def reading(sku: str, place: str, quantity: float, at: float) -> Event:
    return Event("", sku, "stock", quantity=quantity, time=START + at, context={"place": place} if place else {})


def shirts() -> list[Product]:
    """Two products with variants, one of them with stock in its feed."""
    return [
        Product("shirt", "Shirt", variants=(Variant("S-RED", stock=4), Variant("S-BLUE", stock=6))),
        Product("lamp", "Lamp", variants=(Variant("L-1"),)),
        Product("toy", "Toy"),
    ]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    opened = Shop.create(tmp_path / "shop")
    opened.truth.upsert(shirts())
    return opened


def test_the_latest_reading_counts_in_whatever_order_they_come(shop: Shop) -> None:
    rng = random.Random(5)
    readings = [
        reading(f"S{rng.randrange(4)}", rng.choice("ab"), rng.randrange(9), rng.randrange(20) * 10.0) for _ in range(90)
    ]
    expected: dict[tuple[str, str], tuple[float, float]] = {}
    for one in readings:
        key = one.item, one.context["place"]
        found = (one.time or 0.0, -(one.quantity or 0.0))
        expected[key] = max(expected.get(key, found), found)
    rng.shuffle(readings)
    for start in range(0, 90, 30):
        shop.add_events(readings[start : start + 30])
    stored = {(e.item, e.context["place"]): (e.time, -(e.quantity or 0.0)) for e in stored_stock(shop.truth)}
    assert stored == expected
    seq = shop.truth.seq
    again = shop.add_events(reversed(readings))
    assert (again.added, again.changed, again.unchanged, again.seq) == (0, 0, 90, seq)
    assert list(stored_events(shop.truth)) == []


def test_levels_are_sums_over_skus_and_places(shop: Shop) -> None:
    assert stock_levels(shop.truth) == {"shirt": 10.0}, "what the feed says, and nothing of the others"
    shop.add_events([reading("S-RED", "a", 1, 0), reading("S-RED", "b", 2, 0), reading("L-1", "", 0, 0)])
    assert stock_levels(shop.truth) == {"shirt": 9.0, "lamp": 0.0}
    shop.add_events([reading("toy", "a", 5, 0), reading("lost", "a", 5, 0), reading("shirt", "a", 30, 0)])
    levels = stock_levels(shop.truth)
    assert (levels["toy"], levels["shirt"]) == (5.0, 33.0), "a reading of the whole product replaces its feed's figures"
    assert products_of(shop.truth, ["S-RED", "toy", "lost"]) == {"S-RED": "shirt", "toy": "toy"}


def test_an_open_shop_sees_what_another_process_wrote(shop: Shop) -> None:
    kept = StockLevels()
    levels = kept.of(shop.truth)
    with Truth.open(shop.directory) as other, Shop.open(shop.directory) as writer:
        assert kept.of(shop.truth) == {"shirt": 10.0}
        for step in range(30):
            rng = random.Random(step)
            match rng.randrange(4):
                case 0:
                    products = [Product("lamp", "Lamp", variants=(Variant(rng.choice(("L-1", "L-2", "S-RED"))),))]
                    writer.truth.upsert(products)
                case 1:
                    writer.truth.delete([rng.choice(("shirt", "toy"))])
                case 2:
                    writer.truth.upsert(rng.sample(shirts(), 2))
                case _:
                    skus = rng.sample(("S-RED", "S-BLUE", "L-1", "L-2", "toy", "new"), 3)
                    writer.add_events([reading(sku, rng.choice("ab"), rng.randrange(9), float(step)) for sku in skus])
            assert kept.of(shop.truth) == stock_levels(other), f"step {step}: the same as when read anew"
    assert levels == kept.of(shop.truth), "the view is a live one"


def test_a_table_of_readings_is_known_by_its_columns(shop: Shop, tmp_path: Path) -> None:
    rows = "S-RED,shelf 1,3,2024-06-18 08:00\nS-RED,shelf 1,-2,2024-06-18 09:00\nS-BLUE,,2,2024-06-18 08:00\n"
    (tmp_path / "stock.csv").write_text("sku,place,quantity,time\n" + rows + "L-1,shelf 1,,2024-06-18 08:00\n")
    report = shop.ingest_events(tmp_path / "stock.csv", dry_run=True)
    assert (report.added, report.rejected, dict(stock_levels(shop.truth))) == (2, 2, {"shirt": 10.0})
    report = shop.ingest_events(tmp_path / "stock.csv")
    assert (report.readings, report.added, report.rejected, report.shop.stock) == (2, 2, 2, 2)
    reasons = (shop.directory / "rejects-events.jsonl").read_text()
    assert "cannot be negative" in reasons
    assert "the quantity is missing" in reasons
    assert stock_levels(shop.truth) == {"shirt": 5.0}
    again = shop.ingest_events(tmp_path / "stock.csv")
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_stock_is_exported_with_the_events(ending: str, shop: Shop, tmp_path: Path) -> None:
    shop.add_events([event("u", "toy", at=0), reading("S-RED", "a", 3, 5), reading("L-1", "", 0, 6)])
    assert export_events(shop.truth, tmp_path / f"e.{ending}") == 3
    with Shop.create(tmp_path / "other") as other:
        assert other.ingest_events(tmp_path / f"e.{ending}").added == 3
        assert list(stored_stock(other.truth)) == list(stored_stock(shop.truth))
        assert list(stored_events(other.truth)) == list(stored_events(shop.truth))
    assert shop.ingest_events(tmp_path / f"e.{ending}").unchanged == 3


def test_a_shop_of_schema_2_keeps_its_events(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        connection.executescript(_SCRIPTS[1] + _SCRIPTS[2] + "PRAGMA user_version = 2;")
        connection.execute(
            "INSERT INTO events (key, seq, user, item, type, time) VALUES ('k', 1, 'u', 'i', 'view', 1700000000.0)"
        )
        connection.commit()
    with Truth.open(tmp_path) as truth:
        assert list(stored_events(truth)) == [Event("u", "i", "view", time=START, key="k")]
        assert list(truth.rows("PRAGMA user_version")) == [(SCHEMA_VERSION,)]
    with Shop.open(tmp_path) as shop:
        rich = event("u", "i", at=1, ranking="r", position=2, value=9.5, context={"device": "phone"})
        assert shop.add_events([rich, reading("i", "a", 1, 0)]).added == 2
        assert next(e for e in stored_events(shop.truth) if e.ranking).content == rich.content
        assert stock_levels(shop.truth) == {}, "no product has it yet"
