"""Tables that are no product feeds: events, reviews, questions, conversations, queries. Their columns tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from goodsense.catalog.feeds import FORMATS
from goodsense.errors import GoodsenseError
from goodsense.events import EVENT_ALIASES
from goodsense.feedback.columns import CONVERSATION_ALIASES, QUESTION_ALIASES, REVIEW_ALIASES
from goodsense.tables import Sniffed, fold, match_columns, read_head, read_header, sniff

_TABLES = frozenset({"csv", "tsv", "jsonl", "json", "parquet"})
_QUERIES = frozenset({"id", "text", "image", "audio", "video", "like", "where", "query_id"})
_OFFERS = frozenset(
    {"price", "list_price", "sale_price", "brand", "stock", "availability", "image", "gtin", "variants"}
)
_QUANTITIES = frozenset(map(fold, EVENT_ALIASES["quantity"]))  # how many were bought, not how many are in stock
_WHOLE_EVENT = ("user", "item", "type", "timestamp")  # with these, a price is what was paid
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
        if sniffed.format not in _TABLES or _is_known_feed(path, sniffed):
            return ""
        names = read_header(path, sniffed).names
    except GoodsenseError:
        return ""
    offered = match_columns([name for name in names if fold(name) not in _QUANTITIES]).fields
    if offered.keys() & _OFFERS and not ("title" not in offered and _fits(names, EVENT_ALIASES, _WHOLE_EVENT)):
        return "queries" if _are_queries(names) else ""
    for kind, aliases, needed in _VOICES:
        if _fits(names, aliases, needed):
            return kind
    return "queries" if _are_queries(names) else ""


def _fits(names: Sequence[str], aliases: Mapping[str, Sequence[str]], needed: Sequence[str]) -> bool:
    return match_columns(names, aliases=aliases, many=frozenset()).fields.keys() >= set(needed)


def _is_known_feed(path: Path, sniffed: Sniffed) -> bool:
    """Whether a format of products claims the file; plain tables are claimed by their own formats only half."""
    head = read_head(path, sniffed)
    return any(known.sniff(head, sniffed) > 0.5 for known in FORMATS)


def _are_queries(names: Sequence[str]) -> bool:
    folded = {fold(name) for name in names}
    return folded <= _QUERIES and {"id", "text"} <= folded and len(folded) > 2


def command_for(kind: str) -> str:
    """The command that takes such records."""
    return "goodsense judge SHOP --queries" if kind == "queries" else f"goodsense {kind} SHOP"
