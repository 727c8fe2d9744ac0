"""Ways to make a fetcher ask a private server, over sixty forms, against a trap that notes any connection."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from goodsense.errors import FetchError, GoodsenseError
from goodsense.media import addresses
from goodsense.media.fetch import Fetcher, FetchPolicy
from tests.media.servers import Raw, raw_server, redirect, reply

EVERYWHERE = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"
OUTSIDE = "127.0.0.99"  # an address of this machine that passes for a public one where a test says so
PUBLIC = "93.184.215.14"  # stands for any public address; nothing is ever sent there
# as dotted decimal, each of these must be refused however a name or a redirect comes by it
PRIVATE = (
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # metadata of most clouds
    "169.254.170.2",  # credentials of containers
    "100.100.100.200",  # metadata of Alibaba Cloud
    "192.0.0.192",  # metadata of Oracle Cloud
    "168.63.129.16",  # host of Azure's machines
    "100.64.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata of Amazon over IPv6
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "3fff::1",
    "100::1",
)
# spellings of 127.0.0.1 and its like that some reader somewhere understands
LITERALS = (
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0X7F.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0177.0.0.1/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://127.0.0.01/",
    "http://127.0.0.1./",
    "http://127.0.0.256/",
    "http://340282366920938463463374607431768211457/",
    "http://127.0.0.1%2eexample.com/",
    "http://127%2e0%2e0%2e1/",
    "http://%31%32%37.0.0.1/",
    "http://１２７.０.０.１/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://127．0．0．1/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://[::1%25lo]/",
    "http://[::1%lo]/",
    "http://[::1/",
    "http://::1/",
    "http://[127.0.0.1]/",
    "http://[fe80::1%eth0]/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://ｌｏｃａｌｈｏｓｔ/",
    "http://user@127.0.0.1/",
    "http://example.com@127.0.0.1/",
    "http://example.com:80@127.0.0.1/",
    "http://example.com#@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http:\\\\127.0.0.1/",
    "http:///127.0.0.1/",
    "http:127.0.0.1/",
    "//127.0.0.1/",
    "127.0.0.1",
    "http://127.0.0.1\t/",
    "http://127.0.0.1\r\nHost: example.com/",
    "http://exa\nmple.com/",
    "http://127.0.0.1:80:80/",
    "http://127.0.0.1:+80/",
    "http://127.0.0.1:８０/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:65616/",
    "http://a..b/",
    "http:// /",
    "http://ⓔxample.com:22/",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "FILE:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:70/_GET",
    "dict://127.0.0.1:11211/",
    "data:text/html,x",
    "jar:http://127.0.0.1!/",
    "ldap://127.0.0.1/",
    "unix:/var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "view-source:http://127.0.0.1/",
    "javascript:alert(1)",
    "/etc/passwd",
    "",
)


@dataclass
class Names:
    """A resolver that answers as it was told; a list of answers is given one after the other."""

    answers: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        rows = self.answers.get(host)
        if not rows:
            raise OSError(f"{host}: no such host")
        return rows.pop(0) if len(rows) > 1 else rows[0]


@contextmanager
def one_public(address: str) -> Iterator[None]:
    """Let one address of this machine pass for one of the internet: the seam where redirects from outside begin."""
    honest = addresses.why_not_global

    def but_one(found: Any) -> str:
        return "" if str(found) == address else honest(found)

    with patch.object(addresses, "why_not_global", but_one):
        yield


def run_ssrf(work: Path) -> dict[str, Any]:
    """Try every form; a connection to the trap, or an answer, is a failure."""
    failures: list[str] = []
    count, slowest = 0, 0.0
    with raw_server({"/": reply(b"secret")}, host=EVERYWHERE) as trap:
        cases = (*_literals(trap), *_by_name(trap), *_mixed(trap))
        for what, url, names in cases:
            count += 1
            started = time.perf_counter()
            problem = _attempt(url, names)
            slowest = max(slowest, time.perf_counter() - started)
            if problem or trap.connections:
                failures.append(f"{what}: {problem or 'a connection arrived'}")
                trap.connections = 0
        for target in _targets(trap):
            count += 1
            if problem := _redirected(target, trap):
                failures.append(f"redirect to {target!r}: {problem}")
    return {"cases": count, "refused": count - len(failures), "failures": failures, "slowest": round(slowest, 3)}


def _attempt(url: str, names: Names) -> str:
    """Fetch by a policy that opens every port, so that only the address stands in the way."""
    policy = FetchPolicy(ports=frozenset(range(1, 65_536)), retries=0, per_host_delay_s=0, respect_robots=False)
    try:
        with Fetcher(policy, resolver=names) as fetcher:
            fetcher.get(url)
    except FetchError as error:
        return (
            "" if error.reason in ("url", "address", "port", "dns", "redirect") else f"{error.reason}: {error.message}"
        )
    except GoodsenseError as error:
        return f"said {error.message}"
    except BaseException as error:  # whatever it is, it must not get out
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return f"raised {type(error).__name__}: {error}"
    return "was answered"


def _literals(trap: Raw) -> Iterator[tuple[str, str, Names]]:
    """The spellings, at the port of the trap where they name none."""
    names = Names({name: [["127.0.0.1"]] for name in ("localhost", "example.com")})
    for url in LITERALS:
        yield f"literal {url!r}", url, names
        head, slash, tail = url.partition("//")
        host, end, rest = tail.partition("/")
        if slash and end and ":" not in host.replace("[::", ""):
            yield f"literal {url!r} at the trap", f"{head}//{host}:{trap.port}/{rest}", names
    for address in PRIVATE:
        host = f"[{address}]" if ":" in address else address
        yield f"address {address}", f"http://{host}:{trap.port}/", names
        yield f"address {address}, secure", f"https://{host}:{trap.port}/", names


def _by_name(trap: Raw) -> Iterator[tuple[str, str, Names]]:
    for address in PRIVATE:
        yield f"name of {address}", f"http://shop.example:{trap.port}/", Names({"shop.example": [[address]]})


def _mixed(trap: Raw) -> Iterator[tuple[str, str, Names]]:
    url = f"http://shop.example:{trap.port}/"
    yield "public and private", url, Names({"shop.example": [[PUBLIC, "127.0.0.1"]]})
    yield "private and public", url, Names({"shop.example": [["127.0.0.1", PUBLIC]]})
    yield "public and mapped", url, Names({"shop.example": [[PUBLIC, "::ffff:127.0.0.1"]]})
    yield "a scoped address", url, Names({"shop.example": [["fe80::1%lo"]]})
    yield "nonsense instead of an address", url, Names({"shop.example": [["127.1"]]})
    yield "no address", url, Names({"shop.example": [[]]})


def _targets(trap: Raw) -> Iterator[str]:
    for url in LITERALS:
        if _is_absolute(url) and not any(sign in url for sign in "\r\n\t"):
            yield url
    for address in PRIVATE:
        host = f"[{address}]" if ":" in address else address
        yield f"http://{host}:{trap.port}/"


def _is_absolute(url: str) -> bool:
    """Whether it is absolute; what is relative stays on the server that redirects."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url) is not None and not re.match(r"http:([^/]|///)", url)


def _redirected(target: str, trap: Raw) -> str:
    """Follow two redirects on a server that passes for a public one, and a third to the target."""
    names = Names({"first.example": [[OUTSIDE]], **{name: [["127.0.0.1"]] for name in ("localhost", "example.com")}})
    hops = {"/3": redirect("/2"), "/2": redirect("/1", 301), "/1": redirect(target, 307)}
    with raw_server(hops, host=OUTSIDE) as first, one_public(OUTSIDE):
        problem = _attempt(f"http://first.example:{first.port}/3", names)
    arrived, trap.connections = trap.connections, 0
    if problem or arrived:
        return problem or "a connection arrived"
    return "" if len(first.requests) == 3 else f"{len(first.requests)} of 3 hops were taken"
