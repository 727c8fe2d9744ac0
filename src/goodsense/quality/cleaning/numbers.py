"""Steps about numbers: one unit for many, outliers capped or dropped."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from math import exp, log
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from goodsense.catalog import Money, Product
from goodsense.catalog.product import Variant
from goodsense.quality.cleaning.fields import PREFIX, check_field, map_texts, map_variants, value_of, with_value
from goodsense.quality.cleaning.step import PureStep, Read, Step, Transform
from goodsense.quality.cleaning.values import group_of, is_number
from goodsense.quality.units import UNITS, convert, parse_quantity

FieldName = Annotated[str, AfterValidator(check_field)]


class Units(PureStep):
    """Quantities of an attribute in one unit: ``5.5 in`` becomes ``13.97 cm``; what is no quantity stays."""

    do: Literal["units"] = "units"
    field: FieldName
    to: str
    digits: Annotated[int, Field(ge=1, le=12)] = 6

    @model_validator(mode="after")
    def _is_unit(self) -> Units:
        if self.to.casefold() not in UNITS:
            raise ValueError(f"unknown unit {self.to!r}; known: {', '.join(UNITS)}")
        return self

    def change(self, product: Product) -> Product:
        return map_texts(product, self.field, self._converted)

    def _converted(self, text: str) -> str:
        found = parse_quantity(text)
        done = convert(*found, self.to) if found is not None else None
        if done is None:
            return text
        return f"{done:.{self.digits}g} {self.to}" if abs(done) < 10**self.digits else f"{done:.0f} {self.to}"


class Outliers(Step):
    """Numbers far from those of their peers are capped at the bound, emptied, or their product dropped.

    ``method`` is ``robust-z`` (the bound is ``threshold`` times the scaled median absolute deviation from the median;
    Iglewicz and Hoaglin, 1993) or ``iqr`` (``threshold`` times the interquartile range beyond the quartiles; Tukey,
    1977). Prices are compared on the log scale, within one currency. Groups with fewer than ``least`` values, and those
    without spread, are left alone.
    """

    do: Literal["outliers"] = "outliers"
    field: FieldName
    method: Literal["robust-z", "iqr"] = "robust-z"
    threshold: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    action: Literal["cap", "empty", "drop"] = "cap"
    by: Literal["", "category", "brand"] = "category"
    least: Annotated[int, Field(ge=4)] = 8

    @model_validator(mode="after")
    def _is_numeric(self) -> Outliers:
        if self.field not in ("price", "stock") and not self.field.startswith(PREFIX):
            raise ValueError("outliers are found in price, stock and attribute.NAME")
        return self

    def fit(self, read: Read) -> Transform:
        found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for product in read():
            for unit, value in self._values(product):
                found[group_of(product, self.by), unit].append(value)
        bounds = {key: self._bounds(values) for key, values in found.items() if len(values) >= self.least}

        def mend(product: Product) -> tuple[Product, ...]:
            group = group_of(product, self.by)
            outside = {
                unit: bound
                for unit, value in self._values(product)
                if (bound := bounds.get((group, unit))) and not bound[0] <= value <= bound[1]
            }
            if not outside:
                return (product,)
            return () if self.action == "drop" else (self._mended(product, outside),)

        return mend

    def _values(self, product: Product) -> list[tuple[str, float]]:
        """The numbers of a product, each with its currency; prices as logarithms."""
        if self.field == "price":
            prices = [variant.price for variant in product.variants if variant.price is not None]
            return [(price.currency, log(price.minor)) for price in prices if price.minor > 0]
        value = value_of(product, self.field)
        return [("", float(value))] if is_number(value) else []  # type: ignore[arg-type]

    def _bounds(self, values: list[float]) -> tuple[float, float] | None:
        low, middle, high = np.percentile(values, (25, 50, 75))
        if self.method == "iqr":
            spread = high - low
            return (low - self.threshold * spread, high + self.threshold * spread) if spread > 0 else None
        spread = 1.4826 * float(np.median(np.abs(np.asarray(values) - middle)))
        return (middle - self.threshold * spread, middle + self.threshold * spread) if spread > 0 else None

    def _mended(self, product: Product, bounds: dict[str, tuple[float, float]]) -> Product:
        if self.field == "price":
            return map_variants(product, lambda variant: self._with_price(variant, bounds))
        if self.action == "empty":
            return with_value(product, self.field, None)
        low, high = bounds[""]
        value = value_of(product, self.field)
        assert isinstance(value, int | float)
        return with_value(product, self.field, min(max(value, low), high))

    def _with_price(self, variant: Variant, bounds: dict[str, tuple[float, float]]) -> Variant:
        price = variant.price
        if price is None or price.currency not in bounds or price.minor <= 0:
            return variant
        low, high = bounds[price.currency]
        if low <= log(price.minor) <= high:
            return variant
        if self.action == "empty":
            return replace(variant, price=None)
        capped = Decimal(round(exp(min(max(log(price.minor), low), high))))
        return replace(variant, price=Money(int(capped), price.currency))
