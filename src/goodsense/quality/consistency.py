"""What must be unique and is not, and prices in a currency of their own."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding

_BETWEEN = re.compile(r"[\W_]+")
_RARE = 0.4  # of the prices may be in another currency; with more there is no rule to break
_FEW = 5


def folded(text: str) -> str:
    """A text by which spellings of one thing meet: without case, width, punctuation and spaces."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", text).casefold())


def repeated_ids(evidence: Evidence) -> list[Finding]:
    """Ids of several rows of a feed."""
    counts = Counter([*evidence.repeated, *evidence.census.repeated])
    return finding("repeated_id", [Case(id, "id", found=id, score=float(count)) for id, count in counts.items()])


def shared_codes(evidence: Evidence) -> list[Finding]:
    """SKUs and GTINs of several products."""
    census = evidence.census
    skus = ((offer.row, offer.field("sku"), offer.sku) for offer in census.offers)
    gtins = ((offer.row, offer.field("gtin"), offer.gtin.lstrip("0")) for offer in census.offers)
    return [
        *finding("shared_sku", _shared(census.ids, skus)),
        *finding("shared_gtin", _shared(census.ids, gtins)),
    ]


def _shared(ids: list[str], codes: Iterable[tuple[int, str, str]]) -> list[Case]:
    """Cases of codes that several products have."""
    having: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for row, field, code in codes:
        if code:
            having[code].append((row, field))
    return [
        Case(ids[row], field, found=code, group=code)
        for code, places in having.items()
        if len({row for row, _ in places}) > 1
        for row, field in places
    ]


def same_titles(evidence: Evidence) -> list[Finding]:
    """Products whose titles differ in nothing but case, width and punctuation."""
    census = evidence.census
    having: defaultdict[str, list[int]] = defaultdict(list)
    for row, title in enumerate(census.titles):
        having[folded(title)].append(row)
    having.pop("", None)
    cases = [
        Case(census.ids[row], "title", found=census.titles[row], group=census.titles[rows[0]][:200])
        for rows in having.values()
        if len(rows) > 1
        for row in rows
    ]
    return finding("same_title", cases, {"groups": len({case.group for case in cases})})


def mixed_currencies(evidence: Evidence) -> list[Finding]:
    """Prices in another currency than most of the category's, or of the catalog's where a category is small."""
    census = evidence.census
    priced = [(offer, offer.price) for offer in census.offers if offer.price is not None]
    overall = Counter(price.currency for _, price in priced)
    if len(overall) < 2:
        return []
    local: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for offer, price in priced:
        local[census.categories[offer.row]][price.currency] += 1
    cases = []
    for offer, price in priced:
        counts = local[census.categories[offer.row]]
        usual, count = (counts if counts.total() >= _FEW else overall).most_common(1)[0]
        total = counts.total() if counts.total() >= _FEW else overall.total()
        if price.currency != usual and 1 - count / total <= _RARE:
            cases.append(Case(census.ids[offer.row], offer.field("price"), str(price), usual))
    return finding("mixed_currency", cases, {"prices by currency": dict(overall)})
