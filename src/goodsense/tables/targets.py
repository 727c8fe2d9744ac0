"""What records can become, and the fields that each kind has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from goodsense.tables.aliases import PRODUCT_ALIASES

Target: TypeAlias = Literal["products", "events", "reviews", "questions", "conversations"]

FIELDS: Mapping[Target, tuple[str, ...]] = {
    "products": tuple(PRODUCT_ALIASES),
    "events": tuple("user item type weight rating quantity query duration timestamp session split event_id".split()),
    "reviews": tuple("id product user rating title text language time media verified helpful".split()),
    "questions": tuple("id product user text language time answers".split()),
    "conversations": tuple("id user product channel language time turns".split()),
}
PREFIXES: Mapping[Target, tuple[str, ...]] = {
    "products": ("attribute.", "option.", "extra."),
    "events": ("extra.",),
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
    "questions": {"answers": tuple("id user text time".split())},
    "conversations": {"turns": tuple("id speaker user text time media".split())},
}
CHILD_PREFIXES: Mapping[str, tuple[str, ...]] = {"variants": ("option.",)}
