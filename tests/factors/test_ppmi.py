"""PPMI against the definition, written as loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from goodsense.factors.ppmi import ppmi_factors, ppmi_rows, smoothed_shares

COUNTS = np.array([[0.0, 3.0, 1.0, 0.0], [3.0, 0.0, 0.0, 2.0], [1.0, 0.0, 0.0, 5.0], [0.0, 2.0, 5.0, 0.0]])


@pytest.mark.parametrize(("shift", "smoothing"), [(1.0, 1.0), (1.5, 0.75)])
def test_it_is_the_definition(shift: float, smoothing: float) -> None:
    shares = smoothed_shares(csr_matrix(COUNTS), smoothing)
    found = ppmi_rows(csr_matrix(COUNTS), shares, shift=shift).toarray()
    totals = COUNTS.sum(axis=0) ** smoothing
    for row in range(4):
        for context in range(4):
            if COUNTS[row, context] == 0:
                assert found[row, context] == 0
                continue
            given = COUNTS[row, context] / COUNTS[row].sum()
            expected = max(0.0, math.log(given / (totals[context] / totals.sum())) - math.log(shift))
            assert found[row, context] == pytest.approx(expected)


def test_the_factors_give_the_matrix_back() -> None:
    random = np.random.default_rng(0)
    counts = csr_matrix(random.poisson(0.6, (40, 30)).astype(float))
    full = ppmi_factors(counts, dim=30, whiten=0.0)
    weighed = ppmi_rows(counts, full.shares).toarray()
    vectors = full.fold_in(counts)
    np.testing.assert_allclose(vectors @ vectors.T, weighed @ weighed.T, atol=1e-4)
    np.testing.assert_allclose(vectors @ full.basis.T, weighed, atol=1e-4)


def test_the_large_way_agrees_with_the_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(4), 20)
    counts = csr_matrix(random.poisson(np.where(groups[:, None] == groups, 2.0, 0.05)).astype(float))
    exact = ppmi_factors(counts, dim=4).fold_in(counts)
    monkeypatch.setattr("goodsense.factors.ppmi.SMALL", 0)
    near = ppmi_factors(counts, dim=4).fold_in(counts)
    np.testing.assert_allclose(near @ near.T, exact @ exact.T, atol=0.05 * np.abs(exact @ exact.T).max())


def test_nothing_known_is_nothing() -> None:
    factors = ppmi_factors(csr_matrix(COUNTS), dim=6)
    assert not factors.fold_in(csr_matrix((2, 4))).any()
    assert not ppmi_factors(csr_matrix((0, 4)), dim=3).fold_in(csr_matrix(COUNTS)).any()
    with pytest.raises(ValueError, match="5 contexts; expected 4"):
        factors.fold_in(csr_matrix((2, 5)))
    with pytest.raises(ValueError, match="above 0"):
        ppmi_rows(csr_matrix(COUNTS), factors.shares, shift=0)
