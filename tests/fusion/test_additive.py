from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodsense.errors import UsageError
from goodsense.fusion import AdditiveFusion
from goodsense.types import Embeddings, Fusion, normalise

WEIGHTS = {"text": 2.0, "image": 1.0, "attributes": 0.25}
DIMS = {"text": 6, "image": 5, "attributes": 3}


def blocks(n: int = 12, *, seed: int = 0) -> dict[str, Embeddings]:
    """Random rows; product 0 has every block, product 1 has none, the rest some."""
    random = np.random.default_rng(seed)
    ids = [f"p{i}" for i in range(n)]
    found = {}
    for name, dim in DIMS.items():
        present = random.random(n) < 0.7
        present[:2] = (True, False)
        rows = (random.normal(size=(n, dim)) + 0.5).astype(np.float32)
        rows[~present] = 0
        found[name] = Embeddings.of_products(ids, rows, present)
    return found


@pytest.fixture
def fusion() -> AdditiveFusion:
    return AdditiveFusion(WEIGHTS).fit(blocks())


def test_it_is_a_fusion(fusion: AdditiveFusion) -> None:
    assert isinstance(fusion, Fusion)
    assert fusion.dim == 14
    assert dict(fusion.dims) == {"attributes": 3, "image": 5, "text": 6}


def test_every_present_product_is_of_unit_length(fusion: AdditiveFusion) -> None:
    fused = fusion.fuse(blocks())
    some = np.any([block.present for block in blocks().values()], axis=0)
    np.testing.assert_array_equal(fused.present, some)
    np.testing.assert_allclose(np.linalg.norm(fused.vectors, axis=1), some.astype(float), atol=1e-6)
    assert fused.ids == blocks()["text"].ids


def test_a_product_without_any_block_is_missing(fusion: AdditiveFusion) -> None:
    fused = fusion.fuse(blocks())
    assert not fused.present[1]
    assert not fused.vectors[1].any()


def test_the_terms_sum_to_the_inner_product(fusion: AdditiveFusion) -> None:
    vectors = fusion.fuse(blocks()).vectors
    for row in range(len(vectors)):
        terms = fusion.terms(vectors[row], vectors)
        assert set(terms) == set(WEIGHTS)
        np.testing.assert_allclose(sum(terms.values()), vectors @ vectors[row], atol=1e-6)
    np.testing.assert_allclose(sum(fusion.terms(vectors, vectors).values()), (vectors**2).sum(axis=1), atol=1e-6)


def test_a_missing_block_contributes_nothing(fusion: AdditiveFusion) -> None:
    given_blocks = blocks()
    vectors = fusion.fuse(given_blocks).vectors
    terms = fusion.terms(vectors[0], vectors)
    for name, block in given_blocks.items():
        assert not terms[name][~block.present].any()


def test_terms_are_weighted_cosines(fusion: AdditiveFusion) -> None:
    """With two complete products each term is weight / total x the cosine of the centred rows."""
    given_blocks = {name: block.take(np.array([0, 0])) for name, block in blocks().items()}
    other = {name: Embeddings.of_products(["a", "b"], np.ones((2, DIMS[name]), np.float32)) for name in DIMS}
    left, right = fusion.fuse({n: _renamed(b) for n, b in given_blocks.items()}).vectors, fusion.fuse(other).vectors
    terms = fusion.terms(left, right)
    for name, block in given_blocks.items():
        a = normalise(normalise(block.vectors) - fusion.centres[name])
        b = normalise(normalise(other[name].vectors) - fusion.centres[name])
        np.testing.assert_allclose(terms[name], WEIGHTS[name] / 3.25 * (a * b).sum(axis=1), atol=1e-6)


def _renamed(block: Embeddings) -> Embeddings:
    return Embeddings.of_products(["a", "b"], block.vectors, block.present)


@pytest.mark.parametrize("names", [c for n in (1, 2, 3) for c in combinations(WEIGHTS, n)], ids="+".join)
def test_any_set_of_blocks_works(fusion: AdditiveFusion, names: tuple[str, ...]) -> None:
    """Leaving a block out is the same as having it everywhere missing."""
    given_blocks = blocks(seed=9)
    fewer = fusion.fuse({name: given_blocks[name] for name in names})
    masked = fusion.fuse(
        {
            name: block
            if name in names
            else Embeddings.of_products(block.ids, np.zeros_like(block.vectors), np.zeros(len(block), np.bool_))
            for name, block in given_blocks.items()
        }
    )
    np.testing.assert_allclose(fewer.vectors, masked.vectors, atol=1e-7)
    np.testing.assert_array_equal(fewer.present, masked.present)
    assert fewer.dim == fusion.dim


def test_it_is_inductive(fusion: AdditiveFusion) -> None:
    """A product's vector does not depend on who else is fused."""
    given_blocks = blocks(seed=3)
    rows = np.array([4, 0])
    few = fusion.fuse({name: block.take(rows) for name, block in given_blocks.items()})
    np.testing.assert_allclose(few.vectors, fusion.fuse(given_blocks).vectors[rows], atol=1e-6)


def test_no_products_fuse_to_none(fusion: AdditiveFusion) -> None:
    empty = {name: Embeddings.of_products([], np.zeros((0, dim), np.float32)) for name, dim in DIMS.items()}
    assert fusion.fuse(empty).vectors.shape == (0, 14)


def test_without_a_fit_nothing_is_centred() -> None:
    fusion = AdditiveFusion(WEIGHTS)
    fused = fusion.fuse(blocks())
    assert not fusion.centres
    only = normalise(blocks()["text"].vectors[:1])
    np.testing.assert_allclose(fused.vectors[0, 8:], np.sqrt(2 / 3.25) * only[0], atol=1e-6)
    with pytest.raises(UsageError, match="without its block"):
        AdditiveFusion(WEIGHTS).fuse({"text": blocks()["text"]})


def test_one_product_and_equal_products_keep_their_vectors() -> None:
    row = {"text": Embeddings.of_products(["a", "b"], np.ones((2, 4), np.float32))}
    fused = AdditiveFusion({"text": 1.0}).fit(row).fuse(row)
    assert fused.present.all()
    np.testing.assert_allclose(np.linalg.norm(fused.vectors, axis=1), 1, atol=1e-6)


def test_blocks_of_weight_zero_have_no_slot() -> None:
    fusion = AdditiveFusion({"text": 1.0, "image": 0.0}).fit({"text": blocks()["text"], "image": blocks()["image"]})
    assert dict(fusion.dims) == {"text": 6}
    assert fusion.fuse({"text": blocks()["text"], "image": blocks()["image"]}).dim == 6


def test_the_fingerprint_covers_weights_and_centres(fusion: AdditiveFusion) -> None:
    prints = {
        fusion.fingerprint,
        AdditiveFusion(WEIGHTS).fingerprint,
        AdditiveFusion(WEIGHTS).fit(blocks(), centre=False).fingerprint,
        AdditiveFusion(WEIGHTS).fit(blocks(seed=1)).fingerprint,
        AdditiveFusion(WEIGHTS | {"text": 1.0}).fit(blocks()).fingerprint,
    }
    assert len(prints) == 5
    assert AdditiveFusion(WEIGHTS).fit(blocks()).fingerprint == fusion.fingerprint


def test_it_comes_back_from_disk(fusion: AdditiveFusion, tmp_path: Path) -> None:
    fusion.save(tmp_path)
    loaded = AdditiveFusion.load(tmp_path)
    assert loaded.fingerprint == fusion.fingerprint
    np.testing.assert_array_equal(loaded.fuse(blocks()).vectors, fusion.fuse(blocks()).vectors)
    fresh = AdditiveFusion(WEIGHTS)
    fresh.save(tmp_path)
    assert AdditiveFusion.load(tmp_path).dim == 0


def test_what_does_not_fit_is_refused(fusion: AdditiveFusion) -> None:
    given_blocks = blocks()
    with pytest.raises(UsageError, match="got the block 'audio'; expected attributes, image, text"):
        fusion.fuse({"audio": given_blocks["text"]})
    with pytest.raises(UsageError, match="different ids"):
        fusion.fuse({"text": given_blocks["text"], "image": given_blocks["image"].take(np.arange(12)[::-1])})
    with pytest.raises(UsageError, match="has 5 columns; its slot has 6"):
        fusion.fuse({"text": given_blocks["image"]})
    with pytest.raises(UsageError, match="no block at all"):
        fusion.fuse({})
    with pytest.raises(UsageError, match="expected rows of 14"):
        fusion.terms(np.zeros(3, np.float32), np.zeros((2, 14), np.float32))
    for weights in ({}, {"text": 0.0}, {"text": -1.0}, {"text": float("nan")}):
        with pytest.raises(UsageError):
            AdditiveFusion(weights)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.floats(0.01, 100), min_size=3, max_size=3))
def test_terms_sum_for_any_weights(seed: int, weights: list[float]) -> None:
    given_blocks = blocks(6, seed=seed)
    fusion = AdditiveFusion(dict(zip(DIMS, weights, strict=True))).fit(given_blocks)
    vectors = fusion.fuse(given_blocks).vectors
    np.testing.assert_allclose(sum(fusion.terms(vectors[0], vectors).values()), vectors @ vectors[0], atol=1e-6)
