"""A shop's own web pages into the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from goodsense.catalog.product import Product
from goodsense.crawl import Crawler, CrawlLimits, CrawlReport, canonical, site
from goodsense.crawl.report import CRAWL_LIMITS
from goodsense.errors import UsageError
from goodsense.media.addresses import parse_url
from goodsense.media.fetch import DEFAULT_POLICY, Fetcher, FetchPolicy
from goodsense.progress import Progress, silent
from goodsense.shop.truth import Truth
from goodsense.tables import Rejects

_TOTAL_S = 60.0  # a page that takes longer is given up


@dataclass
class CrawlIngest:
    """What a crawl found and what of it was new to the catalog."""

    crawl: CrawlReport
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejects_path: str = ""

    def to_json(self) -> dict[str, Any]:
        """One flat object."""
        own = {name: value for name, value in vars(self).items() if name != "crawl"}
        return {**self.crawl.to_json(), **own}


def crawl_into(
    truth: Truth,
    url: str,
    *,
    prefix: str = "",
    limits: CrawlLimits = CRAWL_LIMITS,
    policy: FetchPolicy = DEFAULT_POLICY,
    currency: str | None = None,
    fresh: bool = False,
    progress: Progress = silent,
) -> CrawlIngest:
    """Crawl a site and upsert the products of its pages by id.

    A crawl that was stopped or killed goes on where it was; one that had come to its end begins anew. Products are
    durable batch by batch. What could not be read is told in ``crawls/rejects.jsonl`` of the shop.

    Parameters
    ----------
    url
        Where to begin.
    prefix
        Only pages whose path begins with it.
    fresh
        Forget an unfinished crawl of this site.

    Raises
    ------
    FetchError
        If the address must not be opened or its site cannot be reached.
    PartialError
        On Ctrl-C; the same call goes on.
    """
    parse_url(url)  # says what is wrong with it
    start = canonical(url)
    if start is None:
        raise UsageError(f"{url[:200]!r} is no address that can be crawled.", fix="Give the shop's own address.")
    scope = site(start, prefix)
    path = _place(truth.directory, str(start), scope.prefix)
    rejects_path = path.parent / "rejects.jsonl"
    if fresh:
        path.unlink(missing_ok=True)
    policy = replace(policy, max_redirects=0, respect_robots=True, total_s=min(policy.total_s, _TOTAL_S))
    report = CrawlIngest(CrawlReport(str(start)))

    def deliver(products: Sequence[Product]) -> None:
        applied = truth.upsert(products)
        report.added += applied.added
        report.changed += applied.changed
        report.unchanged += applied.unchanged

    with Fetcher(policy) as fetcher, Rejects(rejects_path) as rejects:
        crawler = Crawler(scope, path, fetcher, limits=limits, currency=currency)
        try:
            if not crawler.resumed:
                rejects_path.unlink(missing_ok=True)
            report.crawl = crawler.run(deliver, rejects.add, progress=progress)
        finally:
            crawler.close()
        report.rejected = len(rejects)
        report.rejects_path = str(rejects_path) if len(rejects) else ""
    return report


def _place(shop: Path, start: str, prefix: str) -> Path:
    host = parse_url(start).host.replace(":", "_")[:80]
    digest = sha256(f"{start} {prefix}".encode()).hexdigest()[:12]
    return shop / "crawls" / f"{host}-{digest}.sqlite"
