"""Products out of one HTML page: JSON-LD, microdata and OpenGraph, trusted in this order, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from goodsense.catalog.feeds.assemble import Complain
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.graph import Graph, parse_block, product_nodes
from goodsense.catalog.feeds.html_tree import LINK, MAX_BYTES, Page, attribute, decoded, web_address
from goodsense.catalog.feeds.microdata import microdata, open_graph
from goodsense.catalog.feeds.nodes import Node, breadcrumbs, each, plain_keys, types_of
from goodsense.catalog.feeds.plan import plain_json
from goodsense.catalog.feeds.schema_org import identity, language, product_of
from goodsense.catalog.product import Product, Variant
from goodsense.tables import Reject, shorten

_MAX_PRODUCTS = 1000
_MAX_FILLERS = 100  # less trusted nodes that each product is compared with
_MAX_LINKS = 10_000
_MAX_BLOCKS = 200
_HOME = frozenset({"home", "homepage", "start", "shop", "首页", "主页", "商城首页", "全部商品", "首頁"})
_MEND = "Correct the page's structured data; a validator such as validator.schema.org shows where."


@dataclass(frozen=True, slots=True)
class PageProducts:
    """What one page says.

    ``products`` are the page's own; ``listed`` those that it only lists, usually with little more than name, picture
    and address. ``canonical`` is the address that the page gives as its own, ``links`` are complete http(s) addresses
    without fragments and without those marked ``nofollow``. ``nodes`` are the schema.org nodes of JSON-LD and
    microdata. ``problems`` name what could not be read.
    """

    products: tuple[Product, ...] = ()
    listed: tuple[Product, ...] = ()
    canonical: str = ""
    links: tuple[str, ...] = ()
    noindex: bool = False
    nofollow: bool = False
    language: str = ""
    nodes: tuple[Node, ...] = ()
    problems: tuple[Reject, ...] = ()


def products_in_page(
    html: bytes | str, *, url: str = "", content_type: str = "", currency: str | None = None, name: str = ""
) -> PageProducts:
    """Read one page; nothing that stands in it raises an error.

    Parameters
    ----------
    html
        The page; no more than its first 4 MiB are read.
    url
        Where it was fetched, to complete relative addresses.
    content_type
        The header of that name, for its charset.
    currency
        The ISO 4217 code of prices that name none.
    name
        What ``problems`` call the page, if not its URL.
    """
    page = Page(decoded(html, content_type), url)
    reader = _Reader(page, currency, name or url or "page")
    if page.cut or len(html) > MAX_BYTES:
        reader.problem("", None, f"the page is larger or deeper than {MAX_BYTES >> 20} MiB of sound HTML", "field")
    canonical = _canonical(page)
    spoken = _language(page)
    own, listed = reader.products(canonical or url)
    crumbs = reader.crumbs if len(own) == 1 else ()
    finished = tuple(_finished(product, spoken, crumbs) for product in own)
    noindex, nofollow = _robots(page)
    return PageProducts(
        products=finished,
        listed=tuple(_finished(product, spoken, ()) for product in listed),
        canonical=canonical,
        links=tuple(islice(_links(page), _MAX_LINKS)),
        noindex=noindex,
        nofollow=nofollow,
        language=spoken,
        nodes=tuple(reader.nodes),
        problems=tuple(reader.problems),
    )


class _Reader:
    """Gathers the nodes of one page and makes products of them."""

    def __init__(self, page: Page, currency: str | None, name: str) -> None:
        self.page = page
        self.problems: list[Reject] = []
        self.crumbs: tuple[str, ...] = ()
        self._currency = currency
        self._name = name
        self._graph = Graph(self._json_ld())
        self._marked = Graph(microdata(page))
        self.nodes = [*self._graph.documents, *self._marked.documents]

    def problem(self, column: str, value: Any, reason: str, scope: Any, fix: str = _MEND, record: Any = None) -> None:
        shown = None if value is None else shorten(value)
        self.problems.append(Reject(self._name, 1, column, shown, reason, fix, record, scope))

    def _json_ld(self) -> Iterator[Any]:
        for number, text in enumerate(self.page.json_ld[:_MAX_BLOCKS], 1):
            try:
                yield parse_block(text)
            except ValueError as error:
                reason = f"block {number} of JSON-LD cannot be read: {error}"
                self.problem("application/ld+json", text[:200], reason, "field")

    def products(self, address: str) -> tuple[list[Product], list[Product]]:
        """The page's own products and those it lists."""
        sources = [product_nodes(self._graph), product_nodes(self._marked)]
        self.crumbs = next((found for graph in (self._graph, self._marked) if (found := _crumbs(graph))), ())
        graph_node = open_graph(self.page)
        trusted, second = sources if sources[0][0] else (sources[1], ([], []))
        own, others = trusted[0], second[0] + ([graph_node] if graph_node else [])
        if not own and graph_node and not any(source[1] for source in sources):
            own, others = [graph_node], []
        listed = sources[0][1] or sources[1][1]
        lone = len(own) == 1
        whole = (self._merged(node, others, address if lone else "", lone=lone) for node in own[:_MAX_PRODUCTS])
        seen = [product for product in whole if product is not None]
        more = (self._product(node, self._identity(node)) for node in listed[: _MAX_PRODUCTS - len(seen)])
        return seen, [product for product in more if product is not None]

    def _merged(self, node: Node, others: list[Any], address: str, *, lone: bool) -> Product | None:
        """A product with its gaps filled from less trusted nodes that mean the same."""
        same = [other for other in others[:_MAX_FILLERS] if lone or _same(node, other)]
        same = same if len(same) <= 2 else [other for other in same if _same(node, other)]
        id = next((id for one in (node, *same) if (id := self._identity(one)) and "://" not in id), "")
        found = self._product(node, id or self._identity(node) or address)
        if found is None:
            return None
        for other in same:
            filler = self._product(other, found.id, quiet=True)
            if filler is not None:
                found = merged(found, filler)
        return found

    def _identity(self, node: Node) -> str:
        offers = [self._graph.resolve(offer) for offer in each(node.get("offers"))]
        id = identity({**node, "offers": offers})
        return self.page.absolute(id) if id.startswith(("/", "./", "?")) else id

    def _product(self, node: Node, id: str, *, quiet: bool = False) -> Product | None:
        record: list[Any] = []  # made once, and only if something is wrong

        def complain(column: str, value: Any, bad: BadValue) -> None:
            if not quiet:
                record[:] = record or [plain_json(node)]
                self.problem(column, value, bad.reason, "field", bad.fix, record[0])

        return read_node(node, id, self._graph, self._currency, complain, self.page)


def read_node(
    node: Node, id: str, graph: Graph, currency: str | None, complain: Complain, page: Page
) -> Product | None:
    """The product of a node on a page; None, with a complaint, if it has no id."""
    try:
        return product_of(node, id, currency=currency, complain=complain, resolve=graph.resolve, absolute=page.absolute)
    except BadValue as bad:
        complain("productID", id, bad)
        return None


def merged(first: Product, second: Product) -> Product:
    """The first product, with what it does not say taken from the second."""
    kinds = {type(ref) for ref in first.media}
    variants = first.variants or second.variants
    if len(first.variants) == 1 and len(second.variants) == 1:
        variants = (_merged_variant(first.variants[0], second.variants[0]),)
    gaps = {
        name: getattr(second, name)
        for name in ("title", "description", "bullets", "brand", "category", "language", "url", "updated")
        if not getattr(first, name)
    }
    return replace(
        first,
        **gaps,
        attributes={**second.attributes, **first.attributes},
        media=(*first.media, *(ref for ref in second.media if type(ref) not in kinds)),
        variants=variants,
        extra={**second.extra, **first.extra},
    )


def _merged_variant(first: Variant, second: Variant) -> Variant:
    prices = first if first.price is not None else second
    return replace(
        first,
        price=prices.price,
        list_price=prices.list_price,
        availability=first.availability or second.availability,
        stock=second.stock if first.stock is None else first.stock,
        gtin=first.gtin or second.gtin,
    )


def _same(node: Node, other: Node) -> bool:
    """Whether two nodes share an id, an address or a name."""
    one, two = plain_keys(node), plain_keys(other)
    return any(
        isinstance(one.get(name), str) and one.get(name) == two.get(name)
        for name in ("productID", "sku", "@id", "url", "name")
    )


def _crumbs(graph: Graph) -> tuple[str, ...]:
    for node in graph.every():
        if "BreadcrumbList" in types_of(node):
            return breadcrumbs(node)
    return ()


def _finished(product: Product, spoken: str, crumbs: tuple[str, ...]) -> Product:
    """The product with the page's language, and its breadcrumbs for a category, where it says none itself."""
    path = list(crumbs)
    if path and path[0].strip().lower() in _HOME:
        del path[0]
    if path and path[-1].strip() == product.title.strip():
        del path[-1]
    return replace(product, language=product.language or spoken, category=product.category or tuple(path))


def _canonical(page: Page) -> str:
    for node in page.find("link[rel][href]"):
        if "canonical" in attribute(node, "rel").lower().split():
            return web_address(page.absolute(attribute(node, "href")))
    return ""


def _links(page: Page) -> Iterator[str]:
    said: set[str] = set()
    seen: set[str] = set()
    for node in page.find(f"{LINK}[href], area[href]"):
        href = attribute(node, "href")
        if href in said or "nofollow" in attribute(node, "rel").lower().split():
            continue
        said.add(href)
        address = web_address(page.absolute(href))
        if address and address not in seen:
            seen.add(address)
            yield address


def _robots(page: Page) -> tuple[bool, bool]:
    said: set[str] = set()
    for node in page.find("meta[name][content]"):
        if attribute(node, "name").lower() == "robots":
            said.update(word.strip() for word in attribute(node, "content").lower().split(","))
    return not said.isdisjoint({"noindex", "none"}), not said.isdisjoint({"nofollow", "none"})


def _language(page: Page) -> str:
    texts = [attribute(node, "lang") or attribute(node, "xml:lang") for node in page.find("html")[:1]]
    named = (node for node in page.find("meta[content]") if attribute(node, "http-equiv").lower() == "content-language")
    texts += [attribute(node, "content") for node in named]
    for text in texts:
        try:
            if text and (code := language(text)):
                return code
        except BadValue:
            continue
    return ""
