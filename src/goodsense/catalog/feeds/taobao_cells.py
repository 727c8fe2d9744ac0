"""What Chinese platforms write into single cells: the properties of a SKU, all SKUs of a product, its pictures.

Taobao's own exports name properties and values by number, ``1627207:28341`` for the colour black; the names of the
commonest are known here, and a product may bring its own (``1627207:28341:墨黑``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.values import json_of, text_of

PROPERTIES: Mapping[str, str] = {
    "20000": "品牌",
    "1627207": "颜色分类",
    "20509": "尺码",
    "20549": "鞋码",
    "13021751": "货号",
}
_VALUES: Mapping[str, str] = {
    **{f"1627207:{id}": name for name, id in zip(
        "白色 黄色 红色 紫色 绿色 蓝色 黑色 粉红色 军绿色".split(),
        "28320 28324 28326 28329 28335 28338 28341 3232480 3232483".split(),
        strict=True,
    )},
    **{f"20509:{id}": name for name, id in zip(
        "XS S M L XL XXL XXXL 均码".split(), "28313 28314 28315 28316 28317 28318 28319 28383".split(), strict=True
    )},
}  # fmt: skip
_MAX_SKUS = 10_000
_NUMBERED = re.compile(r"-?\d+:-?\d+")
_SKU_START = re.compile(r"(\d+(?:\.\d+)?):(\d*):([^:;]*):(-?\d+:-?\d+)")
_PLAIN_END = re.compile(r"([^:]*:[^:]*):(\d+(?:\.\d+)?)(?::(\d+))?(?::([^:]+))?")
_PICTURE = re.compile(r"([^:|;]*):(\d):(\d*):([\d:-]*)\|([^;]*)")


@dataclass(frozen=True)
class Sku:
    """One SKU of a cell; what the cell does not say is empty."""

    options: Mapping[str, str]
    price: str = ""
    stock: str = ""
    code: str = ""
    properties: tuple[str, ...] = ()  # pid:vid


@dataclass(frozen=True)
class Picture:
    """One picture of a cell: its name or URL, and the property value that it shows, if it shows one."""

    name: str
    url: str = ""
    shows: str = ""


def pairs_of(text: str, column: str) -> dict[str, str]:
    """``颜色分类:红色;尺码:L`` by name; numbers get their names; a text without names is a value of the column."""
    if text.lstrip()[:1] == "{":
        found = json_of(text)
        return {str(name): text_of(value) for name, value in found.items()} if isinstance(found, dict) else {}
    plain = text.replace("：", ":").replace("；", ";")
    parts = [part.strip() for part in plain.split(";") if part.strip()]
    if not parts:
        return {}
    if not all(":" in part.strip(":") for part in parts):
        return {column: text.strip()}
    found = {}
    for part in parts:
        name, value = _named(part, {})
        found[name] = value
    return found


def aliases_of(text: str) -> dict[str, str]:
    """The product's own names of property values: ``1627207:28341:墨黑;...`` by ``pid:vid``."""
    found = {}
    for part in text.split(";"):
        pid, _, rest = part.strip().partition(":")
        vid, _, name = rest.partition(":")
        if name.strip():
            found[f"{pid}:{vid}"] = name.strip()
    return found


def skus_of(text: str, own: Mapping[str, str]) -> list[Sku]:
    """All SKUs of a cell.

    Either Taobao's ``price:stock:code:pid:vid;pid:vid;price:...``, or one per line (or between ``|``) as
    ``颜色:红;尺码:L:59.00:10:CODE``, where price, stock and code may be missing from the end.

    Raises
    ------
    BadValue
        If it is neither.
    """
    plain = text.replace("：", ":").replace("；", ";").strip()
    skus = list(_numbered(plain, own)) if _SKU_START.match(plain) else list(_spoken(plain))
    if len(skus) > _MAX_SKUS:
        raise BadValue(f"over {_MAX_SKUS:,} SKUs", "Give fewer SKUs per product.")
    return skus


def _numbered(text: str, own: Mapping[str, str]) -> Iterator[Sku]:
    held: tuple[str, str, str] | None = None
    properties: list[str] = []
    for part in (part.strip() for part in text.split(";")):
        if not part:
            continue
        if start := _SKU_START.fullmatch(part):
            if held is not None:
                yield _sku(held, properties, own)
            held, properties = (start[1], start[2], start[3]), [start[4]]
        elif held is not None and _NUMBERED.fullmatch(part):
            properties.append(part)
        else:
            raise BadValue(f"{part[:60]!r} is no SKU", "Write price:stock:code:pid:vid;pid:vid;...")
    if held is not None:
        yield _sku(held, properties, own)


def _sku(held: tuple[str, str, str], properties: list[str], own: Mapping[str, str]) -> Sku:
    return Sku(dict(_named(part, own) for part in properties), *held, properties=tuple(properties))


def _spoken(text: str) -> Iterator[Sku]:
    for line in re.split(r"[\r\n|]+", text):
        *before, last = line.strip().strip(";").split(";")
        match = _PLAIN_END.fullmatch(last)
        end, price, stock, code = match.groups(default="") if match else (last, "", "", "")
        parts = [part.strip() for part in (*before, end) if part.strip()]
        if not parts:
            continue
        if not all(":" in part.strip(":") for part in parts):
            raise BadValue(f"{line[:60]!r} is no SKU", "Write 颜色:红;尺码:L:59.00:10, one SKU per line.")
        yield Sku(dict(_named(part, {}) for part in parts), price, stock, code)


def _named(pair: str, own: Mapping[str, str]) -> tuple[str, str]:
    """Name and value of one property, in words where they are known."""
    name, _, value = pair.partition(":")
    if _NUMBERED.fullmatch(pair):
        return PROPERTIES.get(name, name), own.get(pair) or _VALUES.get(pair, value)
    pid, _, rest = value.partition(":")  # pid:vid:name:value
    if _NUMBERED.fullmatch(f"{name}:{pid}") and rest.count(":") == 1:
        name, _, value = rest.partition(":")
    return name.strip(), value.strip()


def is_numbered(text: str) -> bool:
    """Whether a cell holds properties by number only, ``20000:29534;1627207:28341``: all that the product may have."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    return bool(parts) and all(map(_NUMBERED.fullmatch, parts))


def pictures_of(text: str) -> list[Picture] | None:
    """Taobao's ``name:1:0:|url;name:2:0:1627207:28341|url;``; None if the text is something else."""
    parts = [part for part in text.split(";") if part.strip()]
    matches = [_PICTURE.fullmatch(part.strip()) for part in parts]
    if not parts or not all(matches):
        return None
    return [Picture(match[1], match[5].strip(), match[4]) for match in matches if match]
