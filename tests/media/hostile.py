"""A server that means harm: whatever it does, a fetch ends soon, in bounded memory, with a clear error."""

from __future__ import annotations

import gzip
import os
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from goodsense.errors import FetchError
from goodsense.media.fetch import Fetcher, FetchPolicy
from tests.media.servers import Answer, Raw, raw, raw_server, redirect, reply

POLICY = FetchPolicy(
    allow_private=True,
    max_bytes=1 << 20,
    connect_s=1.0,
    read_s=0.3,
    total_s=1.5,
    min_rate=1_000,
    retries=1,
    backoff_s=0.01,
    max_wait_s=0.2,
    per_host_delay_s=0.0,
    respect_robots=False,
)
SLOWEST_S = 4.0  # retries and all
_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"


def _dripping(head: bytes, drop: bytes, every_s: float) -> Answer:
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head)
        while True:
            time.sleep(every_s)
            connection.sendall(drop)

    return answer


def _flooding(head: bytes, drop: Callable[[int], bytes] | bytes) -> Answer:
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head)
        number = 0
        while True:
            number += 1
            connection.sendall(drop if isinstance(drop, bytes) else drop(number))

    return answer


def _silent(connection: socket.socket, request: bytes) -> None:
    time.sleep(3)


def _packed(coding: str, body: bytes, *, claims: int | None = None) -> Answer:
    return reply(body, headers={"Content-Encoding": coding}, length=claims)


def cruelties() -> Iterator[tuple[str, Answer, tuple[str, ...]]]:
    """(what it does, how, the reasons that are right to give)."""
    yield "says nothing", _silent, ("slow", "broken", "time")
    yield "hangs up at once", raw(), ("broken",)
    yield "one byte of the status line at a time", _dripping(b"", b"H", 0.05), ("slow", "broken", "time")
    yield "one header byte at a time", _dripping(_OK + b"X: ", b"x", 0.05), ("slow", "time")
    yield "one body byte at a time", _dripping(_OK + b"Content-Length: 900000\r\n\r\n", b"x", 0.05), ("slow", "time")
    yield "one chunk at a time", _dripping(_CHUNKED, b"1\r\nx\r\n", 0.05), ("slow", "time")
    yield "headers without end", _flooding(_OK, lambda n: b"X-%d: y\r\n" % n), ("broken", "size", "time")
    yield "one header without end", _flooding(_OK + b"X: ", b"x" * 9_000), ("broken", "size", "time")
    yield "a status line without end", _flooding(b"HTTP/1.1 200 ", b"O" * 9_000), ("broken", "size", "time")
    yield (
        "interim answers without end",
        _flooding(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50),
        ("size", "time", "broken"),
    )
    yield "a body without end", _flooding(_OK + b"\r\n", b"x" * 60_000), ("size", "time")
    yield "chunks without end", _flooding(_CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n"), ("size", "time")
    yield "chunks of one byte without end", _flooding(_CHUNKED, b"1\r\nx\r\n" * 2_000), ("size", "time")
    yield "a chunk size without end", _flooding(_CHUNKED, b"0" * 9_000), ("broken", "size", "time")
    yield "a chunk extension without end", _flooding(_CHUNKED + b"1;", b"a" * 9_000), ("broken", "size", "time")
    yield "trailers without end", _flooding(_CHUNKED + b"0\r\n", b"X: y\r\n" * 900), ("broken", "size", "time")
    yield "claims more than it sends", raw(_OK + b"Content-Length: 900\r\n\r\nshort"), ("broken",)
    yield "claims too much", reply(b"x", length=99 << 20), ("size",)
    yield "claims a negative length", raw(_OK + b"Content-Length: -5\r\n\r\nhello"), ("broken",)
    yield "claims two lengths", raw(_OK + b"Content-Length: 5\r\nContent-Length: 9\r\n\r\nhello"), ("broken",)
    yield "claims no number", raw(_OK + b"Content-Length: many\r\n\r\nhello"), ("broken",)
    yield "wrong chunking", raw(_CHUNKED + b"zz\r\nhello\r\n"), ("broken",)
    yield "a negative chunk", raw(_CHUNKED + b"-1\r\nhello\r\n"), ("broken",)
    yield "a chunk that is cut off", raw(_CHUNKED + b"ff\r\nhello"), ("broken",)
    yield "no HTTP", raw(b"220 mail.example ESMTP\r\n"), ("broken",)
    yield "binary noise", raw(os.urandom(5_000)), ("broken",)
    yield "NUL in a header", raw(_OK + b"X: a\0b\r\n\r\n"), ("broken",)
    yield "switches protocols", raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n" + b"x" * 99), ("broken", "status")
    yield "a gzip bomb", _packed("gzip", gzip.compress(bytes(50 << 20))), ("size",)
    yield "a deflate bomb", _packed("deflate", zlib.compress(bytes(50 << 20))), ("size",)
    yield "gzip that is none", _packed("gzip", b"hello"), ("encoding",)
    yield "gzip that is cut off", _packed("gzip", gzip.compress(os.urandom(900))[:500]), ("encoding",)
    yield "gzip within gzip", _packed("gzip, gzip", gzip.compress(gzip.compress(b"x"))), ("encoding",)
    yield "an unknown coding", _packed("br", b"hello"), ("encoding",)
    yield "redirects without end", redirect("?again"), ("redirect", "url")
    yield "redirects to nowhere", redirect("http://"), ("url", "redirect")
    yield "asks to wait for a day", reply(status="503 Wait", headers={"Retry-After": "86400"}), ("status",)
    yield (
        "asks to wait until next year",
        reply(status="429 Wait", headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}),
        ("status",),
    )
    yield "asks to wait for nonsense", reply(status="503 Wait", headers={"Retry-After": "soon" * 99}), ("status",)
    yield (
        "part of something else",
        reply(b"x", status="206 Part", headers={"Content-Range": "bytes 5-6/9"}),
        ("status",),
    )
    yield "nothing changed, unasked", raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"), ("status",)


def run_hostile(work: Path) -> dict[str, Any]:
    """Meet every cruelty, in memory and as a download; each must end soon in an error with a right reason."""
    with raw_server() as server, ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda case: list(_meet(server, work, *case)), enumerate(cruelties())))
    every = [case for cases in told for case in cases]
    failures = [problem for problem, _ in every if problem]
    return {
        "cases": len(every),
        "refused": len(every) - len(failures),
        "failures": failures,
        "slowest": round(max(seconds for _, seconds in every), 3),
    }


def _meet(
    server: Raw, work: Path, number: int, cruelty: tuple[str, Answer, tuple[str, ...]]
) -> Iterator[tuple[str, float]]:
    what, answer, reasons = cruelty
    server.answers[f"/{number}"] = answer
    with Fetcher(POLICY, store=work / "store") as fetcher:
        for way in (fetcher.get, fetcher.download):
            started = time.perf_counter()
            problem = _attempt(way, f"{server.url}/{number}", reasons)
            seconds = time.perf_counter() - started
            if not problem and seconds > SLOWEST_S:
                problem = f"took {seconds:.1f} s"
            yield (f"{what}, {way.__name__}: {problem}" if problem else "", seconds)


def _attempt(way: Callable[[str], object], url: str, reasons: tuple[str, ...]) -> str:
    try:
        way(url)
    except FetchError as error:
        if error.reason not in reasons:
            return f"reason {error.reason}: {error.message}"
        return "" if error.message and "127.0.0.1" in error.message else f"says only {error.message}"
    except BaseException as error:  # whatever it is, it must not get out
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return f"raised {type(error).__name__}: {error}"
    return "was taken"
