"""Nodes of schema.org as plain dictionaries: their types, texts, numbers and quantities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue

Node: TypeAlias = Mapping[str, Any]
PRODUCT_TYPES = frozenset({"Product", "ProductGroup", "ProductModel", "IndividualProduct", "SomeProducts"})
KEPT = "goodsense:kept"  # the property for what schema.org has none for
GTINS = ("gtin13", "gtin12", "gtin14", "gtin8", "gtin", "isbn", "ean")
_VOCABULARY = re.compile(r"(?:https?://(?:www\.)?schema\.org/|schema:)")
_UNITS = {
    "KGM": "kg",
    "GRM": "g",
    "MGM": "mg",
    "LBR": "lb",
    "ONZ": "oz",
    "MTR": "m",
    "CMT": "cm",
    "MMT": "mm",
    "INH": "in",
    "FOT": "ft",
    "LTR": "l",
    "MLT": "ml",
    "WTT": "W",
    "KWT": "kW",
    "VLT": "V",
    "HUR": "h",
}
_CONDITIONS = {"new": "new", "used": "used", "refurbished": "refurbished", "damaged": "damaged"}


def plain_name(name: str) -> str:
    """A name of the vocabulary without its prefix."""
    return _VOCABULARY.sub("", name, count=1) if ":" in name else name


def plain_keys(node: Node) -> Node:
    """The node under short keys."""
    if not any(":" in name for name in node):
        return node
    return {plain_name(name): value for name, value in node.items()}


def types_of(node: Node) -> set[str]:
    """The names of its types, without the vocabulary in front."""
    return {plain_name(name).strip() for name in each(node.get("@type")) if isinstance(name, str)}


def each(value: Any) -> list[Any]:
    """A property's values: the items of a list, one value alone, nothing for null."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        listed = value.get("@list", value.get("@set"))
        return listed if isinstance(listed, list) else [value]
    return [value]


def text_in(value: Any, names: Iterable[str] = ("@value", "name", "value", "@id")) -> str:
    """The text of a value: itself, the first that is not empty of a list, or a node's first name among ``names``."""
    for item in each(value):
        if isinstance(item, dict):
            item = next((item[name] for name in names if item.get(name) not in (None, "")), None)
        if isinstance(item, (str, int, float)):
            text = v.text_of(item)
            if text:
                return text
    return ""


def measured(value: Any) -> str:
    """A quantity in words: ``1.5 kg``, ``2-5 m``; texts as they are."""
    items = each(value)
    item = items[0] if items else None
    if not isinstance(item, dict):
        return text_in(item)
    unit = text_in(item.get("unitText")) or text_in(item.get("unitCode"))
    low, high = text_in(item.get("minValue")), text_in(item.get("maxValue"))
    amount = text_in(item.get("value")) or "-".join(part for part in (low, high) if part)
    if not amount:
        return text_in(item, ("@value", "name"))
    return f"{amount} {_UNITS.get(unit, unit)}".strip()


def condition(text: str) -> str:
    """``new``, ``used``, ``refurbished`` or ``damaged`` from schema.org's names; other texts as they are."""
    return _CONDITIONS.get(plain_name(text).removesuffix("Condition").lower(), text)


def number_of(value: Any) -> float:
    """A finite number, also one in words of digits such as ``4,5`` or ``1,204``."""
    text = text_in(value).replace(" ", "")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    text = text.replace(",", ".")
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,20})?(?:[eE][+-]?\d{1,2})?", text):
        raise BadValue("this is no number", "Write it as 4.5.")
    return float(text)


def is_product(node: Any) -> bool:
    """Whether a value is a node that describes a product."""
    return isinstance(node, dict) and not PRODUCT_TYPES.isdisjoint(types_of(plain_keys(node)))


def entry(item: Any) -> str:
    """The name of a ``ListItem`` or of what it lists."""
    return text_in(item, ("name", "@value")) or (text_in(item.get("item")) if isinstance(item, dict) else "")


def breadcrumbs(node: Node) -> tuple[str, ...]:
    """The names of a ``BreadcrumbList`` from the root down."""
    entries = [item for item in each(node.get("itemListElement")) if isinstance(item, dict)]
    ranked = sorted(entries, key=lambda item: _position(item.get("position")))
    return tuple(name for item in ranked if (name := entry(item).strip()))


def _position(value: Any) -> float:
    try:
        return number_of(value)
    except BadValue:
        return 0.0
