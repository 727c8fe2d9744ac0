from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.linalg import block_diag, eigh
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import Ridge

from goodsense.errors import DataError, UsageError
from goodsense.fusion import CcaFusion, RidgeFusion
from goodsense.types import Embeddings, normalise
from tests.fusion.samples import only, shop, taken, without


def mirrored(*, seed: int = 0, count: int = 100, share: float = 2.0) -> dict[str, Embeddings]:
    """Every row is there with its negative too, so that means are zero and preparing is scaling to unit length."""
    half = shop(count, seed=seed, share=share)
    return {
        name: Embeddings.of_products(
            [f"{id}{sign}" for sign in "+-" for id in block.ids],
            np.concatenate([block.vectors, -block.vectors]),
            np.concatenate([block.present, block.present]),
        )
        for name, block in half.items()
    }


def unit_rows(blocks: dict[str, Embeddings], name: str) -> np.ndarray:
    return normalise(blocks[name].vectors).astype(np.float64) * blocks[name].present[:, None]


def mapped_rows(fusion: CcaFusion | RidgeFusion, blocks: dict[str, Embeddings], name: str) -> np.ndarray:
    """Rows in the common space before they are brought to unit length."""
    return unit_rows(blocks, name) @ fusion._arrays["map"][name].astype(np.float64)


def test_two_blocks_are_the_canonical_correlation_analysis_of_scikit_learn() -> None:
    blocks = only(mirrored(), "image", "text")
    fusion = CcaFusion(dim=3, ridge=1e-9, power=0.0).fit(blocks)
    kept = blocks["text"].present
    left, right = unit_rows(blocks, "image")[kept], unit_rows(blocks, "text")[kept]
    oracle = CCA(3, scale=False, max_iter=5_000, tol=1e-12).fit(left, right)
    expected = oracle.transform(left, right)
    found = mapped_rows(fusion, blocks, "image")[kept], mapped_rows(fusion, blocks, "text")[kept]
    for column in range(3):
        canonical = np.corrcoef(expected[0][:, column], expected[1][:, column])[0, 1]
        assert fusion.correlations[column] == pytest.approx(canonical, abs=1e-4)
        for mine, theirs in zip(found, expected, strict=True):
            assert abs(np.corrcoef(mine[:, column], theirs[:, column])[0, 1]) > 0.999  # up to sign and scale
        assert np.corrcoef(found[0][:, column], found[1][:, column])[0, 1] == pytest.approx(canonical, abs=1e-4)


@pytest.mark.parametrize("ridge", [1e-6, 0.3])
def test_several_blocks_are_the_generalised_eigenproblem(ridge: float) -> None:
    """MAXVAR in one piece: all covariances against those within the blocks."""
    blocks = mirrored()
    fusion = CcaFusion(dim=4, ridge=ridge, power=0.0).fit(blocks)
    rows = {name: unit_rows(blocks, name)[blocks[name].present] for name in sorted(blocks)}
    stacked = np.concatenate(list(rows.values()), axis=1)
    total = stacked.T @ stacked / len(stacked)
    inside = [found.T @ found / len(found) for found in rows.values()]
    penalty = [ridge * np.trace(found) / len(found) * np.eye(len(found)) for found in inside]
    values, vectors = eigh(
        total - block_diag(*inside), block_diag(*(a + b for a, b in zip(inside, penalty, strict=True)))
    )
    np.testing.assert_allclose(fusion.correlations, values[::-1][:4] / 2, atol=1e-5)
    mine = np.concatenate([fusion._arrays["map"][name] for name in rows])
    for column, expected in enumerate(vectors[:, ::-1][:, :4].T):
        cosine = mine[:, column] @ expected / np.linalg.norm(mine[:, column]) / np.linalg.norm(expected)
        assert abs(cosine) == pytest.approx(1, abs=1e-4)


def test_each_pair_of_blocks_learns_from_the_products_that_have_both() -> None:
    """Step by step: whitening over all rows of a block, crossings over shared products."""
    blocks = only(mirrored(share=0.6), "image", "text")
    fusion = CcaFusion(dim=2, ridge=0.1, power=0.0).fit(blocks)
    roots = {}
    for name, block in blocks.items():
        rows = unit_rows(blocks, name)[block.present]
        values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
        roots[name] = (vectors / np.sqrt(values + 0.1 * values.mean())) @ vectors.T
    both = blocks["image"].present & blocks["text"].present
    crossing = unit_rows(blocks, "image")[both].T @ unit_rows(blocks, "text")[both] / both.sum()
    _, values, _ = np.linalg.svd(roots["image"] @ crossing @ roots["text"])
    np.testing.assert_allclose(fusion.correlations, np.minimum(values[:2], 1), atol=1e-6)
    assert dict(fusion.shared) == {("image", "text"): both.sum()}


def test_power_scales_directions_by_their_correlation() -> None:
    blocks = mirrored()
    plain, scaled = (CcaFusion(dim=3, power=power).fit(blocks) for power in (0.0, 0.5))
    for name in blocks:
        expected = plain._arrays["map"][name] * np.sqrt(plain.correlations)
        np.testing.assert_allclose(scaled._arrays["map"][name], expected, atol=1e-5)


@pytest.mark.parametrize("dim", [None, 4])
def test_the_ridge_is_that_of_scikit_learn(dim: int | None) -> None:
    blocks = mirrored(share=0.6)
    fusion = RidgeFusion(anchor="text", ridge=0.2, dim=dim).fit(blocks)
    assert fusion.anchor == "text"
    target = unit_rows(blocks, "text") @ fusion._arrays["map"]["text"].astype(np.float64)
    for name in ("image", "attributes"):
        both = blocks[name].present & blocks["text"].present
        source = unit_rows(blocks, name)
        penalty = 0.2 * np.trace(source[both].T @ source[both]) / source.shape[1]
        oracle = Ridge(alpha=penalty, fit_intercept=False).fit(source[both], target[both])
        np.testing.assert_allclose(mapped_rows(fusion, blocks, name), source @ oracle.coef_.T, atol=1e-5)


def test_the_anchor_keeps_its_own_space() -> None:
    blocks = mirrored()
    rows = RidgeFusion(anchor="image").fit(blocks).project("image", blocks["image"])
    np.testing.assert_allclose(rows.vectors, unit_rows(blocks, "image"), atol=1e-6)


def test_the_anchor_is_the_block_that_shares_most() -> None:
    blocks = shop()
    rare = blocks["text"].present & (np.arange(40) < 10)
    blocks["text"] = Embeddings.of_products(blocks["text"].ids, blocks["text"].vectors, rare)
    fusion = RidgeFusion().fit(blocks)
    totals = {name: sum(n for pair, n in fusion.shared.items() if name in pair) for name in blocks}
    assert fusion.anchor == max(sorted(totals), key=lambda name: totals[name]) != "text"
    with pytest.raises(UsageError, match="the anchor is 'audio'; expected one of the blocks attributes, image, text"):
        RidgeFusion(anchor="audio").fit(blocks)


@pytest.mark.parametrize("fusion", [CcaFusion(), RidgeFusion()], ids=["cca", "ridge"])
@pytest.mark.parametrize("pair", list(combinations(["attributes", "image", "text"], 2)), ids="+".join)
def test_vectors_of_one_modality_find_those_of_another(fusion: CcaFusion | RidgeFusion, pair: tuple[str, str]) -> None:
    """Among products that the fit has not seen, where chance is 1 in 19 groups; 5 hidden causes and little noise."""
    fusion.fit(shop(300, share=0.7))
    unseen = taken(shop(40, seed=1, share=2.0), list(range(2, 40)))
    queries, items = (fusion.project(name, unseen[name]).vectors for name in pair)
    best = (queries @ items.T).argmax(axis=1)
    assert np.mean(best // 2 == np.arange(38) // 2) > 0.5
    fused = fusion.fuse(unseen).vectors
    assert np.mean((queries @ fused.T).argmax(axis=1) // 2 == np.arange(38) // 2) > 0.6


def test_blocks_that_never_meet_are_aligned_through_a_third() -> None:
    blocks = shop(300, share=2.0)
    odd = np.arange(300) % 2 == 1
    for name, present in (("image", odd), ("attributes", ~odd)):
        blocks[name] = Embeddings.of_products(blocks[name].ids, blocks[name].vectors, blocks[name].present & present)
    fusion = CcaFusion().fit(blocks)
    assert fusion.shared["attributes", "image"] == 0
    unseen = taken(shop(40, seed=1, share=2.0), list(range(2, 40)))
    left, right = (fusion.project(name, unseen[name]).vectors for name in ("attributes", "image"))
    assert np.mean((left @ right.T).argmax(axis=1) // 2 == np.arange(38) // 2) > 0.5


@pytest.mark.parametrize("kind", [CcaFusion, RidgeFusion])
def test_a_block_that_cannot_be_aligned_says_nothing(kind: type[CcaFusion | RidgeFusion]) -> None:
    fusion = kind().fit(without(shop(), "image"))
    assert fusion.shared["image", "text"] == 0
    assert not fusion.fuse(only(shop(), "image")).present.any()


@pytest.mark.parametrize("kind", [CcaFusion, RidgeFusion])
def test_without_two_blocks_nothing_is_aligned(kind: type[CcaFusion | RidgeFusion]) -> None:
    with pytest.raises(UsageError, match="aligns blocks with each other; found only text"):
        kind().fit(only(shop(), "text"))
    with pytest.raises(DataError, match=r"no product has two of the blocks image, text.*several modalities"):
        kind().fit(without(only(shop(), "text", "image"), "image"))
    with pytest.raises(UsageError, match=r"ridge is 0.*above 0"):
        kind(ridge=0.0)
    with pytest.raises(UsageError, match="dim is 0"):
        kind(dim=0)


def test_more_directions_than_blocks_have_in_common_are_not_made_up() -> None:
    assert 0 < CcaFusion(dim=500).fit(shop()).dim <= 19
    nothing = {
        name: Embeddings.of_products(["a", "b"], np.eye(2, dtype=np.float32)[[0, 1]], np.ones(2, np.bool_))
        for name in ("image", "text")
    }
    nothing["image"].vectors[:] = [[1, 0], [-1, 0]]
    nothing["text"].vectors[:] = [[1, 0], [-1, 0]]
    assert CcaFusion().fit(nothing).dim == 1


def test_wide_blocks_are_reduced_first() -> None:
    blocks = shop(300, share=2.0)
    full, reduced = CcaFusion(dim=4).fit(blocks), CcaFusion(dim=4, components=4).fit(blocks)
    np.testing.assert_allclose(full.correlations, reduced.correlations, atol=0.1)  # there are four hidden causes
    assert reduced.fuse(blocks).dim == 4
