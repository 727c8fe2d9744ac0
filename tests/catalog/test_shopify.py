"""Shopify's product CSV as shops export it, old and new, and as goodsense writes it."""

import csv
from pathlib import Path

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import read_feed, write_feed
from goodsense.errors import UsageError
from goodsense.tables import Reject, Rejects
from goodsense.types import ImageRef

OLD = """\
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,\
Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,\
Variant Inventory Policy,Variant Fulfillment Service,Variant Price,Variant Compare At Price,Variant Requires Shipping,\
Variant Taxable,Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,SEO Title,SEO Description,\
Google Shopping / Google Product Category,Google Shopping / MPN,Fabric (product.metafields.custom.fabric),\
Color (product.metafields.shopify.color-pattern),Variant Image,Variant Weight Unit,Cost per item,\
Included / United States,Price / International,Status
linen-tee,Linen tee,"<p>Light &amp; cool.
Two lines.</p>",Lux,Apparel & Accessories > Clothing > Shirts,Tees,"summer, linen",true,Colour,Red,Size,S,,,LT-R-S,200,\
shopify,7,deny,manual,19.99,24.99,true,true,'4006381333931,https://cdn.example/1.jpg,2,Front,false,Linen tee | Lux,,\
212,MPN1,linen,red; dark-red,https://cdn.example/red.jpg,g,8.00,true,,active
linen-tee,,,,,,,,,Red,,M,,,LT-R-M,210,shopify,0,deny,manual,19.99,,true,true,,https://cdn.example/0.jpg,1,,,,,,,,,,g,,,,
linen-tee,,,,,,,,,Blue,,S,,,LT-B-S,200,shopify,-2,continue,manual,21.50,,true,true,,,,,,,,,,,,https://cdn.example/b.jpg,g,\
,,,
linen-tee,,,,,,,,,,,,,,,,,,,,,,,,,https://cdn.example/2.jpg,3,Back,,,,,,,,,,,,,
gift-card,Gift card,,Lux,Uncategorized,Gift Cards,,true,Title,Default Title,,,,,,0,,0,deny,gift_card,50.00,,false,\
false,,,,,true,,,,,,,,g,,,,draft
"""


def read(
    text: str | bytes, path: Path, *, currency: str | None = "USD"
) -> tuple[list[Product], tuple[Reject, ...], tuple[str, ...]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    rejects = Rejects.to_memory()
    feed = read_feed(path, rejects=rejects, currency=currency)
    assert feed.format == "shopify"
    return [product for _, product in feed], rejects.first, feed.notes


def test_an_export_of_the_old_kind(tmp_path: Path) -> None:
    (tee, card), rejects, _ = read(OLD, tmp_path / "products_export.csv")
    assert rejects == ()
    assert (tee.id, tee.title, tee.brand) == ("linen-tee", "Linen tee", "Lux")
    assert tee.description == "<p>Light &amp; cool.\nTwo lines.</p>"
    assert tee.category == ("Apparel & Accessories", "Clothing", "Shirts")
    assert tee.attributes == {
        "Type": "Tees",
        "Tags": ("summer", "linen"),
        "Fabric": "linen",
        "Color": ("red", "dark-red"),
    }
    assert [ref.uri for ref in tee.media] == [f"https://cdn.example/{n}.jpg" for n in (0, 1, 2)]
    red = Variant(
        "LT-R-S",
        {"Colour": "Red", "Size": "S"},
        Money(1999, "USD"),
        Money(2499, "USD"),
        availability="in_stock",
        stock=7,
        gtin="4006381333931",
        media=(ImageRef("https://cdn.example/red.jpg"),),
    )
    assert tee.variants[0] == red
    assert [(one.sku, one.availability, one.stock) for one in tee.variants[1:]] == [
        ("LT-R-M", "out_of_stock", 0),
        ("LT-B-S", "backorder", -2),
    ]
    assert tee.extra["image_alt"] == {"https://cdn.example/1.jpg": "Front", "https://cdn.example/2.jpg": "Back"}
    assert (tee.extra["Status"], tee.extra["Google Shopping / MPN"]) == ("active", "MPN1")
    assert tee.extra["variant_fields"] == {"LT-R-M": {"Variant Grams": "210"}}
    assert (card.category, card.extra["Status"]) == (("Gift Cards",), "draft")
    assert card.variants == (Variant("gift-card", price=Money(5000, "USD"), availability="in_stock"),)


def test_an_export_of_the_new_kind_in_chinese(tmp_path: Path) -> None:
    header = (
        "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,"
        "Option1 name,Option1 value,Option1 Linked To,Price,Compare-at price,Inventory tracker,Inventory quantity,"
        "Continue selling when out of stock,Product image URL,Image position,Image alt text,Variant image URL"
    )
    rows = (
        "纯棉T恤,纯棉t恤,<p>柔软透气</p>,优衣,,服装 > T恤,夏季,TRUE,Active,T-红,,颜色,红色,,59.90,79.90,shopify,3,"
        "FALSE,https://cdn.example/红.jpg,1,正面,",
        ",纯棉t恤,,,,,,,,T-蓝,,,蓝色,,59.90,,shopify,0,TRUE,,,,",
    )
    (tee,), rejects, _ = read("\ufeff" + "\r\n".join([header, *rows]), tmp_path / "x.csv", currency="CNY")
    assert rejects == ()
    assert (tee.id, tee.title, tee.category, tee.brand) == ("纯棉t恤", "纯棉T恤", ("服装", "T恤"), "优衣")
    assert [(one.sku, one.options, one.availability) for one in tee.variants] == [
        ("T-红", {"颜色": "红色"}, "in_stock"),
        ("T-蓝", {"颜色": "蓝色"}, "backorder"),
    ]
    assert tee.price == Money(5990, "CNY")
    assert tee.variants[0].list_price == Money(7990, "CNY")


def test_chinese_in_gb18030(tmp_path: Path) -> None:
    text = "Handle,Title,Vendor,Variant Price\n台灯,暖光台灯,明亮,129\n" + "花瓶,陶瓷花瓶,素陶,88\n" * 1
    products, _, _ = read(text.encode("gb18030"), tmp_path / "x.csv", currency="CNY")
    assert [(product.id, product.title) for product in products] == [("台灯", "暖光台灯"), ("花瓶", "陶瓷花瓶")]


def test_prices_without_a_currency_are_attributes(tmp_path: Path) -> None:
    text = "Handle,Title,Option1 Name,Option1 Value,Variant Price\na,A,,,5.50\nb,B,Size,S,1\nb,,,L,2\n"
    (one, two), _, notes = read(text, tmp_path / "x.csv", currency=None)
    assert one.attributes == {"price": 5.5}
    assert [variant.options for variant in two.variants] == [{"Size": "S", "price": "1"}, {"Size": "L", "price": "2"}]
    assert any("currency" in note for note in notes)


def test_bad_cells_are_rejected_with_their_place_and_the_rest_stays(tmp_path: Path) -> None:
    text = (
        "Handle,Title,Option1 Name,Option1 Value,Variant Price,Variant Inventory Qty,Variant Barcode\n"
        "a,A,Size,S,cheap,1,\n"
        "a,,,M,5,many,\n"
        ",Nobody,,,5,1,\n"
        "a,,,L,5,1,123\n"
        "b,B,,,5,1,\n"
        "a,A again,Size,S,5,1,\n"
    )
    (a, b), rejects, _ = read(text, tmp_path / "x.csv")
    assert [(one.options["Size"], one.price is None, one.stock) for one in a.variants] == [
        ("S", True, 1),
        ("M", False, None),
        ("L", False, 1),
    ]
    assert b.id == "b"
    assert [(bad.row, bad.column, bad.scope) for bad in rejects] == [
        (4, "Handle", "row"),
        (2, "Variant Price", "field"),
        (3, "Variant Inventory Qty", "field"),
        (5, "Variant Barcode", "field"),
        (7, "Handle", "row"),
    ]
    assert all(bad.file == str(tmp_path / "x.csv") and bad.fix and bad.record for bad in rejects)


def test_a_mapping_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(OLD)
    with pytest.raises(UsageError, match="--format csv"):
        read_feed(tmp_path / "x.csv", mapping={"title": "Title"}, rejects=Rejects.to_memory())


def test_a_table_with_a_handle_is_no_shopify_export(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("handle,title,material\ncup-handle,Handle,steel\n")
    assert read_feed(tmp_path / "x.csv", rejects=Rejects.to_memory()).format == "csv"


def test_what_shopify_asks_for_is_written(tmp_path: Path) -> None:
    many = Product(
        "A 1",
        media=(ImageRef("1.jpg"), ImageRef("2.jpg"), ImageRef("3.jpg")),
        variants=(Variant("x", {"Size": "S"}, Money(500, "JPY")), Variant("y", {"Size": "M"}, Money(700, "JPY"))),
    )
    write_feed([many, Product("lamp", title="=1+1", variants=(Variant("lamp"),))], tmp_path / "x", format="shopify")
    with (tmp_path / "x").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["Handle"] for row in rows[:3]}) == 1
    assert rows[0]["Handle"].startswith("a-1-")
    assert rows[0]["Title"] == "A 1", "Shopify takes no product without a title"
    assert [row["Option1 Name"] for row in rows] == ["Size", "", "", "Title"]
    assert [row["Option1 Value"] for row in rows] == ["S", "M", "", "Default Title"]
    assert [row["Variant Price"] for row in rows] == ["500", "700", "", ""]
    assert [row["Image Src"] for row in rows] == ["1.jpg", "2.jpg", "3.jpg", ""]
    assert (rows[3]["Handle"], rows[3]["Title"]) == ("lamp", "'=1+1")


def test_an_export_comes_back_to_shopify_in_its_own_columns(tmp_path: Path) -> None:
    products, _, _ = read(OLD, tmp_path / "old.csv")
    write_feed(products, tmp_path / "new.csv", format="shopify")
    with (tmp_path / "old.csv").open(newline="") as old, (tmp_path / "new.csv").open(newline="") as new:
        before, after = list(csv.DictReader(old)), list(csv.DictReader(new))
    columns = ["Handle", "Title", "Product Category", "Type", "Option1 Value", "Variant SKU", "Variant Grams"]
    columns += ["Variant Inventory Qty", "Variant Price", "Variant Compare At Price", "Google Shopping / MPN", "Status"]
    assert [[row[name] for name in columns] for row in after[:3]] == [
        [row[name] for name in columns] for row in before[:3]
    ]
    again, rejects, _ = read((tmp_path / "new.csv").read_bytes(), tmp_path / "again.csv", currency=None)
    assert (again, rejects) == (products, ())
