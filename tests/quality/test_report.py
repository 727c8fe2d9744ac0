"""Scores, trend and page of a check, from findings made by hand."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, Literal

import pytest

from goodsense.catalog import Money, Product, Variant
from goodsense.quality.census import Census
from goodsense.quality.charts import price_strips, ring, sparkline
from goodsense.quality.finding import Case, Finding, Severity
from goodsense.quality.page import coverage, render, shown_pictures
from goodsense.quality.report import QualityReport, Summary, chosen_examples
from goodsense.types import ImageRef

WHEN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SHA = "a" * 64
HOSTILE = '<script>alert("x")</script>&{{ 7*7 }}'


def finding(kind: str, severity: Severity, *cases: Case, dimension: Any = "completeness") -> Finding:
    what = {"en": f"{len(cases)} {kind}", "zh": f"{len(cases)} 件"}
    return Finding(
        kind, dimension, severity, what, {"en": "Mend it.", "zh": "修正。"}, cases, "goodsense clean SHOP --plan"
    )


def report(*findings: Finding, products: int = 10, earlier: tuple[Summary, ...] = ()) -> QualityReport:
    return QualityReport.of(findings, shop="toys", products=products, seq=3, when=WHEN, earlier=earlier)


def cases(*ids: str) -> list[Case]:
    return [Case(id) for id in ids]


def test_a_score_takes_of_each_product_its_worst_finding() -> None:
    found = report(
        finding("missing_title", "error", *cases("1", "2")),
        finding("missing_brand", "notice", *cases("1", "3")),
        finding("odd", "warning", *cases("1", "2", "3", "4"), dimension="accuracy"),
    )
    assert found.scores["completeness"] == pytest.approx(100 - 100 * (1 + 1 + 0.1) / 10)
    assert found.scores["accuracy"] == 80.0
    assert found.scores["uniqueness"] == 100.0
    assert found.score == pytest.approx((79 + 80 + 300) / 5)
    assert [f.kind for f in found.findings] == ["missing_title", "odd", "missing_brand"]
    assert report(products=0).score == 100.0


def test_the_trend_is_told_against_the_last_check() -> None:
    first = report(finding("a", "error", *cases("1", "2")), finding("gone", "error", *cases("1")))
    assert first.change("a") is None
    last = Summary.from_json(first.summary.to_json())
    second = report(finding("a", "error", *cases("1", "2", "3")), finding("b", "error", *cases("1")), earlier=(last,))
    assert (second.change("a"), second.change("b"), second.gone) == (1, 1, {"gone": 1})
    assert second.to_json()["findings"][0]["change"] == 1


def test_examples_are_whole_groups_or_the_highest_scores() -> None:
    grouped = finding("dup", "error", *(Case(f"{g}{n}", group=g) for g in "xyz" for n in range(4)))
    assert [case.id for case in chosen_examples(grouped, 6)] == ["x0", "x1", "x2", "x3"]
    scored = finding("odd", "error", Case("1", score=1.0), Case("2", score=-9.0), Case("2", score=3.0), Case("3"))
    assert [case.id for case in chosen_examples(scored, 2)] == ["2", "1"]


class _Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.stack: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in ("meta", "img", "input", "br"):
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def catalog() -> Census:
    products = [
        Product(
            str(n),
            HOSTILE if n == 0 else f"灯 {n}",
            brand="Lux",
            category=("Home", "Lamps"),
            attributes={"colour": "red"} if n % 2 else {},
            media=(ImageRef(f"{n}.jpg", SHA),) if n < 5 else (),
            variants=(Variant(str(n), price=Money(1000 + n, "CNY")),),
        )
        for n in range(10)
    ]
    return Census.of(products)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_stands_alone_and_escapes_everything(lang: Literal["en", "zh"]) -> None:
    found = report(
        finding("price_outlier", "warning", Case("0", "price", 999.0, 9.99, score=8.0), dimension="plausibility"),
        finding("missing_brand", "error", Case("1", HOSTILE, HOSTILE, HOSTILE), Case("2", "image", SHA)),
        finding("dup", "error", *(Case(str(n), group="g") for n in range(3)), dimension="uniqueness"),
        earlier=(Summary("2026-01-01", 1, 9, 70.0, {"completeness": 50.0}, {"solved": 2}),),
    )
    census = catalog()
    assert shown_pictures(found, census) == [SHA]
    page = render(found, census, directory="my shop", thumbs={SHA: "data:image/jpeg;base64,xyz"}, lang=lang)
    checker = _Checker()
    checker.feed(page)
    assert not checker.stack
    assert len(checker.ids) == len(set(checker.ids))
    assert "script" not in checker.tags
    assert "&lt;script&gt;" in page
    assert "7*7" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert f'<html lang="{lang}">' in page
    assert page.count("data:image/jpeg;base64,xyz") >= 2
    assert "my shop" in page


def test_a_clean_catalog_has_a_page_too() -> None:
    page = render(report(products=0), Census.of([]), directory="s", thumbs={})
    assert "Nothing was found" in page
    assert "没有发现问题" in page


def test_coverage_counts_filled_fields_per_category() -> None:
    found = coverage(catalog())
    assert [en for en, _ in found.columns] == ["title", "description", "brand", "picture", "price", "colour"]
    (row,) = found.rows
    assert (row["name"], row["products"]) == ("Home > Lamps", 10)
    assert row["shares"] == [1.0, 0.0, 1.0, 0.5, 1.0, 0.5]


def test_charts_hold_what_they_show() -> None:
    assert 'aria-label="82.0"' in ring(82.0)
    assert sparkline([1.0]) == ""
    assert sparkline([50.0, 60.0, 55.0]).count(",") == 3
    strips = price_strips([("<b>", [10.0, 11.0, 12.0, 500.0], [500.0]), ("none", [], [])], "USD")
    assert strips.count('class="out"') == 1
    assert "&lt;b&gt;" in strips
    assert price_strips([], "USD") == ""


def test_a_field_that_no_product_has_is_one_finding_about_the_feed() -> None:
    from goodsense.quality.check import check

    products = [Product(str(n), f"Lamp {n}", brand="Lux" if n else "") for n in range(12)]
    found = {finding.kind: finding for finding in check(Census.of(products))}
    assert found["absent_field"].what["en"] == "No product at all has: description, category, price, image."
    assert found["absent_field"].severity == "notice"
    assert found["missing_brand"].ids == ("0",)
    assert not {"missing_price", "missing_category", "missing_description"} & found.keys()
