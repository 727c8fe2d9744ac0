"""Towers as one vector: the inner product is the sum of the towers' z-scored scores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from goodsense.errors import UsageError
from goodsense.learning.ensemble import TowerEnsemble
from goodsense.types import normalise
from tests.learning.worlds import block, take

RNG = np.random.default_rng(5)
TOWERS = {"cnn": block(RNG.normal(size=(30, 8)) + 0.5), "mlp": block(10 * RNG.normal(size=(30, 3)))}


def _scores(rows: np.ndarray) -> np.ndarray:
    """Cosines of centred unit rows, as a plain recipe."""
    unit = normalise(rows)
    centred = unit - unit.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    return centred @ centred.T


def test_ranking_by_the_joined_vector_is_ranking_by_the_sum_of_z_scores() -> None:
    joined = TowerEnsemble().fit(TOWERS).join(TOWERS).vectors
    others = ~np.eye(30, dtype=bool)
    naive = np.zeros((30, 30))
    for tower in TOWERS.values():
        scores = _scores(tower.vectors)
        naive += scores / scores[others].std()  # the mean is the same for all, so no ranking sees it
    for row in range(30):
        rest = others[row]
        expected = np.argsort(-naive[row][rest])
        assert np.array_equal(np.argsort(-(joined @ joined[row])[rest]), expected)


def test_the_scores_of_each_tower_deviate_alike() -> None:
    ensemble = TowerEnsemble().fit(TOWERS)
    joined = ensemble.join(TOWERS).vectors
    pairs = np.array([(i, j) for i in range(30) for j in range(30) if i != j])
    terms = ensemble.terms(joined[pairs[:, 0]], joined[pairs[:, 1]])
    assert terms["cnn"].std() == pytest.approx(terms["mlp"].std(), rel=1e-3)
    assert np.allclose(sum(terms.values()), (joined[pairs[:, 0]] * joined[pairs[:, 1]]).sum(axis=1), atol=1e-6)


def test_two_sides_are_centred_by_themselves_and_scaled_by_the_scores_between_them() -> None:
    texts, pictures = {"a": block(RNG.normal(size=(40, 5)) + 3)}, {"a": block(RNG.normal(size=(40, 5)) - 3)}
    ensemble = TowerEnsemble().fit(texts, against=pictures)
    left, right = ensemble.join(texts).vectors, ensemble.join(pictures, against=True).vectors
    assert np.abs(left.mean(axis=0)).max() < 0.2  # either would point one way, uncentred
    assert np.abs(right.mean(axis=0)).max() < 0.2
    scores = (left @ right.T)[~np.eye(40, dtype=bool)]
    assert ensemble.weights["a"] == pytest.approx(1 / scores.std(), rel=1e-3)


def test_columns_are_z_scored_and_towers_weigh_alike() -> None:
    ensemble = TowerEnsemble(scale="columns").fit(TOWERS)
    joined = ensemble.join(TOWERS).vectors
    rows = [(t.vectors - t.vectors.mean(axis=0)) / t.vectors.std(axis=0) / np.sqrt(t.dim) for t in TOWERS.values()]
    assert np.allclose(joined, normalise(np.hstack(rows).astype(np.float32)), atol=1e-5)


def test_missing_towers_leave_their_slot_empty_and_nothing_at_all_is_not_present() -> None:
    mask = np.ones(30, dtype=np.bool_)
    mask[:2] = False
    half = {"cnn": block(TOWERS["cnn"].vectors, mask), "mlp": TOWERS["mlp"]}
    ensemble = TowerEnsemble().fit(half)
    joined = ensemble.join(half)
    assert not joined.vectors[:2, :8].any()
    assert np.allclose(np.linalg.norm(joined.vectors, axis=1), 1, atol=1e-5)
    alone = ensemble.join({"cnn": half["cnn"]})
    assert joined.present.all()
    assert alone.present.tolist() == mask.tolist()
    assert not alone.vectors[:2].any()


def test_one_row_is_a_row_of_the_batch_and_comes_back_from_its_parts() -> None:
    ensemble = TowerEnsemble({"cnn": 2.0, "mlp": 1.0}).fit(TOWERS)
    whole = ensemble.join(TOWERS).vectors
    assert np.allclose(ensemble.join(take(TOWERS, np.array([7]))).vectors[0], whole[7], atol=1e-6)
    settings, arrays = ensemble.to_parts()
    back = TowerEnsemble.from_parts(json.loads(json.dumps(settings)), arrays)
    assert np.array_equal(back.join(TOWERS).vectors, whole)
    assert back.dims == ensemble.dims == {"cnn": 8, "mlp": 3}


def test_a_weight_counts_as_so_many_towers() -> None:
    twice = TowerEnsemble({"cnn": 2.0, "mlp": 1.0}).fit(TOWERS).weights
    once = TowerEnsemble().fit(TOWERS).weights
    assert twice["cnn"] / twice["mlp"] == pytest.approx(2 * once["cnn"] / once["mlp"])


def test_one_product_and_equal_products_are_joined_as_they_are() -> None:
    for n in (1, 6):
        same = {"a": block(np.ones((n, 3))), "b": block(np.full((n, 2), -2.0))}
        joined = TowerEnsemble().fit(same).join(same)
        assert joined.present.all()
        assert np.allclose(joined.vectors @ joined.vectors.T, 1, atol=1e-5)


@pytest.mark.parametrize("scale", ["scores", "columns"])
def test_bad_towers_are_refused(scale: str) -> None:
    nothing = block(np.zeros((30, 8)), np.zeros(30, dtype=np.bool_))
    with pytest.raises(UsageError, match="no product has the tower 'cnn'"):
        TowerEnsemble(scale=scale).fit({**TOWERS, "cnn": nothing})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="fit"):
        TowerEnsemble(scale=scale).join(TOWERS)  # type: ignore[arg-type]
    fitted = TowerEnsemble(scale=scale).fit(TOWERS)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'else'"):
        fitted.join({"else": TOWERS["cnn"]})
    with pytest.raises(UsageError, match="its slot has 8"):
        fitted.join({"cnn": TOWERS["mlp"]})
    with pytest.raises(UsageError, match="weight"):
        TowerEnsemble({"cnn": 0.0}).fit({"cnn": TOWERS["cnn"]})
    with pytest.raises(UsageError, match="scale"):
        TowerEnsemble(scale="rows")  # type: ignore[arg-type]
