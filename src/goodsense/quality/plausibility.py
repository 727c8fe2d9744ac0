"""Dates, stock and descriptions that cannot be meant."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from goodsense.quality.consistency import folded
from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding


def future_dates(evidence: Evidence) -> list[Finding]:
    """Products updated later than today; a day is granted to time zones."""
    census = evidence.census
    latest = datetime.combine(evidence.today, time.max, tzinfo=UTC) + timedelta(days=1)
    cases = [
        Case(census.ids[row], "updated", when.isoformat())
        for row, when in enumerate(census.updated)
        if when is not None and when > latest
    ]
    return finding("future_date", cases, {"today": evidence.today.isoformat()})


def contradicted_stock(evidence: Evidence) -> list[Finding]:
    """Variants that are in stock with nothing left, out of stock with something left, or fewer than none."""
    census = evidence.census
    cases = []
    for offer in census.offers:
        if offer.stock is None:
            continue
        state = "in_stock" if offer.stock > 0 else "out_of_stock"
        contradicted = {"in_stock", "out_of_stock"} - {state}
        if offer.stock < 0:
            cases.append(Case(census.ids[offer.row], offer.field("stock"), offer.stock, 0))
        elif offer.availability in contradicted:
            field = offer.field("availability")
            cases.append(Case(census.ids[offer.row], field, offer.availability, state, group=f"{offer.stock}"))
    return finding("stock_contradiction", cases)


def repeated_titles(evidence: Evidence) -> list[Finding]:
    """Descriptions that say no more than the title."""
    census = evidence.census
    cases = [
        Case(census.ids[row], "description", found=text[:200])
        for row, (title, text) in enumerate(zip(census.titles, census.descriptions, strict=True))
        if title and len(text) <= 2 * len(title) + 20 and folded(title) == folded(text)
    ]
    return finding("description_is_title", [case for case in cases if case.found])
