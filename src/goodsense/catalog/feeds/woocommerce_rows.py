"""The rows that a product becomes in WooCommerce's CSV: its own, and one for each variation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from html import unescape
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.flatten import uris
from goodsense.catalog.feeds.woocommerce_columns import (
    CURRENCY,
    FREE,
    GTIN,
    attribute_cell,
    joined,
    lines_cell,
    paths_of,
    role_of,
)
from goodsense.catalog.product import Product, Variant

_STATE_CELLS = {"in_stock": "1", "out_of_stock": "0", "backorder": "backorder", "preorder": "1"}
_MAX_ATTRIBUTES = 50  # of one product; those beyond are kept as JSON


def rows_of(product: Product, *, varied: bool) -> list[dict[str, str]]:
    """The row of a product, and one for each of its variations."""
    variants = product.variants
    currency = next((one.price.currency for one in variants if one.price is not None), "")
    head = _head(product, varied=varied)
    if currency:
        head[CURRENCY] = currency
    rows = [head]
    names = list(dict.fromkeys(name for one in variants for name in one.options)) if varied else []
    names = [name for name in names if name.strip() == unescape(name) and name][:_MAX_ATTRIBUTES]
    cells_by_name = dict(_attribute_cells(product))
    head |= {name: cell for name, cell in cells_by_name.items() if _is_size(name)}
    described = [(name, cell) for name, cell in cells_by_name.items() if name not in names and not _is_size(name)]
    every = [(name, joined(dict.fromkeys(filter(None, (one.options.get(name) for one in variants))))) for name in names]
    for place, (name, cell) in enumerate((*every, *described[: _MAX_ATTRIBUTES - len(every)]), 1):
        columns = (f"Attribute {place} {what}" for what in ("name", "value(s)", "visible", "global"))
        head |= dict(zip(columns, (name, cell, "1", "0"), strict=True))
    for variant in variants:
        cells = _offer_cells(variant, currency)
        if not varied:
            head |= cells | ({"SKU": variant.sku} if _is_id(variant.sku) else {})
            continue
        rows.append(cells | _variation_cells(product, variant, head))
        for place, name in enumerate(names, 1):
            if text := variant.options.get(name):
                rows[-1] |= {f"Attribute {place} name": name, f"Attribute {place} value(s)": joined([text])}
    return [{name: cell for name, cell in row.items() if cell} for row in rows]


def _head(product: Product, *, varied: bool) -> dict[str, str]:
    """The cells of a product itself; its SKU is its id, unless that is a number or a variation's SKU."""
    numbered = product.id.isascii() and product.id.isdigit() and len(product.id) < 19 and product.id[0] != "0"
    extra = product.extra
    sku = "" if numbered else product.id
    if varied:
        own = extra.get("SKU", "")
        sku = own if numbered and isinstance(own, str) else _parent_sku(product)
    kinds = extra.get("Type")
    plain = "variable" if varied else "simple"
    free = {name: cell for name, cell in extra.items() if isinstance(cell, str) and _is_free(name)}
    paths = extra.get("Categories")
    if not isinstance(paths, str) or len(paths_of(paths)) < 2 or max(paths_of(paths), key=len) != product.category:
        paths = joined([" > ".join(product.category)]) if product.category else ""
    tags = product.attributes.get("Tags")
    bullets, text = lines_cell("\n".join(product.bullets)), lines_cell(product.description)
    return {
        "Published": "1",
        **free,
        "ID": product.id if numbered else "",
        "Type": kinds if isinstance(kinds, str) and not varied and "vari" not in kinds else plain,
        "SKU": sku,
        "Name": product.title or product.id,
        "Short description": bullets,
        "Description": text,
        "Categories": paths,
        "Tags": joined(tags) if isinstance(tags, tuple) else "",
        "Images": ", ".join(uris(product.media, "image")),
        "Brands": joined([product.brand]) if product.brand else "",
    }


def _parent_sku(product: Product) -> str:
    """The SKU of a variable product: its id, made different where a variation has that one."""
    if all(variant.sku != product.id for variant in product.variants):
        return product.id
    return f"{product.id}-{blake2b(product.id.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}"


def _is_id(text: str) -> bool:
    try:
        return bool(v.id_of(text))
    except BadValue:
        return False


def _is_free(name: str) -> bool:
    """Whether an entry of extra is a column that stays under its own name."""
    if name in FREE or _is_size(name):
        return True
    return name.startswith("Meta: ") and _is_plain(name) and role_of(name)[0] == "rest"


def _is_size(name: str) -> bool:
    return _is_plain(name) and role_of(name)[0] == "size"


def _is_plain(name: str) -> bool:
    """Whether the name of a column reads back as it is."""
    return name.isprintable() and name == name.strip()


def _attribute_cells(product: Product) -> Iterator[tuple[str, str]]:
    for name, value in product.attributes.items():
        if name == "Tags" and isinstance(value, tuple):
            continue
        if name and name == unescape(name).strip() and (cell := attribute_cell(value)):
            yield name, cell


def _offer_cells(variant: Variant, currency: str) -> dict[str, str]:
    cells = {
        GTIN: variant.gtin,
        "In stock?": _STATE_CELLS.get(variant.availability, ""),
        "Stock": "" if variant.stock is None else str(variant.stock),
        "Backorders allowed?": "1" if variant.availability in ("backorder", "preorder") else "",
    }
    price, before = (
        str(money).split(" ", 1)[0] if money is not None and money.currency == currency else ""
        for money in (variant.price, variant.list_price)
    )
    if price:
        cells |= {"Regular price": before, "Sale price": price} if before else {"Regular price": price}
    return cells


def _variation_cells(product: Product, variant: Variant, head: Mapping[str, str]) -> dict[str, str]:
    fields = product.extra.get("variant_fields")
    said = fields.get(variant.sku) if isinstance(fields, dict) else None
    own: dict[str, Any] = said if isinstance(said, dict) else {}
    free = {name: cell for name, cell in own.items() if isinstance(cell, str) and _is_free(name)}
    known = own.get("id")
    return {
        "Published": "1",
        **free,
        "Description": lines_cell(text) if isinstance(text := own.get("Description"), str) else "",
        "ID": known if isinstance(known, str) and known.isascii() and known.isdigit() else "",
        "Type": "variation",
        "SKU": variant.sku,
        "Name": ", ".join((head["Name"], *variant.options.values())),
        "Parent": f"id:{head['ID']}" if head["ID"] else head["SKU"],
        "Images": ", ".join(uris(variant.media, "image")),
    }
