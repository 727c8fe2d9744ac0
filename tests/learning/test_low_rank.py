"""Low-rank adapters of any network, against the same done with whole matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from goodsense.errors import DataError, UsageError
from goodsense.learning.low_rank import Adapted, inject, merge, restore_thin, thin_arrays
from goodsense.learning.networks import seeded

ROWS = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32))


class Turned(torch.nn.Module):
    """A linear layer whose weights are ``(inner, outer)``."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.weight, self.bias = torch.nn.Parameter(torch.randn(inner, outer)), torch.nn.Parameter(torch.randn(outer))

    def forward(self, x: Any) -> Any:
        return x @ self.weight + self.bias


def made() -> Any:
    with seeded(1):
        return torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Sequential(Turned(6, 3)))


def adapted(network: Any, **options: Any) -> dict[str, Adapted]:
    given = {"rank": 2, "alpha": 6.0, "layers": r"0$", "kinds": (torch.nn.Linear, Turned), **options}
    with seeded(2):
        return inject(network, **given)


def shaken(found: dict[str, Adapted]) -> None:
    with seeded(3):
        for layer in found.values():
            torch.nn.init.normal_(layer.thin.up)


def test_it_begins_as_the_network_itself() -> None:
    network = made()
    expected = made()(ROWS)
    found = adapted(network)
    assert list(found) == ["0", "2.0"]
    assert torch.equal(network(ROWS), expected)
    merge(network, found)
    assert torch.equal(network(ROWS), expected)
    assert isinstance(network[0], torch.nn.Linear)
    for name, value in made().state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


def test_rank_zero_leaves_it_as_it_is() -> None:
    network = made()
    assert adapted(network, rank=0) == {}
    assert torch.equal(network(ROWS), made()(ROWS))
    assert list(network.state_dict()) == list(made().state_dict())


def test_what_is_learned_is_a_product_of_low_rank() -> None:
    network, plain = made(), made()
    found = adapted(network)
    shaken(found)
    one, two = (found[name].thin for name in ("0", "2.0"))
    first, second = plain[0], plain[2][0]
    hidden = torch.tanh(ROWS @ (first.weight + 3.0 * one.up @ one.down).T + first.bias)  # alpha / rank is 3
    expected = hidden @ (second.weight + (3.0 * two.up @ two.down).T) + second.bias
    before = network(ROWS)
    torch.testing.assert_close(before, expected)
    merge(network, found)
    torch.testing.assert_close(network(ROWS), before)
    assert torch.linalg.matrix_rank(network[0].weight - first.weight) == 2


def test_the_network_itself_is_frozen() -> None:
    network = made()
    found = adapted(network)
    network(ROWS).square().sum().backward()
    learned = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert learned == {f"{name}.thin.{part}" for name in found for part in ("down", "up")}
    assert found["0"].thin.up.grad.abs().sum() > 0
    assert found["0"].weight.grad is None


def test_arrays_bring_it_back() -> None:
    network, again = made(), made()
    found, other = adapted(network), adapted(again)
    shaken(found)
    arrays = thin_arrays(found)
    assert {name: array.shape for name, array in arrays.items()} == {
        "0.down": (2, 5),
        "0.up": (6, 2),
        "2.0.down": (2, 6),
        "2.0.up": (3, 2),
    }
    restore_thin(other, arrays)
    assert torch.equal(again(ROWS), network(ROWS))
    with pytest.raises(DataError, match=r"1 of its arrays differ in name or shape \(0.up\)"):
        restore_thin(other, {**arrays, "0.up": arrays["0.up"][:, :1]})
    with pytest.raises(DataError, match="differ in name"):
        restore_thin(other, {})


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="their names end in: 0"):
        adapted(made(), layers="query")
    for options in ({"rank": -1}, {"alpha": 0.0}, {"alpha": float("inf")}):
        with pytest.raises(UsageError, match="expected a rank from 0 up"):
            adapted(made(), **options)
