"""Tables of events in many formats and under many names of columns."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from goodsense.errors import DataError, UsageError
from goodsense.events import Event, Reading, events_of, numbered, read_events, write_events
from goodsense.events.writer import WRITTEN
from goodsense.tables import Reject, Rejects, Row
from tests.events.samples import rich, shoppers

TIME = 1_511_622_245.0  # 2017-11-25 15:04:05 UTC


def read(path: Path, text: str | bytes, **choices: object) -> tuple[list[Event], tuple[Reject, ...]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    rejects = Rejects.to_memory()
    found = [event for _, event in read_events(path, rejects=rejects, **choices)]  # type: ignore[arg-type]
    return found, rejects.first


HEADERS = {
    "plain": ("user,item,type,rating,timestamp", "u1,i1,view,4,1511622245"),
    "chinese": ("用户ID,商品编号,行为类型,评分,时间", "u1,i1,浏览,4分,2017年11月25日 15:04:05"),
    "atomic": (
        "user_id:token\titem_id:token\tbehavior:token\trating:float\ttimestamp:float",
        "u1\ti1\tpv\t4.0\t1511622245",
    ),
    "retail rocket": ("timestamp,visitorid,event,itemid,score", "1511622245000,u1,view,i1,4"),
    "behaviour log": (
        "event_time,event_type,product_id,category_id,stars,user_id,user_session",
        "2017-11-25 15:04:05 UTC,view,i1,77,4,u1,",
    ),
    "semicolons": ("Customer ID;Product ID;Action;Rating;Date", "u1;i1;Viewed;4;25.11.2017 15:04:05"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_columns_are_known_by_many_names(name: str, tmp_path: Path) -> None:
    found, rejects = read(tmp_path / "e.csv", "\n".join(HEADERS[name]) + "\n")
    assert rejects == ()
    (event,) = found
    assert (event.user, event.item, event.type, event.rating, event.time) == ("u1", "i1", "view", 4.0, TIME)
    assert event.key


def test_taobao_user_behaviour_needs_no_header(tmp_path: Path) -> None:
    text = "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,fav,1511561733\n"
    text += "1,1,2,buy,1511561734\n1,1,2,cart,1511561734\n"
    found, rejects = read(tmp_path / "UserBehavior.csv", text)
    assert rejects == ()
    assert [(e.user, e.item, e.type) for e in found] == [
        ("1", "2268318", "view"),
        ("1", "2333346", "wishlist"),
        ("1", "1", "purchase"),
        ("1", "1", "cart"),
    ]
    assert found[0].time == 1511544070


@pytest.mark.parametrize("first", ["196\t242\t3\t881250949", "1\t2\t3\t4", "2\t2\t2\t881250949"])
def test_a_table_without_header_is_read_by_places(first: str, tmp_path: Path) -> None:
    places = {"user": "1", "item": "2", "rating": "3"}
    found, rejects = read(tmp_path / "u.data", f"{first}\n186\t302\t5\t891717742\n", mapping=places)
    assert rejects == ()
    assert [(e.user, e.item, e.rating) for e in found] == [
        (*first.split("\t")[:2], float(first.split("\t")[2])),
        ("186", "302", 5.0),
    ]
    assert {e.type for e in found} == {"rate"}


def test_a_mapping_names_columns_with_or_without_their_type(tmp_path: Path) -> None:
    text = "who:token\twhat:token\n甲\t乙\n"
    for mapping in ({"user": "who", "item": "what"}, {"user": "who:token", "item": "2"}, {"user": "1", "item": "2"}):
        found, _ = read(tmp_path / "x.inter", text, mapping=mapping)
        assert [(e.user, e.item) for e in found] == [("甲", "乙")]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"user": "nobody"}, "not in the file"),
        ({"colour": "user"}, "unknown field"),
        ({"attribute.x": "user"}, "unknown field"),
    ],
)
def test_a_wrong_mapping_is_a_usage_error(mapping: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(tmp_path / "e.csv", "user,item\n1,2\n", mapping=mapping)
    assert caught.value.fix


@pytest.mark.parametrize("header", ["user,thing", "thing,item", "a,b"])
def test_without_user_or_item_there_are_no_events(header: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"e\.csv: no column is the (user|item)") as caught:
        read(tmp_path / "e.csv", f"{header}\n1,2\n")
    assert "--map" in caught.value.fix


def test_types_of_events_that_name_none(tmp_path: Path) -> None:
    text = "user,item,rating\n1,2,\n1,2,5\n"
    assert [e.type for e in read(tmp_path / "e.csv", text)[0]] == ["interaction", "rate"]
    bought = read(tmp_path / "e.csv", text, reading=Reading(default_type="下单"))[0]
    assert {e.type for e in bought} == {"purchase"}


def test_times_without_a_zone_are_in_the_given_one(tmp_path: Path) -> None:
    text = "user,item,timestamp\n1,2,2017-11-25 23:04:05\n"
    (event,) = read(tmp_path / "e.csv", text, reading=Reading(zone=timezone(timedelta(hours=8))))[0]
    assert event.time == TIME


BAD = {
    ",i,view,,": ("user", "user is missing"),
    "u,,view,,": ("item", "item is missing"),
    "N/A,i,view,,": ("user", "user is missing"),
    "u,i,view,many,": ("rating", "expected a number"),
    "u,i,view,1e999,": ("rating", "too large"),
    "u,i,view,,yesterday": ("timestamp", "cannot be read"),
    "u,i,view,,0": ("timestamp", "before 1990"),
    "u,i,view,,2099-01-01": ("timestamp", "in the future"),
    "u,i,view,,05/11/2017": ("timestamp", "either way round"),
    f"{'u' * 501},i,view,,": ("user", "501 characters"),
    f"u,i,{'v' * 501},,": ("type", "501 characters"),
}


@pytest.mark.parametrize("row", BAD)
def test_a_bad_row_is_rejected_whole_and_the_rest_goes_on(row: str, tmp_path: Path) -> None:
    column, reason = BAD[row]
    found, rejects = read(tmp_path / "e.csv", f"user,item,type,rating,timestamp\na,b,view,,\n{row}\nc,d,buy,,\n")
    assert [e.user for e in found] == ["a", "c"]
    (reject,) = rejects
    assert (reject.row, reject.column, reject.scope) == (3, column, "row")
    assert reason in reject.reason
    assert reject.fix
    assert reject.record["item"] == row.split(",")[1]


def test_mended_rejects_are_read_again(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,item,timestamp\nu,i,gestern\nu,j,2017-11-25\n")
    with Rejects(tmp_path / "r.jsonl") as rejects:
        first = [e.item for _, e in read_events(tmp_path / "e.csv", rejects=rejects)]
    mended = (tmp_path / "r.jsonl").read_text().replace("gestern", "2017-11-24")
    found, left = read(tmp_path / "again.jsonl", mended)
    assert (first, [e.item for e in found], left) == (["j"], ["i"], ())


def test_cells_of_many_kinds(tmp_path: Path) -> None:
    row = {
        "user": 42,
        "item": 7.0,
        "quantity": "1,200",
        "duration": "1:30",
        "rating": "5星",
        "weight": True,
        "unknown": {"deep": [1]},
    }
    (tmp_path / "e.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({**row, "weight": None}) + "\n")
    rejects = Rejects.to_memory()
    (event,) = [e for _, e in read_events(tmp_path / "e.jsonl", rejects=rejects)]
    assert (event.user, event.item, event.quantity, event.duration, event.rating) == ("42", "7", 1200.0, 90.0, 5.0)
    assert [reject.column for reject in rejects.first] == ["weight"]


@pytest.mark.parametrize(
    ("header", "cell", "seconds"),
    [
        ("duration", "90", 90.0),
        ("dwell_time", "90s", 90.0),
        ("停留时长", "90秒", 90.0),
        ("duration", "00:01:30", 90.0),
        ("dwell_ms", "90000", 90.0),
        ("duration", "90000ms", 90.0),
        ("duration_ms", "90s", 90.0),
    ],
)
def test_durations_are_seconds(header: str, cell: str, seconds: float, tmp_path: Path) -> None:
    (event,) = read(tmp_path / "e.csv", f"user,item,{header}\n1,2,{cell}\n")[0]
    assert event.duration == seconds


@pytest.mark.parametrize("format", [*WRITTEN, "csv.gz", "jsonl.gz"])
def test_what_is_written_reads_back_to_the_same_events(format: str, tmp_path: Path) -> None:
    events = [event for _, event in numbered(enumerate(rich()))]
    path = tmp_path / f"e.{format}"
    assert write_events(events, path) == len(events)
    rejects = Rejects.to_memory()
    assert [event for _, event in read_events(path, rejects=rejects)] == events
    assert not len(rejects)


def test_every_format_gives_the_same_keys(tmp_path: Path) -> None:
    events = shoppers(5, 5, 500)
    keys = []
    for ending in WRITTEN:
        path = tmp_path / f"e.{ending}"
        columns = ("item", "user", "type", "timestamp") if ending != "csv" else ("user", "type", "item", "timestamp")
        write_events(events, path, columns=columns)
        keys.append([event.key for _, event in read_events(path, rejects=Rejects.to_memory())])
    assert len(set(keys[0])) == 500
    assert all(found == keys[0] for found in keys)


def test_a_place_in_a_history_stands_in_for_the_time(tmp_path: Path) -> None:
    text = "user,item,pos\nu,a,2\nu,b,0\nu,c,1\n"
    found, rejects = read(tmp_path / "e.csv", text, mapping={"history_order": "pos"})
    assert [e.time for e in found] == [2.0, 0.0, 1.0]
    assert rejects == ()
    write_events(found, tmp_path / "again.csv")
    again = [e for _, e in read_events(tmp_path / "again.csv", rejects=Rejects.to_memory())]
    assert again == found


def test_rows_that_others_have_read() -> None:
    rows = [
        Row(7, {"user": "u", "item": "i", "type": "buy", "timestamp": "2017-11-25T15:04:05Z"}),
        Row(8, {"user": "u"}),
    ]
    rejects = Rejects.to_memory()
    found = list(events_of(rows, file="access.log", header=("user", "item", "type", "timestamp"), rejects=rejects))
    assert [(number, e.type, e.time) for number, e in found] == [(7, "purchase", TIME)]
    assert [(r.file, r.row) for r in rejects.first] == [("access.log", 8)]


@pytest.mark.parametrize(("format", "message"), [("xml", "unknown format"), ("parquet", "looks like csv")])
def test_a_wrong_format_is_a_usage_error(format: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path / "e.csv", "user,item\n1,2\n", format=format)


def test_what_is_no_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="xml, not a table"):
        read(tmp_path / "e.xml", "<?xml version='1.0'?><a/>")
    with pytest.raises(DataError, match="a folder"):
        read_events(tmp_path, rejects=Rejects.to_memory())


def test_chinese_files_in_their_own_encoding(tmp_path: Path) -> None:
    text = (
        "会员编号,商品编码,行为,时间\n张三,手机壳,加入购物车,2024-06-18 08:00\n李四,连衣裙,付款,2024年6月18日 上午8点\n"
    )
    found, rejects = read(tmp_path / "行为.csv", text.encode("gb18030"))
    assert rejects == ()
    assert [(e.user, e.item, e.type) for e in found] == [("张三", "手机壳", "cart"), ("李四", "连衣裙", "purchase")]
    assert found[0].time == found[1].time
