"""Product tables as shops export them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import read_feed
from goodsense.errors import DataError, UsageError
from goodsense.tables import Reject, Rejects
from goodsense.types import AudioRef, ImageRef, VideoRef


def read(path: Path, text: str | bytes, **options: Any) -> tuple[list[Product], tuple[Reject, ...]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    rejects = Rejects.to_memory()
    return [product for _, product in read_feed(path, rejects=rejects, **options)], rejects.first


def strictly(path: Path, text: str | bytes, **options: Any) -> list[Product]:
    found, rejects = read(path, text, **options)
    assert rejects == ()
    return found


def test_a_chinese_export(tmp_path: Path) -> None:
    text = (
        "商品编号,商品标题,商品描述,品牌,类目,售价,原价,库存,条形码,主图,颜色,更新时间\n"
        "007,北欧台灯,暖光|可调,灯光之家,家居 > 灯具,59.9,￥99,12,6901234567892,img/1.jpg;img/2.jpg,白色,2024年5月1日\n"
    )
    for codec in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        (product,) = strictly(tmp_path / "x.csv", text.encode(codec), currency="CNY")
        assert product == Product(
            id="007",
            title="北欧台灯",
            description="暖光|可调",
            brand="灯光之家",
            category=("家居", "灯具"),
            attributes={"颜色": "白色"},
            media=(ImageRef("img/1.jpg"), ImageRef("img/2.jpg")),
            variants=(
                Variant("007", price=Money(5990, "CNY"), list_price=Money(9900, "CNY"), stock=12, gtin="6901234567892"),
            ),
            updated=datetime(2024, 5, 1, tzinfo=UTC),
        )


def test_every_medium_has_its_type(tmp_path: Path) -> None:
    (product,) = strictly(tmp_path / "x", "id,image,image2,audio,video\n1,a.jpg,b.jpg,s.wav,v.mp4\n")
    assert product.media == (ImageRef("a.jpg"), ImageRef("b.jpg"), AudioRef("s.wav"), VideoRef("v.mp4"))


def test_bad_values_cost_their_field_only(tmp_path: Path) -> None:
    text = "id,title,price,stock,gtin,availability,updated,split\n1,Lamp,cheap,many,123,perhaps,once,none of these\n"
    found, rejects = read(tmp_path / "x", text)
    assert found == [Product("1", title="Lamp")]
    assert sorted(reject.column for reject in rejects) == ["availability", "gtin", "price", "split", "stock", "updated"]
    for reject in rejects:
        assert (reject.row, reject.scope) == (2, "field")
        assert reject.reason
        assert reject.fix
        assert reject.record["title"] == "Lamp"


def test_a_row_without_id_is_rejected_whole(tmp_path: Path) -> None:
    found, rejects = read(tmp_path / "x", "id,title\n,Lamp\n2,Desk\n \t,Bed\n")
    assert [product.id for product in found] == ["2"]
    assert [(reject.row, reject.scope, reject.column) for reject in rejects] == [(2, "row", "id"), (4, "row", "id")]


def test_a_table_without_ids_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column holds the product's id.*colour, label") as caught:
        read(tmp_path / "x", "colour,label\nred,a\n")
    assert "--map id=COLUMN" in caught.value.fix
    assert strictly(tmp_path / "x", "colour,label\nred,a\n", mapping={"id": "label"}) == [
        Product("a", attributes={"colour": "red"})
    ]


def test_prices_without_currency_stay_numbers_and_are_noted_once(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("id,price\n1,19.99\n2,5\n")
    feed = read_feed(tmp_path / "x", rejects=Rejects.to_memory(strict=True))
    assert [product.attributes for _, product in feed] == [{"price": 19.99}, {"price": 5.0}]
    assert sum("without a currency" in note for note in feed.notes) == 1


def test_a_bad_currency_is_not_replaced_by_the_feeds(tmp_path: Path) -> None:
    found, rejects = read(tmp_path / "x", "id,price,currency\n1,5,Galleons\n2,5,\n3,5,usd\n", currency="EUR")
    assert [product.price for product in found] == [None, Money(500, "EUR"), Money(500, "USD")]
    assert [reject.column for reject in rejects] == ["currency"]
    assert found[0].attributes == {"price": 5.0}


def test_a_sale_lowers_the_price(tmp_path: Path) -> None:
    found = strictly(tmp_path / "x", "id,price,sale_price\n1,10 USD,8 USD\n2,10 USD,\n")
    assert [(p.variants[0].price, p.variants[0].list_price) for p in found] == [
        (Money(800, "USD"), Money(1000, "USD")),
        (Money(1000, "USD"), None),
    ]


def test_unknown_columns_become_attributes_or_extra(tmp_path: Path) -> None:
    long = "x" * 300
    (product,) = strictly(
        tmp_path / "x", f"id,Size,Code,Vegan,Notes,extra.raw,attribute.title\n1,42,007,true,{long},5,T\n"
    )
    assert product.attributes == {"Size": 42.0, "Code": "007", "Vegan": True, "title": "T"}
    assert product.extra == {"Notes": long, "raw": "5"}


def test_rows_of_a_group_are_variants(tmp_path: Path) -> None:
    text = (
        "id,item_group_id,title,color,size,material,price,image,url\n"
        "S1,S,Shirt red,red,M,cotton,5 USD,r.jpg,u1\n"
        "S2,S,Shirt blue,blue,M,cotton,6 USD,b.jpg,u2\n"
        "L,,Lamp,white,,steel,9 USD,l.jpg,u3\n"
    )
    shirt, lamp = strictly(tmp_path / "x", text)
    assert (shirt.id, shirt.title, shirt.media) == ("S", "Shirt red", (ImageRef("r.jpg"),))
    assert shirt.attributes == {"size": "M", "material": "cotton"}
    assert shirt.variants == (
        Variant("S1", {"color": "red"}, Money(500, "USD")),
        Variant("S2", {"color": "blue"}, Money(600, "USD"), media=(ImageRef("b.jpg"),)),
    )
    assert shirt.extra == {"variant_fields": {"S2": {"title": "Shirt blue", "url": "u2"}}}
    assert (lamp.id, lamp.attributes) == ("L", {"color": "white", "material": "steel"})


def test_a_parent_row_speaks_for_its_children(tmp_path: Path) -> None:
    text = "sku,parent,title,color,price\nS,,Shirt,,\nS-r,S,,red,5 USD\nS-b,S,,blue,5 USD\n"
    (shirt,) = strictly(tmp_path / "x", text)
    assert (shirt.id, shirt.title) == ("S", "Shirt")
    assert [(variant.sku, variant.options) for variant in shirt.variants] == [
        ("S-r", {"color": "red"}),
        ("S-b", {"color": "blue"}),
    ]


def test_a_group_that_comes_again_is_rejected(tmp_path: Path) -> None:
    text = "id,item_group_id,title\n1,A,a\n2,A,b\n3,B,c\n4,A,d\n5,A,e\n6,C,f\n"
    found, rejects = read(tmp_path / "x", text)
    assert [(product.id, len(product.variants)) for product in found] == [("A", 2), ("B", 1), ("C", 1)]
    assert [reject.row for reject in rejects] == [5, 6]
    assert "Sort" in rejects[0].fix


def test_json_of_other_systems(tmp_path: Path) -> None:
    row = {
        "product_id": 17,
        "name": "Lamp",
        "categories": ["Home", "Lamps"],
        "price": 19.99,
        "currency": "USD",
        "features": ["bright", "light"],
        "images": [{"large": "http://x/1.jpg"}, "http://x/2.jpg"],
        "details": "A lamp",
        "attributes": [{"name": "watt", "value": 5}, {"name": "fits", "value": ["E14"]}],
        "variants": [{"sku": "a", "color": "red", "price": "18 USD"}, {"sku": "b", "stock": 0}],
        "dimensions": {"w": 1},
        "rating": 4.5,
    }
    (product,) = strictly(tmp_path / "x.jsonl", json.dumps(row))
    assert product == Product(
        "17",
        title="Lamp",
        description="A lamp",
        bullets=("bright", "light"),
        category=("Home", "Lamps"),
        attributes={"watt": 5.0, "fits": ("E14",), "rating": 4.5},
        media=(ImageRef("http://x/1.jpg"), ImageRef("http://x/2.jpg")),
        variants=(Variant("a", {"color": "red"}, Money(1800, "USD")), Variant("b", price=Money(1999, "USD"), stock=0)),
        extra={"dimensions": {"w": 1}},
    )


def test_bad_values_within_variants_name_the_variant(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "variants": [{"sku": "a", "price": "free", "stock": 2}, {"sku": "b", "media": [{"kind": "smell"}]}],
    }
    found, rejects = read(tmp_path / "x.jsonl", json.dumps(row))
    assert found[0].variants == (Variant("a", stock=2), Variant("b"))
    assert [reject.column for reject in rejects] == ["variants[0].price", "variants[1].media"]


def test_columns_that_come_late_are_known_too(tmp_path: Path) -> None:
    lines = [json.dumps({"id": n}) for n in range(1500)]
    found = strictly(tmp_path / "x.jsonl", "\n".join([*lines, json.dumps({"id": "z", "brand": "B", "new": 1})]))
    assert found[-1] == Product("z", brand="B", attributes={"new": 1.0})


def test_rejects_are_mended_and_fed_in_again(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,title,price\n1,Lamp,cheap\n,Desk,5 USD\n3,Bed,7 USD\n")
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        assert len(list(read_feed(tmp_path / "x.csv", rejects=rejects))) == 2
    text = (tmp_path / "rejects.jsonl").read_text()
    mended = text.replace('"price": "cheap"', '"price": "3 USD"').replace('"id": ""', '"id": "2"')
    found = strictly(tmp_path / "mended.jsonl", mended)
    assert [(product.id, product.title, str(product.price)) for product in found] == [
        ("1", "Lamp", "3.00 USD"),
        ("2", "Desk", "5.00 USD"),
    ]


def test_rejects_are_not_read_while_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "rejects.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match="rejects are written to"):
        read_feed(tmp_path / "rejects.jsonl", rejects=Rejects(tmp_path / "rejects.jsonl"))


def test_notes_say_what_was_sniffed_and_matched(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes("货号;名称;颜色\n1;北欧风格台灯;白色\n".encode("gb18030"))
    notes = "\n".join(read_feed(tmp_path / "x", rejects=Rejects.to_memory()).notes)
    for part in (
        "GB18030",
        "separated by ';'",
        "'名称' is read as title",
        "'货号' is taken for it",
        "attributes: '颜色'",
    ):
        assert part in notes


def test_a_feed_can_be_read_twice(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("id\n1\n2\n")
    feed = read_feed(tmp_path / "x", rejects=Rejects.to_memory())
    assert list(feed) == list(feed) == [(2, Product("1")), (3, Product("2"))]


def test_header_only_gives_nothing(tmp_path: Path) -> None:
    assert strictly(tmp_path / "x", "id,title\n") == []


@pytest.mark.parametrize("currency", ["usd", "XYZ", ""])
def test_unknown_currency_of_the_feed(currency: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown currency"):
        read(tmp_path / "x", "id\n1\n", currency=currency)


@pytest.mark.parametrize(
    ("cell", "attributes"),
    [
        ("颜色：红；尺码：L", {"颜色": "红", "尺码": "L"}),
        ('{"size": "5", "n": 5}', {"size": "5", "n": 5.0}),
        ("just words", {"attributes": "just words"}),
        ('["light", "warm"]', {"attributes": ("light", "warm")}),
    ],
)
def test_a_column_of_attributes(cell: str, attributes: dict[str, Any], tmp_path: Path) -> None:
    quoted = cell.replace('"', '""')
    assert strictly(tmp_path / "x", f'id,attributes\n1,"{quoted}"\n') == [Product("1", attributes=attributes)]
