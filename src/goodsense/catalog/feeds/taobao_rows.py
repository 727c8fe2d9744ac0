"""A product as rows of a Chinese export, one per variant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.assemble import attributes_of
from goodsense.catalog.feeds.flatten import gtin_reads_back, listed, price_reads_back, uris
from goodsense.catalog.feeds.taobao_cells import pairs_of
from goodsense.catalog.product import Product, Variant
from goodsense.types import MediaRef

CURRENCY = "CNY"
COLUMNS = tuple(
    "宝贝ID 宝贝标题 类目 品牌 价格 原价 库存 库存状态 商家编码 条形码 销售属性 宝贝属性 主图 音频 主图视频 卖点 "
    "宝贝描述 宝贝链接 语言 修改时间 数据划分".split()
)
_STATES = {"in_stock": "有货", "out_of_stock": "缺货", "preorder": "预售", "backorder": "可订货"}


def rows_of(product: Product) -> Iterator[dict[str, str]]:
    """A row for each variant, or one for a product without any."""
    base = _base(product)
    if not product.variants:
        yield base | _media(product.media)
    for place, variant in enumerate(product.variants):
        own = variant.media if place else ()
        yield base | _offer(product, variant) | _media(own or product.media)


def _base(product: Product) -> dict[str, str]:
    cells = {
        "宝贝ID": product.id,
        "宝贝标题": product.title,
        "品牌": product.brand,
        "宝贝描述": product.description,
        "宝贝链接": product.url,
        "语言": product.language,
        "数据划分": product.split,
        "类目": listed(product.category, " > ", v.category_of) if product.category else "",
        "卖点": listed(product.bullets, "\n", v.list_of) if product.bullets else "",
        "修改时间": product.updated.isoformat() if product.updated is not None else "",
    }
    if product.attributes:
        said = {name: value for name, value in product.attributes.items() if isinstance(value, str)}
        plain = ";".join(f"{name}:{value}" for name, value in said.items())
        exact = said == product.attributes and _plain_attributes(plain) == said
        typed = {name: list(value) if isinstance(value, tuple) else value for name, value in product.attributes.items()}
        cells["宝贝属性"] = plain if exact else v.dump(typed)
    return {name: text for name, text in cells.items() if text}


def _plain_attributes(text: str) -> Any:
    return attributes_of(text, "", lambda name, value, bad: None) if text[:1] not in ("{", "[") else None


def _offer(product: Product, variant: Variant) -> dict[str, str]:
    cells = {"商家编码": variant.sku, "库存状态": _STATES.get(variant.availability, "")}
    for name, money in (("价格", variant.price), ("原价", variant.list_price)):
        if money is not None and price_reads_back(money):
            cells[name] = str(money.major) if money.currency == CURRENCY else str(money)
    if variant.stock is not None:
        cells["库存"] = str(variant.stock)
    if variant.gtin and gtin_reads_back(variant.gtin):
        cells["条形码"] = variant.gtin
    if variant.options:
        plain = ";".join(f"{name}:{value}" for name, value in variant.options.items())
        exact = plain[:1] != "{" and pairs_of(plain, "") == variant.options
        cells["销售属性"] = plain if exact else v.dump(dict(variant.options))
    return {name: text for name, text in cells.items() if text}


def _media(refs: tuple[MediaRef, ...]) -> dict[str, str]:
    found = {}
    for name, modality in (("主图", "image"), ("音频", "audio"), ("主图视频", "video")):
        if links := tuple(dict.fromkeys(link for link in uris(refs, modality) if link)):
            found[name] = listed(links, "|", v.uris_of)
    return found
