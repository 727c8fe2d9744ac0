"""WooCommerce's product CSV as shops export it, in English and Chinese, and as goodsense writes it."""

import csv
from pathlib import Path

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import read_feed, write_feed
from goodsense.errors import UsageError
from goodsense.tables import Reject, Rejects
from goodsense.types import ImageRef

HEADER = (
    'ID,Type,SKU,"GTIN, UPC, EAN, or ISBN",Name,Published,Is featured?,Visibility in catalog,Short description,'
    "Description,Tax class,In stock?,Stock,Backorders allowed?,Weight (kg),Sale price,Regular price,Categories,Tags,"
    "Images,Parent,Upsells,Position,Brands,Attribute 1 name,Attribute 1 value(s),Attribute 1 visible,"
    "Attribute 1 global,Attribute 2 name,Attribute 2 value(s),Meta: _season"
)
ROWS = (
    # a variation long before its parent, which it calls by its SKU
    "13,variation,TEE-B,,Linen tee &amp; more - Blue,1,0,visible,,,parent,1,0,1,,,21.00,,,https://x/b.jpg,TEE,,2,,Colour,Blue,,,,,",
    "10,variable,TEE,,Linen tee &amp; more,1,1,visible,Soft\\nLight,<p>One</p>\\nTwo,,1,20,0,0.2,,,"
    '"Clothing, Clothing > Tees &amp; tops","summer, linen","https://x/1.jpg, https://x/2.jpg",,99,0,Lux,Colour,'
    '"Red, Blue",1,1,Fits,"a\\, b, c",spring',
    "11,variation,TEE-R,4006381333931,Linen tee &amp; more - Red,1,0,visible,,Red one,parent,1,7,0,0.25,19.99,24.99,,,,"
    "id:10,,1,,Colour,Red,,,,,",
    "20,simple,CUP,,Cup,0,0,visible,,Plain,,0,,0,0.3,,5.00,Kitchen,,https://x/c.jpg,,,0,,Material,steel,1,0,Watt,5,",
    '30,"external, virtual",,,Course,1,0,visible,Only short,,,1,,0,,,100.00,,,,,,0,,,,,,,,',
)


def read(
    text: str | bytes, path: Path, *, currency: str | None = "USD"
) -> tuple[list[Product], tuple[Reject, ...], tuple[str, ...]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    rejects = Rejects.to_memory()
    feed = read_feed(path, rejects=rejects, currency=currency)
    assert feed.format == "woocommerce"
    return [product for _, product in feed], rejects.first, feed.notes


def test_an_export(tmp_path: Path) -> None:
    (tee, cup, course), rejects, _ = read("\ufeff" + "\n".join([HEADER, *ROWS]), tmp_path / "wc-export.csv")
    assert rejects == ()
    assert (tee.id, tee.title, tee.brand) == ("10", "Linen tee & more", "Lux")
    assert (tee.description, tee.bullets) == ("<p>One</p>\nTwo", ("Soft", "Light"))
    assert tee.category == ("Clothing", "Tees & tops")
    assert tee.attributes == {"Tags": ("summer", "linen"), "Fits": ("a, b", "c"), "Weight (kg)": 0.2}
    assert tee.media == (ImageRef("https://x/1.jpg"), ImageRef("https://x/2.jpg"))
    assert tee.variants == (
        Variant(
            "TEE-B",
            {"Colour": "Blue"},
            Money(2100, "USD"),
            availability="backorder",
            stock=0,
            media=(ImageRef("https://x/b.jpg"),),
        ),
        Variant("TEE-R", {"Colour": "Red"}, Money(1999, "USD"), Money(2499, "USD"), "in_stock", 7, "4006381333931"),
    )
    assert tee.extra["Categories"] == "Clothing, Clothing > Tees &amp; tops"
    assert (tee.extra["SKU"], tee.extra["Stock"], tee.extra["Upsells"]) == ("TEE", "20", "99")
    assert tee.extra["Meta: _season"] == "spring"
    assert tee.extra["variant_fields"]["TEE-R"] == {
        "Is featured?": "0",
        "Position": "1",
        "Weight (kg)": "0.25",
        "Description": "Red one",
        "id": "11",
    }
    assert (cup.id, cup.attributes) == ("20", {"Material": "steel", "Watt": 5.0, "Weight (kg)": 0.3})
    assert cup.variants == (Variant("CUP", price=Money(500, "USD"), availability="out_of_stock"),)
    assert cup.extra["Published"] == "0"
    assert (course.id, course.description, course.extra["Type"]) == ("30", "Only short", "external, virtual")


def test_an_export_with_chinese_names_of_columns(tmp_path: Path) -> None:
    text = (
        "ID,类型,SKU,名称,已发布,是推荐产品？,在列表页可见,简短描述,描述,有货？,库存,重量(公斤),促销价格,常规售价,分类,标签,图片,父级,"
        "品牌,属性 1 名称,属性 1 值,属性 1 可见,属性 1  的全局\n"
        '7,variable,T-1,纯棉T恤,1,0,visible,,柔软透气,1,,0.2,,,服装 > T恤,"夏季, 棉",https://x/1.jpg,,优衣,'
        '颜色,"红色, 蓝色",1,1\n'
        "8,variation,T-1-红,纯棉T恤 - 红色,1,0,visible,,,1,5,,49.9,59.9,,,,id:7,,颜色,红色,,1\n"
        "9,variation,T-1-蓝,纯棉T恤 - 蓝色,1,0,visible,,,0,,,,59.9,,,,T-1,,颜色,蓝色,,1\n"
    )
    (tee,), rejects, _ = read(text, tmp_path / "x.csv", currency="CNY")
    assert rejects == ()
    assert (tee.id, tee.title, tee.brand, tee.category) == ("7", "纯棉T恤", "优衣", ("服装", "T恤"))
    assert tee.attributes == {"Tags": ("夏季", "棉"), "重量(公斤)": 0.2}
    assert [(one.sku, one.options, one.price, one.availability) for one in tee.variants] == [
        ("T-1-红", {"颜色": "红色"}, Money(4990, "CNY"), "in_stock"),
        ("T-1-蓝", {"颜色": "蓝色"}, Money(5990, "CNY"), "out_of_stock"),
    ]
    assert tee.variants[0].list_price == Money(5990, "CNY")
    again, _, _ = read(text.encode("gb18030"), tmp_path / "gb.csv", currency="CNY")
    assert again == [tee]


def test_without_a_currency_prices_are_attributes(tmp_path: Path) -> None:
    (cup,), _, notes = read(f"{HEADER}\n{ROWS[3]}\n", tmp_path / "x.csv", currency=None)
    assert cup.attributes["price"] == 5.0
    assert cup.variants[0].price is None
    assert any("currency" in note for note in notes)


def test_what_cannot_be_taken_is_rejected_with_its_place(tmp_path: Path) -> None:
    text = (
        "ID,Type,SKU,Name,Parent,Regular price,Stock\n"
        "1,simple,A,A,,cheap,many\n"
        "2,variation,B,B,id:404,5,\n"
        "3,variation,C,C,,5,\n"
        ",simple,,Nameless,,5,\n"
        ",simple,D,D,,5,1\n"
        "6,variation,E,E,F,5,\n"
        "7,variation,F,F,F,5,\n"
    )
    found, rejects, _ = read(text, tmp_path / "x.csv")
    assert [product.id for product in found] == ["1", "D"]
    assert sorted((bad.row, bad.column, bad.scope) for bad in rejects) == [
        (2, "Regular price", "field"),
        (2, "Stock", "field"),
        (3, "Parent", "row"),
        (4, "Parent", "row"),
        (5, "SKU", "row"),
        (7, "Parent", "row"),
        (8, "Parent", "row"),
    ]
    assert all(bad.file == str(tmp_path / "x.csv") and bad.fix and bad.record for bad in rejects)


def test_a_mapping_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(f"{HEADER}\n{ROWS[3]}\n")
    with pytest.raises(UsageError, match="--format csv"):
        read_feed(tmp_path / "x.csv", mapping={"title": "Name"}, rejects=Rejects.to_memory())


def test_what_woocommerce_asks_for_is_written(tmp_path: Path) -> None:
    tee = Product(
        "tee",
        title="=1+1",
        category=("A, B", "C"),
        attributes={"fits": ("a, b", "c")},
        media=(ImageRef("https://x/1.jpg"), ImageRef("https://x/2.jpg")),
        variants=(
            Variant("tee", {"Size": "S"}, Money(500, "JPY"), Money(700, "JPY"), stock=3),
            Variant("tee-m", {"Size": "M"}, Money(700, "JPY"), availability="out_of_stock"),
        ),
    )
    cup = Product("12", title="Cup", variants=(Variant("CUP", price=Money(199, "USD")),))
    write_feed([tee, cup], tmp_path / "x.csv", format="woocommerce")
    with (tmp_path / "x.csv").open(newline="") as file:
        head, small, middle, single = csv.DictReader(file)
    assert (head["Type"], head["Name"], head["Published"]) == ("variable", "'=1+1", "1")
    assert head["SKU"].startswith("tee-"), "the first variation has the SKU that is the id"
    assert {small["Parent"], middle["Parent"]} == {head["SKU"]}
    assert (head["Categories"], head["Images"]) == ("A\\, B > C", "https://x/1.jpg, https://x/2.jpg")
    assert (head["Attribute 1 name"], head["Attribute 1 value(s)"]) == ("Size", "S, M")
    assert (head["Attribute 2 name"], head["Attribute 2 value(s)"]) == ("fits", "a\\, b, c")
    assert (small["Type"], small["Sale price"], small["Regular price"], small["Stock"]) == (
        "variation",
        "500",
        "700",
        "3",
    )
    assert (middle["Regular price"], middle["In stock?"], middle["Attribute 1 value(s)"]) == ("700", "0", "M")
    assert (single["ID"], single["Type"], single["SKU"], single["Regular price"]) == ("12", "simple", "CUP", "1.99")


def test_an_export_comes_back_to_woocommerce_in_its_own_columns(tmp_path: Path) -> None:
    products, _, _ = read("\n".join([HEADER, *ROWS]), tmp_path / "old.csv")
    write_feed(products, tmp_path / "new.csv", format="woocommerce")
    with (tmp_path / "old.csv").open(newline="") as old, (tmp_path / "new.csv").open(newline="") as new:
        before = {row["ID"]: row for row in csv.DictReader(old)}
        after = {row["ID"]: row for row in csv.DictReader(new)}
    assert before.keys() == after.keys()
    columns = [
        "Type",
        "SKU",
        "Description",
        "Regular price",
        "Sale price",
        "Weight (kg)",
        "Categories",
        "Images",
        "Meta: _season",
    ]
    for id in before:
        if id != "30":  # its short description became the description
            assert [after[id][name] for name in columns] == [before[id][name] for name in columns]
    again, rejects, _ = read((tmp_path / "new.csv").read_bytes(), tmp_path / "again.csv", currency=None)
    assert (sorted(again, key=lambda one: one.id), rejects) == (sorted(products, key=lambda one: one.id), ())
