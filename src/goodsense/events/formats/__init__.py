"""Formats of event logs that are no plain tables, one file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from goodsense.events.formats import recbole
from goodsense.events.formats.amazon import AMAZON
from goodsense.events.formats.base import RecordFormat, Unfolding
from goodsense.events.formats.ga4 import GA4
from goodsense.events.formats.metarank import METARANK
from goodsense.tables import Sniffed, read_head
from goodsense.tables.json_rows import first_object

RECORD_FORMATS: Mapping[str, RecordFormat] = {form.name: form for form in (GA4, METARANK, AMAZON)}
NAMED = (*RECORD_FORMATS, recbole.NAME)

__all__ = ["NAMED", "RECORD_FORMATS", "RecordFormat", "Unfolding", "recbole", "recognised"]


def recognised(source: Path, sniffed: Sniffed) -> RecordFormat | None:
    """The format that the first record of a file is of; None for tables."""
    if sniffed.format not in ("jsonl", "json"):
        return None
    record = first_object(read_head(source, sniffed))
    if record is None:
        return None
    return next((form for form in RECORD_FORMATS.values() if form.is_own(record)), None)
