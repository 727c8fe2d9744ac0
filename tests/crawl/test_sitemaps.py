"""Sitemaps of every kind, and of no kind."""

from __future__ import annotations

import gzip
import time

import pytest

from goodsense.crawl import read_sitemap

URLS = ("https://shop.example/p/1", "https://shop.example/p/2?a=1&b=2")
NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'


def urlset(*urls: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> str:
    picture = "<image:image><image:loc>https://shop.example/a.jpg</image:loc></image:image>"
    inner = "".join(f"<url>{picture}<loc> {url.replace('&', '&amp;')} </loc></url>" for url in urls)
    return f"{head}<urlset {NS}>{inner}</urlset>"


@pytest.mark.parametrize(
    "data",
    [
        urlset(*URLS).encode(),
        b"\xef\xbb\xbf" + urlset(*URLS).encode(),
        gzip.compress(urlset(*URLS).encode()),
        urlset(*URLS, head="").encode("utf-16"),
        urlset(*URLS, head='<?xml version="1.0" encoding="GB18030"?><!-- 网站地图 -->').encode("gb18030"),
        urlset(*URLS, head="").replace(f" {NS}", ' xmlns:image="i"').encode(),
        "\n".join(URLS).encode(),
        ("\ufeff" + "\r\n".join(URLS)).encode(),
    ],
)
def test_pages(data: bytes) -> None:
    found = read_sitemap(data)
    assert (found.pages, found.sitemaps, found.problem) == (URLS, (), "")


def test_an_index_lists_sitemaps() -> None:
    index = f"<sitemapindex {NS}><sitemap><loc>{URLS[0]}</loc></sitemap></sitemapindex>"
    assert read_sitemap(index.encode()).sitemaps == URLS[:1]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (urlset(*URLS).encode()[:-40], "no sound XML"),
        (urlset(*URLS, head='<!DOCTYPE a [<!ENTITY b "c">]>').encode(), "no sound XML"),
        (b"<a>" * 100_000, "deep"),
        (gzip.compress(urlset(*URLS).encode())[:-20], "damaged"),
        (gzip.compress(bytes(70 << 20)), "larger than"),
        (urlset(*("https://shop.example/" + str(n) for n in range(50_010))).encode(), "more than 50,000"),
        (b"<urlset><url><loc>" + b"x" * 9_000_000, "no sound XML"),
    ],
)
def test_hostile_ones_are_bounded_and_named(data: bytes, problem: str) -> None:
    started = time.monotonic()
    assert problem in read_sitemap(data).problem
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("data", [b"", b"<html><p>no sitemap</p></html>", b"\x00\x01", b"<", b"not here"])
def test_what_is_none_lists_nothing(data: bytes) -> None:
    found = read_sitemap(data)
    assert (found.pages, found.sitemaps) == ((), ())
