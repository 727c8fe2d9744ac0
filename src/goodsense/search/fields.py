"""What of a product can be filtered, faceted and shown: its fields and their values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from goodsense.catalog import AttributeValue, Money, Product, Variant
from goodsense.types import Scalar, fold

FieldValues = tuple[Scalar, ...]  # empty = missing, several = multi-valued

MONEY_FIELDS = ("price", "list_price")
_MODALITIES = ("image", "audio", "video")
_PLAIN_FIELDS = ("brand", "category", "language", "split", "in_stock", "stock", "availability", "gtin", "sku")
REVIEW_FIELDS = ("reviews.count", "reviews.mean", "reviews.bayes")  # no product says them of itself
OWN_FIELDS = frozenset(
    (*MONEY_FIELDS, *_PLAIN_FIELDS, *REVIEW_FIELDS, *(f"has_{modality}" for modality in _MODALITIES))
)


def product_fields(product: Product) -> dict[str, FieldValues]:
    """The filterable fields of a product; what it does not say is left out.

    ``category`` holds every level and every path from the root (``Toys``, ``Toys > Cars``, ``Cars``). Prices are in
    major units under ``price.USD``, the lowest of the variants that can be bought. An attribute or a variant option
    goes by its own name, or by ``attribute.<name>`` where goodsense has a field of that name.
    """
    variants = product.variants
    present = {ref.modality for ref in (*product.media, *(ref for v in variants for ref in v.media))}
    found: dict[str, list[Scalar]] = {
        "brand": [product.brand],
        "category": list(_levels(product.category)),
        "language": [product.language],
        "split": [product.split],
        "in_stock": [] if product.in_stock is None else [product.in_stock],
        "stock": _stock(variants),
        "availability": [v.availability for v in variants],
        "gtin": [v.gtin for v in variants],
        "sku": [v.sku for v in variants],
        **{f"has_{modality}": [modality in present] for modality in _MODALITIES},
    }
    buyable = [v for v in variants if v.in_stock is not False] or list(variants)
    found |= _lowest("price", (v.price for v in buyable))
    found |= _lowest("list_price", (v.list_price for v in buyable))
    for name, value in _described(product):
        found.setdefault(name, []).append(value)
    return {name: values for name, several in found.items() if (values := _distinct(several))}


def field_table(products: Iterable[Product]) -> tuple[dict[str, list[FieldValues]], int]:
    """The fields of many products, one tuple per product in each field, and how many products there were."""
    table: dict[str, list[FieldValues]] = {}
    n = 0
    for product in products:
        for name, values in product_fields(product).items():
            column = table.setdefault(name, [])
            column.extend([()] * (n - len(column)))
            column.append(values)
        n += 1
    for column in table.values():
        column.extend([()] * (n - len(column)))
    return table, n


def _distinct(values: list[Scalar]) -> FieldValues:
    if len(values) == 1:
        return () if values[0] == "" else (values[0],)
    return tuple(dict.fromkeys(value for value in values if value != ""))


def _levels(path: tuple[str, ...]) -> Iterator[str]:
    for depth, name in enumerate(path, start=1):
        yield " > ".join(path[:depth])
        yield name


def _stock(variants: tuple[Variant, ...]) -> list[Scalar]:
    known = [v.stock for v in variants if v.stock is not None]
    return [float(sum(known))] if known else []


def _lowest(name: str, prices: Iterable[Money | None]) -> dict[str, list[Scalar]]:
    lowest: dict[str, Money] = {}
    for price in prices:
        if price is not None and (price.currency not in lowest or price.minor < lowest[price.currency].minor):
            lowest[price.currency] = price
    return {f"{name}.{currency}": [float(price.major)] for currency, price in lowest.items()}


def _described(product: Product) -> Iterator[tuple[str, Scalar]]:
    """Attributes and options, value by value; an option joins the attribute of its name, however it is spelled."""
    names = {fold(name): name for name in product.attributes}
    for name, value in product.attributes.items():
        for scalar in _scalars(value):
            yield _field_name(name), scalar
    for variant in product.variants:
        for option, text in variant.options.items():
            yield _field_name(names.setdefault(fold(option), option)), text


def _field_name(name: str) -> str:
    folded = fold(name)
    taken = folded in OWN_FIELDS or folded.startswith(("attribute.", *(f"{money}." for money in MONEY_FIELDS)))
    return f"attribute.{name}" if taken else name


def _scalars(value: AttributeValue) -> tuple[Scalar, ...]:
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, str | bool) else (float(value),)
