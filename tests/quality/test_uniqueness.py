"""Products that are there twice by their words, and duplicates across splits."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from goodsense.catalog.product import Product
from goodsense.quality.census import Census
from goodsense.quality.groups import Pair, grouped
from goodsense.quality.similar_texts import gram_hashes, same_words, similar_texts
from tests.quality.catalogs import cases, found_in, sound
from tests.quality.picture_defects import twin

CHINESE = [
    Product(f"z{n}", title=title, description=f"{text}，放在家里任何地方都很好看，全家人都喜欢。")
    for n, (title, text) in enumerate(
        [("枫狐黄铜台灯", "手工打磨的黄铜台灯"), ("榛月陶瓷花瓶", "景德镇烧制的花瓶"), ("小翎真丝围巾", "桑蚕丝的围巾"),
         ("芽巷实木书架", "橡木制作的书架"), ("努比努儿童风筝", "轻巧的纸风筝")]
    )
]  # fmt: skip


def test_a_product_put_up_again_is_found_in_both_languages() -> None:
    products = [*sound(), *CHINESE]
    again = [twin(product, Random(n)) for n, product in enumerate((products[4], products[9], *CHINESE[:2]))]
    found = cases(found_in([*products, *again]), "near_duplicate_text")
    expected = {"p4", "p9", "z0", "z1"}
    assert set(found) == expected | {f"{id}-again" for id in expected}
    assert {case.group for case in found.values()} == expected
    assert all((case.score or 0) >= 0.7 for case in found.values())


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"title": "Nordholm shelf number 3 for the garden"}, True),
        ({"title": "Nordholm shelf number 4 for the garden"}, False),
        ({"title": "Nordholm red shelf number 3 for the garden"}, True),
        ({"brand": "Südwind"}, False),
        ({"attributes": {"colour": "red"}}, False),
        ({"attributes": {"colour": "green"}}, True),
    ],
)
def test_facts_that_differ_make_products_differ(changes: dict[str, object], same: bool) -> None:
    text = (
        "A shelf for many things, which stands in the garden and lasts for years in all kinds of weather. Screws and "
        "brackets come with it; two people put it up within twenty minutes, and every board takes a child's weight."
    )
    one = Product("a", "Nordholm shelf number 3 for the garden", text, brand="Nordholm", attributes={"colour": "green"})
    other = replace(one, id="b", **changes)  # type: ignore[arg-type]
    assert bool(similar_texts(Census.of([*sound(), one, other]))) is same


def test_the_same_words() -> None:
    assert same_words("NEW! Red canvas shoees", "Canvas shoes red")
    assert same_words("2026新款 红色小汽车 包邮", "红色小汽车")
    assert not same_words("Red canvas shoes", "Red leather shoes")
    assert not same_words("红色小汽车", "蓝色大卡车")


def test_hashes_depend_on_every_character() -> None:
    one = gram_hashes(np.frombuffer("abcdabce".encode("utf-32-le"), np.uint32))
    assert len(one) == 5
    assert len(set(one.tolist())) == 5


def test_duplicates_across_splits() -> None:
    products = [replace(product, split=("train", "val", "test")[n % 3]) for n, product in enumerate(sound())]
    leaking = replace(twin(products[2], Random(1)), split="train")
    within = replace(twin(products[3], Random(2)), split="train")
    found = cases(found_in([*products, leaking, within]), "split_leak")
    assert {id: (case.found, case.expected) for id, case in found.items()} == {
        "p2": ("test", "train"),
        "p2-again": ("train", None),
    }
    assert "split_leak" not in found_in([replace(product, split="") for product in (*products, leaking)])


def test_pairs_make_groups() -> None:
    names = [str(n) for n in range(9)]
    pairs = [Pair(1, 2, 0.8), Pair(5, 4, 0.9, ("five", "four")), Pair(2, 7, 0.7), Pair(1, 7, 0.75)]
    first, second = grouped(pairs, names)
    assert (first.name, [(member.row, member.score) for member in first.members]) == (
        "1",
        [(1, 0.8), (2, 0.8), (7, 0.75)],
    )
    assert (second.name, [member.found for member in second.members]) == ("4", ["four", "five"])
    assert grouped([], names) == []
