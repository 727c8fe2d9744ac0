"""Content that learns from behaviour."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from goodsense.errors import UsageError
from goodsense.learning.collaborative import CollaborativeTower, behaviour_loss
from goodsense.learning.losses import info_nce
from goodsense.learning.schedules import Schedule
from goodsense.learning.semi import label_curves
from goodsense.types import Embeddings
from tests.learning.worlds import block, few, take, without

QUICK = Schedule(epochs=25, batch=64, rate=1e-2)


def _shop(n: int, seed: int = 0) -> tuple[dict[str, Embeddings], np.ndarray]:
    """The class is a sign deep in wide content, which behaviour, where there is any, shows plainly."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2
    content = rng.normal(size=(n, 60))
    sign = (2.0 * truth - 1)[:, None]
    content[:, :5] = 0.9 * sign + rng.normal(size=(n, 5))
    behaviour = sign * np.array([1.0, -1.0, 2.0]) + 0.2 * rng.normal(size=(n, 3))
    bought = rng.random(n) < 0.6
    return {"text": block(content), "behaviour": block(behaviour, bought)}, truth.astype(np.int64)


SHOP, TRUTH = _shop(240)
LABELS = few(TRUTH, [0, 1, 2, 3])


def _made(**options: Any) -> CollaborativeTower:
    return CollaborativeTower(**{"dim": 8, "hidden": 32, "schedule": QUICK, **options})


@pytest.fixture(scope="module")
def fitted() -> CollaborativeTower:
    return _made().fit(SHOP, LABELS)


def test_behaviour_loss_against_plain_loops() -> None:
    rng = np.random.default_rng(0)
    told, true = (torch.tensor(rng.normal(size=(6, 4)), dtype=torch.float32) for _ in range(2))
    known = torch.tensor([True, False, True, True, False, True])
    rows = [i for i in range(6) if known[i]]
    mean = np.mean([[float(told[i, c] - true[i, c]) ** 2 for c in range(4)] for i in rows])
    assert float(behaviour_loss(told, true, known, target="regression")) == pytest.approx(mean, rel=1e-5)
    contrast = behaviour_loss(told, true, known, target="contrast", temperature=0.5)
    assert float(contrast) == pytest.approx(float(info_nce(told[rows], true[rows], temperature=0.5)))
    assert float(behaviour_loss(told, true, known, target="none")) == 0.0
    assert float(behaviour_loss(told, true, torch.zeros(6, dtype=torch.bool), target="contrast")) == 0.0
    for wrong in (told[:5], told[:, :2], told[0]):
        with pytest.raises(AssertionError):
            behaviour_loss(wrong, true, known, target="regression")


def test_with_few_labels_products_without_behaviour_profit() -> None:
    learners = {target: partial(_made, target=target) for target in ("none", "regression", "contrast")}
    shop, truth = _shop(360, seed=1)
    curves = label_curves(learners, shop, truth, np.arange(360) >= 240, shares=(0.02,), seeds=(0,))
    by = {gain.method: gain for gain in curves.gains()}
    for target in ("regression", "contrast"):
        assert by[target].accuracy > by["none"].accuracy + 0.05
        assert by[target].gain > 0.05


def test_behaviour_is_never_looked_at_after_the_fit(fitted: CollaborativeTower) -> None:
    vectors = fitted.encode(SHOP).vectors
    assert np.array_equal(fitted.encode({"text": SHOP["text"]}).vectors, vectors)
    wild = {**SHOP, "behaviour": block(100 * np.ones((240, 3)))}
    assert np.array_equal(fitted.predict_proba(wild), fitted.predict_proba(SHOP))


def test_one_row_is_a_row_of_the_batch_and_products_may_lack_content(fitted: CollaborativeTower) -> None:
    bare = without(SHOP, "text", np.array([7]))
    found = fitted.encode(bare)
    assert not found.present[7]
    assert not found.vectors[7].any()
    assert np.allclose(fitted.predict_proba(bare)[7], 0.5)
    assert np.allclose(fitted.encode(take(SHOP, np.array([9]))).vectors[0], found.vectors[9], atol=1e-5)


def test_two_fits_are_equal_to_the_bit_and_parts_come_back(fitted: CollaborativeTower) -> None:
    short = Schedule(epochs=2, batch=64, rate=1e-2)
    one, two = (_made(schedule=short).fit(SHOP, LABELS).encode(SHOP).vectors for _ in range(2))
    assert np.array_equal(one, two)
    vectors = fitted.encode(SHOP).vectors
    settings, arrays = fitted.to_parts()
    back = CollaborativeTower.from_parts(json.loads(json.dumps(settings)), arrays)
    assert np.array_equal(back.encode(SHOP).vectors, vectors)
    assert np.array_equal(back.predict_proba(SHOP), fitted.predict_proba(SHOP))
    assert fitted.history is not None
    assert fitted.history.learned


def test_what_cannot_be_learned_is_refused_with_a_remedy() -> None:
    nobody = without(SHOP, "behaviour", np.arange(240))
    for shop in (nobody, {"text": SHOP["text"]}):
        with pytest.raises(UsageError, match=r"no behaviour to learn from.*target='none'"):
            _made().fit(shop, LABELS)
        alone = _made(target="none", schedule=Schedule(epochs=1, batch=64, rate=1e-3)).fit(shop, LABELS)
        assert alone.predict_proba(shop).shape == (240, 2)
    for labels in (few(TRUTH, []), few(TRUTH, [0, 2])):
        with pytest.raises(UsageError, match="two classes"):
            _made().fit(SHOP, labels)
    with pytest.raises(UsageError, match="two classes"):
        _made().fit(take(SHOP, np.array([0])), LABELS[:1])
    with pytest.raises(UsageError, match="no block at all"):
        _made().fit({"behaviour": SHOP["behaviour"]}, LABELS)
    with pytest.raises(UsageError, match="no product with any"):
        _made().fit(without(SHOP, "text", np.arange(240)), LABELS)
    with pytest.raises(UsageError, match="fit"):
        _made().encode(SHOP)
    with pytest.raises(UsageError, match="target"):
        _made(target="ranking")
