"""Seeded damage to mapping files and to the sources that they describe.

``run_mutations(format_name, count, seed)`` reads ``count`` damaged files (``toml`` the mapping file, else the source)
and fails at the first that breaks the rule: rows and rejects come out, or one error that names the file.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from collections import Counter
from pathlib import Path

from goodsense.catalog.feeds.mapped import read_mapped
from goodsense.errors import GoodsenseError
from goodsense.tables import Rejects
from goodsense.tables.mapped import mapped_rows
from goodsense.tables.mapping import load_mapping
from tests.catalog.mutations import mutate

SECONDS = 5.0  # of processor time, so that a busy machine fails nothing
_PRODUCTS = """
target = "products"
[fields]
id = "sku"
title = ["name_zh", "name"]
description = { path = "desc", as = ["strip_html", "strip"], default = "none" }
price = { path = "cents", as = { money = "cents", currency = "CNY" } }
availability = { path = "state", as = { lookup = "states" } }
bullets = { template = "{name} ({state})" }
updated = { path = "time", as = { date = "%d.%m.%Y %H:%M", zone = "Asia/Shanghai" } }
category = { path = "cat", as = { split = "/" } }
attribute.size = { path = "size", as = { extract = '(\\d+) ?cm' } }
"attribute.颜色" = 'specs[name="颜色"].value'
image = "images[*].url"
[[where]]
path = "state"
in = ["1", 2, true]
[[where]]
path = "sku"
matches = "^[A-Z]"
[children.variants]
each = "skus[*]"
[children.variants.fields]
sku = "code"
price = { path = "p", as = { money = "units", currency = "CNY" } }
option.color = "c"
[tables.states]
"1" = "in_stock"
"*" = "out_of_stock"
"""
_LOG = """
target = "events"
[source]
format = "log"
pattern = "combined"
[fields]
user = ["user", "host"]
item = { path = "path", as = { extract = "^/p/([^/?]+)" } }
query = { path = "path", as = { parameter = "q" } }
timestamp = { path = "time", as = { date = "auto" } }
"""
_MAIL = """
target = "conversations"
[source]
format = "mail"
[fields]
id = "thread"
user = "from[0].address"
text = { path = ["text", "html"], as = "strip_html" }
time = "date"
[group]
by = "id"
into = "turns"
gather = ["text", "time"]
"""
_API = """
[api]
url = "https://shop.example/products"
params = { state = "on" }
headers = { Authorization = "Bearer env:TOKEN" }
paging = "cursor"
cursor = "meta.next"
cursor_param = "after"
max_pages = 10
rate = 2.5
"""
_SPOKEN = ("a[*].b", "(a+)+$", "[[[", "%Y-%d", "env:X", "\\u0000", "{a} {b", "cents", "lookup", "*", "@", "$", "utf-16")


def _record(n: int) -> dict[str, object]:
    return {
        "sku": f"A{n}",
        "name": f"Lamp {n}",
        "name_zh": "台灯" if n % 2 else "",
        "desc": "<p>Warm &amp; <b>bright</b></p><script>x</script>",
        "cents": 1999 + n,
        "state": n % 3,
        "time": "31.12.2024 10:00",
        "cat": "Home/Light",
        "size": "120 cm",
        "specs": [{"name": "颜色", "value": "红"}, {"name": "size", "value": "L"}],
        "images": [{"url": f"{n}.jpg"}, {"url": "b.jpg"}],
        "skus": [{"code": f"A{n}-1", "p": 12.5, "c": "red"}, {"code": f"A{n}-2", "p": "13", "c": "blue"}],
    }


def _xml(n: int) -> str:
    record = _record(n)
    plain = "".join(
        f"<{key}>{record[key]}</{key}>" for key in ("sku", "name", "name_zh", "cents", "state", "time", "cat")
    )
    return (
        f'<product n="{n}">{plain}<desc><![CDATA[{record["desc"]}]]></desc>'
        "<specs><name>颜色</name><value>红</value></specs><images><url>a</url></images><images><url>b</url></images>"
        f'<skus x="1"><code>c{n}</code><p>1.5</p></skus></product>\n'
    )


def valid(format_name: str) -> tuple[str, bytes]:
    """A mapping file and a source that it describes."""
    records = [_record(n) for n in range(12)]
    if format_name == "csv":
        columns = ("sku", "name", "name_zh", "desc", "cents", "state", "time", "cat", "size")
        lines = [",".join(columns), *(",".join(str(record[name]) for name in columns) for record in records)]
        return f"{_PRODUCTS}\n[source]\nformat = 'csv'", "\n".join(lines).encode()
    if format_name == "xml":
        shop = f"<?xml version='1.0'?><shop><products>\n{''.join(map(_xml, range(12)))}</products></shop>"
        return f"{_PRODUCTS}\n[source]\nrecords = 'products.product'", shop.encode()
    if format_name == "log":
        line = '10.0.0.{0} - u{0} [10/Oct/2024:13:55:36 +0800] "GET /p/A{0}?q=%E7%81%AF HTTP/1.1" 200 2 "-" "M \\"x\\""'
        return _LOG, "\n".join(line.format(n) for n in range(12)).encode()
    if format_name == "mail":
        mail = (
            "From a@x Mon Jan  1 10:00:00 2024\nFrom: =?utf-8?B?5p2O?= <a{0}@x>\nSubject: =?gb2312?B?zKi1xg==?=\n"
            "Date: Mon, 1 Jan 2024 10:00:00 +0800\nMessage-ID: <{0}@x>\nReferences: <0@x>\nMIME-Version: 1.0\n"
            'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain; charset=gb2312\n'
            "Content-Transfer-Encoding: base64\n\nzKi1xg==\n--b\nContent-Type: text/html\n\n<p>x</p>\n--b--\n\n"
        )
        return _MAIL, "".join(mail.format(n) for n in range(12)).encode()
    data = json.dumps({"meta": {"next": None}, "data": {"items": records}}, ensure_ascii=False)
    return f"{_PRODUCTS}\n[source]\nrecords = 'data.items[*]'\n{_API if format_name == 'toml' else ''}", data.encode()


FORMATS = ("toml", "json", "csv", "xml", "log", "mail")


def _reworded(text: str, rng: random.Random) -> bytes:
    """The file with some of its quoted texts changed: it stays TOML, and says something else."""
    quoted = [found.span() for found in re.finditer(r"\"[^\"\n]*\"|'[^'\n]*'", text)]
    for start, end in sorted(rng.sample(quoted, rng.choice((1, 2, 5))), reverse=True):
        other = rng.choice(quoted)
        new = text[slice(*other)] if rng.random() < 0.5 else f"'{rng.choice(_SPOKEN)}'"
        text = text[:start] + new + text[end:]
    return text.encode()


def run_mutations(format_name: str, count: int, seed: int) -> dict[str, float]:
    """Read ``count`` damaged files; count what came of them, and tell the ``slowest`` one in seconds.

    Raises
    ------
    AssertionError
        With seed and case, at the first file that breaks the rule.
    """
    mapping, source = valid(format_name)
    told: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as directory:
        mapping_file, path = Path(directory) / "m.toml", Path(directory) / "source.dat"
        mapping_file.write_text(mapping, "utf-8")
        path.write_bytes(source)
        for case in range(count):
            rng = random.Random(f"{format_name}/{seed}/{case}")
            if format_name == "toml" and rng.random() < 0.6:
                change, damaged = "reworded", _reworded(mapping, rng)
            else:
                change, damaged = mutate(mapping.encode() if format_name == "toml" else source, rng, packed=False)
            (mapping_file if format_name == "toml" else path).write_bytes(damaged)
            start = time.perf_counter()
            told.update(_read(mapping_file, path, f"{format_name}, seed {seed}, case {case} ({change})"))
            slowest = max(slowest, time.perf_counter() - start)
    return {**told, "slowest": round(slowest, 3)}


def _read(mapping_file: Path, path: Path, case: str) -> Counter[str]:
    told: Counter[str] = Counter(cases=1)
    rejects = Rejects.to_memory()
    problem = None
    start = time.process_time()
    try:
        mapping = load_mapping(mapping_file)
        if mapping.target == "products":
            told["rows"] += sum(bool(p.id) for _, p in read_mapped(path, mapping, rejects=rejects, currency=None))
        else:
            told["rows"] += sum(bool(row.values) for row in mapped_rows(mapping, path, rejects))
    except GoodsenseError as error:
        problem = error
    except Exception as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error
    took = time.process_time() - start
    assert took < SECONDS, f"{case}: took {took:.1f} s"
    if problem is not None:
        told["errors"] += 1
        named = path.name in str(problem) or mapping_file.name in str(problem)
        assert named, f"{case}: the error names neither file: {problem}"
    for reject in rejects.first:
        assert reject.reason, case
        assert reject.file == str(path), case
    told["rejects"] += len(rejects)
    return told
