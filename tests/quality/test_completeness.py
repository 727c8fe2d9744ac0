"""Missing fields, placeholders, and what the peers fill."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goodsense.catalog.product import Product
from goodsense.quality.completeness import is_placeholder
from goodsense.types import ImageRef
from tests.quality.catalogs import cases, found_in, sound


def test_missing_fields_are_told_by_field() -> None:
    bare = Product("bare")
    found = found_in(
        [*sound(), bare, replace(bare, id="told", bullets=("it floats",), media=(ImageRef("a.jpg", "0" * 64),))]
    )
    for field in ("title", "brand", "category", "price"):
        assert set(cases(found, f"missing_{field}")) == {"bare", "told"}
    assert set(cases(found, "missing_description")) == {"bare"}
    assert "told" not in cases(found, "missing_picture")


@pytest.mark.parametrize(
    "text",
    [
        "N/A", " tbd ", "-", "title", "Title Here", "lorem ipsum", "Product name", "untitled", "xxxxxxx", "asdf",
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod", "Test Product 12", "test",
        "无", "暂无", "待补充", "测试商品3", "商品标题", "？？？",
    ],
)  # fmt: skip
def test_placeholders(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "Test tube rack",
        "New",
        "Sample Sale Dress",
        "无线耳机",
        "测试仪",
        "XX-Large shirt",
        "Nothing Phone 2",
        "标题党T恤",
    ],
)
def test_no_placeholders(text: str) -> None:
    assert not is_placeholder(text)


def test_attributes_may_be_none_but_not_to_be_done() -> None:
    assert not is_placeholder("none", attribute=True)
    assert not is_placeholder("无", attribute=True)
    assert is_placeholder("TBD", attribute=True)
    assert is_placeholder("待补充", attribute=True)


def test_placeholders_are_found_in_every_field() -> None:
    products = sound()
    products[0] = replace(products[0], title="测试商品")
    products[1] = replace(products[1], description="lorem ipsum dolor sit amet")
    products[2] = replace(products[2], brand="N/A")
    products[3] = replace(products[3], category=("Home", "TBD"))
    products[4] = replace(products[4], attributes={"material": "???"})
    found = cases(found_in(products), "placeholder_text")
    assert {id: case.field for id, case in found.items()} == {
        "p0": "title", "p1": "description", "p2": "brand", "p3": "category", "p4": "attribute.material",
    }  # fmt: skip


def test_attributes_that_the_peers_fill() -> None:
    products = sound()
    products[3] = replace(products[3], attributes={"weight": "3 kg"})
    products += [Product(f"q{number}", title=f"Poster {number}", category=("Art",)) for number in range(20)]
    found = cases(found_in(products), "missing_attribute")
    assert {id: case.field for id, case in found.items()} == {"p3": "attribute.material"}
    assert found["p3"].group == "Home > Kitchen"
    assert found["p3"].score == pytest.approx(14 / 15, abs=0.001)


def test_small_categories_have_no_peers() -> None:
    products = [
        Product(str(number), category=("Few",), attributes={"colour": "red"} if number else {}) for number in range(9)
    ]
    assert "missing_attribute" not in found_in(products)
