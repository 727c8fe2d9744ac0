"""The catalog by columns, made in one pass: what the detectors look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeVar, cast

from goodsense.catalog.money import Money
from goodsense.catalog.product import AttributeValue, Availability, Product, Variant
from goodsense.progress import Progress, silent

T = TypeVar("T")
K = TypeVar("K", str, tuple[str, ...])

LONGEST = 4_000  # characters of a text that are kept; what lies behind is not looked at
MOST_ATTRIBUTES = 500  # attributes of one product that are looked at
_STEP = 5_000


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """The values of one attribute: ``values[i]`` belongs to the product in row ``rows[i]``, rows ascending."""

    rows: list[int] = field(default_factory=list)
    values: list[AttributeValue] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[int, AttributeValue]]:
        return zip(self.rows, self.values, strict=True)


@dataclass(frozen=True, slots=True)
class Offer:
    """One variant: ``row`` is its product's; ``alone`` says that the product has no other."""

    row: int
    sku: str
    alone: bool
    price: Money | None
    list_price: Money | None
    availability: Availability
    stock: int | None
    gtin: str
    options: Mapping[str, str]

    def field(self, name: str) -> str:
        """How a case names a field of this variant."""
        return name if self.alone else f"variant.{self.sku}.{name}"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the product in ``row``; ``sha256`` is empty while its bytes are not in the shop."""

    row: int
    uri: str
    sha256: str

    @property
    def is_url(self) -> bool:
        return self.uri.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, eq=False)
class Census:
    """Every product of a catalog, one row each, as lists by field.

    Texts are kept to their first 4,000 characters; ``title_lengths`` tells the whole length. ``bullets`` are joined by
    line breaks. ``repeated`` are ids that the pass met more than once; only their first product has a row.
    """

    ids: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    title_lengths: list[int] = field(default_factory=list)
    descriptions: list[str] = field(default_factory=list)
    bullets: list[str] = field(default_factory=list)
    brands: list[str] = field(default_factory=list)
    categories: list[tuple[str, ...]] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    updated: list[datetime | None] = field(default_factory=list)
    attributes: dict[str, Column] = field(default_factory=dict)
    offers: list[Offer] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, products: Iterable[Product], *, progress: Progress = silent) -> Census:
        """Look at every product once."""
        census = cls()
        seen: set[str] = set()
        interned: dict[object, object] = {}
        for product in products:
            if product.id in seen:
                census.repeated.append(product.id)
                continue
            seen.add(product.id)
            census._add(product, interned)
            if len(census.ids) % _STEP == 0:
                progress("census", len(census.ids), None)
        progress("census", len(census.ids), len(census.ids))
        return census

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def by_category(self) -> dict[tuple[str, ...], list[int]]:
        """The rows of every category that products name, the empty path left out."""
        return _grouped(self.categories)

    @cached_property
    def by_brand(self) -> dict[str, list[int]]:
        """The rows of every brand."""
        return _grouped(self.brands)

    @cached_property
    def texts(self) -> list[str]:
        """Title, description and bullets of every product in one text."""
        every = zip(self.titles, self.descriptions, self.bullets, strict=True)
        return ["\n".join(filter(None, parts)) for parts in every]

    @cached_property
    def prices(self) -> dict[int, Money]:
        """The lowest price of every product that has one, by row."""
        found: dict[int, Money] = {}
        for offer in self.offers:
            if offer.price is not None and (offer.row not in found or offer.price.minor < found[offer.row].minor):
                found[offer.row] = offer.price
        return found

    @cached_property
    def with_pictures(self) -> frozenset[int]:
        """The rows of products that name a picture."""
        return frozenset(picture.row for picture in self.pictures)

    def column(self, name: str) -> Mapping[int, AttributeValue]:
        """The values of one attribute by row; empty if nobody has it."""
        return dict(self.attributes[name]) if name in self.attributes else {}

    def _add(self, product: Product, interned: dict[object, object]) -> None:
        row = len(self.ids)
        self.ids.append(product.id)
        self.titles.append(product.title[:LONGEST])
        self.title_lengths.append(len(product.title))
        self.descriptions.append(product.description[:LONGEST])
        self.bullets.append(_joined(product.bullets))
        self.brands.append(_once(product.brand[:LONGEST], interned))
        self.categories.append(_once(tuple(level[:LONGEST] for level in product.category[:50]), interned))
        self.languages.append(_once(product.language, interned))
        self.urls.append(product.url[:LONGEST])
        self.splits.append(product.split)
        self.updated.append(product.updated)
        for name, value in list(product.attributes.items())[:MOST_ATTRIBUTES]:
            column = self.attributes.setdefault(name, Column())
            column.rows.append(row)
            column.values.append(_once(value[:LONGEST] if isinstance(value, (str, tuple)) else value, interned))
        self._add_offers(row, product.variants)
        pictures = dict.fromkeys((ref.uri, ref.sha256 or "") for ref in product.images)
        self.pictures.extend(Picture(row, uri, sha256) for uri, sha256 in pictures)

    def _add_offers(self, row: int, variants: Sequence[Variant]) -> None:
        for one in variants:
            self.offers.append(
                Offer(
                    row, one.sku, len(variants) == 1, one.price, one.list_price, one.availability, one.stock, one.gtin,
                    one.options,
                )
            )  # fmt: skip


def _joined(bullets: Sequence[str]) -> str:
    return "\n".join(bullets[:100])[:LONGEST] if bullets else ""


def _once(value: T, interned: dict[object, object]) -> T:
    """The same object for equal values: brands, categories and colours repeat. Long ones hardly do."""
    if isinstance(value, (bool, float)) or (isinstance(value, str) and len(value) > 64):
        return value
    return cast(T, interned.setdefault(value, value))


def _grouped(keys: Sequence[K]) -> dict[K, list[int]]:
    found: defaultdict[K, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        if key:
            found[key].append(row)
    return dict(found)
