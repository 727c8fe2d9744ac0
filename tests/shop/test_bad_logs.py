"""Bad logs of events: right answers, or rejected rows with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from goodsense.errors import DataError
from goodsense.events import Event, by_time, cold_items, cold_users, filtered, leave_last, per_user
from goodsense.shop import Shop
from goodsense.shop.behaviour_figures import behaviour
from tests.events.samples import event
from tests.shop.broken_logs import ingest_here, run_broken_log, write_log
from tests.shop.catalogs import toys

SPLITS = (leave_last, per_user, by_time, cold_items, cold_users)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop") as opened:
        yield opened


def test_one_line_in_a_hundred_is_broken(tmp_path: Path) -> None:
    told = run_broken_log(tmp_path, 3_000, seed=21, ingest=ingest_here)
    assert told["rejected"] > 15


@pytest.mark.torture
def test_ten_million_lines_of_which_one_in_a_hundred_is_broken(tmp_path: Path) -> None:
    assert run_broken_log(tmp_path, 10_000_000, seed=22)["peak_mb"] < 1_000


def test_the_broken_lines_are_as_many_as_was_said(tmp_path: Path) -> None:
    good, expected = write_log(tmp_path / "log.csv", 2_000, seed=23)
    assert len((tmp_path / "log.csv").read_text("utf-8").splitlines()) == 2_001
    assert good + expected.total() == 2_000
    assert len(expected) > 5


def test_an_empty_log_is_an_error_and_one_with_a_header_is_none(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match=r"empty\.csv: the file is empty"):
        shop.ingest_events(tmp_path / "empty.csv")
    (tmp_path / "header.csv").write_text("user,item,timestamp\n")
    report = shop.ingest_events(tmp_path / "header.csv")
    assert (report.read, report.added, report.rejected, report.shop.events) == (0, 0, 0, 0)
    found = shop.interactions()
    assert (len(found), found.matrix.shape) == (0, (0, 0))
    assert len(filtered(found).interactions) == 0


@pytest.mark.parametrize(
    "events",
    [
        [event("u", "a", at=0)],
        [event("u", f"i{n}", at=n) for n in range(20)],
        [event(f"u{n}", "a", at=n) for n in range(20)],
        [event(f"u{n % 5}", f"i{n % 7}", at=0) for n in range(35)],
    ],
    ids=["one event", "one user", "one item", "one moment"],
)
def test_logs_of_next_to_nothing(events: list[Event], shop: Shop) -> None:
    shop.add_events(events)
    found = shop.interactions()
    assert filtered(found).interactions.matrix.sum() > 0
    for way in SPLITS:
        split = way(found)
        assert split.report.leaks == (), way.__name__
        parts = len(split.train) + len(split.val) + len(split.test) + split.report.given + split.report.left_out
        assert parts == len(events), way.__name__


def test_unknown_items_and_duplicates_are_counted_not_lost(shop: Shop, tmp_path: Path) -> None:
    shop.add(toys(2))
    (tmp_path / "e.csv").write_text("user,item\n" + "u,toy-0000\n" * 3 + "u,no-such-thing\n")
    report = shop.ingest_events(tmp_path / "e.csv")
    assert (report.added, report.shop.unknown_items, report.shop.unknown_events, report.shop.pairs) == (4, 1, 1, 2)
    assert shop.ingest_events(tmp_path / "e.csv").added == 0


def test_negative_quantities_and_future_times_say_why(shop: Shop, tmp_path: Path) -> None:
    rows = "u,a,buy,-1,2024-01-01\nu,a,buy,1,2199-01-01\nu,a,buy,1,2024-01-01\n"
    (tmp_path / "e.csv").write_text("user,item,type,quantity,time\n" + rows)
    assert shop.ingest_events(tmp_path / "e.csv").rejected == 2
    rejects = (shop.directory / "rejects-events.jsonl").read_text()
    assert "a quantity cannot be negative" in rejects
    assert "the time lies in the future" in rejects
    assert behaviour(shop.truth).events == 1
