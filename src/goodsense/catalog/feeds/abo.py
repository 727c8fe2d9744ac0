"""Listings of the Amazon Berkeley Objects data set: one JSON object per product, its texts in several languages.

Follows https://amazon-berkeley-objects.s3.amazonaws.com. The language in which a listing says most becomes the
product's, the others are kept in ``extra``. Picture ids become paths where ``images.csv`` or ``images.csv.gz`` lies
next to the listings or in the data set's own place; an id that it does not have is taken for the path itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.records import ReadRecord, RecordFeed, rest_of
from goodsense.catalog.feeds.systems import Line
from goodsense.catalog.product import AttributeValue, Product
from goodsense.errors import GoodsenseError
from goodsense.tables import Rejects, read_rows, sniff
from goodsense.types import ImageRef

_OWN_PLACE = ("..", "..", "images")  # of pictures, seen from listings/metadata
_FIELDS = frozenset({"item_name", "brand", "bullet_point", "product_description"})
_TAKEN = _FIELDS | {"item_id", "node", "main_image_id", "other_image_id", "item_dimensions", "item_weight"}
_OTHERS = "other_languages"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_ROOT = "Categories"
_IMAGES = 2_000_000
_SCALARS = frozenset({"country", "marketplace", "domain_name", "spin_id", "3dmodel_id"})


def _is_own(record: Mapping[str, Any]) -> bool:
    return "item_id" in record and isinstance(record.get("item_name"), list) and bool(_texts(record["item_name"]))


def _reader(source: Path) -> ReadRecord:
    paths: dict[str, str] | None = None

    def product(line: Line) -> Product:
        nonlocal paths
        if paths is None:
            paths = dict(_paths(source))
        return _product(line, paths)

    return product


def _paths(source: Path) -> Iterator[tuple[str, str]]:
    """Picture ids and where the pictures are, from the table beside the listings; nothing if there is none."""
    folder = source.parent
    beside = [(folder / name, "") for name in ("images.csv", "images.csv.gz")]
    images = folder.joinpath(*_OWN_PLACE)
    size = next((size for size in ("original", "small") if (images / size).is_dir()), "")
    own = [(images / "metadata" / name, f"../../images/{size}/") for name in ("images.csv.gz", "images.csv") if size]
    table = next(((path, prefix) for path, prefix in (*beside, *own) if path.is_file()), None)
    if table is None:
        return
    path, prefix = table
    try:
        for count, row in enumerate(read_rows(path, sniff(path), Rejects.to_memory(keep=0))):
            id, place = row.values.get("image_id"), row.values.get("path")
            if id and place and count < _IMAGES:
                yield id, f"{prefix}{place}"
    except GoodsenseError:
        return  # the listings are worth reading without it


def _product(line: Line, paths: Mapping[str, str]) -> Product:
    record = line.record
    id = v.id_of(record.get("item_id"))
    spoken = _language(record)
    attributes: dict[str, AttributeValue] = {}
    others: dict[str, dict[str, list[str]]] = {}
    extra = rest_of(line, _TAKEN)
    for name, value in record.items():
        texts = _texts(value) if isinstance(value, list) else []
        for tag, text in texts:
            if tag not in ("", spoken):
                others.setdefault(tag, {}).setdefault(name, []).append(text)
        if name in _TAKEN or not texts:
            continue
        extra.pop(name, None)
        if mine := [text for tag, text in texts if tag in ("", spoken)]:
            attributes[name] = mine[0] if len(mine) == 1 else tuple(mine)
    attributes.update(_measures(record))
    if others:
        extra[_OTHERS] = others
    return Product(
        id=id,
        title=_said(record, "item_name", spoken),
        description=_said(record, "product_description", spoken),
        bullets=tuple(text for tag, text in _texts(record.get("bullet_point")) if tag in ("", spoken)),
        brand=_said(record, "brand", spoken),
        category=line.take("node", _category) or (),
        attributes=attributes,
        language=line.convert("language_tag", spoken, v.language_of) or "",
        url=_url(record.get("domain_name"), id),
        media=tuple(ImageRef(paths.get(image, image)) for image in _images(line)),
        extra=extra,
    )


def _texts(value: Any) -> list[tuple[str, str]]:
    """Language tags and texts of a list of tagged values; empty if it is none."""
    if not isinstance(value, list):
        return []
    found = []
    for item in value:
        text = item.get("value") if isinstance(item, dict) else None
        if isinstance(text, (str, int, float)) and not isinstance(text, bool):
            tag = item.get("language_tag")
            found.append((tag if isinstance(tag, str) else "", v.text_of(text)))
    return found


def _language(record: Mapping[str, Any]) -> str:
    """The tag of the language that most of the listing's fields have; of several the one that its name has first."""
    fields = ({tag for tag, _ in _texts(value) if tag} for value in record.values())
    count = Counter(tag for tags in fields for tag in sorted(tags))
    named = [tag for tag, _ in _texts(record.get("item_name")) if tag]
    return max([*named, *count], key=lambda tag: count[tag], default="")


def _said(record: Mapping[str, Any], name: str, spoken: str) -> str:
    """The text of a field in the language, else in any."""
    texts = _texts(record.get(name))
    return next((text for tag, text in texts if tag in ("", spoken)), texts[0][1] if texts else "")


def _category(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadValue("the nodes are no list", 'Write [{"node_id": 1, "node_name": "/Home/Lamps"}].')
    names = [item.get("node_name") for item in value if isinstance(item, dict)]
    path = next((v.category_of(name) for name in names if isinstance(name, str) and name), ())
    return path[1:] if path[:1] == (_ROOT,) and len(path) > 1 else path


def _measures(record: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """The dimensions and the weight in words."""
    found: dict[str, AttributeValue] = {}
    dimensions = record.get("item_dimensions")
    weights = record.get("item_weight")
    every = dict(dimensions) if isinstance(dimensions, dict) else {}
    every["item_weight"] = weights[0] if isinstance(weights, list) and weights else weights
    for name, item in every.items():
        amount = item.get("value") if isinstance(item, dict) else None
        if isinstance(amount, (int, float)) and not isinstance(amount, bool):
            unit = item.get("unit")
            found[name] = f"{v.text_of(amount)} {unit if isinstance(unit, str) else ''}".rstrip()
    return found


def _images(line: Line) -> list[str]:
    more = line.take("other_image_id", v.list_of) or ()
    return [image for image in dict.fromkeys((line.text("main_image_id"), *more)) if image]


def _url(domain: Any, id: str) -> str:
    return f"https://www.{domain}/dp/{id}" if isinstance(domain, str) and re.fullmatch(r"[a-z0-9.-]+", domain) else ""


def _record(product: Product) -> dict[str, Any]:
    tag = product.language.replace("-", "_")

    def said(*texts: str) -> list[dict[str, str]]:
        return [{"language_tag": tag, "value": text} if tag else {"value": text} for text in texts]

    pictures = [ref.uri for ref in product.media if isinstance(ref, ImageRef)]
    record: dict[str, Any] = {name: value for name, value in product.extra.items() if name not in (*_TAKEN, _OTHERS)}
    record |= {"item_id": product.id, "item_name": said(product.title)}
    if product.brand:
        record["brand"] = said(product.brand)
    if product.bullets:
        record["bullet_point"] = said(*product.bullets)
    if product.description:
        record["product_description"] = said(product.description)
    for name, value in product.attributes.items():
        if _NAME.fullmatch(name) and name not in _TAKEN | _SCALARS and isinstance(value, (str, tuple)):
            record[name] = said(*((value,) if isinstance(value, str) else value))
    if product.category:
        record["node"] = [{"node_id": 0, "node_name": "/" + "/".join(product.category)}]
    if pictures:
        record["main_image_id"], record["other_image_id"] = pictures[0], pictures[1:]
    return record


ABO = RecordFeed("abo", "Amazon Berkeley Objects", "item_id", _is_own, _reader, _record)
