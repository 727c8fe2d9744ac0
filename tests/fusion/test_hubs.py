"""The correction for hubs against the formula by hand, and on pictures that lie near every text."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.fusion import make_fusion
from goodsense.fusion.hubs import CslsFusion, nearness
from goodsense.types import Embeddings, normalise
from tests.fusion.samples import COUNT, only, shop

INNER = {"fusion": "mean", "options": {"widths": "orthogonal"}}


def pairs(names: tuple[str, ...] = ("text", "image"), count: int = COUNT) -> dict[str, Embeddings]:
    """Products of a shop that have all of these blocks."""
    blocks = shop(count, share=2.0)
    rows = np.flatnonzero(np.all([blocks[name].present for name in names], axis=0))
    return {name: blocks[name].take(rows) for name in names}


def test_nearness_is_the_mean_of_the_highest_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goodsense.fusion.hubs.AT_ONCE", 2)
    random = np.random.default_rng(0)
    rows, bank = random.normal(size=(5, 3)).astype(np.float32), random.normal(size=(7, 3)).astype(np.float32)
    expected = [sorted(row @ bank.T)[-4:] for row in rows]
    np.testing.assert_allclose(nearness(rows, bank, 4), np.mean(expected, axis=1), rtol=1e-5)
    np.testing.assert_allclose(nearness(rows, bank, 99), (rows @ bank.T).mean(axis=1), rtol=1e-4)


def test_scores_across_modalities_are_those_of_the_paper() -> None:
    blocks = pairs()
    fusion = CslsFusion(**INNER, neighbours=3).fit(blocks)  # type: ignore[arg-type]
    inner = make_fusion("mean", widths="orthogonal").fit(blocks)
    text, image = (inner.fuse(only(blocks, name)).vectors for name in ("text", "image"))
    cosines = text.astype(np.float16).astype(np.float32) @ image.T
    near_text = np.sort(cosines, axis=0)[-3:].mean(axis=0)  # of each picture
    near_image = np.sort(text @ image.astype(np.float16).astype(np.float32).T, axis=1)[:, -3:].mean(axis=1)
    corrected = 2 * text @ image.T - near_text[None] - near_image[:, None]
    ours = [fusion.fuse(only(blocks, name)).vectors for name in ("text", "image")]
    scores = ours[0] @ ours[1].T
    # twice the cosine less both means, up to a constant; rows of length near the root of 2 are brought to 1
    lengths = [np.sqrt(2 + (near - near.mean()) ** 2 / 4) for near in (near_image, near_text)]
    expected = (corrected + near_text.mean() + near_image.mean()) / 2 / np.outer(*lengths)
    np.testing.assert_allclose(scores, expected, atol=2e-3)
    assert fusion.dim == inner.dim + 2


def test_a_hub_is_found_less() -> None:
    """Noise pulls all pictures to one point; the correction gives the texts their own pictures back."""
    random = np.random.default_rng(0)
    text = random.normal(size=(200, 8))
    drawn = random.uniform(0, 2, size=(200, 1))
    picture = text + 0.3 * random.normal(size=text.shape) + drawn * text[:1] * 2
    ids = [f"p{row}" for row in range(200)]
    blocks = {
        "image": Embeddings.of_products(ids, normalise(picture.astype(np.float32))),
        "text": Embeddings.of_products(ids, normalise(text.astype(np.float32))),
    }
    found = []
    for strength in (0.0, 0.5):
        fusion = CslsFusion(fusion="mean", options={"widths": "orthogonal"}, strength=strength).fit(blocks)
        rows = {name: fusion.inner.fuse(only(blocks, name)).vectors for name in blocks}
        assert rows["text"].shape == rows["image"].shape
        text_rows, image_rows = (fusion.fuse(only(blocks, name)).vectors for name in ("text", "image"))
        first = (text_rows @ image_rows.T).argmax(axis=1)
        found.append(np.bincount(first, minlength=200).max())
    assert found[1] < found[0]


def test_products_with_all_modalities_are_as_inside() -> None:
    blocks = pairs()
    fusion = CslsFusion(**INNER).fit(blocks)  # type: ignore[arg-type]
    inner = make_fusion("mean", widths="orthogonal").fit(blocks).fuse(blocks)
    np.testing.assert_allclose(fusion.fuse(blocks).vectors[:, :-2], inner.vectors, atol=1e-6)
    np.testing.assert_array_equal(fusion.fuse(blocks).vectors[:, -2:], 0)


def test_wrong_options_are_refused_at_once() -> None:
    with pytest.raises(UsageError, match="itself"):
        CslsFusion(fusion="csls")
    with pytest.raises(UsageError, match="no fusion 'meen'"):
        CslsFusion(fusion="meen")
    for options in ({"neighbours": 0}, {"strength": -1.0}, {"rows": 0}):
        with pytest.raises(UsageError, match=next(iter(options))):
            CslsFusion(**options)
    with pytest.raises(UsageError, match="fitted"):
        _ = CslsFusion().inner
