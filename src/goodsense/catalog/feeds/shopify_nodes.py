"""Objects of Shopify's Admin API: what type they are of, where their media are, what their metafields say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.families import Member
from goodsense.catalog.feeds.kept import kept_of
from goodsense.catalog.feeds.systems import Line, Reading, attribute_or_none
from goodsense.catalog.product import AttributeValue
from goodsense.types import ImageRef, MediaRef, VideoRef

GLOBAL = "gid://shopify/"
_CLIPS = frozenset({"Video", "ExternalVideo"})
MEDIA = _CLIPS | {"ProductImage", "MediaImage", "Image"}


def type_of(record: Mapping[str, Any]) -> str:
    """The type of an object: by its global id, else by what it looks like."""
    own = record.get("id")
    if isinstance(own, str) and own.startswith(GLOBAL):
        return own[len(GLOBAL) :].partition("/")[0]
    if isinstance(named := record.get("__typename"), str):
        return named
    if "namespace" in record and "key" in record:
        return "Metafield"
    if "selectedOptions" in record or "sku" in record:
        return "ProductVariant"
    return "ProductImage" if {"url", "src", "originalSrc", "image"} & record.keys() else ""


def last_of(gid: Any) -> str:
    """The end of a global id."""
    return unquote(gid.rpartition("/")[2].partition("?")[0]) if isinstance(gid, str) else ""


def nodes_in(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a connection: a list, or ``nodes``, or ``edges`` with a ``node`` each."""
    if isinstance(value, dict):
        value = value.get("nodes", value.get("edges"))
    for item in value if isinstance(value, list) else ():
        node = item.get("node", item) if isinstance(item, dict) else None
        if isinstance(node, dict):
            yield node


def inside(value: Any, *path: str) -> Any:
    """What stands at the end of a path of keys; None if it leads nowhere."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def metafields_of(
    members: list[Member], reading: Reading
) -> tuple[dict[str, Any], dict[str, AttributeValue], dict[str, Any]]:
    """What metafields say: kept fields, attributes, and what is too long or deep for one."""
    kept: dict[str, Any] = {}
    attributes: dict[str, AttributeValue] = {}
    extra: dict[str, Any] = {}
    for member in members:
        if type_of(member.record) != "Metafield":
            continue
        line = Line(reading, member.number, member.record)
        space, key = line.text("namespace"), line.text("key")
        value = line.record.get("value")
        if (space, key) == ("goodsense", "kept"):
            kept = kept_of(line.text("value"), "value", line.complain)
        elif key and value not in (None, ""):
            name = key if key not in attributes and key not in extra else f"{space}.{key}"
            attribute = _typed(value, line.text("type"))
            if attribute is None:
                extra[name] = value
            else:
                attributes[name] = attribute
    return kept, attributes, extra


def _typed(value: Any, type: str) -> AttributeValue | None:
    """The value of a metafield, which is text whatever its type says."""
    if isinstance(value, str) and ("text" in type or "reference" in type) and not type.startswith("list."):
        return value if len(value) <= v.SHORT else None
    return attribute_or_none(value)


def media_of(root: Mapping[str, Any], members: list[Mapping[str, Any]]) -> tuple[tuple[MediaRef, ...], dict[str, str]]:
    """Pictures and clips of the product itself, each once, and the texts that describe pictures."""
    refs: dict[MediaRef, None] = {}
    alts: dict[str, str] = {}
    for name in ("featuredImage", "featuredMedia"):
        _add_medium(root.get(name), "", refs, alts)
    for item in nodes_in(root.get("media")):
        _add_medium(item, type_of(item), refs, alts)
    for member in members:
        if (kind := type_of(member)) in MEDIA:
            _add_medium(member, kind, refs, alts)
    return tuple(refs), alts


def _add_medium(record: Any, kind: str, refs: dict[MediaRef, None], alts: dict[str, str]) -> None:
    uri, alt = medium_of(record)
    if uri:
        refs[VideoRef(uri) if kind in _CLIPS else ImageRef(uri)] = None
        if alt and kind not in _CLIPS:
            alts[uri] = alt


def medium_of(record: Any) -> tuple[str, str]:
    """The address of a medium and the text that describes it."""
    inner = inside(record, "image") or inside(record, "preview", "image") if not inside(record, "sources") else None
    source = next(nodes_in(inside(record, "sources")), None)
    for place in (source, inner, record):
        for name in ("url", "src", "originalSrc", "transformedSrc", "originUrl", "embedUrl"):
            if isinstance(uri := inside(place, name), str) and uri:
                alt = inside(place, "altText") or inside(record, "alt")
                return uri, alt if isinstance(alt, str) else ""
    return "", ""


def global_id(type: str, id: str) -> str:
    """A global id that ends in this id."""
    return f"{GLOBAL}{type}/{quote(id, safe='')}"


def metafield(space: str, key: str, value: str, type: str, parent: str) -> dict[str, Any]:
    """The object of a metafield."""
    return {"namespace": space, "key": key, "value": value, "type": type, "__parentId": parent}
