from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.tables import Rejects, neutralise, read_rows, restore, sniff, write_table

CELLS = st.one_of(st.text(), st.text(st.sampled_from("'=+-@\t\r1.5ea")))


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("-3.5", "-3.5"),
        ("+49", "+49"),
        ("-1e5", "-1e5"),
        ("-3-4", "'-3-4"),
        ("it's", "it's"),
        ("'tis", "'tis"),
        ("'=x", "''=x"),
        ("", ""),
    ],
)
def test_formulas_are_neutralised_and_numbers_stay(cell: str, written: str) -> None:
    assert neutralise(cell) == written


@given(CELLS, st.booleans())
def test_restore_is_exact(cell: str, raw: bool) -> None:
    assert restore(neutralise(cell, raw=raw)) == cell


@given(CELLS)
def test_no_written_cell_is_a_formula(cell: str) -> None:
    written = neutralise(cell)
    assert written[:1] not in ("=", "@", "\t", "\r")
    assert written[:1] not in ("+", "-") or not written[1:2].isalpha()


@given(
    st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))] * 2), max_size=5)
)
def test_tables_read_back(tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]) -> None:
    path: Path = tmp_path_factory.mktemp("t") / "t.csv"
    rows = [{"id": str(n), "a": a, "b": b} for n, (a, b) in enumerate(cells)]
    assert write_table(path, ["id", "a", "b"], rows) == len(rows)
    assert [row.values for row in read_rows(path, sniff(path), Rejects.to_memory(strict=True))] == rows
