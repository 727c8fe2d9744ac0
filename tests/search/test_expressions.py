"""Filter expressions: what they mean, how they are written back, and what a mistake is told."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.errors import UsageError
from goodsense.search.expressions import MAX_DEPTH, MAX_LENGTH, format_filter, parse_filter
from goodsense.types import And, Compare, Exists, Filter, In, Not, Or, Scalar

MEANINGS: list[tuple[str, Filter]] = [
    ("in_stock", Compare("in_stock", "=", True)),
    ("in_stock = false", Compare("in_stock", "=", False)),
    ("price<3_000", Compare("price", "<", 3000.0)),
    ("price >= -2.5e1", Compare("price", ">=", -25.0)),
    ("weight <= .5", Compare("weight", "<=", 0.5)),
    ("price < 3000 INR", Compare("price.INR", "<", 3000.0)),
    ("list_price > 10eur", Compare("list_price.EUR", ">", 10.0)),
    ("price in (10 USD, 20 usd)", In("price.USD", (10.0, 20.0))),
    ("brand = 'Puma'", Compare("brand", "=", "Puma")),
    ('brand == "Levi\'s"', Compare("brand", "=", "Levi's")),
    ("brand = 'Levi''s'", Compare("brand", "=", "Levi's")),
    (r"brand = 'a\'b\\c\nd'", Compare("brand", "=", "a'b\\c\nd")),
    ("brand != 'Puma'", Not(Compare("brand", "=", "Puma"))),
    ("brand <> 'Puma'", Not(Compare("brand", "=", "Puma"))),
    ("尺寸 = '大'", Compare("尺寸", "=", "大")),
    ("`screen size (in)` > 5", Compare("screen size (in)", ">", 5.0)),
    ("`a``b`", Compare("a`b", "=", True)),
    ("`not`", Compare("not", "=", True)),
    ("attribute.brand in ('a', 2, true)", In("attribute.brand", ("a", 2.0, True))),
    ("colour NOT IN ('red')", Not(In("colour", ("red",)))),
    ("exists gtin", Exists("gtin")),
    ("not exists gtin", Not(Exists("gtin"))),
    ("a and b or c and d", Or((And((_a := Compare("a", "=", True), Compare("b", "=", True))), And((
        Compare("c", "=", True), Compare("d", "=", True)))))),
    ("a && (b || !c)", And((_a, Or((Compare("b", "=", True), Not(Compare("c", "=", True))))))),
    ("not a and b", And((Not(_a), Compare("b", "=", True)))),
    ("not price < 3", Not(Compare("price", "<", 3.0))),
    ("a AND b And c", And((_a, Compare("b", "=", True), Compare("c", "=", True)))),
    ("((a))", _a),
    ("price < 3 and not a", And((Compare("price", "<", 3.0), Not(_a)))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MEANINGS, ids=[text for text, _ in MEANINGS])
def test_meaning(text: str, expected: Filter) -> None:
    found = parse_filter(text)
    assert repr(found) == repr(expected)  # repr tells True from 1.0
    assert repr(parse_filter(format_filter(found))) == repr(expected)


MISTAKES = [
    ("", 1, "a field name"),
    ("brand = Puma", 9, "Put text into quotes: 'Puma'"),
    ("brand =", 8, "a number, a quoted text, true or false"),
    ("(a", 3, "'and', 'or' or ')'"),
    ("a)", 2, "'and', 'or' or the end"),
    ("a b", 3, "another test after the field 'a'"),
    ("3 < price", 1, "a field name"),
    ("'a' = 3", 1, "a field name"),
    ("a and", 6, "a field name"),
    ("a = 'x", 5, "a closing '"),
    ("a = 'x\\d'", 7, "escaped quote"),
    ("a = 'x\\", 7, "escaped quote"),
    ("a # b", 3, "an operator"),
    ("a in ()", 7, "a number, a quoted text"),
    ("a in 'x'", 6, "'(' and the values"),
    ("a in ('x' 'y')", 11, "',' or ')'"),
    ("a < 'x'", 5, "a number after '<'"),
    ("a < true", 5, "a number after '<'"),
    ("weight < 3 kgs", 10, "only price and list_price take a currency"),
    ("price < 3 dollars", 11, "a currency code such as EUR"),
    ("price in (1 EUR, 2 USD)", 11, "one currency"),
    ("a = 1e999", 5, "a number below"),
    ("`` = 1", 1, "a field name"),
    ("exists 'a'", 8, "a field name"),
    ("not", 4, "a field name"),
]


@pytest.mark.parametrize(("text", "place", "expected"), MISTAKES, ids=[text for text, _, _ in MISTAKES])
def test_a_mistake_is_shown_where_it_is(text: str, place: int, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter(text)
    assert f"at character {place}" in str(caught.value)
    assert expected in str(caught.value)
    shown, caret = caught.value.message.split("\n")[1:3]
    assert shown[2:] == text
    assert caret.index("^") == place + 1


def test_the_caret_stands_under_wide_characters_and_in_the_right_line() -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter("a and\n尺寸 = 大")
    assert caught.value.message.split("\n")[1:3] == ["  尺寸 = 大", "  \u3000\u3000   ^"]


def test_long_expressions_show_the_surroundings() -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter("a and " * 500 + "b # c" + " and d" * 100)
    shown, caret = caught.value.message.split("\n")[1:3]
    assert len(shown) < 120
    assert shown[caret.index("^")] == "#"


def test_limits() -> None:
    assert parse_filter("(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1)) == Compare("a", "=", True)
    for text in ("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH, "not " * MAX_DEPTH + "a", "(" * 9000):
        with pytest.raises(UsageError, match=f"at most {MAX_DEPTH} levels"):
            parse_filter(text)
    with pytest.raises(UsageError, match="characters"):
        parse_filter("a" * (MAX_LENGTH + 1))
    assert len(parse_filter(" and ".join(["a"] * 1000)).terms) == 1000  # type: ignore[union-attr]


@pytest.mark.parametrize("where", [And(()), Or(()), In("a", ()), Compare("a", "<", float("inf"))])
def test_what_cannot_be_written(where: Filter) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        format_filter(where)


scalars: st.SearchStrategy[Scalar] = (
    st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
fields = st.text(min_size=1, max_size=6) | st.sampled_from(
    ["price", "price.INR", "尺寸", "and", "Exists", "a.b", "a b"]
)
orderings = st.builds(
    Compare, fields, st.sampled_from(["<", "<=", ">", ">="]), st.floats(allow_nan=False, allow_infinity=False)
)
leaves = (
    st.builds(Compare, fields, st.just("="), scalars)
    | orderings
    | st.builds(In, fields, st.lists(scalars, min_size=1, max_size=4).map(tuple))
    | st.builds(Exists, fields)
)
filters: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=12,
)


@given(filters)
def test_what_is_written_reads_back(where: Filter) -> None:
    assert repr(parse_filter(format_filter(where))) == repr(where)


def test_a_single_term_reads_back_as_itself() -> None:
    assert format_filter(And((Compare("a", "=", "x"),))) == format_filter(Or((Compare("a", "=", "x"),))) == "a = 'x'"


@given(st.text(max_size=40) | st.text(string.ascii_lowercase[:3] + " ()'\"`=<>!&|,.\\0123", max_size=30))
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    try:
        found = parse_filter(text)
    except UsageError:
        return
    assert repr(parse_filter(format_filter(found))) == repr(found)
