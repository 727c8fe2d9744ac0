"""The result of a Shopify bulk query: one object per line, children naming their parent by ``__parentId``.

Variants, media and metafields may stand anywhere in the file. The id of a product is the number at the end of its
global id. What Shopify has no field for goes to metafields of the namespace ``goodsense``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.base import Feed, ReadMedium
from goodsense.catalog.feeds.families import MAX_MEMBERS, Families, Member
from goodsense.catalog.feeds.flatten import listed
from goodsense.catalog.feeds.kept import differing, keep_product
from goodsense.catalog.feeds.shopify_nodes import (
    MEDIA,
    global_id,
    inside,
    last_of,
    media_of,
    medium_of,
    metafield,
    metafields_of,
    nodes_in,
    type_of,
)
from goodsense.catalog.feeds.systems import (
    Line,
    Offer,
    Reading,
    check_no_mapping,
    currency_of,
    fields_of_variants,
    price_of,
    state_of,
    variants_of_offers,
)
from goodsense.catalog.product import AttributeValue, Product, Variant
from goodsense.errors import DataError
from goodsense.tables import Rejects, Row, Sniffed, read_rows, write_lines
from goodsense.types import ImageRef, VideoRef

LOSSES: Mapping[str, str] = {}
_GLOBAL_ID = re.compile(r'"(?:id|__parentId)"\s*:\s*"gid://shopify/\w+/')
_TAKEN = frozenset(
    "id __parentId __typename title descriptionHtml bodyHtml description vendor productType category productCategory "
    "tags onlineStoreUrl updatedAt featuredImage featuredMedia images media variants metafields priceRangeV2".split()
)
_OF_VARIANT = frozenset(
    "id __parentId __typename title displayName sku price compareAtPrice barcode inventoryQuantity inventoryPolicy "
    "availableForSale inventoryItem selectedOptions image media metafields product".split()
)
_KEPT = "goodsense.kept"
_TYPES = {str: "single_line_text_field", bool: "boolean", float: "number_decimal", tuple: "list.single_line_text_field"}
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{2,64}")
_DEFAULT = {"Title": "Default Title"}


@dataclass(frozen=True)
class ShopifyBulkFeed:
    """The result of a Shopify bulk query as a feed format."""

    name: str = "shopify-jsonl"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"jsonl"})

    @property
    def losses(self) -> Mapping[str, str]:
        return LOSSES

    def sniff(self, head: str, sniffed: Sniffed) -> float:
        return 0.95 if sniffed.format == "jsonl" and _GLOBAL_ID.search(head, 0, 20_000) else 0.0

    def read(
        self,
        source: Path,
        sniffed: Sniffed,
        *,
        mapping: Mapping[str, str] | None,
        rejects: Rejects,
        currency: str | None,
    ) -> Feed:
        check_no_mapping(source, mapping, "Shopify", "jsonl")
        notes = list(sniffed.notes)
        reading = Reading(str(source), rejects, currency, notes)
        return Feed(self.name, source, lambda: _products(read_rows(source, sniffed, rejects), reading), notes)

    def write(self, products: Iterable[Product], path: Path, *, raw: bool, media: ReadMedium | None = None) -> int:
        count = 0

        def lines() -> Iterator[str]:
            nonlocal count
            for product in products:
                count += 1
                yield from map(v.dump, _nodes_of(product))

        write_lines(path, lines())
        return count


SHOPIFY_JSONL = ShopifyBulkFeed()


# ---- reading


def _products(rows: Iterable[Row], reading: Reading) -> Iterator[tuple[int, Product]]:
    with Families() as families:
        for row in rows:
            own, parent = row.values.get("id"), row.values.get("__parentId")
            name = own if isinstance(own, str) else ""
            if not name and not isinstance(parent, str):
                bad = BadValue("the object has neither an id nor a parent", "Query the id of products.")
                reading.reject(row.number, "id", own, bad, row.values, scope="row")
                continue
            above = None if type_of(row.values) == "Product" or not isinstance(parent, str) else parent
            families.add(row.number, row.values, names=(name,) if name else (), parent=above)
        families.close_input()
        for member, called in families.orphans():
            bad = BadValue(f"its parent {called[:80]!r} is not in the file", "Export the products again, as a whole.")
            reading.reject(member.number, "__parentId", called, bad, member.record, scope="row")
        for family in families.families(lambda member: _refuse(member, reading)):
            if (product := _product(family, reading)) is not None:
                yield family[0].number, product
        if families.lost:
            reading.note(f"{families.lost} objects that hang on no product were left out.")


def _refuse(member: Member, reading: Reading) -> None:
    bad = BadValue(f"its product has over {MAX_MEMBERS} objects", "Split the product.")
    reading.reject(member.number, "", None, bad, member.record, scope="row")


def _product(family: list[Member], reading: Reading) -> Product | None:
    root = Line(reading, family[0].number, family[0].record)
    if (found := type_of(root.record)) != "Product":
        reading.note(f"Objects that are no products were left out: {found[:40] or 'unknown'}.")
        return None
    try:
        id = v.id_of(last_of(root.record.get("id")))
    except BadValue as bad:
        reading.reject(root.number, "id", root.record.get("id"), bad, root.record, scope="row")
        return None
    below: dict[int, list[Member]] = {}
    for member in family[1:]:
        below.setdefault(member.parent or 0, []).append(member)
    own = [*_nested(family[0]), *below.get(root.number, ())]
    kept, attributes, extra = metafields_of(own, reading)
    category, said = _category(root)
    attributes = said | attributes
    extra = _rest(root.record, _TAKEN) | extra
    media, alts = media_of(root.record, [member.record for member in own])
    if alts:
        extra["image_alt"] = alts
    currency = _currency(root) or reading.currency
    offers = []
    for member in own:
        if (kind := type_of(member.record)) == "ProductVariant":
            children = below.get(member.number, []) if member.number != root.number else []
            offers.append(_offer(member, children, currency, reading))
        elif kind != "Metafield" and kind not in MEDIA:
            reading.note(f"Objects of a type that is not read were left out: {kind[:40] or 'unknown'}.")
    variants = variants_of_offers(offers, attributes, root, _KEPT)
    product = Product(
        id=id,
        title=root.text("title"),
        description=root.text("descriptionHtml") or root.text("bodyHtml") or root.text("description"),
        brand=root.text("vendor"),
        category=category,
        attributes=attributes,
        url=root.text("onlineStoreUrl"),
        media=media,
        variants=variants,
        updated=root.take("updatedAt", v.time_of),
        extra=extra | fields_of_variants(offers, variants),
    )
    return keep_product(product, kept, _KEPT, root.complain)


def _nested(root: Member) -> Iterator[Member]:
    """The members that stand inside the root rather than in lines of their own."""
    for name, kind in (("variants", "ProductVariant"), ("images", "ProductImage"), ("metafields", "Metafield")):
        for item in nodes_in(root.record.get(name)):
            yield Member(root.number, root.number, {"__typename": kind, **item})


def _category(root: Line) -> tuple[tuple[str, ...], dict[str, AttributeValue]]:
    attributes: dict[str, AttributeValue] = {}
    official = inside(root.record, "category", "fullName") or inside(
        root.record, "productCategory", "productTaxonomyNode", "fullName"
    )
    own = root.text("productType")
    if official == "Uncategorized":
        official = None
    if official and own:
        attributes["Type"] = own
    tags = root.record.get("tags")
    texts = tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, list) else []
    if found := tuple(tag.strip() for tag in texts if isinstance(tag, str) and tag.strip()):
        attributes["Tags"] = found
    return root.convert("category", official or own, v.category_of) or (), attributes


def _currency(root: Line) -> str | None:
    for name in ("priceRangeV2", "priceRange"):
        if code := inside(root.record, name, "minVariantPrice", "currencyCode"):
            found: str | None = root.convert(f"{name}.minVariantPrice.currencyCode", code, currency_of)
            return found
    return None


def _offer(member: Member, metafields: list[Member], currency: str | None, reading: Reading) -> Offer:
    line = Line(reading, member.number, member.record)
    kept, attributes, more = metafields_of(metafields, reading)
    options = dict(_options(line))
    own = last_of(line.record.get("id"))
    sku = line.text("sku")
    picture, _ = medium_of(line.record)
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in attributes.items()}
    offer = Offer(
        sku or own,
        {} if options == _DEFAULT else options,
        media=(ImageRef(picture),) if picture else (),
        kept=kept,
        fields=_rest(line.record, _OF_VARIANT) | lists | more,
    )
    if sku and own.isdigit():
        offer.fields["id"] = own
    if "price" not in kept:
        offer.set_price("price", line.take("price", price_of(currency)))
    if "list_price" not in kept:
        offer.set_price("list_price", line.take("compareAtPrice", price_of(currency)))
    if "gtin" not in kept:
        offer.gtin = line.take("barcode", v.gtin_of) or ""
    _set_stock(offer, line)
    return offer


def _options(line: Line) -> Iterator[tuple[str, str]]:
    for item in nodes_in(line.record.get("selectedOptions")):
        if isinstance(name := item.get("name"), str) and (text := line.convert(name, item.get("value"), v.text_of)):
            yield name, text


def _rest(record: Mapping[str, Any], taken: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in taken and value not in (None, "")}


def _set_stock(offer: Offer, line: Line) -> None:
    if inside(line.record, "inventoryItem", "tracked") is False:
        offer.availability = "in_stock"  # what is not counted never runs out
        return
    offer.stock = line.take("inventoryQuantity", v.stock_of)
    if offer.stock is not None:
        offer.availability = state_of(offer.stock, oversell=line.record.get("inventoryPolicy") == "CONTINUE")
    elif isinstance(sold := line.record.get("availableForSale"), bool):
        offer.availability = "in_stock" if sold else "out_of_stock"


# ---- writing


def _nodes_of(product: Product) -> list[dict[str, Any]]:
    """The product, its variants, media and metafields as objects."""
    gid = global_id("Product", product.id)
    nodes: list[dict[str, Any]] = [_product_node(product, gid)]
    nodes += [_variant_node(product, variant, place) for place, variant in enumerate(product.variants)]
    alts = product.extra.get("image_alt")
    for place, ref in enumerate(product.media):
        uri = {"url": ref.uri}
        if isinstance(ref, VideoRef):
            nodes.append({"id": global_id("Video", f"{product.id}.{place}"), "sources": [uri], "__parentId": gid})
        elif isinstance(ref, ImageRef):
            alt = alts.get(ref.uri) if isinstance(alts, dict) else None
            image = uri | {"altText": alt} if isinstance(alt, str) else uri
            nodes.append({"id": global_id("MediaImage", f"{product.id}.{place}"), "image": image, "__parentId": gid})
    for name, value in product.attributes.items():
        if _PLAIN_KEY.fullmatch(name) and value != "" and not (name == "Tags" and isinstance(value, tuple)):
            text = v.dump(list(value)) if isinstance(value, tuple) else v.text_of(value)
            nodes.append(metafield("custom", name, text, _TYPES[type(value)], gid))
    return nodes + _kept_nodes(product, nodes)


def _kept_nodes(product: Product, nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Metafields for what the objects do not give back."""
    numbers = {node["id"]: number for number, node in enumerate(nodes) if "id" in node}
    family = [Member(number, numbers.get(node.get("__parentId", "")), node) for number, node in enumerate(nodes)]
    read = _product(family, Reading("", Rejects.to_memory(keep=0)))
    if read is None:
        raise DataError(f"product {product.id!r} cannot be written: its id is no global id of Shopify.")
    kept, of_variants = differing(product, read)
    found = [metafield("goodsense", "kept", kept, "json", nodes[0]["id"])] if kept else []
    for place, cell in enumerate(of_variants):
        if cell:
            found.append(metafield("goodsense", "kept", cell, "json", nodes[1 + place]["id"]))
    return found


def _product_node(product: Product, gid: str) -> dict[str, Any]:
    free = {name: value for name, value in product.extra.items() if name not in _TAKEN}
    for name in ("image_alt", "variant_fields"):
        free.pop(name, None)
    tags = product.attributes.get("Tags")
    currency = next((one.price.currency for one in product.variants if one.price is not None), "")
    node = {
        "id": gid,
        "title": product.title,
        "descriptionHtml": product.description,
        "vendor": product.brand,
        "productType": listed(product.category, " > ", v.category_of) if product.category else "",
        "tags": list(tags) if isinstance(tags, tuple) else [],
        "onlineStoreUrl": product.url,
        "updatedAt": product.updated.isoformat() if product.updated is not None else "",
        "priceRangeV2": {"minVariantPrice": {"currencyCode": currency}} if currency else "",
    }
    return {name: value for name, value in node.items() if value not in ("", [])} | free


def _variant_node(product: Product, variant: Variant, place: int) -> dict[str, Any]:
    fields = product.extra.get("variant_fields")
    own = fields.get(variant.sku) if isinstance(fields, dict) else None
    own = dict(own) if isinstance(own, dict) else {}
    known = own.pop("id", "")
    only = sum(one.sku == variant.sku for one in product.variants[: place + 1]) == 1
    number = known if only and isinstance(known, str) and known.isdigit() else f"{product.id}.{place}"
    options = variant.options or _DEFAULT
    node: dict[str, Any] = {
        "id": global_id("ProductVariant", number),
        "sku": variant.sku,
        "selectedOptions": [{"name": name, "value": value} for name, value in options.items()],
        "barcode": variant.gtin,
        "inventoryQuantity": variant.stock,
        "inventoryPolicy": "CONTINUE" if variant.availability in ("backorder", "preorder") else "DENY",
        "inventoryItem": {"tracked": variant.stock is not None or variant.availability != "in_stock"},
        "__parentId": global_id("Product", product.id),
    }
    for name, money in (("price", variant.price), ("compareAtPrice", variant.list_price)):
        if money is not None:
            node[name] = str(money).split(" ", 1)[0]
    picture = next((ref.uri for ref in variant.media if isinstance(ref, ImageRef)), "")
    if picture:
        node["image"] = {"url": picture}
    return {name: value for name, value in node.items() if value not in ("", None)} | {
        name: value for name, value in own.items() if name not in _OF_VARIANT
    }
