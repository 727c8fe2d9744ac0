"""The catalog as a build sees it: parallel lists in the order of product ids."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from goodsense.catalog.product import AttributeValue, Product, content_hash, text_fields
from goodsense.progress import Progress, silent
from goodsense.search.columns import product_fields
from goodsense.shop.crowd import read_opinions, read_profiles
from goodsense.shop.ratings import UNRATED, RatingPrior, Ratings
from goodsense.shop.truth import Truth
from goodsense.types import Modality, Opinion, Profile, TextFields

FieldValues = tuple[Any, ...]


@dataclass
class Listing:
    """One entry per product in every list.

    ``photos``, ``sounds`` and ``clips`` hold the content hashes of a product's media; ``not_fetched`` counts references
    without bytes by modality. ``opinions`` and ``profiles`` are what shoppers said of it and did with it.
    """

    ids: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    texts: list[TextFields] = field(default_factory=list)
    attributes: list[Mapping[str, AttributeValue]] = field(default_factory=list)
    photos: list[tuple[str, ...]] = field(default_factory=list)
    sounds: list[tuple[str, ...]] = field(default_factory=list)
    clips: list[tuple[str, ...]] = field(default_factory=list)
    opinions: list[tuple[Opinion, ...]] = field(default_factory=list)
    profiles: list[Profile | None] = field(default_factory=list)
    fields: list[dict[str, FieldValues]] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    not_fetched: Counter[str] = field(default_factory=Counter)
    rating_prior: RatingPrior | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def add(
        self,
        product: Product,
        *,
        group: str,
        ratings: Ratings = UNRATED,
        opinions: tuple[Opinion, ...] = (),
        profile: Profile | None = None,
    ) -> None:
        self.ids.append(product.id)
        self.titles.append(product.title)
        self.texts.append(text_fields(product))
        self.attributes.append(encodable(product))
        self.photos.append(_hashes(product, "image"))
        self.sounds.append(_hashes(product, "audio"))
        self.clips.append(_hashes(product, "video"))
        self.opinions.append(opinions)
        self.profiles.append(profile)
        self.fields.append({**product_fields(product), **ratings.fields(product.id)})
        self.splits.append(product.split)
        self.groups.append(group)
        self.not_fetched.update(ref.modality for ref in product.every_medium if ref.sha256 is None)

    @property
    def learnable(self) -> list[int]:
        """Rows that anything may learn from: split train or none."""
        return [row for row, split in enumerate(self.splits) if split == "train"]

    def values(self, modality: Modality) -> Sequence[Any]:
        """What encoders of a modality without files read, one per product; falsy where there is nothing.

        Raises
        ------
        KeyError
            For media.
        """
        by_modality: dict[str, Sequence[Any]] = {
            "text": self.texts,
            "attributes": self.attributes,
            "reviews": self.opinions,
            "behaviour": self.profiles,
        }
        return by_modality[modality]

    def labels(self, row: int) -> dict[str, str]:
        """What a product is, for encoders that learn to tell products apart; and its id."""
        found = {"id": self.ids[row]}
        for name, value in self.attributes[row].items():
            if isinstance(value, tuple):
                found[name] = " > ".join(value)
            elif isinstance(value, str):
                found[name] = value
        return found

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
        opinions, profiles = read_opinions(truth), read_profiles(truth)
        for product in truth.products():
            listing.add(
                product,
                group=group_of(product.title) or product.id,
                ratings=ratings,
                opinions=opinions.get(product.id, ()),
                profile=profiles.get(product.id),
            )
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


def value_hash(value: Any) -> str:
    """The content hash of a value without a file: a mapping, opinions, or a profile."""
    return content_hash(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain))


def _plain(value: Any) -> Any:
    return vars(value) if isinstance(value, Opinion | Profile) else list(value)


def _hashes(product: Product, modality: Modality) -> tuple[str, ...]:
    """Each medium of one modality once, its own before those of its variants."""
    refs = (ref for ref in product.every_medium if ref.modality == modality and ref.sha256)
    return tuple(dict.fromkeys(ref.sha256 for ref in refs if ref.sha256))


def input_hashes(listing: Listing, modality: Modality) -> list[tuple[str, ...]]:
    """Content hashes of every product's inputs of one modality; empty where it has none. Clips are sounds, too."""
    if modality == "image":
        return list(listing.photos)
    if modality == "video":
        return list(listing.clips)
    if modality == "audio":
        return [own + clips for own, clips in zip(listing.sounds, listing.clips, strict=True)]
    return [(value_hash(value),) if value else () for value in listing.values(modality)]


def joint_hash(hashes: Sequence[str]) -> str:
    """One name for all inputs of a product; empty for none."""
    return content_hash("\n".join(hashes)) if hashes else ""


def _bucket(group: str) -> int:
    return int.from_bytes(blake2b(group.encode(), digest_size=8).digest(), "big") % 10
