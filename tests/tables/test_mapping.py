"""Mapping files: what they may say, and that every mistake in one is named with its key and the fix."""

from pathlib import Path

import pytest

from goodsense.errors import UsageError
from goodsense.tables.mapping import is_mapping, load_mapping
from goodsense.tables.targets import CHILDREN, FIELDS, PREFIXES

FULL = """
target = "products"
[source]
format = "json"
records = "data.items[*]"
[fields]
id = "sku"
title = ["name_zh", "name"]
brand = { value = "Acme" }
description = { template = "{name} {{{size}}}", as = ["strip", { replace = "a", with = "b" }], default = "none" }
attribute.color = "color"
"attribute.尺寸" = "size"
[[where]]
path = "status"
in = ["on", 1, true]
[[where]]
path = "name"
matches = "^[a-z]"
not = true
[children.variants]
each = "skus[*]"
fields.sku = "code"
fields.option.color = "c"
[tables.status]
"1" = "in_stock"
[api]
url = "https://shop.example/products"
paging = "page"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_full_file_is_read(tmp_path: Path) -> None:
    mapping = load_mapping(write(tmp_path, FULL))
    assert mapping.target == "products"
    assert list(mapping.fields) == ["id", "title", "brand", "description", "attribute.color", "attribute.尺寸"]
    assert [path.text for path in mapping.fields["title"].paths] == ["name_zh", "name"]
    template = [part if isinstance(part, str) else part.text for part in mapping.fields["description"].template]
    assert template == ["name", " ", "{", "size", "}"]
    assert list(mapping.children["variants"].fields) == ["sku", "option.color"]
    assert mapping.where[0].equals == {"on", "1", "true"}
    assert mapping.api is not None


@pytest.mark.parametrize(
    ("text", "place", "fix"),
    [
        ("feilds.id = 'a'", "feilds: this key is unknown", "Did you mean 'fields'?"),
        ("[fields]", "no field is mapped", "id ="),
        ("target = 'product'\n[fields]\nid='a'", "target: found 'product'", "Did you mean 'products'?"),
        ("[fields]\nname = 'a'", "fields.name: there is no such field", "Did you mean 'title'?"),
        ("[fields]\ntitel = 'a'", "fields.titel: there is no such field", "Did you mean 'title'?"),
        ("[fields]\nid = 3", "fields.id: expected a path, found 3", "value = 3"),
        ("[fields]\nid = 'a..b'", "fields.id: 'a..b' is no path", "offers"),
        ("[fields]\nid = []", "fields.id: expected a path", "a.b"),
        ("[fields]\nid = { pth = 'a' }", "fields.id.pth: this key is unknown", "Did you mean 'path'?"),
        ("[fields]\nid = { as = 'lower' }", "fields.id: expected one of path, template and value", "Keep"),
        (
            "[fields]\nid = { path = 'a', as = ['lower', 'strip_htm'] }",
            r"fields.id.as\[1\]: there is no step",
            "strip_html",
        ),
        ("[fields]\nid = { path = 'a', as = { lookup = 'x' } }", r"no \[tables.x\]", "tables.x"),
        ("[fields]\nid = { template = 'a {b' }", "'{' at character", "brace"),
        ("[fields]\nid = { template = 'a' }", "has no {path}", "value ="),
        ("[fields]\nid = { value = 2024-01-01 }", "fields.id.value", "Quote"),
        ("[source]\nformat = 'xls'\n[fields]\nid='a'", "source.format: found 'xls'", "Did you mean 'xml'?"),
        ("[source]\nformat = 'log'\n[fields]\nid='a'", "source.pattern", "combined"),
        ("[source]\nformat = 'log'\npattern='a'\n[fields]\nid='a'", "no named groups", "P<name>"),
        ("[source]\nformat = 'log'\npattern='('\n[fields]\nid='a'", "source.pattern: the regular", "combined"),
        ("[source]\nformat = 'json'\ndelimiter=','\n[fields]\nid='a'", "source.delimiter", "csv"),
        ("[source]\ndelimiter=',,'\n[fields]\nid='a'", "source.delimiter: found ',,'", "single sign"),
        ("[source]\nencoding='utf-99'\n[fields]\nid='a'", "source.encoding", "gb18030"),
        ("[source]\nencoding='rot13'\n[fields]\nid='a'", "source.encoding", "gb18030"),
        ("[source]\ncolumns=['a','a']\n[fields]\nid='a'", "source.columns: a name stands there twice", "own name"),
        ("[source]\nformat='csv'\nrecords='a'\n[fields]\nid='a'", "source.records", "Leave it out"),
        ("[source]\nrecords='a[x=\"1\"]'\n[fields]\nid='a'", "source.records", "names only"),
        ("where = 3\n[fields]\nid='a'", "where: expected", "two brackets"),
        ("[fields]\nid='a'\n[[where]]\npath='a'", r"where\[0\]: expected a path and one of", "equals"),
        ("[fields]\nid='a'\n[[where]]\npath='a'\nmatches='('", r"where\[0\].matches", "Correct"),
        ("[fields]\nid='a'\n[[where]]\npath='a'\nequals=[1]", r"where\[0\].equals", "equals"),
        ("[fields]\nid='a'\n[children.variant]\neach='a'", "children.variant: this key is unknown", "'variants'"),
        (
            "[fields]\nid='a'\n[children.variants]\nfields.sku='a'",
            "children.variants.each: this key is missing",
            "skus",
        ),
        ("[fields]\nid='a'\n[children.variants]\neach='a'\nfields.name='b'", "children.variants.fields.name", "Known"),
        (
            "[fields]\nid='a'\nvariants='b'\n[children.variants]\neach='a'\nfields.sku='b'",
            "mapped in .fields. too",
            "Keep",
        ),
        ("[fields]\nid='a'\n[group]\nby='id'\ninto='variants'\ngather=['title']", "group.gather: 'title'", "Known"),
        ("[fields]\nid='a'\n[tables.x]\na=[1]", "tables.x.a", "in_stock"),
        ("[fields]\nid='a'\n[api]\nurl='ftp://x'", "api.url: found", "https"),
        ("[fields]\nid='a'\n[api]\nurl='https://x.example'\npaging='cursor'", "api.cursor: paging by cursor", "page"),
        ("[fields]\nid='a'\n[api]\nurl='https://x.example'\npagin='page'", "api.pagin", "'paging'"),
        ("[fields]\nid='a'\n[api]\nurl='https://x.example'\npaging='offset'", "api.page_size", "records"),
        ("[fields]\nid='a'\n[api]\nurl='https://x.example'\nheaders={'a b'='c'}", "api.headers.a b", "Authorization"),
        ("[fields\nid='a'", "no TOML", "quotes"),
        ("fields = 3", "fields: expected a table, found 3", r"\[fields\]"),
    ],
)
def test_mistakes_are_named_with_key_and_fix(text: str, place: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=place) as caught:
        load_mapping(write(tmp_path, text))
    assert "mapping.toml" in caught.value.message
    assert fix.replace("\\", "") in caught.value.fix


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such mapping file"):
        load_mapping(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"bytes.toml: byte 0 is not UTF-8"):
        load_mapping(tmp_path / "bytes.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (1 << 21))
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        load_mapping(tmp_path / "large.toml")
    (tmp_path / "deep.toml").write_text("x = " + "[" * 10_000)
    with pytest.raises(UsageError, match=r"deep.toml: the mapping file is no TOML"):
        load_mapping(tmp_path / "deep.toml")


def test_mapping_files_are_told_by_their_content(tmp_path: Path) -> None:
    assert is_mapping(write(tmp_path, FULL))
    assert not is_mapping(write(tmp_path, "[text]\nstem = true"))
    assert not is_mapping(tmp_path / "none.toml")


@pytest.mark.parametrize("target", FIELDS)
def test_every_field_of_every_target_can_be_mapped(target: str, tmp_path: Path) -> None:
    known = FIELDS[target]  # type: ignore[index]
    lines = [f'"{name}" = "a"' for name in known if name not in CHILDREN[target]]  # type: ignore[index]
    lines += [f'"{prefix}x" = "a"' for prefix in PREFIXES[target]]  # type: ignore[index]
    children = [
        f'[children.{name}]\neach = "b[*]"\n[children.{name}.fields]\n'
        + "\n".join(f'{field} = "c"' for field in fields)
        for name, fields in CHILDREN[target].items()  # type: ignore[index]
    ]
    text = "\n".join([f'target = "{target}"', "[fields]", *lines, *children])
    mapping = load_mapping(write(tmp_path, text))
    assert set(known) <= {*mapping.fields, *mapping.children}
