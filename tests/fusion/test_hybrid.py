from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.fusion import HybridFusion, LateFusion, MeanFusion, block_scores
from goodsense.types import Embeddings
from tests.fusion.samples import DIMS, shop
from tests.fusion.test_simple import centred


def test_every_block_and_the_early_fusion_have_a_term() -> None:
    blocks = shop()
    fusion = HybridFusion().fit(blocks)
    vectors = fusion.fuse(blocks).vectors
    assert set(fusion.terms(vectors[0], vectors)) == {*DIMS, "early"}
    assert sum(fusion.weights.values()) == pytest.approx(1)


def test_a_slot_weighs_its_share_over_the_deviation_of_its_cosines() -> None:
    blocks = shop(100, share=2.0)
    early = MeanFusion().fit(blocks).fuse(blocks)
    deviations = {}
    for name, block in {**blocks, "early": early}.items():
        rows = np.array(list(centred(block).values()))
        cosines = rows @ rows.T
        deviations[name] = cosines[~np.eye(len(rows), dtype=bool)].std()
    raw = {name: (0.4 if name == "early" else 0.2) / found for name, found in deviations.items()}
    weights = HybridFusion(early="mean", share=0.4).fit(blocks).weights
    for name, weight in raw.items():
        assert weights[name] == pytest.approx(weight / sum(raw.values()), rel=0.03)  # it samples pairs


def test_inner_products_rank_as_late_fusion_of_z_scores() -> None:
    """With hardly any early fusion, and products that have every block, the vectors are late fusion."""
    blocks = {name: block.take(np.r_[0, 2:100]) for name, block in shop(100, share=2.0).items()}
    centred_blocks = {
        name: Embeddings.of_products(block.ids, np.array(list(centred(block).values()), np.float32))
        for name, block in blocks.items()
    }
    scores = block_scores(centred_blocks, centred_blocks)
    for found in scores.values():
        np.fill_diagonal(found, np.nan)
    late = LateFusion().fit(scores).fuse(scores)
    vectors = HybridFusion(early="mean", share=1e-6).fit(blocks).fuse(blocks).vectors
    apart = ~np.eye(99, dtype=bool)
    assert np.corrcoef(late[apart], (vectors @ vectors.T)[apart])[0, 1] > 0.999


def test_the_whole_share_leaves_the_early_fusion_alone() -> None:
    blocks = shop()
    fusion = HybridFusion(early="mean", early_options={"dim": 7}, share=1.0).fit(blocks)
    assert fusion.dim == 7
    assert dict(fusion.weights) == {"early": 1.0}


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="the early fusion of a hybrid is 'hybrid' itself"):
        HybridFusion(early="hybrid")
    with pytest.raises(UsageError, match="there is no fusion 'latte'"):
        HybridFusion(early="latte")
    with pytest.raises(UsageError, match="has no option 'size'"):
        HybridFusion(early="mean", early_options={"size": 3})
    with pytest.raises(UsageError, match=r"share is 0.*above 0 to 1"):
        HybridFusion(share=0.0)
    with pytest.raises(UsageError, match="a block is called 'early'"):
        HybridFusion().fit({**shop(), "early": shop()["text"]})
