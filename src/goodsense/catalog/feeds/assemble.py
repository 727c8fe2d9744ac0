"""From the parts of rows to products: one row, or the rows of a group as variants of one product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.prices import parse_price
from goodsense.catalog.feeds.values import availability_of, json_of, stock_of, text_of, typed_attribute, uris_of
from goodsense.catalog.money import Money
from goodsense.catalog.product import AttributeValue, Product, Variant
from goodsense.types import REF_TYPES, ImageRef, MediaRef

MAX_VARIANTS = 10_000
Complain: TypeAlias = Callable[[str, Any, BadValue], None]
_FIELDS = ("title", "description", "bullets", "brand", "category", "language", "url", "updated", "split")
_OFFER = ("sku", "price", "list_price", "availability", "stock", "gtin")


@dataclass(slots=True)
class Parts:
    """What one row says, field by field; ``found`` has only what is there."""

    number: int
    id: str
    found: dict[str, Any]
    media: tuple[MediaRef, ...] = ()
    group: str = ""
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)


def single(parts: Parts) -> Product:
    """The product of one row; it has a variant if the row says anything about an offer."""
    found = parts.found
    variants = found.get("variants")
    if variants is None:
        variants = (_variant(parts, parts.media[:0]),) if any(name in found for name in _OFFER) or parts.options else ()
    return _product(parts, parts.id, parts.attributes, parts.media, variants, parts.extra)


def _product(
    parts: Parts,
    id: str,
    attributes: Mapping[str, AttributeValue],
    media: tuple[MediaRef, ...],
    variants: tuple[Variant, ...],
    extra: Mapping[str, Any],
) -> Product:
    get = parts.found.get
    return Product(
        id=id,
        title=get("title", ""),
        description=get("description", ""),
        bullets=get("bullets", ()),
        brand=get("brand", ""),
        category=get("category", ()),
        attributes=attributes,
        language=get("language", ""),
        url=get("url", ""),
        media=media,
        variants=variants,
        updated=get("updated"),
        split=get("split", ""),
        extra=extra,
    )


def _variant(parts: Parts, media: tuple[MediaRef, ...]) -> Variant:
    get = parts.found.get
    return Variant(
        sku=get("sku") or parts.id,
        options=parts.options,
        price=get("price"),
        list_price=get("list_price"),
        availability=get("availability", ""),
        stock=get("stock"),
        gtin=get("gtin", ""),
        media=media,
    )


def merged(rows: list[Parts]) -> Product:
    """The product of a group of rows.

    The first row speaks for the product. Attributes on which rows differ become options of their variants, photos
    that differ become the variant's own; other fields that differ are kept in ``extra["variant_fields"]`` by SKU.
    """
    first, id = rows[0], rows[0].group or rows[0].id
    parent = len(rows) > 1 and not first.group and not any(name in first.found for name in _OFFER if name != "sku")
    sellers = rows[1:] if parent else rows
    common = {
        name: value
        for name, value in first.attributes.items()
        if all(name in row.attributes and row.attributes[name] == value for row in sellers)
        or (parent and not any(name in row.attributes for row in sellers))
    }
    variants, differing = [], {}
    for row in sellers:
        for name, value in row.attributes.items():
            if name not in common:
                row.options.setdefault(name, _spoken(value))
        variant = _variant(row, () if row.media == first.media else row.media)
        variants.append(variant)
        if row is not first and (other := _differing(row, first)):
            differing[variant.sku] = other
    extra = dict(first.extra)
    if differing:
        extra["variant_fields"] = differing
    return _product(first, id, common, first.media, tuple(variants), extra)


def _differing(row: Parts, first: Parts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _FIELDS:
        value = row.found.get(name)
        if value is not None and value != first.found.get(name):
            found[name] = (
                list(value) if isinstance(value, tuple) else value if isinstance(value, str) else text_of(value)
            )
    found.update({name: value for name, value in row.extra.items() if first.extra.get(name) != value})
    return found


def _spoken(value: AttributeValue) -> str:
    return " | ".join(value) if isinstance(value, tuple) else text_of(value)


def grouped(
    rows: Iterable[Parts],
    refuse: Callable[[Parts, BadValue], None],
    merge: Callable[[list[Parts]], Product] = merged,
) -> Iterator[tuple[int, Product]]:
    """Streams products out of rows; consecutive rows with one group id are one product, which ``merge`` makes.

    A row without a group that is followed by rows whose group is its id is their parent. A group that comes again
    later is refused, row by row: as a product of its own it would overwrite the first part of itself.
    """
    seen: set[int] = set()  # hashes of the groups; a file without groups leaves it empty
    held: list[Parts] = []
    key, closed = "", False
    for parts in rows:
        if held and parts.group and parts.group == key:
            if len(held) < MAX_VARIANTS:
                held.append(parts)
            else:
                refuse(parts, BadValue(f"the group {key!r} has over {MAX_VARIANTS} rows", "Give smaller groups."))
            continue
        if closed and parts.group == key:
            refuse(parts, _again(key))
            continue
        if held:
            yield _close(held, seen, merge)
            held = []
        key = parts.group or parts.id
        closed = bool(parts.group) and hash(key) in seen
        if closed:
            refuse(parts, _again(key))
        else:
            held.append(parts)
    if held:
        yield _close(held, seen, merge)


def _again(key: str) -> BadValue:
    return BadValue(f"the group {key!r} was complete before this row", "Sort the file by the group's column.")


def _close(held: list[Parts], seen: set[int], merge: Callable[[list[Parts]], Product]) -> tuple[int, Product]:
    first = held[0]
    if len(held) == 1 and not first.group:
        return first.number, single(first)
    seen.add(hash(first.group or first.id))
    return first.number, merge(held)


_SKU_NAMES = ("sku", "id", "sku_id", "variant_id", "SKU", "货号")
_VARIANT_FIELDS = frozenset(
    {
        *_SKU_NAMES,
        "options",
        "price",
        "list_price",
        "currency",
        "availability",
        "stock",
        "gtin",
        "media",
        "image",
        "images",
    }
)


def variants_of(value: Any, id: str, currency: str | None, complain: Complain) -> tuple[Variant, ...]:
    """The variants of a JSON cell; a bad value in one of them is complained of and left out."""
    listed = json_of(value)
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise BadValue("variants are no list of objects", 'Write [{"sku": "A-1", "price": "19.99 USD"}, ...].')
    if len(listed) > MAX_VARIANTS:
        raise BadValue(f"over {MAX_VARIANTS} variants", "Give fewer variants per product.")
    return tuple(
        _listed_variant(item, f"variants[{place}]", id, currency, complain) for place, item in enumerate(listed)
    )


def _listed_variant(item: Mapping[str, Any], place: str, id: str, currency: str | None, complain: Complain) -> Variant:
    def read(name: str, convert: Callable[[Any], Any], missing: Any) -> Any:
        value = item.get(name)
        if value is None:
            return missing
        try:
            return convert(value)
        except BadValue as bad:
            complain(f"{place}.{name}", value, bad)
            return missing

    own = read("currency", text_of, "") or currency
    sku = next((found for name in _SKU_NAMES if (found := read(name, text_of, None)) is not None), id)
    options = read("options", _options, {})
    others = {name: value for name, value in item.items() if name not in _VARIANT_FIELDS}
    for name, value in others.items():
        if (text := read(name, text_of, None)) is not None and value != "":
            options[name] = text
    images = [*read("image", uris_of, ()), *read("images", uris_of, ())]
    return Variant(
        sku=sku,
        options=options,
        price=read("price", lambda value: _priced(value, own), None),
        list_price=read("list_price", lambda value: _priced(value, own), None),
        availability=read("availability", availability_of, ""),
        stock=read("stock", stock_of, None),
        gtin=read("gtin", text_of, ""),
        media=(*read("media", media_of, ()), *map(ImageRef, images)),
    )


def _options(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadValue("options are no object", 'Write {"color": "red"}.')
    return {name: text_of(item) for name, item in value.items()}


def _priced(value: Any, currency: str | None) -> Money:
    money = parse_price(value, currency)
    if isinstance(money, Money):
        return money
    raise BadValue("the price has no currency", "Write 19.99 USD, or give the currency of the feed.")


def media_of(value: Any) -> tuple[MediaRef, ...]:
    """The media of a JSON cell: a list of ``{"kind": "image", "uri": ...}``."""
    listed = json_of(value)
    if not isinstance(listed, list):
        raise BadValue("media are no list", 'Write [{"kind": "image", "uri": "photo.jpg"}].')
    return tuple(_medium(item) for item in listed)


def _medium(item: Any) -> MediaRef:
    kind = item.get("kind") if isinstance(item, dict) else None
    uri = item.get("uri") if isinstance(item, dict) else None
    if kind not in ("image", "audio", "video") or not isinstance(uri, str):
        raise BadValue("a medium without kind or uri", 'Write {"kind": "image", "uri": "photo.jpg"}.')
    sha256 = item.get("sha256")
    if sha256 is not None and not (
        isinstance(sha256, str) and len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")
    ):
        raise BadValue("the sha256 of a medium is not 64 hexadecimal digits", "Leave it out.")
    return REF_TYPES[kind](uri, sha256)


def attributes_of(value: Any, column: str, complain: Complain) -> dict[str, AttributeValue]:
    """The attributes of one cell: a JSON object, a list of names and values, or ``colour: red; size: L``."""
    if isinstance(value, str) and value.lstrip()[:1] not in ("{", "["):
        pairs = [part.replace("：", ":").partition(":") for part in value.replace("；", ";").split(";") if part.strip()]
        if not all(name.strip() and text.strip() for name, _, text in pairs):
            return {column: value}
        return {name.strip(): text.strip() for name, _, text in pairs}
    found = json_of(value)
    if isinstance(found, list) and all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in found):
        found = {item["name"]: item.get("value") for item in found}
    if isinstance(found, list) and not any(isinstance(item, (dict, list)) for item in found):
        return {column: tuple(text_of(item) for item in found if item is not None)} if found else {}
    if not isinstance(found, dict):
        raise BadValue("attributes are no object", 'Write {"color": "red", "size": "L"}.')
    typed: dict[str, AttributeValue] = {}
    for name, item in found.items():
        try:
            attribute = typed_attribute(item)
        except BadValue as bad:
            complain(f"{column}.{name}", item, bad)
        else:
            if attribute is not None:
                typed[name] = attribute
    return typed


def extra_of(value: Any) -> dict[str, Any]:
    """The extra of a JSON cell."""
    found = json_of(value)
    if not isinstance(found, dict):
        raise BadValue("extra is no object", 'Write {"name": "value"}.')
    return dict(found)
