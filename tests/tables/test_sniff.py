import gzip
from pathlib import Path

import pytest

from goodsense.errors import DataError, UsageError
from goodsense.tables import Sniffed, read_head, sniff

CHINESE = "商品编号,标题,品牌\n1,北欧风格台灯,灯光之家\n2,实木书桌,木之家\n"


def sniffed(path: Path, data: bytes, name: str = "x") -> Sniffed:
    (path / name).write_bytes(data)
    return sniff(path / name)


@pytest.mark.parametrize(
    ("text", "format", "delimiter"),
    [
        ("id,title\n1,a\n", "csv", ","),
        ("id\ttitle\n1\ta\n", "tsv", "\t"),
        ("id;title;price\n1;a;1,5\n2;b;2,5\n", "csv", ";"),
        ("id|title\n1|a,b\n2|c,d\n", "csv", "|"),
        ('"id","ti;t;l;e"\n1,"a;b"\n', "csv", ","),
        ("id\n1\n", "csv", ","),
        ("sep=;\nid;a,b,c\n1;2\n", "csv", ";"),
        ('{"id": 1}\n{"id": 2}\n', "jsonl", ""),
        ('  [ {"id": 1} ]', "json", ""),
        ('<?xml version="1.0"?><rss/>', "xml", ""),
        ("  <rss/>", "xml", ""),
        ("{id},b\n1,2\n", "csv", ","),
        ("[id],b\n1,2\n", "csv", ","),
    ],
)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("packed", [False, True])
def test_format_and_delimiter_by_content(
    text: str, format: str, delimiter: str, bom: bytes, packed: bool, tmp_path: Path
) -> None:
    data = bom + text.encode()
    found = sniffed(tmp_path, gzip.compress(data, mtime=0) if packed else data)
    assert (found.format, found.delimiter, found.compressed) == (format, delimiter, packed)
    if format != "xml":
        assert found.encoding == ("utf-8-sig" if bom else "utf-8")


@pytest.mark.parametrize(
    ("codec", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("gb18030", "gb18030"), ("gbk", "gb18030")],
)
def test_encodings(codec: str, found: str, tmp_path: Path) -> None:
    result = sniffed(tmp_path, CHINESE.encode(codec))
    assert result.encoding == found
    assert read_head(tmp_path / "x", result) == CHINESE
    assert bool(result.notes) == (found in ("gb18030", "utf-16"))


def test_western_text_is_not_taken_for_chinese(tmp_path: Path) -> None:
    data = "id,title\n1,café crème\n2,déjà vu\n3,Größe\n".encode("cp1252")
    with pytest.raises(DataError, match=r"byte 0xe9 at offset 14 is neither UTF-8 nor GB18030") as caught:
        sniffed(tmp_path, data)
    assert "iconv" in caught.value.fix


def test_a_few_bad_bytes_leave_the_rest_readable(tmp_path: Path) -> None:
    rows = b"".join(b"%d,plain\n" % n for n in range(50))
    found = sniffed(tmp_path, b"id,title\n" + rows + b"51,caf\xe9\n")
    assert found.encoding == "utf-8"
    assert "rejected" in found.notes[0]


def test_chinese_with_a_few_bad_bytes_stays_utf8(tmp_path: Path) -> None:
    assert sniffed(tmp_path, (CHINESE * 20).encode() + b"9,\xff\xfe,x\n").encoding == "utf-8"


def test_a_head_that_ends_within_a_character(tmp_path: Path) -> None:
    text = "id,title\n" + "".join(f"{n},台灯台灯台灯台灯\n" for n in range(20_000))
    for shift in range(3):
        assert sniffed(tmp_path, b" " * shift + text.encode()).encoding == "utf-8"
        assert sniffed(tmp_path, b" " * shift + text.encode("gb18030")).encoding == "gb18030"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"PK\x03\x04xx", "Excel"),
        (b"%PDF-1.7", "PDF"),
        ("id,title\n1,a\n".encode("utf-16-le"), "byte-order mark"),
        ("id,title\n1,a\n".encode("utf-32"), "UTF-32"),
        (gzip.compress(b"", mtime=0), "empty"),
        (gzip.compress(b"id,title\n" * 99, mtime=0)[:30], "damaged or cut off"),
    ],
)
def test_what_is_no_table_is_named(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as caught:
        sniffed(tmp_path, data)
    assert str(tmp_path / "x") in caught.value.message
    assert caught.value.fix


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "none" / "x"):
        with pytest.raises(UsageError, match="no such file"):
            sniff(path)


def test_a_folder_is_told_by_the_names_below_it(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "a.jpg").write_bytes(b"x")
    (tmp_path / ".hidden").write_bytes(b"x")
    found = sniff(tmp_path)
    assert found.format == "folder"
    assert read_head(tmp_path, found) == "cats/a.jpg"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{\n  "images": []\n}\n', "object"),
        ('{"@context": "https://schema.org",\n "name": "Lamp"}', "object"),
        ('{"id": "1"}\n{"id": "2"}\n', "jsonl"),
        ('{"id": "1"\n{"id": "2"}\n', "jsonl"),  # the first line is damaged
        ('{"images": [], "annotations": []}', "jsonl"),
        ("<!DOCTYPE html>\n<html lang=en>", "html"),
        ("<?xml version='1.0'?><!-- a page --><HTML>", "html"),
        ("<?xml version='1.0'?><rss><html/></rss>", "xml"),
    ],
)
def test_one_object_over_several_lines_and_web_pages_are_told_apart(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "x"
    path.write_text(text, "utf-8")
    assert sniff(path).format == expected
