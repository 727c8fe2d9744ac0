"""Products by mapping files, of files and of paged APIs on a real server."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from goodsense.catalog import Money, Product
from goodsense.catalog.feeds.api import policy_of, read_api
from goodsense.catalog.feeds.mapped import read_mapped
from goodsense.errors import DataError, FetchError, PartialError, UsageError
from goodsense.media.fetch import Fetcher, FetchPolicy
from goodsense.tables import Rejects
from goodsense.tables.mapping import load_mapping
from tests.tables.mapping_mutations import valid


@pytest.mark.parametrize("format_name", ["json", "csv", "xml"])
def test_products_of_any_format(format_name: str, tmp_path: Path) -> None:
    mapping, data = valid(format_name)
    (tmp_path / "m.toml").write_text(mapping, "utf-8")
    (tmp_path / "s.dat").write_bytes(data)
    rejects = Rejects.to_memory()
    feed = read_mapped(tmp_path / "s.dat", load_mapping(tmp_path / "m.toml"), rejects=rejects, currency=None)
    products = {product.id: product for _, product in feed}
    assert len(rejects) == 0
    assert list(products) == [f"A{n}" for n in (1, 2, 4, 5, 7, 8, 10, 11)]  # where state in (1, 2)
    found = products["A7"]
    assert (found.title, found.description, found.category) == ("台灯", "Warm & bright", ("Home", "Light"))
    assert found.bullets == ("Lamp 7 (1)",)
    assert found.updated is not None
    assert found.updated.isoformat() == "2024-12-31T10:00:00+08:00"
    if format_name == "json":
        assert found.attributes == {"size": 120.0, "颜色": "红"}
        assert [ref.uri for ref in found.images] == ["7.jpg", "b.jpg"]
        assert [(v.sku, v.price, v.options) for v in found.variants] == [
            ("A7-1", Money(1250, "CNY"), {"color": "red"}),
            ("A7-2", Money(1300, "CNY"), {"color": "blue"}),
        ]
    if format_name == "csv":
        assert (found.price, found.in_stock) == (Money(2006, "CNY"), True)
        assert products["A8"].in_stock is False


def test_rejects_of_mapped_rows_are_a_feed_without_the_mapping(tmp_path: Path) -> None:
    from goodsense.catalog.feeds import read_feed

    (tmp_path / "m.toml").write_text("[fields]\nid = 'sku'\ntitle = 'n'\nstock = { path = 's', as = 'integer' }")
    (tmp_path / "s.jsonl").write_text('{"sku": "A", "n": "lamp", "s": "many"}\n')
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        list(read_mapped(tmp_path / "s.jsonl", load_mapping(tmp_path / "m.toml"), rejects=rejects, currency=None))
    ((_, product),) = read_feed(tmp_path / "rejects.jsonl", rejects=Rejects.to_memory())
    assert product == Product(id="A", title="lamp")


@pytest.mark.parametrize(
    ("text", "said"), [("target = 'events'\n[fields]\nitem = 'a'", "target is"), ("[fields]\ntitle = 'a'", "fields.id")]
)
def test_mappings_of_no_products_are_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(UsageError, match=f"m.toml: {said}"):
        read_mapped(tmp_path / "s", load_mapping(tmp_path / "m.toml"), rejects=Rejects.to_memory(), currency=None)


# ---- APIs

PAGES, SIZE = 4, 3
SECRET = "s3cret/ü y"


@dataclass
class Api:
    """What the server does, and what it was asked."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    answers: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    style: str = "page"

    def page(self, path: str, query: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        """The status, body and headers of an answer."""
        number = {
            "page": int(query.get("page", 1)),
            "offset": int(query.get("offset", 0)) // SIZE + 1,
            "cursor": int(query.get("after", "c1")[1:]),
        }.get(self.style, int(path.rpartition("/")[2]) if path[-1].isdigit() else 1)
        if number in self.answers:
            return (*self.answers[number], {})
        items = [{"sku": f"{number}-{n}"} for n in range(SIZE)] if number <= PAGES else []
        after = number + 1 if number < PAGES else None
        body: dict[str, Any] = {"items": items, "meta": {"more": bool(after), "next": f"c{after}" if after else None}}
        body["links"] = {"next": f"/products/{after}" if after else ""}
        link = f'<{self.url}/products/1>; rel="first", </products/{after}>; rel="next"' if after else ""
        return 200, json.dumps(body).encode(), {"Link": link} if self.style == "link-header" else {}


@contextmanager
def serving(api: Api) -> Iterator[Api]:
    """The API on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            api.asked.append(self.path)
            api.headers.append(self.headers.get("Authorization", ""))
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, body, headers = api.page(parts.path, query)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        api.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


def fetch(api: Api, tmp_path: Path, more: str = 'paging = "page"') -> tuple[list[str], tuple[str, ...]]:
    """The ids of an API's products, and the notes."""
    (tmp_path / "m.toml").write_text(
        "[fields]\nid = 'sku'\n[source]\nrecords = 'items[*]'\n"
        f"[api]\nurl = '{api.url}/products'\nrate = 1000\n{more}\n"
    )
    mapping = load_mapping(tmp_path / "m.toml")
    assert mapping.api is not None
    with Fetcher(policy_of(mapping.api, FetchPolicy(allow_private=True, retries=0))) as fetcher:
        feed = read_api(mapping, fetcher=fetcher, folder=tmp_path / "pages", rejects=Rejects.to_memory(), currency=None)
        return [product.id for _, product in feed], feed.notes


EVERY = [f"{page}-{n}" for page in range(1, PAGES + 1) for n in range(SIZE)]


@pytest.mark.parametrize(
    ("style", "more", "asked"),
    [
        ("page", 'paging = "page"', 5),
        ("page", 'paging = "page"\nmore = "meta.more"', 4),
        ("page", 'paging = "page"\nsize_param = "limit"\npage_size = 3', 5),
        ("offset", 'paging = "offset"\npage_size = 3', 5),
        ("cursor", 'paging = "cursor"\ncursor = "meta.next"\ncursor_param = "after"', 4),
        ("next-url", 'paging = "next-url"\nnext = "links.next"', 4),
        ("link-header", 'paging = "link-header"', 4),
    ],
)
def test_every_way_of_paging_gives_every_record_once(style: str, more: str, asked: int, tmp_path: Path) -> None:
    with serving(Api(style=style)) as api:
        assert fetch(api, tmp_path, more) == (EVERY, ())
        assert len(api.asked) == asked
        if "limit" in more:
            assert "limit=3" in api.asked[0]
    assert not any((tmp_path / "pages").rglob("*.page"))


def test_an_error_keeps_the_pages_before_and_the_next_reading_goes_on(tmp_path: Path) -> None:
    with serving(Api(answers={3: (500, b"oops")})) as api:
        with pytest.raises(PartialError, match=r"page 3: http://127.*page=3.*500") as caught:
            fetch(api, tmp_path)
        assert "2 pages before are kept" in caught.value.fix
        assert len(api.asked) == 3
        api.answers.clear()
        api.asked.clear()
        assert fetch(api, tmp_path)[0] == EVERY
        assert [query.rpartition("page=")[2] for query in api.asked] == ["3", "4", "5"]
        api.asked.clear()
        assert fetch(api, tmp_path)[0] == EVERY
        assert len(api.asked) == 5, "a reading that came to its end begins anew"


def test_pages_that_were_damaged_on_disk_are_fetched_again(tmp_path: Path) -> None:
    with serving(Api(answers={4: (500, b"")})) as api:
        with pytest.raises(PartialError):
            fetch(api, tmp_path)
        (index,) = (tmp_path / "pages").rglob("pages.jsonl")
        index.write_text(index.read_text()[:-20])  # as a loss of power leaves it
        index.with_name("0000002.page").write_bytes(b"{}")
        api.answers.clear()
        api.asked.clear()
        assert fetch(api, tmp_path)[0] == EVERY
        assert [query.rpartition("page=")[2] for query in api.asked] == ["2", "3", "4", "5"]


def test_pages_of_yesterday_are_fetched_again(tmp_path: Path) -> None:
    with serving(Api(answers={2: (500, b"")})) as api:
        with pytest.raises(PartialError):
            fetch(api, tmp_path)
        (index,) = (tmp_path / "pages").rglob("pages.jsonl")
        os.utime(index, (index.stat().st_mtime - 90_000,) * 2)
        api.answers.clear()
        api.asked.clear()
        assert fetch(api, tmp_path)[0] == EVERY
        assert len(api.asked) == 5


def test_secrets_come_from_the_environment_and_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = 'paging = "page"\nparams = { key = "env:KEY" }\nheaders = { Authorization = "Bearer env:TOKEN" }'
    monkeypatch.setenv("TOKEN", "t0ken")
    with serving(Api(answers={1: (403, b"")})) as api:
        monkeypatch.delenv("KEY", raising=False)
        with pytest.raises(UsageError, match=r"m.toml: api.params.key needs the environment variable KEY"):
            fetch(api, tmp_path, more)
        monkeypatch.setenv("KEY", SECRET)
        with pytest.raises(FetchError) as caught:
            fetch(api, tmp_path, more)
        api.answers = {1: (200, b'{"items": [{"sku": "x"}, {"sku":')}
        with pytest.raises(DataError) as damaged:
            fetch(api, tmp_path, more)
        for error in (caught.value, damaged.value):
            assert "env:KEY" in error.message
            assert "s3cret" not in str(error)
            assert "t0ken" not in str(error)
        assert parse_qs(urlsplit(api.asked[0]).query)["key"] == [SECRET]
        assert api.headers[0] == "Bearer t0ken"
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "s3cret" not in kept
    assert "t0ken" not in kept


@pytest.mark.parametrize(
    ("style", "more", "answer", "said"),
    [
        (
            "next-url",
            'paging = "next-url"\nnext = "n"',
            b'{"items": [{"sku": 1}], "n": "https://evil.example/x"}',
            "another site",
        ),
        ("next-url", 'paging = "next-url"\nnext = "n"', b'{"items": [{"sku": 1}], "n": "/products/1"}', "leads back"),
        (
            "cursor",
            'paging = "cursor"\ncursor = "c"\ncursor_param = "after"',
            b'{"items": [{"sku": 1}], "c": "c2"}',
            "leads back",
        ),
        (
            "page",
            'paging = "page"',
            b"<html>please log in</html>",
            "page 1 of .*: the JSON text cannot be read: found '<'",
        ),
    ],
)
def test_pages_that_lead_astray_are_refused(style: str, more: str, answer: bytes, said: str, tmp_path: Path) -> None:
    with serving(Api(style=style, answers=dict.fromkeys(range(1, 9), (200, answer)))) as api:
        with pytest.raises(DataError, match=said) as caught:
            fetch(api, tmp_path, more)
        assert caught.value.fix


def test_the_end_is_known_in_many_ways(tmp_path: Path) -> None:
    with serving(Api(answers={3: (404, b"")})) as api:
        assert fetch(api, tmp_path)[0] == EVERY[:6]
    with serving(Api(answers={3: (200, b"")})) as api:
        assert fetch(api, tmp_path)[0] == EVERY[:6]
    same = json.dumps({"items": [{"sku": "last"}]}).encode()
    with serving(Api(answers=dict.fromkeys(range(3, 50), (200, same)))) as api:
        found, notes = fetch(api, tmp_path)
        assert found == [*EVERY[:6], "last"]
        assert "repeats the one before" in notes[0]
    with serving(Api(answers={1: (200, b'{"error": "log in"}')})) as api:
        found, notes = fetch(api, tmp_path)
        assert (found, len(notes)) == ([], 1)
        assert "no record on its first page" in notes[0]
    with serving(Api()) as api:
        found, notes = fetch(api, tmp_path, 'paging = "page"\nmax_pages = 2')
        assert found == EVERY[:6]
        assert "stopped after 2 pages" in notes[0]


def test_private_addresses_are_not_asked_unless_allowed(tmp_path: Path) -> None:
    with serving(Api()) as api:
        (tmp_path / "m.toml").write_text(f"[fields]\nid = 'sku'\n[api]\nurl = '{api.url}/products'")
        mapping = load_mapping(tmp_path / "m.toml")
        assert mapping.api is not None
        with Fetcher(policy_of(mapping.api, FetchPolicy())) as fetcher:
            feed = read_api(mapping, fetcher=fetcher, folder=tmp_path, rejects=Rejects.to_memory(), currency=None)
            with pytest.raises(FetchError, match="page 1"):
                list(feed)
        assert api.asked == []
