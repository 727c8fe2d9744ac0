"""What every fusion keeps, whichever kind it is of."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from goodsense.errors import DataError, GoodsenseError, UsageError
from goodsense.fusion import FUSIONS, FittedFusion, load_fusion, make_fusion
from goodsense.types import Embeddings, normalise
from tests.fusion.case import Case
from tests.fusion.cases import CASES
from tests.fusion.samples import COUNT, DIMS, alike, lesson, only, shop, taken, without

SUBSETS = [names for size in (1, 2, 3) for names in combinations(DIMS, size)]


PARAMS = [pytest.param(case, marks=pytest.mark.torture if case.rare else (), id=case.id) for case in CASES]


@pytest.fixture(scope="module", params=PARAMS)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def fusion(case: Case) -> FittedFusion:
    return case.fitted(shop())


def same(one: Embeddings, other: Embeddings) -> None:
    """Equal to the bit."""
    assert one.ids == other.ids
    np.testing.assert_array_equal(one.present, other.present)
    np.testing.assert_array_equal(one.vectors, other.vectors)


def test_every_fusion_is_under_the_contract() -> None:
    assert {case.name for case in CASES} == set(FUSIONS)
    assert len({case.id for case in CASES}) == len(CASES)


def test_it_is_a_fusion(fusion: FittedFusion) -> None:
    assert isinstance(fusion, FittedFusion)
    fused = fusion.fuse(shop())
    assert fused.vectors.shape == (COUNT, fusion.dim)
    assert fused.vectors.dtype == np.float32
    assert fused.ids == fused.owners == shop()["text"].ids


def test_products_with_any_block_are_present(fusion: FittedFusion) -> None:
    fused = fusion.fuse(shop())
    np.testing.assert_array_equal(fused.present, np.any([block.present for block in shop().values()], axis=0))
    np.testing.assert_array_equal(fused.vectors.any(axis=1), fused.present)
    assert not fused.present[1]


@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_any_set_of_blocks_works(fusion: FittedFusion, names: tuple[str, ...]) -> None:
    """A block that is left out is the same as one that no product has."""
    unseen = shop(12, seed=1)
    fewer = fusion.fuse(only(unseen, *names))
    masked = fusion.fuse(without(unseen, *(name for name in DIMS if name not in names)))
    assert fewer.vectors.shape == (12, fusion.dim)
    assert fewer.present[0]
    np.testing.assert_array_equal(fewer.present, masked.present)
    np.testing.assert_allclose(fewer.vectors, masked.vectors, atol=1e-6)


def test_what_stands_in_absent_rows_changes_nothing(case: Case, fusion: FittedFusion) -> None:
    noisy = shop(noise=100.0)
    assert any(block.vectors[~block.present].any() for block in noisy.values())
    again = case.fitted(noisy)
    assert again.fingerprint == fusion.fingerprint
    same(fusion.fuse(noisy), fusion.fuse(shop()))


def test_a_product_does_not_depend_on_who_else_is_fused(case: Case, fusion: FittedFusion) -> None:
    """Also products that the fit has not seen, in any order."""
    unseen = shop(12, seed=1)
    batch = fusion.fuse(unseen)
    for row in range(12):
        single = fusion.fuse(taken(unseen, [row]))
        assert single.ids == batch.ids[row : row + 1]
        assert single.present[0] == batch.present[row]
        np.testing.assert_allclose(single.vectors[0], batch.vectors[row], atol=case.tolerance)
    turned = fusion.fuse(taken(unseen, list(range(12))[::-1]))
    np.testing.assert_allclose(turned.vectors[::-1], batch.vectors, atol=case.tolerance)


def test_fusing_leaves_blocks_and_fusion_as_they_are(fusion: FittedFusion) -> None:
    blocks, before = shop(12, seed=1), fusion.fingerprint
    same(fusion.fuse(blocks), fusion.fuse(blocks))
    for name, block in shop(12, seed=1).items():
        same(blocks[name], block)
    assert fusion.fingerprint == before


def test_no_products_fuse_to_none(fusion: FittedFusion) -> None:
    fused = fusion.fuse(_empty())
    assert fused.vectors.shape == (0, fusion.dim)
    assert fused.present.shape == (0,)


def _empty() -> dict[str, Embeddings]:
    return {name: Embeddings.of_products([], np.zeros((0, dim), np.float32)) for name, dim in DIMS.items()}


def test_equal_products_are_equal(case: Case) -> None:
    blocks = alike(6)
    if "alike" in case.refuses:
        _refuses(case, blocks)
        return
    fused = case.fitted(blocks).fuse(blocks)
    assert fused.present.all()
    np.testing.assert_allclose(fused.vectors, np.repeat(fused.vectors[:1], 6, axis=0), atol=case.tolerance)


def test_one_product_is_enough(case: Case) -> None:
    blocks = alike(1)
    if "one" in case.refuses:
        _refuses(case, blocks)
        return
    fusion = case.fitted(blocks)
    fused = fusion.fuse(blocks)
    assert fused.present.all()
    assert np.isfinite(fusion.fuse(shop(12, seed=1)).vectors).all()


def _refuses(case: Case, blocks: dict[str, Embeddings]) -> None:
    with pytest.raises(GoodsenseError) as found:
        case.fitted(blocks)
    assert found.value.fix


@pytest.mark.parametrize("missing", DIMS)
def test_one_modality_may_be_missing_from_the_whole_shop(case: Case, missing: str) -> None:
    blocks = without(shop(), missing)
    fusion = case.fitted(blocks)
    fused = fusion.fuse(blocks)
    some = np.any([block.present for block in blocks.values()], axis=0)
    np.testing.assert_array_equal(fused.present, some)
    later = fusion.fuse(shop(12, seed=1))
    assert later.present[0]
    assert np.isfinite(later.vectors).all()


def test_what_does_not_fit_is_refused(case: Case, fusion: FittedFusion) -> None:
    blocks = shop()
    wide = np.zeros((COUNT, DIMS["text"] + 1), np.float32)
    with pytest.raises(UsageError, match=r"'text' has 7 columns.* 6"):
        fusion.fuse({**blocks, "text": Embeddings.of_products(blocks["text"].ids, wide)})
    with pytest.raises(UsageError, match="different ids"):
        fusion.fuse({**blocks, "image": blocks["image"].take(np.arange(COUNT)[::-1])})
    with pytest.raises(UsageError, match="different ids"):
        case.fitted({**blocks, "image": blocks["image"].take(np.arange(COUNT)[::-1])})
    with pytest.raises(UsageError, match="the block 'audio'; expected attributes, image, text"):
        fusion.fuse({"audio": blocks["text"]})
    with pytest.raises(UsageError, match="no block at all"):
        fusion.fuse({})
    if case.name != "additive":  # which needs no fit
        with pytest.raises(UsageError, match="not been fitted"):
            case.made().fuse(blocks)


def test_it_comes_back_from_disk(case: Case, fusion: FittedFusion, tmp_path: Path) -> None:
    fusion.save(tmp_path)
    loaded = load_fusion(case.name, tmp_path)
    assert type(loaded) is type(fusion)
    assert loaded.fingerprint == fusion.fingerprint
    assert loaded.dim == fusion.dim
    same(loaded.fuse(shop(12, seed=1)), fusion.fuse(shop(12, seed=1)))
    other = "mean" if case.name != "mean" else "max"
    with pytest.raises(DataError, match="--refit"):
        load_fusion(other, tmp_path)


def test_two_fits_are_equal_to_the_bit(case: Case, fusion: FittedFusion) -> None:
    again = case.fitted(dict(reversed(shop().items())))  # the order in which blocks are given says nothing
    assert again.fingerprint == fusion.fingerprint
    same(again.fuse(shop()), fusion.fuse(shop()))


def test_a_fusion_may_be_fitted_again(case: Case, fusion: FittedFusion) -> None:
    again = case.fitted(shop(16, seed=3))
    assert again.fingerprint != fusion.fingerprint
    again.fit(shop(), lesson=lesson(), seed=0)
    assert again.fingerprint == fusion.fingerprint


def test_the_fingerprint_changes_when_vectors_could(case: Case, fusion: FittedFusion) -> None:
    fused = fusion.fuse(shop()).vectors
    for option, value in case.changes.items():
        other = case.fitted(shop(), **{option: value})
        vectors = other.fuse(shop()).vectors
        assert vectors.shape != fused.shape or np.abs(vectors - fused).max() > 1e-5, option
        assert other.fingerprint != fusion.fingerprint, option
    seeded = case.fitted(shop(), seed=1)
    assert np.array_equal(seeded.fuse(shop()).vectors, fused) or seeded.fingerprint != fusion.fingerprint


def test_terms_sum_to_the_inner_product(case: Case, fusion: FittedFusion) -> None:
    if not hasattr(fusion, "terms"):
        return
    vectors = fusion.fuse(shop()).vectors
    if case.name == "concat" and "dim" in case.options:
        with pytest.raises(UsageError, match="parts"):
            fusion.terms(vectors, vectors)
        return
    terms = fusion.terms(vectors[0], vectors)
    np.testing.assert_allclose(sum(terms.values()), vectors @ vectors[0], atol=1e-6)
    np.testing.assert_allclose(sum(fusion.terms(vectors, vectors).values()), (vectors**2).sum(axis=1), atol=1e-6)
    with pytest.raises(UsageError, match=f"expected rows of {fusion.dim}"):
        fusion.terms(vectors[:, :-1], vectors)


def test_parts_sum_to_the_vector(fusion: FittedFusion) -> None:
    if not hasattr(fusion, "parts"):
        return
    blocks = shop(12, seed=1)
    fused, parts = fusion.fuse(blocks).vectors, fusion.parts(blocks)
    assert set(DIMS) <= set(parts)
    np.testing.assert_allclose(sum(parts.values()), fused, atol=1e-6)
    np.testing.assert_allclose(sum(part @ fused[0] for part in parts.values()), fused @ fused[0], atol=1e-6)
    for name, block in blocks.items():
        assert not parts[name][~block.present].any()


def test_products_of_a_group_lie_together(case: Case, fusion: FittedFusion) -> None:
    """The sample's groups are alike in every block, so a fusion that works puts them side by side."""
    complete = shop(30, seed=2, share=2.0)
    rows = normalise(fusion.fuse(complete).vectors[2:])
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    partner = np.arange(28) ^ 1
    assert np.mean(cosines.argmax(axis=1) == partner) >= 0.5


def test_unknown_fusions_and_options_are_refused() -> None:
    with pytest.raises(UsageError, match=r"there is no fusion 'meen'.* Did you mean 'mean'"):
        make_fusion("meen")
    with pytest.raises(UsageError, match=r"has no option 'dims'; it has dim, widths. Did you mean 'dim'"):
        make_fusion("mean", dims=3)
    with pytest.raises(UsageError, match="'weighted' needs the option 'weights'"):
        make_fusion("weighted")
