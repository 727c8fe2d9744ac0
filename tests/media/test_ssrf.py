"""Nothing that a feed or a page can write makes the fetcher ask a private server."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.errors import FetchError
from goodsense.media.fetch import Fetcher, FetchPolicy

from .servers import header_of, raw_server, redirect, reply
from .ssrf import OUTSIDE, Names, one_public, run_ssrf

ANY_PORT = frozenset(range(1, 65_536))


def policy(**more: object) -> FetchPolicy:
    settings = {"ports": ANY_PORT, "retries": 0, "per_host_delay_s": 0.0, "respect_robots": False, **more}
    return FetchPolicy(**settings)  # type: ignore[arg-type]


def test_no_form_gets_through(tmp_path: Path) -> None:
    result = run_ssrf(tmp_path)
    assert result["failures"] == []
    assert result["cases"] >= 60
    assert result["slowest"] < 5


def test_the_trap_would_notice() -> None:
    """The same fetch succeeds where private addresses are allowed, so the trap is no dummy."""
    with raw_server({"/": reply(b"secret")}) as trap, Fetcher(policy(allow_private=True)) as fetcher:
        assert fetcher.get(trap.url).body == b"secret"
        assert trap.connections == 1


def test_an_answer_that_changes_between_check_and_use_changes_nothing() -> None:
    """Rebinding: the name is looked up once per connection, and what was checked is what is connected to."""
    names = Names({"shop.example": [[OUTSIDE], ["127.0.0.1"]]})
    with (
        raw_server({"/": reply(b"outside")}, host=OUTSIDE) as outside,
        raw_server({"/": reply(b"secret")}, port=outside.port) as trap,
        one_public(OUTSIDE),
        Fetcher(policy(), resolver=names) as fetcher,
    ):
        url = f"http://shop.example:{outside.port}/"
        assert fetcher.get(url).body == b"outside"
        assert names.asked == ["shop.example"]
        fetcher.close()
    with one_public(OUTSIDE), Fetcher(policy(), resolver=names) as fetcher:
        with pytest.raises(FetchError, match=r"127\.0\.0\.1, an address of this machine"):
            fetcher.get(url)
        assert trap.connections == 0


def test_the_host_that_was_asked_for_is_named_and_proxies_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names({"shop.example": [["127.0.0.1"]]})
    with raw_server() as proxy, raw_server({"/a": reply(b"x")}) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with Fetcher(policy(allow_private=True), resolver=names) as fetcher:
            fetcher.get(f"http://shop.example:{server.port}/a")
        assert proxy.connections == 0
        assert header_of(server.requests[0], "host") == f"shop.example:{server.port}"
        assert not header_of(server.requests[0], "authorization")


def test_ports_and_domains_are_limits_of_their_own() -> None:
    with Fetcher(FetchPolicy(domains=("example.com",))) as fetcher:
        with pytest.raises(FetchError, match="port 6379 is not opened") as port:
            fetcher.get("http://shop.example.com:6379/")
        with pytest.raises(FetchError, match="port"):
            Fetcher(FetchPolicy(domains=("商店.中国",))).get("http://www.商店.中国:81/")
        for host in ("example.org", "notexample.com", "example.com.evil.org"):
            with pytest.raises(FetchError, match="none of the allowed domains") as domain:
                fetcher.get(f"http://{host}/")
    assert (port.value.reason, domain.value.reason) == ("port", "domain")


def test_redirects_end_and_keep_secrets_at_home() -> None:
    with raw_server() as first, raw_server({"/": reply(b"there")}) as second:
        first.answers |= {f"/{n}": redirect(f"/{n - 1}") for n in range(1, 6)}
        first.answers |= {"/0": reply(b"end"), "/loop": redirect("/loop"), "/away": redirect(second.url + "/")}
        with Fetcher(policy(allow_private=True)) as fetcher:
            found = fetcher.get(first.url + "/3", headers={"Authorization": "Bearer x"})
            assert (found.body, found.final_url) == (b"end", first.url + "/0")
            assert all(header_of(request, "authorization") for request in first.requests)
            for path in ("/4", "/loop"):
                with pytest.raises(FetchError, match="redirects more than 3 times") as caught:
                    fetcher.get(first.url + path)
                assert caught.value.reason == "redirect"
            fetcher.get(first.url + "/away", headers={"Cookie": "a=b", "X-Key": "k", "Accept-Language": "zh"})
            assert header_of(second.requests[0], "accept-language") == "zh"
            assert not header_of(second.requests[0], "cookie") + header_of(second.requests[0], "x-key")


def test_redirects_to_other_schemes_are_refused() -> None:
    with raw_server() as server, Fetcher(policy(allow_private=True)) as fetcher:
        for target in ("file:///etc/passwd", "ftp://a.example/", "gopher://a.example/", "data:,x", "//user@a.example/"):
            server.answers["/"] = redirect(target)
            with pytest.raises(FetchError) as caught:
                fetcher.get(server.url)
            assert caught.value.reason == "url"


def test_a_redirect_is_an_answer_where_none_is_followed() -> None:
    with (
        raw_server({"/": redirect("/b?商")}) as server,
        Fetcher(policy(allow_private=True, max_redirects=0)) as fetcher,
    ):
        found = fetcher.get(server.url)
        assert (found.status, found.location) == (302, "/b?商")
        assert len(server.requests) == 1
