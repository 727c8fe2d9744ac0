"""The columns of WooCommerce's product CSV in English and Chinese, and how its cells hold lists, paths and lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Any, Literal

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.systems import attribute_or_none, plain_name
from goodsense.catalog.product import AttributeValue

NAMES: Mapping[str, str] = {
    "ID": "编号",
    "Type": "类型",
    "SKU": "",
    "GTIN, UPC, EAN, or ISBN": "GTIN、UPC、EAN 或 ISBN|GTIN",
    "Name": "名称",
    "Published": "已发布",
    "Is featured?": "是推荐产品？|是特色产品？",
    "Visibility in catalog": "在列表页可见|目录可见性",
    "Short description": "简短描述",
    "Description": "描述",
    "Date sale price starts": "促销开始日期",
    "Date sale price ends": "促销截止日期|促销结束日期",
    "Tax status": "税状态",
    "Tax class": "税类",
    "In stock?": "有货？",
    "Stock": "库存",
    "Low stock amount": "库存不足",
    "Backorders allowed?": "允许缺货下单？",
    "Sold individually?": "单独出售？",
    "Allow customer reviews?": "允许客户评价？",
    "Purchase note": "购物备注|购买备注",
    "Sale price": "促销价格|促销价",
    "Regular price": "常规售价|常规价格",
    "Categories": "分类",
    "Tags": "标签",
    "Shipping class": "运费类|配送类",
    "Images": "图片",
    "Download limit": "下载限制",
    "Download expiry days": "下载的过期天数",
    "Parent": "父级",
    "Grouped products": "分组产品",
    "Upsells": "追加销售|向上销售",
    "Cross-sells": "交叉销售",
    "External URL": "外部链接|外部 URL",
    "Button text": "按钮文本",
    "Position": "位置",
    "Brands": "品牌|Brand",
}
KEPT = "Meta: goodsense_kept"
KEPT_VARIANT = "Meta: goodsense_kept_variant"
CURRENCY = "Meta: goodsense_currency"
GTIN = "GTIN, UPC, EAN, or ISBN"
_TAKEN = frozenset(  # fields that are read as such; the others stay in extra under their English names
    f"ID|Type|SKU|{GTIN}|Name|Short description|Description|In stock?|Stock|Backorders allowed?|Sale price|"
    f"Regular price|Categories|Tags|Images|Parent|Brands|{KEPT}|{KEPT_VARIANT}|{CURRENCY}".split("|")
)
FREE = tuple(name for name in NAMES if name not in _TAKEN)
OFFERED = ("Regular price", "Sale price", "Stock", "In stock?", GTIN, KEPT_VARIANT)
COLUMNS = tuple(
    f"ID|Type|SKU|{GTIN}|Name|Published|Short description|Description|In stock?|Stock|Backorders allowed?|Sale price|"
    "Regular price|Categories|Tags|Images|Parent|Brands".split("|")
)
TELLING = frozenset(
    map(
        plain_name,
        "Regular price|Is featured?|Visibility in catalog|Attribute 1 name|"
        "常规售价|是推荐产品？|在列表页可见|属性 1 名称".split("|"),
    )
)
_KNOWN = {plain_name(alias): name for name, zh in NAMES.items() for alias in (name, *zh.split("|")) if alias}
_ATTRIBUTE = re.compile(r"(?:attribute|属性)(\d{1,3})(names?|values?|名称|值)|属性(名|值)(\d{1,3})")
_FLAG = re.compile(r"(?:attribute|属性)\d{1,3}(?:visible|global|default|可见|的?全局|默认值?)")
_SIZE = re.compile(r"(?:Weight|Length|Width|Height|重量|长度|宽度|高度)\s*[(（].+[)）]")
_COMMA = re.compile(r"(?<!\\),")
_BREAK = re.compile(r"\\\\n|\\n")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of one file are.

    ``fields`` are those of WooCommerce by their English names, ``attributes`` the pairs of a column of names and one of
    values, ``sizes`` weight and measures, ``rest`` all others that say something.
    """

    fields: Mapping[str, str]
    attributes: tuple[tuple[str, str], ...] = ()
    sizes: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @classmethod
    def of(cls, header: Iterable[str]) -> Layout:
        fields: dict[str, str] = {}
        pairs: dict[int, dict[str, str]] = {}
        sizes, rest = [], []
        for column in header:
            kind, name, place = role_of(column)
            if kind == "field" and name not in fields:
                fields[name] = column
            elif kind == "attribute":
                pairs.setdefault(place, {}).setdefault(name, column)
            elif kind == "size":
                sizes.append(column)
            elif kind != "flag":
                rest.append(column)
        both = tuple((pairs[n]["name"], pairs[n]["value"]) for n in sorted(pairs) if len(pairs[n]) == 2)
        return cls(fields, both, tuple(sizes), tuple(rest))


@lru_cache(maxsize=8192)
def role_of(column: str) -> tuple[Literal["field", "attribute", "flag", "size", "rest"], str, int]:
    """What a column is: a field by its English name, name or value of an attribute, or something else."""
    if column in (KEPT, KEPT_VARIANT, CURRENCY):
        return "field", column, 0
    plain = plain_name(column)
    if plain in _KNOWN:
        return "field", _KNOWN[plain], 0
    if found := _ATTRIBUTE.fullmatch(plain):
        named = (found[2] or found[3])[:1] in ("n", "名")
        return "attribute", "name" if named else "value", int(found[1] or found[4])
    if _FLAG.fullmatch(plain):
        return "flag", column, 0
    return ("size" if _SIZE.fullmatch(column) else "rest"), column, 0


def parts_of(cell: str) -> tuple[str, ...]:
    """The texts of a cell, parted by commas; a comma inside a text has a backslash before it."""
    parts = (unescape(part.replace("\\,", ",")).strip() for part in _COMMA.split(cell))
    return tuple(part for part in parts if part)


def joined(parts: Iterable[str]) -> str:
    """The cell that :func:`parts_of` takes apart."""
    return ", ".join(part.replace(",", "\\,") for part in parts)


def paths_of(cell: str) -> list[tuple[str, ...]]:
    """The paths of a cell of categories: levels by ``>``, paths by commas."""
    found = (tuple(level.strip() for level in path.split(">") if level.strip()) for path in parts_of(cell))
    return [path for path in found if path]


def attribute_in(cell: str) -> AttributeValue | None:
    """The value of an attribute's cell; None if it is too long for one."""
    parts = parts_of(cell)
    return attribute_or_none(parts[0]) if len(parts) == 1 else parts


def attribute_cell(value: AttributeValue) -> str:
    """The cell of an attribute's value; empty if it would not read back."""
    cell = joined(value if isinstance(value, tuple) else (v.text_of(value),))
    back: Any = attribute_in(cell) if cell else None
    return cell if back == value and isinstance(back, bool) == isinstance(value, bool) else ""


def lines_of(cell: str) -> str:
    r"""A description: WooCommerce writes line breaks as ``\n``, and that itself as ``\\n``."""
    return _BREAK.sub(lambda found: "\n" if found[0] == "\\n" else "\\n", cell)


def lines_cell(text: str) -> str:
    """The cell of a description."""
    return text.replace("\\n", "\\\\n").replace("\n", "\\n")
