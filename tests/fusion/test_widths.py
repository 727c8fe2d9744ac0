from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA, TruncatedSVD

from goodsense.errors import UsageError
from goodsense.fusion.blocks import Given
from goodsense.fusion.widths import common_maps, leading, orthogonal
from goodsense.types import normalise


def rows(count: int = 60, dim: int = 9, *, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, dim)) * np.arange(dim, 0, -1)) @ orthogonal(dim, dim, random)


@pytest.mark.parametrize("count", [60, 5])  # more and fewer rows than columns
def test_leading_directions_are_principal_components(count: int) -> None:
    centred = rows(count) - rows(count).mean(axis=0)
    found = leading(centred, 4, seed=0)
    expected = PCA(4, svd_solver="full").fit(centred).components_.T
    np.testing.assert_allclose(np.abs(found.T @ expected), np.eye(4), atol=1e-8)
    largest = found[np.abs(found).argmax(axis=0), np.arange(4)]
    assert (largest > 0).all()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_directions_that_no_row_has_complete_the_basis(count: int) -> None:
    given = rows(count)
    found = leading(given, 6, seed=0)
    np.testing.assert_allclose(found.T @ found, np.eye(6), atol=1e-10)
    np.testing.assert_allclose(given @ found @ found.T, given, atol=1e-8)  # the rows lie in what was kept
    assert not np.allclose(leading(given, 6, seed=1), found)


@pytest.mark.parametrize("shape", [(3, 8), (8, 8), (1, 5)])
def test_drawn_rows_are_orthonormal(shape: tuple[int, int]) -> None:
    found = orthogonal(*shape, np.random.default_rng(0))
    assert found.shape == shape
    np.testing.assert_allclose(found @ found.T, np.eye(shape[0]), atol=1e-12)


def test_pca_and_turn_keep_what_the_decomposition_keeps() -> None:
    """Cosines after the map are those of the truncated decomposition: a turn changes no inner product."""
    given = normalise(rows().astype(np.float32))
    found = given @ common_maps({"text": Given(given, np.ones(60, np.bool_))}, dim=4, widths="pca", seed=0)["text"]
    expected = TruncatedSVD(4, algorithm="arpack", random_state=0).fit_transform(given.astype(np.float64))
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)


@pytest.mark.parametrize("widths", ["pca", "orthogonal"])
def test_a_wider_space_changes_no_inner_product(widths: str) -> None:
    given = normalise(rows().astype(np.float32))
    found = given @ common_maps({"text": Given(given, np.ones(60, np.bool_))}, dim=13, widths=widths, seed=0)["text"]
    assert found.shape == (60, 13)
    np.testing.assert_allclose(found @ found.T, given @ given.T, atol=1e-5)


@pytest.mark.parametrize("widths", ["pca", "orthogonal"])
def test_the_map_of_a_block_does_not_depend_on_the_others(widths: str) -> None:
    text, image = (Given(rows(seed=seed).astype(np.float32), np.ones(60, np.bool_)) for seed in (1, 2))
    alone = common_maps({"text": text}, dim=5, widths=widths, seed=0)
    both = common_maps({"image": image, "text": text}, dim=5, widths=widths, seed=0)
    np.testing.assert_array_equal(alone["text"], both["text"])
    assert not np.allclose(both["text"], both["image"])


def test_blocks_turned_at_random_do_not_agree() -> None:
    """Equal rows in two blocks are unrelated after the turn, which is what the turn is for."""
    given = normalise(np.random.default_rng(0).normal(size=(40, 200)).astype(np.float32))
    block = Given(given, np.ones(40, np.bool_))
    maps = common_maps({"a": block, "b": block}, dim=200, widths="pca", seed=0)
    cosines = np.einsum("nd,nd->n", given @ maps["a"], given @ maps["b"])
    assert np.abs(cosines).mean() < 0.15


def test_only_blocks_of_one_width_are_kept() -> None:
    text = Given(np.ones((2, 4), np.float32), np.ones(2, np.bool_))
    image = Given(np.ones((2, 3), np.float32), np.ones(2, np.bool_))
    np.testing.assert_array_equal(common_maps({"text": text}, dim=None, widths="keep", seed=0)["text"], np.eye(4))
    with pytest.raises(UsageError, match="'image' has 3 columns and cannot be kept beside 4"):
        common_maps({"image": image, "text": text}, dim=None, widths="keep", seed=0)
