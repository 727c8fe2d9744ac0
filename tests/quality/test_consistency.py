"""Codes that are shared, titles that contradict fields, units, currencies and spellings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goodsense.catalog.money import Money
from goodsense.catalog.product import Product, Variant
from goodsense.quality.spelling import edit_distance, spelling_variants
from tests.quality.catalogs import cases, found_in, sound


def test_repeated_ids_come_from_the_feed_and_from_the_catalog() -> None:
    found = cases(found_in([*sound(5), *sound(1)], repeated=("p3", "p3")), "repeated_id")
    assert {id: case.score for id, case in found.items()} == {"p0": 1.0, "p3": 2.0}


def test_codes_of_several_products() -> None:
    products = sound()
    products[0] = replace(
        products[0], variants=(Variant("s1", gtin="4006381333931"), Variant("s1b", gtin="4006381333931"))
    )
    products[2] = replace(products[2], variants=(Variant("own", gtin="04006381333931"),))
    found = found_in(products)
    assert set(cases(found, "shared_sku")) == {"p0", "p1"}
    assert {case.group for case in found["shared_gtin"].cases} == {"4006381333931"}
    assert set(cases(found, "shared_gtin")) == {"p0", "p2"}
    assert {case.field for case in found["shared_gtin"].cases} == {"variant.s1.gtin", "variant.s1b.gtin", "gtin"}


def test_a_code_repeated_within_one_product_is_no_matter() -> None:
    twice = Product("a", title="Shirt of linen", variants=(Variant("x"), Variant("x")))
    assert "shared_sku" not in found_in([twice])


@pytest.mark.parametrize(
    ("one", "other"), [("Red Lamp", "red  lamp!"), ("红色 台灯", "红色台灯"), ("ＡＢＣ lamp", "abc Lamp")]
)
def test_same_titles(one: str, other: str) -> None:
    found = found_in([Product("a", title=one), Product("b", title=other), Product("c", title="something else")])
    assert set(cases(found, "same_title")) == {"a", "b"}
    assert {case.group for case in found["same_title"].cases} == {one}


# ---- contradictions


@pytest.mark.parametrize(
    ("title", "name", "value", "kind"),
    [
        ("Red canvas shoes", "colour", "Blue", "colour"),
        ("红色帆布鞋", "颜色", "蓝色", "colour"),
        ("红色帆布鞋", "颜色", "蓝", "colour"),
        ("Oak table, solid wood", "material", "plastic", "material"),
        ("纯棉T恤 白色", "材质", "涤纶", "material"),
        ("Running shoes for men", "gender", "Women", "gender"),
        ("女士风衣", "适用性别", "男", "gender"),
        ("Bottle 500 ml", "capacity", "750 ml", "size"),
        ("水壶 1.5升", "容量", "750毫升", "size"),
        ("迷你风扇", "尺寸", "大号", "size"),
    ],
)
def test_titles_that_contradict_attributes(title: str, name: str, value: str, kind: str) -> None:
    found = found_in([*sound(), Product("odd", title=title, attributes={name: value})])
    case = cases(found, f"{kind}_contradiction")["odd"]
    assert (case.field, case.found) == (f"attribute.{name}", value)
    assert str(case.expected).casefold() in title.casefold()


@pytest.mark.parametrize(
    ("title", "name", "value"),
    [
        ("Red and blue shoes", "colour", "blue"),
        ("Navy shirt", "baseColour", "Navy Blue"),
        ("Khaki trousers", "colour", "green"),
        ("藏青色外套", "颜色", "蓝色"),
        ("Redwood table", "colour", "brown"),
        ("Shoes for men and women", "gender", "Women"),
        ("男女通用雨衣", "性别", "男"),
        ("Bottle 0.5 l", "capacity", "500 ml"),
        ("Screen 15.6 inch", "size", "39.6 cm"),
        ("Denim shirt of cotton", "material", "cotton"),
    ],
)
def test_titles_that_agree(title: str, name: str, value: str) -> None:
    found = found_in([*sound(), Product("fine", title=title, attributes={name: value})])
    assert not [kind for kind in found if kind.endswith("_contradiction")]


def test_colours_inside_names_are_found_out_by_the_catalog() -> None:
    shoes = [
        Product(
            f"s{number}", title=f"Red Tape loafers {number}", attributes={"colour": "black" if number % 5 else "brown"}
        )
        for number in range(12)
    ]
    honest = [Product(f"h{number}", title=f"Red lamp {number}", attributes={"colour": "red"}) for number in range(12)]
    wrong = Product("wrong", title="Red vase", attributes={"colour": "green"})
    assert set(cases(found_in([*shoes, *honest, wrong]), "colour_contradiction")) == {"wrong"}


def test_the_brand_is_no_colour() -> None:
    product = Product("a", title="Black Diamond rope", brand="Black Diamond", attributes={"colour": "red"})
    assert "colour_contradiction" not in found_in([*sound(), product])


def test_attributes_that_no_variant_has() -> None:
    variants = tuple(Variant(colour, options={"Color": colour}) for colour in ("red", "green"))
    odd = Product("odd", title="Scarf", attributes={"color": "blue"}, variants=variants)
    fine = replace(odd, id="fine", attributes={"color": "red"}, variants=(replace(variants[0], sku="other"),))
    found = cases(found_in([odd, fine]), "colour_contradiction")
    assert found.keys() == {"odd"}
    assert found["odd"].expected == "green / red"


def test_brands_of_the_title_and_of_the_field() -> None:
    products = [
        Product(f"{brand}{number}", title=f"{brand} {thing} {number}", brand=brand)
        for brand, thing in (("Nordholm", "lamp"), ("Südwind", "kite"), ("小翎", "风筝"))
        for number in range(6)
    ]
    products += [
        Product("odd", title="Südwind kite 77", brand="Nordholm"),
        Product("怪", title="小翎风筝 大号", brand="Nordholm"),
    ]
    products += [
        Product("both", title="Nordholm lamp for Südwind", brand="Nordholm"),
        Product("none", title="Kite", brand="Nordholm"),
    ]
    found = cases(found_in(products), "brand_contradiction")
    assert {id: (case.found, case.expected) for id, case in found.items()} == {
        "odd": ("Nordholm", "Südwind"), "怪": ("Nordholm", "小翎"),
    }  # fmt: skip


# ---- units, decimals, currencies


def test_units_other_than_those_of_the_peers() -> None:
    products = sound()
    products[7] = replace(products[7], attributes={"weight": "500 g"})
    products[8] = replace(products[8], attributes={"weight": "3公斤"})
    products[9] = replace(products[9], attributes={"weight": "2 lb"})
    found = cases(found_in(products), "mixed_units")
    assert {id: case.expected for id, case in found.items()} == {"p7": "0.5 kg", "p9": "0.907185 kg"}


def test_no_unit_prevails_where_two_are_equally_usual() -> None:
    products = [Product(str(n), attributes={"length": f"{n} {'cm' if n % 2 else 'in'}"}) for n in range(20)]
    assert "mixed_units" not in found_in(products)


def test_decimal_commas_among_points_and_points_among_commas() -> None:
    products = [Product(f"a{n}", attributes={"width": f"{n}.5 cm"}) for n in range(9)]
    products += [Product("comma", attributes={"width": "5,5 cm"}), Product("thousand", attributes={"width": "5,500"})]
    products += [Product(f"b{n}", attributes={"rating": float(n) + 0.5}) for n in range(4)]
    products += [Product("rated", attributes={"rating": "4,5"})]
    found = cases(found_in(products), "decimal_comma")
    assert {id: case.expected for id, case in found.items()} == {"comma": "5.5 cm", "rated": "4.5"}
    german = [Product(f"c{n}", attributes={"width": f"{n},5 cm"}) for n in range(9)]
    found = cases(found_in([*german, Product("point", attributes={"width": "5.5 cm"})]), "decimal_comma")
    assert {id: case.expected for id, case in found.items()} == {"point": "5,5 cm"}


def test_currencies() -> None:
    products = sound()
    products[5] = replace(products[5], variants=(Variant("s5", price=Money(2100, "USD")),))
    assert {id: case.expected for id, case in cases(found_in(products), "mixed_currency").items()} == {"p5": "EUR"}
    half = [
        replace(p, variants=(Variant(f"v{n}", price=Money(2100, "USD" if n % 2 else "EUR")),))
        for n, p in enumerate(sound())
    ]
    assert "mixed_currency" not in found_in(half)


# ---- spellings


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        ("Nordholm", "NORDHOLM"), ("Nordholm", "nordholm "), ("Nordholm", "Nord-Holm"), ("Nordholm", "Nordhlom"),
        ("Nordholm", "Ｎｏｒｄｈｏｌｍ"), ("Nordholm", "Nordholn"), ("H & M", "H&M"), ("Müller", "Muller"),
        ("Shoes", "Shoe"), ("Accessories", "Accessory"), ("枫狐", "楓狐"), ("枫狐", "枫 狐"),
        ("海尔智家电器", "海尔智佳电器"), ("T恤", "t恤"),
    ],
)  # fmt: skip
def test_spellings_of_one_name(usual: str, other: str) -> None:
    assert spelling_variants({usual: 40, other: 1, "Something else": 9}) == {other: usual}


@pytest.mark.parametrize(
    ("one", "other", "counts"),
    [
        ("Brand12", "Brand13", (40, 1)), ("Skirts", "Shirts", (40, 900)), ("Nike", "Bike", (40, 1)),
        ("小米", "大米", (40, 1)), ("iPhone 12 Case", "iPhone 13 Case", (40, 1)),
    ],
)  # fmt: skip
def test_names_that_only_look_alike(one: str, other: str, counts: tuple[int, int]) -> None:
    assert spelling_variants(dict(zip((one, other), counts, strict=True))) == {}


def test_the_distance_between_words() -> None:
    assert [edit_distance("shoes", other) for other in ("shoes", "sheos", "shoe", "shoess", "shies", "boots")] == [
        0, 1, 1, 1, 1, 3,
    ]  # fmt: skip


def test_spellings_of_brands_categories_and_attributes() -> None:
    products = sound()
    products[0] = replace(products[0], brand="NORDHOLM")
    products[1] = replace(products[1], category=("Home", "kitchens"))
    products[2] = replace(products[2], attributes={"material": "Wood", "weight": "3 kg"})
    found = found_in(products)
    assert {case.expected for case in found["brand_spelling"].cases} == {"Nordholm"}
    assert [(case.id, case.found, case.expected) for case in found["category_spelling"].cases] == [
        ("p1", "kitchens", "Kitchen")
    ]
    assert [(case.id, case.found, case.expected) for case in found["attribute_spelling"].cases] == [
        ("p2", "Wood", "wood")
    ]
    assert found["brand_spelling"].detail == {"spellings": {"NORDHOLM": "Nordholm"}}
