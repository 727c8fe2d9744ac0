"""Which URLs are understood, and which addresses count as the public internet."""

from __future__ import annotations

import contextlib
import ipaddress

import pytest

from goodsense.errors import FetchError
from goodsense.media.addresses import checked_addresses, parse_url, shown, why_not_global

from .ssrf import LITERALS, PRIVATE, Names


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://Shop.Example", "http://shop.example/"),
        (" https://shop.example:443/a?b=c#d ", "https://shop.example/a?b=c"),
        ("http://shop.example.:8080/", "http://shop.example:8080/"),
        ("http://shop.example:/", "http://shop.example/"),
        (
            "https://商店.中国/商品?名=茶壶",
            "https://xn--czrs0t.xn--fiqs8s/%E5%95%86%E5%93%81?%E5%90%8D=%E8%8C%B6%E5%A3%B6",
        ),
        ("http://shop。example/", "http://shop.example/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://[2606:4700:0:0::1111]:80/", "http://[2606:4700::1111]/"),
        ("http://a.example/x/../y/./z/..", "http://a.example/y/"),
        ("http://a.example/../../x", "http://a.example/x"),
        ("http://a.example/x/%2e%2E/y", "http://a.example/y"),
        ("http://a.example/100%25?q=a%20b", "http://a.example/100%25?q=a%20b"),
        ("http://a.example?x=1", "http://a.example/?x=1"),
        ("http://under_score.example/", "http://under_score.example/"),
    ],
)
def test_urls_become_canonical(url: str, canonical: str) -> None:
    found = parse_url(url)
    assert str(found) == canonical
    assert str(parse_url(canonical)) == canonical


@pytest.mark.parametrize("url", LITERALS)
def test_no_spelling_of_a_private_host_is_understood_as_another(url: str) -> None:
    """Either it is refused, or what is left is a plain host whose address is checked."""
    found = ""
    with contextlib.suppress(FetchError):
        found = parse_url(url).host
    assert found in ("", "localhost", "example.com", "127.0.0.1", "::ffff:7f00:1", "::1")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.1/", "http://a@b/", "http://a:99999/", "http:///"])
def test_refusals_say_what_to_write(url: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse_url(url)
    assert caught.value.reason == "url"
    assert caught.value.fix


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_global(address: str) -> None:
    assert why_not_global(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "2400:3200::1"])
def test_public_addresses_are(address: str) -> None:
    assert why_not_global(ipaddress.ip_address(address)) == ""


def test_every_address_of_a_name_must_be_public() -> None:
    url = parse_url("http://shop.example/")
    both = Names({"shop.example": [["93.184.215.14", "10.0.0.1"]]})
    with pytest.raises(FetchError, match=r"leads to 10\.0\.0\.1, a private address") as caught:
        checked_addresses(url, both, allow_private=False)
    assert caught.value.reason == "address"
    assert "--allow-private" in caught.value.fix
    assert len(checked_addresses(url, both, allow_private=True)) == 2
    twice = Names({"shop.example": [["93.184.215.14", "93.184.215.14"]]})
    assert len(checked_addresses(url, twice, allow_private=False)) == 1


def test_messages_show_no_passwords_and_no_escapes() -> None:
    assert shown("http://me:secret@shop.example/\x1b[2J") == "http://...@shop.example/\N{REPLACEMENT CHARACTER}[2J"
