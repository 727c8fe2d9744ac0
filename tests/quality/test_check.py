"""The check as a whole: what every finding says, and catalogs that have nothing, little, or far too much."""

from __future__ import annotations

import time

import pytest

from goodsense.catalog.product import Product, Variant
from goodsense.quality.census import LONGEST, Census
from goodsense.quality.check import DETECTORS, check
from goodsense.quality.finding import DIMENSIONS, SEVERITIES
from goodsense.quality.kinds import KINDS, finding
from goodsense.types import ImageRef
from tests.quality.catalogs import TODAY, cases, found_in, sound
from tests.quality.defects import SPOILERS
from tests.quality.picture_defects import PICTURES
from tests.quality.scoring import TWINS


def test_a_sound_catalog_shows_nothing_but_that_it_has_no_pictures() -> None:
    found = found_in(sound())
    assert set(found) == {"absent_field"}
    assert found["absent_field"].detail == {"fields": ["image"]}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_speaks_both_languages_and_says_what_to_do(kind: str) -> None:
    said = KINDS[kind]
    assert said.dimension in DIMENSIONS
    assert said.severity in SEVERITIES
    assert "{n}" in said.what_en
    assert "{n}" in said.what_zh
    assert not any("\u4e00" <= char <= "\u9fff" for char in said.what_en + said.fix_en)
    assert all(any("\u4e00" <= char <= "\u9fff" for char in text) for text in (said.what_zh, said.fix_zh))
    assert said.command.startswith("goodsense ")
    assert " SHOP" in said.command


def test_every_kind_is_tried_with_a_defect_put_in() -> None:
    assert set(KINDS) == {*SPOILERS, *PICTURES, *TWINS, "absent_field"}


def test_detectors_are_registered_once_and_documented() -> None:
    assert len(set(DETECTORS)) == len(DETECTORS)
    assert all(detector.__doc__ for detector in DETECTORS)


def test_counts_stand_in_the_sentences() -> None:
    assert finding("missing_title", []) == []
    products = [*sound(1), *(Product(f"p{number}", title="") for number in range(1, 1201))]
    found = found_in(products)["missing_title"]
    assert found.what == {"en": "1,200 without a title.", "zh": "1,200 件商品没有标题。"}
    assert found.count == len(found.ids) == 1200


def test_findings_come_by_dimension_and_gravity() -> None:
    found = check(Census.of([Product("a"), Product("b", title="N/A")]), today=TODAY.date())
    order = [(DIMENSIONS.index(one.dimension), SEVERITIES.index(one.severity)) for one in found]
    assert order == sorted(order)


def test_an_empty_catalog_has_no_findings() -> None:
    assert found_in([]) == {}


def test_a_catalog_of_one() -> None:
    assert set(found_in(sound(1))) == {"missing_picture"}


def test_products_of_which_nothing_is_known() -> None:
    found = found_in(Product(str(number)) for number in range(30))
    assert set(found) == {"absent_field"}
    assert found["absent_field"].count == 30
    assert found["absent_field"].what["zh"].startswith("所有商品都没有")


def test_a_single_product_of_which_nothing_is_known() -> None:
    fields = "title description brand category price picture".split()
    assert set(found_in([Product("a")])) == {f"missing_{field}" for field in fields}


def test_texts_of_a_megabyte_stay_bounded() -> None:
    mega = 1_000_000
    pieces = ("!", "a", "ab ", "<", "&amp;", "ÃÂ", "浣犲ソ", "红色，", "1,5 cm ", "🔥", "\u0000\ud800")
    texts = [piece * (mega // len(piece)) for piece in pieces]
    products = [
        Product(
            f"p{number}",
            title=text,
            description=text,
            brand=text,
            category=(text, text),
            attributes={"colour": text, "size": text, text[:5]: text, "many": tuple(text[:50])},
            variants=(Variant(text[:300], options={"colour": text}, gtin=text[:1000]),),
            media=(ImageRef(text[:3000]),),
        )
        for number, text in enumerate(texts)
    ]
    started = time.process_time()
    census = Census.of(products)
    found = {one.kind: one for one in check(census, today=TODAY.date())}
    assert time.process_time() - started < 15
    assert max(map(len, census.titles)) == LONGEST
    assert cases(found, "long_title").keys() >= {f"p{number}" for number in range(9)}
    assert all(len(str(case.found)) <= LONGEST for one in found.values() for case in one.cases)


def test_a_census_keeps_every_product_once() -> None:
    census = Census.of([Product("a", title="one"), Product("b"), Product("a", title="two")])
    assert census.ids == ["a", "b"]
    assert census.titles == ["one", ""]
    assert census.repeated == ["a"]


def test_progress_is_told() -> None:
    stages: list[tuple[str, int, int | None]] = []
    check(Census.of(sound(5)), today=TODAY.date(), progress=lambda *told: stages.append(told))
    assert stages[-1] == ("check", len(DETECTORS), len(DETECTORS))
