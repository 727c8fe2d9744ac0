"""Reading and replacing fields of a product by name: ``title``, ``brand``, ``attribute.colour``, ``gtin`` ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from goodsense.catalog import Money, Product
from goodsense.catalog.product import AttributeValue, Variant

Value: TypeAlias = str | float | bool | tuple[str, ...]
PLAIN = ("title", "description", "brand", "language", "url", "split")
LISTS = ("bullets", "category")
OFFERS = ("gtin", "availability", "stock", "price", "list_price")
PREFIX = "attribute."
OPTION = "option."
VARIANT = "variant."
KNOWN = (
    f"{', '.join((*PLAIN, *LISTS, *OFFERS))}, updated, attributes, attribute.NAME, options, option.NAME, "
    "variant.SKU.price (and other fields of offers)"
)


def check_field(field: str) -> str:
    """Give the name back if it is a field's; for the validation of plans.

    Raises
    ------
    ValueError
        If it is none.
    """
    known = field in (*PLAIN, *LISTS, *OFFERS, "updated", "attributes", "options")
    if known or field.removeprefix(PREFIX) not in (field, "") or field.removeprefix(OPTION) not in (field, ""):
        return field
    if of_variant(field)[1] in OFFERS:
        return field
    raise ValueError(f"unknown field; known fields: {KNOWN}")


def map_texts(product: Product, field: str, change: Callable[[str], str]) -> Product:
    """Change every text of a field: the levels of a category, the values of an attribute, of all options.

    Values that become empty disappear; a product that stays the same is returned as it is.
    """
    if field in PLAIN:
        old = getattr(product, field)
        return _replaced(product, field, change(old)) if old else product
    if field in LISTS:
        items = tuple(filter(None, map(change, getattr(product, field))))
        return _replaced(product, field, items)
    if field == "options" or field.startswith(OPTION):
        name = field.removeprefix(OPTION) if field != "options" else None
        return map_variants(product, lambda variant: _map_options(variant, name, change))
    if field == "attributes" or field.startswith(PREFIX):
        return _map_attributes(product, None if field == "attributes" else field.removeprefix(PREFIX), change)
    sku, name = of_variant(field)
    if name == "gtin":
        return map_variants(product, lambda variant: replace(variant, gtin=change(variant.gtin)), sku)
    return product


def map_variants(product: Product, change: Callable[[Variant], Variant], sku: str | None = None) -> Product:
    """Change every variant, or only those of one SKU."""
    done = tuple(change(item) if sku in (None, item.sku) else item for item in product.variants)
    return _replaced(product, "variants", done)


def of_variant(field: str) -> tuple[str | None, str]:
    """The SKU and the field that ``variant.SKU.price`` means; no SKU where all variants are meant."""
    if not field.startswith(VARIANT):
        return None, field
    sku, _, name = field.removeprefix(VARIANT).rpartition(".")
    return sku, name


def value_of(product: Product, field: str) -> Value | None:
    """The value of a field; None where it is missing. Of offers, that of the first variant that has one."""
    if field in (*PLAIN, *LISTS):
        return getattr(product, field) or None
    if field.startswith(PREFIX):
        found = product.attributes.get(field.removeprefix(PREFIX))
        return None if found in ("", ()) else found
    sku, name = of_variant(field)
    values = (_offer_value(variant, name) for variant in product.variants if sku in (None, variant.sku))
    return next((value for value in values if value not in (None, "")), None)


def with_value(product: Product, field: str, value: Value | None) -> Product:
    """The product with another value in a field, in every variant for offers; None empties it."""
    if field == "updated":
        return replace(product, updated=None) if value is None else product
    if field in LISTS:
        items = (value,) if isinstance(value, str) else () if value is None else value
        return _replaced(product, field, items)
    if field in PLAIN:
        return _replaced(product, field, "" if value is None else _text(value))
    if field.startswith(PREFIX):
        return _replaced(product, "attributes", _with_item(product.attributes, field.removeprefix(PREFIX), value))
    sku, name = of_variant(field)
    return map_variants(product, lambda variant: _with_offer(variant, name, value), sku)


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return " ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _replaced(product: Product, field: str, value: Any) -> Product:
    return product if getattr(product, field) == value else replace(product, **{field: value})


def _with_item(items: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    kept = {key: item for key, item in items.items() if key != name or value is not None}
    return kept if value is None else {**kept, name: value}


def _map_attributes(product: Product, only: str | None, change: Callable[[str], str]) -> Product:
    done: dict[str, AttributeValue] = {}
    for name, value in product.attributes.items():
        if only is not None and name != only:
            done[name] = value
        elif isinstance(value, str):
            if text := change(value):
                done[name] = text
        elif isinstance(value, tuple):
            if texts := tuple(filter(None, map(change, value))):
                done[name] = texts
        else:
            done[name] = value
    return _replaced(product, "attributes", done)


def _map_options(variant: Variant, only: str | None, change: Callable[[str], str]) -> Variant:
    options = {name: change(text) if only is None or name == only else text for name, text in variant.options.items()}
    return replace(variant, options={name: text for name, text in options.items() if text})


def _offer_value(variant: Variant, field: str) -> Value | None:
    if field.startswith(OPTION):
        return variant.options.get(field.removeprefix(OPTION))
    found = getattr(variant, field, None)
    if found is None or isinstance(found, str):
        return found
    return float(found) if isinstance(found, int) else float(found.major)


def _with_offer(variant: Variant, field: str, value: Value | None) -> Variant:
    if field.startswith(OPTION):
        return replace(variant, options=_with_item(variant.options, field.removeprefix(OPTION), value))
    if field in ("gtin", "availability"):
        return replace(variant, **{field: "" if value is None else value})  # type: ignore[arg-type]
    if field == "stock":
        return replace(variant, stock=int(value) if isinstance(value, int | float) else None)
    old: Money | None = getattr(variant, field)
    price = None if value is None or old is None else Money.of(str(value), old.currency)
    return replace(variant, price=price) if field == "price" else replace(variant, list_price=price)
