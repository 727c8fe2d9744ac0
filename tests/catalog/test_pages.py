"""Products out of web pages: JSON-LD, microdata, OpenGraph, and what hostile pages do."""

import json
import random
import resource
import time

import pytest

from goodsense.catalog import Money, Variant
from goodsense.catalog.feeds.pages import PageProducts, products_in_page
from goodsense.types import AudioRef, ImageRef, VideoRef
from tests.catalog.mutations import mutate

URL = "https://shop.example/p/1.html"
LAMP = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Desk lamp",
    "sku": "L-1",
    "brand": {"@type": "Brand", "name": "Lux"},
    "image": ["/img/1.jpg", {"@type": "ImageObject", "contentUrl": "//cdn.example/2.jpg"}],
    "offers": {
        "@type": "Offer",
        "price": 19.99,
        "priceCurrency": "USD",
        "availability": "https://schema.org/InStock",
        "itemCondition": "http://schema.org/NewCondition",
    },
}
SECONDS = 5.0


def script(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f'<script type="application/ld+json">{text}</script>'


def page(body: str, head: str = "") -> PageProducts:
    return products_in_page(f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>', url=URL)


def test_json_ld_becomes_a_product() -> None:
    found = page("", script(LAMP))
    assert found.problems == ()
    (product,) = found.products
    assert (product.id, product.title, product.brand, product.language) == ("L-1", "Desk lamp", "Lux", "en")
    assert product.media == (ImageRef("https://shop.example/img/1.jpg"), ImageRef("https://cdn.example/2.jpg"))
    assert product.variants == (Variant("L-1", {}, Money(1999, "USD"), availability="in_stock"),)
    assert product.attributes == {"condition": "new"}


def test_graphs_references_and_nested_entities() -> None:
    graph = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "WebPage", "@id": "#page", "mainEntity": {"@id": "#product"}},
            {"@type": ["Product", "Thing"], "@id": "#product", "schema:name": "灯", "offers": [{"@id": "#offer"}]},
            {"@type": "schema:Offer", "@id": "#offer", "sku": "灯-1", "price": "59元", "availability": "InStock"},
            {"@type": "Organization", "name": "Shop", "hasOfferCatalog": {"itemListElement": []}},
        ],
    }
    (product,) = page("", script(graph)).products
    assert product.title == "灯"
    assert product.id == "灯-1"
    assert product.price == Money(5900, "CNY")


def test_a_group_has_variants_options_and_what_they_share() -> None:
    def variant(sku: str, size: str, price: str) -> dict[str, object]:
        offer = {"@type": "Offer", "price": price, "priceCurrency": "EUR"}
        return {"@type": "Product", "sku": sku, "size": size, "color": "blue", "name": f"Coat {size}", "offers": offer}

    group = {
        "@type": "ProductGroup",
        "productGroupID": "C",
        "name": "Coat",
        "variesBy": ["https://schema.org/size"],
        "hasVariant": [variant("C-s", "S", "10"), variant("C-l", "L", "12.5"), {"url": "https://shop.example/other"}],
    }
    (product,) = page("", script(group)).products
    assert product.id == "C"
    assert product.attributes == {"color": "blue"}
    assert [(v.sku, v.options, v.price) for v in product.variants] == [
        ("C-s", {"size": "S"}, Money(1000, "EUR")),
        ("C-l", {"size": "L"}, Money(1250, "EUR")),
    ]
    assert product.extra == {"variant_fields": {"C-s": {"title": "Coat S"}, "C-l": {"title": "Coat L"}}}


def test_variants_that_name_their_group_join_it() -> None:
    blocks = [
        {"@type": "ProductGroup", "@id": "#g", "productGroupID": "G", "name": "Coat", "variesBy": "color"},
        {"@type": "Product", "sku": "a", "color": "red", "isVariantOf": {"@id": "#g"}},
        {"@type": "Product", "sku": "b", "color": "blue", "inProductGroupWithID": "G"},
    ]
    (product,) = page("", script(blocks)).products
    assert [(v.sku, v.options) for v in product.variants] == [("a", {"color": "red"}), ("b", {"color": "blue"})]


@pytest.mark.parametrize(
    "text",
    [
        '<!-- {"@type": "Product", "sku": "1", "name": "a",} -->',
        '//<![CDATA[\n{"@type": "Product", "sku": "1", "name": "a"}\n//]]>',
        '/* <![CDATA[ */ {"@type": "Product", "sku": "1", "name": "a"}; /* ]]> */',
        '[{"@type": "Product", "sku": "1", "name": "a",},]',
        '\ufeff {"@type": "Product", "sku": "1", "name": "a"}',
    ],
)
def test_slightly_broken_json_is_forgiven(text: str) -> None:
    found = page("", script(text))
    assert found.problems == ()
    assert [product.title for product in found.products] == ["a"]


def test_line_breaks_inside_texts_are_forgiven_and_commas_kept() -> None:
    found = page("", script('{"@type": "Product", "sku": "1", "name": "a,}\n\tb", }'))
    assert found.products[0].title == "a,}\n\tb"


@pytest.mark.parametrize("text", ['{"@type": "Product"', "{'a': 1}", "[" * 100_000, '{"a": NaN}', '"' * 99_999])
def test_broken_json_is_reported_and_the_rest_read(text: str) -> None:
    found = page("", script(text) + script(LAMP))
    assert [product.id for product in found.products] == ["L-1"]
    (problem,) = found.problems
    assert "block 1" in problem.reason
    assert problem.file == URL
    assert problem.fix


MICRODATA = """
<div itemscope itemtype="https://schema.org/Product">
  <h1 itemprop="name">保温杯 <b>500ml</b></h1>
  <meta itemprop="sku" content="B-5"><link itemprop="url" href="/p/5">
  <img itemprop="image" src="b.jpg"><a itemprop="brand" href="/brands/x">膳魔师</a>
  <p itemprop="description">不锈钢<br>保温</p>
  <div itemprop="offers" itemscope itemtype="https://schema.org/Offer">
    <span itemprop="price" content="129.00">一百二十九</span><meta itemprop="priceCurrency" content="CNY">
    <link itemprop="availability" href="https://schema.org/OutOfStock">
  </div>
  <div itemprop="aggregateRating" itemscope itemtype="https://schema.org/AggregateRating">
    <span itemprop="ratingValue">4.5</span> of <span itemprop="reviewCount">1,204</span>
  </div>
  <div itemprop="review" itemscope itemtype="https://schema.org/Review"><b itemprop="name">Great</b></div>
</div>"""


def test_microdata_becomes_a_product() -> None:
    html = f'<html lang="zh-CN"><body itemscope itemtype="https://schema.org/WebPage">{MICRODATA}'
    (product,) = products_in_page(html, url=URL).products
    assert (product.id, product.title, product.brand) == ("B-5", "保温杯 500ml", "膳魔师")
    assert product.description == "不锈钢\n保温"
    assert product.url == "https://shop.example/p/5"
    assert product.media == (ImageRef("https://shop.example/p/b.jpg"),)
    assert product.variants == (Variant("B-5", {}, Money(12900, "CNY"), availability="out_of_stock"),)
    assert product.attributes == {"rating": 4.5, "review_count": 1204.0}
    assert product.language == "zh-CN"


OPEN_GRAPH = """<meta property="og:type" content="product"><meta property="og:title" content="Lamp &amp; shade">
<meta property="og:image" content="/og.jpg"><meta property="og:image" content="/og2.jpg">
<meta property="og:video" content="https://cdn.example/v.mp4"><meta property="og:audio" content="/a.mp3">
<meta property="product:price:amount" content="25.00"><meta property="product:price:currency" content="USD">
<meta property="product:sale_price:amount" content="20.00"><meta property="product:availability" content="instock">
<meta property="product:retailer_item_id" content="R-1"><meta property="og:locale" content="en_GB">"""


def test_open_graph_is_the_last_resort() -> None:
    (product,) = page("", OPEN_GRAPH).products
    assert (product.id, product.title, product.language) == ("R-1", "Lamp & shade", "en-GB")
    assert product.media == (
        ImageRef("https://shop.example/og.jpg"),
        ImageRef("https://shop.example/og2.jpg"),
        AudioRef("https://shop.example/a.mp3"),
        VideoRef("https://cdn.example/v.mp4"),
    )
    assert product.variants == (Variant("R-1", {}, Money(2000, "USD"), Money(2500, "USD"), "in_stock"),)


def test_an_article_is_no_product() -> None:
    head = '<meta property="og:type" content="article"><meta property="og:title" content="News">'
    assert page(script({"@type": "Article", "name": "News"}), head).products == ()


def test_fields_are_filled_in_the_order_of_trust() -> None:
    said = {"@type": "Product", "sku": "B-5", "name": "From JSON", "offers": {"price": "1", "priceCurrency": "CNY"}}
    (product,) = page(MICRODATA, script(said) + OPEN_GRAPH).products
    assert product.title == "From JSON"
    assert product.brand == "膳魔师"
    assert product.images == (ImageRef("https://shop.example/p/b.jpg"),)
    assert product.variants == (Variant("B-5", {}, Money(100, "CNY"), availability="out_of_stock"),)
    assert VideoRef("https://cdn.example/v.mp4") in product.media


def test_ids_come_from_any_source_and_last_from_the_address() -> None:
    nameless = script({"@type": "Product", "name": "x"})
    assert page(nameless, '<link rel="canonical" href="/p/1">').products[0].id == "https://shop.example/p/1"
    assert page(nameless).products[0].id == URL
    assert page(nameless, OPEN_GRAPH).products[0].id == "R-1"


def test_lists_are_told_from_the_pages_own_product() -> None:
    items = [{"@type": "ListItem", "position": n, "item": {"@type": "Product", "sku": f"{n}"}} for n in range(3)]
    found = page("", script({"@type": "ItemList", "itemListElement": items}) + script(LAMP))
    assert [product.id for product in found.products] == ["L-1"]
    assert [product.id for product in found.listed] == ["0", "1", "2"]


def test_related_products_in_microdata_fill_no_gaps() -> None:
    others = "".join(
        f'<div itemscope itemtype="http://schema.org/Product"><i itemprop="name">Other {n}</i>'
        f'<i itemprop="description">not yours</i><i itemprop="sku">O-{n}</i></div>'
        for n in range(4)
    )
    (product,) = page(others, script(LAMP)).products
    assert product.description == ""


def test_breadcrumbs_stand_in_for_a_category() -> None:
    names = ["首页", "家居", "灯具", "Desk lamp"]
    items = [{"position": str(n), "item": {"name": name, "@id": f"/{n}"}} for n, name in enumerate(names)]
    crumbs = {"@type": "BreadcrumbList", "itemListElement": items[::-1]}
    assert page("", script(LAMP) + script(crumbs)).products[0].category == ("家居", "灯具")


def test_addresses_robots_and_language() -> None:
    head = '<base href="https://cdn.example/x/"><link rel="Canonical" href="//shop.example/p/1">'
    head += '<meta name="Robots" content="NOINDEX, follow"><meta http-equiv="content-language" content="zh-CN,en">'
    body = (
        '<a href="a.html#top">a</a><a href="a.html">again</a><A HREF=" https://Other.example/b ">b</A>'
        '<a href="javascript:alert(1)">no</a><a href="mailto:x@y.example">no</a><a href="data:text/html,x">no</a>'
        '<a href="ftp://x.example/">no</a><a href="http://[bad/">no</a><a rel="nofollow" href="c">no</a><a>none</a>'
        '<area href="/d"><a href="file:///etc/passwd">no</a>'
    )
    found = products_in_page(f"<head>{head}</head><body>{body}", url=URL)
    assert found.links == ("https://cdn.example/x/a.html", "https://Other.example/b", "https://cdn.example/d")
    assert found.canonical == "https://shop.example/p/1"
    assert (found.noindex, found.nofollow, found.language) == (True, False, "zh-CN")


@pytest.mark.parametrize(
    ("codec", "content_type", "declared"),
    [
        ("gbk", "", '<meta charset="gbk">'),
        ("gb18030", "", '<meta http-equiv="Content-Type" content="text/html; charset=GB2312">'),
        ("gb18030", "text/html; charset=GBK", ""),
        ("gb18030", "", ""),
        ("utf-8", "", ""),
        ("utf-8-sig", "text/html; charset=gbk", ""),
        ("utf-16", "", ""),
        ("big5", "text/html; charset=Big5", ""),
    ],
)
def test_chinese_pages_in_their_encodings(codec: str, content_type: str, declared: str) -> None:
    html = f"<html><head>{declared}{script({'@type': 'Product', 'sku': '1', 'name': '不鏽鋼保溫杯'})}"
    found = products_in_page(html.encode(codec), url=URL, content_type=content_type)
    assert [product.title for product in found.products] == ["不鏽鋼保溫杯"]


def test_markup_in_a_title_stays_text() -> None:
    title = "<b>x</b><script>alert(1)</script>"
    escaped = json.dumps(title).replace("</", "<\\/")
    (product,) = page("", script(f'{{"@type": "Product", "sku": "1", "name": {escaped}}}')).products
    assert product.title == title
    meta = OPEN_GRAPH.replace("Lamp &amp; shade", "&lt;b&gt;x&lt;/b&gt; <b>y</b>")
    assert page("", meta).products[0].title == "<b>x</b> <b>y</b>"


def test_bad_values_are_left_out_and_named() -> None:
    bad = {"price": "on request", "priceCurrency": "XQQ", "availability": "maybe"}
    found = page("", script(LAMP | {"offers": bad, "gtin13": "123"}))
    assert found.products[0].title == "Desk lamp"
    columns = {problem.column for problem in found.problems}
    assert columns == {"offers.price", "offers.priceCurrency", "offers.availability", "gtin13"}
    assert all(problem.record["sku"] == "L-1" and problem.scope == "field" for problem in found.problems)


ITEM = '<div itemscope itemtype="http://schema.org/Product" itemprop="isRelatedTo"><p itemprop="name">x'
BOMBS = {
    "nested": "<div>" * 100_000,
    "nested items": ITEM * 20_000,
    "nested texts": '<div itemscope itemtype="http://schema.org/Product">' + '<p><i itemprop="name">x' * 9_000,
    "formatting": "<p>" + "".join(f"<b id={n}>" for n in range(4000)) + "<p>x" * 30_000,
    "end tags": "<x>" * 20_000 + "</y>" * 200_000,
    "attributes": "<div " + " ".join(f"a{n}=1" for n in range(100_000)) + ">",
    "hidden attributes": "<!-- <x y=' --><div " + "".join(f"a{n}='>'" for n in range(100_000)) + ">",
    "bodies": "".join(f"<body a{n}=1>" for n in range(20_000)),
    "names": f'<div itemscope itemtype="{"a " * 200_000}"><i itemprop="{"name " * 200_000}">x</i></div>',
    "openings": "<a" * 500_000,
    "quotes": '<a x="' * 200_000,
    "comments": "<!--" * 500_000,
    "scripts": "<script " * 200_000,
    "blocks": '<script type="application/ld+json">{' * 100_000,
    "escapes": script('"' + '\\"' * 300_000),
    "huge block": script('{"@type": "Product", "sku": "1", "name": "' + "x" * 3_000_000 + '"}'),
    "many products": script([{"@type": "Product", "sku": str(n)} for n in range(25_000)]),
    "many twins": script([{"@type": "Product", "name": "x"}] * 2) + ITEM.replace("itemprop", "title") * 3_000,
    "many faults": script(LAMP | {"additionalProperty": [{"name": "n", "value": [{}]}] * 20_000}),
    "loop": script({"@id": "a", "@type": "ProductGroup", "hasVariant": [{"@id": "a"}], "mainEntity": {"@id": "a"}}),
    "nul": "\0" * 100_000 + MICRODATA.replace("name", "na\0me"),
    "links": "<a href='" + "//" * 3_000 + "'>" + "".join(f"<a href=/{n}>" for n in range(30_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_hostile_pages_take_seconds_and_megabytes(name: str) -> None:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = page(BOMBS[name])
    assert time.process_time() - started < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"
    assert len(found.products) <= 1000
    assert len(found.links) <= 10_000


def damaged_pages(count: int, seed: int) -> int:
    """Read so many damaged pages, of which none may raise an error; how many products came out."""
    whole = f"<html><head>{script(LAMP)}{OPEN_GRAPH}</head><body>{MICRODATA}".encode()
    told = 0
    for case in range(count):
        _, html = mutate(whole, random.Random(f"{seed}/{case}"), packed=False)
        found = products_in_page(html, url=URL)
        told += len(found.products)
        assert all(product.id for product in found.products)
        assert all(problem.reason and problem.fix for problem in found.problems)
    return told


def test_damaged_pages_raise_nothing() -> None:
    assert damaged_pages(150, seed=1) > 100


def test_an_empty_page_says_nothing() -> None:
    assert products_in_page(b"") == PageProducts()
    assert products_in_page("just words").products == ()
