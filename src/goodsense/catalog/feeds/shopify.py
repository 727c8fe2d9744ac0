"""Shopify's product CSV: rows that share a handle are the variants and pictures of one product.

Both generations of column names are read (``Variant Price`` and ``Price``, ``Handle`` and ``URL handle``). The id of a
product is its handle. What Shopify has no column for goes to metafields of the namespace ``goodsense``, which Shopify
leaves out unless they are defined there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.assemble import Parts, grouped
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.flatten import Spool, attribute_cell, listed
from goodsense.catalog.feeds.kept import differing, keep_product, kept_of
from goodsense.catalog.feeds.shopify_columns import (
    COLUMNS,
    CURRENCY,
    KEPT,
    KEPT_VARIANT,
    TELLING,
    VARIANT_COLUMNS,
    Layout,
    handle_of,
    is_free_name,
    key_of,
    role_of,
)
from goodsense.catalog.feeds.systems import (
    Line,
    Offer,
    Reading,
    attribute_or_none,
    check_no_mapping,
    currency_of,
    fields_of_variants,
    header_of,
    pictures,
    price_of,
    state_of,
    variants_of_offers,
)
from goodsense.catalog.product import Product, Variant
from goodsense.errors import DataError
from goodsense.tables import Rejects, Row, Sniffed, read_header, read_rows, write_table
from goodsense.types import ImageRef

LOSSES: Mapping[str, str] = {}
_VARIANT_CELLS = ("sku", "price", "list_price", "gtin", "value1", "value2", "value3", "own_picture", "kept_variant")
_ONLY = ("Title", "Default Title")  # the option of a product that has none
_MAX_METAFIELDS = 200  # columns; the attributes beyond are kept as JSON


@dataclass(frozen=True)
class ShopifyFeed:
    """Shopify's product CSV as a feed format."""

    name: str = "shopify"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"csv", "tsv", "jsonl"})

    @property
    def losses(self) -> Mapping[str, str]:
        return LOSSES

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        columns = header_of(head, sniffed)
        known = columns & {"handle", "urlhandle"} and "title" in columns
        return 0.95 if known and (columns & TELLING or {"urlhandle", "price"} <= columns) else 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        check_no_mapping(source, mapping, "Shopify", "csv")
        header = read_header(source, sniffed)
        layout = Layout.of(header.names)
        if "handle" not in layout.fields:
            raise DataError(
                f"{source}: no column is called Handle or URL handle.",
                fix="Export the products from Shopify again, or read the file as a plain table: --format csv.",
            )
        notes = [*sniffed.notes, *header.notes]
        reading = Reading(str(source), rejects, currency, notes)

        def products() -> Iterator[tuple[int, Product]]:
            rows = read_rows(source, sniffed, rejects)
            parts = (part for row in rows if (part := _part(row, layout, reading)) is not None)
            return grouped(
                parts,
                lambda part, bad: _refuse(part, bad, layout, reading),
                lambda rows: _product(rows, layout, reading),
            )

        return Feed(self.name, source, products, notes)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        count = 0
        names: dict[str, None] = {}
        with Spool(COLUMNS) as spool:
            for product in products:
                count += 1
                for row in _rows_of(product, names):
                    spool.add(row)
            columns = (*COLUMNS, *(column for column in spool.columns if column not in COLUMNS))
            write_table(path, columns, spool.rows(), raw=raw)
        return count


SHOPIFY = ShopifyFeed()


# ---- reading


def _part(row: Row, layout: Layout, reading: Reading) -> Parts | None:
    column = layout.fields["handle"]
    value = row.values.get(column)
    try:
        handle = v.id_of(value or "")
    except BadValue as bad:
        fix = "Every row needs the handle of its product." if not value else bad.fix
        reading.reject(row.number, column, value, BadValue(bad.reason, fix), row.values, scope="row")
        return None
    return Parts(row.number, handle, {}, group=handle, record=row.values)


def _refuse(part: Parts, bad: BadValue, layout: Layout, reading: Reading) -> None:
    reading.reject(part.number, layout.fields["handle"], part.group, bad, part.record, scope="row")


def _product(rows: list[Parts], layout: Layout, reading: Reading) -> Product:
    """The product of the rows of one handle: the first speaks for it, each may have a variant and a picture."""
    first = rows[0]
    line = Line(reading, first.number, first.record)
    kept_column = layout.fields.get("kept", "")
    kept = kept_of(layout.cell(first, "kept"), kept_column, line.complain)
    category, attributes = _category(first, layout)
    for column, name in layout.metafields.items():
        if cell := line.text(column):
            attributes.update(_metafield(cell, column, name))
    extra: dict[str, Any] = {column: cell for column in layout.rest if (cell := line.text(column))}
    extra.update({column: line.text(column) for column in layout.metafields if _is_extra(line.text(column))})
    if layout.fields.get("category") and (said := layout.cell(first, "category")):
        extra[_PRODUCT_CATEGORY] = said
    media, alts = _pictures(rows, layout)
    if alts:
        extra["image_alt"] = alts
    offers = _offers(rows, layout, reading)
    variants = variants_of_offers(offers, attributes, line, layout.fields.get("kept_variant", ""))
    extra.update(fields_of_variants(offers, variants))
    product = Product(
        id=first.id,
        title=layout.cell(first, "title"),
        description=layout.cell(first, "description"),
        brand=layout.cell(first, "brand"),
        category=category,
        attributes=attributes,
        media=media,
        variants=variants,
        extra=extra,
    )
    return keep_product(product, kept, kept_column, line.complain)


_PRODUCT_CATEGORY = "Product Category"


def _category(first: Parts, layout: Layout) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The path of Shopify's own category, else of the type; and type and tags as attributes."""
    attributes: dict[str, Any] = {}
    official, own = layout.cell(first, "category"), layout.cell(first, "type")
    if official == "Uncategorized":
        official = ""
    if official and own:
        attributes["Type"] = own
    tags = tuple(tag for part in layout.cell(first, "tags").split(",") if (tag := part.strip()))
    if tags:
        attributes["Tags"] = tags
    return v.category_of(official or own), attributes


def _is_extra(cell: str) -> bool:
    return bool(cell) and attribute_or_none(cell) is None


def _metafield(cell: str, column: str, name: str) -> dict[str, Any]:
    """The attribute of a metafield; Shopify's own lists are parted by ``;``."""
    value = attribute_or_none(cell)
    if isinstance(value, str) and ".metafields.shopify." in column and "; " in value:
        value = tuple(part for part in value.split("; ") if part)
    return {} if value is None else {name: value}


def _pictures(rows: list[Parts], layout: Layout) -> tuple[tuple[ImageRef, ...], dict[str, str]]:
    """The pictures in the order of their positions, and the texts that describe them."""
    found: list[tuple[int, str]] = []
    alts = {}
    for row in rows:
        if uri := layout.cell(row, "picture"):
            place = layout.cell(row, "place")
            found.append(
                (int(place) if place.isascii() and place.isdigit() and len(place) < 9 else len(found) + 1, uri)
            )
            if alt := layout.cell(row, "alt"):
                alts[uri] = alt
    found.sort(key=lambda one: one[0])
    return pictures([uri for _, uri in found]), alts


def _offers(rows: list[Parts], layout: Layout, reading: Reading) -> list[Offer]:
    names = [next((name for row in rows if (name := layout.cell(row, f"option{n}"))), "") for n in (1, 2, 3)]
    currency = reading.currency
    if "currency" in layout.fields:
        line = Line(reading, rows[0].number, rows[0].record)
        currency = line.take(layout.fields["currency"], currency_of) or currency
    sellers = [row for row in rows if any(layout.cell(row, name) for name in _VARIANT_CELLS)]
    offers = [_offer(row, names, currency, layout, Line(reading, row.number, row.record)) for row in sellers]
    first = rows[0].record
    for row, offer in zip(sellers, offers, strict=True):
        if row is not rows[0]:
            others = ((column, row.record[column]) for column in layout.rest)
            offer.fields = {column: value for column, value in others if value and value != first[column]}
    return offers


def _offer(row: Parts, names: list[str], currency: str | None, layout: Layout, line: Line) -> Offer:
    kept_column = layout.fields.get("kept_variant", "")
    kept = kept_of(layout.cell(row, "kept_variant"), kept_column, line.complain)
    values = [layout.cell(row, f"value{n}") for n in (1, 2, 3)]
    options = {name: value for name, value in zip(names, values, strict=True) if name and value}
    if options == dict([_ONLY]):
        options = {}
    own = layout.cell(row, "own_picture")
    offer = Offer(
        layout.cell(row, "sku") or "/".join((row.id, *options.values())),
        options,
        media=(ImageRef(own),) if own else (),
        kept=kept,
    )
    for name in ("price", "list_price"):
        if name not in kept and (column := layout.fields.get(name)):
            offer.set_price(name, line.take(column, price_of(currency)))
    if "gtin" not in kept and (column := layout.fields.get("gtin")):
        offer.gtin = line.take(column, _gtin) or ""
    if "tracker" in layout.fields and not layout.cell(row, "tracker"):
        offer.availability = "in_stock"  # what is not counted never runs out
    elif column := layout.fields.get("stock"):
        offer.stock = line.take(column, v.stock_of)
        oversell = layout.cell(row, "oversell").lower() in ("continue", "true")
        offer.availability = state_of(offer.stock, oversell=oversell)
    return offer


def _gtin(cell: Any) -> str:
    """Shopify puts a quote before barcodes, so that spreadsheets leave their zeros."""
    return v.gtin_of(cell.removeprefix("'") if isinstance(cell, str) else cell)


# ---- writing


def _rows_of(product: Product, metafields: dict[str, None]) -> list[dict[str, str]]:
    """The rows of a product; ``metafields`` are the columns of attributes so far."""
    extra = product.extra
    first = {"Handle": handle_of(product.id), "Title": product.title or product.id, **_texts(product, metafields)}
    first |= {name: cell for name, cell in extra.items() if _is_free(name, cell)}
    rows = [first]
    names = [name for name in dict.fromkeys(name for one in product.variants for name in one.options) if name][:3]
    currency = next((one.price.currency for one in product.variants if one.price is not None), "")
    if currency:
        first[CURRENCY] = currency
    fields = extra.get("variant_fields")
    for place, variant in enumerate(product.variants):
        if place:
            rows.append({"Handle": first["Handle"]})
            own = fields.get(variant.sku) if isinstance(fields, dict) else None
            shared = {
                name: cell
                for name, cell in first.items()
                if VARIANT_COLUMNS.fullmatch(name) and role_of(name)[0] == "rest"
            }
            rows[-1] |= shared | {name: cell for name, cell in (own or {}).items() if _is_free(name, cell)}
        rows[-1] |= _offer_cells(variant, names, place, only=len(product.variants) == 1)
    _add_pictures(rows, product)
    layout = Layout.of(dict.fromkeys((*COLUMNS, *(name for row in rows for name in row))))
    every = dict.fromkeys((*layout.fields.values(), *layout.metafields, *layout.rest), "")
    parts = [Parts(n, first["Handle"], {}, record=every | row) for n, row in enumerate(rows)]
    read = _product(parts, layout, Reading("", Rejects.to_memory(keep=0)))
    first[KEPT], kept = differing(product, read)
    for row, cell in zip(rows, kept, strict=False):
        row[KEPT_VARIANT] = cell
    return [{name: cell for name, cell in row.items() if cell} for row in rows]


def _texts(product: Product, metafields: dict[str, None]) -> dict[str, str]:
    attributes = dict(product.attributes)
    cells = {"Body (HTML)": product.description, "Vendor": product.brand}
    path = listed(product.category, " > ", v.category_of) if product.category else ""
    official = product.extra.get(_PRODUCT_CATEGORY)
    if path and isinstance(official, str) and v.category_of(official) == product.category:
        cells[_PRODUCT_CATEGORY] = official
        own = attributes.get("Type")
        cells["Type"] = own if isinstance(own, str) else ""
    else:
        cells["Type"] = path
    tags = attributes.pop("Tags", ())
    if isinstance(tags, tuple):
        cells["Tags"] = ", ".join(tags)
    for name, value in attributes.items():
        column = f"{name} (product.metafields.custom.{key_of(name)})"
        if (
            (name == "Type" and cells.get("Type") == value)
            or name != name.strip()
            or not name.isprintable()
            or not name
        ):
            continue
        cell = attribute_cell(value)
        if cell is not None and not _is_extra(cell) and (column in metafields or len(metafields) < _MAX_METAFIELDS):
            metafields[column] = None
            cells[column] = cell
    return cells


def _is_free(name: str, cell: Any) -> bool:
    """Whether an entry of extra is a column of Shopify that goodsense has no field for."""
    return isinstance(cell, str) and bool(cell) and is_free_name(name)


def _offer_cells(variant: Variant, names: list[str], place: int, *, only: bool) -> dict[str, str]:
    tracked = variant.stock is not None or variant.availability != "in_stock"
    cells = {
        "Variant SKU": variant.sku,
        "Variant Inventory Tracker": "shopify" if tracked else "",
        "Variant Inventory Qty": "" if variant.stock is None else str(variant.stock),
        "Variant Inventory Policy": "continue" if variant.availability in ("backorder", "preorder") else "deny",
        "Variant Barcode": variant.gtin,
        "Variant Image": next((ref.uri for ref in variant.media if isinstance(ref, ImageRef)), ""),
    }
    for column, money in (("Variant Price", variant.price), ("Variant Compare At Price", variant.list_price)):
        if money is not None:
            cells[column] = str(money).split(" ", 1)[0]
    if not names:
        option = _ONLY if only else (_ONLY[0], variant.sku or str(place + 1))
        return cells | dict(zip(("Option1 Name", "Option1 Value"), option, strict=True))
    for n, name in enumerate(names, 1):
        cells[f"Option{n} Name"] = "" if place else name
        cells[f"Option{n} Value"] = variant.options.get(name, "")
    cells["Option1 Value"] = cells["Option1 Value"] or variant.sku or str(place + 1)
    return cells


def _add_pictures(rows: list[dict[str, str]], product: Product) -> None:
    alts = product.extra.get("image_alt")
    links = dict.fromkeys(ref.uri for ref in product.media if isinstance(ref, ImageRef))
    for place, uri in enumerate(links):
        if place == len(rows):
            rows.append({"Handle": rows[0]["Handle"]})
        alt = alts.get(uri) if isinstance(alts, dict) else None
        rows[place] |= {"Image Src": uri, "Image Position": str(place + 1)}
        if isinstance(alt, str):
            rows[place]["Image Alt Text"] = alt
