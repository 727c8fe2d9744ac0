"""Results of Shopify's bulk queries as Shopify gives them."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import read_feed, write_feed
from goodsense.catalog.feeds.families import Families
from goodsense.errors import DataError
from goodsense.tables import Reject, Rejects
from goodsense.types import ImageRef, VideoRef

ONE, TWO = "gid://shopify/Product/1921569226808", "gid://shopify/Product/1921569259576"
NODES: list[dict[str, Any]] = [
    {
        "id": ONE,
        "title": "亚麻T恤",
        "handle": "linen-tee",
        "descriptionHtml": "<p>轻薄透气</p>",
        "vendor": "优衣",
        "productType": "T恤",
        "category": {"id": "gid://shopify/TaxonomyCategory/aa-1", "fullName": "Apparel & Accessories > Clothing"},
        "tags": ["夏季", "linen"],
        "status": "ACTIVE",
        "onlineStoreUrl": "https://shop.example/products/linen-tee",
        "updatedAt": "2025-01-31T08:30:00Z",
        "featuredImage": {"url": "https://cdn.example/0.jpg"},
        "priceRangeV2": {"minVariantPrice": {"amount": "59.9", "currencyCode": "CNY"}},
        "seo": {"title": None, "description": "T"},
        "templateSuffix": None,
    },
    {"id": TWO, "title": "Lamp", "tags": [], "vendor": "Lux"},
    {
        "id": "gid://shopify/ProductVariant/11",
        "sku": "T-R",
        "title": "红色 / S",
        "price": "59.90",
        "compareAtPrice": "79.90",
        "barcode": "4006381333931",
        "inventoryQuantity": 3,
        "inventoryPolicy": "DENY",
        "inventoryItem": {"tracked": True},
        "selectedOptions": [{"name": "颜色", "value": "红色"}, {"name": "Size", "value": "S"}],
        "image": {"url": "https://cdn.example/red.jpg"},
        "position": 1,
        "__parentId": ONE,
    },
    {"id": "gid://shopify/ProductVariant/21", "sku": "", "price": "10", "availableForSale": False, "__parentId": TWO},
    {"id": "gid://shopify/ProductVariant/12", "sku": "T-B", "price": "61", "inventoryQuantity": 0, "__parentId": ONE},
    {
        "id": "gid://shopify/MediaImage/5",
        "image": {"url": "https://cdn.example/1.jpg", "altText": "正面"},
        "__parentId": ONE,
    },
    {"id": "gid://shopify/Video/6", "sources": [{"url": "https://cdn.example/v.mp4"}], "__parentId": ONE},
    {"id": "gid://shopify/MediaImage/7", "image": {"url": "https://cdn.example/0.jpg"}, "__parentId": ONE},
    {"namespace": "custom", "key": "fabric", "value": "linen", "type": "single_line_text_field", "__parentId": ONE},
    {
        "namespace": "custom",
        "key": "fits",
        "value": '["a","b"]',
        "type": "list.single_line_text_field",
        "__parentId": ONE,
    },
    {"namespace": "custom", "key": "code", "value": "007", "type": "single_line_text_field", "__parentId": ONE},
    {"namespace": "reviews", "key": "rating", "value": '{"value":"4.5"}', "type": "rating", "__parentId": ONE},
    {
        "id": "gid://shopify/Metafield/9",
        "namespace": "custom",
        "key": "weight",
        "value": "210",
        "type": "number_integer",
        "__parentId": "gid://shopify/ProductVariant/12",
    },
]


def read(lines: list[str], path: Path) -> tuple[list[Product], tuple[Reject, ...], tuple[str, ...]]:
    path.write_text("\n".join(lines) + "\n")
    rejects = Rejects.to_memory()
    feed = read_feed(path, rejects=rejects, currency="USD")
    assert feed.format == "shopify-jsonl"
    return [product for _, product in feed], rejects.first, feed.notes


def dumped(nodes: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(node, ensure_ascii=False) for node in nodes]


def test_a_bulk_result(tmp_path: Path) -> None:
    (tee, lamp), rejects, _ = read(dumped(NODES), tmp_path / "bulk.jsonl")
    assert rejects == ()
    assert (tee.id, tee.title, tee.brand, tee.description) == ("1921569226808", "亚麻T恤", "优衣", "<p>轻薄透气</p>")
    assert tee.category == ("Apparel & Accessories", "Clothing")
    assert tee.attributes == {
        "Type": "T恤",
        "Tags": ("夏季", "linen"),
        "fabric": "linen",
        "fits": ("a", "b"),
        "code": "007",
    }
    assert tee.media == (
        ImageRef("https://cdn.example/0.jpg"),
        ImageRef("https://cdn.example/1.jpg"),
        VideoRef("https://cdn.example/v.mp4"),
    )
    assert (tee.url, tee.updated) == (
        "https://shop.example/products/linen-tee",
        datetime(2025, 1, 31, 8, 30, tzinfo=UTC),
    )
    assert tee.variants == (
        Variant(
            "T-R",
            {"颜色": "红色", "Size": "S"},
            Money(5990, "CNY"),
            Money(7990, "CNY"),
            "in_stock",
            3,
            "4006381333931",
            (ImageRef("https://cdn.example/red.jpg"),),
        ),
        Variant("T-B", price=Money(6100, "CNY"), availability="out_of_stock", stock=0),
    )
    assert tee.extra == {
        "handle": "linen-tee",
        "status": "ACTIVE",
        "seo": {"title": None, "description": "T"},
        "rating": '{"value":"4.5"}',
        "image_alt": {"https://cdn.example/1.jpg": "正面"},
        "variant_fields": {"T-R": {"id": "11", "position": 1}, "T-B": {"id": "12", "weight": 210.0}},
    }
    assert lamp.variants == (Variant("21", price=Money(1000, "USD"), availability="out_of_stock"),)


def test_the_order_of_lines_means_nothing_but_that_of_siblings(tmp_path: Path) -> None:
    ordered, _, _ = read(dumped(NODES), tmp_path / "a.jsonl")
    children = NODES[2:]
    late = [NODES[1], NODES[0], *(node for node in children if "key" in node)]
    shuffled, rejects, _ = read(dumped(late + [node for node in children if "key" not in node]), tmp_path / "b.jsonl")
    assert rejects == ()
    assert sorted(shuffled, key=lambda one: one.title) == sorted(ordered, key=lambda one: one.title)


def test_children_inside_their_product_are_read_too(tmp_path: Path) -> None:
    node = {
        "id": ONE,
        "title": "Tee",
        "variants": {"edges": [{"node": {"sku": "a", "price": {"amount": "5", "currencyCode": "EUR"}}}]},
        "images": {"nodes": [{"url": "https://cdn.example/1.jpg"}]},
        "metafields": [{"namespace": "custom", "key": "fabric", "value": "linen"}],
    }
    (tee,), rejects, _ = read(dumped([node]), tmp_path / "x.jsonl")
    assert rejects == ()
    assert tee.variants == (Variant("a", price=Money(500, "EUR")),)
    assert tee.media == (ImageRef("https://cdn.example/1.jpg"),)
    assert tee.attributes == {"fabric": "linen"}


def test_what_cannot_be_taken_is_rejected_or_told(tmp_path: Path) -> None:
    lines = dumped(
        [
            {"id": ONE, "title": "Tee"},
            {"id": "gid://shopify/ProductVariant/1", "price": "cheap", "barcode": "123", "__parentId": ONE},
            {"id": "gid://shopify/ProductVariant/2", "price": "5", "__parentId": "gid://shopify/Product/404"},
            {"title": "nobody"},
            {"id": "gid://shopify/Collection/1", "title": "Summer"},
            {"id": "gid://shopify/InventoryLevel/1", "available": 1, "__parentId": ONE},
            {"id": "gid://shopify/ProductVariant/7", "sku": "x", "__parentId": "gid://shopify/ProductVariant/7"},
        ]
    )
    (tee,), rejects, notes = read([*lines, "{broken"], tmp_path / "x.jsonl")
    assert [one.sku for one in tee.variants] == ["1"]
    assert sorted((bad.row, bad.column, bad.scope) for bad in rejects) == [
        (2, "barcode", "field"),
        (2, "price", "field"),
        (3, "__parentId", "row"),
        (4, "id", "row"),
        (8, "", "row"),
    ]
    assert all(bad.file == str(tmp_path / "x.jsonl") and bad.fix for bad in rejects)
    assert any("Collection" in note for note in notes)
    assert any("InventoryLevel" in note for note in notes)
    assert any(note.startswith("1 objects that hang on no product") for note in notes)


def test_the_database_keeps_families_together_in_any_order() -> None:
    rng = random.Random(5)
    members = [(f"p{n}", None) for n in range(20)]
    members += [(f"v{n}", f"p{n % 20}") for n in range(100)] + [(f"m{n}", f"v{n % 100}") for n in range(50)]
    rng.shuffle(members)
    with Families() as families:
        for number, (name, parent) in enumerate(members, 1):
            families.add(number, {"name": name}, names=(name,), parent=parent)
        families.close_input()
        found = list(families.families(lambda member: pytest.fail(str(member))))
        assert list(families.orphans()) == []
    parents = dict(members)
    for root, *others in found:
        assert parents[root.record["name"]] is None
        assert root.parent is None
        for other in others:
            above = parents[other.record["name"]]
            assert above == root.record["name"] or parents[above or ""] == root.record["name"]
    assert sorted(member.number for family in found for member in family) == list(range(1, 171))


def test_an_id_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        write_feed([Product("\x01")], tmp_path / "x", format="shopify-jsonl")
