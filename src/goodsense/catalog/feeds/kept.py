"""What the columns of a shop system cannot say, kept as JSON in a custom field of its own.

A writer reads its own rows back and keeps, per product and per variant, the fields that came out differently. A field
that is kept wins over the columns, so everything comes back, and what columns can say stays theirs to edit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.assemble import attributes_of, extra_of, media_of
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.prices import parse_price
from goodsense.catalog.money import Money
from goodsense.catalog.product import Product, Variant, to_json
from goodsense.errors import DataError

Complain: TypeAlias = Callable[[str, Any, BadValue], None]
_FIX = "Leave this cell as it was exported, or empty it."


def differing(product: Product, read: Product) -> tuple[str, list[str]]:
    """The cells that make ``read`` the ``product``: one for itself, one per variant; empty where nothing is needed.

    Raises
    ------
    DataError
        If the product holds what JSON cannot carry.
    """
    try:
        wanted, found = to_json(product), to_json(read)
        every = wanted.pop("variants", [])
        back = found.pop("variants", [])
        assert len(every) == len(back)
        return _difference(wanted, found), [_difference(*pair) for pair in zip(every, back, strict=True)]
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"product {product.id!r} cannot be written: {error}.") from error


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    names = [name for name in (*wanted, *found) if not _alike(wanted.get(name), found.get(name))]
    return v.dump({name: wanted.get(name) for name in dict.fromkeys(names)}) if names else ""


def _alike(one: Any, other: Any) -> bool:
    """Equal, and written alike: 1.0 is not True, here or further inside."""
    return bool(one == other) and (not isinstance(one, (dict, list)) or _sorted(one) == _sorted(other))


def _sorted(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def kept_of(text: str, column: str, complain: Complain) -> dict[str, Any]:
    """The fields of a kept cell; what is no JSON object is complained of."""
    if not text:
        return {}
    try:
        found = v.json_of(text)
        if not isinstance(found, dict):
            raise BadValue("this is no JSON object", _FIX)
    except BadValue as bad:
        complain(column, text, BadValue(bad.reason, _FIX))
        return {}
    return found


def keep_product(product: Product, kept: Mapping[str, Any], column: str, complain: Complain) -> Product:
    """The product with its kept fields."""
    return (
        replace(product, **_converted(kept, _product_fields(column, complain), column, complain)) if kept else product
    )


def keep_variant(variant: Variant, kept: Mapping[str, Any], column: str, complain: Complain) -> Variant:
    """The variant with its kept fields."""
    return replace(variant, **_converted(kept, _VARIANT, column, complain)) if kept else variant


def _converted(
    kept: Mapping[str, Any],
    fields: Mapping[str, tuple[Callable[[Any], Any], Any]],
    column: str,
    complain: Complain,
) -> dict[str, Any]:
    found = {}
    for name, value in kept.items():
        if name not in fields:
            complain(f"{column}.{name}", value, BadValue("an unknown field", _FIX))
            continue
        convert, missing = fields[name]
        try:
            found[name] = missing if value is None and name != "id" else convert(value)
        except BadValue as bad:
            complain(f"{column}.{name}", value, bad)
    return found


def _product_fields(column: str, complain: Complain) -> dict[str, tuple[Callable[[Any], Any], Any]]:
    return {**_PRODUCT, "attributes": (lambda value: attributes_of(_object(value), column, complain), {})}


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadValue("this is no JSON object", _FIX)
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadValue("this is no list of texts", _FIX)
    return tuple(value)


def _options(value: Any) -> dict[str, str]:
    return {name: v.text_of(item) for name, item in _object(value).items()}


def _money(value: Any) -> Money:
    money = parse_price(value, None)
    if not isinstance(money, Money):
        raise BadValue("the price has no currency", _FIX)
    return money


_PRODUCT: Mapping[str, tuple[Callable[[Any], Any], Any]] = {
    "id": (v.id_of, ""),
    **dict.fromkeys(("title", "description", "brand", "url"), (v.text_of, "")),
    "bullets": (_texts, ()),
    "category": (_texts, ()),
    "language": (v.language_of, ""),
    "media": (media_of, ()),
    "updated": (v.time_of, None),
    "split": (v.split_of, ""),
    "extra": (extra_of, {}),
}
_VARIANT: Mapping[str, tuple[Callable[[Any], Any], Any]] = {
    "sku": (v.text_of, ""),
    "options": (_options, {}),
    "price": (_money, None),
    "list_price": (_money, None),
    "availability": (v.availability_of, ""),
    "stock": (v.stock_of, None),
    "gtin": (v.text_of, ""),
    "media": (media_of, ()),
}
