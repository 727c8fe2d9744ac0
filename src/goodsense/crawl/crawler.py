"""The crawl itself: take an address, fetch it, read it, write down what it brought; one after the other.

One page at a time is what politeness asks for anyway, and what makes a killed crawl resume exactly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from goodsense.catalog.feeds.pages import PageProducts, products_in_page
from goodsense.catalog.product import Product
from goodsense.crawl.frontier import LAST_RANK, LINKED_RANK, LISTED_RANK, SITEMAP_RANK, Address, Frontier, Outcome
from goodsense.crawl.report import CRAWL_LIMITS, CrawlLimits, CrawlReport
from goodsense.crawl.scope import Scope, canonical, joined, may_be_page, page_id, pattern
from goodsense.crawl.sitemaps import MAX_SITEMAP_BYTES, read_sitemap
from goodsense.crawl.traps import Traps
from goodsense.errors import FetchError, PartialError
from goodsense.media.addresses import HttpUrl, shown
from goodsense.media.fetch import Fetched, Fetcher
from goodsense.progress import Progress, silent
from goodsense.tables import Reject

_ACCEPT = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5"}
_BATCH = 200  # products that are handed over at a time
_MOST_SITEMAPS = 2_000
_MOST_LINKS = 2_000  # of one page
_ADDRESSES_PER_PAGE = 50  # that are remembered, for each page that may be asked for
_PASSING = frozenset({"dns", "connect", "slow", "time", "broken", "stopped"})
_BUSY = frozenset({429, 503})
_MOST_TROUBLES = 5  # pages in a row that cannot be reached


Deliver = Callable[[Sequence[Product]], None]
Tell = Callable[[Reject], None]


class Crawler:
    """One crawl of one site.

    Parameters
    ----------
    scope
        Which site, and which part of it.
    path
        The file that remembers it; a crawl that was not finished goes on.
    fetcher
        Its policy must not follow redirects: their targets are addresses like others.
    currency
        The ISO 4217 code of prices that name none.

    Attributes
    ----------
    resumed
        Whether an earlier run is gone on with.
    """

    def __init__(
        self,
        scope: Scope,
        path: Path,
        fetcher: Fetcher,
        *,
        limits: CrawlLimits = CRAWL_LIMITS,
        currency: str | None = None,
    ) -> None:
        self.scope = scope
        self.limits = limits
        self._fetcher = fetcher
        self._currency = currency
        self._frontier = Frontier(path)
        if self._frontier.note("finished"):
            self._frontier.close()
            path.unlink()
            self._frontier = Frontier(path)
        self._traps = Traps(self._frontier.patterns(), self._frontier.knows_product, self._frontier.knows)
        self._troubles: list[tuple[str, FetchError]] = []
        counts = self._frontier.counts()
        self.resumed = bool(counts)
        self._asked = sum(count for name, count in counts.items() if name.split(" ")[1] in _ASKED)
        self._waiting = sum(count for name, count in counts.items() if name.endswith(" waiting"))
        self._sitemaps = sum(count for name, count in counts.items() if name.startswith("sitemap "))
        self._bytes = self._frontier.total_bytes()

    def close(self) -> None:
        """Close the file of the crawl."""
        self._frontier.close()

    def run(self, deliver: Deliver, tell: Tell, *, progress: Progress = silent) -> CrawlReport:
        """Crawl until it ends.

        Parameters
        ----------
        deliver
            Takes products, a batch at a time; what it took is not delivered again.
        tell
            Takes what could not be read.

        Raises
        ------
        FetchError
            If the site cannot be reached, or its first page cannot be read.
        PartialError
            On Ctrl-C; the same crawl goes on where it stopped.
        """
        started, before = time.monotonic(), self._asked
        stage = f"crawl {self.scope.start.host}"
        try:
            robots = self._fetcher.robots(str(self.scope.start))
            if not self.resumed:
                self._begin(robots.sitemaps)
            ended = self._loop(started, deliver, tell, stage, progress)
        except KeyboardInterrupt as interrupt:
            self._hand_over(deliver, tell)
            raise PartialError(
                f"stopped after {self._asked} pages; {self._frontier.product_count()} products are safely in.",
                fix="Run the same command again: it goes on where it stopped.",
            ) from interrupt
        self._hand_over(deliver, tell)
        report = self._report(ended)
        report.fetched = self._asked - before
        report.seconds = round(time.monotonic() - started, 3)
        if ended == "finished":
            self._frontier.finish()
        self._refuse_emptiness(report)
        progress(stage, self._asked, self._asked)
        return report

    def _loop(self, started: float, deliver: Deliver, tell: Tell, stage: str, progress: Progress) -> str:
        kept = 0
        while True:
            progress(stage, self._asked, min(self._asked + self._waiting, max(self._asked, self.limits.pages)) or None)
            if reached := self._limit(started):
                return reached
            address = self._frontier.take()
            if address is None:
                return "finished"
            outcome = self._outcome(address)
            fresh = self._frontier.settle(address, outcome)
            self._waiting += fresh - 1
            self._asked += outcome.state in _ASKED
            self._bytes += outcome.bytes
            if len(self._troubles) >= _MOST_TROUBLES:
                self._frontier.again([url for url, _ in self._troubles])
                return "unreachable"
            if outcome.given_up or outcome.same:
                self._waiting = self._count_waiting()
            kept += len(outcome.products)
            if kept >= _BATCH:
                self._hand_over(deliver, tell)
                kept = 0

    def _begin(self, named: Sequence[str]) -> None:
        start = str(self.scope.start)
        first = Address(start, "page", LINKED_RANK, 0, pattern(self.scope.start))
        places = [joined(start, address) for address in named or ("/sitemap.xml",)]
        sitemaps = [found for place in places if (found := self._sitemap(place, 0)) is not None]
        self._waiting = 1 + len(sitemaps)
        self._frontier.begin({"start": start, "prefix": self.scope.prefix}, [*sitemaps, first])

    def _limit(self, started: float) -> str:
        if self._asked >= self.limits.pages:
            return "pages" if self._frontier.take() is not None else "finished"
        if self._bytes >= self.limits.total_bytes:
            return "bytes"
        return "seconds" if time.monotonic() - started >= self.limits.seconds else ""

    # ---- one address

    def _outcome(self, address: Address) -> Outcome:
        outcome = self._fetched(address)
        if address.kind == "page" and outcome.state in _ASKED and not self._troubles:
            self._traps.judge(address, outcome)
        if self._frontier.size > _ADDRESSES_PER_PAGE * self.limits.pages:
            outcome.found = []
        return outcome

    def _fetched(self, address: Address) -> Outcome:
        is_sitemap = address.kind == "sitemap"
        limit = MAX_SITEMAP_BYTES if is_sitemap else self.limits.page_bytes
        try:
            found = self._fetcher.get(address.url, headers=_ACCEPT, max_bytes=limit)
        except FetchError as error:
            return self._failure(address, error)
        self._troubles.clear()
        if found.location:
            return self._redirect(address, found)
        if is_sitemap:
            return self._read_sitemap(address, found)
        if found.kind not in ("html", "xml", "text"):
            return Outcome("other", f"{found.kind}, no page", found.size)
        return self._read_page(address, found)

    def _failure(self, address: Address, error: FetchError) -> Outcome:
        if error.reason == "robots" and not error.status:
            return Outcome("robots", error.message)
        passing = error.reason in _PASSING or error.reason == "robots" or error.status in _BUSY
        if passing and address.rank != LAST_RANK:
            self._troubles.append((address.url, error))
        else:
            self._troubles.clear()
        problem = Reject(address.url, None, "", None, error.message, error.fix)
        expected = address.kind == "sitemap" and error.status == 404  # most are guesses
        return Outcome("failed", error.message, problems=[] if expected else [problem])

    def _redirect(self, address: Address, found: Fetched) -> Outcome:
        place = joined(address.url, found.location)
        if address.kind == "sitemap":
            target = self._sitemap(place, address.depth)
        else:
            target = self._link(place, address.depth, address.rank)
        kept = [target] if target is not None and target.depth <= self.limits.depth else []
        return Outcome("redirect", f"to {shown(place)}", found.size, found=kept)

    def _read_sitemap(self, address: Address, found: Fetched) -> Outcome:
        listed = read_sitemap(found.body)
        links = [self._link(joined(address.url, url), 0, LISTED_RANK) for url in listed.pages]
        more = [self._sitemap(joined(address.url, url), address.depth) for url in listed.sitemaps]
        problem = Reject(address.url, None, "", None, listed.problem, "Mend the sitemap.", scope="field")
        return Outcome(
            "done",
            listed.problem,
            found.size,
            found=[one for one in (*more, *links) if one is not None],
            problems=[problem] if listed.problem else [],
        )

    def _read_page(self, address: Address, found: Fetched) -> Outcome:
        page = products_in_page(
            found.body,
            url=address.url,
            content_type=found.headers.get("content-type", ""),
            currency=self._currency,
        )
        own = canonical(page.canonical) if page.canonical else None
        if own is None or not self.scope.holds_page(own):
            own = canonical(address.url)
        known = str(own) if own is not None else address.url
        products = [] if page.noindex else [_named(product, known) for product in page.products]
        outcome = Outcome("done", bytes=found.size, products=products, problems=list(page.problems))
        if products and known != address.url:
            outcome.same = known
        outcome.found = self._links(page, address)
        return outcome

    def _links(self, page: PageProducts, address: Address) -> list[Address]:
        if page.nofollow:
            return []
        listed = (product.url for product in page.listed if product.url)
        found: dict[str, Address] = {}
        for place in (*page.links, page.canonical, *listed):
            link = self._link(place, address.depth, LINKED_RANK) if place else None
            if link is not None:
                found.setdefault(link.url, replace(link, self_fed=link.pattern == address.pattern))
        return list(found.values())[:_MOST_LINKS]

    def _link(self, place: str, depth: int, rank: int) -> Address | None:
        """The address of a page to follow, one step deeper; None if it lies outside or is not worth it."""
        url = canonical(place) if place else None
        if url is None or depth >= self.limits.depth or not (self.scope.holds_page(url) and may_be_page(url)):
            return None
        kind = pattern(url)
        if rank == LINKED_RANK and self._traps.is_given_up(kind):
            return None
        return Address(str(url), "page", rank, depth + 1, kind)

    def _sitemap(self, place: str, depth: int) -> Address | None:
        url = canonical(place) if place else None
        if url is None or not self.scope.holds(url) or depth > 4 or self._sitemaps >= _MOST_SITEMAPS:
            return None
        self._sitemaps += 1
        return Address(str(url), "sitemap", SITEMAP_RANK, depth + 1, "")

    # ---- handing over

    def _hand_over(self, deliver: Deliver, tell: Tell) -> None:
        while products := self._frontier.undelivered(_BATCH):
            deliver(products)
            self._frontier.delivered([product.id for product in products])
        while problems := self._frontier.untold(_BATCH):
            for _, problem in problems:
                tell(problem)
            self._frontier.told([number for number, _ in problems])

    def _count_waiting(self) -> int:
        return sum(count for name, count in self._frontier.counts().items() if name.endswith(" waiting"))

    def _report(self, ended: str) -> CrawlReport:
        counts = self._frontier.counts()

        def pages(*states: str) -> int:
            return sum(counts.get(f"page {state}", 0) for state in states)

        notes = [self._troubles[-1][1].message] if ended == "unreachable" else []
        return CrawlReport(
            start=str(self.scope.start),
            pages=pages("done", "other"),
            sitemaps=counts.get("sitemap done", 0),
            failed=pages("failed"),
            redirected=pages("redirect"),
            disallowed=pages("robots"),
            trapped=pages("trap"),
            waiting=pages("waiting"),
            products=self._frontier.product_count(),
            bytes=self._bytes,
            ended=ended,
            resumed=self.resumed,
            notes=notes,
        )

    def _refuse_emptiness(self, report: CrawlReport) -> None:
        """A crawl that came to its end without a single page is an error that says why."""
        if report.pages or report.products or report.ended not in ("finished", "unreachable"):
            return
        start = str(self.scope.start)
        reason = self._frontier.reason(start) or "nothing was found"
        raise FetchError(
            f"{shown(start)}: no page could be read ({reason})."[:500],
            url=start,
            reason="status",
            fix="Check the address; give the one that the site redirects to.",
        )


_ASKED = frozenset({"done", "failed", "redirect", "other"})


def _named(product: Product, page: str) -> Product:
    """The product with an id that lasts and the address of its page."""
    id = page_id(page) if "://" in product.id else product.id
    return replace(product, id=id, url=product.url or page)


def site(start: HttpUrl, prefix: str = "") -> Scope:
    """The scope of a crawl from there; without a prefix the whole site."""
    return Scope(start, "/" + prefix.strip("/") + "/" if prefix.strip("/") else "/")
