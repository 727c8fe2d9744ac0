"""Yes or no: which pairs are drawn, how they are scored, and k-fold cross-validation that tells signal from chance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from goodsense.errors import DataError, UsageError
from goodsense.evaluate.recommendation_pairs import sampled_pairs
from goodsense.events import Interactions
from goodsense.recommend import make_model
from goodsense.recommend.purchase_view import _by_interactions, _by_users, cross_validated, decided, pair_scores
from tests.recommend.test_hybrid import ITEMS, _log, _over


def _pairs(part: Interactions) -> set[tuple[int, int]]:
    return set(zip(part.user_rows.tolist(), part.item_rows.tolist(), strict=True))


def test_drawn_pairs_are_unknown_and_as_many_as_asked_for() -> None:
    train, held = _log(40)
    sample = sampled_pairs(held, train, negatives=3, seed=1)
    pairs = list(zip(sample.users.tolist(), sample.items.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs) == 4 * len(held)
    assert {pair for pair, yes in zip(pairs, sample.truth, strict=True) if yes} == _pairs(held)
    drawn = {pair for pair, yes in zip(pairs, sample.truth, strict=True) if not yes}
    assert not drawn & (_pairs(train) | _pairs(held))
    assert np.bincount(sample.users).tolist() == [4] * 40
    assert np.array_equal(sampled_pairs(held, train, negatives=3, seed=1).items, sample.items)
    assert not np.array_equal(sampled_pairs(held, train, negatives=3, seed=2).items, sample.items)


def test_who_has_nearly_everything_gets_what_there_is() -> None:
    train, held = _over([list(ITEMS[:27])]), _over([[ITEMS[27]]])
    sample = sampled_pairs(held, train, negatives=9)
    assert sample.items[~sample.truth].tolist() == [28, 29]
    repeated = sampled_pairs(_over([[ITEMS[0], ITEMS[27]]]), train, negatives=1)
    assert sample.truth.sum() == repeated.truth.sum() == 1  # what stands in train is not asked for
    with pytest.raises(UsageError, match="0 items drawn"):
        sampled_pairs(held, train, negatives=0)


def test_scores_are_those_of_the_model_on_each_shoppers_own_scale() -> None:
    train, held = _log(30)
    knn = make_model("item-knn").fit(train)
    sample = sampled_pairs(held, train, negatives=5)
    found = pair_scores(knn, train, sample)
    for user in (0, 7, 29):
        scores = knn.score(train.select(users=[train.users[user]]), ITEMS)[0]
        own = {item for who, item in _pairs(train) if who == user}
        left = np.array([scores[item] for item in range(30) if item not in own])
        mine = sample.users == user
        wanted = (scores[sample.items[mine]] - left.mean()) / left.std()
        assert found[mine] == pytest.approx(wanted, abs=1e-4)


def test_decisions_are_those_of_the_reference_library_at_a_threshold_from_elsewhere() -> None:
    rng = np.random.default_rng(0)
    train, held = _log(60)
    sample, other = sampled_pairs(held, train, seed=1), sampled_pairs(held, train, seed=2)
    scores, later = sample.truth + rng.normal(0, 1, len(sample)), other.truth + rng.normal(0, 1, len(other))
    found = decided((sample, scores), (other, later))
    said = _said(scores, later, sample.truth, found.threshold)
    assert found.accuracy == pytest.approx(accuracy_score(other.truth, said))
    assert found.f1 == pytest.approx(f1_score(other.truth, said))
    assert found.auc == pytest.approx(roc_auc_score(other.truth, later))
    assert found.share == pytest.approx(0.2)
    turned = decided((sample, scores), (other, -later))
    assert turned.threshold == found.threshold  # the test pairs do not move it
    assert turned.auc == pytest.approx(1 - found.auc)


def _said(scores: np.ndarray, later: np.ndarray, truth: np.ndarray, threshold: float) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression().fit(scores[:, None], truth).predict_proba(later[:, None])[:, 1]
    return np.asarray(found >= threshold)


def test_folds_test_everything_once_and_never_teach_what_they_ask() -> None:
    log, _ = _log(20)
    tested = np.zeros(len(log), int)
    for fold in range(4):
        taught, (val_history, val), (history, test) = _by_interactions(log, fold, 4, seed=3)
        assert not (taught & (val | test)).any()
        assert not (val & test).any()
        assert np.array_equal(history, taught)
        assert np.array_equal(val_history, taught)
        tested += test
    assert (tested == 1).all()
    users = np.zeros(20, int)
    for fold in range(4):
        taught, (val_history, val), (history, test) = _by_users(log, fold, 4, seed=3)
        groups = [set(log.user_rows[mask].tolist()) for mask in (taught, val | val_history, test | history)]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 20
        assert np.bincount(log.user_rows[test], minlength=20).max() == 1  # a fifth of five
        last = log.starts[1:] - 1
        assert set(np.flatnonzero(test).tolist()) == {int(last[user]) for user in groups[2]}  # by time
        users[list(groups[2])] += 1
    assert (users == 1).all()


@pytest.mark.parametrize("by", ["users", "interactions"])
def test_cross_validation_tells_signal_from_chance(by: str) -> None:
    log, _ = _log(180)
    found = cross_validated("item-knn", log, folds=3, by=by, seed=1)
    chance = cross_validated("popular", log, folds=3, by=by, seed=1)
    assert len(found.folds) == 3
    assert found.mean["auc"] > 0.8 > 0.65 > chance.mean["auc"]
    assert found.mean["f1"] > chance.mean["f1"]
    assert found.mean["f1"] == pytest.approx(np.mean([fold.f1 for fold in found.folds]))
    assert found.spread["f1"] == pytest.approx(np.std([fold.f1 for fold in found.folds], ddof=1))
    assert found.folds[0].share == pytest.approx(0.2)
    assert cross_validated("item-knn", log, folds=3, by=by, seed=1).mean == found.mean


def test_bad_input_is_refused() -> None:
    log, _ = _log(12)
    with pytest.raises(UsageError, match="2 folds"):
        cross_validated("popular", log, folds=2)
    with pytest.raises(UsageError, match="by 'items'"):
        cross_validated("popular", log, by="items")
    with pytest.raises(DataError, match="nothing to ask"):
        cross_validated("popular", _over([["i00"], ["i01"], ["i02"]]), folds=3)
