from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from sklearn.decomposition import PCA

from goodsense.errors import DataError, UsageError
from goodsense.fusion import AdditiveFusion, ConcatFusion, LearnedFusion, MaxFusion, MeanFusion, WeightedFusion
from goodsense.learning.lesson import Lesson
from goodsense.types import Embeddings
from tests.fusion.samples import DIMS, lesson, shop


def equal_widths() -> dict[str, Embeddings]:
    """The sample's blocks with four columns each, so that they can be kept as they are."""
    return {
        name: Embeddings.of_products(block.ids, block.vectors[:, :4], block.present) for name, block in shop().items()
    }


def unit(row: np.ndarray) -> np.ndarray:
    return row / np.linalg.norm(row)


def centred(block: Embeddings, *, again: bool = True) -> dict[int, np.ndarray]:
    """Row -> its unit vector less the mean of all unit vectors, of unit length again; product by product."""
    rows = {i: unit(block.vectors[i].astype(np.float64)) for i in range(len(block)) if block.present[i]}
    mean = np.mean(list(rows.values()), axis=0)
    return {i: unit(row - mean) if again else row - mean for i, row in rows.items()}


def by_product(blocks: Mapping[str, Embeddings], *, again: bool = True) -> list[dict[str, np.ndarray]]:
    """Of each product the prepared rows of the blocks it has."""
    found = {name: centred(block, again=again) for name, block in blocks.items()}
    count = len(next(iter(blocks.values())))
    return [{name: rows[i] for name, rows in found.items() if i in rows} for i in range(count)]


def check(fused: Embeddings, expected: list[np.ndarray | None]) -> None:
    for i, row in enumerate(expected):
        assert fused.present[i] == (row is not None)
        np.testing.assert_allclose(fused.vectors[i], np.zeros(fused.dim) if row is None else row, atol=1e-5)


def test_the_mean_is_the_mean() -> None:
    blocks = equal_widths()
    expected = [unit(np.mean(list(rows.values()), axis=0)) if rows else None for rows in by_product(blocks)]
    check(MeanFusion(widths="keep").fit(blocks).fuse(blocks), expected)


def test_the_maximum_is_taken_among_what_is_there() -> None:
    blocks = equal_widths()
    expected = [unit(np.max(list(rows.values()), axis=0)) if rows else None for rows in by_product(blocks)]
    fusion = MaxFusion(widths="keep").fit(blocks)
    check(fusion.fuse(blocks), expected)
    named = np.stack([part != 0 for part in fusion.parts(blocks).values()])  # (B, n, 4)
    assert (named.sum(axis=0) == fusion.fuse(blocks).present[:, None]).all()  # one block gives each entry


def test_the_sum_has_the_weights_it_was_given() -> None:
    blocks, weights = equal_widths(), {"attributes": 0.0, "image": 1.0, "text": 3.0}
    expected = []
    for rows in by_product(blocks):
        some = [weights[name] * row for name, row in rows.items() if weights[name]]
        expected.append(unit(np.sum(some, axis=0)) if some else None)
    check(WeightedFusion(weights, widths="keep").fit(blocks).fuse(blocks), expected)


def test_even_weights_are_the_mean() -> None:
    mean = MeanFusion(dim=7).fit(shop()).fuse(shop())
    even = WeightedFusion(dict.fromkeys(DIMS, 0.5), dim=7).fit(shop()).fuse(shop())
    np.testing.assert_allclose(even.vectors, mean.vectors, atol=1e-6)


def test_concatenation_with_pca_is_that_of_scikit_learn() -> None:
    """Missing blocks imputed by zero after centring, so that the mean of every column is zero."""
    blocks = shop()
    table = np.zeros((40, 19))
    for i, rows in enumerate(by_product(blocks, again=False)):
        for name, start in (("attributes", 0), ("image", 5), ("text", 13)):
            if name in rows:
                table[i, start : start + DIMS[name]] = rows[name] / np.sqrt(3)
    whole = ConcatFusion().fit(blocks).fuse(blocks).vectors
    np.testing.assert_allclose(whole, table, atol=1e-6)
    expected = PCA(4, svd_solver="full").fit_transform(table)
    found = ConcatFusion(dim=4).fit(blocks).fuse(blocks).vectors
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-5)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)


def test_concatenation_has_no_more_components_than_columns() -> None:
    assert ConcatFusion(dim=500).fit(shop()).dim == 19


def test_learned_weights_make_an_additive_fusion() -> None:
    blocks = shop()
    fusion = LearnedFusion().fit(blocks, lesson=lesson())
    assert sum(fusion.weights.values()) == pytest.approx(1)
    by_hand = AdditiveFusion(fusion.weights).fit(blocks).fuse(blocks)
    np.testing.assert_array_equal(fusion.fuse(blocks).vectors, by_hand.vectors)


@pytest.mark.parametrize("loss", ["logistic", "regression"])
def test_a_block_of_noise_gets_the_least_weight(loss: str) -> None:
    blocks = shop(200, share=2.0)
    noise = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    blocks["image"] = Embeddings.of_products(blocks["image"].ids, noise, blocks["image"].present)
    weights = LearnedFusion(loss=loss, target="groups").fit(blocks, lesson=lesson(200)).weights
    assert set(weights) == set(DIMS)
    assert weights["image"] < 0.25 * min(weights["text"], weights["attributes"])


def test_without_a_lesson_nothing_is_learned() -> None:
    with pytest.raises(UsageError, match="no lesson; expected one of 40 products"):
        LearnedFusion().fit(shop())
    with pytest.raises(UsageError, match="a lesson of 3 products; expected one of 40"):
        LearnedFusion().fit(shop(), lesson=lesson(3))
    with pytest.raises(
        UsageError, match="'brand', which the lesson does not have; expected one of groups, pairs, kind"
    ):
        LearnedFusion(target="brand").fit(shop(), lesson=lesson())
    with pytest.raises(DataError, match=r"no two of 40 products belong together.*by hand"):
        LearnedFusion().fit(shop(), lesson=Lesson.of_products(40))
    one_class = Lesson(np.arange(40), {"kind": np.zeros(40, np.int64)})
    with pytest.raises(DataError, match="no two of 40 products are known not to belong together"):
        LearnedFusion().fit(shop(), lesson=one_class)


def test_blocks_that_say_the_opposite_teach_nothing() -> None:
    """Two products of a group point away from each other, so no weight from 0 up helps."""
    rows = np.random.default_rng(0).normal(size=(20, 4))
    block = Embeddings.of_products([str(i) for i in range(40)], np.repeat(rows, 2, axis=0).astype(np.float32))
    block.vectors[1::2] *= -1
    with pytest.raises(DataError, match="no weights were learned"):
        LearnedFusion(target="groups").fit({"text": block}, lesson=lesson())


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: MeanFusion(dim=0), "dim is 0"),
        (lambda: MaxFusion(widths="pcaa"), "widths is 'pcaa'; expected one of pca, orthogonal, keep"),
        (lambda: WeightedFusion({"text": -1.0}), "weight -1.0"),
        (lambda: WeightedFusion({"text": 0.0}), "no block of a weight above 0"),
        (lambda: ConcatFusion(dim=1.5), "dim is 1.5"),
        (lambda: LearnedFusion(loss="hinge"), "loss is 'hinge'"),
        (lambda: LearnedFusion(ridge=-1.0), "ridge is -1.0"),
        (lambda: WeightedFusion({"text": 1.0}).fit(shop()), "got the block 'attributes'; expected text"),
    ],
)
def test_wrong_options_are_refused(make: object, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        make()
