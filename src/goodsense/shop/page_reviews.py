"""Reviews that stand beside products in schema.org documents and saved web pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from goodsense.catalog.feeds.html_tree import MAX_BYTES
from goodsense.catalog.feeds.jsonld import JSONLD
from goodsense.catalog.feeds.nodes import Node
from goodsense.catalog.feeds.pages import products_in_page
from goodsense.catalog.feeds.reviews import reviews_in
from goodsense.errors import UsageError
from goodsense.feedback import REVIEWS, Manner, Review, VoiceFeed, voices_of
from goodsense.tables import Rejects, Row, Sniffed, TableLimits, open_bytes, read_head, read_rows, sniff
from goodsense.tables.json_records import json_records

_SURE = 0.8
_DOCUMENT = TableLimits(row_chars=16 << 20)


def read_page_reviews(source: Path, *, rejects: Rejects, manner: Manner[Review]) -> VoiceFeed[Review] | None:
    """The reviews of a JSON-LD document or a saved page; None if the source is neither."""
    try:
        sniffed = sniff(source)
    except UsageError:
        return None  # whoever reads it as a table says what is wrong
    if sniffed.format not in JSONLD.reads:
        return None
    if sniffed.format not in ("html", "object") and JSONLD.sniff(read_head(source, sniffed), sniffed) < _SURE:
        return None
    notes = [*sniffed.notes, "The reviews are those of schema.org nodes."]

    def reviews() -> Iterator[tuple[int, Review]]:
        rows = _rows(source, sniffed, rejects)
        return voices_of(REVIEWS, rows, file=source, rejects=rejects, manner=manner, notes=notes)

    return VoiceFeed(source, reviews, notes)


def _rows(source: Path, sniffed: Sniffed, rejects: Rejects) -> Iterator[Row]:
    for number, node in _nodes(source, sniffed, rejects):
        for review in reviews_in(node):
            yield Row(number, {name: value for name, value in review.items() if value not in (None, "")})


def _nodes(source: Path, sniffed: Sniffed, rejects: Rejects) -> Iterator[tuple[int, Node]]:
    if sniffed.format == "html":
        with open_bytes(source, compressed=sniffed.compressed) as file:
            html = file.read(MAX_BYTES + 1)
        yield from ((1, node) for node in products_in_page(html, name=str(source)).nodes)
    elif sniffed.format == "object":
        yield from ((row.number, row.values) for row in json_records(source, sniffed, rejects, (), limits=_DOCUMENT))
    else:
        yield from ((row.number, row.values) for row in read_rows(source, sniffed, rejects))
