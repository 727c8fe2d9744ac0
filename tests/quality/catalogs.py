"""Small catalogs whose findings are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from goodsense.catalog.money import Money
from goodsense.catalog.product import Product, Variant
from goodsense.quality.census import Census
from goodsense.quality.check import check
from goodsense.quality.finding import Case, Finding

TODAY = datetime(2026, 11, 21, tzinfo=UTC)
NOUNS = "lamp chair mirror basket kettle blanket teapot candle ladder vase cushion clock shelf bucket tray".split()
PLACES = "kitchen garden bedroom office balcony".split()


def sound(count: int = 60, **changes: Any) -> list[Product]:
    """Products without a fault, apart from having no pictures: titles, texts, prices and codes of their own."""
    made = []
    for number in range(count):
        noun, place = NOUNS[number % len(NOUNS)], PLACES[number // len(NOUNS) % len(PLACES)]
        fields: dict[str, Any] = {
            "id": f"p{number}",
            "title": f"Nordholm {noun} number {number * 7 + 11} for the {place}",
            "description": f"The {noun} that we like best. It stands in the {place} and is made in lot {number * 13}.",
            "brand": "Nordholm",
            "category": ("Home", place.capitalize()),
            "attributes": {"material": "wood", "weight": f"{number + 1} kg"},
            "variants": (Variant(f"s{number}", price=Money(2000 + 10 * (number % 17), "EUR"), stock=4),),
            "updated": datetime(2026, 3, 1, tzinfo=UTC),
        }
        made.append(Product(**{**fields, **changes}))
    return made


def found_in(products: Iterable[Product], **evidence: Any) -> dict[str, Finding]:
    """The findings of a catalog by kind."""
    found = check(Census.of(products), today=TODAY.date(), **evidence)
    return {one.kind: one for one in found}


def cases(found: Mapping[str, Finding], kind: str) -> dict[str, Case]:
    """The cases of one kind by product."""
    return {case.id: case for case in found[kind].cases} if kind in found else {}
