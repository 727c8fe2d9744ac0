"""What the feeds of shop systems (Shopify, WooCommerce) share: cells into values, offers into variants."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.kept import keep_variant
from goodsense.catalog.feeds.plan import UNPRICED, plain_json
from goodsense.catalog.feeds.prices import CURRENCIES, parse_price
from goodsense.catalog.money import Money
from goodsense.catalog.product import AttributeValue, Availability, Variant
from goodsense.errors import UsageError
from goodsense.tables import Reject, Rejects, Sniffed, restore, shorten
from goodsense.tables.json_rows import rejected_names
from goodsense.types import ImageRef, MediaRef

_NOTES = 100  # of one file


@dataclass(slots=True)
class Reading:
    """One pass over a file: where its rejects and notes go, and which currency its bare prices are in."""

    file: str
    rejects: Rejects
    currency: str | None = None
    notes: list[str] = field(default_factory=list)

    def reject(
        self,
        number: int,
        column: str,
        value: Any,
        bad: BadValue,
        record: Any,
        *,
        scope: Literal["row", "field"] = "field",
    ) -> None:
        shown = None if value is None else shorten(value)
        self.rejects.add(Reject(self.file, number, column, shown, bad.reason, bad.fix, plain_json(record), scope))

    def note(self, text: str) -> None:
        """Say something once."""
        if len(self.notes) < _NOTES and text not in self.notes:
            self.notes.append(text)


@dataclass(slots=True)
class Line:
    """One row or object of a file, whose values are read one by one."""

    reading: Reading
    number: int
    record: Mapping[str, Any]

    def take(self, column: str, convert: Callable[[Any], Any]) -> Any:
        """The converted value of a column; None if it is missing or bad (then there is a reject)."""
        return self.convert(column, self.record.get(column), convert)

    def convert(self, column: str, value: Any, convert: Callable[[Any], Any]) -> Any:
        """A converted value, named after its column in a reject."""
        if value is None or value == "":
            return None
        try:
            return convert(value)
        except BadValue as bad:
            self.complain(column, value, bad)
            return None

    def text(self, column: str) -> str:
        """The text of a column; empty if it is missing or bad."""
        value = self.record.get(column, "")
        return value if isinstance(value, str) else self.take(column, v.text_of) or ""

    def complain(self, column: str, value: Any, bad: BadValue) -> None:
        self.reading.reject(self.number, column, value, bad, self.record)


@dataclass(slots=True)
class Offer:
    """A variant in the making; ``bare`` are prices without a currency, ``fields`` what a variant has no place for."""

    sku: str
    options: dict[str, str] = field(default_factory=dict)
    price: Money | None = None
    list_price: Money | None = None
    availability: Availability = ""
    stock: int | None = None
    gtin: str = ""
    media: tuple[MediaRef, ...] = ()
    bare: dict[str, float] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)

    def set_price(self, name: Literal["price", "list_price"], found: Money | float | None) -> None:
        if isinstance(found, Money):
            if name == "price":
                self.price = found
            else:
                self.list_price = found
        elif found is not None and name not in self.kept:
            self.bare[name] = found


def variants_of_offers(
    offers: list[Offer], attributes: dict[str, AttributeValue], line: Line, kept_column: str
) -> tuple[Variant, ...]:
    """Finished variants; prices without a currency become attributes, or options where the variants differ."""
    for name in dict.fromkeys(name for offer in offers for name in offer.bare):
        line.reading.note(UNPRICED)
        bare = [offer.bare.get(name) for offer in offers]
        if bare[0] is not None and all(price == bare[0] for price in bare):
            attributes.setdefault(name, bare[0])
            continue
        for offer, price in zip(offers, bare, strict=True):
            if price is not None:
                offer.options.setdefault(name, v.text_of(price))
    return tuple(_variant(offer, line, kept_column) for offer in offers)


def _variant(offer: Offer, line: Line, kept_column: str) -> Variant:
    plain = Variant(
        offer.sku,
        offer.options,
        offer.price,
        offer.list_price,
        availability=offer.availability,
        stock=offer.stock,
        gtin=offer.gtin,
        media=offer.media,
    )
    return keep_variant(plain, offer.kept, kept_column, line.complain)


def fields_of_variants(offers: list[Offer], variants: tuple[Variant, ...]) -> dict[str, Any]:
    """An entry of ``extra``: what variants say beyond their own fields, by SKU."""
    found = {variant.sku: offer.fields for offer, variant in zip(offers, variants, strict=True) if offer.fields}
    return {"variant_fields": found} if found else {}


def state_of(stock: int | None, *, oversell: bool) -> Availability:
    """What a count of pieces says; ``oversell``: orders are taken beyond it."""
    if stock is None:
        return ""
    return "in_stock" if stock > 0 else "backorder" if oversell else "out_of_stock"


def price_of(currency: str | None) -> Callable[[Any], Money | float]:
    """A converter of prices; a currency that the value names itself wins."""
    return lambda value: parse_price(value, currency)


def currency_of(value: Any) -> str:
    """The code of a currency.

    Raises
    ------
    BadValue
        If there is none such.
    """
    if value in CURRENCIES:
        return str(value)
    raise BadValue("unknown currency", "Write an ISO 4217 code such as CNY, USD or EUR.")


def pictures(uris: list[str]) -> tuple[ImageRef, ...]:
    """Each picture once, in order."""
    return tuple(ImageRef(uri) for uri in dict.fromkeys(uris) if uri)


def attribute_or_none(value: Any) -> AttributeValue | None:
    """The value as an attribute; None if it is too long or too deep for one."""
    if isinstance(value, str) and (len(value) > v.SHORT or value[:1] == "{"):
        return None
    try:
        return v.attribute_of(value)
    except BadValue:
        return None


@lru_cache(maxsize=8192)
def plain_name(column: str) -> str:
    """A column name as the names of shop systems are compared: letters and digits only, in lower case."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", column).casefold())


def header_of(head: str, sniffed: Sniffed) -> frozenset[str]:
    """The plain names of the columns of a table, or of its rejected rows, of which only the beginning is known."""
    if sniffed.format == "jsonl":
        return frozenset(plain_name(name) for name in rejected_names(head))
    if sniffed.format not in ("csv", "tsv"):
        return frozenset()
    try:
        cells = next(csv.reader(io.StringIO(head, newline=""), delimiter=sniffed.delimiter or ","), [])
    except csv.Error:
        return frozenset()
    return frozenset(plain_name(restore(cell)) for cell in cells)


def check_no_mapping(source: Path, mapping: Mapping[str, str] | None, system: str, plain: str) -> None:
    """Refuse a mapping: the columns of a shop system mean what it says they do.

    Raises
    ------
    UsageError
        If there is one.
    """
    if mapping:
        raise UsageError(
            f"{source}: this is an export of {system}, whose columns are known; a mapping does not apply.",
            fix=f"Leave the mapping out, or read the file as a plain table: --format {plain}.",
        )
