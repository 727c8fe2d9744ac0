"""Steps about whole products: copies merged, products dropped, variants joined and parted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from goodsense.catalog import Product
from goodsense.catalog.product import Variant
from goodsense.quality.cleaning.step import PureStep, Read, Step, Transform
from goodsense.types import MediaRef

_FILLED = ("title", "description", "brand", "category", "language", "url", "updated", "split")


def _disjoint(groups: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    seen: set[str] = set()
    for group in groups:
        if len(set(group)) < 2:
            raise ValueError(f"the group {list(group)} needs at least two different ids")
        if seen & set(group):
            raise ValueError(f"{sorted(seen & set(group))[0]!r} stands in two groups")
        seen |= set(group)
    return groups


Groups = Annotated[tuple[tuple[str, ...], ...], Field(min_length=1), AfterValidator(_disjoint)]


class Drop(Step):
    """The products in ``ids`` go."""

    do: Literal["drop"] = "drop"
    ids: Annotated[tuple[str, ...], Field(min_length=1)]

    def fit(self, read: Read) -> Transform:
        unwanted = frozenset(self.ids)
        return lambda product: () if product.id in unwanted else (product,)


class DropMedia(PureStep):
    """Pictures and other media with these SHA-256 (or addresses) are taken off every product."""

    do: Literal["drop-media"] = "drop-media"
    media: Annotated[tuple[str, ...], Field(min_length=1)]
    ids: tuple[str, ...] = ()

    def change(self, product: Product) -> Product:
        if self.ids and product.id not in self.ids:
            return product
        unwanted = frozenset(self.media)

        def kept(refs: Iterable[MediaRef]) -> tuple[MediaRef, ...]:
            return tuple(ref for ref in refs if ref.sha256 not in unwanted and ref.uri not in unwanted)

        variants = tuple(replace(variant, media=kept(variant.media)) for variant in product.variants)
        return replace(product, media=kept(product.media), variants=variants)


class _GroupStep(Step):
    """A step that makes one product of several."""

    groups: Groups

    def fit(self, read: Read) -> Transform:
        members = {id for group in self.groups for id in group}
        found = {product.id: product for product in read() if product.id in members}
        results: dict[str, tuple[Product, ...]] = {}
        for group in self.groups:
            there = [found[id] for id in group if id in found]
            if len(there) > 1:
                joint = self.join(there)
                results |= {product.id: () for product in there} | {joint.id: (joint,)}
        return lambda product: results.get(product.id, (product,))

    def join(self, products: Sequence[Product]) -> Product:
        """One product of several; it has the id of one of them."""
        raise NotImplementedError


class Deduplicate(_GroupStep):
    """Copies become one product: the best is kept, what it lacks comes from the others.

    ``keep`` is ``best`` (most fields, pictures and words) or ``first`` (of each group as the plan lists it).
    Attributes, pictures and variants are united; ``extra.merged_ids`` names the products that went.
    """

    do: Literal["deduplicate"] = "deduplicate"
    keep: Literal["best", "first"] = "best"

    def join(self, products: Sequence[Product]) -> Product:
        ranked = sorted(products, key=completeness, reverse=True) if self.keep == "best" else list(products)
        return merge(ranked)


def completeness(product: Product) -> tuple[int, int, int]:
    """How much a product says: fields filled, pictures, characters. Of equals the first is the better one."""
    offers = sum(variant.price is not None for variant in product.variants[:1])
    filled = sum(bool(getattr(product, name)) for name in (*_FILLED, "bullets")) + len(product.attributes) + offers
    return filled, len(product.images), len(product.title) + len(product.description)


def merge(products: Sequence[Product]) -> Product:
    """The first product with what it lacks taken from the others."""
    first, *others = products
    filled: dict[str, Any] = {}
    for name in (*_FILLED, "bullets"):
        if not getattr(first, name):
            filled[name] = next((value for other in others if (value := getattr(other, name))), getattr(first, name))
    attributes = {name: value for product in reversed(products) for name, value in product.attributes.items()}
    order = dict.fromkeys(name for product in products for name in product.attributes)
    extra = {name: value for product in reversed(products) for name, value in product.extra.items()}
    return replace(
        first,
        **filled,
        attributes={name: attributes[name] for name in order},
        media=_united(product.media for product in products),
        variants=_joined_variants(products),
        extra=extra | {"merged_ids": _merged_ids(products)},
    )


def _merged_ids(products: Sequence[Product]) -> list[str]:
    """The ids that went into the first product, those of earlier merges too."""
    before = [id for product in products for id in product.extra.get("merged_ids", ()) if isinstance(id, str)]
    ids = [*before, *(product.id for product in products[1:])]
    return list(dict.fromkeys(id for id in ids if id != products[0].id))


def _united(media: Iterable[tuple[MediaRef, ...]]) -> tuple[MediaRef, ...]:
    """Media of all, each content once."""
    found: dict[str, MediaRef] = {}
    for refs in media:
        for ref in refs:
            found.setdefault(f"{ref.modality} {ref.sha256 or ref.uri}", ref)
    return tuple(found.values())


def _joined_variants(products: Sequence[Product]) -> tuple[Variant, ...]:
    """The variants of the first product, and those of the others that it has not (by GTIN, SKU and options)."""
    first = products[0].variants
    if len(first) < 2 and all(len(product.variants) < 2 for product in products):
        return first or next((product.variants for product in products if product.variants), ())
    found = {(variant.gtin or variant.sku, tuple(sorted(variant.options.items()))): variant for variant in first}
    for product in products[1:]:
        for variant in product.variants:
            found.setdefault((variant.gtin or variant.sku, tuple(sorted(variant.options.items()))), variant)
    return tuple(found.values())


class MergeVariants(_GroupStep):
    """Products that differ in colour or size only become one product with variants, under the id of the first.

    ``options`` names the attributes that set them apart; they become options of the variants.
    """

    do: Literal["merge-variants"] = "merge-variants"
    options: tuple[str, ...] = ()

    def join(self, products: Sequence[Product]) -> Product:
        apart = self.options or _differing(products)
        joint = merge(products)
        variants = tuple(variant for product in products for variant in _as_variants(product, apart))
        attributes = {name: value for name, value in joint.attributes.items() if name not in apart}
        return replace(
            joint, title=_common_title([p.title for p in products]), attributes=attributes, variants=variants
        )


def _differing(products: Sequence[Product]) -> tuple[str, ...]:
    names = dict.fromkeys(name for product in products for name in product.attributes)
    return tuple(name for name in names if len({str(product.attributes.get(name)) for product in products}) > 1)


def _as_variants(product: Product, apart: Sequence[str]) -> tuple[Variant, ...]:
    options = {name: _spoken(product.attributes[name]) for name in apart if name in product.attributes}
    own = product.variants or (Variant(product.id),)
    return tuple(
        replace(variant, options={**options, **variant.options}, media=variant.media or product.media)
        for variant in own
    )


def _spoken(value: Any) -> str:
    if isinstance(value, tuple):
        return " | ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _common_title(titles: Sequence[str]) -> str:
    """The words that all titles share, in the order of the first; that title if it is none."""
    rest = [set(title.split()) for title in titles[1:]]
    words = [word for word in titles[0].split() if all(word in other for other in rest)]
    return " ".join(words).strip(" ,-–—/|，、") or titles[0]


class SplitVariants(Step):
    """Products become one product per variant, with its SKU as the id; ``extra.split_from`` names the old product."""

    do: Literal["split-variants"] = "split-variants"
    ids: Annotated[tuple[str, ...], Field(min_length=1)]

    def fit(self, read: Read) -> Transform:
        wanted = frozenset(self.ids)
        return lambda product: split(product) if product.id in wanted else (product,)


def split(product: Product) -> tuple[Product, ...]:
    """One product per variant; itself if it has fewer than two or their SKUs are no ids."""
    skus = [variant.sku for variant in product.variants]
    if len(skus) < 2 or len(set(skus)) < len(skus) or not all(skus):
        return (product,)
    return tuple(
        replace(
            product,
            id=variant.sku,
            title=" ".join(filter(None, (product.title, *variant.options.values()))),
            attributes={**product.attributes, **variant.options},
            media=variant.media or product.media,
            variants=(replace(variant, options={}, media=()),),
            extra={**product.extra, "split_from": product.id},
        )
        for variant in product.variants
    )
