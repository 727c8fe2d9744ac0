"""The check: every detector once over the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias

from goodsense.progress import Progress, silent
from goodsense.quality.accuracy import missing_media, odd_pictures, stand_ins, watermarked, wrong_gtins
from goodsense.quality.census import Census
from goodsense.quality.completeness import missing_attributes, missing_fields, placeholder_texts
from goodsense.quality.consistency import mixed_currencies, repeated_ids, same_titles, shared_codes
from goodsense.quality.contradictions import contradicted_attributes, contradicted_brands
from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import DIMENSIONS, SEVERITIES, Finding
from goodsense.quality.languages import damaged_texts, foreign_languages, mixed_titles
from goodsense.quality.measures import decimal_commas, mixed_units
from goodsense.quality.pictures import PictureFacts
from goodsense.quality.plausibility import contradicted_stock, future_dates, repeated_titles
from goodsense.quality.prices import price_outliers, wrong_prices
from goodsense.quality.privacy import personal_data
from goodsense.quality.spelling import spelled_attributes, spelled_brands, spelled_categories
from goodsense.quality.titles import odd_titles
from goodsense.quality.uniqueness import leaks, near_duplicates

Detector: TypeAlias = Callable[[Evidence], list[Finding]]

DETECTORS: tuple[Detector, ...] = (
    missing_fields,
    placeholder_texts,
    missing_attributes,
    repeated_ids,
    shared_codes,
    same_titles,
    contradicted_attributes,
    contradicted_brands,
    mixed_units,
    decimal_commas,
    mixed_currencies,
    spelled_brands,
    spelled_categories,
    spelled_attributes,
    wrong_gtins,
    missing_media,
    odd_pictures,
    stand_ins,
    watermarked,
    wrong_prices,
    price_outliers,
    odd_titles,
    future_dates,
    contradicted_stock,
    repeated_titles,
    foreign_languages,
    mixed_titles,
    damaged_texts,
    personal_data,
    near_duplicates,
    leaks,
)


def check(
    census: Census,
    *,
    pictures: PictureFacts | None = None,
    links: Mapping[str, str] | None = None,
    personal: Mapping[str, int] | None = None,
    repeated: Sequence[str] = (),
    today: date | None = None,
    progress: Progress = silent,
) -> list[Finding]:
    """Run every detector over a catalog; findings by dimension, the gravest first.

    Parameters
    ----------
    census
        The catalog by columns.
    pictures
        Facts of its pictures; without them pictures are only counted.
    links
        Links that lead nowhere: URI to what is wrong.
    personal
        How often personal data stands in reviews, questions and conversations, by kind.
    repeated
        Ids that a feed had more than once: ingest took the first row and rejected the others.
    today
        The day by which dates lie in the future; default: today in UTC.
    """
    evidence = Evidence(
        census,
        today or datetime.now(UTC).date(),
        pictures=pictures,
        links=links or {},
        personal=personal or {},
        repeated=repeated,
        progress=progress,
    )
    found: list[Finding] = []
    for done, detector in enumerate(DETECTORS):
        progress("check", done, len(DETECTORS))
        found += detector(evidence)
    progress("check", len(DETECTORS), len(DETECTORS))
    return sorted(found, key=_gravest_first)


def _gravest_first(finding: Finding) -> tuple[int, int, int, str]:
    order = DIMENSIONS.index(finding.dimension), SEVERITIES.index(finding.severity)
    return *order, -finding.count, finding.kind
