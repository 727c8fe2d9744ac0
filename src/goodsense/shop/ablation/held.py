"""The products of a shop with their blocks, parted into what fusions learn from, choose on and are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goodsense.catalog.product import Product
from goodsense.errors import DataError, UsageError
from goodsense.shop.ablation.goals import Blocks, bucket
from goodsense.shop.blind import known_fields, label_of, refuse_joint
from goodsense.shop.build import group_key
from goodsense.shop.encoding import BLOCKS, tokenizer_of
from goodsense.shop.listing import fill_splits
from goodsense.types import Embeddings

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

PARTS = ("train", "val", "test")
HALVED = 60  # groups that a build holds out, of which half are enough to test on
FEW = 30  # groups that are too few to choose on
LABELS = ("category", "brand")  # that products are told by unless another field is named


@dataclass(frozen=True, eq=False)
class Held:
    """Products, blocks of all of them, the group of each (the same title) and its part.

    ``split_given`` says whether the feed itself holds products out for testing, so that no encoder learned from them.
    """

    products: Sequence[Product]
    blocks: Blocks
    groups: Sequence[str]
    parts: Sequence[str]
    split_given: bool

    @classmethod
    def of(cls, shop: Shop, modalities: Sequence[str], notes: list[str]) -> Held:
        """Everything in the shop.

        Raises
        ------
        UsageError
            If the shop was not built, or has no such modality.
        DataError
            If nothing can be held out, or fewer than two modalities are left.
        """
        known = _chosen(shop, modalities)
        products = list(shop.truth.products())
        tokenizer = tokenizer_of(shop.built_recipe)
        groups = [group_key(tokenizer, product.title) or product.id for product in products]
        given = [product.split for product in products]
        parts = divided(given, groups, notes)
        if set(parts) != set(PARTS):
            raise DataError(
                f"{len(products)} products with {len(set(groups))} different titles are too few to learn from some, "
                "choose on others and test on others still.",
                fix="Add products, or give them a split (train, val, test) in the feed.",
            )
        blocks = everywhere(_blocks(shop, products, known), parts, notes)
        if len(blocks) < 2:
            raise DataError(
                f"an ablation compares two modalities or more; the products have {', '.join(blocks) or 'none'}"
                f"{''.join(f'; {note}' for note in notes)}.",
                fix="Add pictures, attributes, sounds, clips, reviews or events, and build again.",
            )
        return cls(products, blocks, groups, parts, {"train", "test"} <= set(given))

    def labels(self, field: str | None) -> tuple[str, dict[str, str]] | None:
        """The field to tell products by, and its values by product; None where no two products share any.

        Raises
        ------
        UsageError
            If a field is named that no product has.
        """
        for name in (field,) if field is not None else LABELS:
            labels = {product.id: value for product in self.products if (value := label_of(product, name))}
            if field is not None and not labels:
                raise UsageError(f"no product has a value for {field!r}.", fix=known_fields(self.products))
            if 2 <= len(set(labels.values())) < len(labels):
                return name, labels
        return None


def divided(given: Sequence[str], groups: Sequence[str], notes: list[str]) -> list[str]:
    """Train, val or test for every product, groups whole.

    What the feed says stands, and what a build holds out (a tenth of the groups) stays out of training. Where nothing
    is named for testing, half of that serves; where it is little, a fifth of the training groups, and so for
    validation: encoders have learned from these, fusions have not, and a note says so.
    """
    parts = fill_splits(given, groups)
    if "test" not in parts and _groups_of(parts, groups, "val") >= HALVED:
        notes.append("half of the products that the build holds out are for choosing, half for testing")
        halves = [("val", "test")[bucket(f"half\0{group}", 2)] for group in groups]
        parts = [half if part == "val" else part for half, part in zip(halves, parts, strict=True)]
    for target, least in (("test", 1), ("val", FEW)):
        if target not in given and _groups_of(parts, groups, target) < least:
            notes.append(f"a fifth of the products that encoders, but no fusions, learned from serve for {target}")
            parts = [
                target if part == "train" and bucket(f"{target}\0{group}", 5) == 0 else part
                for part, group in zip(parts, groups, strict=True)
            ]
    return parts


def everywhere(blocks: Mapping[str, Embeddings], parts: Sequence[str], notes: list[str]) -> dict[str, Embeddings]:
    """The blocks that some product of every part has."""
    masks = {part: np.array(parts) == part for part in PARTS}
    found = {}
    for name, block in blocks.items():
        lacking = [part for part, mask in masks.items() if not block.present[mask].any()]
        if lacking:
            notes.append(f"{name} is left out: no product for {' or '.join(lacking)} has it")
        else:
            found[name] = block
    return found


def _groups_of(parts: Sequence[str], groups: Sequence[str], target: str) -> int:
    return len({group for group, part in zip(groups, parts, strict=True) if part == target})


def _chosen(shop: Shop, modalities: Sequence[str]) -> list[str]:
    refuse_joint(modalities)
    known = [name for name in BLOCKS if name in shop.snapshot.blocks]
    for name in modalities:
        if name not in known:
            raise UsageError(f"this build has no modality {name!r}; it has {', '.join(known) or 'none'}.")
    return [name for name in known if not modalities or name in modalities]


def _blocks(shop: Shop, products: Sequence[Product], names: Sequence[str]) -> dict[str, Embeddings]:
    ids = [product.id for product in products]
    rows = shop.snapshot.rows_of(ids)
    found = {}
    for name in names:
        block = shop.snapshot.blocks[name]
        found[name] = Embeddings.of_products(ids, np.array(block.gather(rows)), np.array(block.gather_present(rows)))
    return found
