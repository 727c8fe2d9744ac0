"""Losses against loops, pooled histories against means, content as columns."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from goodsense.recommend.content import Content
from goodsense.recommend.towers import HistoryPool, bpr_loss, item_columns, sampled_softmax
from goodsense.types import Embeddings


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_bpr_is_the_mean_of_what_a_loop_says() -> None:
    wanted, others = drawn(3), drawn(3, 2)
    expected = [math.log1p(math.exp(float(others[i, j] - wanted[i]))) for i in range(3) for j in range(2)]
    assert float(bpr_loss(wanted, others)) == pytest.approx(np.mean(expected), rel=1e-5)
    assert float(bpr_loss(wanted, others[:, 0])) == pytest.approx(np.mean(expected[::2]), rel=1e-5)


def test_sampled_softmax_corrects_by_chances_and_passes_over_what_was_taken() -> None:
    users, items, wanted = drawn(3, 4), drawn(5, 4), torch.tensor([0, 4, 0])
    chances = torch.log(torch.tensor([0.5, 0.1, 0.9, 0.2, 0.3]))
    barred = torch.zeros(3, 5, dtype=torch.bool)
    barred[0, [0, 2]] = True  # the wanted itself always counts
    expected = []
    for row in range(3):
        scores = [float(users[row] @ items[column] - chances[column]) for column in range(5)]
        counted = [math.exp(score) for column, score in enumerate(scores) if (row, column) != (0, 2)]
        expected.append(math.log(sum(counted)) - scores[int(wanted[row])])
    found = sampled_softmax(users, items, wanted, chances=chances, barred=barred)
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-5)


def test_a_pool_is_the_mean_by_strength_and_nothing_of_nothing() -> None:
    items, there = drawn(2, 3, 4), torch.tensor([[True, True, False], [False, False, False]])
    strengths = torch.tensor([[1.0, 3.0, 9.0], [1.0, 1.0, 1.0]])
    found = HistoryPool(4, recency=False, attention=False)(items, there, strengths)
    torch.testing.assert_close(found[0], (items[0, 0] + 3 * items[0, 1]) / 4)
    torch.testing.assert_close(found[1], torch.zeros(4))


def test_recency_weighs_by_one_factor_per_step_back() -> None:
    pool = HistoryPool(4, recency=True, attention=False)
    with torch.no_grad():
        pool.fading.fill_(math.log(math.expm1(math.log(2.0))))  # softplus gives log 2: half per step
        items = drawn(1, 3, 4)
        found = pool(items, torch.ones(1, 3, dtype=torch.bool), torch.ones(1, 3))
    torch.testing.assert_close(found[0], (4 * items[0, 0] + 2 * items[0, 1] + items[0, 2]) / 7)


def test_attention_does_not_look_at_what_is_not_there() -> None:
    torch.manual_seed(0)
    pool, items = HistoryPool(4, recency=False, attention=True), drawn(1, 3, 4)
    there, ones = torch.tensor([[True, True, False]]), torch.ones(1, 3)
    changed = items.clone()
    changed[0, 2] = 99.0
    torch.testing.assert_close(pool(items, there, ones), pool(changed, there, ones))


def test_columns_of_items_hold_blocks_and_facts() -> None:
    ids = tuple("abcd")
    block = Embeddings.of_products(ids, np.arange(8, dtype=np.float32).reshape(4, 2))
    tags = (("colour=red",), ("colour=red",), ("colour=blue",), ())
    both = item_columns(Content(ids, {"image": block}, tags=tags))
    assert both.shape == (4, 4)
    np.testing.assert_allclose(both[0, 2:], both[1, 2:], atol=1e-6)
    assert not both[3, 2:].any()
    assert item_columns(Content(ids)).shape == (4, 0)
