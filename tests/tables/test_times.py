"""Moments in the forms that logs, databases and people write."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.errors import UsageError
from goodsense.tables.times import EARLIEST, seconds_of, zone_of
from goodsense.tables.values import BadValue

EXPECTED = datetime(2017, 11, 25, 15, 4, 5, tzinfo=UTC).timestamp()
NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "cell",
    [
        1511622245,
        1511622245.0,
        "1511622245",
        "1511622245.000",
        1511622245000,
        "1511622245000000",
        1511622245000000000,
        "2017-11-25T15:04:05Z",
        "2017-11-25 15:04:05",
        "2017-11-25 15:04:05 UTC",
        "2017-11-25T23:04:05.000+08:00",
        "2017-11-25 23:04:05 +0800",
        "20171125150405",
        "2017/11/25 15:04:05",
        "2017.11.25 15:04:05",
        "2017年11月25日 15:04:05",
        "2017年11月25日15时4分5秒",
        "2017年11月25日 下午3:04:05",
        "2017年11月25日 星期六 下午3点04分05秒",
        "2017/11/25 下午 03:04:05",
        "25.11.2017 15:04:05",
        "25/11/2017 15:04:05",
        "11/25/2017 03:04:05 PM",
        "11/25/2017, 3:04:05 pm",
        "[25/Nov/2017:23:04:05 +0800]",
        "25/Nov/2017:15:04:05",
        "Sat, 25 Nov 2017 15:04:05 GMT",
        "Sat, 25 Nov 2017 23:04:05 +0800",
        "Nov 25, 2017 3:04:05 PM",
        "November 25, 2017 15:04:05",
        "25 Nov 2017 15:04:05",
        "Sat Nov 25 15:04:05 2017",
        "Sat Nov 25 15:04:05 UTC 2017",
        "Sat Nov 25 2017 23:04:05 GMT+0800 (China Standard Time)",
        " 2017-11-25 15:04:05 ",
        datetime(2017, 11, 25, 15, 4, 5),
        datetime(2017, 11, 25, 23, 4, 5, tzinfo=ZoneInfo("Asia/Shanghai")),
    ],
)
def test_the_same_moment_in_many_forms(cell: object) -> None:
    assert seconds_of(cell, now=NOW) == EXPECTED


@pytest.mark.parametrize(
    "cell", ["20171125", 20171125, "2017-11-25", "2017年11月25日", "2017-11-25 00", date(2017, 11, 25)]
)
def test_days(cell: object) -> None:
    assert seconds_of(cell, now=NOW) == datetime(2017, 11, 25, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("cell", [None, "", " ", "N/A", "null", "-", float("nan")])
def test_nothing_is_no_time(cell: object) -> None:
    assert seconds_of(cell, now=NOW) is None


def test_a_time_without_a_zone_is_in_the_given_one() -> None:
    shanghai = zone_of("Asia/Shanghai")
    assert seconds_of("2017-11-25 23:04:05", shanghai, now=NOW) == EXPECTED
    assert seconds_of("2017年11月25日 晚上11点4分5秒", zone_of("+08:00"), now=NOW) == EXPECTED
    assert seconds_of("2017-11-25T15:04:05Z", shanghai, now=NOW) == EXPECTED
    assert seconds_of(datetime(2017, 11, 25, 23, 4, 5), shanghai, now=NOW) == EXPECTED
    assert seconds_of("20171125230405", shanghai, now=NOW) == EXPECTED
    with pytest.raises(UsageError, match="Atlantis"):
        zone_of("Atlantis")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("05/11/2017", "either way round"),
        ("yesterday", "cannot be read"),
        ("2017-13-01", "cannot be read"),
        ("2017-02-30 10:00", "cannot be read"),
        ("25:00:00", "cannot be read"),
        (0, "before 1990"),
        ("43064.5", "before 1990"),
        (-5, "before 1970"),
        ("2099-01-01", "in the future"),
        (99_999_999_999, "in the future"),
        (True, "cannot be read"),
        (float("inf"), "no number"),
        ("9" * 20, "in the future"),
        ("0001-01-01T00:00:00+23:00", "cannot be read|before 1990"),
        ("x" * 10_000, "cannot be read"),
        ("Sat Nov 25 15:04:05 CST 2017", "cannot be read"),
        ([1], "expected text"),
    ],
)
def test_what_cannot_be_a_time_says_why_and_how(cell: object, reason: str) -> None:
    with pytest.raises(BadValue, match=reason) as caught:
        seconds_of(cell, now=NOW)
    assert caught.value.fix


def test_the_future_begins_a_day_from_now() -> None:
    assert seconds_of(NOW + 80_000, now=NOW) == NOW + 80_000
    with pytest.raises(BadValue, match="future"):
        seconds_of(NOW + 90_000, now=NOW)


@given(st.integers(int(EARLIEST) * 10**6, int(NOW) * 10**6))
def test_microseconds_survive_every_exact_form(micros: int) -> None:
    seconds = micros / 10**6
    iso = datetime.fromtimestamp(micros // 10**6, UTC).replace(microsecond=micros % 10**6).isoformat()
    assert seconds_of(iso, now=NOW) == seconds_of(micros, now=NOW) == seconds_of(f"{seconds:.6f}", now=NOW) == seconds


@given(st.text(max_size=120))
def test_any_text_is_a_time_or_a_bad_value(text: str) -> None:
    try:
        found = seconds_of(text, now=NOW)
    except BadValue:
        return
    assert found is None or EARLIEST <= found <= NOW + 86_400
