"""Bar codes."""

from __future__ import annotations

import pytest

from goodsense.catalog.product import Product, Variant
from tests.quality.catalogs import cases, found_in


@pytest.mark.parametrize(
    ("gtin", "wrong"),
    [("4006381333931", False), ("4006381333932", True), ("400638133393", True), ("036000291452", False), ("", False),
     ("not a code", True), ("9" * 5000, True)],
)  # fmt: skip
def test_check_digits(gtin: str, wrong: bool) -> None:
    found = cases(found_in([Product("a", title="Pen", variants=(Variant("s", gtin=gtin),))]), "wrong_gtin")
    assert bool(found) is wrong
