"""JSON-LD files: documents, arrays, graphs, pages, reviews, and what is written."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import jsonld, read_feed, write_feed
from goodsense.catalog.feeds.reviews import reviews_in
from goodsense.errors import DataError, UsageError
from goodsense.tables import Reject, Rejects
from goodsense.types import AudioRef, ImageRef, VideoRef


def read(path: Path, data: bytes | str, **options: Any) -> tuple[list[Product], tuple[Reject, ...]]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    rejects = Rejects.to_memory()
    feed = read_feed(path, rejects=rejects, **options)
    assert feed.format == "jsonld"
    return [product for _, product in feed], rejects.first


def node(sku: str, **more: Any) -> dict[str, Any]:
    return {"@context": "https://schema.org/", "@type": "Product", "sku": sku, "name": f"台灯 {sku}"} | more


NODES = [node(str(n), offers={"price": f"{n}.50", "priceCurrency": "CNY"}) for n in range(3)]
GRAPH = {"@context": "https://schema.org", "@graph": NODES}
FORMS = {
    "lines": "\n".join(json.dumps(one) for one in NODES),
    "array": json.dumps(NODES),
    "graph": json.dumps(GRAPH, indent=2),
    "graph on a line": json.dumps(GRAPH),
    "graph among lines": json.dumps(GRAPH) + "\n" + json.dumps({"@type": "Organization"}),
    "array of graphs": json.dumps([GRAPH]),
    "spread objects": "\n".join(json.dumps(one, indent=1) for one in NODES),
    "page": f'<html><script type="application/ld+json">{json.dumps(NODES)}</script></html>',
    "list page": '<!doctype html><html><script type="application/ld+json">'
    + json.dumps({"@type": "ItemList", "itemListElement": [{"item": one} for one in NODES]})
    + "</script>",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_gives_the_same_products(form: str, packed: bool, tmp_path: Path) -> None:
    data = FORMS[form].encode()
    found, rejects = read(tmp_path / "feed", gzip.compress(data) if packed else data)
    assert rejects == ()
    assert [product.id for product in found] == ["0", "1", "2"]
    assert [product.price for product in found] == [Money(n * 100 + 50, "CNY") for n in range(3)]
    assert found[0].title == "台灯 0"


def test_a_graph_beyond_the_limit_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonld, "_DOCUMENT", 1000)
    many = {"@context": "https://schema.org", "@graph": [node(str(n)) for n in range(500)]}
    for text in (json.dumps(many, indent=1), json.dumps(many)):
        found, rejects = read(tmp_path / "feed", text)
        assert len(found) == 500
        assert rejects == ()


def test_media_measures_and_properties(tmp_path: Path) -> None:
    one = node(
        "1",
        image=["a.jpg", {"@type": "ImageObject", "url": "b.jpg"}, {"@type": "ImageObject", "caption": "none"}],
        video={"@type": "VideoObject", "contentUrl": "v.mp4", "embedUrl": "https://player.example/1"},
        audio=[{"@type": "AudioObject", "contentUrl": "s.mp3"}],
        weight={"@type": "QuantitativeValue", "value": 1.5, "unitCode": "KGM"},
        color=["red", "blue"],
        material="",
        category={"@type": "CategoryCode", "name": "家居 > 灯具"},
        brand=[{"@type": "Brand", "name": "Lux"}],
        inLanguage="zh_CN",
        gtin13="4006381333931",
        additionalProperty=[
            {"@type": "PropertyValue", "name": "功率", "value": 5, "unitText": "W"},
            {"name": "dimmable", "value": True},
            {"name": "range", "minValue": 2, "maxValue": 5, "unitCode": "MTR"},
            {"name": "nothing"},
            "no property",
        ],
        aggregateRating={"ratingValue": "4,5", "ratingCount": 12},
        award="Best lamp",
        dateModified="2025-01-31",
    )
    (product,), rejects = read(tmp_path / "feed", json.dumps(one))
    assert rejects == ()
    assert product.media == (ImageRef("a.jpg"), ImageRef("b.jpg"), AudioRef("s.mp3"), VideoRef("v.mp4"))
    assert product.attributes == {
        "weight": "1.5 kg",
        "color": ("red", "blue"),
        "功率": "5 W",
        "dimmable": True,
        "range": "2-5 m",
        "rating": 4.5,
        "review_count": 12.0,
    }
    assert (product.category, product.brand, product.language) == (("家居", "灯具"), "Lux", "zh-CN")
    assert product.variants == (Variant("1", gtin="4006381333931"),)
    assert product.extra == {"award": "Best lamp"}
    assert product.updated is not None


def test_several_offers(tmp_path: Path) -> None:
    def offer(price: float, **more: Any) -> dict[str, Any]:
        return {"@type": "Offer", "price": price, "priceCurrency": "EUR"} | more

    own = [offer(5, sku="a"), offer(6, sku="b", availability="http://schema.org/SoldOut")]
    sellers = [offer(9, availability="InStock", seller={"name": "x"}), offer(7, availability="OutOfStock")]
    aggregate = {"@type": "AggregateOffer", "lowPrice": "3.00", "highPrice": "8.00", "priceCurrency": "EUR"}
    struck = {"priceType": "https://schema.org/StrikethroughPrice", "price": 20}
    lines = [
        node("1", offers=own),
        node("2", offers=sellers),
        node("3", offers=aggregate),
        node("4", offers=aggregate | {"offers": own}),
        node("5", offers=offer(15, priceSpecification=[struck, {"price": 1, "validForMemberTier": "gold"}])),
        node("6", offers={"price": 4}),
    ]
    text = "\n".join(map(json.dumps, lines))
    found, rejects = read(tmp_path / "feed", text)
    assert rejects == ()
    prices = [[(v.sku, v.price and v.price.minor, v.availability) for v in product.variants] for product in found]
    assert prices == [
        [("a", 500, ""), ("b", 600, "out_of_stock")],
        [("2", 900, "in_stock")],
        [("3", 300, "")],
        [("a", 500, ""), ("b", 600, "out_of_stock")],
        [("5", 1500, "")],
        [("6", None, "")],
    ]
    assert found[4].variants[0].list_price == Money(2000, "EUR")
    assert found[5].attributes == {"price": 4.0}
    assert found[1].extra == {"offer": {"seller": {"name": "x"}}}
    assert read(tmp_path / "feed", text, currency="CNY")[0][5].price == Money(400, "CNY")


def test_what_is_written_is_plain_schema_org(tmp_path: Path) -> None:
    variants = tuple(
        Variant(f"T-{n}", {"size": size, "袖长": "短"}, Money(1999, "USD"), Money(2500, "USD"), "in_stock")
        for n, size in enumerate("SL")
    )
    products = [
        Product("T", title="Tee", bullets=("soft",), attributes={"color": "red", "rating": 4.5}, variants=variants),
        Product("L", title="</script><b>", variants=(Variant("L", {}, Money(500, "JPY"), gtin="4006381333931"),)),
    ]
    write_feed(products, tmp_path / "feed", format="jsonld")
    assert "<" not in (tmp_path / "feed").read_text("utf-8"), "it would end the script that it may stand in"
    group, lone = (json.loads(line) for line in (tmp_path / "feed").read_text("utf-8").splitlines())
    assert (group["@context"], group["@type"], group["productGroupID"]) == ("https://schema.org", "ProductGroup", "T")
    assert group["variesBy"] == ["https://schema.org/size", "袖长"]
    first = group["hasVariant"][0]
    assert (first["sku"], first["size"], first["name"]) == ("T-0", "S", "Tee")
    assert first["additionalProperty"] == [{"@type": "PropertyValue", "name": "袖长", "value": "短"}]
    assert first["offers"]["price"] == "19.99"
    assert first["offers"]["availability"] == "https://schema.org/InStock"
    assert first["offers"]["priceSpecification"]["priceType"] == "https://schema.org/StrikethroughPrice"
    assert group["aggregateRating"]["ratingValue"] == 4.5
    assert (lone["@type"], lone["productID"], lone["sku"], lone["gtin13"]) == ("Product", "L", "L", "4006381333931")
    assert lone["offers"] == {"@type": "Offer", "price": "500", "priceCurrency": "JPY"}
    assert not any("goodsense:kept" in one for one in (group, lone))
    assert read(tmp_path / "again", (tmp_path / "feed").read_bytes())[0] == products


def test_bad_documents_cost_themselves_only(tmp_path: Path) -> None:
    lines = [
        json.dumps(NODES[0]),
        '{"@type": "Product", "sku": "x", "name": ' + "[" * 100_000,
        '{"@type": "Product", "sku": "a\\u0000b"}',
        '{"@type": "Product", "name": "no id"}',
        '{"@type": "Product", "sku": "first", "sku": "last"}',
        '{"@type": ["Product", 5, null], "sku": 5, "name": [{"@value": "list"}], "offers": [[], "x", {"price": []}]}',
        '{"@type": "Product", "sku": "k", "goodsense:kept": {"@value": {"title": [1], "stray": 1, "variants": 5}}}',
        json.dumps(node("long", description="x" * (1 << 21))),
        json.dumps(NODES[1]),
    ]
    found, rejects = read(tmp_path / "feed", "\n".join(lines))
    assert [product.id for product in found] == ["0", "last", "5", "k", "1"]
    rows = [(reject.row, reject.scope) for reject in rejects]
    assert rows == [(2, "row"), (3, "row"), (4, "row"), (7, "field"), (7, "field"), (7, "field"), (8, "row")]
    assert all(reject.reason and reject.fix and reject.file == str(tmp_path / "feed") for reject in rejects)


def test_rejects_are_a_feed_again(tmp_path: Path) -> None:
    (tmp_path / "feed").write_text(json.dumps({"@type": "Product", "name": "no id"}))
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        assert list(read_feed(tmp_path / "feed", rejects=rejects)) == []
    mended = (tmp_path / "rejects.jsonl").read_text().replace('"name": "no id"', '"name": "no id", "sku": "7"')
    assert [product.id for product in read(tmp_path / "mended", mended)[0]] == ["7"]


def test_damaged_documents_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"feed"):
        read(tmp_path / "feed", json.dumps(GRAPH, indent=1)[:-30])


def test_a_mapping_does_not_apply(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"schema\.org"):
        read(tmp_path / "feed", FORMS["lines"], mapping={"title": "name"})


def test_reviews_of_products() -> None:
    review = {
        "@type": "Review",
        "@id": "r1",
        "author": {"@type": "Person", "name": "小王"},
        "reviewRating": {"ratingValue": "8", "bestRating": "10"},
        "name": "很好",
        "reviewBody": "亮度合适",
        "inLanguage": "zh",
        "datePublished": "2024-05-01",
    }
    bare = {"@type": "Review", "author": "Ann", "description": "fine"}
    alone = {"@type": "Review", "reviewRating": 4, "itemReviewed": {"@type": "Product", "sku": "9", "review": "odd"}}
    found = reviews_in({"@graph": [node("7", review=[review, bare, "no review"]), alone]})
    assert found[0] == {
        "id": "r1",
        "product": "7",
        "user": "小王",
        "rating": 4.0,
        "title": "很好",
        "text": "亮度合适",
        "language": "zh",
        "time": "2024-05-01",
    }
    assert (found[1]["user"], found[1]["text"], found[1]["rating"]) == ("Ann", "fine", None)
    assert [(one["product"], one["rating"]) for one in found[2:]] == [("9", 4.0)]
    assert reviews_in({"@type": "Product", "review": bare}, product="url")[0]["product"] == "url"


def test_media_of_a_saved_page_start_from_its_own_address(tmp_path: Path) -> None:
    page = '<html lang="zh"><meta charset="gbk"><link rel="canonical" href="https://a.example/p/1">{}</html>'
    block = f'<script type="application/ld+json">{json.dumps(node("1", image=["/i/1.jpg", "beside.jpg"]))}</script>'
    (product,), rejects = read(tmp_path / "page.html", page.format(block).encode("gbk"))
    assert (product.media, rejects) == ((ImageRef("https://a.example/i/1.jpg"), ImageRef("beside.jpg")), ())
    (product,), _ = read(tmp_path / "page.html", page.replace("canonical", "next").format(block))
    assert product.media == (ImageRef("/i/1.jpg"), ImageRef("beside.jpg"))
