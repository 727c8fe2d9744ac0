"""Damaged and hostile feeds: products and rejects come out, or one clear error."""

import gzip
import json
import time
import tracemalloc
from pathlib import Path

import pytest

from goodsense.catalog.feeds import read_feed
from goodsense.errors import DataError
from goodsense.tables import Reject, Rejects
from tests.catalog.mutations import FORMATS, run_mutations


@pytest.mark.parametrize("format_name", FORMATS)
def test_mutations(format_name: str) -> None:
    told = run_mutations(format_name, 200, seed=7)
    assert told["cases"] == 200
    assert told["products"] > 0
    assert told.get("errors", 0) + told["rejects"] > 0


def ids(path: Path, data: bytes) -> tuple[list[str], tuple[Reject, ...]]:
    path.write_bytes(data)
    rejects = Rejects.to_memory()
    found = [product.id for _, product in read_feed(path, rejects=rejects)]
    return found, rejects.first


def until_error(path: Path) -> tuple[list[str], DataError]:
    seen: list[str] = []
    try:
        seen.extend(product.id for _, product in read_feed(path, rejects=Rejects.to_memory()))
    except DataError as error:
        return seen, error
    pytest.fail(f"{path} is damaged, and nothing said so")


def rss(inside: str, *, head: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{head}<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>{inside}'
        "</channel></rss>"
    ).encode()


def item(id: str, more: str = "") -> str:
    return f"<item><g:id>{id}</g:id><title>t</title>{more}</item>"


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_document_types_and_entities_are_refused(head: str, tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_bytes(rss(item("1", "<g:brand>&b;</g:brand>"), head=head))
    with pytest.raises(DataError, match=r"x\.xml.*document type"):
        read_feed(tmp_path / "x.xml", rejects=Rejects.to_memory())


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_bytes(rss(f"{item('1')}<item>{'<a>' * 100_000}"))
    feed = read_feed(tmp_path / "x.xml", rejects=Rejects.to_memory())
    with pytest.raises(DataError, match="nest deeper"):
        list(feed)


def test_an_endless_comment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_bytes(rss(item("1") + "<!-- " + "x" * 3_000_000))
    with pytest.raises(DataError, match=r"x\.xml"):
        list(read_feed(tmp_path / "x.xml", rejects=Rejects.to_memory()))


@pytest.mark.parametrize(
    "broken", [item("2", "&nbsp;"), item("2", "<b>"), "<item><g:id>2</g:id", item("2", "<x:y/>"), item("2", "a & b")]
)
def test_a_broken_item_costs_itself_only(broken: str, tmp_path: Path) -> None:
    many = "".join(item(str(n)) for n in range(10, 600))
    found, rejects = ids(tmp_path / "x.xml", rss(item("1") + broken + item("3") + many))
    assert found[:2] in (["1", "3"], ["1", "10"])
    assert found[-590:] == [str(n) for n in range(10, 600)]
    assert [reject.row for reject in rejects] == [2]
    assert "damaged" in rejects[0].reason


@pytest.mark.parametrize("declaration", ['xmlns:x=""', 'xmlns:xmlns="u"', 'xmlns:xml="u"', 'xmlns:g="other"'])
def test_broken_declarations_end_in_items_or_an_error(declaration: str, tmp_path: Path) -> None:
    data = rss("".join(item(str(n), "&nbsp;" * (n % 2)) for n in range(20)))
    data = data.replace(b'<rss version="2.0"', f'<rss version="2.0" {declaration}'.encode())
    found, rejects = ids(tmp_path / "x.xml", data)
    assert len(found) + len(rejects) in range(20, 23)
    assert found


def test_broken_items_of_atom_feeds_too(tmp_path: Path) -> None:
    entries = "".join(f'<entry><g:id>{n}</g:id><link href="http://x/{n}"/>{"&" * (n == 2)}</entry>' for n in range(4))
    head = '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">'
    found, rejects = ids(tmp_path / "x.xml", f"{head}{entries}</feed>".encode())
    assert found == ["0", "1", "3"]
    assert len(rejects) == 1


def test_bytes_that_are_no_text_cost_one_item(tmp_path: Path) -> None:
    data = rss(item("1") + item("2", "<g:brand>BAD</g:brand>") + item("3")).replace(b"BAD", b"caf\xe9")
    found, rejects = ids(tmp_path / "x.xml", data)
    assert found == ["1", "3"]
    assert rejects[0].row == 2


def test_chinese_xml_in_its_own_encoding(tmp_path: Path) -> None:
    data = rss(item("1", "<g:brand>华为</g:brand>")).decode().replace('"1.0"', '"1.0" encoding="GBK"', 1).encode("gbk")
    (tmp_path / "x.xml").write_bytes(data)
    products = [product for _, product in read_feed(tmp_path / "x.xml", rejects=Rejects.to_memory())]
    assert products[0].brand == "华为"


@pytest.mark.parametrize("name", ["UTF-9", "rot13", "hex", "idna", "undefined", "unicode_escape", "utf-16"])
def test_an_encoding_that_is_none_reads_as_utf8(name: str, tmp_path: Path) -> None:
    found, _ = ids(tmp_path / "x.xml", rss(item("1")).replace(b'"1.0"', f'"1.0" encoding="{name}"'.encode(), 1))
    assert found == ["1"]


def test_a_gzip_bomb_stops_early(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb.csv.gz", "wb", compresslevel=9) as file:
        file.write(b"id,title\n1,")
        for _ in range(80):
            file.write(b"x" * (1 << 20))
    feed = read_feed(tmp_path / "bomb.csv.gz", rejects=Rejects.to_memory())
    with pytest.raises(DataError, match="decompression bomb"):
        list(feed)


def test_truncated_gzip_says_so(tmp_path: Path) -> None:
    rows = b"".join(b"%d,title %d\n" % (n, n * 7919) for n in range(50_000))
    packed = gzip.compress(b"id,title\n" + rows)
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    seen, error = until_error(tmp_path / "cut.csv.gz")
    assert len(seen) > 1000
    assert "cut.csv.gz" in error.message
    assert "cut off" in error.message


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_single_line_of_50_megabytes_costs_itself_only(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    first, last = (b'{"id": "1"}\n', b'{"id": "3"}\n') if name == "x.jsonl" else (b"id,title\n1,a\n", b"3,c\n")
    with path.open("wb") as file:
        file.write(first)
        file.write(b'{"id": "2' if name == "x.jsonl" else b"2,")
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + last)
    rejects = Rejects.to_memory()
    tracemalloc.start()
    found = [product.id for _, product in read_feed(path, rejects=rejects)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == ["1", "3"]
    assert "longer than" in rejects.first[0].reason
    assert peak < 30_000_000


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_marks(end: bytes, bom: bytes, tmp_path: Path) -> None:
    found, rejects = ids(tmp_path / "x.csv", bom + end.join([b"id,title", b"1,a", b"", b"2,b", b""]))
    assert (found, rejects) == (["1", "2"], ())


def test_ragged_rows_are_rejected_with_both_counts(tmp_path: Path) -> None:
    found, rejects = ids(tmp_path / "x.csv", b"id,title,brand\n1,a,b\n2,a\n3,a,b,c\n4,a,b,,\n,,\n5,a,b\n")
    assert found == ["1", "4", "5"]
    assert [(reject.row, reject.record) for reject in rejects] == [(3, ["2", "a"]), (4, ["3", "a", "b", "c"])]
    assert "2 cells, the header 3" in rejects[0].reason
    assert rejects[0].fix


def test_an_unclosed_quote_costs_one_row(tmp_path: Path) -> None:
    rows = b"".join(b"%d,title %d\n" % (n, n) for n in range(3, 2000))
    found, rejects = ids(tmp_path / "x.csv", b'id,title\n1,a\n2,"oops\n' + rows)
    assert found == ["1", *map(str, range(3, 2000))]
    assert [reject.row for reject in rejects] == [3]


def test_hostile_json_values_are_rejected(tmp_path: Path) -> None:
    lines = [
        '{"id": "1"}',
        '{"id": "2", "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"id": "3", "x": 1e999}',
        '{"id": "4", "x": NaN}',
        '{"id": "5", "title": "\\ud800"}',
        '{"id": "6", "title": "a\\u0000b"}',
        '{"id": "7", "x": ' + "9" * 5000 + "}",
        '["id"]',
        '{"id": "8"',
        '{"id": "9"}',
    ]
    found, rejects = ids(tmp_path / "x.jsonl", "\n".join(lines).encode())
    assert found == ["1", "9"]
    assert [reject.row for reject in rejects] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_a_damaged_array_gives_what_comes_before(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"id": 1}, {"id": 2}, {"id": }, {"id": 4}]')
    seen, error = until_error(tmp_path / "x.json")
    assert seen == ["1", "2"]
    assert "x.json: item 3" in error.message


def wide_csv(columns: int) -> bytes:
    return b"id,title" + b",a" * (columns - 2) + b"\n" + b"1,drum" + b",x" * (columns - 2) + b"\n"


def wide_json(columns: int) -> bytes:
    """Three rows, each with columns that no other has."""
    rows = ({"id": str(n), "title": "drum", **{f"k{n}-{c}": 1 for c in range(columns)}} for n in range(3))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize(("data", "expected"), [(wide_csv(10_000), ["1"]), (wide_json(20_000), ["0", "1", "2"])])
def test_many_columns_take_seconds_not_minutes(data: bytes, expected: list[str], tmp_path: Path) -> None:
    started = time.process_time()
    assert ids(tmp_path / "wide.feed", data)[0] == expected
    assert time.process_time() - started < 5, "what is allowed for any damaged feed"


def test_a_first_row_that_is_no_header_by_far_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"200,000 cells; expected at most 10,000") as caught:
        ids(tmp_path / "x.csv", wide_csv(200_000))
    assert "header" in caught.value.fix
