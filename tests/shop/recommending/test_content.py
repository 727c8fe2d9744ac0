"""What recommenders see of a shop's products."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from goodsense.shop import Shop
from goodsense.shop.recommending.content import content_of
from tests.shop.catalogs import toy


def test_content_stands_by_id_and_leaves_behaviour_out(shop: Shop) -> None:
    found = content_of(shop.snapshot)
    assert list(found.ids) == sorted(product.id for product in shop.truth.products())
    assert set(found.blocks) == {"text", "attributes"}
    product = shop.truth.get(["toy-0013"])["toy-0013"]
    row = found.ids.index("toy-0013")
    assert found.categories[row] == " > ".join(product.category)
    assert set(found.tags[row]) == {"brand=Doremi", "colour=green", "material=wooden"}
    assert found.prices is not None
    assert found.prices[row] == 18.5
    block = shop.snapshot.blocks["text"]
    assert np.array_equal(found.blocks["text"].vectors[row], block.vectors[shop.snapshot.row_of("toy-0013")])


def test_a_build_without_changes_is_not_copied(shop: Shop) -> None:
    found = content_of(shop.snapshot)
    assert found.blocks["text"].vectors is shop.snapshot.blocks["text"].vectors


def test_later_changes_are_in_it(own: Shop) -> None:
    own.add([replace(toy(500), id="aaa"), replace(toy(7), title="other words", category=("Toys", "Odd"))])
    own.delete(["toy-0001"])
    found = content_of(own.snapshot)
    assert found.ids[0] == "aaa"
    assert list(found.ids) == sorted(found.ids)
    assert "toy-0001" not in found.ids
    assert found.categories[found.ids.index("toy-0007")] == "Toys > Odd"
    assert not found.blocks["text"].present[0]
    kept = found.ids.index("toy-0009")
    block = own.snapshot.blocks["text"]
    assert np.array_equal(found.blocks["text"].vectors[kept], block.vectors[own.snapshot.row_of("toy-0009")])
