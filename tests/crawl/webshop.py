"""A little web shop on loopback, with everything a crawler meets: sitemaps, three kinds of markup, traps, dead ends.

It is made from a number of products alone, so that a test knows what a right crawl finds; it notes every request.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PER_CATEGORY = 20
_NAMES = ("Kettle", "Teapot", "Lamp", "Drum", "Kite", "Train", "茶壶", "台灯", "木制火车", "风筝")
_ROBOTS = """\
User-agent: *
Disallow: /cart
Disallow: /*?sort=
Disallow: /secret/
Allow: /secret/open
Sitemap: {url}/sitemap-index.xml
Sitemap: http://cdn.example/elsewhere.xml
"""


@dataclass(frozen=True)
class Answer:
    """What a path gives."""

    body: bytes = b""
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    location: str = ""


@dataclass
class WebShop:
    """The shop as it is served; ``requests`` are all paths that were asked for, in order."""

    products: int
    traps: bool = True
    url: str = ""
    requests: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    pause: Callable[[str], None] = lambda path: None

    # ---- what a right crawl finds

    def expected_ids(self) -> set[str]:
        """The ids of all products that may be found."""
        return {id_of(number) for number in range(self.products)} | {"/p/unnamed", "GB-1", "open-1"}

    def forbidden(self) -> list[str]:
        """The requests that robots.txt forbids."""
        return [
            path
            for path in self.requests
            if path.startswith("/cart")
            or "?sort=" in path
            or (path.startswith("/secret/") and not path.startswith("/secret/open"))
        ]

    def repeated(self) -> dict[str, int]:
        """What was asked for more than once, and how often."""
        return {path: count for path in set(self.requests) if (count := self.requests.count(path)) > 1}

    # ---- what it serves

    def answer(self, target: str) -> Answer:
        """The answer for a path with its query."""
        parts = urlsplit(target)
        path, query = parts.path, parse_qs(parts.query)
        pages: dict[str, Callable[[], Answer]] = {
            "/": self._home,
            "/robots.txt": lambda: text(_ROBOTS.format(url=self.url), "text/plain"),
            "/sitemap-index.xml": self._sitemap_index,
            "/sitemap-pages.xml": lambda: self._sitemap(range(self.products // 4)),
            "/sitemap-more.xml.gz": lambda: Answer(
                gzip.compress(self._sitemap(range(self.products // 4, self.products // 2)).body),
                kind="application/gzip",
            ),
            "/sitemap-broken.xml": lambda: text("<urlset><url><loc>/p/", "application/xml"),
            "/p/unnamed": self._unnamed,
            "/gb": self._gb18030,
            "/secret/open": lambda: page("Open", product_ld("open-1", "Open secret")),
            "/old": lambda: Answer(status=301, location=f"/p/{id_of(0)}"),
            "/away": lambda: Answer(status=302, location="http://elsewhere.example/"),
            "/loop": lambda: Answer(status=302, location="/loop"),
            "/broken": lambda: Answer(b"oh", 500),
            "/picture": lambda: Answer(b"\x89PNG\r\n\x1a\n" + bytes(500), kind="text/html"),
            "/hidden": lambda: page(
                "Hidden", product_ld("hidden-1", "Hidden"), head="<meta name=robots content=noindex>"
            ),
            "/about": lambda: page("About us"),
        }
        if path in pages:
            return pages[path]()
        if path.startswith("/p/"):
            return self._product(path.removeprefix("/p/"))
        if path.startswith("/c/"):
            return self._category(int(path.removeprefix("/c/")), int(query.get("page", ["1"])[0]))
        if path.startswith("/calendar/"):
            return self._calendar(path)
        if path == "/filter":
            return self._filter(parts.query)
        if path.startswith("/visit"):
            return self._session(query.get("visit", ["0"])[0])
        return Answer(b"<h1>not here</h1>", 404)

    def _home(self) -> Answer:
        categories = -(-self.products // PER_CATEGORY)
        links = [f"/c/{number}" for number in range(categories)]
        links += ["/about", "/old", "/away", "/loop", "/broken", "/gone", "/picture", "/hidden", "/gb", "/p/unnamed"]
        links += ["/calendar/2024/1/1", "/filter?a=1", "/visit?visit=1"] if self.traps else []
        links += ["/secret/plan", "/secret/open", "/cart", "/?sort=x"]
        links += [
            "http://elsewhere.example/",
            "//cdn.example/p/1",
            "mailto:a@b.example",
            "/catalog.pdf",
            "javascript:x",
        ]
        return page("Home", links="".join(link(address) for address in links))

    def _category(self, number: int, at: int) -> Answer:
        start = number * PER_CATEGORY + (at - 1) * PER_CATEGORY // 2
        own = range(start, min(start + PER_CATEGORY // 2, (number + 1) * PER_CATEGORY, self.products))
        links = "".join(link(f"/p/{id_of(n)}?utm_source=list&utm_campaign={n}#top") for n in own)
        links += link(f"/c/{number}?page=2") if at == 1 else ""
        links += link(f"/c/{number}?sort=price") + '<a rel="nofollow" href="/never">never</a>' + link("/")
        return page(f"Category {number}", links=links)

    def _product(self, id: str) -> Answer:
        try:
            number = int(id.rpartition("-")[2])
        except ValueError:
            return Answer(b"no such product", 404)
        if id != id_of(number) or number >= self.products:
            return Answer(b"no such product", 404)
        make = (product_ld, product_microdata, product_graph)[number % 3]
        name = f"{_NAMES[number % len(_NAMES)]} {number}"
        address = f'<link rel="canonical" href="{self.url}/p/{id}">'
        related = link(f"/p/{id_of((number + 1) % self.products)}?ref=related") if number % 10 == 0 else ""
        return page(name, make(id, name, 10 + number), head=address, links=link("/") + related)

    def _unnamed(self) -> Answer:
        body = json.dumps({"@context": "https://schema.org", "@type": "Product", "name": "Without a number"})
        return page("Without a number", f'<script type="application/ld+json">{body}</script>')

    def _gb18030(self) -> Answer:
        html = page("紫砂壶", product_ld("GB-1", "宜兴紫砂壶"), charset="gb18030").body.decode()
        return Answer(html.encode("gb18030"), kind="text/html")

    def _sitemap_index(self) -> Answer:
        names = ("sitemap-pages.xml", "sitemap-more.xml.gz", "sitemap-broken.xml", "sitemap-missing.xml")
        inner = "".join(f"<sitemap><loc>{self.url}/{name}</loc></sitemap>" for name in names)
        return text(
            f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inner}</sitemapindex>', "text/xml"
        )

    def _sitemap(self, numbers: range) -> Answer:
        inner = "".join(f"<url><loc>{self.url}/p/{id_of(n)}</loc><lastmod>2024-05-01</lastmod></url>" for n in numbers)
        outside = "<url><loc>http://elsewhere.example/p/1</loc></url>"
        return text(
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{outside}{inner}</urlset>', "text/xml"
        )

    def _calendar(self, path: str) -> Answer:
        """A page for every day until the end of time."""
        year, month, day = (int(step) for step in path.split("/")[2:5])
        days = (f"/calendar/{year}/{month}/{day + more}" for more in (1, 2, 3))
        return page("Calendar", links="".join(map(link, (*days, f"/calendar/{year + 1}/{month}/{day}"))))

    def _filter(self, query: str) -> Answer:
        """Every filter can be added to every other."""
        more = (f"/filter?{query}&{name}={value}" for name in "abcdef" for value in (1, 2))
        return page("Filter", links="".join(map(link, more)))

    def _session(self, visit: str) -> Answer:
        """The same product under ever new addresses."""
        links = "".join(link(f"/visit?visit={int(visit) * 3 + more}") for more in range(1, 4))
        return page("Visit", product_ld(id_of(0), "Kettle 0"), links=links)


def id_of(number: int) -> str:
    """The id of a product."""
    return f"SKU-{number}"


def link(address: str) -> str:
    return f'<a href="{address}">there</a> '


def page(title: str, inner: str = "", *, head: str = "", links: str = "", charset: str = "utf-8") -> Answer:
    html = (
        f"<!doctype html><html lang=en><head><meta charset={charset}><title>{title}</title>{head}</head>"
        f"<body><h1>{title}</h1>{inner}<nav>{links}</nav></body></html>"
    )
    return Answer(html.encode())


def text(body: str, kind: str) -> Answer:
    return Answer(body.encode(), kind=kind)


def product_ld(id: str, name: str, price: int = 10) -> str:
    """A product as JSON-LD."""
    offer = {
        "@type": "Offer",
        "price": f"{price}.50",
        "priceCurrency": "CNY",
        "availability": "https://schema.org/InStock",
    }
    data = {"@context": "https://schema.org", "@type": "Product", "sku": id, "name": name, "offers": offer}
    return f'<script type="application/ld+json">{json.dumps(data, ensure_ascii=False)}</script>'


def product_microdata(id: str, name: str, price: int = 10) -> str:
    """A product as microdata."""
    return (
        f'<div itemscope itemtype="https://schema.org/Product"><span itemprop="name">{name}</span>'
        f'<meta itemprop="sku" content="{id}"><div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
        f'<meta itemprop="price" content="{price}.50"><meta itemprop="priceCurrency" content="CNY"></div></div>'
    )


def product_graph(id: str, name: str, price: int = 10) -> str:
    """A product as OpenGraph, whose id is that of the retailer."""
    said = {
        "og:type": "product",
        "og:title": name,
        "product:retailer_item_id": id,
        "product:price:amount": f"{price}.50",
        "product:price:currency": "CNY",
    }
    return "".join(f'<meta property="{key}" content="{value}">' for key, value in said.items())


@contextmanager
def webshop(products: int = 40, *, traps: bool = True, pause: Callable[[str], None] | None = None) -> Iterator[WebShop]:
    """Serve a shop until the block ends; ``pause`` is called with the path before each answer."""
    shop = WebShop(products, traps)
    if pause is not None:
        shop.pause = pause

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            shop.requests.append(self.path)
            shop.agents.add(self.headers.get("User-Agent", ""))
            shop.pause(self.path)
            answer = shop.answer(self.path)
            self.send_response_only(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.location:
                self.send_header("Location", answer.location)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *arguments: None  # type: ignore[method-assign] # killed crawlers hang up
    shop.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
