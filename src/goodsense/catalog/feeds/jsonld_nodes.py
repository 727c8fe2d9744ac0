"""Products as schema.org nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.flatten import gtin_reads_back, listed
from goodsense.catalog.feeds.schema_org import KNOWN, PLAIN
from goodsense.catalog.money import Money
from goodsense.catalog.product import AttributeValue, Product, Variant
from goodsense.types import ImageRef, MediaRef, VideoRef

CONTEXT = "https://schema.org"
_STATES = {"in_stock": "InStock", "out_of_stock": "OutOfStock", "preorder": "PreOrder", "backorder": "BackOrder"}
_CONDITIONS = {name: f"{CONTEXT}/{name.title()}Condition" for name in ("new", "used", "refurbished", "damaged")}
_RATING = {"rating": "ratingValue", "review_count": "reviewCount"}


def document(product: Product) -> dict[str, Any]:
    """A complete JSON-LD document: a ``Product``, or a ``ProductGroup`` if its variants are told apart by options."""
    only = product.variants[0] if len(product.variants) == 1 else None
    alone = not product.variants or (only is not None and not only.options and not only.media)
    node: dict[str, Any] = {"@context": CONTEXT, "@type": "Product" if alone else "ProductGroup"}
    node["productID" if alone else "productGroupID"] = product.id
    node |= _said(product)
    if not alone:
        names = dict.fromkeys(name for variant in product.variants for name in variant.options)
        if names:
            node["variesBy"] = [f"{CONTEXT}/{name}" if name in PLAIN else name for name in names]
        node["hasVariant"] = [_variant(variant, product) for variant in product.variants]
    elif only is not None:
        node |= _sold(only, product.attributes.get("condition"))
    return node | {
        name: value for name, value in product.extra.items() if name not in KNOWN and ":" not in name and name
    }


def _said(product: Product) -> dict[str, Any]:
    """What is true of all variants."""
    found: dict[str, Any] = {
        "name": product.title,
        "description": product.description,
        "inLanguage": product.language,
        "brand": {"@type": "Brand", "name": product.brand} if product.brand else "",
        "category": listed(product.category, " > ", v.category_of) if product.category else "",
        "url": product.url,
        "dateModified": product.updated.isoformat() if product.updated is not None else "",
        "positiveNotes": list(product.bullets),
    }
    found |= _media(product.media)
    rating = {key: value for name, key in _RATING.items() if isinstance(value := product.attributes.get(name), float)}
    if "ratingValue" in rating:
        found["aggregateRating"] = {"@type": "AggregateRating", **rating}
    else:
        rating = {}
    rated = {name for name, key in _RATING.items() if key in rating}
    found |= _properties({name: value for name, value in product.attributes.items() if name not in rated})
    return {name: value for name, value in found.items() if value not in ("", [])}


def _properties(attributes: dict[str, AttributeValue] | dict[str, str]) -> dict[str, Any]:
    """Properties of their own where schema.org has them, ``additionalProperty`` for the rest."""
    found: dict[str, Any] = {}
    others: list[dict[str, Any]] = []
    for name, value in attributes.items():
        plain = list(value) if isinstance(value, tuple) else value
        if name in PLAIN and value and (isinstance(value, str) or (isinstance(value, tuple) and all(value))):
            found[name] = plain
        else:
            others.append({"@type": "PropertyValue", "name": name, "value": plain})
    if others:
        found["additionalProperty"] = others
    return found


def _variant(variant: Variant, product: Product) -> dict[str, Any]:
    found: dict[str, Any] = {"@type": "Product"}
    if product.title:
        found["name"] = product.title
    found |= _sold(variant, product.attributes.get("condition"))
    return found | _media(variant.media) | _properties(dict(variant.options))


def _sold(variant: Variant, condition: AttributeValue | None) -> dict[str, Any]:
    found: dict[str, Any] = {"sku": variant.sku} if variant.sku else {}
    if variant.gtin and gtin_reads_back(variant.gtin):
        found[f"gtin{len(variant.gtin)}" if len(variant.gtin) in (8, 12, 13, 14) else "isbn"] = variant.gtin
    offer: dict[str, Any] = {}
    if variant.price is not None:
        offer |= _price(variant.price)
    if variant.list_price is not None:
        struck = {"@type": "UnitPriceSpecification", "priceType": f"{CONTEXT}/StrikethroughPrice"}
        offer["priceSpecification"] = struck | _price(variant.list_price)
    if variant.availability:
        offer["availability"] = f"{CONTEXT}/{_STATES[variant.availability]}"
    if variant.stock is not None:
        offer["inventoryLevel"] = {"@type": "QuantitativeValue", "value": variant.stock}
    if offer:
        if isinstance(condition, str) and condition in _CONDITIONS:
            offer["itemCondition"] = _CONDITIONS[condition]
        found["offers"] = {"@type": "Offer", **offer}
    return found


def _price(money: Money) -> dict[str, str]:
    amount, _, code = str(money).partition(" ")
    return {"price": amount, "priceCurrency": code}


def _media(media: Iterable[MediaRef]) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for ref in media:
        if isinstance(ref, ImageRef) and ref.sha256 is None:
            found.setdefault("image", []).append(ref.uri)
            continue
        kind = "Image" if isinstance(ref, ImageRef) else "Video" if isinstance(ref, VideoRef) else "Audio"
        medium = {"@type": f"{kind}Object", "contentUrl": ref.uri}
        if ref.sha256 is not None:
            medium["sha256"] = ref.sha256
        found.setdefault(kind.lower(), []).append(medium)
    return found
