import json

from hypothesis import given, settings

from goodsense.catalog import Money, Product, Variant, text_fields
from goodsense.catalog.product import TEXT_FIELDS, content_hash, dumps, from_json, to_json
from goodsense.types import AudioRef, ImageRef
from tests.catalog.catalogs import PRODUCTS


@settings(max_examples=60, deadline=None)
@given(PRODUCTS)
def test_json_and_back(product: Product) -> None:
    text = json.dumps(to_json(product))
    again = from_json(json.loads(text))
    assert again == product
    assert dumps(again) == dumps(product)


def test_empty_fields_are_left_out() -> None:
    assert to_json(Product("1")) == {"id": "1"}
    assert from_json({"id": "1"}) == Product("1")


def test_order_of_attributes_does_not_matter_to_the_canonical_text() -> None:
    assert dumps(Product("1", attributes={"a": "x", "b": "y"})) == dumps(Product("1", attributes={"b": "y", "a": "x"}))


def test_stock_of_zero_is_known() -> None:
    sold_out = Variant("a", stock=0)
    assert sold_out.in_stock is False
    assert to_json(Product("1", variants=(sold_out,)))["variants"] == [{"sku": "a", "stock": 0}]
    assert Product("1").in_stock is None
    assert Product("1", variants=(sold_out, Variant("b", availability="in_stock"))).in_stock is True


def test_price_is_the_lowest_that_can_be_bought() -> None:
    cheap = Variant("a", price=Money(100, "USD"), stock=0)
    dear = Variant("b", price=Money(300, "USD"), stock=2)
    assert Product("1", variants=(cheap, dear)).price == Money(300, "USD")
    assert Product("1", variants=(cheap,)).price == Money(100, "USD")
    assert Product("1", variants=(dear, Variant("c", price=Money(1, "EUR")))).price is None


def test_images_come_once_and_own_ones_first() -> None:
    a, b = ImageRef("a.jpg"), ImageRef("b.jpg")
    product = Product("1", media=(a, AudioRef("s.wav")), variants=(Variant("v", media=(b, a)),))
    assert product.images == (a, b)


def test_text_fields_say_attributes_and_options() -> None:
    product = Product(
        "1",
        title="Lamp",
        attributes={"dimmable": True, "watt": 5.0, "fit": ("E27", "E14")},
        variants=(Variant("v", {"c": "red"}),),
    )
    assert text_fields(product) == {"title": "Lamp", "attributes": "dimmable watt 5 fit E27 E14 red"}
    assert set(text_fields(product)) <= set(TEXT_FIELDS)


def test_hash_is_of_the_content() -> None:
    assert content_hash("货") == content_hash("货".encode())
    assert content_hash("a") != content_hash("b")
    assert len(content_hash("")) == 32
