from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.flatten import attribute_cell, same


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("red", "red"),
        ("42", 42.0),
        ("-3.5", -3.5),
        ("007", "007"),
        ("1e5", "1e5"),
        ("6901234567892", "6901234567892"),
        ("true", True),
        ("False", False),
        ("a|b", ("a", "b")),
        ("a||b", "a||b"),
        ('["a|b", "c"]', ("a|b", "c")),
        ("[1, 2]", "[1, 2]"),
        ("[x", "[x"),
        (5, 5.0),
        (True, True),
        (["a", 5], ("a", "5")),
        (float("nan"), None),
        (2**60, str(2**60)),
    ],
)
def test_attributes_of_cells(cell: Any, value: Any) -> None:
    found = v.attribute_of(cell)
    assert found == value
    assert type(found) is type(value)


@given(
    st.one_of(
        st.text(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.lists(st.text()).map(tuple)
    )
)
def test_a_plain_cell_reads_back_or_is_not_offered(value: Any) -> None:
    cell = attribute_cell(value)
    assert cell is None or same(v.attribute_of(cell), value)


@pytest.mark.parametrize(
    ("cell", "path"),
    [
        ("A > B > C", ("A", "B", "C")),
        ("A>B", ("A", "B")),
        ("家居 » 灯", ("家居", "灯")),
        ("A / B", ("A", "B")),
        ("/A/B", ("A", "B")),
        ("Rock/Pop", ("Rock/Pop",)),
        ('["A > x", "B"]', ("A > x", "B")),
        (["A", "B"], ("A", "B")),
        (" > ", ()),
    ],
)
def test_categories(cell: Any, path: tuple[str, ...]) -> None:
    assert v.category_of(cell) == path


@pytest.mark.parametrize(
    ("cell", "uris"),
    [
        ("a.jpg", ("a.jpg",)),
        ("a.jpg|b c.jpg", ("a.jpg", "b c.jpg")),
        ("a.jpg;b.jpg", ("a.jpg", "b.jpg")),
        ("a.jpg, b.png", ("a.jpg", "b.png")),
        ("a,b.jpg", ("a,b.jpg",)),
        ("http://x/a,w_50.jpg,http://x/b.jpg", ("http://x/a,w_50.jpg", "http://x/b.jpg")),
        ("http://x/?a=1;b=2", ("http://x/?a=1;b=2",)),
        ('["a|b.jpg"]', ("a|b.jpg",)),
        ([{"url": "u.jpg"}, "w.jpg"], ("u.jpg", "w.jpg")),
        ({"path": "p.jpg", "bytes": None}, ("p.jpg",)),
    ],
)
def test_media_cells_never_break_a_url(cell: Any, uris: tuple[str, ...]) -> None:
    assert v.uris_of(cell) == uris


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ("In Stock", "in_stock"),
        ("有货", "in_stock"),
        (True, "in_stock"),
        (0, "out_of_stock"),
        ("https://schema.org/OutOfStock", "out_of_stock"),
        ("pre-order", "preorder"),
        ("N/A", ""),
    ],
)
def test_availability(cell: Any, state: str) -> None:
    assert v.availability_of(cell) == state


SHANGHAI = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-01T10:00:00+08:00", datetime(2024, 5, 1, 10, tzinfo=SHANGHAI)),
        ("2024/5/1 10:30", datetime(2024, 5, 1, 10, 30, tzinfo=UTC)),
        ("2024年5月1日", datetime(2024, 5, 1, tzinfo=UTC)),
        ("1714557600", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        (1714557600000, datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("Wed, 01 May 2024 10:00:00 +0800", datetime(2024, 5, 1, 10, tzinfo=SHANGHAI)),
        ("null", None),
    ],
)
def test_times(cell: Any, time: datetime | None) -> None:
    assert v.time_of(cell) == time


@pytest.mark.parametrize(
    ("cell", "gtin"),
    [("4006381333931", "4006381333931"), ("4 006381-333931", "4006381333931"), ("080442957X", "080442957X")],
)
def test_good_gtins(cell: str, gtin: str) -> None:
    assert v.gtin_of(cell) == gtin


@pytest.mark.parametrize(
    ("read", "cell"),
    [
        (v.gtin_of, "4006381333932"),
        (v.gtin_of, "4.00638E+12"),
        (v.gtin_of, "12345"),
        (v.stock_of, "some"),
        (v.stock_of, "10+"),
        (v.stock_of, "1.5"),
        (v.availability_of, "perhaps"),
        (v.split_of, "holdout"),
        (v.language_of, "the english one"),
        (v.time_of, "yesterday"),
        (v.time_of, "2024-13-01"),
        (v.time_of, "9" * 12),
        (v.text_of, {"a": 1}),
        (v.id_of, "  "),
        (v.id_of, "a\nb"),
        (v.id_of, "x" * 501),
        (v.json_of, "{"),
    ],
)
def test_bad_values_say_why_and_what_to_do(read: Callable[[Any], Any], cell: Any) -> None:
    with pytest.raises(BadValue) as caught:
        read(cell)
    assert caught.value.reason
    assert caught.value.fix


@pytest.mark.parametrize(
    ("cell", "split"), [("0", "train"), (1, "val"), ("validation", "val"), ("TEST", "test"), ("训练", "train")]
)
def test_splits(cell: Any, split: str) -> None:
    assert v.split_of(cell) == split


def test_numbers_as_texts() -> None:
    assert (v.text_of(5.0), v.text_of(5), v.text_of(0.1), v.text_of(float("nan"))) == ("5", "5", "0.1", "")
    assert v.id_of(123.0) == "123"
    assert v.stock_of("1,200") == 1200
    assert v.language_of("zh_CN") == "zh-CN"
    assert v.language_of("中文") == "zh"


@pytest.mark.parametrize(
    "read",
    [
        *(v.text_of, v.id_of, v.availability_of, v.split_of, v.language_of, v.stock_of, v.gtin_of, v.time_of),
        *(v.attribute_of, v.list_of, v.category_of, v.uris_of, v.json_of),
    ],
)
@given(
    cell=st.one_of(
        st.text(), st.floats(), st.integers(), st.booleans(), st.lists(st.text()), st.dictionaries(st.text(), st.text())
    )
)
def test_any_cell_is_a_value_or_a_bad_value(read: Callable[[Any], Any], cell: Any) -> None:
    try:
        read(cell)
    except BadValue as bad:
        assert bad.reason  # noqa: PT017
