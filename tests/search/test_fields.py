"""What of a product can be filtered."""

from __future__ import annotations

from goodsense.catalog import Money, Product, Variant
from goodsense.search.fields import field_table, product_fields
from goodsense.types import AudioRef, ImageRef

SHOE = Product(
    id="1",
    title="Runner",
    brand="Puma",
    category=("Shoes", "Running"),
    attributes={"Color": "Red", "waterproof": True, "weight": 0.5, "brand": "sub", "material": ("mesh", "rubber")},
    language="en",
    media=(AudioRef("a.wav"),),
    split="train",
    variants=(
        Variant("s1", {"color": "Blue", "size": "42"}, Money(5000, "EUR"), availability="in_stock", stock=2, gtin="9"),
        Variant("s2", {"color": "Red", "size": "43"}, Money(4000, "EUR"), availability="out_of_stock", stock=0),
        Variant("s3", {}, Money(6000, "USD"), Money(7000, "USD"), "in_stock", 1, media=(ImageRef("b.jpg"),)),
    ),
)


def test_every_field_of_a_product() -> None:
    assert product_fields(SHOE) == {
        "brand": ("Puma",),
        "category": ("Shoes", "Shoes > Running", "Running"),
        "language": ("en",),
        "split": ("train",),
        "in_stock": (True,),
        "stock": (3.0,),
        "availability": ("in_stock", "out_of_stock"),
        "gtin": ("9",),
        "sku": ("s1", "s2", "s3"),
        "has_image": (True,),
        "has_audio": (True,),
        "has_video": (False,),
        "price.EUR": (50.0,),  # the cheaper one cannot be bought
        "price.USD": (60.0,),
        "list_price.USD": (70.0,),
        "Color": ("Red", "Blue"),  # options join the attribute of their name
        "waterproof": (True,),
        "weight": (0.5,),
        "attribute.brand": ("sub",),
        "material": ("mesh", "rubber"),
        "size": ("42", "43"),
    }


def test_what_a_product_does_not_say_is_missing() -> None:
    assert product_fields(Product("1")) == {"has_image": (False,), "has_audio": (False,), "has_video": (False,)}


def test_stock_of_zero_is_a_value() -> None:
    fields = product_fields(Product("1", variants=(Variant("s", stock=0),)))
    assert fields["stock"] == (0.0,)
    assert fields["in_stock"] == (False,)


def test_a_sold_out_product_keeps_its_price() -> None:
    sold_out = Variant("s", price=Money(999, "CNY"), availability="out_of_stock")
    assert product_fields(Product("1", variants=(sold_out,)))["price.CNY"] == (9.99,)


def test_names_that_goodsense_uses_are_set_apart() -> None:
    fields = product_fields(Product("1", attributes={"Price.EUR": "x", "STOCK": 3.0, "attribute.a": "y", "price": "z"}))
    assert fields["attribute.Price.EUR"] == ("x",)
    assert fields["attribute.STOCK"] == (3.0,)
    assert fields["attribute.attribute.a"] == ("y",)
    assert fields["attribute.price"] == ("z",)


def test_a_table_has_one_row_per_product() -> None:
    table, n = field_table([Product("1"), SHOE, Product("3", brand="Nike")])
    assert n == 3
    assert {len(column) for column in table.values()} == {3}
    assert table["brand"] == [(), ("Puma",), ("Nike",)]
    assert table["size"] == [(), ("42", "43"), ()]
    assert field_table([]) == ({}, 0)
