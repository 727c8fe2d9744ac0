"""Which column of a table of events is which field: common English and Chinese names, or the user's own mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from goodsense.errors import DataError, UsageError
from goodsense.events.event import STOCK
from goodsense.tables import fold, match_columns, shorten

EVENT_ALIASES: Mapping[str, tuple[str, ...]] = {
    name: tuple(aliases.split())
    for name, aliases in {
        "user": "user user_id userid uid user_pseudo_id customer_id customerid customer customer_no buyer_id buyerid "
        "buyer member_id memberid member visitor_id visitorid visitor account_id client_id shopper_id shopper "
        "reviewer_id reviewerid reviewer anonymous_id user_name username 用户id 用户 用户编号 用户标识 用户名 "
        "会员id 会员 会员编号 买家id 买家 买家昵称 客户id 客户 客户编号 顾客id 顾客 顾客编号 访客id 访客",
        "item": "item item_id itemid product_id productid product goods_id goodsid goods sku_id skuid sku "
        "parent_asin asin movie_id movieid video_id videoid article_id business_id listing_id content_id 商品id 商品 "
        "商品编号 商品编码 产品id 产品 产品编号 产品编码 宝贝id 宝贝 货品id 货号 物品id 物品 sku",
        "type": "type event_type eventtype event event_name action_type action behavior_type behaviour_type behavior "
        "behaviour interaction_type 行为类型 行为 事件类型 事件 动作 操作类型 操作",
        "weight": "weight interaction_weight strength 权重",
        "rating": "rating ratings stars star star_rating score overall user_rating 评分 星级 打分 得分",
        "quantity": "quantity qty count pieces num 数量 购买数量 商品数量 件数 stock stock_level stock_quantity "
        "on_hand 库存 库存数量 库存量",
        "query": "query search_query search_term search_keyword keyword keywords 搜索词 搜索关键词 查询词 查询 关键词",
        "duration": "duration duration_s duration_ms dwell_time dwell_time_ms dwell dwell_ms stay_time watch_time "
        "watch_time_ms 停留时长 停留时间 时长 浏览时长 观看时长",
        "timestamp": "timestamp time event_time eventtime event_timestamp datetime date_time ts time_ms timestamp_ms "
        "occurred_at created_at create_time order_time purchase_time visit_time unixreviewtime reviewtime date "
        "时间戳 时间 行为时间 事件时间 发生时间 下单时间 购买时间 付款时间 浏览时间 点击时间 创建时间 日期",
        "session": "session session_id sessionid user_session visit_id sid 会话id 会话 访问id",
        "split": "split x_label dataset_split 数据划分 划分",
        "event_id": "event_id eventid event_key event_uuid log_id id 事件id 日志id 行为id",
        # Where a user's event stands among the others; nothing else may be called so by chance.
        "history_order": "history_order",
        "ranking": "ranking ranking_id impression_id list_id recommendation_id request_id 曝光id 列表id 请求id",
        "position": "position rank list_position item_position slot 展示位置 坑位 排名",
        "value": "value event_value revenue sales_amount paid_amount 金额 成交金额 支付金额 订单金额 消费金额",
        "context": "context",
        "place": "place store store_id location location_id warehouse shelf shelf_id antenna sensor_id 地点 门店 店铺 "
        "仓库 货架 库位",
        "local_time": "local_time localtime local_hour 当地时间 本地时间",
        "season": "season 季节",
        "weather": "weather 天气",
        "device": "device device_type device_category 设备 设备类型 终端",
    }.items()
}
NEEDED = ("user", "item")
_OF_STOCK = ("item", "quantity", "timestamp")  # a table without users that has these may be readings of stock
_LEVELS = frozenset("stock stock_level stock_quantity on_hand 库存 库存数量 库存量".split())
_SKUS = frozenset({"sku", "sku_id", "skuid"})
_ATOMIC = re.compile(r":(?:token|token_seq|float|float_seq)$")  # the types that RecBole writes behind its names
_TAOBAO = ("user", "item", "category", "type", "timestamp")  # UserBehavior.csv has no header
_TAOBAO_TYPES = frozenset({"pv", "cart", "fav", "buy"})
_NUMBER = re.compile(r"[\d.]+(?: \(\d+\))?")  # one that stands there twice was given a number by the reader
_SHOWN = 30


@dataclass(frozen=True, slots=True)
class EventColumns:
    """The column of each field, what is worth saying about it, and the type of rows that name none."""

    fields: Mapping[str, str]
    notes: tuple[str, ...] = ()
    type: str = ""


def without_header(header: Sequence[str], mapping: Mapping[str, str] | None) -> tuple[str, ...]:
    """Names for the columns of a table whose first row is no header; empty if it is one.

    It is none if the mapping gives nothing but places (``user=1``) and the row has a number in it, or if it is a row of
    Taobao's UserBehavior.
    """
    if mapping and all(column.isdigit() for column in mapping.values()) and any(map(_NUMBER.fullmatch, header)):
        return tuple(f"column_{place}" for place in range(1, len(header) + 1))
    if not mapping and len(header) == len(_TAOBAO) and header[3] in _TAOBAO_TYPES and header[0].isdigit():
        return _TAOBAO
    return ()


def event_columns(
    file: Path | str, header: Sequence[str], mapping: Mapping[str, str] | None, *, type: str = ""
) -> EventColumns:
    """Match the columns of a table of events to fields; ``type`` is that of rows that name none.

    A table with no user, but with item, quantity and time, holds readings of stock if it says where, or calls its
    quantity a stock, or ``type`` is stock. Its item then is the SKU, where it has both.

    Raises
    ------
    UsageError
        If the mapping names an unknown field or a column that is not there.
    DataError
        If no column is the user or the item.
    """
    plain: dict[str, str] = {}
    for name in header:
        plain.setdefault(_ATOMIC.sub("", name), name)
    wanted = {field: _named(column, plain, header) for field, column in (mapping or {}).items()}
    unknown = next((field for field in wanted if field not in EVENT_ALIASES), None)
    if unknown is not None:
        raise UsageError(
            f"the mapping {unknown}={wanted[unknown]} names an unknown field.",
            fix=f"Known fields of events: {', '.join(EVENT_ALIASES)}.",
        )
    found = match_columns(tuple(plain), mapping=wanted, aliases=EVENT_ALIASES, many=frozenset())
    fields = {field: plain[columns[0]] for field, columns in found.fields.items()}
    stock = _is_stock(fields, type)
    if stock and "item" not in wanted:
        fields["item"] = next((plain[name] for name in plain if fold(name) in _SKUS), fields["item"])
    for field in NEEDED[stock:]:
        if field not in fields:
            shown = ", ".join(repr(shorten(name, 60)) for name in islice(header, _SHOWN)) or "nothing"
            raise DataError(
                f"{file}: no column is the {field}; the columns are: {shown}.",
                fix=f"Name it: --map {field}=COLUMN. Without a header, give places: --map user=1 --map item=2.",
            )
    notes = [
        f"Column {shorten(column, 60)!r} is read as {field}." for field, column in fields.items() if column != field
    ]
    if stock:
        notes.append("No column is the user: the rows are read as stock that lies somewhere.")
    left = [repr(shorten(plain[name], 60)) for name in islice(found.unmatched, _SHOWN)]
    if left:
        more = f" and {len(found.unmatched) - _SHOWN} more" if len(found.unmatched) > _SHOWN else ""
        notes.append(f"Other columns are left out: {', '.join(left)}{more}.")
    return EventColumns(fields, tuple(notes), STOCK if stock else type)


def _is_stock(fields: Mapping[str, str], type: str) -> bool:
    if "user" in fields or not all(field in fields for field in _OF_STOCK):
        return False
    return type == STOCK or "place" in fields or fold(fields["quantity"]) in _LEVELS


def _named(column: str, plain: Mapping[str, str], header: Sequence[str]) -> str:
    """A column as the mapping names it: by name, with or without its type, or by place."""
    bare = _ATOMIC.sub("", column)
    if column not in plain and bare in plain:
        return bare
    if column not in plain and column.isdigit() and 0 < int(column[:6]) <= len(header):
        return _ATOMIC.sub("", header[int(column) - 1])
    return column
