"""Every cleaning step on products whose clean form is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from goodsense.catalog import Money, Product, Variant
from goodsense.quality.cleaning import Plan, Step, fit_steps, run_steps
from goodsense.types import AudioRef, ImageRef
from tests.catalog.catalogs import PRODUCTS


def step(**settings: Any) -> Step:
    return Plan.model_validate({"step": [settings]}).step[0]


def cleaned(*products: Product, **settings: Any) -> list[Product]:
    return list(run_steps(fit_steps([step(**settings)], lambda: products), products))


def titled(title: str, **settings: Any) -> str:
    (product,) = cleaned(Product("1", title), **settings)
    return product.title


@pytest.mark.parametrize(
    ("settings", "before", "after"),
    [
        ({"do": "whitespace"}, "  Red \t lamp  ", "Red lamp"),
        ({"do": "width"}, "ＬＥＤ　台灯（暖光），１２Ｗ", "LED 台灯（暖光），12W"),
        ({"do": "width"}, "ＬＥＤ （ｒｅｄ）！", "LED (red)!"),
        ({"do": "html"}, "<b>Lamp</b> &amp; shade<br>new", "Lamp & shade\nnew"),
        ({"do": "html"}, "a < b", "a < b"),
        ({"do": "mojibake"}, "dÃ©cor", "décor"),
        ({"do": "case"}, "RED LAMP WITH USB3 PORT", "Red Lamp with USB3 Port"),
        ({"do": "case", "to": "sentence", "keep": ["IKEA"]}, "IKEA RED LAMP", "IKEA red lamp"),
        ({"do": "case"}, "Red LAMP", "Red LAMP"),
        ({"do": "case"}, "LED", "LED"),
        ({"do": "case"}, "台灯 LED 护眼", "台灯 LED 护眼"),
        ({"do": "script"}, "無線藍牙耳機", "无线蓝牙耳机"),
        ({"do": "script", "to": "zh-hant"}, "无线耳机", "無線耳機"),
        ({"do": "script"}, "plain text", "plain text"),
        ({"do": "redact"}, "台灯 联系 13812345678", "台灯 联系 [PHONE]"),
    ],
)
def test_texts_are_tidied(settings: dict[str, Any], before: str, after: str) -> None:
    assert titled(before, **settings) == after


@pytest.mark.parametrize("do", ["whitespace", "width", "html", "mojibake", "case", "script"])
@settings(max_examples=40, deadline=None)
@given(product=PRODUCTS)
def test_text_steps_keep_ids_and_are_stable(do: str, product: Product) -> None:
    (once,) = cleaned(product, do=do)
    assert once.id == product.id
    if do not in ("html", "mojibake"):  # damage may be nested; each run takes off one layer
        assert cleaned(once, do=do) == [once]


def test_only_limits_a_text_step_to_products() -> None:
    a, b = cleaned(Product("a", " x "), Product("b", " x "), do="whitespace", only=["b"])
    assert (a.title, b.title) == (" x ", "x")


def test_one_spelling_for_many_in_every_kind_of_field() -> None:
    product = Product(
        "1",
        brand="NIKE",
        category=("Shoe", "Run"),
        attributes={"colour": ("Rot", "blue")},
        variants=(Variant("1", {"colour": "Rot"}),),
    )
    (brand,) = cleaned(product, do="spelling", field="brand", values={"NIKE": "Nike"})
    (category,) = cleaned(product, do="spelling", field="category", values={"Shoe": "Shoes"})
    (colour,) = cleaned(product, do="spelling", field="attribute.colour", values={"Rot": "red"})
    (option,) = cleaned(product, do="spelling", field="option.colour", values={"Rot": "red"})
    assert brand.brand == "Nike"
    assert category.category == ("Shoes", "Run")
    assert colour.attributes == {"colour": ("red", "blue")}
    assert option.variants[0].options == {"colour": "red"}


def test_an_attribute_gets_one_name() -> None:
    a, b = cleaned(
        Product("a", attributes={"color": "red", "w": 1.0}),
        Product("b", attributes={"color": "red", "colour": "blue"}),
        do="rename",
        values={"color": "colour"},
    )
    assert a.attributes == {"w": 1.0, "colour": "red"}
    assert b.attributes == {"colour": "blue"}


def test_placeholders_become_missing() -> None:
    product = Product("1", "n/a", brand="暂无", attributes={"fits": ("N/A", "E14"), "size": "N/A"})
    assert titled("N/A", do="drop-values", field="title", values=["n/a"]) == ""
    (brand,) = cleaned(product, do="drop-values", field="brand", values=["暂无"])
    (attributes,) = cleaned(product, do="drop-values", field="attributes", values=["n/a"])
    assert brand.brand == ""
    assert attributes.attributes == {"fits": ("E14",)}
    (other,) = cleaned(product, do="drop-values", field="attribute.size", ids=["2"])
    assert other == product


def test_single_products_get_a_value() -> None:
    price = Product("1", variants=(Variant("1", price=Money(199900, "CNY")),))
    (done,) = cleaned(price, do="set", field="price", values={"1": 19.99})
    assert done.variants[0].price == Money(1999, "CNY")
    (colour,) = cleaned(Product("1"), do="set", field="attribute.colour", values={"1": "red"})
    assert colour.attributes == {"colour": "red"}


def shoes(*weights: float | None) -> list[Product]:
    return [
        Product(str(n), "Running shoe", category=("Shoes",), attributes={} if w is None else {"weight": w})
        for n, w in enumerate(weights)
    ]


@pytest.mark.parametrize(
    ("how", "expected"), [("mean", 4.0), ("median", 2.0), ("mode", 2.0), ("nearest", 4.0), ("constant", 7.0)]
)
def test_missing_values_are_filled(how: str, expected: float) -> None:
    value = {"value": 7.0} if how == "constant" else {}
    done = cleaned(*shoes(1.0, 2.0, 2.0, 11.0, None), do="fill", field="attribute.weight", **{"with": how}, **value)
    assert done[-1].attributes["weight"] == pytest.approx(expected)
    assert done[:-1] == shoes(1.0, 2.0, 2.0, 11.0)


def test_filling_stays_within_the_category_and_needs_enough_peers() -> None:
    others = [replace(product, id=f"x{product.id}", category=("Lamps",)) for product in shoes(90.0, 91.0, 92.0)]
    done = cleaned(*shoes(1.0, 2.0, None), *others, do="fill", field="attribute.weight", **{"with": "mean"})
    assert "weight" not in done[2].attributes
    done = cleaned(*shoes(1.0, 2.0, None), *others, do="fill", field="attribute.weight", least=2, **{"with": "mean"})
    assert done[2].attributes["weight"] == 1.5


def test_the_nearest_products_vote() -> None:
    known = [Product(f"n{n}", f"Nike Air running shoe {n}", brand="Nike") for n in range(5)]
    known += [Product(f"l{n}", f"Lux desk lamp {n}", brand="Lux") for n in range(5)]
    *_, done = cleaned(
        *known, Product("?", "Nike Air running shoe blue"), do="fill", field="brand", by="", **{"with": "nearest"}
    )
    assert done.brand == "Nike"
    *_, unlike = cleaned(*known, Product("?", "帐篷"), do="fill", field="brand", by="", **{"with": "nearest"})
    assert unlike.brand == ""


def test_products_without_a_value_may_go() -> None:
    assert cleaned(Product("1", "a"), Product("2"), do="fill", field="title", **{"with": "drop"}) == [Product("1", "a")]


@pytest.mark.parametrize(
    ("before", "after"),
    [("5,5 in", "13.97 cm"), ('10"', "25.4 cm"), ("12 cm", "12 cm"), ("3寸", "7.62 cm"), ("2 kg", "2 kg"), ("L", "L")],
)
def test_quantities_get_one_unit(before: str, after: str) -> None:
    (done,) = cleaned(Product("1", attributes={"w": before}), do="units", field="attribute.w", to="cm")
    assert done.attributes["w"] == after


def priced(*prices: int) -> list[Product]:
    return [
        Product(str(n), category=("Lamps",), variants=(Variant(str(n), price=Money(price, "USD")),))
        for n, price in enumerate(prices)
    ]


USUAL = (900, 950, 1000, 1050, 1100, 1000, 980, 1020, 1010, 990)


@pytest.mark.parametrize("method", ["robust-z", "iqr"])
def test_outliers_are_capped_emptied_or_dropped(method: str) -> None:
    products = priced(*USUAL, 99_900, 1)
    capped = cleaned(*products, do="outliers", field="price", method=method)
    assert [p.price.minor for p in capped[:10] if p.price] == list(USUAL)
    high, low = (p.price for p in capped[10:])
    assert high is not None
    assert low is not None
    assert 1100 < high.minor < 3000
    assert 300 < low.minor < 900
    emptied = cleaned(*products, do="outliers", field="price", method=method, action="empty")
    assert [p.price for p in emptied[10:]] == [None, None]
    assert cleaned(*products, do="outliers", field="price", method=method, action="drop") == products[:10]


def test_outliers_need_peers_and_spread() -> None:
    few = priced(*USUAL[:5], 99_900)
    same = priced(*[1000] * 20, 99_900)
    for products in (few, same):
        assert cleaned(*products, do="outliers", field="price") == products


def test_attribute_outliers() -> None:
    weights = [1.0, 1.1, 0.9, 1.2, 0.8, 1.05, 0.95, 1.0, 500.0]
    done = cleaned(*shoes(*weights), do="outliers", field="attribute.weight")
    assert [p.attributes["weight"] for p in done[:-1]] == weights[:-1]
    assert 1.2 < float(done[-1].attributes["weight"]) < 3  # type: ignore[arg-type]


def test_copies_become_the_best_with_what_it_lacks() -> None:
    poor = Product("a", "Lamp", brand="Lux", media=(ImageRef("1.jpg", "1" * 64),))
    rich = Product(
        "b",
        "Lamp",
        description="A lamp",
        attributes={"watt": 5.0},
        media=(ImageRef("2.jpg", "1" * 64), AudioRef("s.wav")),
        variants=(Variant("b", price=Money(1, "USD")),),
    )
    (done,) = cleaned(poor, rich, do="deduplicate", groups=[["a", "b"]])
    assert done == replace(rich, brand="Lux", extra={"merged_ids": ["a"]})
    (first,) = cleaned(poor, rich, do="deduplicate", groups=[["a", "b"]], keep="first")
    assert (first.id, first.description, first.variants) == ("a", "A lamp", rich.variants)
    assert first.media == (*poor.media, AudioRef("s.wav"))


def test_a_copy_that_is_gone_leaves_the_other_alone() -> None:
    assert cleaned(Product("a", "x"), do="deduplicate", groups=[["a", "b"]]) == [Product("a", "x")]


def test_variants_are_joined_and_parted() -> None:
    red = Product("r", "T-Shirt Nova red", attributes={"colour": "red", "fabric": "cotton"}, media=(ImageRef("r.jpg"),))
    blue = Product("b", "T-Shirt Nova blue", attributes={"colour": "blue", "fabric": "cotton"})
    (joint,) = cleaned(red, blue, do="merge-variants", groups=[["r", "b"]])
    assert (joint.id, joint.title, joint.attributes) == ("r", "T-Shirt Nova", {"fabric": "cotton"})
    assert [(v.sku, v.options) for v in joint.variants] == [("r", {"colour": "red"}), ("b", {"colour": "blue"})]
    one, two = cleaned(joint, do="split-variants", ids=["r"])
    assert (one.id, one.title, one.attributes["colour"]) == ("r", "T-Shirt Nova red", "red")
    assert (two.id, two.extra["split_from"]) == ("b", "r")
    assert cleaned(red, do="split-variants", ids=["r"]) == [red]


def test_products_and_media_are_dropped() -> None:
    product = Product(
        "1", media=(ImageRef("a", "0" * 64), ImageRef("b")), variants=(Variant("1", media=(ImageRef("b"),)),)
    )
    (done,) = cleaned(product, do="drop-media", media=["0" * 64, "b"])
    assert (done.media, done.variants[0].media) == ((), ())
    assert cleaned(product, Product("2"), do="drop", ids=["1"]) == [Product("2")]


def test_later_steps_see_what_earlier_ones_left() -> None:
    steps = [
        step(do="drop-values", field="brand", values=["N/A"]),
        step(do="fill", field="brand", by="", least=1, **{"with": "mode"}),
    ]
    products = [Product("1", brand="N/A"), Product("2", brand="N/A"), Product("3", brand="Lux")]
    done = list(run_steps(fit_steps(steps, lambda: products), products))
    assert [p.brand for p in done] == ["Lux"] * 3
