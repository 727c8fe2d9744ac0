from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from goodsense.errors import UsageError
from goodsense.learning.losses import info_nce
from goodsense.learning.matryoshka import DIMS, dims_within, matryoshka


def rows(seed: int, count: int = 6, width: int = 8) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, width)))


def test_it_is_the_weighted_mean_over_first_columns() -> None:
    a, b = rows(0), rows(1)
    parts = [info_nce(a[:, :dim].contiguous(), b[:, :dim].contiguous()).item() for dim in (2, 5, 8)]
    assert matryoshka(info_nce, (a, b), dims=(2, 5, 8)).item() == pytest.approx(np.mean(parts), rel=1e-12)
    weighted = matryoshka(info_nce, (a, b), dims=(2, 5, 8), weights=(2, 1, 0)).item()
    assert weighted == pytest.approx((2 * parts[0] + parts[1]) / 3, rel=1e-12)
    assert DIMS == (64, 128, 256)


def test_columns_beyond_the_last_dimension_do_not_learn() -> None:
    a = rows(0).requires_grad_()
    matryoshka(info_nce, (a, rows(1)), dims=(2, 4)).backward()
    assert a.grad is not None
    assert (a.grad[:, :4] != 0).all()
    assert (a.grad[:, 4:] == 0).all()


def test_one_row_gives_a_finite_value() -> None:
    assert matryoshka(info_nce, (rows(0, 1), rows(1, 1)), dims=(2, 8)).item() == 0


def test_dimensions_of_a_width() -> None:
    assert dims_within(100) == (64, 100)
    assert dims_within(256) == (64, 128, 256)
    assert dims_within(32) == (32,)
    assert dims_within(1000) == (64, 128, 256, 1000)


@pytest.mark.parametrize("dims", [(), (0, 4), (4, 2), (4, 4), (2.5,)])
def test_dimensions_ascend(dims: Any) -> None:
    with pytest.raises(UsageError, match="nested dimensions are"):
        matryoshka(info_nce, (rows(0), rows(1)), dims=dims)


@pytest.mark.parametrize("weights", [(1,), (0, 0), (-1, 2), (float("nan"), 1), (float("inf"), 1)])
def test_weights_are_weights(weights: Any) -> None:
    with pytest.raises(UsageError, match="expected one each"):
        matryoshka(info_nce, (rows(0), rows(1)), dims=(2, 4), weights=weights)


def test_wrong_shapes_are_refused() -> None:
    for given, dims in (
        ((rows(0), rows(1)), (2, 9)),
        ((rows(0), rows(1, width=7)), (2, 4)),
        ((rows(0)[0], rows(1)[0]), (2, 4)),
        ((), (2, 4)),
    ):
        with pytest.raises(AssertionError, match="expected"):
            matryoshka(info_nce, given, dims=dims)
    with pytest.raises(AssertionError, match="scalar"):
        matryoshka(lambda a: a.sum(dim=1), (rows(0),), dims=(2,))
