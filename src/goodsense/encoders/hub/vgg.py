"""VGG (Simonyan & Zisserman, "Very Deep Convolutional Networks", 2014), which transformers does not have.

The layers are read off the weights as torchvision numbers them: ``features.<i>.weight``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodsense.errors import DataError
from goodsense.learning.networks import need_torch

if TYPE_CHECKING:
    import torch


def load_vgg(weights: Sequence[Path]) -> torch.nn.Module:
    """The convolutional part, then the mean over places: pictures ``(n, 3, h, w)`` to ``(n, 512)``.

    Raises
    ------
    DataError
        If the weights are not those of such a network.
    """
    torch = need_torch("a VGG network")
    from safetensors.torch import load_file

    given = {name: value for path in weights for name, value in load_file(path).items()}
    state = {name: value.float() for name, value in given.items() if re.fullmatch(r"features\.\d+\.\w+", name)}
    numbers = {int(name.split(".")[1]) for name in state}
    if not numbers or 0 not in numbers:
        raise DataError(
            f"{weights[0]} holds no VGG: there is no features.0.weight.",
            fix="Take weights whose names begin with features.0, features.2 ..., as torchvision's do.",
        )
    nn = torch.nn
    layers: list[Any] = []
    for i in range(max(numbers) + 2):  # after a layer with weights comes a ReLU, after a ReLU at most a pooling
        weight = state.get(f"features.{i}.weight")
        if weight is not None and weight.ndim == 4:
            layers.append(nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], padding=weight.shape[2] // 2))
        elif weight is not None:
            layers.append(nn.BatchNorm2d(len(weight)))
        else:
            layers.append(nn.MaxPool2d(2) if isinstance(layers[-1], nn.ReLU) else nn.ReLU())
    network = nn.Sequential()
    network.add_module("features", nn.Sequential(*layers))
    network.add_module("mean", nn.AdaptiveAvgPool2d(1))
    network.add_module("flat", nn.Flatten())
    network.load_state_dict(state, strict=False)
    return network.eval().requires_grad_(False)
