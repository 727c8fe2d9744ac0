"""The network of a trained fusion: one tower per block to tokens of a common width, and a combining network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.options import check_choice
from goodsense.errors import UsageError
from goodsense.fusion.attention import Gated, InterModal, IntraModal, Transformer
from goodsense.fusion.combining import Combining, Maximum, Mean, Middle, Product, Recurrent, WeightedSum
from goodsense.learning.backend import nn, torch

COMBINING: Mapping[str, Callable[..., Combining]] = {
    "mean": Mean,
    "max": Maximum,
    "weighted": WeightedSum,
    "middle": Middle,
    "product": Product,
    "gru": partial(Recurrent, cell="gru"),
    "lstm": partial(Recurrent, cell="lstm"),
    "gated": Gated,
    "inter-attention": InterModal,
    "intra-attention": IntraModal,
    "transformer": Transformer,
}


def linear_tower(dim: int, width: int, *, hidden: int, dropout: float) -> Any:
    """One linear layer."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(dim, width))


def mlp_tower(dim: int, width: int, *, hidden: int, dropout: float) -> Any:
    """Two layers with a layer norm and GELU between, and dropout before each."""
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(dim, hidden),
        nn.LayerNorm(hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, width),
    )


TOWERS: Mapping[str, Callable[..., Any]] = {"linear": linear_tower, "mlp": mlp_tower}


class FusionNetwork(nn.Module):  # type: ignore[misc]
    """Rows of blocks, centred and of unit length, to unit vectors: each through its block's tower, then combined.

    Parameters
    ----------
    dims
        Length of each block's rows, in the order of the blocks.
    combining
        A name in ``COMBINING``; ``options`` are its own.
    width
        Of tokens and of the result.
    tower
        ``mlp`` (two layers, ``hidden`` between) or ``linear``; ``dropout`` of a layer's inputs in training.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        combining: str,
        width: int,
        tower: str,
        hidden: int,
        dropout: float,
        options: Mapping[str, Any],
    ) -> None:
        super().__init__()
        check_choice(COMBINING, network=combining)
        check_choice(TOWERS, tower=tower)
        self.width = width
        self.towers = nn.ModuleList(
            [TOWERS[tower](dim, width, hidden=hidden, dropout=dropout) for dim in dims.values()]
        )
        try:
            self.combining = COMBINING[combining](len(dims), width, **options)
        except TypeError as error:
            raise UsageError(f"the network {combining!r} does not take these options: {error}.") from error

    def absorb(self, maps: Sequence[NDArray[np.floating]]) -> None:
        """Take rows from now on as they are before the maps ``(d, d)`` that they went through in training."""
        with torch.no_grad():
            for tower, matrix in zip(self.towers, maps, strict=True):
                first = tower[1]  # after the dropout
                exact = first.weight.double() @ torch.from_numpy(matrix).double().T
                first.weight.copy_(exact)

    def tokens(self, rows: list[torch.Tensor]) -> torch.Tensor:
        """Rows of each block ``(n, d)`` to tokens ``(n, B, width)``, of mean square 1."""
        made = [tower(own) for tower, own in zip(self.towers, rows, strict=True)]
        return nn.functional.normalize(torch.stack(made, dim=1), dim=2) * math.sqrt(self.width)

    def join(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Tokens ``(n, B, width)`` and which of them count ``(n, B)`` to unit rows ``(n, width)``."""
        return nn.functional.normalize(self.combining(tokens, present), dim=1)

    def views(self, tokens: torch.Tensor, masks: Sequence[torch.Tensor]) -> torch.Tensor:
        """Tokens ``(n, B, width)`` under each of ``V`` masks ``(n, B)`` to unit rows ``(V, n, width)``."""
        return nn.functional.normalize(self.combining.views(tokens, masks), dim=2)

    def forward(self, rows: list[torch.Tensor], present: torch.Tensor) -> torch.Tensor:
        """Rows of each block to unit rows ``(n, width)``; zeros where nothing is present."""
        return self.join(self.tokens(rows), present)

    def shares(self, rows: list[torch.Tensor], present: torch.Tensor) -> torch.Tensor | None:
        """How much each block counts, ``(n, B)``; None for a combining network that does not weigh."""
        return self.combining.shares(self.tokens(rows), present)

    def parts(self, rows: list[torch.Tensor], present: torch.Tensor) -> torch.Tensor | None:
        """What each block adds to the unit rows, ``(n, B, width)``; None where they are no sum of blocks."""
        found = self.combining.parts(self.tokens(rows), present)
        if found is None:
            return None
        return found / torch.linalg.vector_norm(found.sum(dim=1), dim=1).clamp_min(1e-12)[:, None, None]
