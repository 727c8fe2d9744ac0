"""The corpus of a BEIR retrieval task: ``_id``, ``title``, ``text`` and ``metadata``, one JSON object per line.

Follows https://github.com/beir-cellar/beir. The text is the description; short entries of the metadata are attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.records import ReadRecord, RecordFeed, json_attributes, rest_of
from goodsense.catalog.feeds.systems import Line
from goodsense.catalog.product import AttributeValue, Product

_TAKEN = frozenset({"_id", "title", "text", "metadata"})


def _is_own(record: Mapping[str, Any]) -> bool:
    return {"_id", "text"} <= record.keys()


def _reader(source: Path) -> ReadRecord:
    return _product


def _product(line: Line) -> Product:
    id = v.id_of(line.record.get("_id"))
    attributes: dict[str, AttributeValue] = {}
    extra = rest_of(line, _TAKEN)
    url = ""
    for name, value in (line.take("metadata", _object) or {}).items():
        if name == "url" and isinstance(value, str):
            url = value
            continue
        try:
            read = None if isinstance(value, str) and len(value) > v.SHORT else v.typed_attribute(value)
        except BadValue:
            read = None
        if read is not None:
            attributes[name] = read
        elif value is not None:
            extra[name] = value
    return Product(
        id=id,
        title=line.text("title"),
        description=line.text("text"),
        attributes=attributes,
        url=url,
        extra=extra,
    )


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadValue("the metadata are no object", 'Write {"url": "https://..."}.')
    return value


def _record(product: Product) -> dict[str, Any]:
    metadata = json_attributes(product)
    if product.url:
        metadata["url"] = product.url
    return {
        **{name: value for name, value in product.extra.items() if name not in _TAKEN},
        "_id": product.id,
        "title": product.title,
        "text": product.description,
        "metadata": metadata,
    }


BEIR = RecordFeed("beir", "a BEIR task", "_id", _is_own, _reader, _record)
