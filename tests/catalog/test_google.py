"""Google Merchant feeds: what they carry comes back, what they cannot carry is written down."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import read_feed, write_feed
from goodsense.catalog.feeds.google import LOSSES
from goodsense.catalog.product import AttributeValue
from goodsense.tables import Rejects
from goodsense.types import AudioRef, ImageRef, VideoRef

# Text that RSS carries unchanged: XML characters without white space around them.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"], include_characters="\n\t\r"), min_size=1, max_size=20
).filter(lambda text: text == text.strip() and not text.startswith("\ufeff"))
IDS = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True)
WORDS = st.one_of(
    TEXT, st.sampled_from(["=1", "a,b", "a:b", "a\\b", '"x"', "'=x", "red", "a|b", "&amp;", "<b>", "]]>"])
)
NAMES = st.sampled_from(["color", "size", "volume", "容量", "a:b,c", "x\\y"])
PLAIN = st.sampled_from(["red", "blue & green", "1,5 l", "a:b", "c\\d", "红色"])
MONEY = st.builds(Money, st.integers(1, 10**7), st.sampled_from(["USD", "CNY", "JPY"]))
ATTRIBUTES: st.SearchStrategy[dict[str, AttributeValue]] = st.dictionaries(
    NAMES, st.one_of(PLAIN, st.booleans(), st.integers(-99, 99).map(float), st.just(("a", "b"))), max_size=3
)


def variants(product_id: str) -> st.SearchStrategy[tuple[Variant, ...]]:
    priced = st.one_of(
        st.just((None, None)), st.tuples(MONEY, st.none()), MONEY.map(lambda m: (m, Money(m.minor + 1, m.currency)))
    )
    one = st.builds(
        lambda sku, options, prices, availability, gtin: Variant(
            sku, options, *prices, availability=availability, gtin=gtin
        ),
        st.one_of(IDS, st.just(product_id)),
        st.dictionaries(NAMES, PLAIN, max_size=2),
        priced,
        st.sampled_from(["", "in_stock", "out_of_stock", "preorder", "backorder"]),
        st.sampled_from(["", "4006381333931"]),
    )
    return st.lists(one, max_size=3).map(tuple)


@st.composite
def products(draw: st.DrawFn) -> Product:
    id = draw(IDS)
    links = draw(st.lists(WORDS, max_size=3, unique=True))
    return Product(
        id=id,
        title=draw(WORDS),
        description=draw(WORDS),
        bullets=tuple(draw(st.lists(WORDS, max_size=2))),
        brand=draw(WORDS),
        category=tuple(draw(st.lists(WORDS, max_size=3))),
        attributes=draw(ATTRIBUTES),
        url=draw(WORDS),
        media=tuple(ImageRef(link) for link in links),
        variants=draw(variants(id)),
        extra=draw(st.dictionaries(st.sampled_from(["custom_label_0", "mpn", "condition"]), WORDS, max_size=2)),
    )


def again(found: list[Product], path: Path, format: str) -> list[Product]:
    write_feed(found, path, format=format)
    rejects = Rejects.to_memory()
    back = [product for _, product in read_feed(path, format=format, rejects=rejects)]
    assert not rejects.first
    return back


@pytest.mark.parametrize("name", ["google-tsv", "google-xml"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(products(), min_size=1, max_size=3, unique_by=lambda product: product.id))
def test_what_a_feed_carries_comes_back(found: list[Product], name: str, tmp_path: Path) -> None:
    assert again(found, tmp_path / "feed", name) == found


FULL = Product("1", title="Lamp", media=(ImageRef("a.jpg"),), variants=(Variant("1", price=Money(100, "USD")),))
VARIANT = FULL.variants[0]
LOST = {
    "language, updated, split": replace(FULL, language="en", split="val"),
    "stock": replace(FULL, variants=(replace(VARIANT, stock=3),)),
    "audio, video, sha256": replace(FULL, media=(ImageRef("a.jpg", "0" * 64), AudioRef("s.wav"), VideoRef("v.mp4"))),
    "list_price without price": replace(
        FULL, variants=(VARIANT, Variant("2", list_price=Money(5, "USD")), Variant("3", price=None))
    ),
    "gtin with a wrong check digit": replace(FULL, variants=(replace(VARIANT, gtin="4006381333932"),)),
    "extra": replace(FULL, extra={"size_guide": {"S": 1}, "Not Plain": "x", "title": "y"}),
    "pictures of variants": replace(FULL, variants=(replace(VARIANT, media=(ImageRef("v.jpg"),)),)),
}


@pytest.mark.parametrize("loss", LOST)
@pytest.mark.parametrize("name", ["google-tsv", "google-xml"])
def test_what_is_lost_is_only_that(loss: str, name: str, tmp_path: Path) -> None:
    assert loss in LOSSES
    expected = FULL
    if loss == "list_price without price":
        expected = replace(FULL, variants=(VARIANT, Variant("2"), Variant("3")))
    assert again([LOST[loss]], tmp_path / "feed", name) == [expected]


def test_every_loss_is_shown_or_needs_no_product() -> None:
    assert set(LOSSES) - set(LOST) == {"attributes", "white space and control characters"}


@pytest.mark.parametrize("name", ["google-tsv", "google-xml"])
def test_attributes_come_back_as_a_table_reads_them(name: str, tmp_path: Path) -> None:
    product = Product("1", attributes={"n": "5", "leading": "007", "empty": ""})
    assert again([product], tmp_path / "feed", name)[0].attributes == {"n": 5.0, "leading": "007"}


def test_white_space_around_texts_and_control_characters_go_in_rss(tmp_path: Path) -> None:
    product = Product("1", title="  a\x01b\n")
    assert again([product], tmp_path / "feed", "google-xml") == [Product("1", title="ab")]
    assert again([product], tmp_path / "feed", "google-tsv") == [product]


def test_a_feed_as_shops_write_it(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(
        """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>
<title>Shop</title><link>http://shop</link>
<item>
  <title>RSS title</title><g:title>Shirt &amp; tie</g:title>
  <link>http://shop/1</link>
  <g:id>S-red</g:id><g:item_group_id>S</g:item_group_id><g:color>red</g:color><g:size>42</g:size>
  <g:image_link>http://shop/red.jpg</g:image_link>
  <g:additional_image_link>http://shop/red2.jpg</g:additional_image_link>
  <g:additional_image_link>http://shop/red3.jpg</g:additional_image_link>
  <g:price>25.00 USD</g:price><g:sale_price>19.99 USD</g:sale_price><g:availability>in stock</g:availability>
  <g:product_type>Clothing &gt; Shirts</g:product_type><g:google_product_category>212</g:google_product_category>
  <g:product_detail><g:section_name>General</g:section_name><g:attribute_name>Fit</g:attribute_name>
    <g:attribute_value>slim</g:attribute_value></g:product_detail>
  <g:product_highlight>Soft, light</g:product_highlight><g:custom_label_0>summer</g:custom_label_0>
  <g:gtin>4006381333931</g:gtin>
  <g:shipping><g:country>US</g:country><g:price>5 USD</g:price></g:shipping>
</item>
<item>
  <g:title>Shirt &amp; tie, blue</g:title><link>http://shop/2</link><g:id>S-blue</g:id>
  <g:item_group_id>S</g:item_group_id><g:color>blue</g:color><g:image_link>http://shop/blue.jpg</g:image_link>
  <g:price>25.00 USD</g:price><g:availability>out of stock</g:availability>
  <g:product_detail><g:section_name>General</g:section_name><g:attribute_name>Fit</g:attribute_name>
    <g:attribute_value>slim</g:attribute_value></g:product_detail>
</item>
</channel></rss>"""
    )
    feed = read_feed(tmp_path / "feed.xml", rejects=Rejects.to_memory(strict=True))
    assert feed.format == "google-xml"
    ((number, product),) = feed
    assert number == 1
    assert (product.id, product.title, product.category) == ("S", "Shirt & tie", ("Clothing", "Shirts"))
    assert product.attributes == {"Fit": "slim"}
    assert product.bullets == ("Soft, light",)
    assert [ref.uri for ref in product.media] == [f"http://shop/red{n}.jpg" for n in ("", "2", "3")]
    red, blue = product.variants
    assert red == Variant(
        "S-red",
        {"color": "red", "size": "42"},
        Money(1999, "USD"),
        Money(2500, "USD"),
        availability="in_stock",
        gtin="4006381333931",
    )
    assert (blue.sku, blue.options, blue.availability) == ("S-blue", {"color": "blue"}, "out_of_stock")
    assert blue.media == (ImageRef("http://shop/blue.jpg"),)
    assert product.extra["google_product_category"] == "212"
    assert product.extra["custom_label_0"] == "summer"
    assert product.extra["variant_fields"]["S-blue"] == {"title": "Shirt & tie, blue", "url": "http://shop/2"}


def test_tsv_as_shops_write_it(tmp_path: Path) -> None:
    (tmp_path / "feed.txt").write_text(
        "id\ttitle\tlink\timage_link\tadditional_image_link\tprice\tavailability\tproduct_highlight\tproduct_detail\n"
        'L1\t24" lamp "warm"\thttp://x/1\thttp://x/1.jpg\thttp://x/2,5.jpg,http://x/3.jpg\t1.299,00 EUR\tpreorder\t'
        "Bright,Light\tGeneral:Colour:red,:Ratio:16\\:9\n"
    )
    feed = read_feed(tmp_path / "feed.txt", rejects=Rejects.to_memory(strict=True))
    assert feed.format == "google-tsv"
    ((_, product),) = feed
    assert product.title == '24" lamp "warm"'
    assert [ref.uri for ref in product.media] == ["http://x/1.jpg", "http://x/2,5.jpg", "http://x/3.jpg"]
    assert product.price == Money(129900, "EUR")
    assert product.bullets == ("Bright", "Light")
    assert product.attributes == {"Colour": "red", "Ratio": "16:9"}
