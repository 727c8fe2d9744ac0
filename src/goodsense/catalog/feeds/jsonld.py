"""schema.org products as JSON-LD: one document per line, an array, one ``@graph``, or inside web pages.

Follows https://schema.org/Product and Google's merchant listings. What is written is JSON Lines whose lines are
complete documents: each can stand in a page as it is, and a catalog of any size streams. What schema.org has no
property for stands in ``goodsense:kept`` and wins over the other properties.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.graph import Graph, product_nodes
from goodsense.catalog.feeds.html_tree import MAX_BYTES
from goodsense.catalog.feeds.jsonld_nodes import document
from goodsense.catalog.feeds.nodes import KEPT, Node, is_product
from goodsense.catalog.feeds.pages import products_in_page
from goodsense.catalog.feeds.records import kept_fields, with_kept, writing
from goodsense.catalog.feeds.schema_org import few, identity, product_of
from goodsense.catalog.feeds.systems import Line, Reading, check_no_mapping
from goodsense.catalog.product import Product, with_media
from goodsense.tables import Rejects, Row, Sniffed, TableLimits, open_bytes, read_head, read_rows, write_lines
from goodsense.tables.json_records import json_records
from goodsense.tables.json_rows import first_object
from goodsense.tables.opening import GENEROUS
from goodsense.tables.paths import Every, Name
from goodsense.tables.rejects import rejected_record
from goodsense.types import MediaRef

_TYPE = re.compile(r'"@type"\s*:\s*\[?\s*"(?:https?://schema\.org/|schema:)?(?:Product|ProductGroup)"')
_CONTEXT = re.compile(r'"@context"\s*:[^}]{0,200}schema\.org')
_MARKUP = re.compile(r"application/ld\+json|schema\.org/Product|property=[\"'](?:og:|product:)", re.IGNORECASE)
_GRAPH = "@graph"
_DOCUMENT = 16 << 20  # bytes of a document that is held as a whole, so that its nodes may name each other


@dataclass(frozen=True)
class JsonLdFeed:
    """JSON-LD as a feed format."""

    @property
    def name(self) -> str:
        return "jsonld"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"jsonl", "json", "object", "html"})

    @property
    def losses(self) -> Mapping[str, str]:
        return {}

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        if sniffed.format == "html":
            return 0.9 if _MARKUP.search(head) else 0.3
        if sniffed.format == "object":
            return 0.8 if _TYPE.search(head) or _CONTEXT.search(head) else 0.0
        first = first_object(head) if sniffed.format in self.reads else None
        if first is not None:
            return 0.9 if is_product(first) or _GRAPH in first or "@context" in first else 0.0
        return 0.6 if sniffed.format in self.reads and head.lstrip()[:1] in "[{" and _TYPE.search(head) else 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        check_no_mapping(source, mapping, "schema.org", "jsonl")
        notes = [*sniffed.notes]

        def products() -> Iterator[tuple[int, Product]]:
            if sniffed.format == "html":
                return _of_page(source, sniffed, rejects, currency)
            return _of_rows(_rows(source, sniffed, rejects), Reading(str(source), rejects, currency, notes))

        return Feed(self.name, source, products, notes)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        return write_lines(path, map(_line, products))


JSONLD = JsonLdFeed()


def _rows(source: Path, sniffed: Sniffed, rejects: Rejects) -> Iterator[Row]:
    """The documents of a file; of one document that is too large for its nodes to be held, the nodes of its graph."""
    if sniffed.format == "json":
        return read_rows(source, sniffed, rejects)
    if sniffed.format == "jsonl" and "\n" in read_head(source, sniffed).strip():
        return read_rows(source, sniffed, rejects)
    with open_bytes(source, compressed=sniffed.compressed) as file:
        whole = len(file.read(_DOCUMENT + 1)) <= _DOCUMENT
    steps = () if whole else (Name(_GRAPH), Every())
    return json_records(source, sniffed, rejects, steps, limits=TableLimits(row_chars=_DOCUMENT) if whole else GENEROUS)


def _of_rows(rows: Iterator[Row], reading: Reading) -> Iterator[tuple[int, Product]]:
    for number, values in rows:
        graph = Graph([rejected_record(values)])
        own, listed = product_nodes(graph)
        for node in (*own, *listed):
            product = _product(node, graph, Line(reading, number, node))
            if product is not None:
                yield number, product


def _product(node: Node, graph: Graph, line: Line) -> Product | None:
    id = identity(node)
    try:
        product = product_of(node, id, currency=line.reading.currency, complain=line.complain, resolve=graph.resolve)
    except BadValue as bad:
        line.reading.reject(line.number, "productID", id, bad, node, scope="row")
        return None
    kept = node.get(KEPT)
    return with_kept(product, kept.get("@value", kept) if isinstance(kept, dict) else kept, few(line.complain))


def _of_page(source: Path, sniffed: Sniffed, rejects: Rejects, currency: str | None) -> Iterator[tuple[int, Product]]:
    """The products of one saved page, numbered in its order."""
    with open_bytes(source, compressed=sniffed.compressed) as file:
        html = file.read(MAX_BYTES + 1)
    page = products_in_page(html, currency=currency, name=str(source))
    for problem in page.problems:
        rejects.add(problem)
    for number, product in enumerate((*page.products, *page.listed), 1):
        yield number, with_media(product, lambda ref: _whole(ref, page.canonical))


def _whole(ref: MediaRef, address: str) -> MediaRef:
    """A medium by its whole address, if its path starts at the root of the site; others may lie beside the page."""
    if not ref.uri.startswith("/") or not address:
        return ref
    try:
        return replace(ref, uri=urljoin(address, ref.uri))
    except ValueError:
        return ref


def _line(product: Product) -> str:
    with writing(product):
        node = document(product)
        kept = kept_fields(product, _back(node, product))
        if kept:
            node[KEPT] = {"@type": "@json", "@value": kept}
        text = json.dumps(node, ensure_ascii=False, allow_nan=False)
        return text.replace("<", "\\u003c")  # no text can end the script that the line may come to stand in


def _back(node: Node, product: Product) -> Product:
    """What a node reads as, so that what it cannot say can be kept."""

    def ignore(column: str, value: Any, bad: BadValue) -> None:
        pass

    return product_of(node, product.id, currency=None, complain=ignore)
