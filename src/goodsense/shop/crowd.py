"""What shoppers said of products and did with them, as a build reads it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from goodsense.shop.behaviour import stored_events
from goodsense.shop.truth import Truth
from goodsense.types import Opinion, Profile

_DAY = 86_400.0


def read_opinions(truth: Truth) -> dict[str, tuple[Opinion, ...]]:
    """The reviews of every product in the order of their ids; their ages count back from its newest review, so that a
    review changes its own product only."""
    rows = truth.rows(
        "SELECT product_id, rating, doc ->> 'title', doc ->> 'text', doc ->> 'helpful', doc ->> 'time' FROM reviews "
        "WHERE product_id <> '' ORDER BY product_id, id"
    )
    return {product: _opinions(own) for product, own in groupby(rows, key=itemgetter(0))}


def _opinions(rows: Iterable[tuple[Any, ...]]) -> tuple[Opinion, ...]:
    said = [
        (rating, _joined(title, text), int(helpful or 0), _seconds(time))
        for _, rating, title, text, helpful, time in rows
    ]
    newest = max((moment for *_, moment in said if moment is not None), default=0.0)
    return tuple(
        Opinion(text, rating, helpful, None if moment is None else round((newest - moment) / _DAY, 3))
        for rating, text, helpful, moment in said
        if text or rating is not None
    )


def _joined(*texts: str | None) -> str:
    return "\n".join(text for text in texts if text)


def read_profiles(truth: Truth) -> dict[str, Profile]:
    """What shoppers did with every product; events held out for evaluations are left out."""
    from goodsense.factors import profiles

    return profiles(event for event in stored_events(truth) if event.split in ("", "train"))


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
