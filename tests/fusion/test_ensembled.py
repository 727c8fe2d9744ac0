"""Ensembles of fusions against their members, joined by hand."""

from __future__ import annotations

import numpy as np
import pytest

from goodsense.errors import DataError, UsageError
from goodsense.fusion import make_fusion
from goodsense.fusion.ensembled import EnsembledFusion
from goodsense.fusion.recipes import RECIPES
from goodsense.types import Embeddings
from tests.fusion.samples import COUNT, alike, lesson, only, shop

MEMBERS = [("mean", {"widths": "orthogonal"}), ("kernel-ridge", {"anchor": "text"})]


def scores(fusion: object, blocks: dict[str, Embeddings]) -> np.ndarray:
    """Of words against pictures, of products that have both."""
    both = blocks["text"].present & blocks["image"].present
    text, image = (fusion.fuse(only(blocks, name)).vectors[both] for name in ("text", "image"))  # type: ignore[attr-defined]
    return np.asarray(text @ image.T)


def test_the_inner_product_is_the_weighted_sum_of_the_members_scores() -> None:
    blocks = shop(share=2.0)
    whole = {name: block.take(np.array([0, *range(2, COUNT)])) for name, block in blocks.items()}
    fusion = EnsembledFusion(members=MEMBERS, weights=[1.0, 2.0]).fit(whole, seed=3)
    assert list(fusion.members) == list(fusion.weights) == ["1-mean", "2-kernel-ridge"]
    expected = 0.0
    for place, (slot, member) in enumerate(fusion.members.items()):
        alone = make_fusion(*MEMBERS[place][:1], **MEMBERS[place][1]).fit(whole, seed=3 + place)
        assert alone.fingerprint == member.fingerprint
        rows = {side: member.fuse(only(whole, side)).vectors - fusion.centre(slot) for side in ("text", "image")}
        unit = {side: own / np.linalg.norm(own, axis=1, keepdims=True) for side, own in rows.items()}
        expected = expected + fusion.weights[slot] * (unit["text"] @ unit["image"].T)
    np.testing.assert_allclose(scores(fusion, whole), expected / sum(fusion.weights.values()), atol=1e-5)


def test_every_members_scores_deviate_alike() -> None:
    """Those of the calibration: wholes and single modalities of different products."""
    blocks = shop(200, share=2.0)
    fusion = EnsembledFusion(members=MEMBERS).fit(blocks)
    for slot, member in fusion.members.items():
        sides = [blocks, *(only(blocks, name) for name in blocks)]
        fused = [member.fuse(side) for side in sides]
        rows = np.concatenate([own.vectors[own.present] for own in fused]) - fusion.centre(slot)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        owners = np.concatenate([np.flatnonzero(own.present) for own in fused])
        others = owners[:, None] != owners
        assert (rows @ rows.T)[others].std() * fusion.weights[slot] == pytest.approx(1, rel=0.02)


def test_members_that_cannot_be_fitted_are_left_out() -> None:
    blocks = shop()
    members = [("kernel-ridge", {"anchor": "labels"}), ("kernel-ridge", {"anchor": "sound"}), ("mean", {})]
    fusion = EnsembledFusion(members=members, weights=[1.0, 1.0, 5.0]).fit(blocks)
    assert set(fusion.members) == {"3-mean"}
    assert "labels" in fusion.left_out["1-kernel-ridge"]
    assert "sound" in fusion.left_out["2-kernel-ridge"]
    assert set(EnsembledFusion(members=members).fit(blocks, lesson=lesson()).members) == {"1-kernel-ridge", "3-mean"}
    with pytest.raises(DataError, match=r"no member .* labels") as found:
        EnsembledFusion(members=members[:2]).fit(blocks)
    assert "additive" in found.value.fix


def test_distilling_reports_what_is_lost() -> None:
    blocks = shop(200, share=2.0)
    teacher = EnsembledFusion(members=MEMBERS).fit(blocks)
    small, same = (EnsembledFusion(members=MEMBERS, dim=dim).fit(blocks) for dim in (3, 99))
    assert teacher.report is None
    assert (small.dim, same.dim) == (3, teacher.dim)
    assert small.report is not None
    assert same.report is not None
    assert small.report.overlap[10] < same.report.overlap[10]
    assert same.report.overlap[10] == pytest.approx(1)
    np.testing.assert_allclose(scores(same, blocks), scores(teacher, blocks), atol=1e-5)


def test_recipes_are_of_fusions_that_exist() -> None:
    for name, recipe in RECIPES.items():
        assert len(recipe.members) == len(recipe.weights) >= 2
        EnsembledFusion(members=name, weights=recipe.weights)


def test_a_recipe_brings_its_weights() -> None:
    blocks, recipe = shop(60, share=2.0), RECIPES["quick"]
    named = EnsembledFusion(members="quick").fit(blocks, lesson=lesson(60))
    spelled = EnsembledFusion(members=recipe.members, weights=recipe.weights).fit(blocks, lesson=lesson(60))
    even = EnsembledFusion(members="quick", weights=[1.0] * len(recipe.members)).fit(blocks, lesson=lesson(60))
    assert named.weights == spelled.weights != even.weights
    np.testing.assert_array_equal(named.fuse(blocks).vectors, spelled.fuse(blocks).vectors)


def test_equal_products_are_equal_in_an_ensemble() -> None:
    fused = EnsembledFusion(members=MEMBERS).fit(alike(5)).fuse(alike(5))
    assert fused.present.all()
    np.testing.assert_allclose(fused.vectors, fused.vectors[:1].repeat(5, axis=0), atol=1e-6)


def test_wrong_members_are_refused_at_once() -> None:
    with pytest.raises(UsageError, match="members is 'stron'"):
        EnsembledFusion(members="stron")
    with pytest.raises(UsageError, match="no members"):
        EnsembledFusion(members=[])
    with pytest.raises(UsageError, match="'ensemble' itself"):
        EnsembledFusion(members=[("ensemble", {})])
    with pytest.raises(UsageError, match="no fusion 'meen'"):
        EnsembledFusion(members=[("meen", {})])
    with pytest.raises(UsageError, match="no option 'gama'"):
        EnsembledFusion(members=[("kernel-ridge", {"gama": 1.0})])
    with pytest.raises(UsageError, match="weights are of 1 members; expected 2"):
        EnsembledFusion(members=MEMBERS, weights=[1.0])
    with pytest.raises(UsageError, match="dim"):
        EnsembledFusion(members=MEMBERS, dim=0)
