"""Drafts of mapping files: they find the records, guess the usual fields, and are valid mapping files."""

import json
from pathlib import Path

import pytest

from goodsense.errors import DataError, UsageError
from goodsense.tables import Rejects
from goodsense.tables.draft import draft_mapping
from goodsense.tables.mapped import mapped_rows
from goodsense.tables.mapping import load_mapping
from goodsense.tables.places import json_place, xml_place
from tests.tables.mapping_mutations import valid


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ('[{"a": 1}, {"a": 2}]', ""),
        ('{"a": 1}\n{"a": 2}\n', ""),
        ('{"meta": {"tags": [1]}, "data": {"few": [{}], "items": [{"x": [{}, {}, {}]}, {"a": 1}', "data.items[*]"),
        ('{"odd key": [{"a": 1}', '["odd key"][*]'),
        ('{"by id": {"p1": {"a": 1}, "p2": {"a": 2}, "p3": {"a": 3}}}', '["by id"].*'),
        ('{"items": [{"text": "[{"}', "items[*]"),
        ('{"name": "one product"}', ""),
    ],
)
def test_records_are_found_in_json(head: str, expected: str) -> None:
    assert json_place(head, lines=True) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("<rss><channel><title>x</title><item><a/><b/></item><item><a/><b/></item>", "item"),
        (
            '<shop><cats><c id="1"/><c id="2"/><c id="3"/></cats><offers><offer><n/><p a="1"/></offer><offer><n/><p/>',
            "offer",
        ),
        ('<smses count="2"><sms body="a" date="1"/><sms body="b"/></smses>', "sms"),
        ("<products><product><id>1</id><name>a</name></product></products>", "product"),
        ("not <xml", ""),
    ],
)
def test_records_are_found_in_xml(head: str, expected: str) -> None:
    assert xml_place(head) == expected


@pytest.mark.parametrize("format_name", ["json", "csv", "xml"])
def test_a_draft_reads_its_source(format_name: str, tmp_path: Path) -> None:
    source = tmp_path / f"export.{format_name}"
    source.write_bytes(valid(format_name)[1])
    text = draft_mapping(source)
    (tmp_path / "m.toml").write_text(text, "utf-8")
    rejects = Rejects.to_memory()
    rows = [row.values for row in mapped_rows(load_mapping(tmp_path / "m.toml"), source, rejects)]
    assert len(rows) == 12
    assert len(rejects) == 0
    assert rows[3]["id"] in ("A3", "A4")
    assert rows[3]["title"] == "Lamp 3"
    assert rows[3]["attribute.cat"] == "Home/Light"
    assert rows[3]["description"].startswith("Warm & bright")
    assert "# The first record:" in text


@pytest.mark.parametrize(("format_name", "said"), [("log", 'pattern = "combined"'), ("mail", 'format = "mail"')])
def test_drafts_of_logs_and_mails(format_name: str, said: str, tmp_path: Path) -> None:
    source = tmp_path / "export.dat"
    source.write_bytes(valid(format_name)[1])
    (tmp_path / "m.toml").write_text(draft_mapping(source, target="events", aliases={"user": ("user",)}), "utf-8")
    assert said in (tmp_path / "m.toml").read_text("utf-8")
    if format_name == "log":
        rows = list(mapped_rows(load_mapping(tmp_path / "m.toml"), source, Rejects.to_memory()))
        assert rows[2].values["user"] == "u2"


def test_hostile_names_and_values_stay_inside_their_quotes(tmp_path: Path) -> None:
    source = tmp_path / "x.json"
    names = ["a.b", 'q"x', "l\nb", "br[0]", "'", "\u2028", "灯", " spaced ", "\\", "{t}", "*", "$", "@", "#"]
    source.write_text(json.dumps([{"id": "1\n[evil]", **dict.fromkeys(names, 'x"\n[fields]\nid = 1')}] * 3), "utf-8")
    (tmp_path / "m.toml").write_text(draft_mapping(source), "utf-8")
    mapping = load_mapping(tmp_path / "m.toml")
    (first, *_) = mapped_rows(mapping, source, Rejects.to_memory())
    assert {f"attribute.{name}" for name in names} <= set(first.values)


@pytest.mark.parametrize("data", [b"", b"<a>1</a>", b"\0\0\0\0", b"%PDF-1.7", b"<!doctype html><html>"])
def test_what_cannot_be_drafted_is_an_error_that_names_the_file(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.dat").write_bytes(data)
    with pytest.raises((DataError, UsageError), match=r"x\.dat"):
        draft_mapping(tmp_path / "x.dat")
