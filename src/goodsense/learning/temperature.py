"""Temperatures that learn, within bounds."""

from __future__ import annotations

import math

from goodsense.errors import UsageError
from goodsense.learning.backend import nn, torch

START = 0.07  # CLIP begins here
LEAST, MOST = 0.01, 1.0  # CLIP lets logits grow to a hundred times the cosine


class Temperature(nn.Module):  # type: ignore[misc]
    """A temperature that learns on a logarithmic scale and is clamped (Radford et al., CLIP, ICML 2021).

    The parameter itself is brought back between the bounds whenever it is asked for, so that it never sticks beyond
    them, where a clamped value has no gradient.

    Parameters
    ----------
    start
        Where it begins.
    least, most
        Bounds: ``0 < least <= start <= most``.
    """

    def __init__(self, start: float = START, *, least: float = LEAST, most: float = MOST) -> None:
        super().__init__()
        if not 0 < least <= start <= most < math.inf:
            raise UsageError(
                f"a temperature starts at {start} with bounds {least} and {most}; expected 0 < least <= start <= most."
            )
        self.least, self.most = float(least), float(most)
        self.logarithm = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self) -> torch.Tensor:
        """The temperature, a scalar; gradients reach the parameter."""
        with torch.no_grad():
            self.logarithm.clamp_(math.log(self.least), math.log(self.most))
        return self.logarithm.exp()


class TemperatureAndBias(nn.Module):  # type: ignore[misc]
    """What :func:`goodsense.learning.losses.siglip` learns beside its rows (Zhai et al., ICCV 2023).

    The bias begins low because nearly all cells of a batch's table are negatives.
    """

    def __init__(self, start: float = 0.1, bias: float = -10.0, *, least: float = LEAST, most: float = MOST) -> None:
        super().__init__()
        self.temperature = Temperature(start, least=least, most=most)
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def forward(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Temperature and bias, both scalars."""
        return self.temperature(), self.bias
