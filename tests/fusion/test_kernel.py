"""Kernel fusions against scikit-learn, against the same in closed form, and on what only a bent map can find."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from goodsense.errors import DataError, UsageError
from goodsense.fusion import CcaFusion, KernelCcaFusion, KernelRidgeFusion, kernel, left_out
from goodsense.fusion.blocks import centre_of, prepared
from goodsense.learning.lesson import Lesson
from goodsense.types import Embeddings, normalise
from tests.fusion.samples import COUNT, lesson, only, shop


def block(rows: np.ndarray) -> Embeddings:
    return Embeddings.of_products([f"p{i}" for i in range(len(rows))], rows.astype(np.float32))


def complete(blocks: dict[str, Embeddings]) -> dict[str, Embeddings]:
    """The texts and pictures of products that have both."""
    rows = np.flatnonzero(blocks["text"].present & blocks["image"].present)
    return {name: blocks[name].take(rows) for name in ("text", "image")}


def bent(n: int, *, seed: int) -> dict[str, Embeddings]:
    """The text says how far a product is from a circle's top, the picture where it is: no line tells which is which."""
    random = np.random.default_rng(seed)
    angles = random.uniform(-np.pi, np.pi, size=n)
    picture = np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.02 * random.normal(size=(n, 2))
    text = np.stack([np.cos(2 * angles), np.sin(2 * angles)], axis=1) + 0.02 * random.normal(size=(n, 2))
    return {"image": block(picture), "text": block(text)}


def agreement(fusion: KernelCcaFusion | KernelRidgeFusion | CcaFusion, blocks: dict[str, Embeddings]) -> float:
    """Mean cosine of the two sides of a product, less that of different products."""
    text, image = (fusion.fuse(only(blocks, name)).vectors for name in ("text", "image"))
    cosines = text @ image.T
    return float(np.diag(cosines).mean() - cosines.mean())


def test_similarities_against_scikit_learn() -> None:
    random = np.random.default_rng(0)
    rows, marks = random.normal(size=(7, 4)).astype(np.float32), random.normal(size=(5, 4)).astype(np.float32)
    found = kernel.similarities(rows, marks, 0.3)
    np.testing.assert_allclose(found, rbf_kernel(rows, marks, gamma=0.3), atol=1e-6)
    np.testing.assert_allclose(np.diag(kernel.similarities(rows, rows, 5.0)), 1, atol=1e-4)


def test_features_have_the_inner_products_of_the_kernel() -> None:
    marks = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    similar = kernel.similarities(marks, marks, 0.5)
    features = similar @ kernel.nystroem(marks, 0.5)
    np.testing.assert_allclose(features @ features.T, similar, atol=1e-5)
    doubled = np.concatenate([marks, marks])
    assert kernel.nystroem(doubled, 0.5).shape == (12, 6)
    assert kernel.nystroem(marks[:0], 0.5).shape[0] == 0


def test_regression_against_scikit_learn() -> None:
    blocks, unseen = shop(), shop(12, seed=1)
    fusion = KernelRidgeFusion(anchor="text", gamma=0.7, ridge=0.4).fit(blocks)
    centres = {name: centre_of(rows) for name, rows in blocks.items()}
    text, image = (prepared(blocks[name], centres[name]) for name in ("text", "image"))
    both = text.present & image.present
    plain = KernelRidge(kernel="rbf", gamma=0.7, alpha=0.4).fit(image.vectors[both], text.vectors[both])
    asked = prepared(unseen["image"], centres["image"])
    expected = normalise(plain.predict(asked.vectors).astype(np.float32))
    found = fusion.fuse(only(unseen, "image"))
    np.testing.assert_allclose(found.vectors[asked.present], expected[asked.present], atol=1e-5)
    assert fusion.anchor == "text"
    anchored = fusion.fuse(only(unseen, "text"))
    words = prepared(unseen["text"], centres["text"])
    np.testing.assert_allclose(anchored.vectors[words.present], words.vectors[words.present], atol=1e-6)


def test_with_all_rows_as_landmarks_nystroem_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, unseen = shop(), shop(12, seed=1)
    exact = KernelRidgeFusion(anchor="text", gamma=2.0).fit(blocks)
    monkeypatch.setattr(kernel, "EXACT", 5)
    monkeypatch.setattr(kernel, "AT_ONCE", 7)
    sampled = KernelRidgeFusion(anchor="text", gamma=2.0, landmarks=COUNT).fit(blocks)
    np.testing.assert_allclose(sampled.fuse(unseen).vectors, exact.fuse(unseen).vectors, atol=5e-3)
    few = [KernelRidgeFusion(anchor="text", landmarks=9).fit(blocks, seed=seed) for seed in (0, 0, 1)]
    assert few[0].fingerprint == few[1].fingerprint != few[2].fingerprint
    assert np.isfinite(few[0].fuse(unseen).vectors).all()


def test_a_kernel_finds_what_no_line_can() -> None:
    known, unseen = bent(300, seed=0), bent(80, seed=1)
    assert agreement(CcaFusion().fit(known), unseen) < 0.3
    assert agreement(KernelCcaFusion(ridge=1e-3, landmarks=60).fit(known), unseen) > 0.8
    assert agreement(KernelRidgeFusion(anchor="text").fit(known), unseen) > 0.8


def test_labels_put_products_together_that_are_called_the_same() -> None:
    blocks, unseen = shop(200, share=1.5), shop(40, seed=1, share=1.5)
    random = np.random.default_rng(0)
    wanted = normalise(blocks["image"].vectors) @ random.normal(size=blocks["image"].dim) > 0
    fields = {"kind": wanted.astype(np.int64), "none": np.full(200, 3)}
    fusion = KernelRidgeFusion(anchor="labels").fit(blocks, lesson=Lesson(np.arange(200), fields))
    assert fusion.anchor == "labels"
    assert set(fusion.dims) == set(blocks)
    rows = fusion.fuse(only(unseen, "image"))
    same = np.random.default_rng(0).normal(size=blocks["image"].dim)
    truth = normalise(unseen["image"].vectors) @ same > 0
    cosines = rows.vectors @ rows.vectors.T
    alike = truth[:, None] == truth
    assert cosines[alike].mean() > cosines[~alike].mean() + 0.5


def test_label_block_has_a_column_per_class() -> None:
    like = block(np.ones((4, 1)))
    fields = {"b": np.array([2, 2, 5, -1]), "a": np.array([0, -1, 1, -1])}
    found = kernel.label_block(like, Lesson(np.arange(4), fields))
    np.testing.assert_array_equal(found.vectors, [[1, 0, 1, 0], [0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(found.present, [True, True, True, False])
    some = kernel.label_block(like, Lesson(np.arange(4), fields), ["b"])
    np.testing.assert_array_equal(some.vectors, found.vectors[:, 2:])


def test_what_cannot_be_foretold_is_refused() -> None:
    blocks = shop()
    with pytest.raises(UsageError, match="no lesson"):
        KernelRidgeFusion(anchor="labels").fit(blocks)
    with pytest.raises(UsageError, match="a lesson of 40 products with 0 fields"):
        KernelRidgeFusion(anchor="labels").fit(blocks, lesson=Lesson.of_products(COUNT))
    with pytest.raises(UsageError, match="no labels 'c'; it has kind"):
        kernel.label_block(blocks["text"], lesson(), ["c"])
    with pytest.raises(DataError, match="two classes"):
        kernel.label_block(blocks["text"], Lesson(np.arange(COUNT), {"a": np.zeros(COUNT, np.int64)}))
    with pytest.raises(UsageError, match="the anchor is 'sound'"):
        KernelRidgeFusion(anchor="sound").fit(blocks, lesson=lesson())
    for options in ({"gamma": 0.0}, {"ridge": 0.0}, {"landmarks": 0}, {"dim": 0}):
        with pytest.raises(UsageError, match=next(iter(options))):
            KernelRidgeFusion(**options)


def test_what_is_foretold_of_a_row_left_out_against_fits_without_it() -> None:
    random = np.random.default_rng(0)
    rows, wanted = (random.normal(size=(9, d)).astype(np.float32) for d in (4, 3))
    own = kernel.similarities(rows, rows, 0.3)
    factor = left_out.factored(own + 0.2 * np.eye(9, dtype=np.float32))
    weights = left_out.solved(factor, wanted)
    found = wanted - weights / left_out.inverse_diagonal(factor)[:, None]
    shares = 1 - 0.2 * left_out.inverse_diagonal(factor)
    for row in range(9):
        rest = np.arange(9) != row
        plain = KernelRidge(kernel="rbf", gamma=0.3, alpha=0.2).fit(rows[rest], wanted[rest])
        np.testing.assert_allclose(found[row], plain.predict(rows[row : row + 1])[0], atol=1e-4)
    table = own.T @ own + 0.2 * own  # the same regression on the similarities as features
    np.testing.assert_allclose(left_out.leverages(left_out.factored(table), own), shares, atol=1e-3)


def test_a_foretold_anchor_says_what_the_others_know_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, unseen = complete(shop(60, share=2.0)), complete(shop(12, seed=1, share=2.0))
    count = len(blocks["text"])
    fusion = KernelRidgeFusion(anchor="text", foretold=True, gamma=0.7, ridge=0.4).fit(blocks)
    centres = {name: centre_of(rows) for name, rows in blocks.items()}
    text, image = (prepared(blocks[name], centres[name]).vectors for name in ("text", "image"))
    foretold = np.stack(
        [
            KernelRidge(kernel="rbf", gamma=0.7, alpha=0.4)
            .fit(np.delete(image, row, axis=0), np.delete(text, row, axis=0))
            .predict(image[row : row + 1])[0]
            for row in range(count)
        ]
    )
    second = KernelRidge(kernel="rbf", gamma=0.7, alpha=0.4).fit(text, normalise(foretold.astype(np.float32)))
    asked = prepared(unseen["text"], centres["text"]).vectors
    expected = normalise(second.predict(asked).astype(np.float32))
    np.testing.assert_allclose(fusion.fuse(only(unseen, "text")).vectors, expected, atol=1e-4)
    plain = KernelRidgeFusion(anchor="text", gamma=0.7, ridge=0.4).fit(blocks)
    picture = only(unseen, "image")
    np.testing.assert_allclose(fusion.fuse(picture).vectors, plain.fuse(picture).vectors, atol=1e-6)
    monkeypatch.setattr(kernel, "EXACT", 5)
    monkeypatch.setattr(kernel, "AT_ONCE", 7)
    sampled = KernelRidgeFusion(anchor="text", foretold=True, gamma=0.7, ridge=0.4, landmarks=count).fit(blocks)
    np.testing.assert_allclose(sampled.fuse(unseen).vectors, fusion.fuse(unseen).vectors, atol=2e-2)
