"""Tables that are no product feeds: events, reviews, questions, conversations, queries. Their columns tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from goodsense.errors import GoodsenseError
from goodsense.events import EVENT_ALIASES
from goodsense.feedback.columns import CONVERSATION_ALIASES, QUESTION_ALIASES, REVIEW_ALIASES
from goodsense.tables import fold, match_columns, read_header, sniff

_TABLES = frozenset({"csv", "tsv", "jsonl", "json", "parquet"})
_QUERIES = frozenset({"id", "text", "image", "audio", "video", "like", "where", "query_id"})
_OFFERS = frozenset(
    {"price", "list_price", "sale_price", "brand", "stock", "availability", "image", "gtin", "variants"}
)
_VOICES: tuple[tuple[str, Mapping[str, Sequence[str]], tuple[str, ...]], ...] = (
    ("conversations", CONVERSATION_ALIASES, ("turns",)),
    ("conversations", CONVERSATION_ALIASES, ("turn.role", "turn.text")),
    ("questions", QUESTION_ALIASES, ("product", "text", "answers")),
    ("questions", QUESTION_ALIASES, ("product", "text", "answer.text")),
    ("reviews", REVIEW_ALIASES, ("product", "rating", "text", "user")),
    ("events", EVENT_ALIASES, ("user", "item", "type")),
    ("events", EVENT_ALIASES, ("user", "item", "timestamp")),
)


def other_records(path: Path) -> str:
    """What a table holds if that is no products: "events", "reviews", "questions", "conversations", "queries".

    Empty for products, and for whatever is unsure: a table with prices, brands or pictures is one of products.
    """
    try:
        sniffed = sniff(path)
        names = read_header(path, sniffed).names if sniffed.format in _TABLES else ()
    except GoodsenseError:
        return ""
    if not names:
        return ""
    if match_columns(names).fields.keys() & _OFFERS:
        return "queries" if _are_queries(names) else ""
    for kind, aliases, needed in _VOICES:
        if match_columns(names, aliases=aliases, many=frozenset()).fields.keys() >= set(needed):
            return kind
    return "queries" if _are_queries(names) else ""


def _are_queries(names: Sequence[str]) -> bool:
    folded = {fold(name) for name in names}
    return folded <= _QUERIES and {"id", "text"} <= folded and len(folded) > 2


def command_for(kind: str) -> str:
    """The command that takes such records."""
    return "goodsense judge SHOP --queries" if kind == "queries" else f"goodsense {kind} SHOP"
