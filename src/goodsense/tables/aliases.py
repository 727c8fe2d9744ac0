"""Which column of a table is which field: common English and Chinese names, or the user's own mapping."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from goodsense.errors import UsageError

PREFIXES = ("attribute.", "extra.", "option.")

# Earlier names win over later ones when a table has several of them.
PRODUCT_ALIASES: Mapping[str, tuple[str, ...]] = {
    name: tuple(aliases.split())
    for name, aliases in {
        "id": "id product_id productid goods_id goodsid item_id itemid product_uid product_code "
        "product_no article_id 商品id 产品id 商品编号 产品编号 商品编码 产品编码 宝贝id 商品代码 "
        "编号 货品编号 物料编码 数字id 宝贝数字id 商品数字id offer_id offerid wareid",
        "title": "title product_title name product_name productname item_name goods_name productdisplayname "
        "display_name product headline 标题 商品标题 商品名称 产品名称 宝贝标题 宝贝名称 品名 名称 "
        "货品名称 商品名 产品标题 货品标题 商品全称",
        "description": "description product_description desc long_description body_html body details 描述 商品描述 "
        "产品描述 详情 商品详情 产品详情 宝贝描述 详细描述 简介 商品介绍 产品介绍 宝贝详情 图文详情",
        "bullets": "bullets bullet_points bullet_point features feature_bullets highlights product_highlight "
        "卖点 商品卖点 要点 特点 亮点 宝贝卖点 商品亮点",
        "brand": "brand brand_name manufacturer vendor maker 品牌 品牌名称 商品品牌 厂商 制造商",
        "category": "category category_path categories category_name product_type product_category breadcrumbs "
        "breadcrumb google_product_category 类目 商品类目 分类 商品分类 品类 类别 商品类别 产品类别 "
        "类目路径 宝贝类目 叶子类目 末级类目 类目名称 宝贝分类",
        "price": "price selling_price current_price unit_price variant_price price_amount 价格 售价 销售价 "
        "单价 现价 商品价格 销售价格 一口价 宝贝价格 京东价 单买价 批发价 代发价 价格_元 售价_元 单价_元 京东价_元 "
        "单买价_元 一口价_元 批发价_元",
        "sale_price": "sale_price special_price discounted_price discount_price promo_price 促销价 活动价 折扣价 "
        "优惠价 特价 拼单价 拼团价 团购价 券后价 到手价 拼单价_元 团购价_元 促销价_元",
        "list_price": "list_price original_price regular_price market_price msrp rrp retail_price "
        "compare_at_price variant_compare_at_price was_price 原价 市场价 划线价 吊牌价 标价 "
        "建议零售价 参考价 专柜价 市场价_元 参考价_元 原价_元",
        "currency": "currency currency_code price_currency 币种 货币 货币单位",
        "availability": "availability stock_status availability_status in_stock instock 库存状态 有货 是否有货 "
        "销售状态 上下架状态 上架状态 商品状态",
        "stock": "stock quantity qty inventory stock_quantity inventory_quantity inventory_qty "
        "variant_inventory_qty 库存 库存数量 库存量 数量 商品库存 宝贝数量 可售库存 可用库存 现货库存 "
        "总库存 sku库存",
        "gtin": "gtin ean upc barcode gtin13 gtin14 gtin12 ean13 isbn variant_barcode 条码 条形码 商品条码 国际条码 "
        "商品条形码 sku_条形码 sku条形码 69码 upc码",
        "sku": "sku sku_id skuid variant_sku variant_id seller_sku item_sku 货号 商家编码 规格编码 "
        "商品货号 sku编码 款号 商家sku sku编号 商品sku 外部编码 商家外部编码",
        "group": "item_group_id group_id parent parent_id parent_sku parent_product_id handle spu spu_id "
        "spuid 父商品id 商品组id 主商品id 父编号 spu编码 spu编号",
        "image": "image images image_link image_url image_urls image_src img img_url imgs picture pictures "
        "picture_url photo photos main_image main_image_url image_path image_file primary_image "
        "additional_image_link additional_image additional_images additional_image_links "
        "large_image thumbnail 图片 主图 商品图片 主图链接 图片链接 图片地址 商品主图 宝贝图片 附图 "
        "图片路径 详情图 宝贝主图 主图地址 主图url 图片url 轮播图 白底图 sku图片 sku图 规格图 规格图片",
        "audio": "audio audio_url audio_link audio_path audio_file sound 音频 声音 音频链接",
        "video": "video videos video_url video_link video_path video_file 视频 主图视频 视频链接 宝贝视频 商品视频",
        "url": "url link product_url product_link canonical_url permalink 链接 商品链接 网址 商品网址 产品链接 "
        "宝贝链接 宝贝地址 商品地址",
        "language": "language lang locale content_language 语言 语种",
        "updated": "updated updated_at last_updated update_time modified modified_at last_modified "
        "date_modified 更新时间 修改时间 更新日期 最后修改时间",
        "split": "split fold_split dataset_split x_label 划分 数据划分",
        "attributes": "attributes attribute specs specifications item_specifics 属性 商品属性 规格参数 参数 宝贝属性 "
        "产品属性 商品参数 产品参数",
        "media": "media",
        "variants": "variants",
        "extra": "extra",
    }.items()
}

# Taken for the id when no column has a name of its own for it, in this order; one that has a field of its own keeps it.
_SECOND_IDS = ("sku", "asin", "parent_asin", "spu", "handle", "pid", "uniq_id", "gtin", "item")
# Fields that take several columns, also numbered ones (image_1, 图片2).
MANY = frozenset({"image", "audio", "video", "bullets"})
_NOTED = 100  # names in one note
_LEVELS = re.compile(
    r"(?:category|cat|类目|分类|品类)(?:_?level)?_?(\d)|level_?(\d)_?category|([一二三四五])级(?:类目|分类|品类)"
)
_CHINESE_DIGITS = {digit: place for place, digit in enumerate("一二三四五", 1)}


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """What each column is for: fields with their columns, and the rest by column name."""

    fields: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def match_columns(
    header: Sequence[str],
    *,
    mapping: Mapping[str, str] | None = None,
    aliases: Mapping[str, Sequence[str]] = PRODUCT_ALIASES,
    many: frozenset[str] = MANY,
) -> ColumnMap:
    """Match columns to fields.

    Parameters
    ----------
    header
        The column names, each once.
    mapping
        The user's word, field to column; wins over every alias. Fields may also be ``attribute.NAME``,
        ``option.NAME`` and ``extra.NAME``.
    aliases
        The known names of each field, best first, in the form that :func:`fold` gives.
    many
        The fields that may take several columns.

    Raises
    ------
    UsageError
        If the mapping names an unknown field or a column that is not there.
    """
    found, prefixed = _mapped(header, mapping or {}, aliases)
    taken = {column for columns in found.values() for column in columns} | set(prefixed)
    for column in header:
        if column not in taken and column.startswith(PREFIXES):
            prefixed[column] = column
    taken |= set(prefixed)
    free = {column: fold(column) for column in header if column not in taken}
    for name, known in aliases.items():
        if name not in found and (columns := _by_alias(free, known, several=name in many)):
            found[name] = columns
            for column in columns:
                del free[column]
    _add_levels(found, free, aliases)
    notes = _second_id(found, free, header, aliases)
    notes += [
        f"Column {_shown(column)} is read as {name}."
        for name, columns in found.items()
        for column in columns
        if column != name
    ]
    if free:
        shown = ", ".join(map(_shown, islice(free, _NOTED)))
        more = f" and {len(free) - _NOTED} more" if len(free) > _NOTED else ""
        notes.append(f"Other columns become attributes: {shown}{more}.")
    kinds: dict[str, dict[str, str]] = {prefix: {} for prefix in PREFIXES}
    for column, target in prefixed.items():
        prefix = next(prefix for prefix in PREFIXES if target.startswith(prefix))
        kinds[prefix][column] = target.removeprefix(prefix)
    return ColumnMap(
        found, kinds["attribute."], kinds["option."], kinds["extra."], unmatched=tuple(free), notes=tuple(notes)
    )


def _shown(column: str) -> str:
    return repr(column if len(column) <= 60 else f"{column[:60]}…")


def fold(name: str) -> str:
    """A column name as aliases are compared: NFKC, lower case, ``_`` for every run of other signs, no ``g:``."""
    plain = unicodedata.normalize("NFKC", name).casefold().strip().removeprefix("g:")
    plain = re.sub(r"\(\d+\)$", "", plain)
    return re.sub(r"[\W_]+", "_", plain).strip("_")


def _mapped(
    header: Sequence[str], mapping: Mapping[str, str], aliases: Mapping[str, Sequence[str]]
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Check the user's mapping and split it into fields and prefixed names."""
    fields: dict[str, tuple[str, ...]] = {}
    prefixed: dict[str, str] = {}
    for name, column in mapping.items():
        if column not in header:
            raise UsageError(
                f"the mapping {name}={column} names a column that is not in the file.",
                fix=f"The file has: {', '.join(map(_shown, islice(header, _NOTED)))}.",
            )
        if name.startswith(PREFIXES) and name not in PREFIXES:
            prefixed[column] = name
        elif name in aliases:
            fields[name] = (column,)
        else:
            raise UsageError(
                f"the mapping {name}={column} names an unknown field.",
                fix=f"Known fields: {', '.join(aliases)}, attribute.NAME, option.NAME, extra.NAME.",
            )
    return fields, prefixed


def _by_alias(free: Mapping[str, str], known: Sequence[str], *, several: bool) -> tuple[str, ...]:
    if several:
        names = set(known)
        return tuple(column for column, folded in free.items() if folded in names or _unnumbered(folded) in names)
    for alias in known:
        for column, folded in free.items():
            if folded == alias:
                return (column,)
    return ()


def _unnumbered(folded: str) -> str:
    return re.sub(r"_?\d{1,2}$", "", folded)


def _add_levels(found: dict[str, tuple[str, ...]], free: dict[str, str], aliases: Mapping[str, Sequence[str]]) -> None:
    """Columns such as ``category_1``, ``category_2`` or 一级类目, 二级类目 are one path."""
    if "category" not in aliases or "category" in found:
        return
    levels = []
    for column, folded in free.items():
        if match := _LEVELS.fullmatch(folded):
            digit = next(group for group in match.groups() if group)
            levels.append((_CHINESE_DIGITS.get(digit) or int(digit), column))
    if levels:
        found["category"] = tuple(column for _, column in sorted(levels))
        for _, column in levels:
            del free[column]


def _second_id(
    found: dict[str, tuple[str, ...]],
    free: dict[str, str],
    header: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
) -> list[str]:
    if "id" not in aliases or "id" in found:
        return []
    folded = {fold(column): column for column in reversed(header)}
    for name in _SECOND_IDS:
        column = found[name][0] if name in found else folded.get(name)
        if column is not None:
            found["id"] = (column,)
            free.pop(column, None)
            return [f"No column is called id; {_shown(column)} is taken for it."]
    return []
