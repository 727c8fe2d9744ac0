"""The product of chances against its formula, and what is alike by type and by colour at once."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from goodsense.errors import DataError, UsageError
from goodsense.fusion.blocks import centre_of, prepared
from goodsense.fusion.label_product import NARROW, LabelProductFusion, chances, narrow
from goodsense.learning.lesson import Lesson
from goodsense.types import Embeddings
from tests.fusion.samples import only

COUNT = 120


def dressed() -> tuple[dict[str, Embeddings], Lesson]:
    """Products of three kinds in four colours; pictures show both, texts nothing."""
    random = np.random.default_rng(0)
    kind, colour = np.arange(COUNT) % 3, np.arange(COUNT) // 3 % 4
    looks = np.concatenate([np.eye(3)[kind], np.eye(4)[colour]], axis=1) + 0.05 * random.normal(size=(COUNT, 7))
    ids = [f"p{row}" for row in range(COUNT)]
    blocks = {
        "image": Embeddings.of_products(ids, looks.astype(np.float32)),
        "text": Embeddings.of_products(ids, random.normal(size=(COUNT, 5)).astype(np.float32)),
    }
    labels = {"kind": kind.astype(np.int64), "colour": colour.astype(np.int64), "all": np.zeros(COUNT, np.int64)}
    return blocks, Lesson(np.arange(COUNT), labels)


def test_inner_products_are_products_of_coefficients() -> None:
    blocks, lesson = dressed()
    options = {"temperature": 0.3, "gamma": 0.4, "ridge": 0.2}
    fusion = LabelProductFusion(only=["image"], dim=8_192, **options).fit(blocks, lesson=lesson)  # type: ignore[arg-type]
    rows = prepared(blocks["image"], centre_of(blocks["image"])).vectors
    expected = np.ones((COUNT, COUNT))
    for codes in (lesson.labels["kind"], lesson.labels["colour"]):
        truth = np.eye(codes.max() + 1)[codes]
        scores = KernelRidge(kernel="rbf", gamma=0.4, alpha=0.2).fit(rows, truth).predict(rows) / 0.3
        share = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        expected = expected * (np.sqrt(share) @ np.sqrt(share).T)
    found = fusion.fuse(blocks).vectors
    np.testing.assert_allclose(found @ found.T, expected, atol=0.05)


def test_sure_inner_products_are_probabilities_over_roots_of_lengths() -> None:
    blocks, lesson = dressed()
    options = {"temperature": 0.3, "gamma": 0.4, "ridge": 0.2}
    fusion = LabelProductFusion(only=["image"], sure=True, dim=16_384, **options).fit(blocks, lesson=lesson)  # type: ignore[arg-type]
    rows = prepared(blocks["image"], centre_of(blocks["image"])).vectors
    agree = np.ones((COUNT, COUNT))
    for codes in (lesson.labels["kind"], lesson.labels["colour"]):
        truth = np.eye(codes.max() + 1)[codes]
        scores = KernelRidge(kernel="rbf", gamma=0.4, alpha=0.2).fit(rows, truth).predict(rows) / 0.3
        share = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        agree = agree * (share @ share.T)
    lengths = np.sqrt(np.diag(agree))
    apart = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    expected = agree / np.sqrt(np.outer(lengths, lengths))
    expected += np.sqrt(np.outer(1 - lengths, 1 - lengths)) * np.exp(-NARROW * apart)
    found = fusion.fuse(blocks).vectors
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found @ found.T, expected, atol=0.06)


def test_narrow_rows_are_the_kernel_and_as_wide_as_asked() -> None:
    rows = np.random.default_rng(1).normal(size=(30, 4), scale=0.3).astype(np.float32)
    found = narrow(rows, 8_001, seed=3)
    assert found.shape == (30, 8_001)
    expected = np.exp(-NARROW * ((rows[:, None] - rows[None]) ** 2).sum(axis=2))
    np.testing.assert_allclose(found @ found.T, expected, atol=0.06)


def test_like_is_what_has_the_same_labels_in_every_field() -> None:
    blocks, lesson = dressed()
    found = LabelProductFusion().fit(blocks, lesson=lesson).fuse(only(blocks, "image")).vectors
    kind, colour = (lesson.labels[name][:, None] == lesson.labels[name] for name in ("kind", "colour"))
    cosines = found @ found.T
    assert cosines[kind & colour].min() > 0.6
    assert max(cosines[kind & ~colour].max(), cosines[~kind & colour].max()) < 0.5


def test_blocks_that_say_nothing_leave_products_out() -> None:
    blocks, lesson = dressed()
    fusion = LabelProductFusion(only=["image"]).fit(blocks, lesson=lesson)
    assert not fusion.fuse(only(blocks, "text")).present.any()
    np.testing.assert_array_equal(fusion.fuse(blocks).vectors, fusion.fuse(only(blocks, "image")).vectors)
    with pytest.raises(UsageError, match="only sound"):
        LabelProductFusion(only=["sound"]).fit(blocks, lesson=lesson)


def test_what_cannot_be_foretold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, lesson = dressed()
    with pytest.raises(UsageError, match="no lesson"):
        LabelProductFusion().fit(blocks)
    with pytest.raises(UsageError, match="no labels 'size'"):
        LabelProductFusion(fields=["size"]).fit(blocks, lesson=lesson)
    with pytest.raises(DataError, match="two classes"):
        LabelProductFusion(fields=["all"]).fit(blocks, lesson=lesson)
    monkeypatch.setattr("goodsense.fusion.label_product.MOST", 11)
    with pytest.raises(UsageError, match="12 combinations"):
        LabelProductFusion().fit(blocks, lesson=lesson)
    for options in ({"temperature": 0.0}, {"dim": 0}, {"gamma": 0.0}, {"ridge": 0.0}, {"landmarks": 0}):
        with pytest.raises(UsageError, match=next(iter(options))):
            LabelProductFusion(**options)


def test_chances_are_a_softmax() -> None:
    found = chances(np.array([[1000.0, 1000.0, 0.0], [0.0, 0.1, 0.1]], dtype=np.float32), 0.1)
    np.testing.assert_allclose(found[0], [0.5, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(found[1], np.exp([0, 1, 1]) / np.exp([0, 1, 1]).sum(), rtol=1e-5)
