"""Rows out of records of every format, by mapping files."""

import gzip
import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from goodsense.errors import DataError, UsageError
from goodsense.tables import Reject, Rejects
from goodsense.tables.mapped import mapped_rows
from goodsense.tables.mapping import load_mapping
from tests.tables.mapping_mutations import FORMATS, run_mutations

Found = tuple[list[dict[str, Any]], tuple[Reject, ...]]


def read(
    tmp_path: Path, mapping: str, data: bytes | str, *, name: str = "source.dat", notes: list[str] | None = None
) -> Found:
    """The rows of data under a mapping, and what was rejected."""
    (tmp_path / "m.toml").write_text(mapping, "utf-8")
    source = tmp_path / name
    source.write_bytes(data.encode() if isinstance(data, str) else data)
    rejects = Rejects.to_memory()
    rows = [row.values for row in mapped_rows(load_mapping(tmp_path / "m.toml"), source, rejects, notes=notes)]
    return rows, rejects.first


# ---- fields


def test_fields_take_paths_candidates_constants_templates_and_defaults(tmp_path: Path) -> None:
    rows, rejected = read(
        tmp_path,
        """
        [fields]
        id = "sku"
        title = ["zh", "en"]
        brand = { value = "Acme" }
        description = { template = "{en} by {maker}: {tags[*]}" }
        category = { path = "cat", as = { split = "/" }, default = ["Other"] }
        bullets = "tags[*]"
        """,
        '{"sku": 1, "zh": "", "en": "lamp", "tags": ["a", "b"]}\n{"sku": 2, "zh": "台灯", "cat": "Home/Light"}\n',
    )
    assert rejected == ()
    assert rows == [
        {
            "id": 1,
            "title": "lamp",
            "brand": "Acme",
            "description": "lamp by : a, b",
            "category": ["Other"],
            "bullets": ["a", "b"],
        },
        {"id": 2, "title": "台灯", "brand": "Acme", "category": ["Home", "Light"]},
    ]


def test_a_value_that_does_not_fit_costs_itself_only_and_names_its_field(tmp_path: Path) -> None:
    rows, (reject,) = read(
        tmp_path,
        "[fields]\nid = 'sku'\nstock = { path = 'n', as = 'integer' }",
        '{"sku": "A", "n": "many"}\n{"sku": "B", "n": "3"}\n',
    )
    assert rows == [{"id": "A"}, {"id": "B", "stock": 3}]
    assert (reject.row, reject.column, reject.value, reject.scope) == (1, "stock", "many", "field")
    assert reject.record == {"id": "A"}
    assert "no number" in reject.reason


def test_records_without_any_mapped_field_are_rejected_and_never_found_fields_are_said(tmp_path: Path) -> None:
    notes: list[str] = []
    rows, (reject,) = read(
        tmp_path, "[fields]\nid = 'sku'\ntitle = 'nmae'", '{"sku": 1, "name": "x"}\n{"x": 1}\n', notes=notes
    )
    assert rows == [{"id": 1}]
    assert reject.scope == "row"
    assert notes == ["m.toml: title (nmae) was found in none of 2 records; the first one has: sku, name."]


def test_conditions_keep_records(tmp_path: Path) -> None:
    data = "".join(
        json.dumps(record) + "\n"
        for record in (
            {"id": 1, "on": True, "type": "toy", "n": 1},
            {"id": 2, "on": False, "type": "toy", "n": 1},
            {"id": 3, "on": True, "type": "book", "n": 1},
            {"id": 4, "on": True, "type": "toy"},
            {"id": 5, "on": True, "type": "Toys", "n": 2.0},
            {"id": 6, "on": True, "type": "toy", "n": 3},
        )
    )
    conditions = [
        ("path = 'on'\nequals = true", [1, 3, 4, 5, 6]),
        ("path = 'n'\nin = [2, '3']", [5, 6]),
        ("path = 'type'\nmatches = '(?i)^toy'", [1, 2, 4, 5, 6]),
        ("path = 'type'\nmatches = 'oy'\nnot = true", [3]),
        ("path = 'n'\nexists = false", [4]),
        ("path = 'n'\nexists = true\n[[where]]\npath = 'type'\nequals = 'toy'", [1, 2, 6]),
    ]
    for condition, expected in conditions:
        rows, _ = read(tmp_path, f"[fields]\nid = 'id'\n[[where]]\n{condition}", data)
        assert [row["id"] for row in rows] == expected, condition


def test_one_record_may_be_several_rows(tmp_path: Path) -> None:
    order = {"no": 7, "who": {"id": "u1"}, "lines": [{"sku": "a", "q": 2}, {"sku": "b", "q": 1}]}
    rows, _ = read(
        tmp_path,
        """
        target = "events"
        [source]
        each = "lines[*]"
        [fields]
        user = "$.who.id"
        item = "sku"
        quantity = "q"
        type = { value = "purchase" }
        event_id = { template = "{$.no}-{sku}" }
        """,
        json.dumps(order) + "\n",
    )
    assert rows == [
        {"user": "u1", "item": "a", "quantity": 2, "type": "purchase", "event_id": "7-a"},
        {"user": "u1", "item": "b", "quantity": 1, "type": "purchase", "event_id": "7-b"},
    ]


def test_lists_of_objects_have_fields_of_their_own(tmp_path: Path) -> None:
    record = {
        "id": 1,
        "cur": "EUR",
        "skus": [{"c": "A", "p": 1250, "col": "red"}, {"c": "B", "p": "x", "col": "blue"}, {}],
    }
    (row,), (reject,) = read(
        tmp_path,
        """
        [fields]
        id = "id"
        [children.variants]
        each = "skus[*]"
        [children.variants.fields]
        sku = "c"
        price = { path = "p", as = { money = "cents" } }
        currency = { path = "$.cur" }
        option.color = "col"
        """,
        json.dumps([record]),
    )
    assert row["variants"] == [
        {"sku": "A", "price": "12.50", "currency": "EUR", "options": {"color": "red"}},
        {"sku": "B", "currency": "EUR", "options": {"color": "blue"}},
        {"currency": "EUR"},
    ]
    assert reject.column == "variants[1].price"


def test_rows_of_a_group_become_one_wherever_they_stand(tmp_path: Path) -> None:
    rows, rejected = read(
        tmp_path,
        """
        target = "conversations"
        [source]
        format = "xml"
        records = "sms"
        [fields]
        id = "@address"
        channel = { value = "sms" }
        role = { path = "@type", as = { lookup = "side" } }
        text = "@body"
        time = { path = "@date", as = { date = "epoch_ms", zone = "Asia/Shanghai" } }
        [tables.side]
        "1" = "user"
        "2" = "agent"
        [group]
        by = "id"
        into = "turns"
        gather = ["role", "text", "time"]
        """,
        '<smses><sms address="+861" date="1700000000000" type="1" body="台灯有货吗"/>'
        '<sms address="+862" type="1" body="hi"/>'
        '<sms address="+861" date="1700000060000" type="2" body="有的"/><sms type="1" body="nobody"/></smses>',
    )
    assert [row["id"] for row in rows] == ["+861", "+862"]
    assert rows[0] == {
        "id": "+861",
        "channel": "sms",
        "turns": [
            {"role": "user", "text": "台灯有货吗", "time": "2023-11-15T06:13:20+08:00"},
            {"role": "agent", "text": "有的", "time": "2023-11-15T06:14:20+08:00"},
        ],
    }
    assert [reject.column for reject in rejected] == ["id"]


# ---- formats

PLAIN = "[fields]\nid = 'id'\ntitle = 'name'\n"


ONE, TWO = '{"id": "1", "name": "灯"}', '{"id": "2", "name": "b"}'
ELEMENTS = "<p><id>1</id><name>灯</name></p><p><id>2</id><name>b</name></p>"
TABLE = "id,name\n1,灯\n2,b\n"


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("", f"[{ONE}, {TWO}]"),
        ("", f"{ONE}\n{TWO}\n"),
        ("records = 'd.items[*]'", f'{{"x": [[{{"id": 9}}]], "d": {{"items": [{ONE}, {TWO}]}}}}'),
        ("records = 'd.items'", f'{{\n "d": {{"n": "]}}", "items":\n [{ONE}, {TWO}]}}}}'),
        ("records = 'p[*].i[*]'", f'{{"p": [{{"i": [{ONE}]}}, {{"i": [{TWO}]}}, {{"i": []}}]}}'),
        ("records = 'p[1].i'", f'{{"p": [{{"i": 3}}, {{"i": [{ONE}, {TWO}]}}]}}'),
        ("records = 'd.*'", f'{{"d": {{"a": {ONE}, "b": {TWO}}}}}'),
        ("records = 'd'", f'{{"d": {ONE}}}\n{{"d": {TWO}}}\n'),
        ("format = 'json'", f"{ONE} {TWO}"),
        ("format = 'jsonl'\nrecords = 'd.items'", f'{{"d": {{"items": [{ONE}, {TWO}]}}}}\n'),
        ("each = 'd[*].items'", f'{{"d": [{{"items": [{ONE}]}}, {{"items": {TWO}}}]}}\n'),
        ("", TABLE),
        ("format = 'csv'\ndelimiter = ';'", TABLE.replace(",", ";")),
        ("format = 'csv'\ncolumns = ['id', 'name']", TABLE.partition("\n")[2]),
        ("format = 'tsv'", TABLE.replace(",", "\t")),
        ("encoding = 'gb18030'\nformat = 'csv'", TABLE.encode("gb18030")),
        ("", TABLE.encode("utf-16")),
        ("", gzip.compress(TABLE.encode(), mtime=0)),
        ("records = 'p'", f"<c>{ELEMENTS}</c>"),
        ("records = 'c.p'", f"<x><p><id>0</id></p><c>{ELEMENTS}</c></x>"),
        ("records = 'p'", f'<?xml version="1.0" encoding="GBK"?><c>{ELEMENTS}</c>'.encode("gbk")),
        ("format = 'log'\npattern = '^(?P<id>\\d+) (?P<name>.+)$'", "1 灯\n2 b\n"),
    ],
)
def test_every_format_gives_the_same_rows(source: str, data: bytes | str, tmp_path: Path) -> None:
    rows, rejected = read(tmp_path, f"[source]\n{source}\n{PLAIN}", data)
    assert rejected == ()
    assert rows == [{"id": "1", "title": "灯"}, {"id": "2", "title": "b"}]


def test_keys_of_an_object_of_records_and_records_that_are_no_objects(tmp_path: Path) -> None:
    rows, _ = read(
        tmp_path, "[source]\nrecords = '.*'\n[fields]\nid = '@key'".replace(".*", "d.*"), '{"d": {"k1": {"a": 1}}}'
    )
    assert rows == [{"id": "k1"}]
    rows, _ = read(tmp_path, "[fields]\nid = 'value'\n[source]\nformat = 'json'", '["a", null, "b"]')
    assert rows == [{"id": "a"}, {"id": "b"}]


def test_xml_has_attributes_lists_namespaces_and_mixed_text(tmp_path: Path) -> None:
    data = """<f xmlns:g="http://base.google.com/ns/1.0" xmlns:h="http://other"><offer id="7">
    <g:price cur="CNY">59</g:price><h:price>1</h:price><img>a</img><img>b</img><note>warm <b>and</b> bright</note>
    <param name="颜色">红</param>
    <param name="size">L</param><empty/><![CDATA[ ]]></offer></f>"""
    (row,), _ = read(
        tmp_path,
        """
        [source]
        records = "offer"
        namespaces = { g = "http://base.google.com/ns/1.0" }
        [fields]
        id = "@id"
        price = { template = "{g:price} {g:price.@cur}" }
        list_price = "price"
        image = "img[*]"
        description = "note"
        brand = { path = "empty", default = "none" }
        attribute.color = 'param[@name="颜色"]'
        [children.attributes]
        each = "param[*]"
        fields.name = "@name"
        fields.value = "@"
        """,
        data,
        name="f.xml",
    )
    assert row == {
        "id": "7",
        "price": "59 CNY",
        "list_price": "1",
        "image": ["a", "b"],
        "description": "warm and bright",
        "brand": "none",
        "attribute.color": "红",
        "attributes": [{"name": "颜色", "value": "红"}, {"name": "size", "value": "L"}],
    }


LOG = (
    '10.0.0.1 - li [10/Oct/2024:13:55:36 +0800] "GET /p/A1?from=%E6%90%9C HTTP/1.1" 200 2326 "-" "Mozilla \\"x\\""\n'
    '10.0.0.2 - - [10/Oct/2024:13:55:40 +0800] "GET /static/a.css HTTP/1.1" 200 1 "-" "m"\n'
    "garbage\n"
    '10.0.0.3 - - [10/Oct/2024:13:55:41 +0800] "POST /p/B2 HTTP/1.1" 404 - "https://x.example/" "m"\n'
)


def test_web_server_logs(tmp_path: Path) -> None:
    rows, (reject,) = read(
        tmp_path,
        """
        target = "events"
        [source]
        format = "log"
        pattern = "combined"
        [fields]
        user = ["user", "host"]
        item = { path = "path", as = { extract = "^/p/([^/?]+)" } }
        query = { path = "path", as = { parameter = "from" } }
        timestamp = { path = "time", as = { date = "%d/%b/%Y:%H:%M:%S %z" } }
        [[where]]
        path = "path"
        matches = "^/p/"
        """,
        LOG,
    )
    assert rows == [
        {"user": "li", "item": "A1", "query": "搜", "timestamp": "2024-10-10T13:55:36+08:00"},
        {"user": "10.0.0.3", "item": "B2", "timestamp": "2024-10-10T13:55:41+08:00"},
    ]
    assert (reject.row, reject.record) == (3, "garbage\n")


MAILS = """From li@example.com Mon Jan  1 10:00:00 2024
From: =?utf-8?B?5p2O?= <Li@Example.com>
To: shop@example.com
Subject: =?gb2312?B?zKi1xg==?=
Date: Mon, 1 Jan 2024 10:00:00 +0800
Message-ID: <1@x>
Content-Type: text/plain; charset=gb2312
Content-Transfer-Encoding: base64

zKi1xg==

From shop@example.com Mon Jan  1 11:00:00 2024
From: shop@example.com
Subject: Re: x
Date: Mon, 1 Jan 2024 11:00:00 +0800
Message-ID: <2@x>
In-Reply-To: <1@x>
References: <1@x>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/html

<p>Yes</p>
--b
Content-Type: image/png
Content-Disposition: attachment; filename="lamp.png"
Content-Transfer-Encoding: base64

aGVsbG8=
--b--

>From here on quoted

From nobody Mon Jan  1 12:00:00 2024
nonsense
"""
MAIL = """
target = "reviews"
[source]
format = "mail"
[fields]
id = "id"
user = "from[0].address"
title = "subject"
text = ["text", "html"]
time = "date"
extra.thread = "thread"
extra.files = "attachments[*].name"
"""


def test_mails(tmp_path: Path) -> None:
    rows, (reject,) = read(tmp_path, MAIL, MAILS)
    assert rows == [
        {
            "id": "1@x",
            "user": "li@example.com",
            "title": "台灯",
            "text": "台灯",
            "time": "2024-01-01T10:00:00+08:00",
            "extra.thread": "1@x",
        },
        {
            "id": "2@x",
            "user": "shop@example.com",
            "title": "Re: x",
            "text": "<p>Yes</p>",
            "time": "2024-01-01T11:00:00+08:00",
            "extra.thread": "1@x",
            "extra.files": ["lamp.png"],
        },
    ]
    assert "no sender" in reject.reason


def test_a_folder_of_mails(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    for number, mail in enumerate(MAILS.split("From ")[1:3]):
        (folder / f"{number}.eml").write_text(mail.partition("\n")[2])
    (tmp_path / "m.toml").write_text(MAIL)
    rows = list(mapped_rows(load_mapping(tmp_path / "m.toml"), folder, Rejects.to_memory()))
    assert [row.values["id"] for row in rows] == ["1@x", "2@x"]


# ---- what is wrong with sources


@pytest.mark.parametrize(
    ("source", "data", "said"),
    [
        ("records = 'd.item[*]'", '{"d": {"items": [1]}}', "no record at 'd.item"),
        ("records = 'offer'", "<a><b>1</b></a>", "no record at 'offer'"),
        ("", "<a><b>1</b></a>", "records is missing"),
        ("records = 'a'", '<!DOCTYPE x [<!ENTITY a "b">]><a><id>&a;</id></a>', "document type"),
        ("records = 'a'", "<x><a><id>1</id></a>", "breaks off after record 1"),
        ("records = 'a'", "<x>" + "<y>" * 100, "nest deeper"),
        ("records = 'a'", "<x><!--" + "x" * 3_000_000, "no element and no text|breaks off"),
        ("format = 'json'", '[{"id": 1}, {"id": }]', "item 2 cannot be read"),
        ("format = 'json'\nrecords = 'a'", '{"b": "' + "x" * 100_000, "ends within a text"),
        ("format = 'json'\nrecords = 'a'", '{"b": [[[', "ends before it does"),
        ("format = 'json'\nrecords = 'a'", '{"a" 3}', "expected"),
        ("format = 'json'\nrecords = 'a'", "]", "found ']' where a value was expected"),
        ("format = 'json'", '["' + "x" * 5_000_000 + '"]', "longer than 1048576"),
    ],
)
def test_sources_that_cannot_be_read_are_named(source: str, data: str, said: str, tmp_path: Path) -> None:
    with pytest.raises((DataError, UsageError), match=said) as caught:
        read(tmp_path, f"[source]\n{source}\n{PLAIN}", data)
    assert "source.dat" in str(caught.value) or "m.toml" in str(caught.value)
    assert caught.value.fix


def test_a_file_of_rejects_is_not_mapped_again(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("[fields]\nid = 'sku'\nstock = { path = 'n', as = 'integer' }")
    (tmp_path / "s.jsonl").write_text('{"sku": "A", "n": "many"}\n')
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        list(mapped_rows(load_mapping(tmp_path / "m.toml"), tmp_path / "s.jsonl", rejects))
    with pytest.raises(UsageError, match="rows are mapped already"):
        list(mapped_rows(load_mapping(tmp_path / "m.toml"), tmp_path / "rejects.jsonl", Rejects.to_memory()))


@pytest.mark.parametrize(
    "broken", ["<p><id>2</id>&nbsp;</p>", "<p><id>2</id><b></p>", "<p><id>2</id", "<p><id a=1>2</id></p>"]
)
def test_a_broken_element_costs_itself_only(broken: str, tmp_path: Path) -> None:
    many = "".join(f"<p><id>{n}</id></p>\n" for n in range(3, 5000))
    data = f"<shop><inner>\n<p><id>1</id></p>{broken}{many}</inner></shop>"
    rows, rejected = read(tmp_path, "[source]\nrecords = 'inner.p'\n[fields]\nid = 'id'", data, name="f.xml")
    assert [row["id"] for row in rows] in (["1", *map(str, range(3, 5000))], ["1", *map(str, range(4, 5000))])
    assert [reject.row for reject in rejected] == [2]
    assert "damaged" in rejected[0].reason


def test_elements_that_are_too_large_cost_themselves_only(tmp_path: Path) -> None:
    data = f"<s><p><id>1</id></p><p><id>{'x' * 2_000_000}</id></p><p>{'<a/>' * 60_000}</p><p><id>4</id></p></s>"
    rows, rejected = read(tmp_path, "[source]\nrecords = 'p'\n[fields]\nid = 'id'", data, name="f.xml")
    assert [row["id"] for row in rows] == ["1", "4"]
    assert [reject.row for reject in rejected] == [2, 3]


@pytest.mark.parametrize(
    "mapping",
    [
        "[fields]\nid = 'id'\nbullets = 'a[*]'",
        "[fields]\nid = 'id'\n[source]\neach = 'a[*]'",
        "[fields]\nid = 'id'\n[[where]]\npath = 'a[*]'\nequals = 1",
        "[fields]\nid = 'id'\n[children.variants]\neach = 'a[*]'\nfields.sku = '@'",
        "[fields]\nid = 'id'\n[source]\nformat = 'jsonl'\nrecords = 'a[*]'",
    ],
)
def test_paths_to_too_many_values_are_rejected(mapping: str, tmp_path: Path) -> None:
    _, (reject,) = read(tmp_path, mapping, json.dumps({"id": 1, "a": [2] * 110_000}) + "\n")
    assert "over 100000 values" in reject.reason


def test_hostile_json_records_cost_themselves_only(tmp_path: Path) -> None:
    deep = "[" * 200 + "]" * 200
    data = (
        f'{{"d": [{{"id": "1"}}, {{"id": {deep}}}, {{"id": 1e999}}, {{"id": "a\\u0000"}}, {{"id": "5", "id": "6"}}]}}'
    )
    rows, rejected = read(tmp_path, "[source]\nrecords = 'd'\n[fields]\nid = 'id'", data)
    assert [row["id"] for row in rows] == ["1", "6"]
    assert [reject.row for reject in rejected] == [2, 3, 4]


def test_a_pattern_that_runs_long_ends(tmp_path: Path) -> None:
    started = time.process_time()
    with pytest.raises(DataError, match=r"source.dat, line \d+: .*takes too long"):
        read(
            tmp_path,
            "target = 'events'\n[source]\nformat = 'log'\npattern = '^(?P<item>(a+)+)$'\n[fields]\nitem = 'item'",
            ("a" * 30_000 + "!\n") * 20,
        )
    assert time.process_time() - started < 5


@pytest.mark.parametrize("form", ["json", "xml"])
def test_memory_stays_flat(form: str, tmp_path: Path) -> None:
    source = tmp_path / f"s.{form}"
    filler = "x" * 2000
    with source.open("w") as file:
        file.write('{"other": "' + "y" * 5_000_000 + '", "d": [' if form == "json" else "<s>")
        for n in range(5_000):
            record = f'{{"id": "{n}", "t": "{filler}"}}' if form == "json" else f"<p><id>{n}</id><t>{filler}</t></p>"
            file.write(("," if n and form == "json" else "") + record)
        file.write("]}" if form == "json" else "</s>")
    (tmp_path / "m.toml").write_text(
        f"[source]\nformat = '{form}'\nrecords = '{'d' if form == 'json' else 'p'}'\n[fields]\nid = 'id'"
    )
    mapping = load_mapping(tmp_path / "m.toml")
    tracemalloc.start()
    count = sum(1 for _ in mapped_rows(mapping, source, Rejects.to_memory()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 5_000
    assert peak < 6_000_000


@pytest.mark.parametrize("format_name", FORMATS)
def test_mutations(format_name: str) -> None:
    told = run_mutations(format_name, 200, seed=7)
    assert told["cases"] == 200
    assert told["rows"] > 0
    assert told.get("errors", 0) + told["rejects"] > 0
