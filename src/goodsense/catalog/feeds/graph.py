"""JSON-LD documents: parsing, also of slightly broken ones, references between nodes, and the products in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from goodsense.catalog.feeds.nodes import Node, each, is_product, plain_keys, text_in, types_of
from goodsense.tables.json_rows import parse_json

_BLOCK_CHARS = 1 << 20
_WRAPPING = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|"
    r"(?:-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>|;)\s*$"
)
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)|,(?=\s*[}\]])', re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f]")
_MAX_NODES = 200_000
# Where a document holds nodes that are its own subject, and where it lists others.
_OWN = ("@graph", "mainEntity", "mainEntityOfPage", "about", "itemOffered", "hasPart", "subjectOf")
_LISTED = ("itemListElement", "item", "hasOfferCatalog", "makesOffer")


def parse_block(text: str) -> Any:
    """The value of one script of JSON-LD.

    Comment marks around it, commas after a last item and line breaks inside texts are forgiven.

    Raises
    ------
    ValueError
        With the reason, if it cannot be read all the same.
    """
    if len(text) > _BLOCK_CHARS:
        raise ValueError(f"it is longer than {_BLOCK_CHARS} characters")
    try:
        return parse_json(text.strip("\ufeff \t\r\n"))
    except ValueError as error:
        for _ in range(3):
            text = _WRAPPING.sub("", text)
        try:
            return parse_json(_STRING_OR_COMMA.sub(_mended, text).strip())
        except ValueError:
            raise error from None


def _mended(found: re.Match[str]) -> str:
    part = found.group()
    return "" if part == "," else _CONTROLS.sub(lambda sign: f"\\u{ord(sign.group()):04x}", part)


class Graph:
    """Documents whose nodes may refer to each other by ``@id``."""

    def __init__(self, documents: Iterable[Any]) -> None:
        self.documents = [node for document in documents for node in each(document) if isinstance(node, dict)]
        self._named: dict[str, Node] = {}
        for node in self.every():
            name = node.get("@id")
            if isinstance(name, str) and len(node) > len(self._named.get(name, ("@id", "@type"))):
                self._named[name] = node

    def every(self) -> Iterator[Node]:
        """Every node, outer ones first."""
        stack: list[Any] = self.documents[::-1]
        left = _MAX_NODES
        while stack and left > 0:
            left -= 1
            found = stack.pop()
            if isinstance(found, dict):
                yield found
                stack.extend(reversed(found.values()))
            elif isinstance(found, list):
                stack.extend(reversed(found))

    def resolve(self, value: Any) -> Any:
        """The node that a reference means; other values as they are."""
        if isinstance(value, dict) and value.keys() <= {"@id", "@type"}:
            name = value.get("@id")
            return self._named.get(name, value) if isinstance(name, str) else value
        return value


def product_nodes(graph: Graph) -> tuple[list[Node], list[Node]]:
    """The products that documents are about, and those they list; variants stay in the group that they belong to."""
    own: list[Node] = []
    listed: list[Node] = []
    stack: list[tuple[Any, bool]] = [(document, False) for document in reversed(graph.documents)]
    seen: set[int] = set()
    while stack and len(seen) < _MAX_NODES:
        value, inside = stack.pop()
        found = graph.resolve(value)
        if isinstance(found, list):
            stack.extend((item, inside) for item in reversed(found))
            continue
        if not isinstance(found, dict) or id(found) in seen:
            continue
        seen.add(id(found))
        node = plain_keys(found)
        if is_product(node):
            (listed if inside else own).append(node)
            continue
        offered = graph.resolve(node.get("itemOffered"))
        if is_product(offered) and "Offer" in types_of(node):
            offer = {name: item for name, item in node.items() if name != "itemOffered"}
            (listed if inside else own).append({"offers": offer, **plain_keys(offered)})
            continue
        stack.extend((node[name], True) for name in reversed(_LISTED) if name in node)
        stack.extend((node[name], inside) for name in reversed(_OWN) if name in node)
    return _grouped(own, graph), _grouped(listed, graph)


def _grouped(nodes: list[Node], graph: Graph) -> list[Node]:
    """Products that name their group become its variants."""
    groups = {key: node for node in nodes if "ProductGroup" in types_of(node) for key in _group_names(node)}
    if not groups:
        return nodes
    members: dict[int, list[Node]] = {}
    claimed = {id(graph.resolve(item)) for node in groups.values() for item in each(node.get("hasVariant"))}
    kept = []
    for node in nodes:
        parent = graph.resolve(node.get("isVariantOf"))
        named = parent.get("@id", parent.get("productGroupID")) if isinstance(parent, dict) else None
        group = groups.get(text_in(named) or text_in(node.get("inProductGroupWithID")))
        if id(node) in claimed:
            continue
        if group is None or group is node:
            kept.append(node)
        else:
            members.setdefault(id(group), []).append(node)
    return [
        {**node, "hasVariant": [*each(node.get("hasVariant")), *members[id(node)]]} if id(node) in members else node
        for node in kept
    ]


def _group_names(node: Node) -> list[str]:
    return [text for name in ("@id", "productGroupID") if (text := text_in(node.get(name)))]
