"""The columns of Shopify's product CSV, of both generations, and how names become handles and keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Literal

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.assemble import Parts
from goodsense.catalog.feeds.systems import plain_name

_FIELDS = {
    plain_name(alias): name
    for name, aliases in {
        "handle": "Handle|URL handle",
        "title": "Title",
        "description": "Body (HTML)|Body HTML|Description",
        "brand": "Vendor",
        "category": "Product Category|Standardized Product Type|Standard Product Type",
        "type": "Type|Custom Product Type|Product Type",
        "tags": "Tags",
        "sku": "Variant SKU|SKU",
        "price": "Variant Price|Price",
        "list_price": "Variant Compare At Price|Compare-at price",
        "gtin": "Variant Barcode|Barcode",
        "stock": "Variant Inventory Qty|Inventory quantity",
        "tracker": "Variant Inventory Tracker|Inventory tracker",
        "oversell": "Variant Inventory Policy|Continue selling when out of stock",
        "picture": "Image Src|Product image URL|Image source",
        "place": "Image Position",
        "alt": "Image Alt Text",
        "own_picture": "Variant Image|Variant image URL",
        **{f"option{n}": f"Option{n} Name" for n in (1, 2, 3)},
        **{f"value{n}": f"Option{n} Value" for n in (1, 2, 3)},
    }.items()
    for alias in aliases.split("|")
}
_METAFIELD = re.compile(r"(.+) \((product|variant)\.metafields\.([\w-]+)\.([\w.-]+)\)", re.DOTALL)
_OWN = frozenset({"kept", "kept_variant", "currency"})  # metafields of the namespace goodsense
KEPT = "Kept (product.metafields.goodsense.kept)"
KEPT_VARIANT = "Kept (variant.metafields.goodsense.kept_variant)"
CURRENCY = "Currency (product.metafields.goodsense.currency)"
TELLING = frozenset(map(plain_name, ("Variant Price", "Option1 Name", "Option1 Value", "Image Src", "Variant SKU")))
COLUMNS = tuple(
    "Handle|Title|Body (HTML)|Vendor|Product Category|Type|Tags|Published|Option1 Name|Option1 Value|Option2 Name|"
    "Option2 Value|Option3 Name|Option3 Value|Variant SKU|Variant Inventory Tracker|Variant Inventory Qty|"
    "Variant Inventory Policy|Variant Price|Variant Compare At Price|Variant Barcode|Image Src|Image Position|"
    "Image Alt Text|Variant Image|Status".split("|")
)
VARIANT_COLUMNS = re.compile(
    "Variant .+|Cost per item|Charge tax|Tax code|Unit price .+|Weight .+|Requires shipping|Fulfillment service"
)
_FREE = re.compile(  # columns of Shopify that stand in extra under their own names
    f"{VARIANT_COLUMNS.pattern}|Published|Published on online store|Status|Gift [Cc]ard|SEO (Title|title)|"
    "SEO (Description|description)|(Google Shopping|Included|Price|Compare At Price) / .+|Option[123] Linked To"
)
_HANDLE = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of one file are: fields, metafields of products by the name shown, and all others."""

    fields: Mapping[str, str]
    metafields: Mapping[str, str] = field(default_factory=dict)
    rest: tuple[str, ...] = ()

    @classmethod
    def of(cls, header: Iterable[str]) -> Layout:
        fields: dict[str, str] = {}
        metafields: dict[str, str] = {}
        shown = set()
        rest = []
        for column in header:
            kind, name = role_of(column)
            if kind == "field" and name not in fields:
                fields[name] = column
            elif kind == "metafield":
                metafields[column] = column if name in shown else name
                shown.add(name)
            else:
                rest.append(column)
        return cls(fields, metafields, tuple(rest))

    def cell(self, row: Parts, name: str) -> str:
        """The cell of a field; empty if there is no such column."""
        column = self.fields.get(name)
        value = row.record[column] if column is not None else ""
        return value if isinstance(value, str) else v.text_of(value)


@lru_cache(maxsize=4096)
def role_of(column: str) -> tuple[Literal["field", "metafield", "rest"], str]:
    """What a column is: a field by its name here, a metafield by the name that is shown, or something else."""
    known = _FIELDS.get(plain_name(column))
    if known is not None:
        return "field", known
    found = _METAFIELD.fullmatch(column)
    if found is None:
        return "rest", column
    shown, owner, space, key = found.groups()
    if space == "goodsense" and key in _OWN:
        return "field", key
    return ("metafield", shown) if owner == "product" else ("rest", column)


@lru_cache(maxsize=4096)
def handle_of(id: str) -> str:
    """A handle: the id itself if it is one, else what of it may stand there and a hash, so that no two meet."""
    if _HANDLE.fullmatch(id) and id == id.lower() and len(id) <= 200:
        return id
    slug = "-".join(re.findall(r"[^\W_]+", id.lower()))[:100].strip("-")
    return f"{slug}-{blake2b(id.encode('utf-8', 'surrogatepass'), digest_size=5).hexdigest()}".lstrip("-")


def key_of(name: str) -> str:
    """The key of a metafield: plain letters of the name, a hash if it has none."""
    key = "_".join(re.findall("[a-z0-9]+", name.lower()))[:60]
    return key if len(key) > 1 else f"a_{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}"


@lru_cache(maxsize=4096)
def is_free_name(name: str) -> bool:
    """Whether an entry of extra with this name may be written as a column of Shopify's."""
    return bool(_FREE.fullmatch(name)) and name.isprintable() and name == name.strip() and role_of(name)[0] == "rest"
