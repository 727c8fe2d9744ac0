"""A crawl of a shop whose right outcome is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goodsense.crawl import Crawler, CrawlLimits, CrawlReport, canonical, site
from goodsense.crawl.frontier import Frontier
from goodsense.errors import FetchError, PartialError, StorageError
from goodsense.media.fetch import Fetcher, FetchPolicy
from goodsense.shop import Shop
from goodsense.shop.crawling import CrawlIngest, crawl_into
from tests.media.servers import raw_server, redirect, reply
from tests.media.ssrf import Names

from .webshop import WebShop, id_of, webshop

POLICY = FetchPolicy(allow_private=True, per_host_delay_s=0.0, retries=0, backoff_s=0.01, read_s=8.0)


def crawled(directory: Path, url: str, **more: object) -> tuple[CrawlIngest, set[str]]:
    with Shop.create(directory) as shop:
        report = crawl_into(shop.truth, url, policy=POLICY, **more)  # type: ignore[arg-type]
        return report, {product.id for product in shop.truth.products()}


def test_a_whole_shop(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with webshop(60) as served:
        report, ids = crawled(tmp_path, served.url, progress=lambda stage, done, total: seen.append((done, total)))
        assert ids == served.expected_ids()
        assert served.forbidden() == []
        assert served.repeated() == {}
        assert all(agent.startswith("goodsense/") for agent in served.agents)
        assert "/never" not in served.requests  # nofollow
        assert not any("utm_" in path or path.endswith(".pdf") for path in served.requests)
    found = report.crawl
    assert (found.ended, found.products, found.waiting, found.sitemaps) == ("finished", 63, 0, 4)
    assert (report.added, report.changed, report.unchanged) == (63, 0, 0)
    assert (found.redirected, found.failed) == (3, 2)
    assert found.disallowed >= 5
    assert found.fetched == len(served.requests) - 1  # robots.txt
    assert seen[-1] == (found.fetched, found.fetched)
    asked = [path.split("/")[1].split("?")[0] for path in served.requests]  # of the three traps
    assert max(asked.count("calendar"), asked.count("visit")) <= 60
    assert asked.count("filter") <= 320
    assert found.trapped > 100


def test_products_are_read_whole(tmp_path: Path) -> None:
    with webshop(20, traps=False) as served:
        crawled(tmp_path, served.url)
        with Shop.open(tmp_path) as shop:
            products = {product.id: product for product in shop.truth.products()}
        assert products["GB-1"].title == "宜兴紫砂壶"
        assert products["GB-1"].price is not None
        for number in range(3):  # JSON-LD, microdata, OpenGraph
            product = products[id_of(number)]
            assert product.price is not None
            assert (product.price.minor, product.price.currency) == (1050 + 100 * number, "CNY")
            assert product.url == f"{served.url}/p/{product.id}"
        assert products["/p/unnamed"].title == "Without a number"
        assert "hidden-1" not in products  # noindex


def test_what_could_not_be_read_is_told(tmp_path: Path) -> None:
    with webshop(20, traps=False) as served:
        report, _ = crawled(tmp_path, served.url)
        told = [json.loads(line) for line in Path(report.rejects_path).read_text("utf-8").splitlines()]
    assert report.rejected == len(told) == 3
    assert {line["file"].rpartition("/")[2] for line in told} == {"sitemap-broken.xml", "broken", "gone"}
    assert all(line["reason"] and line["fix"] for line in told)


def test_a_second_crawl_finds_everything_unchanged(tmp_path: Path) -> None:
    with webshop(20, traps=False) as served:
        first, _ = crawled(tmp_path, served.url)
        again, _ = crawled(tmp_path, served.url)
    assert (again.added, again.changed, again.unchanged) == (0, 0, first.added)
    assert not again.crawl.resumed


def test_limits_end_it_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with webshop(40, traps=False) as served:
        first, ids = crawled(tmp_path, served.url, limits=CrawlLimits(pages=20))
        assert (first.crawl.ended, first.crawl.fetched) == ("pages", 20)
        assert first.crawl.waiting > 0
        assert 0 < len(ids) < 43
        stuck, _ = crawled(tmp_path, served.url, limits=CrawlLimits(pages=20))
        assert (stuck.crawl.ended, stuck.crawl.fetched) == ("pages", 0)
        rest, ids = crawled(tmp_path, served.url)
        assert (rest.crawl.ended, rest.crawl.resumed) == ("finished", True)
        assert ids == served.expected_ids()
        assert set(served.repeated()) <= {"/robots.txt"}
        assert first.added + rest.added == 43
    with webshop(40, traps=False) as served:
        assert crawled(tmp_path / "b", served.url, limits=CrawlLimits(total_bytes=3_000))[0].crawl.ended == "bytes"
        assert crawled(tmp_path / "c", served.url, limits=CrawlLimits(seconds=0.0))[0].crawl.ended == "seconds"
        shallow, _ = crawled(tmp_path / "d", served.url, limits=CrawlLimits(depth=1))
        assert shallow.crawl.ended == "finished"
        assert shallow.crawl.products < 40


def test_fresh_forgets_an_unfinished_crawl(tmp_path: Path) -> None:
    with webshop(20, traps=False) as served:
        crawled(tmp_path, served.url, limits=CrawlLimits(pages=12))
        report, _ = crawled(tmp_path, served.url, fresh=True)
        assert not report.crawl.resumed
        assert served.repeated()["/sitemap-index.xml"] == 2


def test_a_prefix_keeps_to_a_part_of_the_site(tmp_path: Path) -> None:
    with webshop(40) as served:
        report, ids = crawled(tmp_path, served.url + "/c/0", prefix="/c/")
        pages = {path for path in served.requests if not path.startswith(("/robots", "/sitemap"))}
    assert ids == set()
    assert pages == {"/c/0", "/c/0?page=2"}
    assert report.crawl.pages == 2


def test_no_other_host_is_even_looked_up(tmp_path: Path) -> None:
    with webshop(20, traps=False) as served:
        names = Names({"shop.example": [["127.0.0.1"]], "www.shop.example": [["127.0.0.1"]]})
        start = canonical(served.url.replace("127.0.0.1", "shop.example"))
        assert start is not None
        report = run_alone(tmp_path, start, names)
    assert report.ended == "finished"
    assert set(names.asked) == {"shop.example"}


def run_alone(tmp_path: Path, start: object, names: Names) -> CrawlReport:
    policy = FetchPolicy(allow_private=True, per_host_delay_s=0.0, retries=0, max_redirects=0)
    with Fetcher(policy, resolver=names) as fetcher:
        crawler = Crawler(site(start), tmp_path / "crawl.sqlite", fetcher)  # type: ignore[arg-type]
        try:
            return crawler.run(lambda products: None, lambda problem: None)
        finally:
            crawler.close()


def test_interrupting_keeps_what_is_there(tmp_path: Path) -> None:
    with webshop(40, traps=False) as served, Shop.create(tmp_path) as shop:

        def stop(stage: str, done: int, total: int | None) -> None:
            if done == 25:
                raise KeyboardInterrupt

        with pytest.raises(PartialError, match="stopped after 25 pages"):
            crawl_into(shop.truth, served.url, policy=POLICY, progress=stop)
        kept = len(shop.truth)
        assert kept > 0
        report = crawl_into(shop.truth, served.url, policy=POLICY)
        assert len(shop.truth) == 43
        assert report.added == 43 - kept
        assert set(served.repeated()) <= {"/robots.txt"}


def test_a_site_that_goes_away_is_left_and_gone_on_with(tmp_path: Path) -> None:
    gone = False

    def slow(path: str) -> None:
        if gone:
            raise ConnectionAbortedError

    with webshop(40, traps=False, pause=slow) as served:

        def leave(stage: str, done: int, total: int | None) -> None:
            nonlocal gone
            gone = done >= 20

        report, _ = crawled(tmp_path, served.url, progress=leave)
        assert report.crawl.ended == "unreachable"
        assert report.crawl.notes
        gone = False
        report, ids = crawled(tmp_path, served.url)
        assert report.crawl.ended == "finished"
        assert ids == served.expected_ids()


def test_a_site_that_is_busy_loses_no_page(tmp_path: Path) -> None:
    answers = {"/": reply("".join(f'<a href="/{n}">{n}</a>' for n in range(9)).encode() + b"<html>")}
    busy = reply(b"", status="429 Slowly")
    with raw_server({**answers, **{f"/{number}": busy for number in range(9)}}) as server:
        report, _ = crawled(tmp_path, server.url)
        assert (report.crawl.ended, report.crawl.waiting) == ("unreachable", 9)
        server.answers |= {f"/{number}": reply(b"<html>now</html>") for number in range(9)}
        server.answers["/robots.txt"] = reply(b"", status="500 Oh")
        with pytest.raises(FetchError, match="nothing of the site is asked for"):
            crawled(tmp_path, server.url)
        server.answers["/robots.txt"] = reply(b"")
        report, _ = crawled(tmp_path, server.url)
        assert (report.crawl.ended, report.crawl.pages) == ("finished", 10)


def test_pages_that_never_answer_do_not_block_the_rest(tmp_path: Path) -> None:
    links = "".join(f'<a href="/{number}">{number}</a>' for number in range(8))
    answers = {f"/{number}": reply(b"", status="503 Busy") for number in range(6)}
    answers |= {f"/{number}": reply(b"<html>well</html>") for number in (6, 7)}
    with raw_server({"/": reply(f"<html>{links}".encode()), **answers}) as server:
        assert crawled(tmp_path, server.url)[0].crawl.ended == "unreachable"
        found = crawled(tmp_path, server.url)[0].crawl
        assert (found.ended, found.pages, found.failed) == ("finished", 3, 6)


def test_no_page_at_all_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="cannot be reached"):
        crawled(tmp_path, "http://127.0.0.1:1/")
    with raw_server({"/": redirect("http://elsewhere.example/")}) as server:
        with pytest.raises(FetchError, match=r"to http://elsewhere\.example/"):
            crawled(tmp_path, server.url)
        server.answers["/"] = reply(b"<html><title>now</title></html>")
        assert crawled(tmp_path, server.url)[0].crawl.pages == 1  # it begins anew
        server.answers["/robots.txt"] = reply(b"User-agent: *\nDisallow: /")
        with pytest.raises(FetchError, match=r"robots\.txt asks not to"):
            crawled(tmp_path, server.url)
    with pytest.raises(FetchError, match="no http or https"):
        crawled(tmp_path, "file:///etc/passwd")
    with Shop.create(tmp_path) as shop, pytest.raises(FetchError, match="an address of this machine"):
        crawl_into(shop.truth, "http://127.0.0.1/")


def test_two_crawls_of_one_site_do_not_mix(tmp_path: Path) -> None:
    frontier = Frontier(tmp_path / "crawl.sqlite")
    with pytest.raises(StorageError, match="another crawl of this site is running"):
        Frontier(tmp_path / "crawl.sqlite")
    frontier.close()
    Frontier(tmp_path / "crawl.sqlite").close()


def test_a_crawl_delay_of_the_site_is_kept(tmp_path: Path) -> None:
    answers = {
        "/robots.txt": reply(b"User-agent: *\nCrawl-delay: 0.1"),
        "/": reply(b"<html><a href=/a>a</a><a href=/b>b</a></html>"),
        "/a": reply(b"<html>a</html>"),
        "/b": reply(b"<html>b</html>"),
    }
    with raw_server(answers) as server:
        report, _ = crawled(tmp_path, server.url)
    assert report.crawl.seconds >= 0.4  # sitemap.xml and three pages


@pytest.mark.parametrize("served", [WebShop(5)])
def test_the_shop_of_these_tests_is_what_it_says(served: WebShop) -> None:
    assert served.answer("/p/SKU-4").status == 200
    assert served.answer("/p/SKU-5").status == served.answer("/nothing").status == 404
    assert len(served.expected_ids()) == 8
