"""Prices, dates, stock, titles, languages and damaged texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from goodsense.catalog.money import Money
from goodsense.catalog.product import Product, Variant
from goodsense.quality.languages import language_of, repaired
from goodsense.quality.titles import shouts, stuffed
from tests.quality.catalogs import TODAY, cases, found_in, sound


def priced(product: Product, minor: int, *, listed: int | None = None) -> Product:
    list_price = None if listed is None else Money(listed, "EUR")
    return replace(product, variants=(Variant(f"{product.id}-s", price=Money(minor, "EUR"), list_price=list_price),))


def test_prices_far_from_their_category_and_the_slip_behind_them() -> None:
    products = sound()
    products[4] = priced(products[4], 20_500)
    products[5] = priced(products[5], 21)
    products[6] = priced(products[6], 9_000)
    found = cases(found_in(products), "price_outlier")
    assert found.keys() == {"p4", "p5", "p6"}
    assert (found["p4"].expected, found["p5"].expected, found["p6"].expected) == ("20.50 EUR", "21.00 EUR", None)
    assert (found["p4"].score or 0) > 3.5 > -3.5 > (found["p5"].score or 0)


def test_prices_that_differ_between_categories_are_no_outliers() -> None:
    products = [priced(product, 1000 if product.category[1] == "Kitchen" else 90_000) for product in sound()]
    assert "price_outlier" not in found_in(products)


def test_prices_that_cannot_be() -> None:
    products = sound()
    products[1], products[2] = priced(products[1], 0), priced(products[2], -2000)
    products[3], products[4] = priced(products[3], 2000, listed=1500), priced(products[4], 2000, listed=2500)
    found = found_in(products)
    assert set(cases(found, "price_not_positive")) == {"p1", "p2"}
    assert set(cases(found, "list_price_below_price")) == {"p3"}


def test_dates_in_the_future() -> None:
    products = sound(4)
    days = (0, 1, 3, 4000)
    products = [replace(p, updated=TODAY + timedelta(days=day)) for p, day in zip(products, days, strict=True)]
    assert set(cases(found_in(products), "future_date")) == {"p2", "p3"}


@pytest.mark.parametrize(
    ("stock", "availability", "expected"),
    [
        (0, "in_stock", "out_of_stock"), (5, "out_of_stock", "in_stock"), (-1, "", 0),
        (0, "preorder", None), (0, "", None), (7, "in_stock", None),
    ],
)  # fmt: skip
def test_stock_against_availability(stock: int, availability: str, expected: object) -> None:
    variant = Variant("s", stock=stock, availability=availability)  # type: ignore[arg-type]
    found = cases(found_in([Product("a", title="Lamp", variants=(variant,))]), "stock_contradiction")
    assert {case.expected for case in found.values()} == ({expected} if expected is not None else set())


def test_descriptions_that_are_the_title() -> None:
    products = sound(3)
    products[1] = replace(products[1], description=products[1].title.upper() + "!")
    assert set(cases(found_in(products), "description_is_title")) == {"p1"}


@pytest.mark.parametrize("title", ["CLASSIC LEATHER BELT BLACK", "Buy now!!!", "特价！！！快抢", "GROẞE BLAUE DECKE"])
def test_shouting(title: str) -> None:
    assert shouts(title)


@pytest.mark.parametrize(
    "title", ["LEGO set", "USB-C HDMI hub", "NVIDIA RTX 4090 OC 24GB GDDR6X", "Wow! A lamp!", "红色 T恤 XXXL"]
)
def test_not_shouting(title: str) -> None:
    assert not shouts(title)


@pytest.mark.parametrize(
    ("title", "why"),
    [
        ("shoes shoes shoes for men", "repeated words"), ("玩具玩具玩具玩具", "repeated words"),
        ("Lamp, gift, cheap, best, new, hot, sale", "list"), ("台灯，礼物，便宜，新款，热卖，包邮", "list"),
        ("Lamp 🔥🔥🎁🎁", "emoji"), ("Lamp of brass", ""), ("Salt & pepper mill, wood, brown", ""),
        ("iPhone 15 Pro, 256 GB, 5G, USB-C, 48 MP, blue", ""),
        ("好好学习笔记本", ""),
    ],
)  # fmt: skip
def test_stuffed_titles(title: str, why: str) -> None:
    assert stuffed(title) == why


def test_long_titles_count_chinese_characters_twice() -> None:
    products = [
        Product("en", title="a" * 151),
        Product("zh", title="灯" * 76),
        Product("fine", title="a" * 150),
        Product("好", title="灯" * 75),
    ]
    assert set(cases(found_in(products), "long_title")) == {"en", "zh"}


# ---- languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A lamp for the kitchen and the garden, made of brass", "en"), ("适合厨房和花园的黄铜台灯", "zh"),
        ("Nike 运动鞋 男", "zh"),
        ("Une belle lampe pour la cuisine et le jardin, avec une ampoule", "fr"),
        ("Eine schöne Lampe für die Küche und den Garten, mit einer Birne", "de"),
        ("Это красивая настольная лампа для вашей кухни, она легко собирается", "ru"),
        ("台所と庭のための真鍮のランプです", "ja"), ("부엌과 정원을 위한 황동 램프", "ko"),
        ("Turtle Check Men Navy Blue Shirt", ""), ("WH-1000XM4", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_language_of_listings(text: str, language: str) -> None:
    assert language_of(text) == language


def test_products_in_another_language_than_the_catalog() -> None:
    french = Product(
        "fr", title="Une lampe pour la cuisine", description="Elle est belle et facile à monter dans la maison."
    )
    found = cases(found_in([*sound(), french]), "foreign_language")
    assert {id: (case.found, case.expected) for id, case in found.items()} == {"fr": ("fr", "en")}


def test_products_in_another_language_than_they_say() -> None:
    products = [replace(product, language="zh-Hans" if product.id == "p3" else "en-GB") for product in sound()]
    found = cases(found_in(products), "foreign_language")
    assert {id: (case.found, case.expected) for id, case in found.items()} == {"p3": ("en", "zh")}


def test_a_catalog_in_two_languages_has_none_too_many() -> None:
    chinese = [Product(f"z{n}", title=f"黄铜台灯 {n}", description="放在厨房或者花园里都很好看") for n in range(20)]
    assert "foreign_language" not in found_in([*sound(), *chinese])


def test_titles_in_two_languages() -> None:
    products = [
        Product("mixed", title="红色小汽车 little toy car for children"),
        Product("brand", title="Maple Fox Toys 红色小汽车", brand="Maple Fox Toys"),
        Product("model", title="索尼 WH-1000XM4 无线耳机 USB-C"),
        Product("plain", title="红色小汽车"),
    ]
    assert set(cases(found_in(products), "mixed_language_title")) == {"mixed"}


# ---- damage


@pytest.mark.parametrize(
    ("damaged", "sound_text"),
    [
        ("cafÃ© lamp", "café lamp"),
        ("中国台灯".encode().decode("latin-1"), "中国台灯"),
        ("中国台灯".encode("gb18030").decode("latin-1"), "中国台灯"),
        ("中国红色台灯".encode().decode("gb18030"), "中国红色台灯"),
        ("caf\ufffd", ""),
        ("锟斤拷锟斤拷", ""),
    ],
)
def test_encoding_damage_is_undone_where_it_can_be(damaged: str, sound_text: str) -> None:
    assert repaired(damaged) == sound_text


@pytest.mark.parametrize(
    "text", ["café", "中国台灯", "naïve façade", "ÄÖÜ", "Smörgåsbord – 50 €", "плед", "真鍮のランプ", "¿Qué?"]
)
def test_sound_texts_stay(text: str) -> None:
    assert repaired(text) is None


def test_damage_and_markup_are_told_by_field() -> None:
    products = sound()
    products[1] = replace(products[1], title="cafÃ© lamp")
    products[2] = replace(products[2], description="<p>A lamp</p> &amp; more")
    products[3] = replace(products[3], description="a < b and R&D stay")
    products[4] = replace(products[4], brand="MÃ¼ller")
    found = found_in(products)
    assert {id: (case.field, case.expected) for id, case in cases(found, "mojibake").items()} == {
        "p1": ("title", "café lamp"), "p4": ("brand", "Müller"),
    }  # fmt: skip
    assert {id: case.field for id, case in cases(found, "html_in_text").items()} == {"p2": "description"}


def test_personal_data_is_told_by_kind_and_not_repeated() -> None:
    products = sound()
    products[1] = replace(products[1], description="有问题请打电话13912345678联系")
    products[2] = replace(products[2], description="Write to jane.doe@gmail.com for more")
    finding = found_in(products, personal={"phone": 7})["personal_data"]
    assert {case.id: case.group for case in finding.cases} == {"p1": "phone", "p2": "mail"}
    assert not any("13912345678" in str(case.found) or "jane.doe" in str(case.found) for case in finding.cases)
    assert finding.detail == {"by kind": {"phone": 1, "mail": 1}, "elsewhere": {"phone": 7}}
