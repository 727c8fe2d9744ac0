"""Low-rank adapters: linear layers of a frozen network learn a product of two thin matrices beside their weights.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (ICLR 2022).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.learning.backend import nn, torch


class Thin(nn.Module):  # type: ignore[misc]
    """``scale * up @ down @ x``, which begins as zero; ``down`` ``(rank, inner)``, ``up`` ``(outer, rank)``."""

    def __init__(self, inner: int, outer: int, *, rank: int, alpha: float) -> None:
        super().__init__()
        self.scale = alpha / rank
        self.down = nn.Parameter(torch.empty(rank, inner))
        self.up = nn.Parameter(torch.zeros(outer, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(..., inner) -> (..., outer)``."""
        return nn.functional.linear(nn.functional.linear(x, self.down), self.up) * self.scale

    def product(self) -> torch.Tensor:
        """What is added to the weights, ``(outer, inner)``."""
        return self.scale * (self.up @ self.down)


class Adapted(nn.Module):  # type: ignore[misc]
    """A linear layer with a thin one beside it; ``transposed`` if its weights are ``(inner, outer)``, as in GPT-2."""

    def __init__(self, linear: Any, *, rank: int, alpha: float) -> None:
        super().__init__()
        self.linear = linear
        self.transposed = not isinstance(linear, nn.Linear)
        outer, inner = linear.weight.T.shape if self.transposed else linear.weight.shape
        self.thin = Thin(inner, outer, rank=rank, alpha=alpha)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) + self.thin(x)

    @property
    def weight(self) -> torch.Tensor:
        """The frozen weights: some networks ask their layers for the type."""
        return self.linear.weight

    @property
    def bias(self) -> torch.Tensor | None:
        found: torch.Tensor | None = self.linear.bias
        return found

    def merged(self) -> Any:
        """The linear layer with the product added to its weights, in place."""
        product = self.thin.product().to(self.linear.weight)
        with torch.no_grad():
            self.linear.weight += product.T if self.transposed else product
        return self.linear


def inject(
    network: Any, *, rank: int, alpha: float, layers: str, kinds: tuple[type, ...] = (nn.Linear,)
) -> dict[str, Adapted]:
    """Put a thin layer beside every linear layer whose name matches, in place; by name, in sorted order.

    The network's own parameters are frozen. Draw from torch's generator, so seed it first.

    Parameters
    ----------
    network
        Any module.
    rank, alpha
        Rank of the products, and their scale times the rank. Rank 0 leaves the network as it is.
    layers
        Regular expression that is searched for in the names of layers.
    kinds
        Types of layers that may be adapted; other than ``nn.Linear`` those with weights ``(inner, outer)``.

    Raises
    ------
    UsageError
        If the rank is below 0, or no layer has such a name.
    """
    if rank < 0 or not 0 < alpha < math.inf:
        raise UsageError(f"rank is {rank} and alpha {alpha}; expected a rank from 0 up and alpha above 0.")
    network.requires_grad_(False)
    linear = {name: layer for name, layer in network.named_modules() if isinstance(layer, kinds)}
    chosen = sorted(name for name in linear if re.search(layers, name))
    if not chosen:
        ends = ", ".join(sorted({name.rpartition(".")[2] for name in linear})) or "none"
        raise UsageError(
            f"no linear layer of the network has a name like {layers!r}; their names end in: {ends}.",
            fix="Say which layers to adapt, by a regular expression.",
        )
    if rank == 0:
        return {}
    found = {name: Adapted(linear[name], rank=rank, alpha=alpha) for name in chosen}
    for name, layer in found.items():
        _put(network, name, layer)
    return found


def merge(network: Any, found: Mapping[str, Adapted]) -> None:
    """Add every product to its layer's weights and take the thin layers out, in place."""
    for name, layer in found.items():
        _put(network, name, layer.merged())


def thin_arrays(found: Mapping[str, Adapted]) -> dict[str, NDArray[Any]]:
    """What was learned, as ``name.down`` and ``name.up``."""
    return {
        f"{name}.{part}": getattr(layer.thin, part).detach().cpu().numpy().copy()
        for name, layer in found.items()
        for part in ("down", "up")
    }


def restore_thin(found: Mapping[str, Adapted], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put back what :func:`thin_arrays` took.

    Raises
    ------
    DataError
        If the arrays are not of exactly these layers.
    """
    expected = {name: array.shape for name, array in thin_arrays(found).items()}
    given = {name: array.shape for name, array in arrays.items()}
    if expected != given:
        odd = sorted(name for name in expected | given if expected.get(name) != given.get(name))
        raise DataError(
            f"the adapter is not of this network: {len(odd)} of its arrays differ in name or shape ({odd[0]}).",
            fix="Use it with the model that it was trained with.",
        )
    for name, layer in found.items():
        with torch.no_grad():
            for part in ("down", "up"):
                getattr(layer.thin, part).copy_(torch.from_numpy(np.array(arrays[f"{name}.{part}"])))


def _put(network: Any, name: str, layer: Any) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, layer)
