"""What a shop sells: a product, its variants, and how both are written down."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, TypeAlias, get_args

from goodsense.catalog.money import Money
from goodsense.tables.values import Split as Split
from goodsense.types import ImageRef, MediaRef, media_from_json, media_to_json

AttributeValue: TypeAlias = str | float | bool | tuple[str, ...]
Availability: TypeAlias = Literal["", "in_stock", "out_of_stock", "preorder", "backorder"]
AVAILABILITIES: tuple[Availability, ...] = get_args(Availability)


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that can be put into a cart.

    ``options`` are what sets it apart (colour, size); ``list_price`` is the price before a reduction.
    """

    sku: str
    options: Mapping[str, str] = field(default_factory=dict)
    price: Money | None = None
    list_price: Money | None = None
    availability: Availability = ""
    stock: int | None = None
    gtin: str = ""
    media: tuple[MediaRef, ...] = ()

    @property
    def in_stock(self) -> bool | None:
        """Whether it can be bought now; None when the feed does not say."""
        if self.availability:
            return self.availability == "in_stock"
        return None if self.stock is None else self.stock > 0


@dataclass(frozen=True, slots=True)
class Product:
    """A product as its shop describes it. Only ``id`` is required; an empty field is missing, never wrong.

    ``category`` is the path from the root down; ``language`` a BCP 47 code; ``updated`` carries a time zone;
    ``extra`` keeps what the feed had and goodsense has no field for.
    """

    id: str
    title: str = ""
    description: str = ""
    bullets: tuple[str, ...] = ()
    brand: str = ""
    category: tuple[str, ...] = ()
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    language: str = ""
    url: str = ""
    media: tuple[MediaRef, ...] = ()
    variants: tuple[Variant, ...] = ()
    updated: datetime | None = None
    split: Split = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """Its own photos, then those of its variants, each once."""
        return tuple(ref for ref in self.every_medium if isinstance(ref, ImageRef))

    @property
    def every_medium(self) -> tuple[MediaRef, ...]:
        """Its own media, then those of its variants, each once."""
        every = (*self.media, *(ref for variant in self.variants for ref in variant.media))
        return tuple(dict.fromkeys(every))

    @property
    def in_stock(self) -> bool | None:
        """True if any variant is; None when no variant says."""
        known = [state for state in (variant.in_stock for variant in self.variants) if state is not None]
        return any(known) if known else None

    @property
    def price(self) -> Money | None:
        """The lowest price of its variants that are in stock, else of all; None across several currencies."""
        priced = [variant for variant in self.variants if variant.price is not None]
        buyable = [variant for variant in priced if variant.in_stock is not False] or priced
        prices = [variant.price for variant in buyable if variant.price is not None]
        if not prices or len({price.currency for price in prices}) > 1:
            return None
        return min(prices, key=lambda price: price.minor)


def text_fields(product: Product) -> dict[str, str]:
    """What the product says in words, by field; empty fields are left out."""
    attributes = " ".join(f"{name} {_spoken(value)}".rstrip() for name, value in product.attributes.items())
    options = " ".join(dict.fromkeys(value for variant in product.variants for value in variant.options.values()))
    found = {
        "title": product.title,
        "brand": product.brand,
        "category": " ".join(product.category),
        "attributes": f"{attributes} {options}".strip(),
        "bullets": "\n".join(product.bullets),
        "description": product.description,
    }
    return {name: text for name, text in found.items() if text}


TEXT_FIELDS = ("title", "brand", "category", "attributes", "bullets", "description")


def _spoken(value: AttributeValue) -> str:
    if isinstance(value, bool):
        return "" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else " ".join(value)


def with_media(product: Product, change: Callable[[MediaRef], MediaRef]) -> Product:
    """The same product with each of its media, those of its variants too, exchanged for what ``change`` gives."""
    if not product.media and not any(variant.media for variant in product.variants):
        return product
    variants = tuple(
        replace(variant, media=tuple(map(change, variant.media))) if variant.media else variant
        for variant in product.variants
    )
    return replace(product, media=tuple(map(change, product.media)), variants=variants)


def to_json(product: Product) -> dict[str, Any]:
    """A plain dictionary without empty fields; :func:`from_json` gives the product back unchanged."""
    found: dict[str, Any] = {"id": product.id}
    for name in ("title", "description", "brand", "language", "url", "split"):
        if value := getattr(product, name):
            found[name] = value
    for name in ("bullets", "category"):
        if value := getattr(product, name):
            found[name] = list(value)
    if product.attributes:
        found["attributes"] = {k: list(v) if isinstance(v, tuple) else v for k, v in product.attributes.items()}
    if product.media:
        found["media"] = [media_to_json(ref) for ref in product.media]
    if product.variants:
        found["variants"] = [_variant_to_json(variant) for variant in product.variants]
    if product.updated is not None:
        found["updated"] = product.updated.isoformat()
    if product.extra:
        found["extra"] = dict(product.extra)
    return found


def from_json(data: Mapping[str, Any]) -> Product:
    """The product that :func:`to_json` wrote."""
    attributes = {k: tuple(v) if isinstance(v, list) else v for k, v in data.get("attributes", {}).items()}
    updated = data.get("updated")
    return Product(
        id=data["id"],
        title=data.get("title", ""),
        description=data.get("description", ""),
        bullets=tuple(data.get("bullets", ())),
        brand=data.get("brand", ""),
        category=tuple(data.get("category", ())),
        attributes=attributes,
        language=data.get("language", ""),
        url=data.get("url", ""),
        media=tuple(media_from_json(ref) for ref in data.get("media", ())),
        variants=tuple(_variant_from_json(variant) for variant in data.get("variants", ())),
        updated=datetime.fromisoformat(updated) if updated else None,
        split=data.get("split", ""),
        extra=data.get("extra", {}),
    )


def dumps(product: Product) -> str:
    """Canonical JSON: equal products give equal text."""
    return json.dumps(to_json(product), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_hash(text: str | bytes) -> str:
    """The hash by which content is recognised again: 128 bits of BLAKE2b, hexadecimal."""
    return blake2b(text.encode() if isinstance(text, str) else text, digest_size=16).hexdigest()


def _money_to_json(money: Money) -> list[Any]:
    return [money.minor, money.currency]


def _variant_to_json(variant: Variant) -> dict[str, Any]:
    found: dict[str, Any] = {"sku": variant.sku}
    if variant.options:
        found["options"] = dict(variant.options)
    for name in ("price", "list_price"):
        money = getattr(variant, name)
        if money is not None:
            found[name] = _money_to_json(money)
    if variant.availability:
        found["availability"] = variant.availability
    if variant.stock is not None:
        found["stock"] = variant.stock
    if variant.gtin:
        found["gtin"] = variant.gtin
    if variant.media:
        found["media"] = [media_to_json(ref) for ref in variant.media]
    return found


def _variant_from_json(data: Mapping[str, Any]) -> Variant:
    price, list_price = data.get("price"), data.get("list_price")
    return Variant(
        sku=data["sku"],
        options=data.get("options", {}),
        price=Money(*price) if price else None,
        list_price=Money(*list_price) if list_price else None,
        availability=data.get("availability", ""),
        stock=data.get("stock"),
        gtin=data.get("gtin", ""),
        media=tuple(media_from_json(ref) for ref in data.get("media", ())),
    )
