from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.fusion import ActivatedFusion, ProductFusion
from goodsense.types import Embeddings, normalise
from tests.fusion.samples import only, shop
from tests.fusion.test_simple import by_product, equal_widths, unit

BENDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
}


def activations(name: str, gain: float) -> list[dict[str, np.ndarray]]:
    """Of each product the activations of the blocks it has, before anything is subtracted."""
    return [
        {block: BENDS[name](row * gain * np.sqrt(4)) for block, row in rows.items()}
        for rows in by_product(equal_widths())
    ]


def means(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.mean([row[name] for row in rows if name in row], axis=0) for name in equal_widths()}


@pytest.mark.parametrize("activation", BENDS)
@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_the_sum_of_activations(activation: str, gain: float) -> None:
    rows = activations(activation, gain)
    centres = means(rows)
    fused = ActivatedFusion(activation=activation, gain=gain, widths="keep").fit(equal_widths()).fuse(equal_widths())
    for i, row in enumerate(rows):
        if row:
            expected = unit(sum(found - centres[name] for name, found in row.items()))
            np.testing.assert_allclose(fused.vectors[i], expected, atol=1e-5)


@pytest.mark.parametrize("activation", BENDS)
def test_the_product_of_factors_around_one(activation: str) -> None:
    rows = activations(activation, 1.0)
    centres = means(rows)
    fusion = ProductFusion(activation=activation, widths="keep").fit(equal_widths())
    fused, parts = fusion.fuse(equal_widths()), fusion.parts(equal_widths())
    for i, row in enumerate(rows):
        if row:
            own = {name: found - centres[name] for name, found in row.items()}
            whole = np.prod([1 + found for found in own.values()], axis=0) - 1
            length = np.linalg.norm(whole)
            np.testing.assert_allclose(fused.vectors[i], whole / length, atol=1e-5)
            for name, found in own.items():
                np.testing.assert_allclose(parts[name][i], found / length, atol=1e-5)
            if len(row) == 1:
                np.testing.assert_allclose(parts["interaction"][i], 0, atol=1e-6)


@pytest.mark.parametrize("activation", BENDS)
def test_the_plain_product(activation: str) -> None:
    rows = activations(activation, 1.0)
    fusion = ProductFusion(activation=activation, widths="keep", plain=True).fit(equal_widths())
    fused, parts = fusion.fuse(equal_widths()), fusion.parts(equal_widths())
    for i, row in enumerate(rows):
        whole = np.prod(list(row.values()), axis=0) if row else np.zeros(4)
        length = max(np.linalg.norm(whole), 1e-9)
        np.testing.assert_allclose(fused.vectors[i], whole / length, atol=1e-5)
        assert parts["interaction"][i].any() == (len(row) > 1 and whole.any())


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_products_do_not_all_look_alike(activation: str) -> None:
    """Activations that are never negative would have a cosine far above 0 between any two products."""
    blocks = shop(200, share=2.0)
    rows = ActivatedFusion(activation=activation).fit(blocks).fuse(blocks).vectors[2:]
    assert abs((rows @ rows.T).mean()) < 0.05


def test_a_product_with_fewer_blocks_stays_comparable() -> None:
    """With text alone a product is near to itself with all blocks; by the plain product it is not."""
    blocks = shop(60, share=2.0)
    cosines = {}
    for plain in (False, True):
        fusion = ProductFusion(dim=64, plain=plain).fit(blocks)
        whole, text = fusion.fuse(blocks).vectors[2:], fusion.fuse(only(blocks, "text")).vectors[2:]
        cosines[plain] = np.einsum("nd,nd->n", whole, text).mean()
    assert cosines[False] > 0.4
    assert abs(cosines[True]) < 0.1


def test_extreme_rows_do_not_overflow() -> None:
    block = Embeddings.of_products(["a", "b"], np.array([[1e18, -1e18], [1.0, 2.0]], np.float32))
    for activation in BENDS:
        fused = ActivatedFusion(activation=activation, gain=1e6).fit({"text": block}).fuse({"text": block})
        assert np.isfinite(fused.vectors).all()
        assert np.allclose(normalise(fused.vectors), fused.vectors, atol=1e-5)


@pytest.mark.parametrize("kind", [ActivatedFusion, ProductFusion])
def test_wrong_options_are_refused(kind: type[ActivatedFusion | ProductFusion]) -> None:
    with pytest.raises(UsageError, match="activation is 'gelu'; expected one of sigmoid, relu, tanh"):
        kind(activation="gelu")
    with pytest.raises(UsageError, match=r"gain is 0.*above 0"):
        kind(gain=0.0)
