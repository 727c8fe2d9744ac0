"""What every engine must do: one set of tests, each run against each engine, on rows whose answers are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from goodsense.errors import DataError, UsageError
from goodsense.index import ExactIndex, QdrantEdgeIndex
from goodsense.types import (
    And,
    Compare,
    Distance,
    Exists,
    Filter,
    In,
    Index,
    IndexQuery,
    IndexRows,
    Not,
    Or,
    Scalar,
    fold,
)

Make = Callable[..., Index]
ENGINES = ("exact", "qdrant-edge")


def build(engine: str, directory: Path, rows: IndexRows, distance: Distance = "cosine") -> Index:
    if engine == "exact":
        return ExactIndex.over(rows, distance=distance)
    return QdrantEdgeIndex.create(directory / "engine", rows, distance=distance)


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    opened: list[Index] = []

    def of(rows: IndexRows, distance: Distance = "cosine") -> Index:
        opened.append(build(request.param, tmp_path / str(len(opened)), rows, distance))
        return opened[-1]

    yield of
    for index in opened:
        index.close()


@pytest.fixture(scope="module", params=ENGINES)
def fanned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The fan of ten rows, for tests that change nothing."""
    index = build(request.param, tmp_path_factory.mktemp("fan"), fan())
    yield index
    index.close()


def at(*degrees: float) -> NDArray[np.float32]:
    """Unit vectors at these angles, ``(n, 2)``: the nearest is the one with the smallest turn."""
    angles = np.deg2rad(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def fan(n: int = 10) -> IndexRows:
    """Row ``i`` points to ``8 i`` degrees in ``text`` and, if ``i`` is even, to ``90 - 8 i`` in ``image``."""
    degrees = 8.0 * np.arange(n)
    even = np.arange(n) % 2 == 0
    dense = {"text": (at(*degrees), np.ones(n, dtype=np.bool_)), "image": (at(*(90 - degrees)), even)}
    return IndexRows(np.arange(n), dense, fields={"number": [(float(i),) for i in range(n)]})


def everything(n: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    return np.tile(at(0), (n, 1)), np.ones(n, dtype=np.bool_)


def allowed(index: Index, where: Filter | None, k: int = 1000) -> set[int]:
    """The rows that a filter lets through, seen through a probe of the block that every row has."""
    return set(index.candidates(IndexQuery({"text": at(0)[0]}, where=where), k).rows.tolist())


def test_each_probe_proposes_its_nearest_rows_best_first(fanned: Index) -> None:
    found = fanned.candidates(IndexQuery({"text": at(1)[0], "image": at(89)[0]}), 3)
    assert found.sources["text"].tolist() == [0, 1, 2]
    assert found.sources["image"].tolist() == [0, 2, 4]
    assert found.rows.tolist() == [0, 1, 2, 4]
    assert found.rows.dtype == np.int64


def test_engines_fit_the_protocol_and_say_their_name(fanned: Index) -> None:
    assert isinstance(fanned, Index)
    assert fanned.name in ENGINES
    assert len(fanned) == 10


def test_a_turned_probe_proposes_the_farthest_rows(fanned: Index) -> None:
    found = fanned.candidates(IndexQuery({"text": -at(0)[0]}), 3)
    assert found.sources["text"].tolist() == [9, 8, 7]


def test_rows_without_the_block_are_never_proposed(fanned: Index) -> None:
    found = fanned.candidates(IndexQuery({"image": at(90)[0]}), 100)
    assert found.sources["image"].tolist() == [0, 2, 4, 6, 8]


def test_a_query_without_probes_proposes_nothing(fanned: Index) -> None:
    found = fanned.candidates(IndexQuery(where=Exists("number")), 5)
    assert found.rows.tolist() == []
    assert dict(found.sources) == {}


def test_k_beyond_the_rows_proposes_all_of_them(fanned: Index) -> None:
    assert allowed(fanned, None, 5000) == set(range(10))


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(fanned: Index, k: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        fanned.candidates(IndexQuery({"text": at(0)[0]}), k)


def test_unknown_blocks_are_refused_by_name(fanned: Index) -> None:
    with pytest.raises(UsageError, match=r"'sound'.*image, text"):
        fanned.candidates(IndexQuery({"sound": at(0)[0]}), 3)
    with pytest.raises(UsageError, match=r"'sound'.*image, text"):
        fanned.upsert(IndexRows(np.array([1]), {"sound": everything(1)}))


def test_wrong_shapes_are_refused(fanned: Index) -> None:
    with pytest.raises(UsageError, match="takes 2 dimensions; found 3"):
        fanned.candidates(IndexQuery({"text": np.ones(3, dtype=np.float32)}), 3)
    with pytest.raises(UsageError, match="one vector"):
        fanned.candidates(IndexQuery({"text": np.ones((1, 2), dtype=np.float32)}), 3)
    with pytest.raises(UsageError, match="not finite"):
        fanned.candidates(IndexQuery({"text": np.array([np.nan, 1], dtype=np.float32)}), 3)
    with pytest.raises(UsageError, match="unique"):
        fanned.upsert(IndexRows(np.array([1, 1]), {"text": everything(2)}))
    with pytest.raises(UsageError, match="2 rows; expected 1"):
        fanned.upsert(IndexRows(np.array([1]), {"text": everything(1)}, fields={"number": [(), ()]}))
    assert len(fanned) == 10


def test_an_empty_index_answers_and_grows(make: Make) -> None:
    empty = np.zeros((0, 2), dtype=np.float32), np.zeros(0, dtype=np.bool_)
    index = make(IndexRows(np.zeros(0, dtype=np.int64), {"text": empty}))
    query = IndexQuery({"text": at(0)[0]}, {1: 1.0})
    assert len(index) == 0
    assert index.candidates(query, 3).rows.tolist() == []
    index.upsert(fan_of_text([7]))
    assert index.candidates(query, 3).rows.tolist() == [7]


def fan_of_text(numbers: Sequence[int], degrees: float = 0.0) -> IndexRows:
    """These rows, all pointing to one angle, without any other block, token or field."""
    n = len(numbers)
    return IndexRows(np.array(numbers), {"text": (np.tile(at(degrees), (n, 1)), np.ones(n, dtype=np.bool_))})


def test_row_numbers_need_not_be_dense(make: Make) -> None:
    index = make(IndexRows(np.array([50, 7, 100]), {"text": (at(0, 10, 20), np.ones(3, dtype=np.bool_))}))
    found = index.candidates(IndexQuery({"text": at(20)[0]}), 2)
    assert found.sources["text"].tolist() == [100, 7]
    assert found.rows.tolist() == [7, 100]


def test_upsert_replaces_everything_of_a_row(make: Make) -> None:
    index = make(fan())
    index.upsert(fan_of_text([0, 20], 180))
    assert index.candidates(IndexQuery({"text": at(0)[0]}), 1).rows.tolist() == [1]
    assert set(index.candidates(IndexQuery({"text": at(180)[0]}), 2).rows.tolist()) == {0, 20}
    assert index.candidates(IndexQuery({"image": at(90)[0]}), 9).sources["image"].tolist() == [2, 4, 6, 8]
    assert allowed(index, Exists("number")) == set(range(1, 10))
    assert len(index) == 11


def test_upserts_follow_upserts(make: Make) -> None:
    index = make(fan())
    index.upsert(IndexRows(np.array([20]), {"image": (at(90), np.array([True]))}, fields={"new": [(1.0,)]}))
    index.upsert(fan_of_text([21, 0], 180))
    index.upsert(fan_of_text([21], 0))
    assert set(index.candidates(IndexQuery({"text": at(0)[0]}), 2).rows.tolist()) == {21, 1}
    assert index.candidates(IndexQuery({"image": at(90)[0]}), 1).rows.tolist() == [20]
    assert index.candidates(IndexQuery({"image": at(90)[0]}, where=Exists("new")), 9).rows.tolist() == [20]
    assert len(index) == 12


def test_many_rows_can_be_upserted_at_once(make: Make) -> None:
    index = make(fan())
    index.upsert(fan_of_text(range(100, 1300), 180))
    assert len(index) == 1210
    assert set(index.candidates(IndexQuery({"text": at(180)[0]}), 1200).rows.tolist()) == set(range(100, 1300))


def test_an_empty_upsert_changes_nothing(make: Make) -> None:
    index = make(fan())
    index.upsert(fan_of_text([]))
    assert allowed(index, None) == set(range(10))


def test_delete_removes_and_upsert_brings_back(make: Make) -> None:
    index = make(fan())
    index.delete(np.array([0, 3, 999]))
    assert allowed(index, None) == {1, 2, 4, 5, 6, 7, 8, 9}
    assert len(index) == 8
    index.upsert(fan_of_text([3]))
    assert index.candidates(IndexQuery({"text": at(0)[0]}), 1).rows.tolist() == [3]
    assert len(index) == 9
    index.delete(np.array([3]))
    index.delete(np.zeros(0, dtype=np.int64))
    assert index.candidates(IndexQuery({"text": at(0)[0]}), 1).rows.tolist() == [1]


def test_a_closed_index_is_refused(make: Make) -> None:
    index = make(fan())
    index.close()
    index.close()
    with pytest.raises(UsageError, match="closed"):
        index.candidates(IndexQuery({"text": at(0)[0]}), 1)
    with pytest.raises(UsageError, match="closed"):
        index.upsert(fan_of_text([1]))


@pytest.mark.parametrize(
    ("distance", "best"),
    [("cosine", [0, 1, 2]), ("dot", [2, 1, 0]), ("euclidean", [1, 0, 2])],
)
def test_distances_order_rows_as_they_should(make: Make, distance: Distance, best: list[int]) -> None:
    """Seen from (1, 0): lengths 1, 2 and 9 at growing angles; prepared for cosine, as they are otherwise."""
    vectors = at(0, 10, 20) if distance == "cosine" else at(90, 20, 30) * np.array([[1.0], [1.2], [9.0]])
    index = make(IndexRows(np.arange(3), {"text": (vectors.astype(np.float32), np.ones(3, dtype=np.bool_))}), distance)
    assert index.candidates(IndexQuery({"text": at(0)[0]}), 3).sources["text"].tolist() == best


def test_an_unknown_distance_is_refused(make: Make) -> None:
    with pytest.raises(UsageError, match="cosine, dot, euclidean"):
        make(fan(), "manhattan")


def worded() -> IndexRows:
    """Four rows of weights over five tokens; row 3 has none."""
    weights = sparse.csr_matrix(
        np.array([[1, 0, 2, 0, 0], [0, 3, 0, 0, 0], [4, 0, 0, 0, 1], [0] * 5], dtype=np.float32)
    )
    return IndexRows(np.arange(4), {"text": everything(4)}, weights, {"even": [(i % 2 == 0,) for i in range(4)]})


def lexical(index: Index, weights: dict[int, float], k: int = 10, where: Filter | None = None) -> list[int]:
    return index.candidates(IndexQuery(lexical=weights, where=where), k).sources["lexical"].tolist()


def test_lexical_probe_adds_up_weights_and_needs_a_shared_token(make: Make) -> None:
    index = make(worded())
    assert lexical(index, {0: 1.0}) == [2, 0]
    assert lexical(index, {0: 1.0, 2: 2.0}) == [0, 2]  # 1 + 4 against 4
    assert lexical(index, {1: 1.0, 0: 0.5}) == [1, 2, 0]
    assert lexical(index, {1: 1.0, 0: 0.5}, k=1) == [1]
    assert lexical(index, {3: 1.0}) == []
    assert lexical(index, {77: 1.0}) == []
    assert lexical(index, {1: 0.0}) == []
    assert lexical(index, {0: -1.0}) == [0, 2]
    assert lexical(index, {0: 1.0, 1: 1.0}, where=Not(Compare("even", "=", True))) == [1]


def test_lexical_rows_can_be_replaced_deleted_and_added(make: Make) -> None:
    index = make(worded())
    weights = sparse.csr_matrix(np.array([[0, 0, 0, 9, 0, 0, 2]], dtype=np.float32))  # knows tokens 5 and 6 besides
    index.upsert(IndexRows(np.array([2]), {}, weights))
    assert lexical(index, {0: 1.0}) == [0]
    assert lexical(index, {3: 1.0}) == [2]
    assert lexical(index, {6: 1.0}) == [2]
    index.upsert(fan_of_text([0]))
    assert lexical(index, {0: 1.0}) == []
    index.delete(np.array([2]))
    assert lexical(index, {6: 1.0}) == []


def test_stored_zeros_are_no_shared_tokens(make: Make) -> None:
    weights = sparse.csr_matrix((np.array([0.0, 1.0], dtype=np.float32), ([0, 1], [0, 0])), shape=(2, 1))
    assert lexical(make(IndexRows(np.arange(2), {"text": everything(2)}, weights)), {0: 1.0}) == [1]


def test_a_block_may_not_take_the_name_of_the_lexical_probe(make: Make) -> None:
    with pytest.raises(UsageError, match="lexical"):
        make(IndexRows(np.arange(1), {"lexical": everything(1)}))


SHELF: list[dict[str, tuple[Scalar, ...]]] = [
    {"brand": (fold("Ångström"),), "price": (10.0,), "sale": (True,), "colour": ("red", "blue")},
    {"brand": (fold("華為"),), "price": (20.0,), "sale": (False,), "colour": ("blue",)},
    {"brand": (fold("STRASSE"),), "price": (20.5, 99.0), "colour": ()},
    {"brand": (), "price": (), "sale": (True,), "mixed.key[0]": ("1", 1.0, True)},
    {"price": (-0.0,), "mixed.key[0]": (1.0,)},
    {"mixed.key[0]": ("1",), "colour": ("",)},
    {"mixed.key[0]": (True,)},
]


def shelf(values: Sequence[dict[str, tuple[Scalar, ...]]] = SHELF) -> IndexRows:
    names = sorted({name for one in values for name in one})
    fields = {name: [one.get(name, ()) for one in values] for name in names}
    return IndexRows(np.arange(len(values)), {"text": everything(len(values))}, fields=fields)


CASES: list[tuple[Filter, set[int]]] = [
    (Compare("price", "=", 20), {1}),
    (Compare("price", "=", 20.5), {2}),
    (Compare("price", "=", 0.0), {4}),
    (Compare("price", "<", 20), {0, 4}),
    (Compare("price", "<=", 20), {0, 1, 4}),
    (Compare("price", ">", 20), {2}),
    (Compare("price", ">=", 20), {1, 2}),
    (Compare("price", "<", float("inf")), {0, 1, 2, 4}),
    (Compare("price", "=", float("nan")), set()),
    (And((Compare("price", ">", 21), Compare("price", "<", 98))), {2}),  # any value may meet each condition
    (Compare("brand", "=", "ÅNGSTRÖM"), {0}),
    (Compare("brand", "=", "ångström"), {0}),  # decomposed
    (Compare("brand", "=", "Straße"), {2}),
    (Compare("brand", "=", "華為"), {1}),
    (Compare("colour", "=", "BLUE"), {0, 1}),
    (Compare("colour", "=", ""), {5}),
    (Compare("sale", "=", True), {0, 3}),
    (Compare("sale", "=", False), {1}),
    (Not(Compare("sale", "=", True)), {1, 2, 4, 5, 6}),
    (Not(Compare("price", "<", 1000)), {3, 5, 6}),
    (Not(Compare("price", ">", 20)), {0, 1, 3, 4, 5, 6}),
    (Compare("mixed.key[0]", "=", 1), {3, 4}),
    (Compare("mixed.key[0]", "=", "1"), {3, 5}),
    (Compare("mixed.key[0]", "=", True), {3, 6}),
    (In("mixed.key[0]", (1, "1")), {3, 4, 5}),
    (In("brand", ("華為", "strasse", "nobody")), {1, 2}),
    (In("price", (10, 99, -0.0)), {0, 2, 4}),
    (In("brand", ()), set()),
    (Exists("colour"), {0, 1, 5}),
    (Exists("brand"), {0, 1, 2}),
    (Exists("mixed.key[0]"), {3, 4, 5, 6}),
    (Not(Exists("price")), {3, 5, 6}),
    (Exists("nothing"), set()),
    (Not(Exists("nothing")), set(range(7))),
    (Compare("nothing", "<", 5), set()),
    (Compare("brand", "<", 5), set()),
    (And(()), set(range(7))),
    (Or(()), set()),
    (Not(And(())), set()),
    (And((Exists("colour"), Compare("sale", "=", True))), {0}),
    (Or((Compare("price", "=", 10), Compare("sale", "=", False), Exists("mixed.key[0]"))), {0, 1, 3, 4, 5, 6}),
    (Not(Or((Compare("price", ">", 0), Exists("mixed.key[0]")))), set()),
    (Or((And((Compare("price", "<", 15), Not(Exists("brand")))), Compare("colour", "=", "blue"))), {0, 1, 4}),
]


@pytest.fixture(scope="module", params=ENGINES)
def shelved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    index = build(request.param, tmp_path_factory.mktemp("shelf"), shelf())
    yield index
    index.close()


@pytest.mark.parametrize(("where", "right"), CASES, ids=[str(where) for where, _ in CASES])
def test_filters_mean_what_they_say(shelved: Index, where: Filter, right: set[int]) -> None:
    assert allowed(shelved, where) == right
    assert naive(where) == right


def test_filters_hold_for_upserted_rows_too(make: Make) -> None:
    index = make(shelf(SHELF[:2]))
    later = shelf(SHELF)
    index.upsert(
        IndexRows(
            np.arange(2, 7),
            {"text": everything(5)},
            fields={name: values[2:] for name, values in later.fields.items()},
        )
    )
    for where, right in CASES:
        assert allowed(index, where) == right, where


@pytest.mark.parametrize("value", ["dear", True])
def test_only_numbers_have_an_order(shelved: Index, value: Scalar) -> None:
    with pytest.raises(UsageError, match="only numbers"):
        allowed(shelved, Compare("price", "<", value))


def test_a_number_that_is_not_finite_is_no_value(make: Make) -> None:
    with pytest.raises(DataError, match="'price'"):
        allowed(make(shelf([{"price": (float("nan"),)}])), Exists("price"))


def naive(where: Filter, rows: Sequence[dict[str, tuple[Scalar, ...]]] = SHELF) -> set[int]:
    return {row for row, fields in enumerate(rows) if passes(where, fields)}


def passes(where: Filter, fields: dict[str, tuple[Scalar, ...]]) -> bool:
    """The meaning of a filter, spelled out."""
    if isinstance(where, Not):
        return not passes(where.term, fields)
    if isinstance(where, And):
        return all(passes(term, fields) for term in where.terms)
    if isinstance(where, Or):
        return any(passes(term, fields) for term in where.terms)
    values = fields.get(where.field, ())
    if isinstance(where, Exists):
        return len(values) > 0
    if isinstance(where, In):
        return any(same(value, wanted) for value in values for wanted in where.values)
    limit = where.value
    if where.op == "=":
        return any(same(value, limit) for value in values)
    assert isinstance(limit, int | float)
    numbers = [value for value in values if not isinstance(value, str | bool)]
    order = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[where.op]
    return any(order(value, limit) for value in numbers)


def same(value: Scalar, wanted: Scalar) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return isinstance(value, bool) and isinstance(wanted, bool) and value == wanted
    return value == (fold(wanted) if isinstance(wanted, str) else wanted)


WORDS = ("red", "Blue", "华为", "1", "true", "")
NAMES = ("a", "b.c", "色")
numbers = st.sampled_from([-1.5, 0.0, 1.0, 2.5, 1e-9, 1e12])
scalars = st.one_of(st.sampled_from(WORDS), numbers, st.booleans())
names = st.sampled_from((*NAMES, "unknown"))
leaves: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Compare, names, st.just("="), scalars),
    st.builds(Compare, names, st.sampled_from(["<", "<=", ">", ">="]), numbers),
    st.builds(In, names, st.lists(scalars, max_size=3).map(tuple)),
    st.builds(Exists, names),
)


def combined(terms: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(terms, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, terms), st.builds(And, several), st.builds(Or, several))


filters = st.recursive(leaves, combined, max_leaves=8)


def mixed_rows() -> list[dict[str, tuple[Scalar, ...]]]:
    """Sixty rows whose fields hold up to three values of any kind, drawn once."""
    rng = np.random.default_rng(11)
    pool: list[Scalar] = [*(fold(word) for word in WORDS), -1.5, 0.0, 1.0, 2.5, 1e-9, 1e12, True, False]
    return [
        {name: tuple(pool[i] for i in rng.integers(0, len(pool), rng.integers(0, 4))) for name in NAMES}
        for _ in range(60)
    ]


MIXED = mixed_rows()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Index]]:
    """Both engines over the same rows, half of them upserted later and one of them deleted."""
    rows = shelf(MIXED)
    both = [build(engine, tmp_path_factory.mktemp(engine), part(rows, 0, 30)) for engine in ENGINES]
    for index in both:
        index.upsert(part(rows, 30, 60))
        index.delete(np.array([5, 35]))
    yield both
    for index in both:
        index.close()


def part(rows: IndexRows, start: int, stop: int) -> IndexRows:
    dense = {name: (vectors[start:stop], present[start:stop]) for name, (vectors, present) in rows.dense.items()}
    fields = {name: values[start:stop] for name, values in rows.fields.items()}
    return IndexRows(rows.rows[start:stop], dense, fields=fields)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=filters)
def test_both_engines_let_the_same_rows_through(pair: list[Index], where: Filter) -> None:
    right = naive(where, MIXED) - {5, 35}
    assert [allowed(index, where) for index in pair] == [right, right]
