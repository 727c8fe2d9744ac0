"""What records can become, and the fields that each kind has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from goodsense.tables.aliases import PRODUCT_ALIASES

Target: TypeAlias = Literal["products", "events", "reviews", "questions", "conversations"]

FIELDS: Mapping[Target, tuple[str, ...]] = {
    "products": tuple(PRODUCT_ALIASES),
    "events": tuple(
        "user item type weight rating quantity query duration timestamp session split event_id ranking position value "
        "context place local_time season weather device".split()
    ),
    "reviews": tuple(
        "id product user rating title text followup language time image video audio media verified helpful variant "
        "extra".split()
    ),
    "questions": tuple(
        "id product user text language time answers answer answer_user answer_time by_seller extra".split()
    ),
    "conversations": tuple("id about user channel language turns role text time image video audio extra".split()),
}
PREFIXES: Mapping[Target, tuple[str, ...]] = {
    "products": ("attribute.", "option.", "extra."),
    "events": (),
    "reviews": ("extra.",),
    "questions": ("extra.",),
    "conversations": ("extra.",),
}
# Fields that are lists of objects, with the fields of one object.
CHILDREN: Mapping[Target, Mapping[str, tuple[str, ...]]] = {
    "products": {
        "variants": tuple("sku price list_price currency availability stock gtin image images media options".split()),
        "media": ("kind", "uri"),
        "attributes": ("name", "value"),
    },
    "events": {},
    "reviews": {"media": ("kind", "uri")},
    "questions": {"answers": ("text", "user", "time", "by_seller", "helpful")},
    "conversations": {"turns": ("role", "text", "time", "image", "video", "audio")},
}
CHILD_PREFIXES: Mapping[str, tuple[str, ...]] = {"variants": ("option.",)}
