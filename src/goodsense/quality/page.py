"""The report as one self-contained page: no script, no other file, English and Chinese by a switch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from goodsense.quality import charts
from goodsense.quality.census import Census
from goodsense.quality.finding import DIMENSIONS, Case, Dimension, Finding
from goodsense.quality.report import EXAMPLES, QualityReport, chosen_examples

NAMES: dict[Dimension, tuple[str, str]] = {
    "completeness": ("Completeness", "完整性"),
    "consistency": ("Consistency", "一致性"),
    "accuracy": ("Accuracy", "准确性"),
    "plausibility": ("Plausibility", "合理性"),
    "uniqueness": ("Uniqueness", "唯一性"),
}
MEANINGS: dict[Dimension, tuple[str, str]] = {
    "completeness": ("Is everything there that a shopper needs to decide?", "顾客做决定所需的信息是否齐全？"),
    "consistency": ("Do fields, variants and products agree with each other?", "字段、规格和商品之间是否一致？"),
    "accuracy": ("Are codes, links and pictures what they claim to be?", "编码、链接和图片是否真实有效？"),
    "plausibility": ("Do prices, texts and dates make sense?", "价格、文案和日期是否合理？"),
    "uniqueness": ("Is every product in the catalog once?", "每件商品是否只出现一次？"),
}
_CATEGORIES = 14
_ATTRIBUTES = 6
_STRIPS = 10
_LONGEST = 160


@dataclass(frozen=True)
class _Coverage:
    """Shares of filled fields: ``rows`` by category, ``columns`` by field in both languages."""

    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[dict[str, Any], ...] = ()


def shown_pictures(report: QualityReport, census: Census) -> list[str]:
    """The SHA-256 of the pictures that the page shows, each once."""
    lookup = _Lookup(census)
    cases = (case for found in report.findings for case in chosen_examples(found, EXAMPLES))
    return list(dict.fromkeys(filter(None, map(lookup.picture_of, cases))))


def render(
    report: QualityReport,
    census: Census,
    *,
    directory: str,
    thumbs: Mapping[str, str],
    lang: Literal["en", "zh"] = "en",
) -> str:
    """The page as HTML; ``thumbs`` maps a picture's SHA-256 to a ``data:`` address."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("goodsense.quality"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    currency = _main_currency(census)
    lookup = _Lookup(census)
    return environment.get_template("check.html.j2").render(
        report=report,
        when=report.when.strftime("%Y-%m-%d %H:%M"),
        lang=lang,
        directory=directory,
        dimensions=DIMENSIONS,
        names=NAMES,
        meanings=MEANINGS,
        before=report.earlier[-1].scores if report.earlier else {},
        history=[*(check.score for check in report.earlier), report.score],
        coverage=coverage(census),
        prices=_prices(report, census, currency),
        currency=currency,
        examples={found.kind: lookup.examples(found) for found in report.findings},
        thumbs=thumbs,
        ring=charts.ring,
        sparkline=charts.sparkline,
        grade=charts.grade,
        heat=charts.heat,
    )


def coverage(census: Census) -> _Coverage:
    """What share of the products of the largest categories has each field."""
    largest = sorted(census.by_category.items(), key=lambda item: (-len(item[1]), item[0]))[:_CATEGORIES]
    if not largest:
        return _Coverage()
    priced, pictured = frozenset(census.prices), census.with_pictures
    columns: list[tuple[tuple[str, str], frozenset[int]]] = [
        (("title", "标题"), _filled(census.titles)),
        (("description", "描述"), _filled(census.descriptions)),
        (("brand", "品牌"), _filled(census.brands)),
        (("picture", "图片"), pictured),
        (("price", "价格"), priced),
    ]
    common = sorted(census.attributes.items(), key=lambda item: (-len(item[1].rows), item[0]))[:_ATTRIBUTES]
    columns += [((_cut(name, 16), _cut(name, 16)), frozenset(column.rows)) for name, column in common]
    rows = tuple(
        {
            "name": _cut(" > ".join(path[-2:]), 40),
            "products": len(members),
            "shares": [sum(row in filled for row in members) / len(members) for _, filled in columns],
        }
        for path, members in largest
    )
    return _Coverage(tuple(name for name, _ in columns), rows)


def _filled(values: Sequence[str]) -> frozenset[int]:
    return frozenset(row for row, value in enumerate(values) if value.strip())


def _main_currency(census: Census) -> str:
    counts = Counter(price.currency for price in census.prices.values())
    return counts.most_common(1)[0][0] if counts else ""


def _prices(report: QualityReport, census: Census, currency: str) -> Any:
    """Price strips of the categories with outliers first, then the largest ones."""
    odd = {case.id for found in report.findings if found.kind == "price_outlier" for case in found.cases}
    groups: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for row, price in census.prices.items():
        if price.currency == currency and census.categories[row]:
            groups[census.categories[row]].append(row)

    def outliers(rows: Sequence[int]) -> list[float]:
        return [float(census.prices[row].major) for row in rows if census.ids[row] in odd]

    ranked = sorted(groups.items(), key=lambda item: (-len(outliers(item[1])), -len(item[1]), item[0]))[:_STRIPS]
    strips = [
        (" > ".join(path[-1:]), [float(census.prices[row].major) for row in rows], outliers(rows))
        for path, rows in ranked
        if len(rows) > 3
    ]
    return charts.price_strips(strips, currency) if strips else ""


@dataclass(frozen=True, eq=False)
class _Lookup:
    """What the page shows of a product, found by its id."""

    census: Census

    @cached_property
    def rows(self) -> dict[str, int]:
        return {id: row for row, id in enumerate(self.census.ids)}

    @cached_property
    def pictures(self) -> dict[int, str]:
        """The first picture of every product that has one, by row."""
        found: dict[int, str] = {}
        for picture in self.census.pictures:
            if picture.sha256:
                found.setdefault(picture.row, picture.sha256)
        return found

    def examples(self, found: Finding) -> list[dict[str, Any]]:
        """The examples of a finding by group."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for case in chosen_examples(found, EXAMPLES):
            groups.setdefault(case.group, []).append(self._shown(case))
        return [{"name": name, "cases": cases} for name, cases in groups.items()]

    def picture_of(self, case: Case) -> str:
        """The SHA-256 of the picture to show: the one that the case is about, else the product's first."""
        if _is_hash(case.found):
            return str(case.found)
        return self.pictures.get(self.rows.get(case.id, -1), "")

    def _shown(self, case: Case) -> dict[str, Any]:
        row = self.rows.get(case.id)
        price = self.census.prices.get(row) if row is not None else None
        found, expected = (None if _is_hash(value) else value for value in (case.found, case.expected))
        return {
            "id": case.id,
            "title": _cut(self.census.titles[row], _LONGEST) if row is not None else "",
            "price": str(price) if price is not None else "",
            "picture": self.picture_of(case),
            "field": case.field,
            "found": None if found is None else _cut(str(found), _LONGEST),
            "expected": None if expected is None else _cut(str(expected), _LONGEST),
        }


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _cut(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"
