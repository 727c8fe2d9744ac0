"""Steps: what each makes of a value, what it refuses, and that patterns cannot run without end."""

import time
from typing import Any

import pytest

from goodsense.errors import DataError
from goodsense.tables.patterns import Pattern, PatternError
from goodsense.tables.steps import STEP_NAMES, StepError, build_step
from goodsense.tables.values import BadValue

TABLES = {"status": {"1": "in_stock", "0": "out_of_stock"}, "any": {"a": 1, "*": 2}}
DONE = [
    ("text", 12, "12"),
    ("strip", "  a ", "a"),
    ("lower", "ABC", "abc"),
    ("upper", "abc", "ABC"),
    (
        "strip_html",
        "<p>Warm &amp; <b>bright</b></p><script>x()</script><p>灯<br>二</p><!-- c -->",
        "Warm & bright\n灯\n二",
    ),
    ("strip_html", "a < b <c", "a < b <c"),
    ("number", "1,234.50", 1234.5),
    ("number", " 12 ", 12),
    ("number", "", None),
    ("integer", "7.0", 7),
    ("bool", "是", True),
    ("bool", "No", False),
    ("json", '{"a": [1]}', {"a": [1]}),
    ("first", [3, 4], 3),
    ("last", [3, 4], 4),
    ("first", [], None),
    ("unique", ["a", "b", "a"], ["a", "b"]),
    ("lower", ["A", None, "B"], ["a", "b"]),
    ({"split": ","}, "a, b,,c", ["a", "b", "c"]),
    ({"split": "、"}, ["红、绿", "蓝"], ["红", "绿", "蓝"]),
    ({"join": " "}, ["a", 1, None], "a 1"),
    ({"extract": r"(\d+) ?cm"}, "long 120 cm", "120"),
    ({"extract": r"\d+"}, "none", None),
    ({"replace": "_", "with": " "}, "a_b", "a b"),
    ({"prefix": "https://cdn.example/"}, "a.jpg", "https://cdn.example/a.jpg"),
    ({"lookup": "status"}, 1, "in_stock"),
    ({"lookup": "any"}, "z", 2),
    ({"money": "cents", "currency": "CNY"}, 1999, "19.99 CNY"),
    ({"money": "cents"}, "5", "0.05"),
    ({"money": "units", "currency": "EUR", "decimal": ","}, "1.299,50", "1299.5 EUR"),
    ({"scale": 0.001}, "1500", 1.5),
    ({"scale": 0.01}, 1999, 19.99),
    ({"date": "%d.%m.%Y", "zone": "Europe/Berlin"}, "31.07.2024", "2024-07-31T00:00:00+02:00"),
    ({"date": "epoch_ms"}, 1700000000000, "2023-11-14T22:13:20+00:00"),
    ({"date": "auto", "zone": "Asia/Shanghai"}, "2025年1月31日 下午3点20分", "2025-01-31T15:20:00+08:00"),
    ({"date": "iso", "zone": "+08:00"}, "2025-01-31 08:30", "2025-01-31T08:30:00+08:00"),
    ({"get": "a[0].b"}, {"a": [{"b": 3}]}, 3),
    ({"parameter": "q"}, "/search?q=%E5%8F%B0%E7%81%AF&p=2", "台灯"),
    ({"parameter": "x"}, "/search?q=1", None),
]


@pytest.mark.parametrize(("given", "value", "expected"), DONE, ids=lambda item: str(item)[:30])
def test_steps_convert(given: Any, value: Any, expected: object) -> None:
    assert build_step(given, TABLES)(value) == expected


def test_every_step_is_tried_here() -> None:
    assert {given if isinstance(given, str) else next(iter(given)) for given, _, _ in DONE} == set(STEP_NAMES)


@pytest.mark.parametrize(
    ("given", "value", "reason"),
    [
        ("number", "12 kg", "no number"),
        ("number", "1e999", "not finite"),
        ("number", "NaN", "not finite"),
        ("integer", "1.5", "whole"),
        ("bool", "maybe", "neither yes nor no"),
        ("json", "{", "not JSON"),
        ("json", "[" * 100 + "]" * 100, "nests"),
        ("lower", {"a": 1}, "expected text"),
        ({"lookup": "status"}, 9, r"'9' is not in \[tables.status\]"),
        ({"date": "%d.%m.%Y"}, "2024-07-31", "not written as the mapping file says"),
        ({"date": "epoch"}, "1e30", "not written"),
        ({"date": "auto"}, "01/02/2024", "."),
        ({"split": ","}, "a," * 20_000, "over 10000 parts"),
    ],
)
def test_values_that_do_not_fit_are_refused(given: Any, value: object, reason: str) -> None:
    with pytest.raises(BadValue, match=reason) as caught:
        build_step(given, TABLES)(value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("strip_htm", "no step"),
        ("split", "needs a value"),
        ({"lower": True}, "takes no value"),
        ({"split": 1}, "expected text"),
        ({"split": ""}, "empty"),
        ({"split": ",", "zone": "UTC"}, "no option 'zone'"),
        ({"replace": "a"}, "missing"),
        ({"extract": "("}, "cannot be read"),
        ({"extract": "((a{1000}){1000}){1000}"}, "longer than"),
        ({"lookup": "stat"}, r"no \[tables.stat\]"),
        ({"money": "pence"}, "no unit"),
        ({"money": "cents", "currency": "yuan"}, "ISO 4217"),
        ({"date": "yesterday"}, "no form of dates"),
        ({"date": "%Q"}, "cannot be used"),
        ({"date": "iso", "zone": "Mars/Base"}, "unknown time zone"),
        ({"scale": True}, "expected a number"),
        ({"get": "a["}, "character"),
        ({}, "expected a step"),
        (3, "expected a step"),
    ],
)
def test_steps_that_are_none_are_refused_when_they_are_read(given: Any, reason: str) -> None:
    with pytest.raises(StepError, match=reason) as caught:
        build_step(given, TABLES)
    assert caught.value.fix


@pytest.mark.parametrize("text", ["<" * 300_000, "<a " * 100_000, "<!--" * 100_000, "<script>" * 50_000, "&" * 300_000])
def test_hostile_html_takes_no_time(text: str) -> None:
    started = time.process_time()
    build_step("strip_html", {})(text)
    assert time.process_time() - started < 2


# ---- patterns


def test_a_catastrophic_pattern_costs_its_texts_and_then_ends() -> None:
    pattern, text = Pattern("^(a+)+$"), "a" * 30_000 + "b"
    started, ended = time.process_time(), 0
    for _ in range(10):
        try:
            pattern.search(text)
        except PatternError:
            ended += 1
        except DataError as error:
            assert "text after text" in error.message  # noqa: PT017
            break
    assert 1 <= ended < 10
    assert time.process_time() - started < 5


@pytest.mark.parametrize("text", [r"\d{1,3}(\.\d{1,3}){3}", r"[{}()]{3}", r"\({5}", "a{,3}"])
def test_usual_repeats_are_fine(text: str) -> None:
    Pattern(text)
