import gzip
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goodsense.errors import DataError
from goodsense.tables import Reject, Rejects, Row, TableLimits, read_header, read_rows, sniff


def rows(path: Path, data: bytes) -> tuple[list[Row], tuple[Reject, ...]]:
    path.write_bytes(data)
    rejects = Rejects.to_memory()
    return list(read_rows(path, sniff(path), rejects)), rejects.first


def test_row_numbers_are_lines_of_the_file(tmp_path: Path) -> None:
    found, rejects = rows(tmp_path / "x", b'id,text\n1,"a\nb"\n\n2,"c ""d"""\n')
    assert found == [Row(2, {"id": "1", "text": "a\nb"}), Row(5, {"id": "2", "text": 'c "d"'})]
    assert rejects == ()


@pytest.mark.parametrize("packed", [False, True])
def test_quoted_text_is_exact(packed: bool, tmp_path: Path) -> None:
    text = "a\r\nb\rc\nd\x85e\u2028f, \"g\" 'h' \t"
    data = f'id,text\r\n1,"{text.replace(chr(34), chr(34) * 2)}"\r\n'.encode()
    found, _ = rows(tmp_path / "x", gzip.compress(data) if packed else data)
    assert found[0].values["text"] == text


def test_leading_quotes_before_formulas_are_taken_away(tmp_path: Path) -> None:
    found, _ = rows(tmp_path / "x", b"id,a,b,c,d\n1,'=1+1,'tis,''@x,'-3.5\n")
    assert list(found[0].values.values()) == ["1", "=1+1", "'tis", "'@x", "-3.5"]


def test_bytes_that_are_no_text_and_nul_cost_their_row(tmp_path: Path) -> None:
    good = b"".join(b"%d,x\n" % n for n in range(10, 40))
    found, rejects = rows(tmp_path / "x", b"id,title\n1,a\n2,caf\xe9\n3,a\0b\n4,c\n" + good)
    assert [row.values["id"] for row in found[:2]] == ["1", "4"]
    assert [reject.row for reject in rejects] == [3, 4]
    assert "0xe9" in rejects[0].reason
    assert "UTF-8" in rejects[0].reason
    assert "NUL" in rejects[1].reason


def test_half_a_surrogate_pair_costs_its_row(tmp_path: Path) -> None:
    data = "id,title\n1,BAD\n2,台灯\n".encode("utf-16").replace("BAD".encode("utf-16-le"), b"\x3d\xd8B\0D\0")
    found, rejects = rows(tmp_path / "x", data)
    assert [row.values["title"] for row in found] == ["台灯"]
    assert rejects[0].row == 2


def test_utf16_cut_within_a_character(tmp_path: Path) -> None:
    found, rejects = rows(tmp_path / "x", "id,title\n1,a\n2,b\n".encode("utf-16") + b"\x33")
    assert [row.values["id"] for row in found] == ["1", "2"]
    assert "middle of a character" in rejects[0].reason


def test_tsv_without_quoting_rules(tmp_path: Path) -> None:
    found, rejects = rows(tmp_path / "x", b'id\ttitle\n1\t"Best" lamp\n2\t5" nail\n3\t"open\n4\tx\n')
    assert [row.values["title"] for row in found] == ['"Best" lamp', '5" nail', '"open', "x"]
    assert rejects == ()


def test_a_bad_quote_costs_its_line(tmp_path: Path) -> None:
    found, rejects = rows(tmp_path / "x", b'id,title\n1,"a"b\n2,c\n')
    assert [row.values["id"] for row in found] == ["2"]
    assert (rejects[0].row, rejects[0].record) == (2, '1,"a"b\n')


def test_a_file_of_stray_quotes_is_not_read_once_per_quote(tmp_path: Path) -> None:
    stray = b'a",""",\n'  # leaves a quote open wherever it stands, so every line is the start of a record without end
    start = time.process_time()
    found, rejects = rows(tmp_path / "x", b"id,title\n1,a\n" + stray * 20_000)
    assert time.process_time() - start < 5
    assert [row.values["id"] for row in found] == ["1"]
    assert "given up" in rejects[-1].reason


def test_rows_beyond_the_limit_cost_themselves(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"id,title\n1," + b"x" * 5000 + b"\n2,b\n")
    rejects = Rejects.to_memory()
    found = list(read_rows(path, sniff(path), rejects, limits=TableLimits(row_chars=1000)))
    assert [row.values["id"] for row in found] == ["2"]
    assert "1000" in rejects.first[0].reason


def test_unpacked_size_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"id,title\n" + b"1,x\n" * 1000))
    with pytest.raises(DataError, match="unpacks to more"):
        list(read_rows(path, sniff(path), Rejects.to_memory(), limits=TableLimits(unpacked_bytes=1000)))


@pytest.mark.parametrize(
    ("header", "names", "notes"),
    [
        (b"id, title \n", ("id", "title"), 0),
        (b"id,,b,\n", ("id", "column_2", "b"), 1),
        (b"id,a,a,a\n", ("id", "a", "a (2)", "a (3)"), 2),
        (b"\n\nid,a\n", ("id", "a"), 0),
    ],
)
def test_headers(header: bytes, names: tuple[str, ...], notes: int, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(header)
    found = read_header(tmp_path / "x", sniff(tmp_path / "x"))
    assert found.names == names
    assert len(found.notes) == notes
    assert list(read_rows(tmp_path / "x", sniff(tmp_path / "x"), Rejects.to_memory(strict=True))) == []


def test_a_header_of_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b",,\n,,\n")
    with pytest.raises(DataError, match="no header"):
        read_header(tmp_path / "x", sniff(tmp_path / "x"))


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    found, rejects = rows(tmp_path / "x", b'{"id": 1, "x": [1.5, null, "a"]}\n\n{"id": "2", "x": {"y": true}}')
    assert found == [Row(1, {"id": 1, "x": [1.5, None, "a"]}), Row(3, {"id": "2", "x": {"y": True}})]
    assert rejects == ()


def test_a_json_array_streams(tmp_path: Path) -> None:
    data = json.dumps([{"id": n, "text": "台" * (n % 500)} for n in range(3000)], indent=1, ensure_ascii=False)
    found, rejects = rows(tmp_path / "x", data.encode())
    assert [row.values["id"] for row in found] == list(range(3000))
    assert found[-1].number == 3000
    assert rejects == ()
    assert read_header(tmp_path / "x", sniff(tmp_path / "x")).names == ("id", "text")


def test_parquet_of_any_type(tmp_path: Path) -> None:
    table: dict[str, Any] = {"id": [1, 2], "day": [date(2024, 5, 1), None], "tags": [["a"], []], "ok": [True, None]}
    pq.write_table(pa.table(table), tmp_path / "x")
    path = tmp_path / "x"
    found = list(read_rows(path, sniff(path), Rejects.to_memory(strict=True)))
    assert found[0] == Row(1, {"id": 1, "day": date(2024, 5, 1), "tags": ["a"], "ok": True})
    assert read_header(path, sniff(path)).names == ("id", "day", "tags", "ok")


def test_parquet_text_that_is_none_costs_its_row(tmp_path: Path) -> None:
    bad = pa.array([b"good", b"caf\xe9", b"also"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"id": ["1", "2", "3"], "title": bad}), tmp_path / "x")
    rejects = Rejects.to_memory()
    found = list(read_rows(tmp_path / "x", sniff(tmp_path / "x"), rejects))
    assert [row.values["id"] for row in found] == ["1", "3"]
    assert rejects.first[0].row == 2


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PAR1" + b"junk" * 100 + b"PAR1")
    with pytest.raises(DataError, match="Parquet file is damaged"):
        read_header(tmp_path / "x", sniff(tmp_path / "x"))
