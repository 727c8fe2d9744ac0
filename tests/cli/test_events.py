"""``goodsense events`` as a user types it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.calls import Caller

HEADER = "用户ID,商品ID,行为类型,时间\n"
ROWS = "小明,toy-1,浏览,2024-06-18 08:00\n小明,toy-1,购买,2024-06-18 08:05\n小红,toy-2,加购,2024-06-18 12:00\n"
KEYS = {"read", "added", "changed", "unchanged", "rejected", "seconds", "users", "items", "unknown_items", "types"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return tmp_path / "shop"


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "行为.csv"
    path.write_text(HEADER + ROWS, "utf-8")
    return path


def test_events_go_in_with_one_command_and_only_once(call: Caller, shop: Path, feed: Path) -> None:
    first, again = call("events", shop, feed, "--json"), call("events", shop, feed, "--json")
    assert (first.code, again.code) == (0, 0)
    assert set(first.json) >= KEYS
    told = {
        name: first.json[name] for name in ("read", "added", "rejected", "users", "items", "unknown_items", "pairs")
    }
    assert told == {"read": 3, "added": 3, "rejected": 0, "users": 2, "items": 2, "unknown_items": 2, "pairs": 2}
    assert first.json["types"] == {"cart": 1, "purchase": 1, "view": 1}
    assert (first.json["sessions"], first.json["density"]) == (2, 0.5)
    assert (again.json["added"], again.json["unchanged"]) == (0, 3)


def test_what_it_prints_teaches_something(call: Caller, shop: Path, feed: Path) -> None:
    said = call("events", shop, feed).out
    for words in (
        "Column '用户ID' is read as user.",
        "3 events read: 3 added, 0 unchanged.",
        "purchase  1       33.3 %",
        "2 users did something with 2 items: 2 pairs, 50 % of all possible ones; 1.5 events per user.",
        "From 2024-06-18 08:00 to 2024-06-18 12:00 UTC, 2 visits.",
        "2 of the items, with 3 events, are not in the catalog",
    ):
        assert words in said
    told = call("events", shop)
    assert (told.code, "2 visits" in told.out) == (0, True)
    assert call("events", shop, "--json").json["events"] == 3


def test_times_are_in_the_zone_that_is_named(call: Caller, shop: Path, feed: Path) -> None:
    assert (
        "From 2024-06-18 00:00 to 2024-06-18 04:00 UTC" in call("events", shop, feed, "--timezone", "Asia/Shanghai").out
    )
    wrong = call("events", shop, feed, "--timezone", "Mars/Olympus", "--json")
    assert (wrong.code, "Mars/Olympus" in wrong.error["message"]) == (2, True)


def test_columns_may_be_named_and_counted(call: Caller, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    places = [part for field in ("user=1", "item=2", "rating=3", "timestamp=4") for part in ("--map", field)]
    found = call("events", shop, tmp_path / "u.data", *places, "--json").json
    assert (found["read"], found["types"], found["first"]) == (2, {"rate": 2}, 881250949.0)
    (tmp_path / "orders.csv").write_text("Kunde,Artikel\nk,a\n")
    found = call(
        "events",
        shop,
        tmp_path / "orders.csv",
        "--map",
        "user=Kunde",
        "--map",
        "item=Artikel",
        "--type",
        "下单",
        "--json",
    ).json
    assert found["types"] == {"rate": 2, "purchase": 1}
    plain = call("events", shop, tmp_path / "orders.csv", "--json")
    assert (plain.code, "no column is the user" in plain.error["message"]) == (3, True)


def test_rejected_rows_end_with_5_and_say_where(call: Caller, shop: Path, feed: Path) -> None:
    feed.write_text(HEADER + ROWS + "小明,,浏览,\n小明,toy-1,浏览,很久以前\n", "utf-8")
    found = call("events", shop, feed)
    assert found.code == 5
    assert "2 rows rejected" in found.out
    assert f"goodsense events {shop} {shop / 'rejects-events.jsonl'}" in found.out
    assert len((shop / "rejects-events.jsonl").read_text("utf-8").splitlines()) == 2
    assert call("events", shop, feed, "--strict", "--json").error["code"] == "data"


def test_a_dry_run_makes_no_shop(call: Caller, shop: Path, feed: Path) -> None:
    found = call("events", shop, feed, "--dry-run")
    assert (found.code, shop.exists()) == (0, False)
    assert "dry run, nothing changed" in found.out
    assert "In these sources:" in found.out


def test_a_wrong_file_makes_no_shop(call: Caller, shop: Path, tmp_path: Path) -> None:
    found = call("events", shop, tmp_path / "none.csv", "--json")
    assert (found.code, found.error["code"], shop.exists()) == (2, "usage", False)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_events_are_written_out_and_read_back(
    ending: str, call: Caller, shop: Path, feed: Path, tmp_path: Path
) -> None:
    call("events", shop, feed)
    target = tmp_path / f"out.{ending}"
    assert call("events", shop, "--export", target, "--json").json == {"events": 3, "file": str(target)}
    assert call("events", shop, target, "--json").json["unchanged"] == 3
    assert call("events", tmp_path / "other", target, "--json").json["added"] == 3


def test_users_may_get_pseudonyms(call: Caller, shop: Path, feed: Path, tmp_path: Path) -> None:
    call("events", shop, feed, "--pseudonymise")
    assert stat.S_IMODE((shop / "pseudonyms.key").stat().st_mode) == 0o600
    call("events", shop, "--export", tmp_path / "out.jsonl")
    users = {json.loads(line)["user"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()}
    assert len(users) == 2
    assert all(user.startswith("user-") and len(user) == 37 for user in users)


def test_a_web_server_log_goes_in_by_a_mapping_file(call: Caller, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(
        '10.0.0.1 - alice [25/Nov/2017:23:04:05 +0800] "GET /p/SKU-9?q=x HTTP/1.1" 200 512 "-" "Mozilla"\n'
        '10.0.0.2 - - [25/Nov/2017:23:04:06 +0800] "GET /p/SKU-9 HTTP/1.1" 200 512 "-" "Mozilla"\n'
    )
    (tmp_path / "log.toml").write_text(
        'target = "events"\n[source]\nformat = "log"\n'
        r"pattern = '(?P<ip>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] \"GET /p/(?P<sku>[\w-]+)[^\"]*\" .*'"
        '\n[fields]\nuser = "user"\nitem = "sku"\ntype = { value = "view" }\ntimestamp = "time"\n'
    )
    found = call("events", shop, tmp_path / "access.log", "--mapping", tmp_path / "log.toml", "--json")
    assert (found.json["added"], found.json["rejected"], found.json["first"]) == (1, 1, 1_511_622_245.0)
    both = call(
        "events", shop, tmp_path / "access.log", "--mapping", tmp_path / "log.toml", "--map", "user=1", "--json"
    )
    assert both.error["code"] == "usage"


def test_a_shop_without_events_says_how_to_get_some(call: Caller, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,title\n1,a\n")
    call("ingest", shop, tmp_path / "p.csv")
    assert f"goodsense events {shop} FILE" in call("events", shop).out
    assert call("events", tmp_path / "nowhere", "--json").error["code"] == "storage"
    assert call("events", shop, tmp_path / "p.csv", "--export", tmp_path / "x.csv", "--json").error["code"] == "usage"


def test_stock_goes_in_by_the_same_command(call: Caller, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,title\nlamp,Lamp\n")
    (tmp_path / "stock.csv").write_text("sku,place,quantity,time\nlamp,shelf,3,2024-06-18\nx,shelf,1,2024-06-18\n")
    call("ingest", shop, tmp_path / "p.csv")
    said = call("events", shop, tmp_path / "stock.csv").out
    for words in (
        "No column is the user: the rows are read as stock that lies somewhere.",
        "2 events read: 2 added, 0 unchanged.",
        "Readings tell how many there are of 2 SKUs; 1 of them are of no product yet.",
    ):
        assert words in said
    (tmp_path / "stock.csv").write_text("sku,place,quantity,time\nlamp,shelf,2,2024-06-19\nlamp,shelf,9,2024-06-17\n")
    found = call("events", shop, tmp_path / "stock.csv", "--json").json
    assert (found["readings"], found["added"], found["changed"], found["unchanged"]) == (2, 0, 1, 1)
    assert (found["events"], found["stock"], found["unknown_stock"]) == (0, 2, 1)


def test_a_log_of_another_system_says_what_it_passed_over(call: Caller, shop: Path, tmp_path: Path) -> None:
    rows = [
        {"event": "item", "id": "1", "timestamp": "1604215200500", "item": "i1", "fields": []},
        {"event": "ranking", "id": "2", "timestamp": "1604215200500", "user": "u", "items": [{"id": "i1"}]},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = call("events", shop, tmp_path / "log.jsonl").out
    assert "Read as events of Metarank." in said
    assert "Records that tell of no action with a product are left out: 1 item." in said
    assert call("events", shop, tmp_path / "log.jsonl", "--format", "metarank", "--json").json["unchanged"] == 1
    assert call("events", shop, tmp_path / "log.jsonl", "--format", "ga5", "--json").error["code"] == "usage"


def test_searches_without_a_product_are_kept_and_count_no_item(call: Caller, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,item,type,query\nu,,search,red toy\nu,a,view,\nu,,search,\n")
    found = call("events", shop, tmp_path / "e.csv", "--json").json
    told = {name: found[name] for name in ("added", "rejected", "events", "items", "pairs", "unknown_items")}
    assert told == {"added": 2, "rejected": 1, "events": 2, "items": 1, "pairs": 1, "unknown_items": 1}
