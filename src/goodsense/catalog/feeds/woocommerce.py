"""WooCommerce's product CSV, with English or Chinese column names.

Variations name their parent by ``id:12`` or by its SKU and may stand anywhere in the file. The id of a product is its
ID, else its SKU. What WooCommerce has no column for goes to custom fields whose names begin with ``goodsense_``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.families import MAX_MEMBERS, Families, Member
from goodsense.catalog.feeds.flatten import Spool
from goodsense.catalog.feeds.kept import differing, keep_product, kept_of
from goodsense.catalog.feeds.systems import (
    Line,
    Offer,
    Reading,
    check_no_mapping,
    currency_of,
    fields_of_variants,
    header_of,
    pictures,
    price_of,
    variants_of_offers,
)
from goodsense.catalog.feeds.woocommerce_columns import (
    COLUMNS,
    CURRENCY,
    FREE,
    GTIN,
    KEPT,
    KEPT_VARIANT,
    OFFERED,
    TELLING,
    Layout,
    attribute_in,
    lines_of,
    parts_of,
    paths_of,
)
from goodsense.catalog.feeds.woocommerce_rows import rows_of
from goodsense.catalog.product import AttributeValue, Availability, Product
from goodsense.errors import DataError
from goodsense.tables import Rejects, Row, Sniffed, read_header, read_rows, write_table

LOSSES: Mapping[str, str] = {}
_ATTRIBUTE = re.compile(r"Attribute (\d{1,3}) (name|value\(s\)|visible|global)")
_USUAL = {"Published": "1", "Tax class": "parent"}  # values that say nothing
_STATES: Mapping[str, Availability] = {
    "1": "in_stock",
    "0": "out_of_stock",
    "backorder": "backorder",
    "onbackorder": "backorder",
}


@dataclass(frozen=True)
class WooCommerceFeed:
    """WooCommerce's product CSV as a feed format."""

    name: str = "woocommerce"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"csv", "tsv", "jsonl"})

    @property
    def losses(self) -> Mapping[str, str]:
        return LOSSES

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        columns = header_of(head, sniffed)
        known = {"type", "sku", "name"} <= columns or {"类型", "sku", "名称"} <= columns
        return 0.95 if known and columns & TELLING else 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        check_no_mapping(source, mapping, "WooCommerce", "csv")
        header = read_header(source, sniffed)
        layout = Layout.of(header.names)
        if not layout.fields.keys() & {"ID", "SKU"}:
            raise DataError(
                f"{source}: no column is called ID or SKU.",
                fix="Export the products from WooCommerce again, or read the file as a plain table: --format csv.",
            )
        notes = [*sniffed.notes, *header.notes]
        reading = Reading(str(source), rejects, currency, notes)
        return Feed(self.name, source, lambda: _products(read_rows(source, sniffed, rejects), layout, reading), notes)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        count = 0
        with Spool(COLUMNS) as spool:
            for product in products:
                count += 1
                for row in _rows_of(product):
                    spool.add(row)
            others = sorted((column for column in spool.columns if column not in COLUMNS), key=_place)
            write_table(path, (*COLUMNS, *others), spool.rows(), raw=raw)
        return count


WOOCOMMERCE = WooCommerceFeed()


def _place(column: str) -> tuple[int, int]:
    """Attributes after the other columns, each with its name first."""
    found = _ATTRIBUTE.fullmatch(column)
    return (int(found[1]), ("name", "value(s)", "visible", "global").index(found[2])) if found else (0, 0)


# ---- reading


def _products(rows: Iterable[Row], layout: Layout, reading: Reading) -> Iterator[tuple[int, Product]]:
    with Families() as families:
        for row in rows:
            record = {column: cell for column, cell in row.values.items() if cell not in (None, "")}
            line = Line(reading, row.number, record)
            names, parent = _kin(line, layout)
            if names is not None:
                families.add(row.number, record, names=names, parent=parent)
        families.close_input()
        column = layout.fields.get("Parent", "")
        for member, called in families.orphans():
            bad = BadValue(f"its parent {called[:80]!r} is not in the file", "Export its variable product with it.")
            reading.reject(member.number, column, called, bad, member.record, scope="row")
        for family in families.families(lambda member: _refuse(member, column, reading)):
            product = _product(family, layout, reading)
            if product is not None:
                yield family[0].number, product


def _refuse(member: Member, column: str, reading: Reading) -> None:
    bad = BadValue(f"its product has over {MAX_MEMBERS} variations", "Split the product.")
    reading.reject(member.number, column, member.record.get(column), bad, member.record, scope="row")


def _kin(line: Line, layout: Layout) -> tuple[tuple[str, ...] | None, str | None]:
    """The names of a row as a parent, and what it calls its own; None for a variation without a parent."""
    kinds = _text(line, layout, "Type").lower()
    if "variation" in kinds:
        parent = _text(line, layout, "Parent").strip()
        if parent:
            return (), parent
        bad = BadValue("the variation names no parent", "Write the parent's SKU or id:12 into Parent.")
        line.reading.reject(line.number, layout.fields.get("Parent", ""), None, bad, line.record, scope="row")
        return None, None
    id, sku = _text(line, layout, "ID").strip(), _text(line, layout, "SKU").strip()
    return tuple(name for name in (f"id:{id}" if id else "", sku) if name and "simple" not in kinds), None


def _text(line: Line, layout: Layout, name: str) -> str:
    column = layout.fields.get(name)
    return line.text(column) if column is not None else ""


def _product(family: list[Member], layout: Layout, reading: Reading) -> Product | None:
    """The product of a parent and its variations, or of a simple row."""
    line = Line(reading, family[0].number, family[0].record)
    id = _id(line, layout)
    if id is None:
        return None
    kept = _kept(line, layout, KEPT)
    currency = reading.currency
    if CURRENCY in layout.fields:
        currency = line.take(layout.fields[CURRENCY], currency_of) or currency
    described = dict(_described(line, layout))
    attributes: dict[str, AttributeValue] = {}
    extra: dict[str, Any] = dict(_extra(line, layout))
    offers: list[Offer] = []
    if family[1:]:
        lines = (Line(reading, member.number, member.record) for member in family[1:])
        offers = [_variation(one, id, line, layout, currency) for one in lines]
        options = {name for offer in offers for name in offer.options}
        described = {name: cell for name, cell in described.items() if name not in options}
        extra |= {name: cell for name in ("SKU", "Stock") if (cell := _text(line, layout, name)) and cell != id}
    elif _is_offered(line, layout):
        offers = [_offer(line, _text(line, layout, "SKU") or id, {}, layout, currency)]
    for name, cell in described.items():
        value = attribute_in(cell)
        if value is None:
            extra[name] = cell
        else:
            attributes[name] = value
    if tags := parts_of(_text(line, layout, "Tags")):
        attributes["Tags"] = tags
    variants = variants_of_offers(offers, attributes, line, layout.fields.get(KEPT_VARIANT, ""))
    extra |= fields_of_variants(offers, variants)
    category = _category(_text(line, layout, "Categories"), extra)
    short, long = (lines_of(_text(line, layout, name)) for name in ("Short description", "Description"))
    product = Product(
        id=id,
        title=unescape(_text(line, layout, "Name")),
        description=long or short,
        bullets=v.list_of(short) if long else (),
        brand=", ".join(parts_of(_text(line, layout, "Brands"))),
        category=category,
        attributes=attributes,
        media=_images(line, layout),
        variants=variants,
        extra=extra,
    )
    return keep_product(product, kept, layout.fields.get(KEPT, ""), line.complain)


def _is_offered(line: Line, layout: Layout) -> bool:
    """Whether a simple row says anything about an offer; a SKU alone may be there for want of an ID."""
    if any(_text(line, layout, name) for name in OFFERED):
        return True
    return bool(_text(line, layout, "ID") and _text(line, layout, "SKU"))


def _id(line: Line, layout: Layout) -> str | None:
    """The id of a product; None if it has none, which is rejected."""
    column = next((layout.fields[name] for name in ("ID", "SKU") if _text(line, layout, name).strip()), "")
    try:
        return v.id_of(line.record.get(column, ""))
    except BadValue as bad:
        value = line.record.get(column)
        bad = bad if column else BadValue("the row has neither an ID nor a SKU", "Give every product one of them.")
        line.reading.reject(line.number, column or layout.fields.get("SKU", "ID"), value, bad, line.record, scope="row")
        return None


def _kept(line: Line, layout: Layout, name: str) -> dict[str, Any]:
    return kept_of(_text(line, layout, name), layout.fields.get(name, ""), line.complain)


def _described(line: Line, layout: Layout) -> Iterator[tuple[str, str]]:
    """Names and cells of the attributes of a row."""
    for named, valued in layout.attributes:
        name, cell = line.text(named), line.text(valued)
        if name and cell:
            yield unescape(name), cell
    for column in layout.sizes:
        if cell := line.text(column):
            yield column, cell


def _extra(line: Line, layout: Layout) -> Iterator[tuple[str, str]]:
    """What goodsense has no field for, under the English names of WooCommerce where it has one."""
    kinds = _text(line, layout, "Type")
    if kinds and kinds not in ("simple", "variable") and "variation" not in kinds:
        yield "Type", kinds
    for name in FREE:
        if (cell := _text(line, layout, name)) and _USUAL.get(name) != cell:
            yield name, cell
    for column in layout.rest:
        if cell := line.text(column):
            yield column, cell


def _category(cell: str, extra: dict[str, Any]) -> tuple[str, ...]:
    """The longest of the paths; where there are several, all stay in ``extra``."""
    paths = paths_of(cell)
    if len(paths) > 1:
        extra["Categories"] = cell
    return max(paths, key=len, default=())


def _images(line: Line, layout: Layout) -> tuple[Any, ...]:
    column = layout.fields.get("Images")
    return pictures(list(line.take(column, v.uris_of) or ())) if column is not None else ()


def _variation(line: Line, id: str, parent: Line, layout: Layout, currency: str | None) -> Offer:
    options = {}
    for name, cell in _described(line, layout):
        if name not in layout.sizes and (parts := parts_of(cell)):
            options[name] = ", ".join(parts)
    own = _text(line, layout, "ID")
    sku = _text(line, layout, "SKU") or own or "/".join((id, *options.values()))
    offer = _offer(line, sku, options, layout, currency)
    offer.media = _images(line, layout)
    offer.fields = {
        name: cell
        for name, cell in (*_extra(line, layout), *((column, line.text(column)) for column in layout.sizes))
        if cell and cell != parent.record.get(layout.fields.get(name, name))
    }
    if text := _text(line, layout, "Description"):
        offer.fields["Description"] = lines_of(text)
    title = unescape(_text(line, layout, "Name"))
    if title and not title.startswith(unescape(_text(parent, layout, "Name"))):
        offer.fields["Name"] = title
    if own and own != sku:
        offer.fields["id"] = own
    return offer


def _offer(line: Line, sku: str, options: dict[str, str], layout: Layout, currency: str | None) -> Offer:
    kept = _kept(line, layout, KEPT_VARIANT)
    offer = Offer(sku, options, kept=kept)
    regular, sale = (
        line.take(layout.fields[name], price_of(currency)) if name in layout.fields else None
        for name in ("Regular price", "Sale price")
    )
    offer.set_price("price", regular if sale is None else sale)
    if sale is not None:
        offer.set_price("list_price", regular)
    if "gtin" not in kept and GTIN in layout.fields:
        offer.gtin = line.take(layout.fields[GTIN], v.gtin_of) or ""
    if "Stock" in layout.fields and _text(line, layout, "Stock") != "parent":
        offer.stock = line.take(layout.fields["Stock"], v.stock_of)
    if column := layout.fields.get("In stock?"):
        offer.availability = line.take(column, _state) or ""
    orders = _text(line, layout, "Backorders allowed?") not in ("", "0")
    if offer.availability == "in_stock" and orders and offer.stock is not None and offer.stock <= 0:
        offer.availability = "backorder"
    return offer


def _state(cell: Any) -> Availability:
    return _STATES.get(cell) or v.availability_of(cell)


# ---- writing


def _rows_of(product: Product) -> list[dict[str, str]]:
    """The rows of a product, with what they would not give back by themselves."""
    varied = len(product.variants) > 1 or any(variant.options for variant in product.variants)
    rows = rows_of(product, varied=varied)
    if product.variants and not varied and not any(rows[0].get(name) for name in OFFERED):
        rows[0][KEPT_VARIANT] = "{}"  # says that there is an offer, though nothing is known of it
    layout = Layout.of(dict.fromkeys((*COLUMNS, *(name for row in rows for name in row))))
    family = [Member(number, 0 if number else None, row) for number, row in enumerate(rows)]
    read = _product(family, layout, Reading("", Rejects.to_memory(keep=0)))
    if read is None:
        raise DataError(f"product {product.id!r} cannot be written: its id cannot stand in a cell.")
    kept, of_variants = differing(product, read)
    if kept:
        rows[0][KEPT] = kept
    for row, cell in zip(rows[1:] if varied else rows, of_variants, strict=False):
        if cell:
            row[KEPT_VARIANT] = cell
    return rows
