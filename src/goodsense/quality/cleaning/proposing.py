"""From findings to a plan: what is safe is on, what guesses is listed but off."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from goodsense.catalog.feeds.prices import parse_price
from goodsense.catalog.money import Money
from goodsense.quality.census import Census
from goodsense.quality.cleaning.numbers import Outliers, Units
from goodsense.quality.cleaning.plan import Plan
from goodsense.quality.cleaning.products import Deduplicate, DropMedia, MergeVariants
from goodsense.quality.cleaning.step import Step
from goodsense.quality.cleaning.texts import Case as CaseStep
from goodsense.quality.cleaning.texts import Html, Mojibake, Redact, Whitespace, Width
from goodsense.quality.cleaning.values import DropValues, Fill, Set, Spelling
from goodsense.quality.finding import Case, Finding
from goodsense.quality.units import parse_quantity


def propose(findings: Iterable[Finding], census: Census) -> Plan:
    """A plan that mends what the findings name.

    Steps that only tidy are on; steps that guess (filled values, capped prices, products merged though they differ)
    are in the plan with ``on = false``, for people to look at. Texts are tidied first, then values, then products.
    """
    found = {finding.kind: finding for finding in findings}
    steps: list[Step] = [Whitespace(why="stray spaces and line breaks"), Width(why="full-width letters and digits")]
    for kind, make in _PROPOSALS.items():
        if kind in found:
            with suppress(ValidationError):  # a nameless attribute, a price beyond all bounds: no step can name it
                steps += make(found[kind], census)
    return Plan.of([*steps, *_copies(found, census)])


def _why(finding: Finding) -> str:
    return finding.what["en"].rstrip(".")


def _by_field(finding: Finding) -> dict[str, list[Case]]:
    cases: defaultdict[str, list[Case]] = defaultdict(list)
    for case in finding.cases:
        cases[case.field].append(case)
    return dict(sorted(cases.items()))


def _ids(cases: Iterable[Case]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(case.id for case in cases))


def _placeholders(finding: Finding, census: Census) -> list[Step]:
    return [
        DropValues(field=field, values=tuple(sorted({str(case.found) for case in cases})), why=_why(finding))
        for field, cases in _by_field(finding).items()
    ]


def _spellings(finding: Finding, census: Census) -> list[Step]:
    steps: list[Step] = []
    for field, cases in _by_field(finding).items():
        values = {str(case.found): str(case.expected) for case in cases if case.expected not in (None, case.found)}
        if values:
            steps.append(Spelling(field=field, values=values, why=_why(finding)))
    return steps


def _set_to_expected(*, on: bool) -> Callable[[Finding, Census], list[Step]]:
    def make(finding: Finding, census: Census) -> list[Step]:
        steps: list[Step] = []
        for field, cases in _by_field(finding).items():
            values = {case.id: case.expected for case in cases if isinstance(case.expected, str | float | int)}
            if values:
                steps.append(Set(field=field, values=values, why=_why(finding), on=on))
        return steps

    return make


def _empty(finding: Finding, census: Census) -> list[Step]:
    """The values of exactly these products become missing."""
    return [DropValues(field=f, ids=_ids(cases), why=_why(finding)) for f, cases in _by_field(finding).items()]


def _prices(finding: Finding, census: Census) -> list[Step]:
    expected = {case.id: parse_price(case.expected, None) for case in finding.cases if isinstance(case.expected, str)}
    values: dict[str, Any] = {id: float(price.major) for id, price in expected.items() if isinstance(price, Money)}
    steps: list[Step] = [Set(field="price", values=values, why=_why(finding), on=False)] if values else []
    return [*steps, Outliers(field="price", action="empty", why=_why(finding), on=False)]


def _fills(finding: Finding, census: Census) -> list[Step]:
    return [
        Fill(field=field, how="nearest", by="" if field == "category" else "category", why=_why(finding), on=False)
        for field in _by_field(finding)
    ]


def _units(finding: Finding, census: Census) -> list[Step]:
    steps: list[Step] = []
    for field, cases in _by_field(finding).items():
        units = Counter(unit for case in cases if (unit := _unit_of(case.expected)))
        if units:
            steps.append(Units(field=field, to=units.most_common(1)[0][0], why=_why(finding)))
    return steps


def _unit_of(expected: object) -> str:
    """The unit of an expected quantity (``12 cm``), or that unit itself."""
    for text in (str(expected), f"1 {expected}"):
        if found := parse_quantity(text):
            return found[1]
    return ""


def _case(finding: Finding, census: Census) -> list[Step]:
    keep = sorted({brand for brand in census.brands if brand.isupper() and brand.isascii() and " " not in brand})
    return [CaseStep(only=finding.ids, keep=tuple(keep), why=_why(finding))]


def _drop_media(finding: Finding, census: Census) -> list[Step]:
    media = tuple(sorted({str(case.found) for case in finding.cases if case.found}))
    return [DropMedia(media=media, why=_why(finding), on=False)] if media else []


_PROPOSALS: dict[str, Callable[[Finding, Census], list[Step]]] = {
    "mojibake": lambda finding, census: [Mojibake(why=_why(finding))],
    "html_in_text": lambda finding, census: [Html(why=_why(finding))],
    "shouting_title": _case,
    "personal_data": lambda finding, census: [Redact(only=finding.ids, why=_why(finding), on=False)],
    "placeholder_text": _placeholders,
    "brand_spelling": _spellings,
    "category_spelling": _spellings,
    "attribute_spelling": _spellings,
    "decimal_comma": _set_to_expected(on=True),
    "mixed_units": _units,
    "wrong_gtin": _empty,
    "list_price_below_price": _empty,
    "future_date": _empty,
    "description_is_title": _empty,
    "stock_contradiction": _set_to_expected(on=True),
    "split_leak": _set_to_expected(on=True),
    "colour_contradiction": _set_to_expected(on=False),
    "material_contradiction": _set_to_expected(on=False),
    "gender_contradiction": _set_to_expected(on=False),
    "size_contradiction": _set_to_expected(on=False),
    "brand_contradiction": _set_to_expected(on=False),
    "price_outlier": _prices,
    "missing_brand": _fills,
    "missing_category": _fills,
    "missing_attribute": _fills,
    "blank_picture": _drop_media,
    "placeholder_picture": _drop_media,
}
_COPY_KINDS = ("shared_gtin", "shared_sku", "same_title", "near_duplicate_text", "near_duplicate_picture")


def _copies(found: dict[str, Finding], census: Census) -> list[Step]:
    """Groups that agree in everything they say are merged; those that differ are proposed as variants, off."""
    joined: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for kind in _COPY_KINDS:
        for case in found[kind].cases if kind in found else ():
            joined[kind, case.group].append(case.id)
    rows = {id: row for row, id in enumerate(census.ids)}
    groups: list[tuple[str, ...]] = []
    taken: set[str] = set()
    for (_, group), ids in joined.items():
        members = tuple(id for id in dict.fromkeys(ids) if id in rows and id not in taken)
        if group and len(members) > 1:
            taken |= set(members)
            groups.append(members)
    facts = _facts(census, {rows[id] for id in taken})
    same = tuple(group for group in groups if _agree([facts[rows[id]] for id in group]))
    alike = tuple(group for group in groups if group not in set(same))
    steps: list[Step] = []
    if same:
        steps.append(Deduplicate(groups=same, why=f"{len(same)} groups of products that say the same"))
    if alike:
        why = f"{len(alike)} groups of products that are alike but differ: variants, or copies?"
        steps.append(MergeVariants(groups=alike, why=why, on=False))
    return steps


def _facts(census: Census, rows: set[int]) -> dict[int, dict[str, set[str]]]:
    """What these products say, folded, by field."""
    found: dict[int, dict[str, set[str]]] = {row: defaultdict(set) for row in rows}

    def note(row: int, field: str, value: object) -> None:
        if row in found and value not in (None, "", ()):
            found[row][field].add(plain(str(value)))

    for row in rows:
        note(row, "title", census.titles[row])
        note(row, "brand", census.brands[row])
        note(row, "category", " > ".join(census.categories[row]))
    for name, column in census.attributes.items():
        for row, value in column:
            note(row, f"attribute.{name}", value)
    for offer in census.offers:
        note(offer.row, "price", offer.price)
        note(offer.row, "gtin", offer.gtin)
        for name, text in offer.options.items():
            note(offer.row, f"attribute.{name}", text)
    return found


def plain(text: str) -> str:
    """A value as values are compared: without case, width and stray spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _agree(facts: Sequence[dict[str, set[str]]]) -> bool:
    """Whether products have the same title, and nothing that several of them say differs."""
    if not all(fact.get("title") == facts[0].get("title") for fact in facts) or not facts[0].get("title"):
        return False
    fields = {field for fact in facts for field in fact}
    return all(len({frozenset(fact[field]) for fact in facts if field in fact}) == 1 for field in fields)
