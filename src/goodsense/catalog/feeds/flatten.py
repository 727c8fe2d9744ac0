"""Products as flat rows of text cells, and a place to keep such rows until all columns are known."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from goodsense.catalog.feeds import values as v
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.prices import parse_price
from goodsense.catalog.money import Money
from goodsense.catalog.product import AttributeValue, Product, Variant, to_json
from goodsense.errors import DataError
from goodsense.types import MODALITIES, MediaRef

COLUMNS = tuple(
    "id title description bullets brand category price list_price availability stock gtin sku images audio video url "
    "language updated split attributes media variants extra".split()
)
_MEDIA_COLUMNS = {"image": "images", "audio": "audio", "video": "video"}
_MAX_ATTRIBUTES = 200  # columns; the attributes beyond stand in the column of JSON
_SIMPLE_NAME = re.compile(r"[^\s\x00-\x1f](?:[^\x00-\x1f]*[^\s\x00-\x1f])?")


def flatten(product: Product) -> dict[str, str]:
    """One text cell per column; reading the cells gives the product back.

    A value that a plain cell would not give back exactly is written as JSON: in its own cell (lists), or in the
    columns ``attributes``, ``media``, ``variants`` and ``extra``.

    Raises
    ------
    DataError
        If the product holds what JSON cannot carry.
    """
    cells = {"id": product.id}
    for name in ("title", "description", "brand", "url", "language", "split"):
        if text := getattr(product, name):
            cells[name] = text
    try:
        if product.bullets:
            cells["bullets"] = listed(product.bullets, "\n", v.list_of)
        if product.category:
            cells["category"] = listed(product.category, " > ", v.category_of)
        if product.updated is not None:
            cells["updated"] = product.updated.isoformat()
        if product.media:
            cells.update(_media(product))
        if product.variants:
            cells.update(_variants(product))
        cells.update(attribute_cells(product))
        if product.extra:
            cells["extra"] = v.dump(dict(product.extra))
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"product {product.id!r} cannot be written: {error}.") from error
    return cells


def listed(items: tuple[str, ...], separator: str, read: Callable[[Any], tuple[str, ...]]) -> str:
    """Several texts in one cell: joined if that reads back exactly, else as JSON."""
    joined = separator.join(items)
    return joined if read(joined) == items else v.dump(list(items))


def attribute_cell(value: AttributeValue) -> str | None:
    """The plain cell of an attribute; None if none would read back exactly."""
    cells = ("|".join(value), v.dump(list(value))) if isinstance(value, tuple) else (v.text_of(value),)
    for cell in cells:
        if cell and same(v.attribute_of(cell), value):
            return cell
    return None


def same(read: Any, value: Any) -> bool:
    """Equal, and of the same kind and sign: True is not 1, -0.0 not 0."""
    return bool(read == value) and repr(read) == repr(value)


def attribute_cells(product: Product) -> dict[str, str]:
    """A column for each attribute; those that no plain cell would give back exactly in one of JSON."""
    cells, left = {}, {}
    for name, value in product.attributes.items():
        cell = attribute_cell(value) if _SIMPLE_NAME.fullmatch(name) else None
        if cell is None:
            left[name] = value
        else:
            cells[f"attribute.{name}"] = cell
    if left:
        cells["attributes"] = v.dump(left)
    return cells


def _media(product: Product) -> dict[str, str]:
    cells, back = {}, []
    for modality in MODALITIES:
        refs = [ref for ref in product.media if ref.modality == modality]
        if refs:
            cells[_MEDIA_COLUMNS[modality]] = listed(tuple(ref.uri for ref in refs), "|", v.uris_of)
            back += refs
    exact = tuple(back) == product.media and len(set(back)) == len(back)
    if exact and all(ref.sha256 is None and ref.uri for ref in product.media):
        return cells
    return {"media": v.dump(to_json(product)["media"])}


def _variants(product: Product) -> dict[str, str]:
    flat = _offer(product, product.variants[0]) if len(product.variants) == 1 else None
    return flat if flat is not None else {"variants": v.dump(to_json(product)["variants"])}


def _offer(product: Product, variant: Variant) -> dict[str, str] | None:
    """The cells of an only variant; None if they would not give it back."""
    if variant.options or variant.media or not variant.sku:
        return None
    cells = {}
    for name in ("price", "list_price"):
        if (money := getattr(variant, name)) is not None:
            if not price_reads_back(money):
                return None
            cells[name] = str(money)
    if variant.availability:
        cells["availability"] = variant.availability
    if variant.stock is not None:
        cells["stock"] = str(variant.stock)
    if variant.gtin:
        if not gtin_reads_back(variant.gtin):
            return None
        cells["gtin"] = variant.gtin
    if variant.sku != product.id or not cells:
        cells["sku"] = variant.sku
    return cells


def price_reads_back(money: Money) -> bool:
    try:
        return parse_price(str(money), None) == money
    except BadValue:
        return False


def gtin_reads_back(gtin: str) -> bool:
    try:
        return v.gtin_of(gtin) == gtin
    except BadValue:
        return False


def uris(media: Iterable[MediaRef], modality: str) -> tuple[str, ...]:
    return tuple(ref.uri for ref in media if ref.modality == modality)


class Spool:
    """Flat rows on disk while their columns are being collected, so that memory stays flat.

    Parameters
    ----------
    order
        The columns that come first, in their order; others follow as they come.
    """

    def __init__(self, order: tuple[str, ...]) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="\n")  # noqa: SIM115
        self._order = order
        self._used: dict[str, None] = {}
        self._attributes: dict[str, None] = {}

    def add(self, cells: dict[str, str]) -> None:
        for name in cells:
            if not name.startswith("attribute."):
                self._used[name] = None
            elif len(self._attributes) < _MAX_ATTRIBUTES:
                self._attributes[name] = None
            elif name not in self._attributes:
                self._used["attributes"] = None
        self._file.write(json.dumps(cells, ensure_ascii=False) + "\n")

    @property
    def columns(self) -> tuple[str, ...]:
        first = [name for name in self._order if name in self._used]
        others = [name for name in self._used if name not in self._order]
        return (*first, *others, *self._attributes)

    def rows(self) -> Iterator[dict[str, str]]:
        self._file.seek(0)
        for line in self._file:
            cells: dict[str, str] = json.loads(line)
            beyond = [name for name in cells if name.startswith("attribute.") and name not in self._attributes]
            if beyond:
                left = json.loads(cells.get("attributes", "{}"))
                left.update((name.removeprefix("attribute."), v.attribute_of(cells.pop(name))) for name in beyond)
                cells["attributes"] = v.dump(left)
            yield cells

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self._file.close()
