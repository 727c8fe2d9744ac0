"""Mended rows complete their products, whatever system they were exported from, and replace nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goodsense.catalog.feeds import read_feed
from goodsense.catalog.product import Product, Variant
from goodsense.shop import Shop, Source
from goodsense.shop.mending import completed_by, holds_rejects
from goodsense.tables import Reject, Rejects
from goodsense.types import ImageRef

SHOPIFY = """\
Handle,Title,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Image Src
tee,Linen tee,Lux,Size,S,T-S,1,10.00,https://a.example/t.jpg
tee,,,,M,T-M,few,ten,
tee,,,,L,T-L,3,12.00,
mug,Mug,Kiln,Title,Default Title,MUG,2,nine,https://a.example/m.jpg
"""
TABLE = """\
id,item_group_id,title,size,price
t-s,tee,Linen tee,S,10 USD
t-m,tee,Linen tee in M,M,ten
"""
TAOBAO = """\
宝贝ID,宝贝标题,价格,库存,商家编码,销售属性
61,亚麻T恤,59.00,七,T-S,尺码:S
61,亚麻T恤,59.00,3,T-M,尺码:M
"""


def mend(shop: Shop, **values: str) -> None:
    """Write values into the records of the shop's rejects; feed them in again."""
    path = shop.directory / "rejects.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for line in lines:
        line["record"] |= {line["column"]: values[line["value"]]}
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    assert holds_rejects(path)
    report = shop.ingest(Source(path, currency="USD"))
    assert (report.rejected, report.added) == (0, 0)


@pytest.fixture
def shop(tmp_path: Path):
    with Shop.create(tmp_path / "shop") as made:
        yield made


def fed(shop: Shop, tmp_path: Path, text: str) -> None:
    path = tmp_path / "feed.csv"
    path.write_text(text, "utf-8")
    shop.ingest(Source(path, currency="USD"))


def test_rows_of_shopify_go_back_into_their_products(shop: Shop, tmp_path: Path) -> None:
    fed(shop, tmp_path, SHOPIFY)
    mend(shop, few="2", ten="11.00", nine="9.00")
    found = shop.truth.get(["tee", "mug"])
    tee, mug = found["tee"], found["mug"]
    assert (tee.title, tee.brand, len(tee.media)) == ("Linen tee", "Lux", 1)
    said = [(v.sku, v.options["Size"], str(v.price), v.stock) for v in tee.variants]
    assert said == [("T-S", "S", "10.00 USD", 1), ("T-M", "M", "11.00 USD", 2), ("T-L", "L", "12.00 USD", 3)]
    assert (mug.title, str(mug.price), len(mug.variants)) == ("Mug", "9.00 USD", 1)


def test_rows_of_a_group_go_back_into_their_product(shop: Shop, tmp_path: Path) -> None:
    fed(shop, tmp_path, TABLE)
    mend(shop, ten="11 USD")
    tee = shop.truth.get(["tee"])["tee"]
    assert tee.title == "Linen tee"
    assert [str(variant.price) for variant in tee.variants] == ["10.00 USD", "11.00 USD"]


def test_rows_of_chinese_exports_go_back_into_their_products(shop: Shop, tmp_path: Path) -> None:
    fed(shop, tmp_path, TAOBAO)
    mend(shop, 七="7")
    tee = shop.truth.get(["61"])["61"]
    assert [(v.sku, v.options["尺码"], v.stock) for v in tee.variants] == [("T-S", "S", 7), ("T-M", "M", 3)]


def test_what_a_mended_row_says_counts_and_the_rest_stays() -> None:
    before = Product(
        "1",
        title="Lmap",
        brand="Lux",
        attributes={"watt": 5.0},
        media=(ImageRef("a.jpg", sha256="0" * 64),),
        variants=(Variant("1", gtin="4006381333931"),),
    )
    row = Product(
        "1",
        title="Lamp",
        attributes={"watt": 6.0},
        media=(ImageRef("a.jpg"), ImageRef("b.jpg")),
        variants=(Variant("1", stock=2),),
    )
    whole = completed_by(before, row)
    assert (whole.title, whole.brand, whole.attributes) == ("Lamp", "Lux", {"watt": 6.0})
    assert whole.media == (ImageRef("a.jpg", sha256="0" * 64), ImageRef("b.jpg"))
    assert whole.variants == (Variant("1", gtin="4006381333931", stock=2),)


def test_only_files_of_rejects_are(tmp_path: Path) -> None:
    for text in ('{"id": "1", "title": "x"}\n', "id,title\n1,x\n", "[1]\n", "", "<a/>"):
        (tmp_path / "x").write_text(text)
        assert not holds_rejects(tmp_path / "x")


def test_other_json_lines_are_no_rows_of_shop_systems(tmp_path: Path) -> None:
    row = {"@type": "Product", "Type": "simple", "SKU": "1", "Name": "x", "Regular price": "1", "Categories": "y"}
    (tmp_path / "x").write_text(json.dumps(row))
    assert read_feed(tmp_path / "x", rejects=Rejects.to_memory()).format == "jsonld"
    (tmp_path / "x").write_text(json.dumps(Reject("a.csv", 1, "", None, "bad", "mend", row).to_json()))
    assert read_feed(tmp_path / "x", rejects=Rejects.to_memory()).format == "woocommerce"
