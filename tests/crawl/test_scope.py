"""What an address is called, whether it belongs, and whether it is worth asking for."""

from __future__ import annotations

import pytest
from w3lib.url import canonicalize_url

from goodsense.crawl import canonical, site
from goodsense.crawl.scope import may_be_page, page_id, pattern
from goodsense.media.addresses import parse_url


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://Shop.example/p/1?utm_source=x&b=2&a=1#top", "http://shop.example/p/1?a=1&b=2"),
        ("http://shop.example/p;jsessionid=A1B2?id=3&PHPSESSID=9", "http://shop.example/p?id=3"),
        ("http://shop.example/p?gclid=1&fbclid=2&spm=a.b", "http://shop.example/p"),
        (
            "http://shop.example/商品/茶壶?色=红",
            "http://shop.example/%E5%95%86%E5%93%81/%E8%8C%B6%E5%A3%B6?%E8%89%B2=%E7%BA%A2",
        ),
        ("http://shop.example/a/../b/./c", "http://shop.example/b/c"),
        ("http://shop.example/p?name=%BA%EC", "http://shop.example/p?name=%BA%EC"),
        ("http://shop.example/p?empty=&x", "http://shop.example/p?empty=&x="),
    ],
)
def test_one_spelling(address: str, expected: str) -> None:
    found = canonical(address)
    assert str(found) == expected
    assert canonical(expected) == found


@pytest.mark.parametrize(
    "address", ["mailto:a@b.example", "javascript:x", "http://127.1/", "ftp://a.example/", "", "/x"]
)
def test_what_is_no_address(address: str) -> None:
    assert canonical(address) is None


@pytest.mark.parametrize(
    "target",
    ["/", "/a/b.html", "/a?b", "/a?b=", "/a?b=2&a=1&a=0&B=3", "/a-b_c?x.y=z-1&x=", "/a?b=1&b", "/a//b?a=2&b=1"],
)
def test_plain_addresses_get_the_spelling_of_the_library(target: str) -> None:
    assert str(canonical(f"http://shop.example{target}")) == canonicalize_url(f"http://shop.example{target}")


def test_scope() -> None:
    scope = site(parse_url("https://www.shop.example/en/"), "en")
    inside = ("https://shop.example/en/p/1", "http://www.shop.example/en", "https://www.shop.example/en/?a=b")
    outside = (
        "https://shop.example/english",
        "https://shop.example/",
        "https://other.example/en/",
        "https://a.shop.example/en/",
    )
    assert all(scope.holds_page(parse_url(url)) for url in inside)
    assert not any(scope.holds_page(parse_url(url)) for url in outside)
    assert scope.holds(parse_url("https://shop.example/sitemap.xml"))
    assert not scope.holds(parse_url("https://shop.example:8443/en/"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/p/1", True),
        ("/p/1.html?a=1", True),
        ("/picture.JPG", False),
        ("/feed.csv?x=1", False),
        ("/" + "a/" * 15, False),
        ("/a/b/a/b/a/b/a/b", False),
        ("/f?" + "&".join(f"{n}=1" for n in range(9)), False),
        ("/f?a=1&a=2&a=3&a=4", False),
        ("/" + "x" * 1_001, False),
    ],
)
def test_what_may_be_a_page(path: str, expected: bool) -> None:
    assert may_be_page(parse_url(f"http://shop.example{path}")) is expected


def test_patterns_gather_what_is_alike() -> None:
    def of(path: str) -> str:
        return pattern(parse_url(f"http://shop.example{path}"))

    assert of("/p/red-kettle") == of("/p/blue-lamp-2") == "/p/*"
    assert of("/calendar/2024/5/17") == of("/calendar/1999/12/1") == "/calendar/#/#/*"
    assert of("/item?id=1&color=2") == of("/item?color=x&id=9") == "/item?color&id"
    assert of("/c/1?page=2") == of("/c/77?page=9") == "/c/#?page"


def test_ids_of_pages_outlive_a_move() -> None:
    assert page_id("https://shop.example/p/teapot") == page_id("http://www.shop.example/p/teapot") == "/p/teapot"
    assert page_id("https://shop.example/item?id=3") == "/item?id=3"
