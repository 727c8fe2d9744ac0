"""Evaluation files: every format read, every malformed line refused by file and line."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodsense.errors import DataError
from goodsense.evaluate import read_qrels, read_queries, read_run, write_run
from goodsense.types import AudioRef, ImageRef, VideoRef


def _file(folder: Path, content: str | bytes, name: str = "file.tsv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_queries_without_a_header(tmp_path: Path) -> None:
    path = _file(tmp_path, "\ufeff1\tred dress\r\n\n2\t红色 连衣裙\u2028长\n")
    found = read_queries(path)
    assert [(query_id, query.parts[0].value) for query_id, query in found] == [
        ("1", "red dress"),
        ("2", "红色 连衣裙\u2028长"),
    ]


def test_queries_with_a_header(tmp_path: Path) -> None:
    header = "ID\ttext\timage\taudio\tvideo\tlike\twhere\n"
    rows = "a\tshoe\tpics/1.jpg\t\tclip.mp4\t\tprice < 30\nb\t\thttps://x.example/1.png\ts.wav\t\tP7\t\n"
    found = dict(read_queries(_file(tmp_path, header + rows)))
    assert [part.kind for part in found["a"].parts] == ["text", "image", "video"]
    assert found["a"].parts[1].value == ImageRef(str(tmp_path / "pics/1.jpg"))
    assert found["a"].parts[2].value == VideoRef(str(tmp_path / "clip.mp4"))
    assert found["a"].where == "price < 30"
    assert found["b"].parts[0].value == ImageRef("https://x.example/1.png")
    assert found["b"].parts[1].value == AudioRef(str(tmp_path / "s.wav"))
    assert found["b"].exclude == ("P7",)
    assert found["b"].where is None


def test_queries_from_beir_jsonl(tmp_path: Path) -> None:
    lines = '{"_id": "7", "text": "lamp", "metadata": {}}\n{"id": 8, "text": "灯", "image": "a.jpg", "where": null}\n'
    found = dict(read_queries(_file(tmp_path, lines, "queries.jsonl")))
    assert found["7"].parts[0].value == "lamp"
    assert found["8"].parts[1].value == ImageRef(str(tmp_path / "a.jpg"))


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("1\tred\textra\n", 1, "3 tab-separated"),
        ("1\tred\n2 blue\n", 2, "1 tab-separated"),
        ("1\tred\n\n1\tblue\n", 3, "second time"),
        ("id\ttext\timge\n1\ta\tb\n", 1, "imge"),
        ("id\ttext\ttext\n1\ta\tb\n", 1, "twice"),
        ("id\ttext\n\tred\n", 2, "no id"),
        ("id\ttext\n5\t \n", 2, "asks for nothing"),
        (b"1\tred\n2\t\xff\xfe\n", 2, "byte 3 is not UTF-8"),
        ('{"_id": "1", "text": "a"}\n{"_id": \n', 2, "not valid JSON"),
        ('{"_id": "1", "text": "a"}\n[1]\n', 2, "no object"),
        ('{"_id": "1", "txt": "a"}\n', 1, "'txt'"),
        ('{"_id": "1", "text": ["a"]}\n', 1, "list"),
        ('{"text": "a"}\n', 1, "no id"),
    ],
)
def test_malformed_queries_are_refused(tmp_path: Path, content: str | bytes, line: int, what: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read_queries(_file(tmp_path, content))
    assert f"file.tsv, line {line}:" in caught.value.message
    assert caught.value.fix


def test_files_that_hold_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no queries"):
        read_queries(_file(tmp_path, "\n \n"))
    with pytest.raises(DataError, match="no queries"):
        read_queries(_file(tmp_path, "id\ttext\n"))
    with pytest.raises(DataError, match="no judgements"):
        read_qrels(_file(tmp_path, "query-id\tcorpus-id\tscore\n"))
    with pytest.raises(DataError, match="cannot read"):
        read_qrels(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot read"):
        read_queries(tmp_path)


def test_qrels_in_trec_columns(tmp_path: Path) -> None:
    path = _file(tmp_path, "q1 0 d1 2\nq1\t0\td2\t-1\nq1 0 d1 1\nq2\t0\tSKU 9\t1.0\n")
    assert read_qrels(path) == {"q1": {"d1": 2, "d2": 0}, "q2": {"SKU 9": 1}}


def test_qrels_from_beir(tmp_path: Path) -> None:
    path = _file(tmp_path, "\ufeffquery-id\tcorpus-id\tscore\r\nq1\td1\t0\r\nq1\td1\t3\r\n衣 服\td2\t1\r\n")
    assert read_qrels(path) == {"q1": {"d1": 3}, "衣 服": {"d2": 1}}


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("q1 0 d1\n", 1, "3 columns"),
        ("q1 0 d1 2\nq1 0 d2 2 x\n", 2, "5 columns"),
        ("q1 0 d1 good\n", 1, "'good'"),
        ("q1 0 d1 0.5\n", 1, "'0.5'"),
        ("q1 0 d1 nan\n", 1, "'nan'"),
        ("q1 0 d1 1e9\n", 1, "'1e9'"),
        ("query-id\tcorpus-id\tscore\nq1\td1\n", 2, "2 tab-separated"),
        ("query-id\tcorpus-id\tscore\nq1\t\t1\n", 2, "corpus-id is empty"),
    ],
)
def test_malformed_qrels_are_refused(tmp_path: Path, content: str, line: int, what: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read_qrels(_file(tmp_path, content))
    assert f"file.tsv, line {line}:" in caught.value.message
    assert caught.value.fix


_ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(
    lambda s: s.split() == [s] and s[0] != "\ufeff"
)
_hits = st.dictionaries(_ids, st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(_ids, _hits, max_size=4))
def test_a_run_survives_its_file(scores: dict[str, dict[str, float]]) -> None:
    run = {query: list(hits.items()) for query, hits in scores.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.txt"
        write_run(run, path, tag="t")
        found = read_run(path)
    assert {query: dict(hits) for query, hits in found.items()} == scores
    for hits in found.values():
        assert [(s, i) for i, s in hits] == sorted(((s, i) for i, s in hits), reverse=True)


def test_a_run_is_written_best_first(tmp_path: Path) -> None:
    write_run({"q": [("a", 0.1), ("b", 2.0), ("c", 2.0)]}, tmp_path / "run")
    assert (tmp_path / "run").read_text() == (
        "q Q0 c 1 2.0 goodsense\nq Q0 b 2 2.0 goodsense\nq Q0 a 3 0.1 goodsense\n"
    )


def test_malformed_runs_are_refused(tmp_path: Path) -> None:
    for content, what in (
        ("q Q0 a 1 2.0\n", "5 columns"),
        ("q Q0 a 1 inf t\n", "'inf'"),
        ("q Q0 a 1 2 t\nq Q0 a 2 1 t\n", "line 2.*twice"),
    ):
        with pytest.raises(DataError, match=what):
            read_run(_file(tmp_path, content))
    with pytest.raises(DataError, match="white space"):
        write_run({"q": [("a b", 1.0)]}, tmp_path / "out")
    with pytest.raises(DataError, match="finite"):
        write_run({"q": [("a", float("nan"))]}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.text('qid\t\n 0123.-e{}":,', max_size=80).map(str.encode)))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = _file(Path(folder), content)
        for read in (read_queries, read_qrels, read_run):
            with contextlib.suppress(DataError):
                read(path)
