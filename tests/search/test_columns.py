"""Columns against plain Python over the same rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodsense.errors import DataError, UsageError
from goodsense.search.column import as_text
from goodsense.search.columns import Columns
from goodsense.search.expressions import parse_filter
from goodsense.types import And, Compare, Exists, Filter, In, Mask, Not, Or, Scalar, fold

Row = dict[str, tuple[Scalar, ...]]
FIELDS = ("brand", "colors", "price", "sizes", "sale")

brands = st.sampled_from(["Puma", "PUMA", "Ｐuma", "Nike", "安踏", "Straße", "STRASSE"])
numbers = st.sampled_from([0.0, -1.5, 2.0, 3.0, 1e9])


def _up_to(values: st.SearchStrategy[Scalar], most: int) -> st.SearchStrategy[tuple[Scalar, ...]]:
    return st.lists(values, max_size=most, unique_by=lambda v: fold(v) if isinstance(v, str) else v).map(tuple)


rows_of: st.SearchStrategy[list[Row]] = st.lists(
    st.fixed_dictionaries(
        {
            "brand": _up_to(brands, 1),
            "colors": _up_to(st.sampled_from(["red", "Red", "blue", "红"]), 3),
            "price": _up_to(numbers, 1),
            "sizes": _up_to(numbers, 3),
            "sale": _up_to(st.booleans(), 1),
        }
    ),
    max_size=8,
)
KINDS = {"brand": "category", "colors": "category", "price": "number", "sizes": "number", "sale": "boolean"}


def columns_of(rows: list[Row]) -> Columns:
    return Columns.from_fields({name: [row[name] for row in rows] for name in FIELDS}, len(rows))


def naive(where: Filter, row: Row) -> bool:
    """The words of the filter's definition, one row at a time."""
    match where:
        case Not(term):
            return not naive(term, row)
        case And(terms):
            return all(naive(term, row) for term in terms)
        case Or(terms):
            return any(naive(term, row) for term in terms)
        case Exists(field):
            return row[field] != ()
        case In(field, values):
            return any(naive(Compare(field, "=", value), row) for value in values)
        case Compare(field, "=", str(value)):
            return any(isinstance(held, str) and fold(held) == fold(value) for held in row[field])
        case Compare(field, "=", value):
            return value in row[field]
        case Compare(field, op, float(value)):
            tests = {"<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__}
            return any(tests[op](float(held), value) for held in row[field])
    raise AssertionError(where)


words = brands | st.sampled_from(["RED", "red", "红", "unheard"])
leaves: st.SearchStrategy[Filter] = (
    st.builds(Compare, st.sampled_from(["brand", "colors"]), st.just("="), words)
    | st.builds(Compare, st.sampled_from(["price", "sizes"]), st.sampled_from(["=", "<", "<=", ">", ">="]), numbers)
    | st.builds(Compare, st.just("sale"), st.just("="), st.booleans())
    | st.builds(In, st.sampled_from(["brand", "colors"]), st.lists(words, max_size=12).map(tuple))
    | st.builds(In, st.sampled_from(["price", "sizes"]), st.lists(numbers, max_size=4).map(tuple))
    | st.builds(In, st.just("sale"), st.lists(st.booleans(), max_size=2).map(tuple))
    | st.builds(Exists, st.sampled_from(FIELDS))
)
filters: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=6,
)


def mask(columns: Columns, text: str) -> list[bool]:
    found: Mask = columns.mask(parse_filter(text))
    assert found.dtype == np.bool_
    assert found.shape == (len(columns),)
    return found.tolist()


@settings(max_examples=150, deadline=None)
@given(rows_of, rows_of, filters)
def test_masks_equal_the_naive_ones(base: list[Row], later: list[Row], where: Filter) -> None:
    every = [*base, *later]
    # a row of each kind keeps the kinds known however few rows there are
    probe: Row = {"brand": ("x",), "colors": ("x",), "price": (7.0,), "sizes": (7.0,), "sale": (True,)}
    expected = [naive(where, row) for row in [probe, *every]]
    whole = columns_of([probe, *every])
    joined = Columns.concatenate([columns_of([probe, *base]), columns_of(later)])
    assert whole.kinds == joined.kinds == KINDS
    assert whole.mask(where).tolist() == expected
    assert joined.mask(where).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(rows_of.filter(len), rows_of, st.randoms())
def test_values_facets_and_disk(base: list[Row], later: list[Row], random) -> None:  # type: ignore[no-untyped-def]
    every = [*base, *later]
    columns = Columns.concatenate([columns_of(base), columns_of(later)])
    picked = np.array(random.choices(range(len(every)), k=6), dtype=np.int64)
    chosen = np.array([random.random() < 0.6 for _ in every])
    for name in FIELDS:
        expected = [tuple(fold(v) if isinstance(v, str) else v for v in every[i][name]) for i in picked]
        assert columns.values(name, picked) == expected
        shown = columns.values(name, picked, folded=False)
        assert [tuple(fold(v) if isinstance(v, str) else v for v in row) for row in shown] == expected
    facets = columns.facets(chosen, FIELDS, limit=50)
    for name in FIELDS:
        held = [row[name] for row, yes in zip(every, chosen.tolist(), strict=True) if yes]
        assert facets[name].products == sum(values != () for values in held)
        if columns.kinds[name] == "number":
            flat = [value for values in held for value in values]
            assert (facets[name].low, facets[name].high) == ((min(flat), max(flat)) if flat else (None, None))
        else:
            counts = Counter(fold(v) if isinstance(v, str) else v for values in held for v in values)
            found = [(fold(v) if isinstance(v, str) else v, count) for v, count in facets[name].counts]
            assert dict(found) == counts
            assert [count for _, count in found] == sorted(counts.values(), reverse=True)


@settings(max_examples=25, deadline=None)
@given(rows_of.filter(len), rows_of, filters)
def test_columns_come_back_from_disk(
    tmp_path_factory: pytest.TempPathFactory, base: list[Row], later: list[Row], where: Filter
) -> None:
    directory = tmp_path_factory.mktemp("columns")
    probe: Row = {"brand": ("x",), "colors": ("x",), "price": (7.0,), "sizes": (7.0,), "sale": (True,)}
    columns = Columns.concatenate([columns_of([probe, *base]), columns_of(later)])
    columns.save(directory)
    loaded = Columns.load(directory)
    rows = np.arange(len(columns))
    assert (loaded.names, loaded.kinds, len(loaded)) == (columns.names, columns.kinds, len(columns))
    np.testing.assert_array_equal(loaded.mask(where), columns.mask(where))
    for name in FIELDS:
        for folded in (True, False):
            assert loaded.values(name, rows, folded=folded) == columns.values(name, rows, folded=folded)


def test_words_are_shown_as_most_products_write_them() -> None:
    columns = Columns.from_fields({"brand": [("PUMA",), ("Puma",), ("Puma",), ("nike",), ("NIKE",)]}, 5)
    assert columns.facets(None, ["brand"])["brand"].counts == (("Puma", 3), ("NIKE", 2))
    later = Columns.concatenate([columns, Columns.from_fields({"brand": [("PUMA",), ("Asics",)]}, 2)])
    assert later.facets(None, ["brand"], limit=3)["brand"].counts == (("Puma", 4), ("NIKE", 2), ("Asics", 1))


def test_a_word_repeated_in_a_row_counts_once_and_order_is_kept() -> None:
    columns = Columns.from_fields({"color": [("Red", "red", "Blue"), ("blue", "RED")]}, 2)
    assert columns.values("color", np.arange(2)) == [("red", "blue"), ("blue", "red")]
    assert [count for _, count in columns.facets(None, ["color"])["color"].counts] == [2, 2]


def test_facets_keep_to_their_limit() -> None:
    columns = Columns.from_fields({"color": [(c,) for c in "aabbbcdddd"]}, 10)
    assert columns.facets(None, ["color"], limit=2)["color"].counts == (("d", 4), ("b", 3))
    assert columns.facets(np.zeros(10, dtype=np.bool_), ["color"], limit=2)["color"].counts == ()


MIXED = Columns.from_fields({"size": [(42.0,), ("M",), (True,), (42.5,), ("１２",)], "n": [(1.0,)] * 5}, 5)


def test_values_of_several_kinds_become_text() -> None:
    assert MIXED.kinds["size"] == "category"
    assert len(MIXED.notes) == 1
    assert "'size' mixes boolean and category and number" in MIXED.notes[0]
    assert MIXED.values("size", np.arange(5)) == [("42",), ("m",), ("true",), ("42.5",), ("12",)]
    assert mask(MIXED, "size = 42") == [True, False, False, False, False]
    assert mask(MIXED, "size in (42.5, true, 12)") == [False, False, True, True, True]


def test_kinds_that_change_between_parts_become_text() -> None:
    base = Columns.from_fields({"size": [(42.0,), (), (43.0, 44.0)], "a": [(1.0,)] * 3}, 3)
    later = Columns.from_fields({"size": [("M",), (42.0,)], "b": [(True,), ()]}, 2)
    joined = Columns.concatenate([base, later])
    assert joined.kinds == {"size": "category", "a": "number", "b": "boolean"}
    assert joined.values("size", np.arange(5)) == [("42",), (), ("43", "44"), ("m",), ("42",)]
    assert mask(joined, "size = 42") == [True, False, False, False, True]
    assert mask(joined, "exists a") == [True, True, True, False, False]
    assert mask(joined, "b or a = 1") == [True, True, True, True, False]


def test_a_part_without_values_changes_no_kind() -> None:
    empty = Columns.from_fields({"price": [(), ()]}, 2)
    priced = Columns.from_fields({"price": [(3.0,)]}, 1)
    for parts in ([empty, priced], [priced, empty]):
        assert Columns.concatenate(parts).kinds == {"price": "number"}
    assert mask(Columns.concatenate([empty, priced]), "price > 2") == [False, False, True]


def test_columns_without_rows() -> None:
    columns = Columns.from_fields({"a": [], "b": []}, 0)
    assert columns.mask(Exists("a")).shape == (0,)
    assert columns.values("a", np.zeros(0, dtype=np.int64)) == []
    assert columns.facets(None, ["a"])["a"].products == 0


def test_a_checked_filter_is_what_an_engine_compares() -> None:
    columns = Columns.from_fields({"price.INR": [(1.0,)], "Brand": [("x",)], "sale": [(True,)], "size": [("4",)]}, 1)
    where = parse_filter("price < 3000 and brand = 'ＰUMA' and sale = 'TRUE' and size = 4 and not exists BRAND")
    assert columns.check(where) == And(
        (
            Compare("price.INR", "<", 3000.0),
            Compare("Brand", "=", "puma"),
            Compare("sale", "=", True),
            Compare("size", "=", "4"),
            Not(Exists("Brand")),
        )
    )


def test_a_price_needs_a_currency_only_where_there_are_several() -> None:
    fields: dict[str, list[tuple[Scalar, ...]]] = {"price.EUR": [(5.0,), ()], "price.USD": [(), (5.0,)]}
    several = Columns.from_fields(fields, 2)
    with pytest.raises(UsageError, match="could be in EUR, USD") as caught:
        several.mask(parse_filter("price < 10"))
    assert "price < 100 EUR" in caught.value.fix
    assert mask(several, "price < 10 usd") == [False, True]
    assert mask(Columns.from_fields(fields, 2, currency="eur"), "price < 10") == [True, False]
    assert mask(Columns.from_fields({"price.EUR": [(5.0,), ()]}, 2), "price < 10") == [True, False]
    with pytest.raises(UsageError, match="no product has a field 'list_price'"):
        several.mask(parse_filter("list_price < 10"))


SHOP = Columns.from_fields({"colour": [("red",)], "price.EUR": [(5.0,)], "in_stock": [(True,)]}, 1)

MISTAKES = [
    ("color = 'red'", "the fields are: colour, in_stock, price.EUR. Did you mean 'colour'?"),
    ("xyz", "the fields are"),
    ("colour < 3", "'colour' holds text, which has no order"),
    ("in_stock > 0", "'in_stock' holds truth values, which has no order"),
    ("price = 'cheap'", "'price.EUR' holds numbers; it never equals 'cheap'"),
    ("price", "Ask `exists price.EUR`"),
    ("in_stock = 'maybe'", "holds truth values; it never equals 'maybe'"),
    ("in_stock in (true, 2)", "holds truth values; it never equals 2.0"),
    ("price < 3 USD", "Did you mean 'price.EUR'?"),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=[text for text, _ in MISTAKES])
def test_what_makes_no_sense_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        SHOP.mask(parse_filter(text))
    assert told in str(caught.value)


def test_wrong_data_is_refused() -> None:
    with pytest.raises(DataError, match="'a' has 1 rows; expected 2"):
        Columns.from_fields({"a": [()]}, 2)
    with pytest.raises(DataError, match="'a' holds nan"):
        Columns.from_fields({"a": [(float("nan"),)]}, 1)
    with pytest.raises(DataError, match="holds a NoneType"):
        Columns.from_fields({"a": [(None,)]}, 1)  # type: ignore[list-item]
    with pytest.raises(UsageError, match="at least one part"):
        Columns.concatenate([])


def test_a_damaged_or_foreign_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        Columns.load(tmp_path)
    SHOP.save(tmp_path)
    path = tmp_path / "columns.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(DataError, match="format 99"):
        Columns.load(tmp_path)


def test_numbers_are_written_plainly() -> None:
    assert [as_text(v) for v in (3.0, -0.5, 1e20, 123456789012.0, True, False, "x")] == [
        "3", "-0.5", "1e+20", "123456789012", "true", "false", "x",
    ]  # fmt: skip
