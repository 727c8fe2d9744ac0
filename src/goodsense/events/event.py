"""One thing that one shopper did with one product."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from goodsense.errors import DataError
from goodsense.tables.times import EARLIEST
from goodsense.tables.values import Split

PLAIN = "interaction"  # the type of an event that names none and has no rating
RATED = frozenset({"rate", "review"})
STOCK = "stock"  # how many of a product there are at a place: nobody's action
SEARCH = "search"  # may name no product
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_402_300_799.0  # the end of the year 9999
_FIRST_FIELDS = 10  # of an event's content, that every key is made of
_SAYS_NOTHING = ("", None, None, "")  # the others, where there are none

# What a context may say by a column of its own; other names come in a column of JSON.
CONTEXT = ("place", "local_time", "season", "weather", "device")

# How much an event of a type says about liking a product. A rating, or a weight of its own, is taken in its place;
# what is not named here counts 1. Impressions and removals are kept, but say nothing.
DEFAULT_WEIGHTS: Mapping[str, float] = {
    "purchase": 5.0,
    "review": 4.0,
    "cart": 3.0,
    "wishlist": 2.0,
    "rate": 1.0,
    "view": 1.0,
    "click": 1.0,
    "search": 1.0,
    PLAIN: 1.0,
    "impression": 0.0,
    "remove": 0.0,
    STOCK: 0.0,
}

# English and Chinese words and the codes of public logs; the form is that of :func:`type_of`.
_WORDS: Mapping[str, tuple[str, ...]] = {
    name: tuple(words.split())
    for name, words in {
        "view": "view views viewed pv page_view pageview view_item product_view product_viewed detail_view detail "
        "browse browsed play watch watched 浏览 查看 浏览商品 商品浏览 看 访问 详情 观看 播放 pageviews",
        "click": "click clicks clicked clk select_item select_promotion product_click product_clicked 点击 点选 "
        "点击商品 商品点击",
        "search": "search searches searched view_search_results query 搜索 检索 查询",
        "cart": "cart add_to_cart addtocart add_cart atc basket add_to_basket product_added 加购 加购物车 加入购物车 "
        "添加购物车 购物车 加车",
        "wishlist": "wishlist wish fav favorite favourite favorites favourites collect collected like liked "
        "add_to_wishlist add_to_favorites bookmark save saved 收藏 收藏商品 加入收藏 喜欢 点赞 心愿单 想要 关注",
        "purchase": "purchase purchases purchased buy bought order ordered transaction paid pay payment sale "
        "conversion order_completed 购买 下单 成交 付款 支付 交易 订单 已购买 买",
        "rate": "rate rated rating ratings 评分 打分",
        "review": "review reviews reviewed comment 评论 评价 点评 追评",
        "impression": "impression impressions imp expose exposure exposed show shown view_item_list "
        "product_list_viewed product_impression view_promotion 曝光 展示 展现",
        "remove": "remove removed remove_from_cart removefromcart remove_cart delete_from_cart product_removed unlike "
        "unfavorite remove_from_wishlist 移除 移出购物车 删除 取消收藏 删除购物车",
        STOCK: "stock stock_level stock_reading inventory inventory_level on_hand rfid 库存 盘点 库存盘点",
    }.items()
}
_TYPES: Mapping[str, str] = {word: name for name, words in _WORDS.items() for word in words}
TYPES = tuple(_WORDS)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that one shopper did with one product.

    Parameters
    ----------
    user, item
        The shopper (a pseudonym, as given) and the product's id, which need not be in the catalog. A ``search`` with a
        query may name no item; a ``stock`` reading has no user, and a SKU or product's id as its item.
    type
        One of :data:`TYPES`, ``interaction`` where nothing is known, or whatever name was given.
    weight
        Counts in place of the weight of its type.
    rating, quantity
        As given; what a rating's scale is, its source knows. A stock reading's quantity is what lies there.
    query
        What was searched for.
    duration
        Seconds.
    time
        Seconds since 1970-01-01 UTC, to the microsecond; None if it is not known.
    session
        The visit it belongs to, as given; see :func:`goodsense.events.sessions` for the others.
    split
        Where the source wants it: train, val or test.
    key
        What makes it this event and no other: its source's own id, else see :func:`goodsense.events.numbered`.
    ranking
        The id of the list that was shown; actions that name it followed from that list.
    position
        The place in that list, as its source counts, a whole number from 0 on.
    value
        Money, in the shop's currency.
    context
        Where, when and on what it happened, as supplied, by name: see :data:`CONTEXT`.

    Raises
    ------
    DataError
        If user or item is empty, a number is not finite, or a stock reading has no time or no quantity from 0 on.
    """

    user: str
    item: str
    type: str = PLAIN
    weight: float | None = None
    rating: float | None = None
    quantity: float | None = None
    query: str = ""
    duration: float | None = None
    time: float | None = None
    session: str = ""
    split: Split = ""
    key: str = ""
    ranking: str = ""
    position: int | None = None
    value: float | None = None
    context: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        complete = self.user and self.item
        if not complete and (missing := missing_in(self.type, user=self.user, item=self.item, query=self.query)):
            raise DataError(f"an event has no {missing}: {self}.", fix=f"Give every event its {missing}.")
        if self.type == STOCK and (self.time is None or self.quantity is None or self.quantity < 0):
            raise DataError(f"a stock reading needs a time and a quantity from 0 on: {self}.", fix="Give it both.")
        if self.position is not None:
            if self.position < 0 or self.position != int(self.position):
                raise DataError(f"a position cannot be {self.position!r}.", fix="Give a whole number from 0 on.")
            object.__setattr__(self, "position", int(self.position))
        for name in ("weight", "rating", "quantity", "duration", "time", "value"):
            value = getattr(self, name)
            if value is not None:
                if not math.isfinite(value) or (name == "time" and not 0 <= value <= _LATEST):
                    raise DataError(f"the {name} of an event cannot be {value!r}.", fix="Correct it or leave it out.")
                exact = round(float(value), 6) if name == "time" else float(value)
                if exact is not value:
                    object.__setattr__(self, name, exact)

    @property
    def content(self) -> tuple[Any, ...]:
        """What happened: everything but the key, and the split, which is a label that may be given anew."""
        return (
            self.user,
            self.item,
            self.type,
            self.weight,
            self.rating,
            self.quantity,
            self.query,
            self.duration,
            self.time,
            self.session,
            self.ranking,
            self.position,
            self.value,
            context_text(self.context),
        )

    def to_json(self) -> dict[str, Any]:
        """The fields that say something, by their names in a table.

        What lies before 1990 is no time but a place in the user's history, and is called so.
        """
        found = {
            "event_id": self.key,
            "user": self.user,
            "item": self.item,
            "type": self.type,
            "weight": self.weight,
            "rating": self.rating,
            "quantity": self.quantity,
            "query": self.query,
            "duration": self.duration,
            "timestamp": None if self.time is None or self.time < EARLIEST else iso(self.time),
            "session": self.session,
            "ranking": self.ranking,
            "position": self.position,
            "value": self.value,
            "context": dict(self.context),
            "split": self.split,
            "history_order": self.time if self.time is not None and self.time < EARLIEST else None,
        }
        return {name: value for name, value in found.items() if value is not None and value != "" and value != {}}


def type_of(name: str) -> str:
    """The type that a word or code means; other names stay as they are."""
    known = _TYPES.get(name)
    if known is None:
        known = _TYPES.get("_".join(name.lower().replace("-", " ").replace("_", " ").split()))
    return name if known is None else known


def missing_in(type: str, *, user: str, item: str, query: str) -> str:
    """Which of the two that an event needs it lacks: a reading of stock has no user, a search need have no item."""
    if not user and type != STOCK:
        return "user"
    return "item" if not item and not (type == SEARCH and query) else ""


def context_text(context: Mapping[str, str]) -> str:
    """A context as JSON with its names in order; empty if there is none."""
    return json.dumps(context, ensure_ascii=False, separators=(",", ":"), sort_keys=True) if context else ""


def content_key(event: Event) -> str:
    """A hash (BLAKE2b) of what happened; equal events have equal ones, whatever table they came from.

    What says nothing about lists, money and context has the key that it had before events knew of these.
    """
    content = event.content
    told = content[:_FIRST_FIELDS] if content[_FIRST_FIELDS:] == _SAYS_NOTHING else content
    plain = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def keyed(event: Event, key: str) -> Event:
    """The same event under a key; nothing is checked again, since a log has millions of them."""
    made = object.__new__(Event)
    for name in Event.__slots__:
        object.__setattr__(made, name, getattr(event, name))
    object.__setattr__(made, "key", key)
    return made


def iso(seconds: float) -> str:
    """A moment as ISO 8601 in UTC, exact to the microsecond."""
    moment = _EPOCH + timedelta(microseconds=round(seconds * 1e6))
    return moment.replace(tzinfo=None).isoformat() + "Z"
