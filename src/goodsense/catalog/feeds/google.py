"""Google Merchant feeds: TSV, RSS 2.0 and Atom with the ``g:`` namespace.

Follows the product data specification of Google Merchant Center. Variants are items that share ``item_group_id``
and follow each other. What a feed cannot carry stands in :data:`LOSSES`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.flatten import Spool, gtin_reads_back, listed, price_reads_back, uris
from goodsense.catalog.feeds.plan import Dialect
from goodsense.catalog.feeds.table import read_table
from goodsense.catalog.product import Product, Variant
from goodsense.tables import Rejects, Sniffed, fold, match_columns, write_table

LOSSES: Mapping[str, str] = {
    "language, updated, split": "a feed has one language and no place for the others",
    "stock": "only the availability is carried",
    "audio, video, sha256": "items link to pictures only",
    "attributes": "come back as a table would read their text: '5' as a number; an empty text not at all",
    "list_price without price": "a sale needs the price that it lowers",
    "gtin with a wrong check digit": "Google refuses it",
    "extra": "only texts under plain names that mean nothing else (custom_label_0)",
    "pictures of variants": "the first variant has those of the product; a variant without any has the product's",
    "white space and control characters": "in RSS, those around a text and those that XML forbids",
}
DETAILS = frozenset({"color", "size", "material", "pattern", "age_group", "gender"})
_COLUMNS = tuple(
    "id item_group_id title description link image_link additional_image_link availability price sale_price brand gtin "
    "product_type product_highlight color size material pattern age_group gender product_detail".split()
)
_TELLING = frozenset(
    "image_link additional_image_link google_product_category item_group_id product_type availability condition "
    "custom_label_0 product_highlight product_detail mpn identifier_exists".split()
)
_OPTION = "Option"  # the section of product details that sets variants apart
_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")


@dataclass(frozen=True)
class GoogleFeed:
    """Google Merchant's feeds as a feed format."""

    name: Literal["google-tsv", "google-xml"]

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"xml"}) if self.name == "google-xml" else frozenset({"tsv", "csv"})

    @property
    def losses(self) -> Mapping[str, str]:
        return LOSSES

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        if self.name == "google-xml":
            return 0.9 if sniffed.format == "xml" else 0.0
        if sniffed.format != "tsv":
            return 0.0
        columns = {fold(name) for name in head.split("\n", 1)[0].split("\t")}
        own = "id" in columns and not columns.isdisjoint({"link", "image_link", "product_detail"})
        return 0.9 if own and len(columns & _TELLING) >= 2 else 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        if self.name == "google-xml":
            from goodsense.catalog.feeds.google_xml import read_xml

            return read_xml(source, sniffed, mapping=mapping, rejects=rejects, currency=currency, dialect=DIALECT)
        return read_table(
            source, sniffed, name=self.name, mapping=mapping, rejects=rejects, currency=currency, dialect=DIALECT
        )

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        if self.name == "google-xml":
            from goodsense.catalog.feeds.google_xml import write_xml

            return write_xml(map(items, products), path)
        count = 0
        with Spool(_COLUMNS) as spool:
            for product in products:
                count += 1
                for item in items(product):
                    spool.add({name: _cell(name, value) for name, value in item.items()})
            write_table(path, spool.columns or _COLUMNS, spool.rows(), delimiter="\t", raw=raw)
        return count


GOOGLE = (GoogleFeed("google-tsv"), GoogleFeed("google-xml"))


def items(product: Product) -> list[dict[str, Any]]:
    """The items of a product, one per variant; lists are repeated elements, product details are triples."""
    base = _base(product)
    variants = product.variants
    if not variants:
        return [base | _pictures(uris(product.media, "image")) | _details(product, {}, grouped=False)]
    only = variants[0] if len(variants) == 1 else None
    offers = [_offer(variant) for variant in variants]
    if only is not None and only.sku == product.id and not only.options and offers[0]:
        return [base | offers[0] | _pictures(uris(product.media, "image")) | _details(product, {}, grouped=False)]
    found = []
    for place, (variant, offer) in enumerate(zip(variants, offers, strict=True)):
        own = uris(variant.media, "image") if place else ()
        pictures = _pictures(own or uris(product.media, "image"))
        details = _details(product, variant.options, grouped=True)
        found.append(base | {"id": variant.sku or product.id, "item_group_id": product.id} | offer | pictures | details)
    return found


def _base(product: Product) -> dict[str, Any]:
    found: dict[str, Any] = {"id": product.id}
    texts = {
        "title": product.title,
        "description": product.description,
        "link": product.url,
        "brand": product.brand,
        "product_type": listed(product.category, " > ", v.category_of) if product.category else "",
    }
    found.update((name, text) for name, text in texts.items() if text)
    if product.bullets:
        found["product_highlight"] = [bullet for bullet in product.bullets if bullet]
    texts = {name: value for name, value in product.extra.items() if isinstance(value, str) and value}
    return found | {name: text for name, text in texts.items() if _is_free(name)}


@lru_cache(maxsize=1024)
def _is_free(name: str) -> bool:
    """Whether a name may stand for an entry of extra: plain, and no field's name."""
    if not _PLAIN_NAME.fullmatch(name) or name in DETAILS or name in _COLUMNS:
        return False
    fields = match_columns([name]).fields
    return not fields or (name == "google_product_category")


def _offer(variant: Variant) -> dict[str, str]:
    found: dict[str, str] = {}
    price, before = variant.price, variant.list_price
    if price is not None and price_reads_back(price):
        found["price"] = str(price)
        if before is not None and price_reads_back(before):
            found |= {"price": str(before), "sale_price": str(price)}
    if variant.availability:
        found["availability"] = variant.availability
    if variant.gtin and gtin_reads_back(variant.gtin):
        found["gtin"] = variant.gtin
    return found


def _pictures(links: tuple[str, ...]) -> dict[str, Any]:
    links = tuple(dict.fromkeys(link for link in links if link))
    found: dict[str, Any] = {"image_link": [links[0]]} if links else {}
    if len(links) > 1:
        found["additional_image_link"] = list(links[1:])
    return found


def _details(product: Product, options: Mapping[str, str], *, grouped: bool) -> dict[str, Any]:
    """Google's own columns where there are, product details for the rest."""
    found: dict[str, Any] = {}
    triples: list[tuple[str, str, str]] = []
    for name, value in product.attributes.items():
        text = "|".join(value) if isinstance(value, tuple) else v.text_of(value)
        if text and name in DETAILS and not grouped:
            found[name] = text
        elif text and name:
            triples.append(("", name, text))
    for name, text in options.items():
        if text and name in DETAILS:
            found[name] = text
        elif text and name:
            triples.append((_OPTION, name, text))
    if triples:
        found["product_detail"] = triples
    return found


def _cell(name: str, value: Any) -> str:
    """An item's value as a cell of TSV."""
    if isinstance(value, str):
        return value
    if name == "product_detail":
        return ",".join(":".join(re.sub(r"([\\,:])", r"\\\1", part) for part in triple) for triple in value)
    if name == "product_highlight":
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\r\n").writerow(value)  # so that either sign in a text gets quoted
        return line.getvalue().removesuffix("\r\n")
    return listed(tuple(value), ",", v.uris_of)


def _highlights(value: Any) -> tuple[str, ...]:
    """Texts parted by commas, quoted where they hold one; XML gives a list."""
    if not isinstance(value, str):
        return v.list_of(value)
    try:
        cells = [cell for row in csv.reader(io.StringIO(value, newline=""), strict=True) for cell in row]
    except csv.Error:
        return v.list_of(value)
    return tuple(cell for cell in cells if cell)


def _pairs(value: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Attributes and options out of product details."""
    attributes: dict[str, Any] = {}
    options: dict[str, str] = {}
    for section, name, text in _triples(value):
        if section == _OPTION:
            options[name] = text
        else:
            attributes[name] = v.attribute_of(text)
    return attributes, options


def _triples(value: Any) -> Iterator[tuple[str, str, str]]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            name, text = item.get("attribute_name"), item.get("attribute_value")
            section = item.get("section_name")
            if isinstance(name, str) and isinstance(text, str):
                yield section if isinstance(section, str) else "", name, text
            continue
        for detail in re.findall(r"(?:[^\\,]|\\.)+", v.text_of(item), re.DOTALL):
            parts = re.findall(r"(?:^|:)((?:[^\\:]|\\.)*)", detail, re.DOTALL)
            plain = [re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in parts]
            if len(plain) >= 3 and plain[1]:
                yield plain[0].strip(), plain[1], ":".join(plain[2:])
            elif len(plain) == 2 and plain[0]:
                yield "", plain[0], plain[1]


DIALECT = Dialect(converts={"bullets": _highlights}, pairs={"product_detail": _pairs}, described=DETAILS)
