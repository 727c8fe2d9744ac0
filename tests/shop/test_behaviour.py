"""Events in the truth: put in once however often they are read, counted, and given out again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from goodsense.errors import DataError, UsageError
from goodsense.events import Event, numbered, sessions, write_events
from goodsense.shop import EventSource, Shop
from goodsense.shop.behaviour import export_events, stored_events
from goodsense.shop.behaviour_figures import behaviour
from goodsense.tables.pseudonyms import KEY_FILE
from tests.events.samples import event, rich, shoppers
from tests.shop.catalogs import toys


def write(path: Path, events: list[Event], **choices: object) -> Path:
    """A file of events without their keys."""
    columns = ("user", "item", "type", "query", "timestamp", "session", "split")
    write_events(events, path, columns=columns, **choices)  # type: ignore[arg-type]
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as opened:
        yield opened


def test_a_source_read_again_adds_nothing_and_true_repeats_stay(shop: Shop, tmp_path: Path) -> None:
    events = shoppers(4, 4, 5_000)
    path = write(tmp_path / "e.csv", events)
    first, again = shop.ingest_events(path), shop.ingest_events(path)
    assert (first.read, first.added, first.unchanged) == (5_000, 5_000, 0)
    assert (again.read, again.added, again.unchanged) == (5_000, 0, 5_000)
    assert Counter(e.content for e in stored_events(shop.truth)) == Counter(e.content for e in events)


def test_a_source_that_has_grown_adds_what_is_new_in_any_format(shop: Shop, tmp_path: Path) -> None:
    events = shoppers(4, 4, 5_000)
    shop.ingest_events(write(tmp_path / "e.csv", events[:3_000]))
    report = shop.ingest_events(write(tmp_path / "e.parquet", events))
    assert (report.added, report.unchanged) == (2_000, 3_000)
    assert report.shop.events == 5_000


def test_sources_of_other_days_are_kept_apart_by_their_times(shop: Shop, tmp_path: Path) -> None:
    monday = write(tmp_path / "a.csv", [event("u", "i", at=0), event("u", "i", at=0)])
    overlapping = write(tmp_path / "b.csv", [event("u", "i", at=0), event("u", "i", at=0), event("u", "i", at=9)])
    report = shop.ingest_events(monday, overlapping)
    assert (report.read, report.added, report.unchanged) == (5, 3, 2)


def test_a_new_split_is_taken_over_without_doubling_events(shop: Shop, tmp_path: Path) -> None:
    events = [event("u", item, split=split) for item, split in zip("abc", ("train", "", "test"), strict=True)]
    shop.ingest_events(write(tmp_path / "a.csv", events))
    other = [event("u", item, split=split) for item, split in zip("abc", ("test", "val", ""), strict=True)]
    report = shop.ingest_events(write(tmp_path / "b.csv", other))
    assert (report.added, report.changed, report.unchanged) == (0, 2, 1)
    assert {e.item: e.split for e in stored_events(shop.truth)} == {"a": "test", "b": "val", "c": "test"}


def test_an_id_that_is_taken_is_rejected_not_lost(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "app.csv").write_text("id,user,item\n1,u,a\n2,u,b\n")
    (tmp_path / "web.csv").write_text("id,user,item\n2,u,b\n1,v,z\n")
    report = shop.ingest_events(tmp_path / "app.csv", tmp_path / "web.csv")
    assert (report.added, report.unchanged, report.rejected) == (2, 1, 1)
    (line,) = Path(report.rejects_path).read_text().splitlines()
    reject = json.loads(line)
    assert (reject["file"], reject["row"], reject["value"]) == (str(tmp_path / "web.csv"), 3, "1")
    assert reject["record"]["item"] == "z"


def test_rejected_rows_are_mended_and_fed_in_again(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,item,time\nu,a,2024-01-01\nu,b,irgendwann\n,c,2024-01-01\n")
    report = shop.ingest_events(tmp_path / "e.csv")
    rejects = shop.directory / "rejects-events.jsonl"
    assert (report.added, report.rejected, report.rejects_path) == (1, 2, str(rejects))
    rejects.write_text(rejects.read_text().replace("irgendwann", "2024-01-02"))
    report = shop.ingest_events(rejects)
    assert (report.added, report.rejected, report.shop.events) == (1, 1, 2)
    assert len(rejects.read_text().splitlines()) == 1, "what is still wrong, in a fresh file"


def test_strict_stops_at_the_first_bad_row(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,item\nu,a\n,b\n")
    with pytest.raises(DataError, match="row 3"):
        shop.ingest_events(tmp_path / "e.csv", strict=True)


def test_a_dry_run_tells_the_same_and_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    shop.add(toys(3))
    events = [event("u", "toy-0000", at=n) for n in range(50)] + [event("v", "未知", at=n) for n in range(20)]
    path = write(tmp_path / "e.csv", events)
    before = (shop.truth.seq, sorted(p.name for p in shop.directory.iterdir()))
    dry = shop.ingest_events(path, dry_run=True, pseudonymise=True)
    assert (shop.truth.seq, sorted(p.name for p in shop.directory.iterdir())) == before
    assert behaviour(shop.truth).events == 0
    real = shop.ingest_events(path)
    assert {**dry.to_json(), "seconds": 0} == {**real.to_json(), "seconds": 0}
    assert (real.shop.unknown_items, real.shop.unknown_events) == (1, 20)
    assert shop.ingest_events(path, dry_run=True).unchanged == 70


def test_what_a_shop_tells_is_what_a_naive_count_gives(shop: Shop) -> None:
    shop.add(toys(4))
    events = [*shoppers(9, 6, 400, untimed=0.2), event("u0", "toy-0001", at=1, session="s", split="val")]
    shop.add_events(events)
    found = behaviour(shop.truth)
    times = [e.time for e in events if e.time is not None]
    assert found.events == len(events)
    assert found.types == dict(Counter(e.type for e in events).most_common())
    assert (found.users, found.items) == (len({e.user for e in events}), len({e.item for e in events}))
    assert found.pairs == len({(e.user, e.item) for e in events})
    assert (found.first, found.last, found.untimed) == (min(times), max(times), len(events) - len(times))
    assert found.unknown_items == found.items - 1
    assert found.unknown_events == len(events) - 1
    assert found.sessions == len(sessions(events))
    assert found.splits == {"val": 1}
    assert found.density == found.pairs / (found.users * found.items)


def test_events_made_in_python(shop: Shop) -> None:
    events = [event("u", "i"), event("u", "i"), event("v", "i", key="mine")]
    assert shop.add_events(events).added == 3
    again = shop.add_events(events)
    assert (again.added, again.unchanged, again.seq) == (0, 3, shop.truth.seq)
    assert shop.add_events([]).added == 0
    with pytest.raises(DataError, match="'mine'"):
        shop.add_events([event("v", "j", key="mine")])
    with pytest.raises(DataError, match="no text"):
        shop.add_events([event("\ud800", "j", key="k")])


def test_interactions_of_a_shop(shop: Shop) -> None:
    shop.add_events([event("u", "a", "purchase", at=0), event("u", "a", at=5), event("v", "b", "cart")])
    found = shop.interactions()
    assert (found.users, found.items) == (("u", "v"), ("a", "b"))
    assert found.matrix.toarray().tolist() == [[6.0, 0.0], [0.0, 3.0]]
    assert shop.interactions(types={"cart"}, repeats="max").items == ("b",)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "csv.gz"])
def test_exported_events_are_the_same_in_another_shop(ending: str, shop: Shop, tmp_path: Path) -> None:
    shop.add_events(rich())
    target = tmp_path / f"out.{ending}"
    assert export_events(shop.truth, target) == 40
    assert shop.ingest_events(target).unchanged == 40
    with Shop.create(tmp_path / "other") as other:
        report = other.ingest_events(target)
        assert (report.added, report.rejected) == (40, 0)
        assert list(stored_events(other.truth)) == list(stored_events(shop.truth))


def test_an_export_has_the_columns_that_say_something(shop: Shop, tmp_path: Path) -> None:
    shop.add_events([event("u", "i", at=0)])
    export_events(shop.truth, tmp_path / "e.csv")
    assert (tmp_path / "e.csv").read_text().splitlines()[0] == "event_id,user,item,type,timestamp"
    with pytest.raises(UsageError, match="xlsx"):
        export_events(shop.truth, tmp_path / "e.xlsx")


def test_pseudonyms_hide_users_everywhere_in_the_shop(shop: Shop, tmp_path: Path) -> None:
    path = write(tmp_path / "e.csv", [event("王小明", "i", at=n % 3) for n in range(9)])
    first, again = (shop.ingest_events(path, pseudonymise=True) for _ in range(2))
    assert (first.added, again.unchanged) == (9, 9)
    shop.close()
    assert (shop.directory / KEY_FILE).exists()
    assert not any("王小明".encode() in file.read_bytes() for file in shop.directory.iterdir())
    with Shop.open(shop.directory) as opened:
        plain = next(iter(numbered([(1, event("王小明", "i", at=0))])))[1]
        assert plain.key not in {e.key for e in stored_events(opened.truth)}, "a known id must not be found by its hash"
        note = opened.ingest_events(path).notes[0]
    assert "pseudonyms" in note


def test_a_mapping_file_brings_in_a_web_server_log(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(
        'target = "events"\n[source]\nformat = "jsonl"\n[fields]\nuser = "who.id"\nitem = "what"\ntype = "did"\n'
        'timestamp = { path = "at", as = { date = "iso", zone = "Asia/Shanghai" } }\n',
        "utf-8",
    )
    rows = [
        {"who": {"id": 7}, "what": "商品1", "did": "加购", "at": "2024-06-18T08:00:00"},
        {"who": {"id": 8}, "what": "商品1", "did": "buy", "at": "neulich"},
        {"what": "商品1", "did": "buy", "at": "2024-06-18T08:00:00"},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    report = shop.ingest_events(EventSource(tmp_path / "log.jsonl", mapping_file=tmp_path / "map.toml"))
    (found,) = stored_events(shop.truth)
    assert (found.user, found.item, found.type, found.time) == ("7", "商品1", "cart", 1_718_668_800.0)
    assert (report.added, report.rejected) == (1, 2), "a row with a bad value goes in whole or not at all"
    (tmp_path / "map.toml").write_text('[fields]\nid = "what"\n')
    with pytest.raises(UsageError, match="maps products"):
        shop.ingest_events(EventSource(tmp_path / "log.jsonl", mapping_file=tmp_path / "map.toml"))


def test_events_take_numbers_but_change_no_product(shop: Shop) -> None:
    shop.add(toys(2))
    before = shop.truth.seq
    shop.add_events([event("u", "i")])
    assert shop.truth.seq == before + 1
    assert shop.truth.changes_since(before) == []
