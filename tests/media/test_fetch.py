"""Fetching as it should go: conditions, resuming, politeness, many at once, and stopping."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from pathlib import Path

import pytest

from goodsense.errors import FetchError, UsageError
from goodsense.media.downloads import DownloadStore
from goodsense.media.fetch import Fetched, Fetcher, FetchPolicy
from goodsense.media.fetched import sniff_content
from goodsense.media.robots import Robots

from .servers import header_of, not_found, raw, raw_server, redirect, reply

BODY = bytes(range(256)) * 400  # about 100 kB


def policy(**more: object) -> FetchPolicy:
    settings = {"allow_private": True, "per_host_delay_s": 0.0, "respect_robots": False, "backoff_s": 0.01, **more}
    return FetchPolicy(**settings)  # type: ignore[arg-type]


# ---- one answer


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
    ],
)
def test_bodies_come_unpacked(coding: str, pack: object) -> None:
    answer = reply(pack(BODY), headers={"Content-Encoding": coding} if coding else {})  # type: ignore[operator]
    with raw_server({"/": answer}) as server, Fetcher(policy()) as fetcher:
        found = fetcher.get(server.url)
        assert (found.status, found.body, found.size) == (200, BODY, len(BODY))


def test_limits_of_one_call() -> None:
    with raw_server({"/": reply(b"x" * 1_000)}) as server, Fetcher(policy()) as fetcher:
        assert fetcher.get(server.url, max_bytes=1_000).size == 1_000
        with pytest.raises(FetchError, match="larger than 999 bytes") as caught:
            fetcher.get(server.url, max_bytes=999)
        assert caught.value.reason == "size"


def test_conditions_are_sent_and_understood() -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        same = header_of(request, "if-none-match") == '"v1"'
        given = raw(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n', hang_up=False)
        (given if same else reply(b"new", headers={"ETag": '"v1"'}))(connection, request)

    with raw_server({"/": answer}) as server, Fetcher(policy()) as fetcher:
        first = fetcher.get(server.url)
        again = fetcher.get(server.url, etag=first.etag)
        assert (first.body, again.body, again.not_modified) == (b"new", b"", True)
        assert server.connections == 1  # kept


def test_what_bytes_are_is_not_believed_but_looked_at() -> None:
    html = reply("<!doctype html><title>茶</title>".encode(), headers={"Content-Type": "image/png; charset=GBK"})
    with raw_server({"/": html}) as server, Fetcher(policy()) as fetcher:
        found = fetcher.get(server.url)
    assert (found.kind, found.charset) == ("html", "gbk")
    kinds = {
        b"": "empty",
        b"\x1f\x8b\x08": "gzip",
        b"PK\x03\x04": "zip",
        b' {"a"': "json",
        b"<?xml": "xml",
        b"id,t": "text",
    }
    assert {head: sniff_content(head) for head in kinds} == kinds
    assert sniff_content(b"\x00\x01") == "binary"
    assert sniff_content("标题".encode("utf-16")) == "text"


def test_headers_of_the_caller_are_checked() -> None:
    with Fetcher(policy()) as fetcher:
        for headers in ({"X\r\nY": "a"}, {"X": "a\r\nY: b"}, {"Host": "other"}, {"Content-Length": "5"}, {"X": "茶"}):
            with pytest.raises(UsageError):
                fetcher.get("http://127.0.0.1/", headers=headers)
    for agent in ("", "two\nlines", "茶"):
        with pytest.raises(UsageError):
            policy(user_agent=agent)


# ---- trying again


def test_what_may_pass_is_tried_again_and_what_does_not_is_not() -> None:
    answers = [reply(status="503 Busy"), raw(b"HTTP/1.1 200 OK\r\nContent-Le"), reply(b"at last")]
    with raw_server() as server, Fetcher(policy(retries=3)) as fetcher:
        server.answers["/"] = lambda connection, request: answers.pop(0)(connection, request)
        assert fetcher.get(server.url).body == b"at last"
        with pytest.raises(FetchError, match="status 404") as caught:
            fetcher.get(server.url + "/gone")
        assert (caught.value.status, server.paths()) == (404, ["/", "/", "/", "/gone"])


def test_retry_after_is_honoured() -> None:
    answers = [reply(status="429 Slowly", headers={"Retry-After": "1"}), reply(b"well")]
    with raw_server() as server, Fetcher(policy()) as fetcher:
        server.answers["/"] = lambda connection, request: answers.pop(0)(connection, request)
        started = time.monotonic()
        assert fetcher.get(server.url).body == b"well"
        assert time.monotonic() - started >= 1.0


def test_a_connection_that_the_server_closed_meanwhile_is_no_failure() -> None:
    answer = reply(b"x")

    def once(connection: socket.socket, request: bytes) -> None:
        answer(connection, request)
        connection.shutdown(socket.SHUT_RDWR)

    with raw_server({"/": once}) as server, Fetcher(policy(retries=0)) as fetcher:
        for _ in range(5):
            assert fetcher.get(server.url).body == b"x"
        assert server.connections == 5


# ---- downloads


class Versions:
    """A file that can be asked for in parts; ``broken_at`` ends the next whole answer early."""

    def __init__(self, body: bytes, tag: str) -> None:
        self.body, self.tag, self.broken_at = body, tag, 0

    def __call__(self, connection: socket.socket, request: bytes) -> None:
        asked = header_of(request, "range")
        fields = {"ETag": self.tag}
        if header_of(request, "if-none-match") == self.tag:
            raw(f"HTTP/1.1 304 Not Modified\r\nETag: {self.tag}\r\n\r\n".encode(), hang_up=False)(connection, request)
        elif asked and header_of(request, "if-range") == self.tag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            fields["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
            reply(self.body[start:], status="206 Part", headers=fields)(connection, request)
        elif self.broken_at:
            reply(self.body[: self.broken_at], headers=fields, length=len(self.body))(connection, request)
            self.broken_at = 0
            connection.shutdown(socket.SHUT_RDWR)
        else:
            reply(self.body, headers=fields)(connection, request)


def test_downloads_are_kept_by_content_and_asked_for_with_a_condition(tmp_path: Path) -> None:
    file = Versions(BODY, '"v1"')
    with raw_server({"/f": file}) as server, Fetcher(policy(), store=tmp_path) as fetcher:
        first = fetcher.download(server.url + "/f")
        assert first.path is not None
        assert first.path.read_bytes() == BODY
        assert not first.not_modified
        again = fetcher.download(server.url + "/f")
        assert again.not_modified
        assert again.path == first.path
        assert fetcher.download(server.url + "/f", again=False).path == first.path
        assert len(server.requests) == 2
        file.body, file.tag = b"new", '"v2"'
        assert fetcher.download(server.url + "/f").size == 3
        first.path.write_bytes(b"damaged")  # what is not whole is fetched anew
        file.body, file.tag = BODY, '"v1"'
        assert fetcher.download(server.url + "/f").path == first.path
        assert first.path.read_bytes() == BODY


def test_a_broken_download_is_resumed_by_another_process_too(tmp_path: Path) -> None:
    file = Versions(BODY, '"v1"')
    file.broken_at = 60_000
    with raw_server({"/f": file}) as server:
        with Fetcher(policy(retries=0), store=tmp_path) as fetcher, pytest.raises(FetchError, match="broke"):
            fetcher.download(server.url + "/f")
        store = DownloadStore(tmp_path)
        record = store.find(server.url + "/f")
        store.close()
        assert record is not None
        assert "broke" in record.failure
        with Fetcher(policy(retries=0), store=tmp_path) as fetcher:
            found = fetcher.download(server.url + "/f")
        assert found.path is not None
        assert found.path.read_bytes() == BODY
        assert header_of(server.requests[-1], "range") == "bytes=60000-"
        assert not list((tmp_path / "partial").iterdir())


def test_a_file_that_changed_meanwhile_is_fetched_whole(tmp_path: Path) -> None:
    file = Versions(BODY, '"v1"')
    file.broken_at = 60_000
    with raw_server({"/f": file}) as server, Fetcher(policy(retries=0), store=tmp_path) as fetcher:
        with pytest.raises(FetchError):
            fetcher.download(server.url + "/f")
        file.body, file.tag = BODY[::-1], '"v2"'
        found = fetcher.download(server.url + "/f")
        assert found.path is not None
        assert found.path.read_bytes() == BODY[::-1]


@pytest.mark.parametrize(
    "lie",
    [
        reply(BODY[:9], status="206 Part", headers={"Content-Range": "bytes 0-8/9"}),
        reply(b"", status="416 No", headers={"Content-Range": "bytes */9"}),
        reply(BODY[:9], status="206 Part"),
    ],
)
def test_wrong_parts_are_not_glued(tmp_path: Path, lie: object) -> None:
    file = Versions(BODY, '"v1"')
    file.broken_at = 60_000

    def answer(connection: socket.socket, request: bytes) -> None:
        (lie if header_of(request, "range") else file)(connection, request)  # type: ignore[operator]

    with raw_server({"/f": answer}) as server, Fetcher(policy(retries=2), store=tmp_path) as fetcher:
        found = fetcher.download(server.url + "/f")
        assert found.path is not None
        assert found.path.read_bytes() == BODY


def test_two_that_download_the_same_do_not_disturb_each_other(tmp_path: Path) -> None:
    def slowly(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 102400\r\n\r\n" + BODY[:50_000])
        time.sleep(0.2)
        connection.sendall(BODY[50_000:])

    found: list[Fetched] = []
    with raw_server({"/f": slowly}) as server:

        def download() -> None:
            with Fetcher(policy(), store=tmp_path) as fetcher:
                found.append(fetcher.download(server.url + "/f"))

        threads = [threading.Thread(target=download) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [one.path.read_bytes() == BODY for one in found if one.path] == [True] * 3
    assert not list((tmp_path / "partial").iterdir())


def test_downloads_need_a_store() -> None:
    with Fetcher(policy()) as fetcher, pytest.raises(UsageError, match="need a store"):
        fetcher.download("http://127.0.0.1/")


# ---- politeness


def test_robots_are_asked_once_and_obeyed() -> None:
    ours = b"User-agent: goodsense\nDisallow: /cart\nAllow: /cart/help\nSitemap: /s.xml\n"
    rules = b"User-agent: other\nDisallow: /\n\n" + ours
    answers = {"/robots.txt": reply(rules), "/a": reply(b"a"), "/cart/help": reply(b"h"), "/r": redirect("/cart")}
    with raw_server(answers) as server, Fetcher(policy(respect_robots=True)) as fetcher:
        assert fetcher.get(server.url + "/a").body == b"a"
        assert fetcher.get(server.url + "/cart/help").body == b"h"
        for path in ("/cart", "/cart/1?x", "/c%61rt", "/x/../cart", "/r"):
            with pytest.raises(FetchError, match=r"robots\.txt asks not to") as caught:
                fetcher.get(server.url + path)
            assert caught.value.reason == "robots"
        assert server.paths() == ["/robots.txt", "/a", "/cart/help", "/r"]
        assert fetcher.robots(server.url).sitemaps == ("/s.xml",)
        assert header_of(server.requests[0], "user-agent").startswith("goodsense/")


@pytest.mark.parametrize(
    ("answer", "open_to_us"),
    [
        (not_found, True),
        (reply(status="403 No"), True),
        (reply(b"\xff\xfe nonsense \x00"), True),
        (reply(b"x" * 600_000), True),
        (reply(status="500 Oh"), False),
        (raw(), False),
        (reply(b"User-agent: *\nCrawl-delay: 86400"), False),
    ],
)
def test_robots_that_cannot_be_read(answer: object, open_to_us: bool) -> None:
    with raw_server({"/robots.txt": answer, "/a": reply(b"a")}) as server:  # type: ignore[dict-item]
        with Fetcher(policy(respect_robots=True, retries=0)) as fetcher:
            for _ in range(2):
                if open_to_us:
                    assert fetcher.get(server.url + "/a").body == b"a"
                else:
                    with pytest.raises(FetchError):
                        fetcher.get(server.url + "/a")
        assert server.paths().count("/robots.txt") == 1


def test_a_huge_robots_is_read_soon() -> None:
    many = "".join(f"User-agent: bot{number}\n" for number in range(12_000)) + "Disallow: /x\n" * 20_000
    started = time.monotonic()
    assert Robots.parse(many, "goodsense").allows("http://a.example/x")
    stars = "User-agent: *\nDisallow: /" + "*a" * 200 + "*b$\n"
    assert Robots.parse(stars * 50, "goodsense").allows("http://a.example/" + "a" * 5_000)
    assert time.monotonic() - started < 8


def test_one_host_is_asked_at_its_own_pace_by_one_connection() -> None:
    answers = {f"/{number}": reply(b"x") for number in range(4)}
    with raw_server(answers) as server, Fetcher(policy(per_host_delay_s=0.1)) as fetcher:
        started = time.monotonic()
        found = dict(fetcher.get_many([f"{server.url}/{number}" for number in range(4)]))
        assert time.monotonic() - started >= 0.3
        assert all(isinstance(one, Fetched) for one in found.values())
        assert server.open_most == 1


def test_a_crawl_delay_counts() -> None:
    rules = reply(b"User-agent: *\nCrawl-delay: 0.2\n")
    answers = {"/robots.txt": rules, "/a": reply(b"a")}
    with raw_server(answers) as server, Fetcher(policy(respect_robots=True)) as fetcher:
        fetcher.get(server.url + "/a")
        started = time.monotonic()
        fetcher.get(server.url + "/a")
        assert time.monotonic() - started >= 0.2


# ---- many


def test_hosts_are_asked_beside_each_other(tmp_path: Path) -> None:
    def slowly(connection: socket.socket, request: bytes) -> None:
        time.sleep(0.1)
        reply(b"x")(connection, request)

    hosts = [f"127.0.0.{number}" for number in range(2, 10)]
    with raw_server({"/": slowly}, host="0.0.0.0") as server, Fetcher(policy(), store=tmp_path) as fetcher:
        urls = [f"http://{host}:{server.port}/" for host in hosts for _ in range(2)]
        seen: list[tuple[int, int | None]] = []
        started = time.monotonic()
        found = list(fetcher.get_many(urls, progress=lambda stage, done, total: seen.append((done, total))))
        assert time.monotonic() - started < 0.7
        assert sorted(url for url, _ in found) == sorted(set(urls))  # each once
        assert (seen[0], seen[-1]) == ((0, 8), (8, 8))


def test_connections_to_many_hosts_are_not_all_kept() -> None:
    hosts = [f"127.0.1.{number}" for number in range(1, 101)]
    with raw_server({"/": reply(b"x")}, host="0.0.0.0") as server, Fetcher(policy()) as fetcher:
        assert all(fetcher.get(f"http://{host}:{server.port}/").body == b"x" for host in hosts)
        deadline = time.monotonic() + 2
        while server.open_now > 64 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.open_now <= 64


def test_what_fails_does_not_stop_the_rest() -> None:
    with raw_server({"/": reply(b"x")}) as server, Fetcher(policy(retries=0)) as fetcher:
        found = dict(fetcher.get_many([server.url, server.url + "/gone", "file:///etc/passwd", "http://127.0.0.1:1/"]))
    reasons = [one.reason for one in found.values() if isinstance(one, FetchError)]
    assert sorted(reasons) == ["connect", "status", "url"]


def test_stopping_early_ends_the_work_at_once() -> None:
    def stuck(connection: socket.socket, request: bytes) -> None:
        time.sleep(3)

    with raw_server({"/0": reply(b"x"), "/1": stuck}) as server, Fetcher(policy()) as fetcher:
        started = time.monotonic()
        answers = fetcher.get_many([f"{server.url}/{number}" for number in range(3)])
        next(answers)
        time.sleep(0.05)
        answers.close()  # type: ignore[attr-defined]
        assert time.monotonic() - started < 2
        assert fetcher.get(server.url + "/0").body == b"x"  # it can be used again
        assert "/2" not in server.paths()
