"""Businesses of the Yelp Open Dataset, one JSON object per line, as products.

Follows https://business.yelp.com/data/resources/open-dataset. The first of a business's categories is the category,
all of them are an attribute; ``rating`` and ``review_count`` are attributes too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.nodes import number_of
from goodsense.catalog.feeds.records import ReadRecord, RecordFeed, json_attributes, rest_of
from goodsense.catalog.feeds.systems import Line
from goodsense.catalog.product import AttributeValue, Product

_PLACES = ("address", "city", "state", "postal_code")
_NUMBERS = {"rating": "stars", "review_count": "review_count", "latitude": "latitude", "longitude": "longitude"}
_TAKEN = frozenset({"business_id", "name", "categories", "attributes", "is_open", *_PLACES, *_NUMBERS.values()})
_ALL = "categories"
_PYTHON_TEXT = re.compile(r"u?'([^']*)'|u?\"([^\"]*)\"")  # values stand there as Python printed them
_PYTHON_MEMBER = re.compile(r"['\"]([^'\"]+)['\"]:\s*True\b")


def _is_own(record: Mapping[str, Any]) -> bool:
    return "business_id" in record and {"name", "categories"} <= record.keys()


def _reader(source: Path) -> ReadRecord:
    return _product


def _product(line: Line) -> Product:
    id = v.id_of(line.record.get("business_id"))
    attributes: dict[str, AttributeValue] = dict(line.take("attributes", _attributes) or {})
    for name in _PLACES:
        if text := line.text(name):
            attributes[name] = text
    for name, column in _NUMBERS.items():
        if (number := line.take(column, number_of)) is not None:
            attributes[name] = number
    if (is_open := line.take("is_open", _truth)) is not None:
        attributes["is_open"] = is_open
    named: tuple[str, ...] = line.take("categories", _categories) or ()
    if len(named) > 1:
        attributes[_ALL] = named
    extra = rest_of(line, _TAKEN)
    return Product(id=id, title=line.text("name"), category=named[:1], attributes=attributes, extra=extra)


def _categories(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return v.list_of(value)
    return tuple(name.strip() for name in v.text_of(value).split(",") if name.strip())


def _truth(value: Any) -> bool:
    text = v.text_of(value).lower()
    if text not in ("0", "1", "true", "false"):
        raise BadValue("this is neither yes nor no", "Write 1 or 0.")
    return text in ("1", "true")


def _attributes(value: Any) -> dict[str, AttributeValue]:
    if not isinstance(value, dict):
        raise BadValue("the attributes are no object", 'Write {"WiFi": "free"}.')
    return {name: read for name, item in value.items() if (read := _attribute(item)) is not None}


def _attribute(value: Any) -> AttributeValue | None:
    """A value as Python prints it; of an object of yes and no, the names that are yes."""
    if isinstance(value, dict):
        return tuple(name for name, item in value.items() if item is True or item == "True")
    if not isinstance(value, str):
        return v.typed_attribute(value)
    if value in ("True", "False"):
        return value == "True"
    if value == "None":
        return None
    if value.startswith("{") and value.endswith("}"):
        return tuple(_PYTHON_MEMBER.findall(value))
    found = _PYTHON_TEXT.fullmatch(value)
    return (found.group(1) or found.group(2) or "") if found else value


def _record(product: Product) -> dict[str, Any]:
    attributes = json_attributes(product)
    every = attributes.pop(_ALL, None)
    is_open = attributes.pop("is_open", None)
    places = {name: attributes.pop(name, "") for name in _PLACES}
    numbers = {column: attributes.pop(name, None) for name, column in _NUMBERS.items()}
    names = every if isinstance(every, list) else list(product.category[-1:])
    return {
        **{name: value for name, value in product.extra.items() if name not in _TAKEN},
        "business_id": product.id,
        "name": product.title,
        **places,
        **numbers,
        "is_open": None if is_open is None else int(is_open is True),
        "attributes": attributes,
        "categories": ", ".join(names) if names else None,
    }


YELP = RecordFeed("yelp", "the Yelp Open Dataset", "business_id", _is_own, _reader, _record)
