"""A trained fusion gives the same vectors without torch."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from goodsense.fusion.plain import PlainFusion, open_fusion
from goodsense.fusion.trained import TrainedFusion
from goodsense.types import Embeddings

COUNT, DIMS = 40, {"image": 7, "sound": 5, "text": 6}


def blocks(seed: int = 0) -> dict[str, Embeddings]:
    """Three views of the same three numbers; every third product lacks its picture, and nobody has a sound beside."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(COUNT, 3))
    found = {}
    for name, dim in DIMS.items():
        present = np.ones(COUNT, dtype=bool)
        present[:: 3 if name == "image" else 5] = name == "text"
        rows = (hidden @ np.random.default_rng(dim).normal(size=(3, dim))).astype(np.float32)
        found[name] = Embeddings.of_products(
            [str(i) for i in range(COUNT)], np.where(present[:, None], rows, np.float32(0)), present
        )
    return found


@pytest.mark.parametrize("tower", ["mlp", "linear"])
@pytest.mark.parametrize(
    ("network", "activation"), [("mean", "none"), ("mean", "tanh"), ("weighted", "relu"), ("weighted", "sigmoid")]
)
def test_it_is_the_trained_fusion(tmp_path: Path, network: str, activation: str, tower: str) -> None:
    options = {"activation": activation}
    trained = TrainedFusion(network, width=8, hidden=12, tower=tower, epochs=2, batch=16, options=options)
    trained.fit(blocks(), seed=3).save(tmp_path)
    plain = open_fusion("trained", tmp_path)
    assert isinstance(plain, PlainFusion)
    assert (plain.dim, plain.fingerprint, plain.unlearned) == (8, trained.fingerprint, trained.unlearned)
    unseen = blocks(seed=9)
    for given in (unseen, {"text": unseen["text"]}, {"image": unseen["image"], "sound": unseen["sound"]}):
        expected, found = trained.fuse(given), plain.fuse(given)
        np.testing.assert_allclose(found.vectors, expected.vectors, atol=2e-6)
        np.testing.assert_array_equal(found.present, expected.present)
        parts, own = plain.parts(given), trained.parts(given)
        for name in parts:
            np.testing.assert_allclose(parts[name], own[name], atol=2e-6)
        np.testing.assert_allclose(sum(parts.values()), found.vectors, atol=1e-6)


def test_a_single_row_equals_that_row_of_a_batch(tmp_path: Path) -> None:
    TrainedFusion(width=8, hidden=12, epochs=1, batch=16).fit(blocks()).save(tmp_path)
    plain = open_fusion("trained", tmp_path)
    whole = plain.fuse(blocks()).vectors
    for row in (0, 1, 7):
        alone = plain.fuse({name: block.take(np.array([row])) for name, block in blocks().items()})
        np.testing.assert_allclose(alone.vectors[0], whole[row], atol=1e-6)


def test_blocks_that_nothing_was_learned_of_say_nothing(tmp_path: Path) -> None:
    given = blocks()
    nowhere = Embeddings.of_products(given["text"].ids, np.zeros((COUNT, 4), np.float32), np.zeros(COUNT, dtype=bool))
    TrainedFusion(width=8, epochs=1, batch=16).fit({**given, "odd": nowhere}).save(tmp_path)
    plain = open_fusion("trained", tmp_path)
    assert isinstance(plain, PlainFusion)
    assert plain.unlearned == ("odd",)
    odd = Embeddings.of_products(["a"], np.ones((1, 4), np.float32))
    assert not plain.fuse({"odd": odd}).present.any()


def test_it_needs_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TrainedFusion(width=8, epochs=1, batch=16).fit(blocks()).save(tmp_path)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert open_fusion("trained", tmp_path).fuse(blocks()).present.all()


def test_networks_that_are_no_sum_stay_as_they_are(tmp_path: Path) -> None:
    TrainedFusion("gated", width=8, epochs=1, batch=16).fit(blocks()).save(tmp_path)
    assert isinstance(open_fusion("trained", tmp_path), TrainedFusion)
