"""Offers of schema.org: what a product costs, whether it can be had, and how that becomes variants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.assemble import Complain
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.nodes import GTINS, Node, condition, each, plain_keys, plain_name, text_in, types_of
from goodsense.catalog.feeds.plan import plain_json
from goodsense.catalog.feeds.prices import parse_currency, parse_price
from goodsense.catalog.money import Money
from goodsense.catalog.product import AttributeValue, Availability, Variant

_MAX_OFFERS = 10_000
_STRUCK = re.compile(r"(?:Strikethrough|List|MSRP|SRP|Regular)Price|^M?SRP", re.IGNORECASE)
_STATES: dict[str, Availability] = {"instoreonly": "in_stock", "madetoorder": "in_stock", "reserved": "out_of_stock"}
_READ = frozenset(
    "@context @type @id price lowPrice priceCurrency priceSpecification availability inventoryLevel sku url "
    "itemCondition itemOffered offers".split()
) | frozenset(GTINS)


def variants_of_offers(
    offers: Iterable[Any],
    sku: str,
    gtin: str,
    *,
    id: str,
    currency: str | None,
    complain: Complain,
    attributes: dict[str, AttributeValue],
    extra: dict[str, Any],
) -> tuple[Variant, ...]:
    """One variant per offer if each has its own SKU, else one with the lowest price that can be had.

    Prices without a currency and the condition go to ``attributes``, what an only offer says besides to ``extra``.
    """
    listed = _each_offer(offers)
    if not listed:
        return (Variant(sku or id, gtin=gtin),) if sku or gtin else ()
    reader = _Offers(id, currency, complain, attributes)
    found = [reader.variant(offer, sku, gtin) for offer in listed]
    skus = {text_in(offer.get("sku")) for offer in listed}
    if len(listed) > 1 and len(skus) == len(listed) and "" not in skus:
        return tuple(found)
    place = min(range(len(found)), key=lambda place: _preference(found[place]))
    others = {name: plain_json(value) for name, value in listed[place].items() if name not in _READ}
    if others:
        extra["offer"] = others
    return (found[place],)


def _each_offer(offers: Iterable[Any]) -> list[Node]:
    """Single offers; an aggregate stands for those it lists, else for itself."""
    found: list[Node] = []
    for offer in offers:
        if not isinstance(offer, dict):
            continue
        node = plain_keys(offer)
        inner = [plain_keys(item) for item in each(node.get("offers")) if isinstance(item, dict)]
        outer = {name: node[name] for name in ("priceCurrency", "availability") if name in node}
        found += [{**outer, **item} for item in inner] if "AggregateOffer" in types_of(node) and inner else [node]
    return found[:_MAX_OFFERS]


def _preference(variant: Variant) -> tuple[bool, bool, int]:
    return variant.in_stock is False, variant.price is None, variant.price.minor if variant.price else 0


class _Offers:
    """The circumstances under which the offers of one product are read."""

    def __init__(
        self, id: str, currency: str | None, complain: Complain, attributes: dict[str, AttributeValue]
    ) -> None:
        self._id = id
        self._currency = currency
        self._complain = complain
        self._attributes = attributes

    def variant(self, offer: Node, sku: str, gtin: str) -> Variant:
        if text := text_in(offer.get("itemCondition")):
            self._attributes.setdefault("condition", condition(text))
        price, before = self._prices(offer)
        name = next((name for name in GTINS if text_in(offer.get(name))), "")
        return Variant(
            sku=text_in(offer.get("sku")) or sku or self._id,
            price=price,
            list_price=before,
            availability=self._try("availability", text_in(offer.get("availability")), _availability) or "",
            stock=self._try("inventoryLevel", _level(offer.get("inventoryLevel")), v.stock_of),
            gtin=(self._try(name, text_in(offer.get(name)), v.gtin_of) if name else "") or gtin,
        )

    def _prices(self, offer: Node) -> tuple[Money | None, Money | None]:
        """The price and the one before a reduction."""
        own = self._code(offer, self._currency)
        price = self._money("price", text_in(offer.get("price")) or text_in(offer.get("lowPrice")), own)
        before = None
        for item in each(offer.get("priceSpecification")):
            spec = plain_keys(item) if isinstance(item, dict) else {}
            struck = bool(_STRUCK.search(plain_name(text_in(spec.get("priceType")))))
            amount = text_in(spec.get("price")) or text_in(spec.get("minPrice"))
            if not amount or spec.get("validForMemberTier"):
                continue
            if struck and before is None:
                before = self._money("list_price", amount, self._code(spec, own))
            elif not struck and price is None:
                price = self._money("price", amount, self._code(spec, own))
        return price, before

    def _code(self, node: Mapping[str, Any], missing: str | None) -> str | None:
        text = text_in(node.get("priceCurrency"))
        return self._try("priceCurrency", text, parse_currency) if text else missing

    def _money(self, name: str, amount: str, currency: str | None) -> Money | None:
        found = self._try(name, amount, lambda value: parse_price(value, currency))
        if isinstance(found, float):
            self._attributes.setdefault(name, found)
        return found if isinstance(found, Money) else None

    def _try(self, name: str, value: Any, convert: Any) -> Any:
        """The converted value; None if it is missing or bad."""
        if value is None or value == "":
            return None
        try:
            return convert(value)
        except BadValue as bad:
            self._complain(f"offers.{name}", value, bad)
            return None


def _availability(text: str) -> Availability:
    name = plain_name(text)
    return _STATES.get(name.lower()) or v.availability_of(name)


def _level(value: Any) -> str:
    """How many are there, out of a number or a ``QuantitativeValue``."""
    return text_in(value, ("value", "@value"))
