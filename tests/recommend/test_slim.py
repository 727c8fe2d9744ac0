"""SLIM against the elastic net of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from goodsense.errors import UsageError
from goodsense.recommend import make_model
from goodsense.recommend import slim as module
from goodsense.recommend.slim import descend
from tests.recommend.toys import all_scores, dense, log


def elastic_net(taken: np.ndarray, target: np.ndarray, l1: float, l2: float) -> np.ndarray:
    """scikit-learn divides the squares by the rows; here they are sums."""
    count = len(taken)
    net = ElasticNet(
        alpha=(l1 + l2) / count, l1_ratio=l1 / (l1 + l2), positive=True, fit_intercept=False, tol=1e-10, max_iter=10_000
    )
    found: np.ndarray = net.fit(taken, target).coef_
    return found


@pytest.mark.parametrize(("l1", "l2"), [(0.5, 3.0), (2.0, 1.0)])
def test_every_item_is_the_elastic_net_of_all_others(l1: float, l2: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STILL", 1e-7)
    monkeypatch.setattr(module, "_SWEEPS", 1_000)
    monkeypatch.setattr(module, "_BLOCK", 5)
    events = log(share=0.4)
    taken = dense(events)
    weights = np.zeros((12, 12))
    for item in range(12):
        others = np.delete(np.arange(12), item)
        weights[others, item] = elastic_net(taken[:, others], taken[:, item], l1, l2)
    assert (weights == 0).sum() > 12  # sparse
    model = make_model("slim", l1=l1, l2=l2).fit(events)
    np.testing.assert_allclose(all_scores(model, events), taken @ weights, atol=1e-4)


def test_items_are_told_from_those_that_tell_most_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STILL", 1e-7)
    monkeypatch.setattr(module, "_SWEEPS", 1_000)
    events = log(share=0.4)
    taken = dense(events)
    gram = taken.T @ taken
    weights = np.zeros((12, 12))
    for item in range(12):
        worth = gram[item] / np.sqrt(np.diag(gram) + 3.0)
        worth[item] = -1
        some = np.argsort(-worth, kind="stable")[:4]
        weights[some, item] = elastic_net(taken[:, some], taken[:, item], 0.5, 3.0)
    model = make_model("slim", l1=0.5, l2=3.0, neighbours=4).fit(events)
    np.testing.assert_allclose(all_scores(model, events), taken @ weights, atol=1e-4)


def test_padding_stays_zero() -> None:
    grams = np.zeros((3, 2, 3), dtype=np.float32)
    grams[0, 0, 0] = 4.0
    right = np.array([[2.0, 0, 0], [0, 0, 0]], dtype=np.float32)
    np.testing.assert_allclose(descend(grams, right, l1=0.0, l2=1.0), [[0.4, 0, 0], [0, 0, 0]], atol=1e-6)


def test_weights_are_never_negative() -> None:
    events = log(share=0.5, seed=3)
    assert (all_scores(make_model("slim", l1=0.0).fit(events), events) >= 0).all()


@pytest.mark.parametrize("options", [{"l1": -1.0}, {"l2": 0.0}, {"neighbours": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        make_model("slim", **options)
