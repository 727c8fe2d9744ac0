"""Logs of other systems, by their documentation: what each record comes to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from goodsense.errors import UsageError
from goodsense.events import Event, EventFeed, Impressions, numbered, read_events
from goodsense.tables import Reject, Rejects

NOW = 1_604_215_200.5
MICROS = "1604215200500000"


def read(path: Path, records: list[Any] | str, **choices: Any) -> tuple[list[Event], tuple[Reject, ...], EventFeed]:
    text = records if isinstance(records, str) else "".join(json.dumps(record) + "\n" for record in records)
    path.write_text(text, "utf-8")
    rejects = Rejects.to_memory()
    feed = read_events(path, rejects=rejects, **choices)
    return [event for _, event in feed], rejects.first, feed


def exported(name: str, items: list[dict[str, Any]], **params: Any) -> dict[str, Any]:
    """A row of the BigQuery export, with whole numbers as texts, as BigQuery writes JSON."""
    values = {"ga_session_id": {"int_value": "77"}} | {key: {"string_value": value} for key, value in params.items()}
    return {
        "event_date": "20201101",
        "event_timestamp": MICROS,
        "event_name": name,
        "event_params": [{"key": key, "value": value} for key, value in values.items()],
        "user_id": None,
        "user_pseudo_id": "pseudo.1",
        "device": {"category": "mobile", "language": "en-us"},
        "geo": {"city": "(not set)", "country": "Japan"},
        "ecommerce": {"transaction_id": "T9"},
        "items": items,
    }


SHOWN: list[dict[str, Any]] = [
    {"item_id": "A", "item_name": "Mug", "item_list_id": "related", "item_list_index": "1", "price": 9.5},
    {"item_id": "B", "item_list_id": "related", "item_list_index": "(not set)", "quantity": None},
]


def test_the_bigquery_export_has_an_event_for_each_item(tmp_path: Path) -> None:
    records = [
        exported("view_item_list", SHOWN),
        exported("select_item", SHOWN[:1]),
        exported("add_to_cart", [{"item_id": "A", "quantity": "2", "price": 9.5}]),
        exported("purchase", [{"item_id": "A", "quantity": "2", "price": "9.5"}, {"item_id": "B", "item_revenue": 3}]),
        exported("view_search_results", [], search_term="红色 杯子"),
        exported("session_start", []),
        exported("page_view", []),
        exported("page_view", []),
    ]
    found, rejects, feed = read(tmp_path / "ga4.jsonl", records)
    assert rejects == ()
    assert (feed.format, dict(feed.passed)) == ("ga4", {"session_start": 1, "page_view": 2})
    common: dict[str, Any] = {"time": NOW, "session": "77", "context": {"device": "mobile", "place": "Japan"}}
    expected = [
        Event("pseudo.1", "A", "impression", ranking="77/related", position=1, **common),
        Event("pseudo.1", "B", "impression", ranking="77/related", **common),
        Event("pseudo.1", "A", "click", ranking="77/related", position=1, **common),
        Event("pseudo.1", "A", "cart", quantity=2, **common),
        Event("pseudo.1", "A", "purchase", quantity=2, value=19.0, **common),
        Event("pseudo.1", "B", "purchase", value=3.0, **common),
        Event("pseudo.1", "", "search", query="红色 杯子", **common),
    ]
    assert found == [event for _, event in numbered(enumerate(expected))]
    joined = Impressions.from_events(found)
    assert [(joined.items[row], bool(hit)) for row, hit in zip(joined.item_rows, joined.clicked, strict=True)] == [
        ("B", False),
        ("A", True),
    ]
    array, _, again = read(tmp_path / "ga4.json", json.dumps(records, indent=1))
    assert (array, again.format) == (found, "ga4")


def test_payloads_of_the_measurement_protocol(tmp_path: Path) -> None:
    payload = {
        "client_id": "c1",
        "timestamp_micros": MICROS,
        "device": {"category": "desktop"},
        "user_location": {"city": "Paris"},
        "events": [
            {"name": "view_item", "params": {"session_id": 5, "items": [{"item_id": "A"}]}},
            {"name": "search", "params": {"session_id": 5, "search_term": "mug"}},
            {"name": "add_to_wishlist", "timestamp_micros": 1604215201500000, "params": {"items": [{"item_id": "A"}]}},
            {"name": "login", "params": {"method": "mail"}},
        ],
    }
    found, rejects, feed = read(tmp_path / "sent.jsonl", [payload, {**payload, "user_id": "known"}])
    assert (rejects, feed.format, feed.passed["login"]) == ((), "ga4", 2)
    assert [(e.user, e.item, e.type, e.query, e.session, e.time) for e in found[:3]] == [
        ("c1", "A", "view", "", "5", NOW),
        ("c1", "", "search", "mug", "5", NOW),
        ("c1", "A", "wishlist", "", "", NOW + 1),
    ]
    assert {e.user for e in found} == {"c1", "known"}
    assert found[0].context == {"device": "desktop", "place": "Paris"}


RANKING = {
    "event": "ranking",
    "id": "81f46c34",
    "timestamp": "1604215200500",
    "user": "u1",
    "session": "s1",
    "fields": [{"name": "query", "value": "cat"}, {"name": "device", "value": "phone"}, {"name": "x", "value": [1]}],
    "items": [{"id": "i3", "fields": [{"name": "relevance", "value": 2.0}]}, {"id": "i1"}, {"id": "i2"}],
}


def test_metarank_has_impressions_and_what_followed_them(tmp_path: Path) -> None:
    acted = {"event": "interaction", "timestamp": "1604215201500", "user": "u1", "session": "s1", "fields": []}
    records = [
        {"event": "item", "id": "m1", "timestamp": "1604215200500", "item": "i1", "fields": []},
        {"event": "user", "id": "m2", "timestamp": "1604215200500", "user": "u1", "fields": []},
        RANKING,
        {**acted, "id": "a1", "type": "click", "item": "i1", "ranking": "81f46c34"},
        {**acted, "id": "a2", "type": "purchase", "item": "i1", "ranking": "81f46c34"},
        {**acted, "id": "a3", "type": "click", "item": "i9"},
    ]
    found, rejects, feed = read(tmp_path / "metarank.jsonl", records)
    assert rejects == ()
    assert (feed.format, dict(feed.passed)) == ("metarank", {"item": 1, "user": 1})
    assert [(e.item, e.type, e.position, e.query, e.key) for e in found] == [
        ("i3", "impression", 1, "cat", "81f46c34/1"),
        ("i1", "impression", 2, "cat", "81f46c34/2"),
        ("i2", "impression", 3, "cat", "81f46c34/3"),
        ("i1", "click", None, "", "a1"),
        ("i1", "purchase", None, "", "a2"),
        ("i9", "click", None, "", "a3"),
    ]
    assert found[0].context == {"device": "phone"}
    joined = Impressions.from_events(found)
    assert [joined.items[row] for row in joined.item_rows] == ["i3", "i1", "i2"]
    assert (joined.clicked.tolist(), joined.purchased.tolist()) == ([False, True, False], [False, True, False])


def test_amazon_reviews_2023_are_events(tmp_path: Path) -> None:
    record = {
        "rating": 5.0,
        "title": "Great",
        "text": "…",
        "images": [],
        "asin": "B00VARIANT",
        "parent_asin": "B00PARENT",
        "user_id": "AGKH",
        "timestamp": 1_604_215_200_500,
        "helpful_vote": 0,
        "verified_purchase": True,
    }
    found, rejects, feed = read(tmp_path / "All_Beauty.jsonl", [record, {**record, "timestamp": "bad"}])
    assert feed.format == "amazon"
    assert [(e.user, e.item, e.type, e.rating, e.time) for e in found] == [("AGKH", "B00PARENT", "review", 5.0, NOW)]
    assert found[0].context == {"verified_purchase": "true"}
    assert [(reject.row, reject.column) for reject in rejects] == [(2, "timestamp")]


def test_recbole_names_the_types_of_its_columns(tmp_path: Path) -> None:
    text = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n"
    for name in ("auto", "recbole"):
        found, rejects, feed = read(tmp_path / "ml-100k.inter", text, format=name)
        assert (rejects, feed.format) == ((), "recbole")
        assert [(e.user, e.item, e.type, e.rating, e.time) for e in found] == [("196", "242", "rate", 3.0, 881250949)]
    with pytest.raises(UsageError, match="no types of RecBole"):
        read(tmp_path / "x.tsv", text.replace(":token", "").replace(":float", ""), format="recbole")


BAD = {
    "items is no list": exported("view_item", "A"),  # type: ignore[arg-type]
    "the item is missing": exported("view_item", [{"item_name": "Mug"}]),
    "the user is missing": {**exported("view_item", SHOWN[:1]), "user_pseudo_id": None},
    "no number": exported("purchase", [{"item_id": "A", "price": "cheap"}]),
    "in the future": {**exported("view_item", SHOWN[:1]), "event_timestamp": "4102444800000000"},
    "cannot be negative": exported("add_to_cart", [{"item_id": "A", "quantity": "-1"}]),
    "event_params is no list": {**exported("view_item", SHOWN[:1]), "event_params": {"a": 1}},
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_record_is_rejected_and_the_rest_goes_on(reason: str, tmp_path: Path) -> None:
    good = exported("view_item", SHOWN[:1])
    found, rejects, _ = read(tmp_path / "ga4.jsonl", [good, BAD[reason], good])
    assert [e.item for e in found] == ["A", "A"]
    assert [reject.row for reject in rejects] == [2]
    assert reason in rejects[0].reason
    assert rejects[0].fix


def test_an_unknown_kind_of_metarank_is_rejected(tmp_path: Path) -> None:
    found, rejects, _ = read(tmp_path / "m.jsonl", [RANKING, {**RANKING, "event": "feedback"}, {"id": 1}])
    assert len(found) == 3
    assert [reject.row for reject in rejects] == [2, 3]


def test_a_format_that_a_file_is_not_of_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="are JSON, this is csv"):
        read(tmp_path / "e.csv", "user,item\n1,2\n", format="ga4")
    with pytest.raises(UsageError, match="need no mapping"):
        read(tmp_path / "e.jsonl", [RANKING], format="metarank", mapping={"user": "user"})
    found, _, feed = read(tmp_path / "e.jsonl", [RANKING], mapping={"user": "user", "item": "id"})
    assert (feed.format, [e.item for e in found]) == ("jsonl", ["81f46c34"]), "the user's own mapping wins"


def test_rejects_of_a_log_are_mended_and_read_again(tmp_path: Path) -> None:
    (tmp_path / "ga4.jsonl").write_text(
        json.dumps(exported("add_to_cart", [{"item_id": "A", "quantity": "-1"}])) + "\n"
    )
    with Rejects(tmp_path / "r.jsonl") as rejects:
        assert list(read_events(tmp_path / "ga4.jsonl", rejects=rejects)) == []
    mended = (tmp_path / "r.jsonl").read_text().replace('"quantity": "-1"', '"quantity": "1"')
    found, left, _ = read(tmp_path / "again.jsonl", mended)
    assert left == ()
    assert [(e.user, e.item, e.type, e.quantity, e.session) for e in found] == [("pseudo.1", "A", "cart", 1.0, "77")]
    assert found[0].context["device"] == "mobile"
