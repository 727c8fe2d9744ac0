"""The catalog as a build sees it: parallel lists in the order of product ids."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from goodsense.catalog.product import AttributeValue, Product, content_hash, text_fields
from goodsense.progress import Progress, silent
from goodsense.search.columns import product_fields
from goodsense.shop.ratings import UNRATED, RatingPrior, Ratings
from goodsense.shop.truth import Truth
from goodsense.types import Modality, TextFields

FieldValues = tuple[Any, ...]


@dataclass
class Listing:
    """One entry per product in every list.

    ``photos`` holds the content hashes of a product's pictures; ``missing_media`` counts references without bytes.
    """

    ids: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    texts: list[TextFields] = field(default_factory=list)
    attributes: list[Mapping[str, AttributeValue]] = field(default_factory=list)
    photos: list[tuple[str, ...]] = field(default_factory=list)
    fields: list[dict[str, FieldValues]] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    not_fetched: int = 0
    rating_prior: RatingPrior | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, product: Product, *, group: str, ratings: Ratings = UNRATED) -> None:
        self.ids.append(product.id)
        self.titles.append(product.title)
        self.texts.append(text_fields(product))
        self.attributes.append(encodable(product))
        self.photos.append(tuple(ref.sha256 for ref in product.images if ref.sha256))
        self.fields.append({**product_fields(product), **ratings.fields(product.id)})
        self.splits.append(product.split)
        self.groups.append(group)
        self.not_fetched += sum(ref.sha256 is None for ref in product.images)

    @property
    def learnable(self) -> list[int]:
        """Rows that anything may learn from: split train or none."""
        return [row for row, split in enumerate(self.splits) if split == "train"]

    def columns(self) -> dict[str, Sequence[FieldValues]]:
        """Filterable fields by name, one tuple of values per product."""
        names = dict.fromkeys(name for row in self.fields for name in row)
        return {name: [row.get(name, ()) for row in self.fields] for name in names}


def read_listing(truth: Truth, *, group_of: Callable[[str], str], progress: Progress = silent) -> tuple[Listing, int]:
    """Read the whole catalog as of one ``seq``; also returns that number. Splits are filled in."""
    listing = Listing()
    with truth.snapshot() as seq:
        total = len(truth)
        listing.rating_prior = RatingPrior.of(truth)
        ratings = Ratings.of(truth, listing.rating_prior)
        for product in truth.products():
            listing.add(product, group=group_of(product.title) or product.id, ratings=ratings)
            if len(listing) % 1000 == 0:
                progress("read catalog", len(listing), total)
    progress("read catalog", len(listing), total)
    listing.splits = fill_splits(listing.splits, listing.groups)
    return listing, seq


def fill_splits(splits: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Given splits stay and an empty one is train; with none given, 10 % of the groups become validation."""
    if any(splits):
        return [split or "train" for split in splits]
    return ["val" if _bucket(group) == 0 else "train" for group in groups]


def encodable(product: Product) -> dict[str, AttributeValue]:
    """Facts for the attribute encoder: attributes, brand, category levels and the price."""
    found: dict[str, AttributeValue] = dict(product.attributes)
    if product.brand:
        found["brand"] = product.brand
    if product.category:
        found["category"] = product.category
    if product.price is not None:
        found[f"price.{product.price.currency}"] = float(product.price.major)
    return found


def value_hash(value: Mapping[str, Any]) -> str:
    """The content hash of a text or attribute value."""
    return content_hash(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=list))


def input_hashes(listing: Listing, modality: Modality) -> list[tuple[str, ...]]:
    """Content hashes of every product's inputs of one modality; empty where it has none."""
    if modality == "image":
        return list(listing.photos)
    values: Sequence[Mapping[str, Any]] = listing.texts if modality == "text" else listing.attributes
    return [(value_hash(value),) if value else () for value in values]


def joint_hash(hashes: Sequence[str]) -> str:
    """One name for all inputs of a product; empty for none."""
    return content_hash("\n".join(hashes)) if hashes else ""


def _bucket(group: str) -> int:
    return int.from_bytes(blake2b(group.encode(), digest_size=8).digest(), "big") % 10
