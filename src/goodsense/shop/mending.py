"""Mended rows on their way back: a row that is fed again completes its product, and never replaces its other rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from goodsense.catalog.product import Product, Variant
from goodsense.errors import GoodsenseError
from goodsense.tables import read_head, sniff
from goodsense.tables.rejects import is_reject_line
from goodsense.types import MediaRef

_T = TypeVar("_T", Product, Variant)
_MERGED = frozenset({"id", "sku", "attributes", "extra", "options", "media", "variants"})


def holds_rejects(path: Path) -> bool:
    """Whether a feed is a file of rejects, mended or not."""
    try:
        sniffed = sniff(path)
        return sniffed.format == "jsonl" and is_reject_line(read_head(path, sniffed).split("\n", 1)[0])
    except GoodsenseError:
        return False


def completed(products: Iterable[Product], known: Mapping[str, Product]) -> Iterator[Product]:
    """Each product once, with what the catalog and the rows before said of it."""
    found: dict[str, Product] = {}
    for product in products:
        before = found.get(product.id) or known.get(product.id)
        found[product.id] = completed_by(before, product) if before is not None else product
    yield from found.values()


def completed_by(before: Product, row: Product) -> Product:
    """A product with what a mended row of it says.

    Variants are the same if their SKU or options are. What the row says counts; in a product of several variants it
    speaks for its own variant, and fills only what is missing in the product.
    """
    variants = _joined(before.variants, row.variants)
    several = len(variants) > 1
    said, else_said = (before, row) if several else (row, before)
    whole = _filled(said, else_said)
    return replace(
        whole,
        attributes={**else_said.attributes, **said.attributes},
        extra=_nested(else_said.extra, said.extra),
        media=_media(before.media, row.media),
        variants=variants,
    )


def _joined(before: tuple[Variant, ...], mended: tuple[Variant, ...]) -> tuple[Variant, ...]:
    found = list(before)
    for variant in mended:
        places = (n for n, old in enumerate(found) if _same(old, variant))
        place = next(places, None)
        if place is None:
            found.append(variant)
        else:
            old = found[place]
            options, media = {**old.options, **variant.options}, _media(old.media, variant.media)
            found[place] = replace(_filled(variant, old), options=options, media=media)
    return tuple(found)


def _same(one: Variant, other: Variant) -> bool:
    return one.sku == other.sku or bool(one.options and one.options == other.options)


def _filled(said: _T, else_said: _T) -> _T:
    """``said``, its missing fields taken from ``else_said``."""
    gaps = {
        name: value
        for name in type(said).__slots__
        if name not in _MERGED
        and getattr(said, name) in (None, "", ())
        and (value := getattr(else_said, name)) is not None
    }
    return replace(said, **gaps)


def _media(before: tuple[MediaRef, ...], more: tuple[MediaRef, ...]) -> tuple[MediaRef, ...]:
    known = {(type(ref), ref.uri): ref for ref in (*more, *before)}
    return tuple(dict.fromkeys(known[type(ref), ref.uri] for ref in (*before, *more)))


def _nested(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    found = {**before, **more}
    for name in before.keys() & more.keys():
        if isinstance(before[name], dict) and isinstance(more[name], dict):
            found[name] = {**before[name], **more[name]}
    return found
