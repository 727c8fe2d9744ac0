"""Reviews that stand beside products in schema.org nodes, as plain dictionaries."""

from __future__ import annotations

from typing import Any, TypedDict

from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.graph import Graph
from goodsense.catalog.feeds.nodes import Node, each, is_product, number_of, plain_keys, text_in, types_of
from goodsense.catalog.feeds.schema_org import identity

_BEST = 5.0  # a rating without a scale is one of five


class ReviewFields(TypedDict):
    """A review as a page gives it: empty text, or None for the rating, where it says nothing.

    ``rating`` is brought to a scale whose best is 5; ``time`` is as written.
    """

    id: str
    product: str
    user: str
    rating: float | None
    title: str
    text: str
    language: str
    time: str


def reviews_in(node: Node, *, product: str = "") -> list[ReviewFields]:
    """The reviews of all products in a node, and those that name what they review.

    Parameters
    ----------
    node
        A JSON-LD document or a node of a page.
    product
        The id of products that say none themselves.
    """
    graph = Graph([node])
    found: dict[int, ReviewFields] = {}
    for raw in graph.every():
        one = plain_keys(raw)
        if is_product(one):
            reviews, reviewed = [*each(one.get("review")), *each(one.get("reviews"))], one
        elif "Review" in types_of(one) and isinstance(item := graph.resolve(one.get("itemReviewed")), dict):
            reviews, reviewed = [raw], plain_keys(item)
        else:
            continue
        for review in map(graph.resolve, reviews):
            if isinstance(review, dict) and id(review) not in found:
                found[id(review)] = _review(plain_keys(review), identity(reviewed) or product, graph)
    return list(found.values())


def _review(node: Node, product: str, graph: Graph) -> ReviewFields:
    return {
        "id": text_in(node.get("@id")) or text_in(node.get("identifier")),
        "product": product,
        "user": text_in(graph.resolve(node.get("author")), ("name", "alternateName", "@value")),
        "rating": _rating(graph.resolve(node.get("reviewRating"))),
        "title": text_in(node.get("name")) or text_in(node.get("headline")),
        "text": text_in(node.get("reviewBody")) or text_in(node.get("description")),
        "language": text_in(node.get("inLanguage"), ("alternateName", "name", "@value")),
        "time": text_in(node.get("datePublished")) or text_in(node.get("dateCreated")),
    }


def _rating(value: Any) -> float | None:
    rating = value if isinstance(value, dict) else {"ratingValue": value}
    try:
        given = number_of(rating.get("ratingValue"))
    except BadValue:
        return None
    try:
        best = number_of(rating.get("bestRating"))
    except BadValue:
        best = _BEST
    return given * _BEST / best if best > 0 else None
