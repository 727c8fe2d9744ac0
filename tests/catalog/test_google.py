"""Google Merchant feeds as shops write them; round trips are tested in test_round_trips.py."""

from pathlib import Path

from goodsense.catalog import Money, Product, Variant
from goodsense.catalog.feeds import read_feed
from goodsense.tables import Rejects
from goodsense.types import ImageRef
from tests.catalog.round_trips import again


def test_tsv_keeps_white_space_and_control_characters(tmp_path: Path) -> None:
    product = Product("1", title="  a\x01b\n")
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
