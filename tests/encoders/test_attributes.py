from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goodsense.encoders.attributes import ColumnsEncoder

ROWS: list[dict[str, Any]] = [
    {"price": 10.0, "colour": ("red", "blue")},
    {"price": 20.0, "colour": ("red",)},
    {"price": 60.0, "colour": ("green",), "sale": True},
    {"colour": ("red",), "sale": False},
]


def test_columns_are_named_by_attribute_and_value() -> None:
    encoder = ColumnsEncoder().fit(ROWS, seed=0)
    assert encoder.names == ("colour=red", "colour=blue", "colour=green", "price", "sale=False", "sale=True")


def test_rare_categories_have_no_column() -> None:
    assert ColumnsEncoder(max_categories=1).fit(ROWS, seed=0).names == ("colour=red", "price", "sale=False")


def test_z_scores_over_the_rows_that_know_the_attribute() -> None:
    encoder = ColumnsEncoder().fit(ROWS, seed=0)
    price = encoder.encode(ROWS)[:, 3]
    np.testing.assert_allclose(price[:3], (np.array([10, 20, 60]) - 30) / np.std([10, 20, 60]), rtol=1e-6)
    assert price[3] == 0  # missing is the centre


def test_min_max_spans_one() -> None:
    encoder = ColumnsEncoder(scale="minmax").fit(ROWS, seed=0)
    price = encoder.encode(ROWS)[:3, 3]
    assert price.max() - price.min() == pytest.approx(1)
    assert price.sum() == pytest.approx(0, abs=1e-6)


def test_several_values_at_once_and_missing_ones() -> None:
    encoder = ColumnsEncoder(scale="minmax").fit(ROWS, seed=0)
    both, missing = encoder.encode([{"colour": ("red", "blue")}, {}])
    np.testing.assert_allclose(both[:3], [0.25, 0.75, -0.25])  # shares are 3/4, 1/4, 1/4
    assert not missing.any()


def test_zero_is_a_number_and_false_is_a_category() -> None:
    encoder = ColumnsEncoder().fit([{"stock": 0.0, "new": False}, {"stock": 4.0, "new": True}], seed=0)
    found = encoder.encode([{"stock": 0.0}, {"new": False}])
    assert encoder.names == ("new=False", "new=True", "stock")
    np.testing.assert_allclose(found, [[0, 0, -1], [1, -1, 0]])


def test_later_products_do_not_move_the_scale() -> None:
    encoder = ColumnsEncoder().fit(ROWS, seed=0)
    before = encoder.encode(ROWS)
    encoder.encode([{"price": 1e6, "colour": ("mauve",), "size": 3.0}])
    np.testing.assert_array_equal(encoder.encode(ROWS), before)


def test_numbers_that_are_none_and_constant_columns() -> None:
    encoder = ColumnsEncoder().fit([{"w": 2.0, "x": float("nan")}, {"w": 2.0, "x": float("inf")}], seed=0)
    assert encoder.names == ("w",)
    np.testing.assert_array_equal(encoder.encode([{"w": 2.0}, {"w": 3.0}, {"w": float("nan")}]), [[0], [1], [0]])


def test_mixed_numbers_and_texts_are_categories() -> None:
    encoder = ColumnsEncoder().fit([{"size": 42.0}, {"size": "XL"}], seed=0)
    assert encoder.names == ("size=42.0", "size=XL")


def test_no_products_give_no_columns() -> None:
    assert ColumnsEncoder().fit([], seed=0).encode([{"price": 3.0}]).shape == (1, 0)
