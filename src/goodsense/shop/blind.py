"""Blocks that do not know a field: what is measured on its values must not have been told them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from goodsense.catalog.product import Product, text_fields
from goodsense.encoders import make_encoder
from goodsense.errors import UsageError
from goodsense.fusion.joint import JOINT
from goodsense.progress import Progress, silent
from goodsense.search.columns import product_fields
from goodsense.shop.encoding import BLOCKS, options_for, tokenizer_of
from goodsense.shop.listing import encodable
from goodsense.types import Embeddings, FittedEncoder, Modality
from goodsense.understand import LabelMask

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop


def blind_blocks(
    shop: Shop,
    products: Sequence[Product],
    field: str,
    labels: Mapping[str, str],
    *,
    train: Sequence[int],
    modalities: Sequence[str],
    mask: bool = False,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Embeddings]:
    """Blocks of products that have a label, made without the field and without every field that equals it.

    Encoders of text and attributes are fitted anew on the products in the places ``train``; ``mask`` also takes the
    words of all labels out of all text.
    """
    same = {field, *fields_equal_to(products, labels)}
    blind = [without_fields(product, same) for product in products]
    masker = LabelMask.of(labels.values(), tokenizer=tokenizer_of(shop.built_recipe)) if mask else None
    blocks = {}
    for modality in modalities:
        progress(f"vectors of {modality}", 0, None)
        blocks[modality] = _block(shop, modality, blind, train, masker, seed)
    return blocks


def honest_modalities(shop: Shop, modalities: Sequence[str], *, held_out: bool) -> tuple[str, ...]:
    """The modalities to report on; those of the build unless some were asked for.

    An encoder that learned labels of what is tested now would know the answers: it serves only if the feed's own split
    held these products out. Asked for, it is refused; else it is left out. The joint block never serves: see
    :func:`refuse_joint`.
    """
    refuse_joint(modalities)
    leaking = [name for name, encoder in shop.encoders.items() if getattr(encoder, "learns_labels", False)]
    if held_out:
        leaking = []
    for name in modalities:
        if name in leaking:
            raise UsageError(
                f"the {name} encoder learned from labels of all products but those that the feed's split holds out, "
                "so only these can be reported on.",
                fix="Give products a split (train, val, test), ingest and build again; or leave the modality out.",
            )
    return tuple(modalities) or tuple(name for name in BLOCKS if name in shop.snapshot.blocks and name not in leaking)


def refuse_joint(modalities: Sequence[str]) -> None:
    """Refuse the joint block where a field is to be told, or found, by vectors that must not have been told it.

    Its vectors are made of whole texts, in which labels stand, and are frozen with the build; unlike texts and
    attributes they cannot be made anew without a field.

    Raises
    ------
    UsageError
        If it is among the modalities.
    """
    if JOINT in modalities:
        raise UsageError(
            f"the block {JOINT!r} is no modality: its vectors are made of texts that name what is measured here, and "
            "they cannot be made without it.",
            fix="Name the modalities that it joins, such as text and image; they are fused without the field.",
        )


def label_of(product: Product, field: str) -> str:
    """The one value of a field as text; empty for none. The deepest level stands for the category."""
    if field == "category":
        return product.category[-1] if product.category else ""
    if field == "brand":
        return product.brand
    value = product.attributes.get(field, "")
    if isinstance(value, tuple):
        return value[0] if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def number_of(product: Product, field: str) -> float | None:
    if field == "price":
        return float(product.price.major) if product.price is not None else None
    value = product.attributes.get(field)
    if value is None or isinstance(value, bool | tuple):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def fields_equal_to(products: Sequence[Product], labels: Mapping[str, str]) -> list[str]:
    """Fields that say the same as the label on nearly every product that has them."""
    agree: dict[str, list[int]] = {}
    for product in products:
        for name in ("category", "brand", *product.attributes):
            value = label_of(product, name)
            if value:
                counts = agree.setdefault(name, [0, 0])
                counts[0] += value.casefold() == labels[product.id].casefold()
                counts[1] += 1
    return [name for name, (same, every) in agree.items() if same > 0.95 * every]


def without_fields(product: Product, fields: Collection[str]) -> Product:
    """The product without these fields; a hidden price hides every price."""
    attributes = {name: value for name, value in product.attributes.items() if name not in fields}
    found = replace(product, attributes=attributes)
    if "category" in fields:
        found = replace(found, category=())
    if "brand" in fields:
        found = replace(found, brand="")
    if "price" in fields:
        found = replace(found, variants=tuple(replace(v, price=None, list_price=None) for v in found.variants))
    return found


def known_fields(products: Sequence[Product]) -> str:
    names = sorted({name for product in products[:1000] for name in product_fields(product)})
    return f"Fields of this shop: {', '.join(names)}."


def _block(
    shop: Shop, modality: str, products: Sequence[Product], train: Sequence[int], masker: LabelMask | None, seed: int
) -> Embeddings:
    """Vectors of one modality. Pictures know no label field, so the live build's serve; the rest is fitted anew."""
    ids = [product.id for product in products]
    snapshot = shop.snapshot
    if modality not in ("text", "attributes"):
        if modality not in snapshot.blocks:
            known = ", ".join(snapshot.blocks)
            raise UsageError(f"this build has no block {modality!r}; it has {known}.")
        rows = snapshot.rows_of(ids)
        block = snapshot.blocks[modality]
        return Embeddings.of_products(ids, np.array(block.gather(rows)), np.array(block.gather_present(rows)))
    values: list[Any] = [text_fields(p) if modality == "text" else encodable(p) for p in products]
    if masker is not None and modality == "text":
        values = [masker.apply(value) for value in values]
    vectors = _fitted(shop, modality, [values[i] for i in train], seed).encode(values)
    return Embeddings.of_products(ids, vectors, np.asarray(vectors.any(axis=1)))


def _fitted(shop: Shop, modality: str, values: Sequence[Any], seed: int) -> Any:
    recipe = shop.built_recipe
    kind: Modality = "text" if modality == "text" else "attributes"
    name = getattr(recipe.encoders, kind)
    encoder = make_encoder(
        kind, name, options_for(recipe, kind), tokenizer=tokenizer_of(recipe) if kind == "text" else None
    )
    return (
        encoder.fit([value for value in values if value], seed=seed) if isinstance(encoder, FittedEncoder) else encoder
    )
