"""Events of Metarank, one JSON object per line.

Follows https://docs.metarank.ai/reference/event-schema: a ``ranking`` is a list that was shown, each product in it an
impression, its place counted from 1; an ``interaction`` names the ranking it followed from. Records of what products
and users are like (``item``, ``user``) tell of no action.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from goodsense.events.event import CONTEXT
from goodsense.events.formats.base import Cells, Record, RecordFormat, objects_of, told
from goodsense.tables.values import BadValue

_KINDS = ("interaction", "item", "ranking", "user")


def _is_own(record: Record) -> bool:
    return record.get("event") in _KINDS and "id" in record and "timestamp" in record


def _rows(record: Record, passed: Counter[str]) -> Iterator[Cells]:
    kind = record.get("event")
    if kind == "ranking":
        yield from _ranking(record)
    elif kind == "interaction":
        yield told({**_common(record), "event_id": record.get("id"), **_acted(record)})
    elif kind in _KINDS:
        passed[str(kind)] += 1
    else:
        raise BadValue(f"the event {str(kind)[:60]!r} is none of {', '.join(_KINDS)}", "Correct it.")


def _ranking(record: Record) -> Iterator[Cells]:
    common = _common(record)
    for place, item in enumerate(objects_of(record.get("items"), "items"), 1):
        yield told(
            {
                **common,
                "event_id": f"{record.get('id')}/{place}",
                "type": "impression",
                "item": item.get("id"),
                "ranking": record.get("id"),
                "position": place,
            }
        )


def _acted(record: Record) -> Cells:
    return {"type": record.get("type"), "item": record.get("item"), "ranking": record.get("ranking")}


def _common(record: Record) -> Cells:
    named = {str(one.get("name")): _plain(one.get("value")) for one in objects_of(record.get("fields"), "fields")}
    return {
        "user": record.get("user") or record.get("session"),
        "timestamp": record.get("timestamp"),
        "session": record.get("session"),
        "query": named.get("query"),
        "quantity": named.get("quantity"),
        "value": named.get("value"),
        "rating": named.get("rating"),
        **{name: named.get(name) for name in CONTEXT},
    }


def _plain(value: Any) -> Any:
    """A value that fits a cell; lists and objects do not."""
    return value if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None


METARANK = RecordFormat(
    "metarank",
    "events of Metarank",
    _is_own,
    _rows,
    tuple("event_id user item type quantity query rating timestamp session ranking position value".split()) + CONTEXT,
)
