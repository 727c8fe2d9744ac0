"""Steps that replace values: one spelling for many, values that are none, values for single products."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from statistics import fmean, median
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from goodsense.catalog import Product
from goodsense.catalog.product import AVAILABILITIES
from goodsense.quality.cleaning.fields import (
    OFFERS,
    Value,
    check_field,
    map_texts,
    of_variant,
    value_of,
    with_value,
)
from goodsense.quality.cleaning.neighbours import Neighbours
from goodsense.quality.cleaning.step import PureStep, Read, Step, Transform

FieldName = Annotated[str, AfterValidator(check_field)]
Scalar = str | float | bool
_HIGHEST = 1e12  # of prices, in major units


class Spelling(PureStep):
    """One spelling for many: ``values`` maps how it is written to how it should be, for whole values.

    It serves brands, categories (level by level), colours, and any attribute or option.
    """

    do: Literal["spelling"] = "spelling"
    field: FieldName
    values: Annotated[dict[str, str], Field(min_length=1)]

    def change(self, product: Product) -> Product:
        return map_texts(product, self.field, lambda text: self.values.get(text, text))


class Rename(PureStep):
    """One name for many of an attribute: ``values`` maps old names to new; a value that is there already stays."""

    do: Literal["rename"] = "rename"
    values: Annotated[dict[str, str], Field(min_length=1)]

    def change(self, product: Product) -> Product:
        if not self.values.keys() & product.attributes.keys():
            return product
        done = {name: value for name, value in product.attributes.items() if name not in self.values}
        for name, value in product.attributes.items():
            if name in self.values:
                done.setdefault(self.values[name], value)
        return replace(product, attributes=done)


class DropValues(PureStep):
    """Values that are none become missing: those listed in ``values`` (compared without case and width), or those of
    the products in ``ids``."""

    do: Literal["drop-values"] = "drop-values"
    field: FieldName
    values: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_which(self) -> DropValues:
        if not self.values and not self.ids:
            raise ValueError("give values or ids")
        return self

    def change(self, product: Product) -> Product:
        if self.ids and product.id not in self.ids:
            return product
        if not self.values:
            return with_value(product, self.field, None)
        unwanted = _folded_set(self.values)
        return map_texts(product, self.field, lambda text: "" if _fold(text) in unwanted else text)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _folded_set(values: Sequence[str]) -> frozenset[str]:
    return frozenset(map(_fold, values))


class Set(PureStep):
    """Single products get a value: ``values`` maps a product's id to it."""

    do: Literal["set"] = "set"
    field: FieldName
    values: Annotated[dict[str, Scalar], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits_the_field(self) -> Set:
        for id, value in self.values.items():
            _check_value(self.field, value, f"the value of {id!r}")
        return self

    def change(self, product: Product) -> Product:
        value = self.values.get(product.id)
        return product if value is None else with_value(product, self.field, value)


def _check_value(field: str, value: Scalar, name: str) -> None:
    """Refuse what a field cannot hold."""
    field = of_variant(field)[1]
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{name} is {value}, which is no finite number")
    if field in ("price", "list_price") and not (is_number(value) and 0 <= float(value) < _HIGHEST):
        raise ValueError(f"{name} is {value!r}; a price is a number from 0 up to {_HIGHEST:g}")
    if field == "stock" and not (is_number(value) and abs(float(value)) < _HIGHEST):
        raise ValueError(f"{name} is {value!r}; a stock is a whole number")
    if field == "availability" and value not in AVAILABILITIES:
        raise ValueError(f"{name} is {value!r}; availabilities: {', '.join(filter(None, AVAILABILITIES))}")


class Fill(Step):
    """Missing values are filled, or their products dropped.

    ``with`` (in Python ``how``) is ``constant`` (``value``), ``mean``, ``median``, ``mode`` of the products that
    have one, ``nearest`` (the most similar products by their words vote, at most ``k`` of them), or ``drop`` (the
    product goes). ``by`` takes statistics within a category or brand; where fewer than ``least`` products have a
    value, nothing is filled.
    """

    do: Literal["fill"] = "fill"
    field: FieldName
    how: Annotated[Literal["constant", "mean", "median", "mode", "nearest", "drop"], Field(alias="with")]
    value: Scalar | None = None
    by: Literal["", "category", "brand"] = "category"
    k: Annotated[int, Field(ge=1, le=100)] = 5
    least: Annotated[int, Field(ge=1)] = 3
    only: tuple[str, ...] = ()

    model_config = ConfigDict(populate_by_name=True)

    @model_validator(mode="after")
    def _fits_together(self) -> Fill:
        if (self.how == "constant") != (self.value is not None):
            raise ValueError("value belongs to with = 'constant', and only to that")
        if self.value is not None:
            _check_value(self.field, self.value, "the value")
        if self.field in OFFERS and self.how != "constant" and self.field != "stock":
            raise ValueError("offers (price, gtin, availability) are filled with a constant only")
        return self

    def fit(self, read: Read) -> Transform:
        if self.how == "drop":
            return lambda product: () if self._lacks(product) else (product,)
        guess = self._guesser(read)

        def fill(product: Product) -> tuple[Product, ...]:
            if not self._lacks(product):
                return (product,)
            found = guess(product)
            return (product if found is None else with_value(product, self.field, found),)

        return fill

    def _lacks(self, product: Product) -> bool:
        return (not self.only or product.id in self.only) and value_of(product, self.field) is None

    def _guesser(self, read: Read) -> Callable[[Product], Value | None]:
        if self.how == "constant":
            return lambda product: self.value
        if self.how == "nearest":
            near = Neighbours.of(read(), self.field, by=lambda product: group_of(product, self.by))
            return lambda product: near.guess(product, k=self.k, least=min(self.least, self.k))
        values: defaultdict[str, list[Any]] = defaultdict(list)
        for product in read():
            value = value_of(product, self.field)
            if value is not None and (self.how == "mode" or is_number(value)):
                values[group_of(product, self.by)].append(value)
        average: Callable[[Sequence[Any]], Value] = _AVERAGES[self.how]
        known = {group: average(found) for group, found in values.items() if len(found) >= self.least}
        return lambda product: known.get(group_of(product, self.by))


def is_number(value: object) -> bool:
    """Whether a value is a number (a truth value is none)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def group_of(product: Product, by: str) -> str:
    """The group whose statistics a product is measured by."""
    if by == "category":
        return " > ".join(product.category)
    return product.brand if by == "brand" else ""


def _mode(values: Sequence[Any]) -> Any:
    """The most frequent value; of equals the one that sorts first, so that order does not matter."""
    counts = Counter(values)
    most = max(counts.values())
    return min((value for value, count in counts.items() if count == most), key=str)


_AVERAGES: dict[str, Callable[[Sequence[Any]], Value]] = {"mean": fmean, "median": median, "mode": _mode}
