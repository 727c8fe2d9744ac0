"""What shop systems have no column for is kept beside their columns, and harms nothing when it is damaged."""

import csv
import io
from pathlib import Path

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import write_feed
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.kept import differing, keep_product, keep_variant, kept_of
from goodsense.catalog.feeds.shopify_columns import KEPT, handle_of
from goodsense.errors import DataError
from tests.catalog.test_shopify import read


class Complaints(list[tuple[str, str]]):
    def __call__(self, column: str, value: object, bad: BadValue) -> None:
        assert bad.fix
        self.append((column, bad.reason))


def test_only_what_differs_is_kept() -> None:
    product = Product("1", title="T", language="zh", attributes={"n": 1.0}, variants=(Variant("a"), Variant("b")))
    read_back = Product("1", title="T", attributes={"n": True}, variants=(Variant("a"), Variant("b", stock=3)))
    cell, variants = differing(product, read_back)
    assert cell == '{"language":"zh","attributes":{"n":1.0}}'
    assert variants == ["", '{"stock":null}']
    complaints = Complaints()
    assert keep_product(read_back, kept_of(cell, "kept", complaints), "kept", complaints).language == "zh"
    assert (
        keep_variant(read_back.variants[1], kept_of(variants[1], "kept", complaints), "kept", complaints).stock is None
    )
    assert differing(product, product) == ("", ["", ""])
    assert complaints == []


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"a": NaN}', "[" * 100_000])
def test_a_damaged_cell_is_complained_of(text: str) -> None:
    complaints = Complaints()
    assert kept_of(text, "kept", complaints) == {}
    assert [column for column, _ in complaints] == ["kept"]


def test_bad_fields_are_left_out_one_by_one() -> None:
    kept = {
        "id": None,
        "title": {"a": 1},
        "bullets": "x",
        "updated": "soon",
        "attributes": [1],
        "what": 1,
        "brand": "B",
    }
    complaints = Complaints()
    assert keep_product(Product("1"), kept, "kept", complaints) == Product("1", brand="B")
    assert [column for column, _ in complaints] == [f"kept.{name}" for name in kept if name != "brand"]
    complaints.clear()
    bad = {"price": 5, "options": [], "stock": "many", "media": [{}], "gtin": "no gtin"}
    assert keep_variant(Variant("a"), bad, "kept", complaints) == Variant("a", gtin="no gtin")
    assert len(complaints) == 4


def test_what_no_json_carries_is_an_error() -> None:
    with pytest.raises(DataError, match="'1' cannot be written"):
        differing(Product("1", extra={"x": {1}}), Product("1"))


def test_what_columns_say_can_be_edited(tmp_path: Path) -> None:
    lamp = Product("lamp", title="Lamp", language="en", variants=(Variant("lamp", price=Money(500, "USD")),))
    write_feed([lamp], tmp_path / "a.csv", format="shopify")
    rows = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_text(), newline="")))
    assert rows[1][rows[0].index(KEPT)] == '{"language":"en"}'
    rows[1][rows[0].index("Title")], rows[1][rows[0].index("Variant Price")] = "Bright lamp", "6.00"
    edited = io.StringIO(newline="")
    csv.writer(edited).writerows(rows)
    (found,), rejects, _ = read(edited.getvalue(), tmp_path / "b.csv", currency=None)
    assert rejects == ()
    assert (found.title, found.language, found.price) == ("Bright lamp", "en", Money(600, "USD"))


@pytest.mark.parametrize("id", ["linen-tee", "纯棉t恤", "12"])
def test_an_id_that_is_a_handle_stays(id: str) -> None:
    assert handle_of(id) == id


def test_other_ids_get_handles_that_never_meet() -> None:
    ids = ["A 1", "a 1", "a-1", "a--1", "-a-1", "=1", "!", "É", "x" * 300, "x" * 301]
    assert len({handle_of(id) for id in ids}) == len(ids)
    assert handle_of("A 1").startswith("a-1-")
