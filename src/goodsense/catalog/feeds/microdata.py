"""What a page's markup says about products beside JSON-LD: microdata, and OpenGraph's meta tags, as schema.org nodes.

Follows the HTML standard's chapter on microdata and https://ogp.me with Facebook's ``product:`` properties.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from goodsense.catalog.feeds.html_tree import Page, attribute, tag_of
from goodsense.catalog.feeds.nodes import plain_name

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_ADDRESSES = {
    **dict.fromkeys("audio embed iframe img source track video".split(), "src"),
    **dict.fromkeys("a area link".split(), "href"),
    "object": "data",
}
_VALUES = {"data": "value", "meter": "value", "time": "datetime", "meta": "content"}
# Properties whose value is the address of a link; of others it is the link's text, as authors mean it.
_LINKED = frozenset("url image availability itemCondition sameAs logo contentUrl embedUrl priceType item".split())
_MAX_PROPERTIES = 20_000
_MAX_DEPTH = 20  # of items in items
_MAX_NAMES = 10  # of one property, types of one item
_OPEN_GRAPH = {
    "name": ("og:title",),
    "description": ("og:description",),
    "url": ("og:url",),
    "image": ("og:image:secure_url", "og:image:url", "og:image", "product:image_link"),
    "video": ("og:video:secure_url", "og:video:url", "og:video"),
    "audio": ("og:audio:secure_url", "og:audio:url", "og:audio"),
    "inLanguage": ("og:locale",),
    "brand": ("product:brand", "og:brand"),
    "category": ("product:category",),
    "sku": ("product:retailer_item_id", "product:sku", "og:sku"),
    "gtin": ("product:gtin", "product:ean", "product:upc", "product:isbn", "og:upc"),
    "mpn": ("product:mfr_part_no",),
    "color": ("product:color",),
    "material": ("product:material",),
    "pattern": ("product:pattern",),
    "size": ("product:size",),
    "itemCondition": ("product:condition", "og:condition"),
    "inProductGroupWithID": ("product:item_group_id",),
}
_MANY = frozenset({"image", "video", "audio"})
_SOLD = frozenset({"product", "og:product", "product.item"})


def microdata(page: Page) -> list[dict[str, Any]]:
    """The outermost items of a page, in order, nested ones inside."""
    found: list[dict[str, Any]] = []
    seen: set[int] = set()
    left = _MAX_PROPERTIES
    for outer in page.find("[itemscope]"):
        if outer.mem_id not in seen and left > 0:
            item = _item(outer)
            found.append(item)
            left = _fill(page, outer, item, seen, left)
    return found


def _item(node: LexborNode) -> dict[str, Any]:
    item: dict[str, Any] = {
        "@type": [plain_name(name) for name in attribute(node, "itemtype").split(maxsplit=_MAX_NAMES)]
    }
    if address := attribute(node, "itemid"):
        item["@id"] = address
    return item


def _fill(page: Page, outer: LexborNode, item: dict[str, Any], seen: set[int], left: int) -> int:
    """Give an item the properties below its element; ``seen`` collects the elements of items inside it."""
    stack: list[tuple[LexborNode | None, dict[str, Any], int]] = [(outer.child, item, 0)]
    while stack and left > 0:
        node, item, depth = stack.pop()
        if node is None:
            continue
        stack.append((node.next, item, depth))
        attributes = node.attributes if (node.tag or "-")[0] != "-" else {}
        inner = item
        if "itemscope" in attributes:
            if depth == _MAX_DEPTH or not attributes.get("itemprop"):
                continue  # an outermost item of its own
            seen.add(node.mem_id)
            inner, depth = _item(node), depth + 1
        for name in map(plain_name, (attributes.get("itemprop") or "").split(maxsplit=_MAX_NAMES)[:_MAX_NAMES]):
            left -= 1
            _put(item, name, _value(page, node, name) if inner is item else inner)
        stack.append((node.child, inner, depth))
    return left


def _put(item: dict[str, Any], name: str, value: Any) -> None:
    if name.startswith("@") or value == "":
        return
    if name in item:
        others = item[name]
        item[name] = [*others, value] if isinstance(others, list) else [others, value]
    else:
        item[name] = value


def _value(page: Page, node: LexborNode, name: str) -> str:
    tag = tag_of(node)
    if content := attribute(node, "content"):
        return content
    source = _ADDRESSES.get(tag)
    if source is not None and (name in _LINKED or source != "href" or tag == "link"):
        address = attribute(node, source) or attribute(node, "data-src")
        return page.absolute(address) if address and name in _LINKED else address
    if tag in _VALUES and (value := attribute(node, _VALUES[tag])):
        return value
    return "" if tag == "meta" else page.text(node)


def open_graph(page: Page) -> dict[str, Any] | None:
    """The product that the meta tags describe; None if they describe none."""
    said: dict[str, list[str]] = {}
    for node in page.find("meta[content]"):
        name = (attribute(node, "property") or attribute(node, "name")).lower()
        content = attribute(node, "content")
        if content and name.startswith(("og:", "product:", "article:modified_time")):
            said.setdefault(name, []).append(content)
    sold = not _SOLD.isdisjoint(kind.lower() for kind in said.get("og:type", ()))
    if not sold and not any(name.startswith("product:") or name == "og:price:amount" for name in said):
        return None
    node_: dict[str, Any] = {"@type": "Product"}
    for key, names in _OPEN_GRAPH.items():
        if values := _first(said, names):
            node_[key] = list(dict.fromkeys(values)) if key in _MANY else values[0]
    if offer := _offer(said):
        node_["offers"] = offer
    return node_


def _first(said: dict[str, list[str]], names: Iterable[str]) -> list[str]:
    return next((said[name] for name in names if name in said), [])


def _offer(said: dict[str, list[str]]) -> dict[str, Any]:
    """The price that is asked, and the one before it."""
    kinds = ("price", "sale_price", "original_price")
    usual, reduced, before = (_first(said, (f"product:{kind}:amount", f"og:{kind}:amount")) for kind in kinds)
    code = _first(said, ("product:price:currency", "og:price:currency", "product:sale_price:currency"))
    struck = before or (usual if reduced else [])
    offer: dict[str, Any] = {}
    if price := reduced or usual:
        offer["price"] = price[0]
    if code:
        offer["priceCurrency"] = code[0]
    if struck and struck != price:
        offer["priceSpecification"] = {"priceType": "StrikethroughPrice", "price": struck[0]}
    if stock := _first(said, ("product:availability", "og:availability")):
        offer["availability"] = {"oos": "out_of_stock", "pending": "preorder"}.get(stock[0], stock[0])
    return offer if offer.keys() - {"priceCurrency"} else {}
