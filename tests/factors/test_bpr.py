from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from goodsense.factors.bpr import bpr_factors


def _two_tastes() -> np.ndarray:
    """40 users; the first 20 take of the first 15 items, the others of the last 15."""
    random = np.random.default_rng(0)
    taste = np.repeat([0, 1], 20)[:, None] == np.repeat([0, 1], 15)[None, :]
    return taste & (random.random((40, 30)) < 0.5)


def test_held_out_items_of_ones_taste_come_first() -> None:
    taken = _two_tastes()
    held = np.array([np.flatnonzero(row)[place % row.sum()] for place, row in enumerate(taken)])
    train = taken.copy()
    train[np.arange(40), held] = False
    found = bpr_factors(csr_matrix(train.astype(float)), dim=4, epochs=30, batch=64, seed=1)
    scores = found.users @ found.items.T + found.bias
    other = np.where(np.arange(40)[:, None] < 20, scores[:, 15:], scores[:, :15])
    assert (scores[np.arange(40), held][:, None] > other).mean() > 0.95


def test_the_bias_knows_what_is_popular() -> None:
    taken = np.zeros((30, 6))
    taken[:, 0] = 1
    taken[np.arange(30), 1 + np.arange(30) % 5] = 1
    found = bpr_factors(csr_matrix(taken), dim=2, epochs=20)
    assert found.bias.argmax() == 0


def test_two_fits_agree_and_nothing_is_nothing() -> None:
    matrix = csr_matrix(_two_tastes().astype(float))
    np.testing.assert_array_equal(
        bpr_factors(matrix, dim=3, epochs=2).items, bpr_factors(matrix, dim=3, epochs=2).items
    )
    assert bpr_factors(csr_matrix((3, 5)), dim=3).items.shape == (5, 3)
    assert np.isfinite(
        bpr_factors(csr_matrix(np.ones((3, 4))), dim=2, epochs=2).items
    ).all()  # nothing left to be worse
