"""GELU in single precision against scipy's error function and torch."""

from __future__ import annotations

import numpy as np
import torch
from scipy import special

from goodsense.fusion.gelu import AT_ONCE, erf, gelu

NUMBERS = np.concatenate([np.linspace(-7, 7, 40_001), [0, -0.0, 1e-30, 60, -60]]).astype(np.float32)


def test_the_error_function_is_scipys() -> None:
    found = erf(NUMBERS)
    np.testing.assert_allclose(found, special.erf(NUMBERS.astype(np.float64)), atol=2e-7, rtol=0)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(erf(-NUMBERS), -found)
    small = np.array([1e-3, 1e-6], dtype=np.float32)
    np.testing.assert_allclose(erf(small), special.erf(small.astype(np.float64)), rtol=1e-6)


def test_gelu_is_torchs_in_any_shape() -> None:
    rows = np.random.default_rng(0).normal(size=(AT_ONCE // 100 + 3, 101)).astype(np.float32) * 3  # two pieces
    exact = torch.nn.functional.gelu(torch.from_numpy(rows).double()).numpy()
    before = rows.copy()
    assert (np.abs(gelu(rows) - exact) <= 2e-7 * np.abs(rows)).all()
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(gelu(rows[:, ::2]), gelu(rows)[:, ::2])
    assert gelu(rows[:0]).shape == (0, 101)
