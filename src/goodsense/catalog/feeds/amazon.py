"""Items of the Amazon Reviews 2023 data set: one JSON object per product, keyed by ``parent_asin``.

Follows the item metadata of https://amazon-reviews-2023.github.io. Prices are US dollars unless a currency is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.nodes import number_of
from goodsense.catalog.feeds.prices import parse_price
from goodsense.catalog.feeds.records import ReadRecord, RecordFeed, json_attributes, rest_of
from goodsense.catalog.feeds.systems import Line
from goodsense.catalog.money import Money
from goodsense.catalog.product import AttributeValue, Product, Variant
from goodsense.types import ImageRef, MediaRef, VideoRef

_TELLING = frozenset("main_category average_rating rating_number features store details bought_together videos".split())
_TAKEN = frozenset(
    "parent_asin title main_category categories features description price store images videos details average_rating "
    "rating_number".split()
)
_SIZES = ("hi_res", "large", "thumb")
_CURRENCY = "USD"
_FREE_FORM = re.compile(r"from\s+|\s*-\s*\$?[\d.,]+$", re.IGNORECASE)  # "from 8.99", "$8.99 - $12.50"
_NO_PRICE = frozenset({"—", "–", "-", "none", ""})


def _is_own(record: Mapping[str, Any]) -> bool:
    return "parent_asin" in record and len(_TELLING & record.keys()) >= 3


def _reader(source: Path) -> ReadRecord:
    return _product


def _product(line: Line) -> Product:
    id = v.id_of(line.record.get("parent_asin"))
    details: dict[str, Any] = line.take("details", _object) or {}
    attributes = {name: value for name, text in details.items() if (value := _plain(text)) is not None}
    nested = {name: value for name, value in details.items() if isinstance(value, dict)}
    for name, column in (("rating", "average_rating"), ("review_count", "rating_number")):
        if (number := line.take(column, number_of)) is not None:
            attributes[name] = number
    main = line.text("main_category")
    category: tuple[str, ...] = line.take("categories", v.category_of) or ((main,) if main else ())
    extra = rest_of(line, _TAKEN)
    if main and main != category[0]:
        extra["main_category"] = main
    if nested:
        extra["details"] = nested
    return Product(
        id=id,
        title=line.text("title"),
        description="\n".join(line.take("description", v.list_of) or ()),
        bullets=line.take("features", v.list_of) or (),
        brand=line.text("store"),
        category=category,
        attributes=attributes,
        media=(*(line.take("images", _images) or ()), *(line.take("videos", _videos) or ())),
        variants=_variants(line, id, attributes),
        extra=extra,
    )


def _variants(line: Line, id: str, attributes: dict[str, AttributeValue]) -> tuple[Variant, ...]:
    price = line.take("price", lambda value: _price(value, line.reading.currency or _CURRENCY))
    return (Variant(id, price=price),) if price is not None else ()


def _price(value: Any, currency: str) -> Money | None:
    """The price, the lowest of several."""
    if isinstance(value, str):
        value = _FREE_FORM.sub("", value.strip())
        if value.lower() in _NO_PRICE:
            return None
    found = parse_price(value, currency)
    return found if isinstance(found, Money) else None


def _plain(value: Any) -> AttributeValue | None:
    """A detail as an attribute; None for what has parts of its own."""
    try:
        return v.typed_attribute(value)
    except BadValue:
        return None


def _object(value: Any) -> dict[str, Any]:
    found = v.json_of(value)
    if not isinstance(found, dict):
        raise BadValue("the details are no object", 'Write {"Color": "red"}.')
    return found


def _images(value: Any) -> tuple[MediaRef, ...]:
    """Each picture in its best size, the main one first."""
    found = [item for item in _rows(value) if isinstance(item, dict)]
    found.sort(key=lambda item: item.get("variant") != "MAIN")
    uris = (next((uri for size in _SIZES if isinstance(uri := item.get(size), str) and uri), "") for item in found)
    return tuple(ImageRef(uri) for uri in uris if uri)


def _videos(value: Any) -> tuple[MediaRef, ...]:
    found = (item.get("url") for item in _rows(value) if isinstance(item, dict))
    return tuple(VideoRef(uri) for uri in found if isinstance(uri, str) and uri)


def _rows(value: Any) -> list[Any]:
    """A list of objects, which tables write as an object of lists."""
    value = v.json_of(value)
    if isinstance(value, dict):
        columns = {name: column for name, column in value.items() if isinstance(column, list)}
        count = max(map(len, columns.values()), default=0)
        return [{name: column[n] for name, column in columns.items() if n < len(column)} for n in range(count)]
    if not isinstance(value, list):
        raise BadValue("these are no objects", 'Write [{"large": "https://..."}].')
    return value


def _record(product: Product) -> dict[str, Any]:
    attributes = json_attributes(product)
    images = [ref.uri for ref in product.media if isinstance(ref, ImageRef)]
    price = product.price
    nested = product.extra.get("details")
    named = product.extra.get("main_category")
    return {
        **{name: value for name, value in product.extra.items() if name not in _TAKEN},
        "main_category": named if isinstance(named, str) else product.category[0] if product.category else None,
        "title": product.title,
        "average_rating": attributes.pop("rating", None),
        "rating_number": attributes.pop("review_count", None),
        "features": list(product.bullets),
        "description": [product.description] if product.description else [],
        "price": float(price.major) if price is not None and price.currency == _CURRENCY else None,
        "images": [
            {"thumb": uri, "large": uri, "variant": f"PT{place:02}" if place else "MAIN", "hi_res": uri}
            for place, uri in enumerate(images)
        ],
        "videos": [{"title": "", "url": ref.uri, "user_id": ""} for ref in product.media if isinstance(ref, VideoRef)],
        "store": product.brand or None,
        "categories": list(product.category),
        "details": attributes | (nested if isinstance(nested, dict) else {}),
        "parent_asin": product.id,
        "bought_together": product.extra.get("bought_together"),
    }


AMAZON = RecordFeed("amazon-2023", "Amazon Reviews 2023", "parent_asin", _is_own, _reader, _record)
