"""Google Analytics 4: the BigQuery export as JSON, and payloads of the Measurement Protocol.

Follows https://support.google.com/analytics/answer/7029846 (``event_params`` and ``items`` as lists, times in
microseconds, whole numbers as texts) and https://developers.google.com/analytics/devguides/collection/protocol/ga4
(``client_id``, ``events`` with ``name`` and ``params``). An event has one row per item; a search without items has one.
What was shown in one list within one visit is one ranking. Money is told of purchases: the item's revenue, else its
price times its quantity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from goodsense.events.event import SEARCH, type_of
from goodsense.events.formats.base import Cells, Record, RecordFormat, object_of, objects_of, told
from goodsense.tables.values import BadValue

_UNSET = (None, "", "(not set)", "(none)")
_NO_NUMBER = "Export the log again, or mend this record."
_SEARCHED = ("search_term", "term", "query")


def _is_own(record: Record) -> bool:
    exported = "event_name" in record and ("event_params" in record or "event_timestamp" in record)
    sent = ("client_id" in record or "app_instance_id" in record) and isinstance(record.get("events"), list)
    return exported or sent


def _rows(record: Record, passed: Counter[str]) -> Iterator[Cells]:
    if "events" in record and "event_name" not in record:
        return _sent(record, passed)
    return _exported(record, passed)


def _exported(record: Record, passed: Counter[str]) -> Iterator[Cells]:
    """One row of the BigQuery export."""
    params = _params(record.get("event_params"))
    common = {
        "user": _first(record, "user_id", "user_pseudo_id"),
        "timestamp": record.get("event_timestamp"),
        "session": params.get("ga_session_id"),
        "device": object_of(record.get("device")).get("category"),
        "place": _first(object_of(record.get("geo")), "city", "region", "country"),
    }
    items = objects_of(record.get("items"), "items")
    yield from _event(str(record.get("event_name") or ""), params, items, common, passed)


def _sent(record: Record, passed: Counter[str]) -> Iterator[Cells]:
    """The events of one payload of the Measurement Protocol."""
    for event in objects_of(record.get("events"), "events"):
        params = object_of(event.get("params"))
        common = {
            "user": _first(record, "user_id", "client_id", "app_instance_id"),
            "timestamp": _first(event, "timestamp_micros") or record.get("timestamp_micros"),
            "session": _first(params, "session_id", "ga_session_id"),
            "device": object_of(record.get("device")).get("category"),
            "place": _first(object_of(record.get("user_location")), "city", "region_id", "country_id"),
        }
        items = objects_of(params.get("items"), "items")
        yield from _event(str(event.get("name") or ""), params, items, common, passed)


def _event(
    name: str, params: Mapping[str, Any], items: list[Record], common: Cells, passed: Counter[str]
) -> Iterator[Cells]:
    kind = type_of(name)
    common = {**common, "type": kind, "query": _first(params, *_SEARCHED)}
    if items:
        for item in items:
            yield told({**common, **_item(kind, item, params, common["session"])})
    elif kind == SEARCH and common["query"]:
        yield told(common)
    else:
        passed[name or "nameless"] += 1


def _item(kind: str, item: Record, params: Mapping[str, Any], session: Any) -> Cells:
    shown = _first(item, "item_list_id", "item_list_name") or _first(params, "item_list_id", "item_list_name")
    quantity = item.get("quantity")
    return {
        "item": item.get("item_id"),
        "quantity": quantity,
        "ranking": f"{session}/{shown}" if shown and session not in _UNSET else None,
        "position": _first(item, "item_list_index", "index"),
        "value": _money(item, quantity) if kind == "purchase" else None,
    }


def _money(item: Record, quantity: Any) -> Any:
    revenue = _first(item, "item_revenue")
    price = _first(item, "price")
    if revenue is not None or price is None:
        return revenue
    try:
        return round(float(price) * float(1 if quantity in _UNSET else quantity), 6)
    except (TypeError, ValueError) as error:
        raise BadValue("price or quantity is no number", _NO_NUMBER) from error


def _params(value: Any) -> dict[str, Any]:
    """Parameters by name, whichever type of value each has."""
    found = {}
    for param in objects_of(value, "event_params"):
        values = [item for item in object_of(param.get("value")).values() if item is not None]
        if values:
            found[str(param.get("key"))] = values[0]
    return found


def _first(record: Mapping[str, Any], *names: str) -> Any:
    """The first of these that is set."""
    return next((record[name] for name in names if record.get(name) not in _UNSET), None)


GA4 = RecordFormat(
    "ga4",
    "an export of Google Analytics 4",
    _is_own,
    _rows,
    tuple("user item type quantity query timestamp session ranking position value device place".split()),
)
