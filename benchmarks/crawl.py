"""How fast and how exactly a shop's own pages are crawled: a generated web shop of 2,000 products on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.common import Bench, in_child, parser, report_path, working_directory
from goodsense.media.fetch import FetchPolicy
from goodsense.shop import Shop
from goodsense.shop.crawling import crawl_into
from tests.crawl.kills import run_crawl_kills
from tests.crawl.webshop import webshop

PROTOCOL = (
    "the web shop of the tests: a sitemap index that lists half of the products, category pages, JSON-LD, microdata "
    "and OpenGraph, rules of robots.txt, redirects, dead ends, three endless parts, links to other hosts; the crawler "
    "runs in a process of its own with politeness off, one connection, and upserts into a new catalog; then the same "
    "shop without the endless parts is crawled with kill -9 at random requests"
)
PRODUCTS = 2_000
KILLS = 10
SEED = 11


def main() -> None:
    made = parser(__doc__ or "", data=False)
    made.add_argument("--products", type=int, default=PRODUCTS, help="how many the shop has")
    options = made.parse_args()
    bench = Bench("crawl", PROTOCOL, {"products": options.products, "kills": KILLS}, {"kills": SEED})
    with working_directory(options.work) as work:
        measure(bench, work, options.products)
    bench.write(report_path(options, "crawl", whole=options.products == PRODUCTS))


def measure(bench: Bench, work: Path, products: int) -> None:
    with webshop(products) as served:
        with bench.stage("crawl"):
            found = in_child(crawl, work / "shop", served.url)
        ids = set(found.pop("ids"))
        expected = served.expected_ids()
        forbidden, repeated = served.forbidden(), served.repeated()
    bench.figure("pages per second", found["fetched"] / found["seconds"], target=50)
    bench.figure("products found", len(ids & expected) / len(expected), target=1.0)
    bench.figure("products that are none", len(ids - expected), target=0, better="lower")
    bench.figure("requests outside robots.txt", len(forbidden), target=0, better="lower")
    bench.figure("pages fetched twice", len(repeated), target=0, better="lower")
    bench.figure("peak memory", found["peak_rss_mb"], unit="MiB", better="lower")
    bench.details["crawl"] = {name: found[name] for name in COUNTS}
    with bench.stage("kills"):
        killed = run_crawl_kills(work, KILLS, SEED, products)  # fails if the catalog differs in anything
    bench.figure("pages fetched again per kill", killed["fetched_twice"] / killed["kills"], target=1.0, better="lower")
    bench.details["kills"] = killed


COUNTS = (
    "pages",
    "sitemaps",
    "failed",
    "redirected",
    "disallowed",
    "trapped",
    "products",
    "fetched",
    "seconds",
    "bytes",
)


def crawl(shop: Path, url: str) -> dict[str, Any]:
    """Crawl into a new catalog; what the report says, and the ids that are in it then."""
    policy = FetchPolicy(allow_private=True, per_host_delay_s=0, retries=0)
    with Shop.create(shop) as opened:
        report = crawl_into(opened.truth, url, policy=policy)
        return {**report.to_json(), "ids": [product.id for product in opened.truth.products()]}


if __name__ == "__main__":
    main()
