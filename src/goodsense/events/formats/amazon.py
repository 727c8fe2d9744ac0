"""Amazon Reviews 2023 as events: who rated what, when, and whether Amazon knows of the purchase.

Follows https://amazon-reviews-2023.github.io (Hou et al., "Bridging Language and Items for Retrieval and
Recommendation", 2024): one JSON object per line, times in milliseconds, ``parent_asin`` for the product of which
``asin`` is a variant. What the reviews say goes in by ``goodsense reviews``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from goodsense.events.formats.base import Cells, Record, RecordFormat, told


def _is_own(record: Record) -> bool:
    return {"user_id", "parent_asin", "rating", "verified_purchase"} <= record.keys()


def _rows(record: Record, passed: Counter[str]) -> Iterator[Cells]:
    verified = record.get("verified_purchase")
    yield told(
        {
            "user": record.get("user_id"),
            "item": record.get("parent_asin"),
            "type": "review",
            "rating": record.get("rating"),
            "timestamp": record.get("timestamp"),
            "context": {"verified_purchase": "true" if verified else "false"} if isinstance(verified, bool) else None,
        }
    )


AMAZON = RecordFormat(
    "amazon",
    "Amazon Reviews 2023",
    _is_own,
    _rows,
    ("user", "item", "type", "rating", "timestamp", "context"),
)
