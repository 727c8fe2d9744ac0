"""From schema.org nodes, as JSON-LD, microdata and OpenGraph say them, to products.

A node is a plain dictionary whose keys are schema.org properties. Follows the vocabulary of https://schema.org/Product
and https://schema.org/ProductGroup as Google's merchant listings use it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.assemble import Complain
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.nodes import (
    GTINS,
    KEPT,
    Node,
    condition,
    each,
    entry,
    measured,
    number_of,
    plain_keys,
    plain_name,
    text_in,
)
from goodsense.catalog.feeds.offers import variants_of_offers
from goodsense.catalog.feeds.plan import plain_json
from goodsense.catalog.product import AttributeValue, Product, Variant
from goodsense.types import AudioRef, ImageRef, MediaRef, VideoRef

PLAIN = frozenset("color size material pattern model mpn".split())  # texts that are attributes under their own name
MAX_VARIANTS = 10_000
_MAX_COMPLAINTS = 20  # of one product
_QUANTITY = ("value", "minValue", "maxValue", "unitText", "unitCode")
_MEASURED = frozenset("weight height width depth".split())
_NAMED = frozenset("countryOfOrigin manufacturer".split())
_IDS = ("productGroupID", "productID", "sku", "identifier", *GTINS)
_ADDRESSES = ("url", "@id")
_KEYS = frozenset(
    "@context @type @id @reverse name description brand category offers image video audio url inLanguage dateModified "
    "positiveNotes additionalProperty aggregateRating review reviews hasVariant variesBy productGroupID productID sku "
    "identifier mainEntityOfPage audience itemCondition".split()
)
KNOWN = _KEYS | {KEPT} | PLAIN | _MEASURED | _NAMED | frozenset(GTINS)


def identity(node: Node) -> str:
    """What the node says that identifies its product, best first; empty if nothing does."""
    node = plain_keys(node)
    for name in _IDS:
        if text := text_in(node.get(name), ("@value", "value", "@id")).strip():
            return text
    for offer in each(node.get("offers")):
        if text := _of_offer(offer, "sku").strip():
            return text
    addresses = (text_in(node.get(name), ("@id", "@value")).strip() for name in _ADDRESSES)
    named = next((text for text in addresses if text and not text.startswith(("#", "_:"))), "")
    return named or text_in(node.get("mpn")).strip()


def _of_offer(offer: Any, name: str) -> str:
    return text_in(plain_keys(offer).get(name)) if isinstance(offer, dict) else ""


def product_of(
    node: Node,
    id: str,
    *,
    currency: str | None,
    complain: Complain,
    resolve: Callable[[Any], Any] = lambda value: value,
    absolute: Callable[[str], str] = lambda uri: uri,
) -> Product:
    """The product that a node describes.

    Parameters
    ----------
    node
        A ``Product`` or ``ProductGroup``.
    id
        The product's id, as :func:`identity` found it.
    currency
        The ISO 4217 code of prices that name none.
    complain
        Called with property, value and reason for what cannot be taken; the rest of the node is.
    resolve
        Gives the node that a reference by ``@id`` means.
    absolute
        Completes relative addresses.

    Raises
    ------
    BadValue
        If the id is none.
    """
    return _Reading(currency, few(complain), resolve, absolute).product(plain_keys(node), v.id_of(id))


def few(complain: Complain) -> Complain:
    """The first few complaints only: each keeps the whole record, which may be as large as its faults are many."""
    left = _MAX_COMPLAINTS

    def bounded(column: str, value: Any, bad: BadValue) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            complain(column, value, bad)

    return bounded


class _Reading:
    """The circumstances under which nodes are read."""

    def __init__(
        self,
        currency: str | None,
        complain: Complain,
        resolve: Callable[[Any], Any],
        absolute: Callable[[str], str],
    ) -> None:
        self._currency = currency
        self._complain = complain
        self._resolve = resolve
        self._absolute = absolute

    def product(self, node: Node, id: str) -> Product:
        attributes = self._attributes(node)
        extra = {name: plain_json(value) for name, value in node.items() if name not in KNOWN and value is not None}
        title = text_in(node.get("name"))
        grown = [plain_keys(found) for item in each(node.get("hasVariant")) if (found := self._variant_node(item))]
        if grown:
            variants = self._group(node, grown[:MAX_VARIANTS], id, title, attributes, extra)
        else:
            variants = self._offers(node, id, attributes, extra)
        address = text_in(node.get("url")) or text_in(node.get("mainEntityOfPage"), ("@id", "url"))
        if not address and len(variants) == 1:
            address = next((url for offer in each(node.get("offers")) if (url := _of_offer(offer, "url"))), "")
        return Product(
            id=id,
            title=title,
            description=text_in(node.get("description")),
            bullets=self._try("positiveNotes", node.get("positiveNotes"), _notes, ()),
            brand=text_in(node.get("brand")) or text_in(node.get("manufacturer")),
            category=self._try("category", node.get("category"), _category, ()),
            attributes=attributes,
            language=self._try("inLanguage", text_in(node.get("inLanguage"), ("alternateName", "name")), language, ""),
            url=self._absolute(address) if address else "",
            media=self._media(node),
            variants=variants,
            updated=self._try("dateModified", text_in(node.get("dateModified")), v.time_of, None),
            extra=extra,
        )

    def _try(self, name: str, value: Any, convert: Callable[[Any], Any], missing: Any) -> Any:
        if value is None or value == "":
            return missing
        try:
            return convert(value)
        except BadValue as bad:
            self._complain(name, value, bad)
            return missing

    def _variant_node(self, item: Any) -> Node | None:
        """A variant that says more than where its page is."""
        found = self._resolve(item)
        return found if isinstance(found, dict) and not found.keys() <= {"@id", "@type", "url"} else None

    def _offers(
        self, node: Node, id: str, attributes: dict[str, AttributeValue], extra: dict[str, Any]
    ) -> tuple[Variant, ...]:
        offers = [self._resolve(offer) for offer in each(node.get("offers"))]
        sku, gtin = text_in(node.get("sku")), self._gtin(node)
        return variants_of_offers(
            offers,
            sku,
            gtin,
            id=id,
            currency=self._currency,
            complain=self._complain,
            attributes=attributes,
            extra=extra,
        )

    def _gtin(self, node: Node) -> str:
        name = next((name for name in GTINS if node.get(name) not in (None, "", [])), "")
        found: str = self._try(name, text_in(node.get(name)), v.gtin_of, "") if name else ""
        return found

    def _group(
        self,
        group: Node,
        nodes: list[Node],
        id: str,
        title: str,
        attributes: dict[str, AttributeValue],
        extra: dict[str, Any],
    ) -> tuple[Variant, ...]:
        """Variants; what they share and no option says goes to ``attributes``."""
        said = [self._attributes(node) for node in nodes]
        named = {plain_name(text_in(name)) for name in each(group.get("variesBy"))}
        shared = {
            name: value
            for name, value in said[0].items()
            if name not in named and all(name in one and one[name] == value for one in said)
        }
        for name, value in shared.items():
            attributes.setdefault(name, value)
        variants, differing = [], {}
        for node, props in zip(nodes, said, strict=True):
            found = self._offers(node, id, props, {})
            variant = found[0] if found else Variant(sku=identity(node) or id)
            options = {name: spoken(value) for name, value in props.items() if name not in shared}
            variants.append(_with(variant, options, self._media(node)))
            name = text_in(node.get("name"))
            if name and name != title:
                differing[variant.sku] = {"title": name}
        if differing:
            extra["variant_fields"] = differing
        return tuple(variants)

    def _attributes(self, node: Node) -> dict[str, AttributeValue]:
        found: dict[str, AttributeValue] = {}
        for name in PLAIN:
            if value := _plain_attribute(node.get(name)):
                found[name] = value
        for name in _MEASURED:
            if text := measured(node.get(name)):
                found[name] = text
        for name in _NAMED:
            if (text := text_in(node.get(name))) and (name != "manufacturer" or node.get("brand")):
                found[name] = text
        for item in each(node.get("additionalProperty")):
            self._property(self._resolve(item), found)
        for audience in each(node.get("audience")):
            if isinstance(audience, dict):
                self._audience(audience, found)
        for rating in each(self._resolve(node.get("aggregateRating")))[:1]:
            self._rating(rating, found)
        if text := text_in(node.get("itemCondition")):
            found.setdefault("condition", condition(text))
        return found

    def _property(self, item: Any, found: dict[str, AttributeValue]) -> None:
        """One ``PropertyValue``; its value is taken as it is typed, with its unit if it has one."""
        name = text_in(item.get("name", item.get("propertyID"))) if isinstance(item, dict) else None
        if name is None or (not name and item.get("name") != ""):
            return
        value = item.get("value")
        if isinstance(value, dict):
            value = measured(value)
        elif value is None or any(item.get(unit) for unit in ("unitText", "unitCode")):
            value = measured({part: item.get(part) for part in _QUANTITY}) or value
        read = self._try(f"additionalProperty.{name}", value, v.typed_attribute, value if value == "" else None)
        if read is not None:
            found.setdefault(name, read)

    def _audience(self, audience: Node, found: dict[str, AttributeValue]) -> None:
        for name, key in (("gender", "suggestedGender"), ("age_group", "suggestedAge")):
            if text := text_in(audience.get(key)):
                found.setdefault(name, plain_name(text))

    def _rating(self, rating: Any, found: dict[str, AttributeValue]) -> None:
        if not isinstance(rating, dict):
            return
        for name, properties in (("rating", ("ratingValue",)), ("review_count", ("reviewCount", "ratingCount"))):
            text = next((text for key in properties if (text := text_in(rating.get(key)))), "")
            number: float | None = self._try(f"aggregateRating.{properties[0]}", text, number_of, None)
            if number is not None:
                found.setdefault(name, number)

    def _media(self, node: Node) -> tuple[MediaRef, ...]:
        found: list[MediaRef] = []
        for name, ref in (("image", ImageRef), ("audio", AudioRef), ("video", VideoRef)):
            for item in each(node.get(name)):
                uri, sha256 = _address(self._resolve(item), name)
                if uri:
                    found.append(ref(self._absolute(uri), sha256))
        return tuple(found)


def _with(variant: Variant, options: Mapping[str, str], media: tuple[MediaRef, ...]) -> Variant:
    return replace(variant, options=options, media=media)


def _address(item: Any, name: str) -> tuple[str, str | None]:
    """Where a medium's bytes are, and their hash; a page that plays a clip is not the clip."""
    if isinstance(item, str):
        return item, None
    if not isinstance(item, dict):
        return "", None
    keys = ("contentUrl", "url", "@id") if name == "image" else ("contentUrl", "url")
    sha256 = item.get("sha256")
    good = isinstance(sha256, str) and re.fullmatch(r"[0-9a-f]{64}", sha256)
    uri = next((text for key in keys if (text := text_in(item.get(key), ("@id", "@value")))), "")
    return uri, sha256 if good else None


def _notes(value: Any) -> tuple[str, ...]:
    """Texts, or the items of an ``ItemList``."""
    found: list[str] = []
    for item in each(value):
        if isinstance(item, dict) and "itemListElement" in item:
            found += [text for entry in each(item["itemListElement"]) if (text := entry(entry))]
        else:
            found.append(item if isinstance(item, str) else entry(item))
    return tuple(found)


def _category(value: Any) -> tuple[str, ...]:
    """One path; of several the longest."""
    texts = [text for item in each(value) if (text := text_in(item, ("@value", "name", "codeValue")))]
    paths = [path for text in texts if (path := v.category_of(text))]
    if len(paths) > 1 and all(len(path) == 1 for path in paths):
        return tuple(path[0] for path in paths)
    return max(paths, key=len, default=())


def _plain_attribute(value: Any) -> AttributeValue | None:
    if isinstance(value, list) and len(value) > 1 and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    return measured(value) if isinstance(value, dict) else text_in(value)


def language(value: Any) -> str:
    """A code out of ``en``, ``en_US`` or a page's list of several, of which the first counts."""
    return v.language_of(re.split(r"[,;]", v.text_of(value), maxsplit=1)[0])


def spoken(value: AttributeValue) -> str:
    """An attribute's value as the text of an option."""
    return " | ".join(value) if isinstance(value, tuple) else v.text_of(value)
