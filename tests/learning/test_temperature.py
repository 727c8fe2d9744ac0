from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from goodsense.errors import UsageError
from goodsense.learning.losses import info_nce, siglip
from goodsense.learning.temperature import Temperature, TemperatureAndBias


def rows(seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32))


def test_it_begins_where_it_is_told_and_learns() -> None:
    temperature = Temperature(0.2)
    value = temperature()
    assert value.item() == pytest.approx(0.2)
    info_nce(rows(0), rows(0), temperature=value).backward()  # pairs that are equal want a lower one
    assert temperature.logarithm.grad is not None
    assert temperature.logarithm.grad.item() > 0


def test_the_gradient_is_that_of_the_logarithm() -> None:
    temperature = Temperature(0.2).double()
    (3 * temperature()).backward()
    assert temperature.logarithm.grad is not None
    assert temperature.logarithm.grad.item() == pytest.approx(3 * 0.2)


@pytest.mark.parametrize(("beyond", "bound"), [(-50.0, 0.02), (50.0, 0.5)])
def test_it_is_clamped_and_comes_back(beyond: float, bound: float) -> None:
    temperature = Temperature(0.1, least=0.02, most=0.5)
    with torch.no_grad():
        temperature.logarithm.fill_(beyond)
    value = temperature()
    assert value.item() == pytest.approx(bound)
    assert temperature.logarithm.item() == pytest.approx(math.log(bound))
    value.backward()
    assert temperature.logarithm.grad is not None
    assert temperature.logarithm.grad.item() == pytest.approx(bound)  # not stuck at its bound


def test_it_may_be_asked_twice_in_one_step_and_while_evaluating() -> None:
    temperature = Temperature(0.1)
    (temperature() + temperature()).backward()
    with torch.inference_mode():
        assert temperature().item() == pytest.approx(0.1)


def test_siglip_learns_temperature_and_bias() -> None:
    scale = TemperatureAndBias()
    temperature, bias = scale()
    assert (temperature.item(), bias.item()) == (pytest.approx(0.1), -10.0)
    siglip(rows(0), rows(0), temperature=temperature, bias=bias).backward()
    assert {name for name, own in scale.named_parameters() if own.grad is not None and own.grad != 0} == {
        "bias",
        "temperature.logarithm",
    }


@pytest.mark.parametrize("bounds", [(0.1, 0.2, 1.0), (0.1, 0.0, 1.0), (2.0, 0.1, 1.0), (0.1, 0.01, math.inf)])
def test_bounds_are_checked(bounds: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="expected 0 < least <= start <= most"):
        Temperature(bounds[0], least=bounds[1], most=bounds[2])
